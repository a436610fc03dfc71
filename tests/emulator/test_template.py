"""The template as the local stack reads it: what it makes of template.yaml, and that it lists what it does not make."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.server import ThreadedMotoServer

from hookline_local.emulator.provisioning import create_resources
from hookline_local.emulator.template import (
    EventSource,
    InvalidParameter,
    Route,
    Template,
    UnsupportedTemplate,
    load_template,
)

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
GIVEN = {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"}
REGION = "us-east-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moto instead of AWS, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def created(aws: None) -> Template:
    """The shipped template, with everything it keeps created."""
    template = load_template(TEMPLATE, GIVEN)
    create_resources(template)
    return template


def small(tmp_path: Path, text: str) -> Path:
    """A template of a few lines."""
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_has_the_keys_the_indexes_and_the_forgetfulness_of_the_template(created: Template) -> None:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    name = created.environment_of("WebhookRouterFunction")["TABLE_NAME"]
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    } == {
        "by_day": ["day", "occurred_at"],
        "by_from": ["from_number", "occurred_at"],
        "by_to": ["to_number", "occurred_at"],
        "by_trouble": ["trouble_day", "occurred_at"],
        "by_session": ["call_session_id", "occurred_at"],
        "by_legs": ["legs_session", "occurred_at"],
        "by_arrival": ["feed", "journalled_at"],
        "by_control": ["call_control_id", "occurred_at"],
    }
    forgets = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (forgets["TimeToLiveStatus"], forgets["AttributeName"]) == ("ENABLED", "expires_at")


def test_the_bucket_is_private_encrypted_and_versioned(created: Template) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    name = created.environment_of("RecordingArchiverFunction")["RECORDINGS_BUCKET"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (rule_of_ownership,) = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rule_of_ownership["ObjectOwnership"] == "BucketOwnerEnforced"


def test_a_command_that_is_never_taken_ends_as_a_dead_letter(created: Template) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    queue = created.environment_of("CommandSenderFunction")["COMMAND_QUEUE_URL"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    dead_letters = created.physical_id("CommandDeadLetterQueue")
    theirs = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["All"])["Attributes"]
    assert redrive["deadLetterTargetArn"] == theirs["QueueArn"]
    assert (attributes["FifoQueue"], attributes["ContentBasedDeduplication"]) == ("true", "false")
    assert attributes["VisibilityTimeout"] == "40"
    assert theirs["MessageRetentionPeriod"] == "1209600"


def test_the_secret_holds_the_given_key_and_functions_know_its_arn(created: Template) -> None:
    arn = created.environment_of("CallAnsweredFunction")["TELNYX_API_KEY_SECRET_ARN"]
    secrets = boto3.client("secretsmanager", region_name=REGION)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "KEY0"


def test_every_queue_in_a_function_s_environment_exists(created: Template) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    urls = {value for name, value in created.environment().items() if name.endswith("_QUEUE_URL")}
    assert len(urls) == 4
    assert urls <= set(sqs.list_queues()["QueueUrls"])


def test_what_is_created_at_an_endpoint_is_addressed_there() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        template = load_template(TEMPLATE, GIVEN)
        create_resources(template, endpoint_url=f"http://{host}:{port}")
        given = template.environment_of("WebhookRouterFunction")
    finally:
        server.stop()
    assert given["COMMAND_QUEUE_URL"] == f"http://{host}:{port}/123456789012/hookline-CommandQueue.fifo"
    assert given["TELNYX_API_KEY_SECRET_ARN"].startswith(
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:hookline"
    )


def test_creating_twice_is_creating_once(created: Template) -> None:
    boto3.client("s3", region_name=REGION).put_object(
        Bucket=created.physical_id("RecordingsBucket"), Key="a", Body=b"1"
    )
    again = load_template(TEMPLATE, GIVEN | {"TelnyxApiKey": "KEY1"})
    create_resources(again)
    assert again.environment() == created.environment()
    assert len(boto3.client("sqs", region_name=REGION).list_queues()["QueueUrls"]) == 7
    arn = again.physical_id("TelnyxApiKeySecret")
    assert boto3.client("secretsmanager", region_name=REGION).get_secret_value(SecretId=arn)["SecretString"] == "KEY1"
    boto3.client("s3", region_name=REGION).head_object(Bucket=again.physical_id("RecordingsBucket"), Key="a")


def test_another_stack_and_region_have_things_of_their_own(aws: None) -> None:
    first = load_template(TEMPLATE, GIVEN)
    second = load_template(TEMPLATE, GIVEN, stack_name="branch", region="eu-central-1")
    for template in (first, second):
        create_resources(template)
    ours, theirs = first.environment(), second.environment()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing == {
        "TABLE_NAME",
        "RECORDINGS_BUCKET",
        "COMMAND_QUEUE_URL",
        "DEFERRED_QUEUE_URL",
        "RECORDING_QUEUE_URL",
        "QUARANTINE_QUEUE_URL",
        "TELNYX_API_KEY_SECRET_ARN",
        "POWERTOOLS_SERVICE_NAME",
    }
    with pytest.raises(ClientError):
        boto3.client("dynamodb", region_name=REGION).describe_table(TableName=theirs["TABLE_NAME"])


def test_a_function_gets_the_settings_of_all_and_its_own_and_no_one_elses() -> None:
    template = load_template(TEMPLATE, GIVEN | {"LineGreeting": "Hi", "RecordingMaxBytes": "4096"})
    hangup, archiver = (template.environment_of(f"{name}Function") for name in ("CallHangup", "RecordingArchiver"))
    assert hangup["LINE_GREETING"] == "Hi"
    assert hangup["RETENTION_DAYS"] == "0"
    assert archiver["RECORDING_MAX_BYTES"] == "4096"
    assert "RECORDING_MAX_BYTES" not in hangup
    assert (hangup["EVENT_TYPE"], "EVENT_TYPE" in archiver) == ("call.hangup", False)


def test_the_functions_are_those_of_the_template() -> None:
    template = load_template(TEMPLATE, GIVEN | {"MemorySize": "1024", "RouterReservedConcurrency": "20"})
    functions = template.functions()
    router, archiver = functions["WebhookRouterFunction"], functions["RecordingArchiverFunction"]
    assert (router.timeout, router.memory, router.reserved_concurrency) == (10, 1024, 20)
    assert (archiver.timeout, archiver.reserved_concurrency) == (900, None)
    assert router.code == TEMPLATE.parent / "functions"
    assert [layer.id for layer in router.layers] == ["FlowsLayer", "HooklineLayer", "DependenciesLayer"]
    assert router.layers[0].is_package
    assert router.layers[1].python_path == TEMPLATE.parent / "layers/hookline"


def test_a_layer_that_has_been_built_is_used_from_its_python_folder(tmp_path: Path) -> None:
    (tmp_path / "built/python").mkdir(parents=True)
    path = small(
        tmp_path,
        """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: built}
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.13, Handler: app.handler, CodeUri: code, Layers: [!Ref Layer]}
""",
    )
    (layer,) = load_template(path).functions()["Function"].layers
    assert layer.python_path == tmp_path / "built/python"


def test_routes_and_event_sources_are_read_from_the_events(tmp_path: Path) -> None:
    path = small(
        tmp_path,
        """
