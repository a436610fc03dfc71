"""The publishing side of a local stack. Owns how streams, pipes, buses and rules are joined."""

from collections.abc import Callable

from botocore.config import Config

from hookline_local.emulator.event_bus import EventBus, rules_of
from hookline_local.emulator.moto_server import local_session
from hookline_local.emulator.pipe import PipeRunner, pipes_of
from hookline_local.emulator.template import Template, UnsupportedTemplate


def pipe_runners(
    template: Template, *, endpoint_url: str, submit: Callable[[str, bytes], str], interval_seconds: float | None
) -> list[PipeRunner]:
    """A runner for each pipe of the template. submit: invokes a function asynchronously, by its logical id.

    interval_seconds: between two looks at a stream besides those after `wake`; None for none.
    Raises UnsupportedTemplate.
    """
    pipes = pipes_of(template)
    if not pipes:
        return []
    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
    session = local_session(template.region)
    sqs = session.client("sqs", endpoint_url=endpoint_url, config=config)
    streams = session.client("dynamodbstreams", endpoint_url=endpoint_url, config=config)
    buses = {
        template.resolve({"Fn::GetAtt": [name, "Arn"]}): EventBus(
            rules_of(template, name), sqs=sqs, submit=submit, region=template.region, account=template.account
        )
        for name in template.resources("AWS::Events::EventBus")
    }
    runners = []
    for pipe in pipes:
        if pipe.target not in buses:
            raise UnsupportedTemplate(f"a pipe leads to {pipe.target}, which is not a bus of the template")
        publish = buses[pipe.target].publish
        runners.append(PipeRunner(pipe, streams=streams, publish=publish, interval_seconds=interval_seconds))
    return runners
