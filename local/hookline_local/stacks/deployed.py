"""The stack that a command works on: one that runs here, one at another AWS endpoint, or a deployed one."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ProfileNotFound

from hookline.errors import HooklineError
from hookline_local.base.errors import CliError
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.base.urls import checked_url
from hookline_local.emulator.template import load_template
from hookline_local.stacks import running
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.status import UNUSABLE

_QUEUE_OUTPUTS = (
    "CommandQueueUrl",
    "CommandDeadLetterQueueUrl",
    "DeferredQueueUrl",
    "DeferredDeadLetterQueueUrl",
    "RecordingQueueUrl",
    "RecordingDeadLetterQueueUrl",
    "QuarantineQueueUrl",
    "EventDeadLetterQueueUrl",
    "SummaryQueueUrl",
    "SummaryDeadLetterQueueUrl",
    "EventWebhookQueueUrl",
    "EventWebhookDeadLetterQueueUrl",
)
"""The last five are there with PublishEvents and EventWebhookUrl only."""

PROJECT = Path(__file__).parents[3]


def find(
    *, stack: str | None = None, profile: str | None = None, region: str | None = None, url: str | None = None
) -> StackResources:
    """The resources of the stack that the options name. Raises CliError when there is none.

    stack: of CloudFormation, with profile and region. url: of a stack that runs here. Neither: the newest that runs
    here; or, when AWS_ENDPOINT_URL is set, what is there under the local stack's names.
    """
    if stack is not None:
        return _deployed(stack, profile, region)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if url is not None or not endpoint:
        return _of_running(running.find(url))
    checked_url(endpoint, "AWS_ENDPOINT_URL=http://127.0.0.1:4566")
    for stack_here in running.all_running():
        if stack_here.has(endpoint):
            return _of_running(stack_here)
    keys = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": running.MASKED}
    return StackResources.of_template(load_template(PROJECT / "template.yaml", keys), endpoint)


def _of_running(found: running.RunningStack) -> StackResources:
    return StackResources(
        name=f"the stack at {found.url}",
        table=found.table,
        bucket=found.bucket,
        queues=found.queues,
        parameters=found.parameters,
        outputs={"WebhookUrl": found.webhook_url} | ({"CallsApiUrl": found.api_url} if found.api_url else {}),
        endpoint_url=found.aws_endpoint_url,
        region=found.region,
    )


def _deployed(name: str, profile: str | None, region: str | None) -> StackResources:
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ProfileNotFound as error:
        raise CliError(str(error), "Name one of ~/.aws/config with --profile.") from error
    except NoCredentialsError as error:
        raise CliError("no AWS credentials", "Sign in (aws sso login) or name a --profile.") from error
    except ClientError as error:
        details = error.response.get("Error", {})
        raise CliError(
            f"CloudFormation, stack {name}: {details.get('Message') or details.get('Code')}",
            "List the stacks with: aws cloudformation list-stacks; is the --region right?",
        ) from error
    except NoRegionError as error:
        raise CliError(str(error), "Name the region with --region, or AWS_DEFAULT_REGION.") from error
    except ValueError as error:  # botocore's own, of a region or an endpoint that makes no URL
        raise CliError(str(error), "Set --region, or AWS_DEFAULT_REGION, to a region such as us-east-1.") from error
    except BotoCoreError as error:
        advice = "Is this machine online, and is AWS_ENDPOINT_URL, if it is set, the right one?"
        raise CliError(str(error), advice) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    missing = [key for key in ("CallsTableName", "RecordingsBucketName") if key not in outputs]
    if missing:
        status = found["StackStatus"]
        raise CliError(
            f"the stack {name} has no output {missing[0]}; its status is {status}",
            UNUSABLE.get(status, "Is it a Hookline stack?"),
        )
    return StackResources(
        name=f"the stack {name}",
        table=outputs["CallsTableName"],
        bucket=outputs["RecordingsBucketName"],
        queues={key.removesuffix("Url"): outputs[key] for key in _QUEUE_OUTPUTS if key in outputs},
        parameters={
            parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in found.get("Parameters", [])
        },
        outputs=outputs,
        region=region or session.region_name,
        profile=profile,
    )


@contextmanager
def explain_aws_errors(resources: StackResources) -> Iterator[None]:
    """Turn an AWS error into a CliError."""
    try:
        yield
    except ClientError as error:
        details: Mapping[str, Any] = error.response.get("Error", {})
        raise CliError(
            f"{resources.name}: {error.operation_name} was refused: {details.get('Message') or details.get('Code')}",
            "Does it still run, and do you have permission to read it?",
        ) from error
    except (BotoCoreError, HooklineError) as error:
        raise CliError(f"cannot connect to {resources.name}: {error}", "Does it still run?") from error