Resources:
  Work:
    Type: AWS::SQS::Queue
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: {Type: HttpApi, Properties: {Path: /here, Method: get}}
        Rest: {Type: HttpApi}
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            BatchSize: 3
            MaximumBatchingWindowInSeconds: 2
            Enabled: false
        Elsewhere: {Type: SQS, Properties: {Queue: "arn:aws:sqs:us-east-1:123456789012:elsewhere"}}
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
""",
    )
    template = load_template(path)
    assert template.routes() == [Route("GET", "/here", "Function"), Route("ANY", "$default", "Function")]
    work, elsewhere, nightly = template.event_sources("Function")
    arn = "arn:aws:sqs:us-east-1:123456789012:hookline-Work"
    output = {"Queue": arn, "BatchSize": 3, "MaximumBatchingWindowInSeconds": 2, "Enabled": False}
    assert work == EventSource("Work", "SQS", output, "Work", arn, batch_size=3, window_seconds=2, enabled=False)
    assert (elsewhere.queue, elsewhere.batch_size, elsewhere.maximum_concurrency) == (None, 10, None)
    assert nightly == EventSource("Nightly", "Schedule", {"Schedule": "rate(1 day)"})


INTRINSICS = """
Parameters:
  Stage: {Type: String, Default: test}
  Days: {Type: Number, Default: 0}
