"""The stack of a World as CloudFormation knows it, so that `--stack NAME` finds it; and the command on it."""

import json
from typing import Any

import boto3

from tests.support import command
from tests.support.world import World

NAME = "line-1"
OUTPUTS = {"CallsTableName": "CallsTable", "RecordingsBucketName": "RecordingsBucket"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


def announce(world: World) -> None:
    """Create the stack, with the outputs that template.yaml promises."""
    queues = {f"{queue}Url": queue for queue in world.template.resources("AWS::SQS::Queue")}
    promised = world.template.source["Outputs"].keys()
    named = {output: resource for output, resource in {**OUTPUTS, **queues}.items() if output in promised}
    outputs = {output: {"Value": world.template.physical_id(resource)} for output, resource in named.items()}
    template = {"Resources": {"AlarmTopic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))


def hookline(*arguments: str) -> command.Done:
    """The command on that stack."""
    return command.run(*arguments, "--stack", NAME, environment=CREDENTIALS)


def hookline_json(*arguments: str) -> Any:
    """Its JSON document."""
    done = hookline(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
