"""A stack that has been started, as other commands find it."""

import os

from hookline_local.stacks.local import LocalStack
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import CHECKOUT, MASKED, RunningStack


def announcement(stack: LocalStack, telnyx_url: str | None, telnyx_api_base_url: str) -> RunningStack:
    """The file's content of a stack in this process. telnyx_url: of the simulator, None without one."""
    template = stack.template
    resources = StackResources.of_template(template, stack.aws_endpoint)
    declared = template.source.get("Parameters", {})
    parameters = {
        name: MASKED if value and declared.get(name, {}).get("NoEcho") else value
        for name, value in template.parameters.items()
    }
    return RunningStack(
        pid=os.getpid(),
        url=stack.url,
        webhook_url=stack.webhook_url,
        telnyx_url=telnyx_url,
        telnyx_api_base_url=telnyx_api_base_url,
        aws_endpoint_url=stack.aws_endpoint,
        region=template.region,
        table=resources.table,
        bucket=resources.bucket,
        queues=dict(resources.queues),
        template=str(stack.template_path),
        checkout=CHECKOUT,
        parameters=parameters,
        api_url=stack.api_url,
        console_url=stack.console_url,
    )