Mappings:
  Sizes: {test: {memory: 256}, live: {memory: 1024}}
Conditions:
  Live: !Equals [!Ref Stage, live]
  Kept: !Not [!Equals [!Ref Days, 0]]
  Either: !Or [!Condition Live, !Condition Kept]
  Both: !And [!Condition Live, !Condition Kept]
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Queue: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  OnlyLive: {Type: AWS::SQS::Queue, Condition: Live}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !FindInMap [Sizes, !Ref Stage, memory]
      Environment:
        Variables:
          REFERRED: !Ref Table
          ARN: !GetAtt Queue.Arn
          URL: !Ref Queue
          JOINED: !Join ["-", [a, !Ref Stage, 1]]
          SUBSTITUTED: !Sub "${AWS::Region}/${Stage}/${Queue.QueueName}/${!Literal}"
          GIVEN: !Sub ["${Own}-${Stage}", {Own: !Ref AWS::StackName}]
          CHOSEN: !If [Live, live, !If [Kept, stored, neither]]
          EITHER: !If [Either, "yes", "no"]
          BOTH: !If [Both, "yes", "no"]
          SELECTED: !Select [1, !Split [",", "a,b,c"]]
          LEFT_OUT: !If [Live, live, !Ref AWS::NoValue]
          NUMBER: 7
          SWITCH: true
