"""The stack of a World as CloudFormation knows it, so that `--stack NAME` finds it; and the command on it."""

import json
import time
from typing import Any

import boto3

from hookline.journal import timestamp
from tests.support import command
from tests.support.world import ROUTER, Clock, World, handler, request_of, sample_data

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


def bury(world: World, queue: str, kind: str) -> None:
    """Move what waits in a queue to its dead letters, as SQS does after the last receive."""
    record = world.records(kind)["Records"][0]
    group = record["attributes"].get("MessageGroupId")
    fifo = {"MessageGroupId": group, "MessageDeduplicationId": record["messageId"]} if group else {}
    world.sqs.send_message(QueueUrl=world.template.physical_id(queue), MessageBody=record["body"], **fifo)
    world.sqs.delete_message(QueueUrl=world.settings[f"{kind}_QUEUE_URL"], ReceiptHandle=record["receiptHandle"])


def fail_to_archive(world: World) -> None:
    """Let the archiver have a recording without the time that it takes."""
    request = world.records("RECORDING")
    assert world.consume("RECORDING", "recording_archiver", request)
    world.sqs.change_message_visibility(
        QueueUrl=world.settings["RECORDING_QUEUE_URL"],
        ReceiptHandle=request["Records"][0]["receiptHandle"],
        VisibilityTimeout=0,
    )


def empty_dead_letters(world: World) -> None:
    for name in (name for name in world.template.resources("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")):
        url = world.template.physical_id(name)
        while messages := world.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                world.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


class Leg:
    """One leg, whose events happened in the past."""

    ID = "leg-in-trouble"

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self, event_type: str, *, ago: float = 10.0, received_after: float = 0.0, **payload: Any) -> None:
        """One event, that many seconds before the test began, received later and answered by the router."""
        data = sample_data(event_type)
        occurred_at = self.now - ago
        data |= {"id": f"{event_type}-{ago}", "occurred_at": timestamp(occurred_at)}
        data["payload"] |= {"call_leg_id": self.ID, "call_session_id": "session-1", **payload}
        request = request_of(data, age=time.time() - occurred_at - received_after)
        assert handler(ROUTER)(request, Clock())["statusCode"] == 200


def hookline(*arguments: str) -> command.Done:
    """The command on that stack."""
    return command.run(*arguments, "--stack", NAME, environment=CREDENTIALS)


def hookline_json(*arguments: str) -> Any:
    """Its JSON document."""
    done = hookline(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
