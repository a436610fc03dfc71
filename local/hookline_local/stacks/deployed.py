"""Which stack a command looks at: the one that runs here, one at another AWS endpoint, or one that is deployed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from hookline.errors import HooklineError
from hookline_local.emulator.template import load_template
from hookline_local.errors import Problem
from hookline_local.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.stacks import running
from hookline_local.stacks.resources import Place
from hookline_local.urls import checked_url

_QUEUE_OUTPUTS = (
    "CommandQueueUrl",
    "CommandDeadLetterQueueUrl",
    "RecordingQueueUrl",
    "RecordingDeadLetterQueueUrl",
    "QuarantineQueueUrl",
)
PROJECT = Path(__file__).parents[3]


def find(
    *, stack: str | None = None, profile: str | None = None, region: str | None = None, url: str | None = None
) -> Place:
    """The place that the options name. Raises Problem when there is none.

    stack: of CloudFormation, with profile and region. url: of a stack that runs here. Neither: the newest that runs
    here; or, when AWS_ENDPOINT_URL is set, what lies there under the local stack's names.
    """
    if stack is not None:
        return _deployed(stack, profile, region)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if url is not None or not endpoint:
        return _of_running(running.find(url))
    checked_url(endpoint, "AWS_ENDPOINT_URL=http://127.0.0.1:4566")
    for one in running.all_running():
        if one.has(endpoint):
            return _of_running(one)
    keys = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": running.HIDDEN}
    return Place.of_template(load_template(PROJECT / "template.yaml", keys), endpoint)


def _of_running(found: running.Running) -> Place:
    return Place(
        name=f"the stack at {found.url}",
        table=found.table,
        bucket=found.bucket,
        queues=found.queues,
        parameters=found.parameters,
        endpoint_url=found.aws_endpoint_url,
        region=found.region,
    )


def _deployed(name: str, profile: str | None, region: str | None) -> Place:
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ProfileNotFound as error:
        raise Problem(str(error), "Name one of ~/.aws/config with --profile.") from error
    except NoCredentialsError as error:
        raise Problem("there are no AWS credentials", "Sign in (aws sso login) or name a --profile.") from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise Problem(
            f"CloudFormation says of {name}: {said.get('Message') or said.get('Code')}",
            "Look for its name with: aws cloudformation list-stacks; is the --region right?",
        ) from error
    except BotoCoreError as error:
        raise Problem(str(error), "Say where with --region, or AWS_REGION.") from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    missing = [key for key in ("CallsTableName", "RecordingsBucketName") if key not in outputs]
    if missing:
        raise Problem(
            f"the stack {name} has no output {missing[0]}", "Is it a Hookline stack? Its deployment may not be over."
        )
    return Place(
        name=f"the stack {name}",
        table=outputs["CallsTableName"],
        bucket=outputs["RecordingsBucketName"],
        queues={key.removesuffix("Url"): outputs[key] for key in _QUEUE_OUTPUTS if key in outputs},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        region=region or session.region_name,
        profile=profile,
    )


@contextmanager
def reached(place: Place) -> Iterator[None]:
    """Turns what AWS refuses, or that it is out of reach, into a Problem."""
    try:
        yield
    except ClientError as error:
        said: Mapping[str, Any] = error.response.get("Error", {})
        raise Problem(
            f"{place.name}: {error.operation_name} was refused: {said.get('Message') or said.get('Code')}",
            "Does it still run, and may you read it?",
        ) from error
    except (BotoCoreError, HooklineError) as error:
        raise Problem(f"{place.name} is out of reach: {error}", "Does it still run?") from error