"""


def test_intrinsic_functions_are_evaluated_as_by_cloudformation(tmp_path: Path) -> None:
    path = small(tmp_path, INTRINSICS)
    template = load_template(path)
    assert template.environment_of("Function") == {
        "REFERRED": "hookline-Table",
        "ARN": "arn:aws:sqs:us-east-1:123456789012:hookline-Queue.fifo",
        "URL": "https://sqs.us-east-1.amazonaws.com/123456789012/hookline-Queue.fifo",
        "JOINED": "a-test-1",
        "SUBSTITUTED": "us-east-1/test/hookline-Queue.fifo/${Literal}",
        "GIVEN": "hookline-test",
        "CHOSEN": "neither",
        "EITHER": "no",
        "BOTH": "no",
        "SELECTED": "b",
        "NUMBER": "7",
        "SWITCH": "true",
    }
    assert template.resources("AWS::SQS::Queue") == ["Queue"]
    assert template.unsupported == []
    live = load_template(path, {"Stage": "live", "Days": "3"})
    assert live.properties("Function")["MemorySize"] == 1024
    assert live.resources("AWS::SQS::Queue") == ["Queue", "OnlyLive"]
    given = live.environment_of("Function")
    assert (given["CHOSEN"], given["EITHER"], given["BOTH"], given["LEFT_OUT"]) == ("live", "yes", "yes", "live")
    stored = load_template(path, {"Days": "3"}).environment_of("Function")
    assert (stored["CHOSEN"], stored["EITHER"], stored["BOTH"]) == ("stored", "yes", "no")


def test_what_is_not_emulated_of_the_shipped_template_is_listed() -> None:
    output = "\n".join(load_template(TEMPLATE, GIVEN).unsupported)
    for expected in (
        "alarms are not evaluated",
        "permissions are not enforced",
        "LifecycleConfiguration",
        "log groups",
    ):
        assert expected in output
    for emulated in ("CallsTable", "QueueUrl", "is left out", "is not emulated", "not understood"):
        assert emulated not in output


def test_nothing_that_is_not_emulated_is_left_out_in_silence(tmp_path: Path) -> None:
    path = small(
        tmp_path,
        """
Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]
Hooks: {}
Globals: {Function: {Environment: {Variables: {SHARED: !ImportValue other}}}}
Resources:
  Stream: {Type: AWS::Kinesis::Stream}
  Table: {Type: AWS::DynamoDB::Table, Properties: {ContributorInsightsSpecification: {Enabled: true}}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [arn:aws:lambda:eu-west-1:123456789012:layer:other:1]
      Environment: {Variables: {NAME: !GetAtt Stream.Arn, OWN: "1"}}
      Events: {Old: {Type: Api, Properties: {Path: /, Method: get}}}
""",
    )
    template = load_template(path)
    output = "\n".join(template.unsupported)
    for name in ("Hooks", "LanguageExtensions", "AWS::Kinesis::Stream", "ContributorInsights", "SHARED", "NAME"):
        assert name in output
    for name in ("layer:other:1", "REST API"):
        assert name in output
    assert template.environment_of("Function") == {"OWN": "1"}
    with pytest.raises(UnsupportedTemplate, match="ImportValue"):
        template.properties("Function")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "it has no Resources"),
        ("Description: nothing else", "it has no Resources"),
        ("- a list", "it has no Resources"),
        ("Resources:\n  A: [unclosed", "expected ',' or ']'"),
        ("Resources: 5", "its Resources are not a map"),
        ("{Parameters: 5, Resources: {}}", "its Parameters are not a map"),
        ("{Parameters: {P: {Default: x}}, Resources: {}}", "P has no Type"),
        ("Resources: {A: 5}", "A has no Type"),
        ("Resources: {A: {Properties: {}}}", "A has no Type"),
        ("Resources: {A: {Type: AWS::SQS::Queue, Properties: 5}}", "the Properties of A are not a map"),
        ("Resources: {A: {Type: AWS::SQS::Queue, Condition: Never}}", "unknown condition Never"),
        ("Resources: {A: {Type: AWS::Serverless::Function, Properties: {Events: {E: {}}}}}", "E has no Type"),
        ("{Description: 2026-13-01, Resources: {}}", "month must be"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_what_is_no_template_is_not_understood(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnsupportedTemplate, match=re.escape(reason)):
        load_template(path)


def test_a_function_without_a_handler_is_not_understood(tmp_path: Path) -> None:
    path = small(tmp_path, "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, CodeUri: .}}}")
    with pytest.raises(UnsupportedTemplate, match="the function F has no Runtime"):
        load_template(path).functions()


@pytest.mark.parametrize(
    "parameters, reason",
    [
        ({}, "Needed must have a value"),
        ({"Needed": "a", "Unheard": "b"}, "Unheard is not a parameter"),
        ({"Needed": "B"}, "Must be lower case"),
        ({"Needed": "abcdef"}, "6 characters"),
        ({"Needed": "a", "Number": "ten"}, "is not a number"),
        ({"Needed": "a", "Number": "11"}, "out of range"),
        ({"Needed": "a", "Choice": "2"}, "not one of 1, 3"),
        ({"Needed": "a", "Secret": "shown!"}, "Secret: the value given"),
        ({"Needed": "a", "Number": "9"}, "NoNine: nine is too many"),
    ],
)
def test_parameters_are_refused_as_cloudformation_would(
    tmp_path: Path, parameters: dict[str, str], reason: str
) -> None:
    path = small(
        tmp_path,
        """
Parameters:
  Needed: {Type: String, AllowedPattern: "[a-z]+", MaxLength: 5, ConstraintDescription: "Must be lower case"}
  Number: {Type: Number, Default: 1, MinValue: 0, MaxValue: 10}
  Choice: {Type: Number, Default: 1, AllowedValues: [1, 3]}
  Secret: {Type: String, Default: "", NoEcho: true, AllowedPattern: "[a-z]*"}
Rules:
  NoNine:
    RuleCondition: !Equals [!Ref Choice, 1]
    Assertions:
      - {Assert: !Not [!Equals [!Ref Number, 9]], AssertDescription: nine is too many}
Resources: {}
""",
    )
    with pytest.raises(InvalidParameter, match=reason) as refused:
        load_template(path, parameters)
    assert "shown!" not in str(refused.value)
    assert load_template(path, {"Needed": "a", "Choice": "3", "Number": "9"}).parameters["Number"] == "9"


def test_a_table_s_stream_is_named_as_a_source_that_is_not_emulated(tmp_path: Path) -> None:
    path = small(
        tmp_path,
        """
Resources:
  Table: {Type: AWS::DynamoDB::Table, Properties: {ContributorInsightsSpecification: {Enabled: true}}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Changed: {Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: LATEST}}}
""",
    )
    template = load_template(path)
    (source,) = template.event_sources("Function")
    assert source.type == "DynamoDB"
    assert "/stream/" in source.properties["Stream"]
    assert not any("Changed" in sentence for sentence in template.unsupported)
