"""template.yaml: that what is deployed is what the documents promise, read as SAM translates it.

SAM's translator lives beside the SAM CLI in an environment of its own, so it runs as a program.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import command_sender
import deferred
from hookline.command_schema import SPEAK_LANGUAGES
from hookline.journal import LIVE_PARTITION
from hookline.precedence import LONG_LIFETIME_SECONDS
from hookline.routing import ROUTED_EVENTS
from hookline.transcription_engines import LANGUAGES, takes_language
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.emulator.template import InvalidParameter, Template, load_template

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
KEY = "A" * 43 + "="
GIVEN = {"TelnyxPublicKeys": KEY, "TelnyxApiKey": "KEY0"}
PUBLISHING = {"PublishEvents": "on", "EventWebhookUrl": "https://crm.example.com/hooks"}
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telnyx-AbCdEf"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
KMS_KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"

ROUTER = "WebhookRouterFunction"
BACKGROUND = {
    "CommandSenderFunction": "CommandQueue",
    "DeferredFunction": "DeferredQueue",
    "RecordingArchiverFunction": "RecordingQueue",
    "CallSummaryFunction": "SummaryQueue",
    "EventWebhookFunction": "EventWebhookQueue",
}
"""The functions that are not called over HTTP, and the queue that each empties."""

CALLS_API = "CallsApiFunction"
CONSOLE = "ConsoleFunction"
"""Deployed only where its page can sign someone in: not with the default parameters."""

TOKENS = {
    "CallsApi": "token",
    "CallsApiIssuer": "https://id.example.com",
    "CallsApiAudience": "desk",
    "CallsApiClientId": "console",
    "CallsApiTokenOrigins": "https://token.example.com",
}
LAPTOP_ONLY = {"AWS_SAM_LOCAL", "FLOWS_PACKAGE", "HOOKLINE_PATIENCE", "TELNYX_API_KEY"}
"""Variables that are read and that no deployed function has."""

LARGEST_ENVIRONMENT_BYTES = 4000  # Lambda allows 4,096 bytes of JSON (docs.aws.amazon.com, Lambda quotas)
FOURTEEN_DAYS = 1_209_600

TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

template = yaml_parse(open(sys.argv[1], encoding="utf-8").read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/functions"  # what `sam package` puts there
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::LayerVersion":
        resource["Properties"]["ContentUri"] = "s3://bucket/layer"
json.dump(Translator({}, Parser()).translate(template, json.loads(sys.argv[2])), sys.stdout)
"""


def translated(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The resources of the template as SAM hands them to CloudFormation, with these parameters."""
    finished = subprocess.run(
        [ROOT / ".venv-sam/bin/python", "-c", TRANSLATE, TEMPLATE, json.dumps(parameters)],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)["Resources"]
    return found


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """The same with the default parameters."""
    return translated({})


@pytest.fixture
def template() -> Template:
    """The template with the required parameters, and with what is published, so that all background work is there."""
    return load_template(TEMPLATE, GIVEN | PUBLISHING)


def function_of(event_type: str) -> str:
    """The logical id of an event's function."""
    return "".join(word.capitalize() for word in re.split(r"[._]", event_type)) + "Function"


VERIFYING = [ROUTER, *map(function_of, ROUTED_EVENTS)]
"""The functions that verify signatures: all that Telnyx calls."""


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}
    assert found, f"no {kind}"
    return found


def role_of(function: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a function's role."""
    role: dict[str, Any] = resources[resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
    return role


def statements_of(function: str, resources: Mapping[str, Any], template: Template) -> list[dict[str, Any]]:
    """Every statement of the function's role, its own and those of the stack's managed policies, resolved."""
    role = role_of(function, resources)
    named = [arn["Ref"] for arn in role.get("ManagedPolicyArns", []) if isinstance(arn, dict)]
    policies = [*role.get("Policies", []), *(resources[name]["Properties"] for name in named)]
    return [statement for policy in policies for statement in template.resolve(policy["PolicyDocument"])["Statement"]]


def permissions_of(function: str, resources: Mapping[str, Any], template: Template) -> set[tuple[str, str]]:
    """The permissions of a function, as pairs of action and ARN."""
    return {
        (action, arn)
        for statement in statements_of(function, resources, template)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for arn in listed(statement["Resource"])
    }


def arn_of(queue: str, template: Template) -> str:
    return str(template.resolve({"Fn::GetAtt": [queue, "Arn"]}))


def listed(one_or_many: Any) -> list[Any]:
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def references(node: Any) -> Iterator[str]:
    """Every name that a part of the template refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([A-Za-z0-9]+)", value if isinstance(value, str) else value[0])
            elif key == "Fn::GetAtt":
                yield value[0]
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def texts(source: Path) -> set[str]:
    """Every literal text in a source file."""
    nodes = ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


# Webhooks


@pytest.mark.parametrize("event_type", ROUTED_EVENTS)
def test_every_routed_event_has_its_function_its_route_and_its_sample(event_type: str, template: Template) -> None:
    assert (ROOT / "events" / f"{event_type}.json").is_file()
    assert ("POST", f"/webhooks/{event_type}", function_of(event_type)) in template.routes()
    assert template.environment_of(function_of(event_type))["EVENT_TYPE"] == event_type
    assert template.properties(function_of(event_type))["Description"].startswith(f"{event_type}: ")


def test_the_only_other_route_is_the_routers(template: Template, resources: Mapping[str, Any]) -> None:
    expected = {("POST", f"/webhooks/{event_type}", function_of(event_type)) for event_type in ROUTED_EVENTS}
    assert set(template.routes()) == expected | {("POST", "/webhooks", ROUTER)}
    paths = resources["WebhookApi"]["Properties"]["Body"]["paths"]
    assert {(path, *methods) for path, methods in paths.items()} == {
        (route.path, "post") for route in template.routes()
    }
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Url"]
    assert "EVENT_TYPE" not in template.environment_of(ROUTER)


def test_there_is_a_function_for_each_routed_event_the_router_and_each_queue(template: Template) -> None:
    functions = template.functions()
    assert set(functions) == {*VERIFYING, *BACKGROUND, CALLS_API}
    assert {functions[name].handler for name in VERIFYING} == {"webhook.lambda_handler"}
    for function in functions.values():
        module, _, name = function.handler.partition(".")
        tree = ast.parse((ROOT / "functions" / f"{module}.py").read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_only_api_gateway_may_invoke_the_functions_that_answer_webhooks(resources: Mapping[str, Any]) -> None:
    permissions = list(of_type(resources, "AWS::Lambda::Permission").values())
    of_api = [one for one in permissions if one["FunctionName"]["Ref"] in (CALLS_API, CONSOLE)]
    assert len(of_api) == 2
    for permission in of_api:
        assert permission["SourceArn"]["Fn::Sub"].endswith("${AWS::AccountId}:${CallsHttpApi}/*")
        permissions.remove(permission)
    assert {permission["FunctionName"]["Ref"] for permission in permissions} == set(VERIFYING)
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        source, names = permission["SourceArn"]["Fn::Sub"]
        assert ":execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/" in source
        assert names["__ApiId__"] == {"Ref": "WebhookApi"}


def test_webhooks_arrive_in_payload_format_2(resources: Mapping[str, Any]) -> None:
    paths = resources["WebhookApi"]["Properties"]["Body"]["paths"]
    formats = {path["post"]["x-amazon-apigateway-integration"]["payloadFormatVersion"] for path in paths.values()}
    assert formats == {"2.0"}


def test_the_access_log_holds_no_body_no_header_and_no_query_string(resources: Mapping[str, Any]) -> None:
    settings = resources["WebhookApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]
    logged = set(json.loads(settings["Format"]).values())  # so it is JSON, on one line
    assert "\n" not in settings["Format"]
    assert logged == {
        "$context.requestId",
        "$context.requestTime",
        "$context.identity.sourceIp",
        "$context.routeKey",
        "$context.status",
        "$context.responseLength",
        "$context.responseLatency",
        "$context.integrationLatency",
        "$context.integration.integrationStatus",
        "$context.error.responseType",
    }
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}


def test_the_api_is_throttled_as_the_parameters_say(resources: Mapping[str, Any]) -> None:
    assert resources["WebhookApiApiGatewayDefaultStage"]["Properties"]["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "ThrottlingRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "ThrottlingBurstLimit"},
    }


# Permissions


@pytest.mark.parametrize("function", VERIFYING)
def test_all_functions_that_answer_webhooks_have_the_same_permissions_and_variables(
    function: str, resources: Mapping[str, Any], template: Template
) -> None:
    assert permissions_of(function, resources, template) == permissions_of(ROUTER, resources, template)
    variables = template.environment_of(function)
    variables.pop("EVENT_TYPE", None)
    assert variables == template.environment_of(ROUTER)


def test_a_function_that_answers_webhooks_has_a_role_of_its_own_and_may_do_exactly_this(
    resources: Mapping[str, Any], template: Template
) -> None:
    table, bucket = (
        "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable",
        "arn:aws:s3:::hookline-recordingsbucket",
    )
    assert permissions_of(ROUTER, resources, template) == {
        ("dynamodb:DeleteItem", table),
        ("dynamodb:GetItem", table),
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("dynamodb:Query", f"{table}/index/by_control"),
        ("dynamodb:Query", f"{table}/index/by_legs"),
        ("s3:PutObject", f"{bucket}/oversize/*"),
        ("s3:PutObject", f"{bucket}/quarantine/*"),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
        ("sqs:SendMessage", arn_of("CommandQueue", template)),
        ("sqs:SendMessage", arn_of("DeferredQueue", template)),
        ("sqs:SendMessage", arn_of("QuarantineQueue", template)),
        ("sqs:SendMessage", arn_of("RecordingQueue", template)),
    }
    roles = {resources[function]["Properties"]["Role"]["Fn::GetAtt"][0] for function in template.functions()}
    assert len(roles) == len(template.functions())


def test_only_functions_that_verify_signatures_may_send_to_the_deferred_queue(
    resources: Mapping[str, Any], template: Template
) -> None:
    send = ("sqs:SendMessage", arn_of("DeferredQueue", template))
    senders = {name for name in template.functions() if send in permissions_of(name, resources, template)}
    assert senders == set(VERIFYING)


def receiving(queue: str, template: Template) -> set[tuple[str, str]]:
    """The permissions that Lambda needs to take messages off a queue, and the function to delay one."""
    arn = arn_of(queue, template)
    actions = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    return {(f"sqs:{action}", arn) for action in actions}


def logging_(template: Template) -> set[tuple[str, str]]:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:hookline-FunctionLogGroup:*"
    return {("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)}


def test_the_deferred_consumer_may_handle_an_event_but_not_defer_it_again(
    resources: Mapping[str, Any], template: Template
) -> None:
    handling = permissions_of(ROUTER, resources, template) - {("sqs:SendMessage", arn_of("DeferredQueue", template))}
    assert permissions_of("DeferredFunction", resources, template) == {
        *handling,
        *receiving("DeferredQueue", template),
        *logging_(template),
        ("s3:GetObject", "arn:aws:s3:::hookline-recordingsbucket/oversize/*"),
    }


def test_the_command_sender_may_do_exactly_this(resources: Mapping[str, Any], template: Template) -> None:
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"
    assert permissions_of("CommandSenderFunction", resources, template) == {
        *receiving("CommandQueue", template),
        *logging_(template),
        ("dynamodb:DeleteItem", table),
        ("dynamodb:GetItem", table),  # for an event beyond the history that a decision reads
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("dynamodb:Query", f"{table}/index/by_control"),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
        ("sqs:SendMessage", arn_of("CommandQueue", template)),
        ("sqs:SendMessage", arn_of("QuarantineQueue", template)),
    }


def test_the_calls_api_may_do_exactly_this(resources: Mapping[str, Any], template: Template) -> None:
    table, bucket = (
        "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable",
        "arn:aws:s3:::hookline-recordingsbucket",
    )
    indexes = ("by_control", "by_day", "by_from", "by_session", "by_to", "by_trouble")
    assert permissions_of(CALLS_API, resources, template) == {
        ("dynamodb:DeleteItem", table),
        ("dynamodb:GetItem", table),
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
        ("sqs:SendMessage", arn_of("CommandQueue", template)),
        *(("dynamodb:Query", f"{table}/index/{index}") for index in indexes),
        ("logs:CreateLogStream", template.resolve({"Fn::GetAtt": ["FunctionLogGroup", "Arn"]})),
        ("logs:PutLogEvents", template.resolve({"Fn::GetAtt": ["FunctionLogGroup", "Arn"]})),
        ("s3:GetObject", f"{bucket}/oversize/*"),
        ("s3:GetObject", f"{bucket}/recordings/*"),
        ("s3:ListBucket", bucket),
    }


def test_no_route_of_the_calls_api_is_open_however_the_parameters_are_set(resources: Mapping[str, Any]) -> None:
    open_routes = set()
    for route in of_type(resources, "AWS::ApiGatewayV2::Route").values():
        if route["AuthorizationType"] == "NONE":
            open_routes.add((route["RouteKey"], route["Target"]["Fn::Sub"]))
        else:
            assert route["AuthorizationType"] == {"Fn::If": ["CallsApiByToken", "JWT", "AWS_IAM"]}
    console = "integrations/${ConsoleIntegration}"
    assert open_routes == {("GET /console", console), ("GET /console/{file+}", console)}


def test_what_is_open_to_everybody_may_do_nothing(resources: Mapping[str, Any]) -> None:
    (policy,) = resources["ConsoleRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert "ManagedPolicyArns" not in resources["ConsoleRole"]["Properties"]
    given = resources[CONSOLE]["Properties"]["Environment"]["Variables"]
    for name in ("TELNYX_API_KEY_SECRET_ARN", "LINE_STREAM_AUTH_TOKEN"):
        assert given[name] == {"Ref": "AWS::NoValue"}


def test_nothing_but_live_calls_can_be_deleted_from_the_journal(resources: Mapping[str, Any]) -> None:
    policies = [policy["PolicyDocument"] for policy in all_policies(resources)]
    statements = [statement for policy in policies for statement in policy["Statement"] if "Action" in statement]
    deleting = [statement for statement in statements if "dynamodb:DeleteItem" in str(statement["Action"])]
    assert len(deleting) == 3
    for statement in deleting:
        assert statement["Action"] == "dynamodb:DeleteItem"
        assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [LIVE_PARTITION]}}


def all_policies(resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every policy in the template: managed ones, and those inside a role."""
    roles = of_type(resources, "AWS::IAM::Role").values()
    inside = [policy for role in roles for policy in role.get("Policies", [])]
    return [*of_type(resources, "AWS::IAM::ManagedPolicy").values(), *inside]


def test_the_archiver_may_do_exactly_this(resources: Mapping[str, Any], template: Template) -> None:
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"
    bucket = "arn:aws:s3:::hookline-recordingsbucket"
    assert permissions_of("RecordingArchiverFunction", resources, template) == {
        *receiving("RecordingQueue", template),
        *logging_(template),
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("dynamodb:Query", f"{table}/index/by_control"),
        ("dynamodb:Query", f"{table}/index/by_session"),
        ("s3:ListBucket", bucket),
        ("s3:GetObject", f"{bucket}/oversize/*"),
        ("s3:AbortMultipartUpload", f"{bucket}/recordings/*"),
        ("s3:GetObject", f"{bucket}/recordings/*"),
        ("s3:GetObjectTagging", f"{bucket}/recordings/*"),
        ("s3:PutObject", f"{bucket}/recordings/*"),
        ("s3:PutObjectTagging", f"{bucket}/recordings/*"),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
    }


def test_no_statement_allows_every_action_or_every_resource(resources: Mapping[str, Any], template: Template) -> None:
    suffix = r"arn:aws:(s3:::hookline-recordingsbucket/[a-z]+/|logs:[^*]+:log-group:hookline-FunctionLogGroup:)\*"
    for function in template.functions():
        statements = statements_of(function, resources, template)
        assert len({statement["Sid"] for statement in statements}) == len(statements)
        for statement in (statement for statement in statements if statement["Effect"] == "Allow"):
            assert not [action for action in listed(statement["Action"]) if "*" in action]
            for arn in listed(statement["Resource"]):
                assert "*" not in arn or re.fullmatch(suffix, arn)


def test_no_function_may_receive_from_every_queue_or_write_to_every_log_group(
    resources: Mapping[str, Any], template: Template
) -> None:
    """SAM's own roles hold a policy of Amazon's that allows every log group: a Deny takes back all but ours."""
    for function in template.functions():
        role = role_of(function, resources)
        amazons = {arn.rpartition("/")[2] for arn in role.get("ManagedPolicyArns", []) if isinstance(arn, str)}
        if function in (*BACKGROUND, CALLS_API):
            assert not amazons
            continue
        assert amazons == {"AWSLambdaBasicExecutionRole"}
        (deny,) = [s for s in statements_of(function, resources, template) if s["Effect"] == "Deny"]
        group = "arn:aws:logs:us-east-1:123456789012:log-group:hookline-FunctionLogGroup"
        assert (deny["Action"], deny["NotResource"]) == ("logs:*", [group, f"{group}:*"])


def test_a_kms_key_of_the_operators_own_encrypts_everything_and_every_function_may_use_it(
    resources: Mapping[str, Any],
) -> None:
    template = load_template(TEMPLATE, GIVEN | {"KmsKeyArn": KMS_KEY_ARN})
    actions = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
    for function in template.functions():
        assert {(action, KMS_KEY_ARN) for action in actions} <= permissions_of(function, resources, template)
    for kind, name in (
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
    ):
        assert {template.properties(found)[name] for found in template.resources(kind)} == {KMS_KEY_ARN}
    assert {template.properties(queue)["SqsManagedSseEnabled"] for queue in template.resources("AWS::SQS::Queue")} == {
        False
    }
    table, bucket = template.properties("CallsTable"), template.properties("RecordingsBucket")
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KMS_KEY_ARN}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KMS_KEY_ARN}
    assert rule["BucketKeyEnabled"] is True


# Data out


def test_nothing_is_published_unless_a_parameter_asks_for_it() -> None:
    template = load_template(TEMPLATE, GIVEN)
    assert "StreamSpecification" not in template.properties("CallsTable")
    named = {name for name in template.source["Resources"] if name.startswith(("Event", "Summary", "CallSummary"))}
    assert len(named) > 20
    assert not [name for name in named if name in template.resources(template.source["Resources"][name]["Type"])]


def test_the_pipe_may_read_the_stream_publish_and_send_dead_letters_and_nothing_else() -> None:
    template = load_template(TEMPLATE, GIVEN | PUBLISHING)
    (policy,) = template.properties("EventPipeRole")["Policies"]
    allowed = {
        (action, statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    stream, bus = (template.properties("EventPipe")[end] for end in ("Source", "Target"))
    reading = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    assert allowed == {
        *((f"dynamodb:{action}", stream) for action in reading),
        ("events:PutEvents", bus),
        ("sqs:SendMessage", arn_of("EventDeadLetterQueue", template)),
    }


def test_the_archive_of_the_bus_is_as_long_as_the_parameter_says() -> None:
    template = load_template(TEMPLATE, GIVEN | PUBLISHING | {"EventArchiveDays": "3", "KmsKeyArn": KMS_KEY_ARN})
    assert template.properties("EventArchive")["RetentionDays"] == "3"
    assert {template.properties(name)["KmsKeyIdentifier"] for name in ("EventArchive", "EventBus")} == {KMS_KEY_ARN}
    assert not load_template(TEMPLATE, GIVEN | PUBLISHING | {"EventArchiveDays": "0"}).condition("ArchivesEvents")


def test_the_function_that_summarizes_calls_may_do_exactly_this(
    resources: Mapping[str, Any], template: Template
) -> None:
    assert permissions_of("CallSummaryFunction", resources, template) == {
        *receiving("SummaryQueue", template) - {("sqs:ChangeMessageVisibility", arn_of("SummaryQueue", template))},
        *(("dynamodb:Query", arn) for arn in table_and("by_control", "by_session", template=template)),
        ("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"),
        ("s3:GetObject", "arn:aws:s3:::hookline-recordingsbucket/oversize/*"),
        ("s3:ListBucket", "arn:aws:s3:::hookline-recordingsbucket"),
        *logging_(template),
    }


def test_the_function_that_posts_events_may_do_exactly_this(resources: Mapping[str, Any], template: Template) -> None:
    assert permissions_of("EventWebhookFunction", resources, template) == {
        *receiving("EventWebhookQueue", template),
        ("secretsmanager:GetSecretValue", template.physical_id("EventWebhookSecret")),
        *logging_(template),
    }


def table_and(*indexes: str, template: Template) -> list[str]:
    table = str(template.resolve({"Fn::GetAtt": ["CallsTable", "Arn"]}))
    return [table, *(f"{table}/index/{index}" for index in indexes)]


# Settings


def test_every_variable_that_is_read_is_in_the_template_and_the_other_way_round(template: Template) -> None:
    readers = [ROOT / "layers/hookline/hookline/environment.py", *ROOT.glob("functions/*.py")]
    read = {text for source in readers for text in texts(source) if re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", text)}
    read_by_powertools = {"POWERTOOLS_LOG_LEVEL"}
    read_by_flows = {name for name in template.environment() if name.startswith("LINE_")}
    assert read >= LAPTOP_ONLY
    assert set(template.environment()) == read - LAPTOP_ONLY | read_by_powertools | read_by_flows


def test_the_token_of_the_stream_is_given_only_to_functions_that_decide(template: Template) -> None:
    holders = {name for name in template.functions() if "LINE_STREAM_AUTH_TOKEN" in template.environment_of(name)}
    assert holders == {*VERIFYING, "DeferredFunction"}


def test_the_environment_of_every_function_fits_into_lambda_with_every_parameter_at_its_longest(
    template: Template,
) -> None:
    """Measured as Lambda measures it, as JSON."""
    declared = template.source["Parameters"]

    # A stack's name has at most 128 characters; a table's adds its logical id and 14 more; a queue's has at most 80.
    generated = {
        "AWS::StackName": 128,
        "CallsTable": 128 + len("-CallsTable-") + 14,
        "RecordingsBucket": 63,
        "TelnyxApiKeySecret": 0,  # shorter than TelnyxApiKeySecretArn can be
        **dict.fromkeys(
            template.resources("AWS::SQS::Queue"), len("https://sqs.ap-southeast-1.amazonaws.com/123456789012/") + 80
        ),
    }

    def longest(value: Any) -> int:
        if not isinstance(value, dict):
            return len(value)
        if "Fn::If" in value:
            return max(map(longest, value["Fn::If"][1:]))
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return sum(map(longest, parts)) + len(separator) * (len(parts) - 1)
        if "Fn::Sub" in value:
            text = value["Fn::Sub"]
            names = re.findall(r"\$\{([^}]+)\}", text)
            return len(text) + sum(int(declared.get(name, {}).get("MaxLength", 20)) for name in names)
        if (name := value["Ref"]) in generated:
            return generated[name]
        declaration = declared[name]
        if "AllowedValues" in declaration:
            return max(len(str(allowed)) for allowed in declaration["AllowedValues"])
        number = declaration["Type"] == "Number"
        return len(str(declaration["MaxValue"])) if number else int(declaration["MaxLength"])

    with_console = load_template(TEMPLATE, GIVEN | TOKENS)
    assert CONSOLE in with_console.functions()
    for function in with_console.functions():
        variables = with_console.properties_as_written(function)["Environment"]["Variables"]
        set_variables = {name: value for name, value in variables.items() if value != {"Ref": "AWS::NoValue"}}
        measured = json.dumps({name: "x" * longest(value) for name, value in set_variables.items()})
        assert len(measured) <= LARGEST_ENVIRONMENT_BYTES, function


def test_every_parameter_is_described_grouped_checked_and_used(template: Template) -> None:
    declared = template.source["Parameters"]
    groups = template.source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(declared)
    used = set(references([template.source[section] for section in ("Globals", "Resources", "Conditions")]))
    assert set(declared) <= used
    spoken = {"FlowFailureText", "LineAudioFallback", "LineGoodbye", "LineGreeting"}
    for name, declaration in declared.items():
        assert declaration["Description"], name
        assert name in spoken or {"AllowedPattern", "AllowedValues", "MinValue"} & declaration.keys(), name
        assert "AllowedPattern" not in declaration or "ConstraintDescription" in declaration, name
    secret = {name for name, declaration in declared.items() if declaration.get("NoEcho")}
    assert secret == {"TelnyxApiKey", "LineStreamAuthToken"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"TelnyxApiKey": ""}, "OneApiKey"),
        ({"TelnyxApiKeySecretArn": SECRET_ARN}, "OneApiKey"),
        ({"TelnyxApiKeySecretArn": SECRET_ARN.removesuffix("-AbCdEf")}, "TelnyxApiKeySecretArn"),
        ({"TelnyxApiKey": "KEY 0"}, "TelnyxApiKey"),
        ({"TelnyxPublicKeys": ""}, "TelnyxPublicKeys"),
        ({"TelnyxPublicKeys": KEY[:-1]}, "TelnyxPublicKeys"),
        ({"TelnyxPublicKeys": f"{KEY},"}, "TelnyxPublicKeys"),
        ({"LineForkRx": "udp:203.0.113.7:9000"}, "WholeFork"),
        ({"LineForkRx": "203.0.113.7:9000"}, "LineForkRx"),
        ({"LineRecord": "true"}, "LineRecord"),
        ({"LineRecord": "off"}, "GreetingMatchesRecordingSetting"),
        ({"LineLanguage": "en"}, "LineLanguage"),
        ({"LineStreamUrl": "https://media.example.com"}, "LineStreamUrl"),
        ({"LineTranscriptionLanguage": "German"}, "LineTranscriptionLanguage"),
        ({"LineTranscriptionLanguage": "de-DE"}, "LanguageOfTranscriptionEngine"),
        ({"LineTranscriptionLanguage": "de", "LineTranscriptionEngine": "Parakeet"}, "LanguageOfTranscriptionEngine"),
        ({"LineTranscriptionLanguage": "de-DE", "LineTranscriptionEngine": "Soniox"}, "LanguageOfTranscriptionEngine"),
        ({"WebhookBaseUrl": "https://voice.example.com/"}, "WebhookBaseUrl"),
        ({"WebhookBaseUrl": "http://voice.example.com"}, "WebhookBaseUrl"),
        ({"TelnyxApiBaseUrl": "http://api.telnyx.com/v2"}, "TelnyxApiBaseUrl"),
        ({"TelnyxApiBaseUrl": "http://127.0.0.1.example.com:80/v2"}, "TelnyxApiBaseUrl"),
        ({"TelnyxApiBaseUrl": "http://127.0.0.1:80@example.com/v2"}, "TelnyxApiBaseUrl"),
        ({"TelnyxApiBaseUrl": "https://api.telnyx.com/v2/"}, "TelnyxApiBaseUrl"),
        ({"CommandConcurrency": "1"}, "CommandConcurrency"),
        ({"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:alias/hookline"}, "KmsKeyArn"),
        ({"RecordingHosts": ".amazonaws.com, .telnyx.com"}, "RecordingHosts"),
        ({"AlarmEmail": "unknown"}, "AlarmEmail"),
        ({"DomainName": "voice.example.com"}, "WholeDomain"),
        ({"DomainCertificateArn": CERTIFICATE_ARN}, "WholeDomain"),
        ({"HostedZoneId": "Z0123456789ABC"}, "WholeDomain"),
        ({"DomainName": "https://voice.example.com", "DomainCertificateArn": CERTIFICATE_ARN}, "DomainName"),
        ({"Tracing": "on"}, "Tracing"),
        ({"LineStreamUrl": "wss://a.example", "LineStreamBidirectionalCodec": "L16"}, "StreamsBothWays"),
        (
            {
                "LineStreamUrl": "wss://a.example",
                "LineStreamBidirectionalMode": "mp3",
                "LineStreamBidirectionalSamplingRate": "16000",
            },
            "StreamsBothWays",
        ),
        ({"LineStreamUrl": "wss://a.example", "LineStreamBidirectionalTargetLegs": "self"}, "StreamsBothWays"),
        ({"LineStreamBidirectionalMode": "rtp"}, "StreamsBothWays"),
        ({"CallsApi": "open"}, "CallsApi"),
        ({"CallsApi": "token"}, "IssuerOfTokens"),
        ({"CallsApi": "token", "CallsApiIssuer": "https://id.example.com"}, "IssuerOfTokens"),
        ({"CallsApiIssuer": "http://id.example.com"}, "CallsApiIssuer"),
        ({"CallsApiOrigins": "*"}, "CallsApiOrigins"),
        ({"CallsApiOrigins": "https://desk.example.com,http://desk.example.com"}, "CallsApiOrigins"),
        ({"LogRetentionDays": "2"}, "LogRetentionDays"),
        ({"EventWebhookUrl": "http://crm.example.com"}, "EventWebhookUrl"),
        ({"EventWebhookTypes": "call.completed, call.hangup"}, "EventWebhookTypes"),
    ],
)
def test_a_set_of_parameters_that_cannot_work_is_refused_before_anything_is_deployed(
    wrong: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidParameter, match=f"^{named}"):
        load_template(TEMPLATE, GIVEN | wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"TelnyxPublicKeys": f"{KEY},{KEY}"},
        {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": SECRET_ARN},
        {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": SECRET_ARN.replace("telnyx", "t" * 256)},
        {"TelnyxApiBaseUrl": "http://127.0.0.1:8080/v2", "WebhookBaseUrl": "http://localhost:8081"},
        {"LineForkRx": "udp:203.0.113.7:9000", "LineForkTx": "udp:203.0.113.7:9002"},
        {"LineStreamUrl": "wss://media.example.com/telnyx"},
        {
            "LineStreamUrl": "wss://agent.example.com",
            "LineStreamBidirectionalMode": "rtp",
            "LineStreamBidirectionalCodec": "L16",
            "LineStreamBidirectionalSamplingRate": "24000",
            "LineStreamBidirectionalTargetLegs": "self",
        },
        {"LineStreamUrl": "wss://agent.example.com", "LineStreamBidirectionalMode": "mp3"},
        {"WebhookBaseUrl": "https://voice.example.com/telnyx"},
        {"RecordingHosts": "media.example.com"},
        {"LineLanguage": "cmn-CN", "LineGreeting": "", "AlarmEmail": "operator@example.com"},
        {"LineLanguage": "en-GB-WLS", "LineRecord": "off", "LineGreeting": "Hello."},
        {"LineTranscriptionLanguage": "de"},
        {"LineTranscriptionLanguage": "en-GB", "LineTranscriptionEngine": "Deepgram"},
        {"DomainName": "voice.example.com", "DomainCertificateArn": CERTIFICATE_ARN},
        {"DomainName": "v.example", "DomainCertificateArn": CERTIFICATE_ARN, "HostedZoneId": "Z0123456789ABC"},
        {"Tracing": "Active"},
        {"CallsApi": "token", "CallsApiIssuer": "https://id.example.com", "CallsApiAudience": "desk"},
        TOKENS,
        {"CallsApiOrigins": "https://desk.example.com,https://desk.example.org:8443,http://127.0.0.1:5173"},
        {"CallsApiIssuer": "http://127.0.0.1:8080"},
        {"KmsKeyArn": KMS_KEY_ARN},
        {"KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"},
    ],
)
def test_a_set_of_parameters_that_works_is_accepted(right: dict[str, str]) -> None:
    assert load_template(TEMPLATE, GIVEN | right).parameters.items() >= right.items()


def test_the_example_of_a_transcription_language_is_one_that_the_default_engine_takes(template: Template) -> None:
    """The engine Telnyx refuses a region: 422, error 90013, and no transcript."""
    declared = template.source["Parameters"]
    assert declared["LineTranscriptionEngine"]["Default"] == "Telnyx"
    assert "for example de or en" in declared["LineTranscriptionLanguage"]["Description"]
    assert {"de", "en"} <= LANGUAGES["Telnyx"]


def test_the_stack_takes_the_languages_of_each_engine_and_no_other(template: Template) -> None:
    listed = {}
    for assertion in template.source["Rules"]["LanguageOfTranscriptionEngine"]["Assertions"]:
        not_the_engine, contains = assertion["Assert"]["Fn::Or"]
        engine = not_the_engine["Fn::Not"][0]["Fn::Equals"][1]
        listed[engine] = set(contains["Fn::Contains"][0])
    engines = template.source["Parameters"]["LineTranscriptionEngine"]["AllowedValues"]
    assert set(listed) == set(engines)
    for engine, languages in listed.items():
        assert "" in languages
        assert all(takes_language(engine, language) for language in languages - {""})
        assert engine == "Soniox" or languages - {""} == LANGUAGES[engine]


def test_an_existing_secret_is_used_and_none_is_created(resources: Mapping[str, Any]) -> None:
    template = load_template(TEMPLATE, GIVEN | {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": SECRET_ARN})
    assert template.resources("AWS::SecretsManager::Secret") == []
    for function in template.functions():
        assert template.environment_of(function)["TELNYX_API_KEY_SECRET_ARN"] == SECRET_ARN
        assert ("secretsmanager:GetSecretValue", SECRET_ARN) in permissions_of(function, resources, template)


def test_nothing_of_the_development_key_is_deployed() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert DEVELOPMENT_PUBLIC_KEY not in text
    assert not [name for name in LAPTOP_ONLY if re.search(rf"\b{name}\b", text)]


# Background work


@pytest.mark.parametrize(("function", "queue"), BACKGROUND.items())
def test_a_message_that_fails_is_received_again_and_then_stored_for_fourteen_days(
    function: str, queue: str, resources: Mapping[str, Any], template: Template
) -> None:
    (source,) = template.event_sources(function)
    assert source.queue == queue
    assert source.reports_batch_item_failures
    assert source.maximum_concurrency
    properties = resources[queue]["Properties"]
    # or Lambda refuses the mapping
    assert properties["VisibilityTimeout"] >= template.functions()[function].timeout
    assert properties["MessageRetentionPeriod"] == FOURTEEN_DAYS
    dead_letters = resources[properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
    assert dead_letters["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert dead_letters.get("FifoQueue") == properties.get("FifoQueue")


def test_every_queue_without_a_consumer_has_an_alarm_on_its_first_message(
    resources: Mapping[str, Any], template: Template
) -> None:
    unattended = set(of_type(resources, "AWS::SQS::Queue")) - set(BACKGROUND.values())
    assert {"QuarantineQueue", "DeferredDeadLetterQueue"} <= unattended
    assert watched(resources, "ApproximateNumberOfMessagesVisible", threshold=1) == unattended


def test_every_queue_with_a_consumer_has_an_alarm_on_the_age_of_its_oldest_message(
    resources: Mapping[str, Any],
) -> None:
    assert watched(resources, "ApproximateAgeOfOldestMessage") == set(BACKGROUND.values())


def watched(resources: Mapping[str, Any], metric: str, threshold: int | None = None) -> set[str]:
    """The queues with an alarm on this metric."""
    return {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == metric and threshold in (None, alarm["Threshold"])
        for dimension in alarm["Dimensions"]
    }


def test_a_command_expires_where_it_is_counted_before_it_is_a_dead_letter(resources: Mapping[str, Any]) -> None:
    waited, tries = 0, 1
    while waited <= LONG_LIFETIME_SECONDS:
        waited += min(tries, command_sender.LONGEST_PAUSE_SECONDS)
        tries += 1
    assert resources["CommandQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] > tries


def test_a_deferred_webhook_outlasts_an_outage_of_days(resources: Mapping[str, Any]) -> None:
    tries = resources["DeferredQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert tries * deferred.LONGEST_PAUSE_SECONDS > 7 * 86_400


def test_a_batch_of_commands_fits_into_the_timeout_of_the_sender(template: Template) -> None:
    (source,) = template.event_sources("CommandSenderFunction")
    longest = source.batch_size * command_sender.PATIENCE_SECONDS
    assert longest < template.functions()["CommandSenderFunction"].timeout


@pytest.mark.parametrize("queue", ["CommandQueue", "DeferredQueue"])
def test_the_messages_of_one_call_stay_in_order_and_are_distinguished_by_their_id(
    queue: str, resources: Mapping[str, Any]
) -> None:
    properties = resources[queue]["Properties"]
    assert properties["FifoQueue"] is True
    assert properties["ContentBasedDeduplication"] is False
    assert (properties["DeduplicationScope"], properties["FifoThroughputLimit"]) == (
        "messageGroup",
        "perMessageGroupId",
    )


def test_the_concurrency_of_background_work_is_what_the_parameters_say() -> None:
    template = load_template(TEMPLATE, GIVEN | {"CommandConcurrency": "7", "RecordingConcurrency": "3"})
    (commands,) = template.event_sources("CommandSenderFunction")
    (recordings,) = template.event_sources("RecordingArchiverFunction")
    assert (commands.maximum_concurrency, recordings.maximum_concurrency) == (7, 3)
    assert recordings.batch_size == 1


# Stored data


def test_everything_that_must_not_be_lost_outlives_the_stack_with_the_policy_that_protects_it(
    template: Template, resources: Mapping[str, Any]
) -> None:
    expendable = {"CommandQueue"}  # a command is worth sending for minutes
    stored = {"CallsTable", "RecordingsBucket", "RecordingsBucketPolicy", "QueuesPolicy"}
    stored |= {"EventQueuesPolicy", "EventWebhookQueuesPolicy"}
    stored |= set(of_type(resources, "AWS::SQS::Queue")) - expendable
    retained = {name for name, made in template.source["Resources"].items() if "DeletionPolicy" in made}
    assert retained == stored
    for name in stored:
        made = template.source["Resources"][name]
        assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_everything_stored_is_encrypted_and_read_only_over_tls(
    resources: Mapping[str, Any], template: Template
) -> None:
    assert "SSESpecification" not in template.properties("CallsTable")  # DynamoDB's own key, which costs nothing
    assert "AES256" in json.dumps(template.properties("RecordingsBucket")["BucketEncryption"])
    queues = set(of_type(resources, "AWS::SQS::Queue"))
    assert {template.properties(queue)["SqsManagedSseEnabled"] for queue in queues} == {True}
    named = ("QueuesPolicy", "EventQueuesPolicy", "EventWebhookQueuesPolicy")
    policies = [resources[name]["Properties"]["Queues"] for name in named]
    assert sorted(queue["Ref"] for policy in policies for queue in policy) == sorted(queues)
    for name in (*named, "RecordingsBucketPolicy"):
        statement, *allowed = resources[name]["Properties"]["PolicyDocument"]["Statement"]
        assert {one["Principal"]["Service"] for one in allowed} <= {"events.amazonaws.com"}
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_bucket_is_private_and_versioned(resources: Mapping[str, Any]) -> None:
    bucket = resources["RecordingsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_recordings_are_retained_forever_unless_a_parameter_limits_it() -> None:
    def rules(**parameters: str) -> dict[str, dict[str, Any]]:
        bucket = load_template(TEMPLATE, GIVEN | parameters).properties("RecordingsBucket")
        return {rule.get("Prefix", ""): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    always = rules()
    assert set(always) == {"", "quarantine/"}
    assert "ExpirationInDays" not in always[""]
    limited = rules(RecordingRetentionDays="90", RetentionDays="30")
    assert {prefix: rule.get("ExpirationInDays") for prefix, rule in limited.items()} == {
        "": None,
        "quarantine/": 14,
        "oversize/": "30",
        "recordings/": "90",
    }
    moved = rules(RecordingTransitionDays="30", RecordingStorageClass="STANDARD_IA")
    assert moved["recordings/"]["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": "30"}]


def test_an_upload_that_was_never_finished_is_removed(resources: Mapping[str, Any]) -> None:
    rules = resources["RecordingsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {"DaysAfterInitiation": 1} in [rule.get("AbortIncompleteMultipartUpload") for rule in rules]


def test_the_journal_expires_by_itself_and_can_be_restored(resources: Mapping[str, Any]) -> None:
    table = resources["CallsTable"]["Properties"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_every_index_that_the_journal_reads_is_in_the_table(resources: Mapping[str, Any]) -> None:
    indexes = {index["IndexName"] for index in resources["CallsTable"]["Properties"]["GlobalSecondaryIndexes"]}
    described = set(re.findall(r"`(by_[a-z]+)`", (ROOT / "layers/hookline/hookline/journal.py").read_text()))
    assert indexes == described


def test_every_log_line_goes_where_it_expires(resources: Mapping[str, Any]) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogGroup"}
    assert groups["AccessLogGroup"]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


def test_everything_that_can_carry_a_tag_has_the_tag_of_the_project(resources: Mapping[str, Any]) -> None:
    api = resources["WebhookApi"]["Properties"]["Body"]["tags"]  # an HTTP API's stand in its OpenAPI document
    assert {"name": "Project", "x-amazon-apigateway-tag-value": "Hookline"} in api
    without = {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::Events::Archive",
        "AWS::Events::Rule",
        "AWS::IAM::Policy",
        "AWS::Route53::RecordSetGroup",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SQS::QueuePolicy",
    }
    for name, resource in resources.items():
        tags = resource["Properties"].get("Tags")
        tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags or []}
        assert resource["Type"] in without or name == "WebhookApi" or tags.get("Project") == "Hookline", name


# A domain of the operator's own


def test_a_domain_leads_to_the_api_and_into_the_webhook_url(resources: Mapping[str, Any]) -> None:
    given = {"DomainName": "voice.example.com", "DomainCertificateArn": CERTIFICATE_ARN}
    own = load_template(TEMPLATE, GIVEN | given)
    url = own.source["Outputs"]["WebhookUrl"]["Value"]
    assert own.resolve(url) == "https://voice.example.com/webhooks"
    assert "execute-api" in load_template(TEMPLATE, GIVEN).resolve(url)
    (mapping,) = of_type(resources, "AWS::ApiGatewayV2::ApiMapping").values()
    assert (mapping["ApiId"], mapping["Stage"]) == ({"Ref": "WebhookApi"}, "$default")
    assert resources["DomainMapping"]["DependsOn"] in resources
    assert {resources[name]["Condition"] for name in ("Domain", "DomainMapping")} == {"HasDomain"}
    assert resources["DomainRecords"]["Condition"] == "HasHostedZone"


# Monitoring


def test_functions_are_traced_and_may_be_only_when_a_parameter_asks_for_it(
    resources: Mapping[str, Any], template: Template
) -> None:
    traced = translated({"Tracing": "Active"})
    roles_of_policy = set(references(traced["TracingPolicy"]["Properties"]["Roles"]))
    for function in template.functions():
        properties = traced[function]["Properties"]
        assert properties["TracingConfig"]["Mode"] == {"Ref": "Tracing"}
        managed = [arn for arn in role_of(function, traced).get("ManagedPolicyArns", []) if isinstance(arn, str)]
        of_sam = any("xray" in arn.lower() for arn in managed)  # its name depends on the region
        assert of_sam or properties["Role"]["Fn::GetAtt"][0] in roles_of_policy
        assert "TracingConfig" not in resources[function]["Properties"]
        assert "xray" not in json.dumps(role_of(function, resources)).lower()
    assert resources["TracingPolicy"]["Condition"] == "IsTraced"


def test_every_alarm_reaches_the_topic_and_says_what_to_do(resources: Mapping[str, Any]) -> None:
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert len(alarm["AlarmDescription"]["Fn::Sub"]) > 40
        assert alarm["TreatMissingData"] == "notBreaching"


def test_an_alarm_on_a_metric_of_ours_watches_one_that_is_emitted(resources: Mapping[str, Any]) -> None:
    deployed = [*ROOT.glob("layers/hookline/hookline/**/*.py"), *ROOT.glob("functions/*.py")]
    emitted = {text for source in deployed for text in texts(source)}
    filtered = [
        transformation["MetricName"]
        for metric in of_type(resources, "AWS::Logs::MetricFilter").values()
        for transformation in metric["MetricTransformations"]
    ]
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    ours = [alarm for alarm in alarms.values() if alarm.get("Namespace") == "Hookline"]
    for alarm in ours:
        if isinstance(alarm["MetricName"], str):
            assert alarm["MetricName"] in emitted
            assert alarm["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
        else:
            assert alarm["MetricName"] in filtered
    by_metric = {alarm["MetricName"]: alarm["Threshold"] for alarm in ours if isinstance(alarm["MetricName"], str)}
    assert by_metric.keys() == {
        *("ApiKeyRefused", "CommandExpired", "CommandRefused", "DialRefused", "FlowFailed", "WebhookStale"),
    }
    assert {by_metric[name] for name in ("ApiKeyRefused", "DialRefused", "FlowFailed")} == {1}


@pytest.mark.parametrize("status", ["401", "429"])
def test_requests_that_never_reach_a_function_are_counted_from_the_access_log(
    status: str, resources: Mapping[str, Any]
) -> None:
    metrics = of_type(resources, "AWS::Logs::MetricFilter")
    (name,) = [n for n, metric in metrics.items() if metric["FilterPattern"] == f'{{ $.status = "{status}" }}']
    assert metrics[name]["LogGroupName"] == {"Ref": "AccessLogGroup"}
    assert f"{name.removesuffix('Metric')}Alarm" in of_type(resources, "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_errors_and_throttles_of_every_function_are_watched(
    metric: str, resources: Mapping[str, Any], template: Template
) -> None:
    """API Gateway answers 5xx for a function that fails or is throttled; the others have no one to answer."""
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    by_name = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in alarms.values()
        if (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Lambda", metric)
    }
    behind_api = {route.function for route in template.routes()}
    behind_api |= {route.function for route in template.private_routes()}
    assert alarms["CallsApiErrorsAlarm"]["MetricName"] == "5xx"
    assert alarms["WebhookErrorsAlarm"]["MetricName"] == "5xx"
    assert by_name | behind_api == set(template.functions())


def test_metrics_bear_the_names_that_the_alarms_watch(template: Template) -> None:
    for function in template.functions():
        variables = template.environment_of(function)
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Hookline"
        assert variables["POWERTOOLS_SERVICE_NAME"] == template.stack_name


# The whole


def test_everything_runs_on_the_same_runtime_and_processor(resources: Mapping[str, Any]) -> None:
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert len(function["Layers"]) == (4 if function["Handler"] == "console.lambda_handler" else 3)
    for layer in of_type(resources, "AWS::Lambda::LayerVersion").values():
        assert (layer["CompatibleRuntimes"], layer["CompatibleArchitectures"]) == (["python3.13"], ["arm64"])


def test_the_stack_is_within_the_limits_of_cloudformation(resources: Mapping[str, Any]) -> None:
    assert len(resources) <= 500
    assert len(json.dumps(resources)) < 1_000_000


def test_nothing_has_a_fixed_name_so_that_two_stacks_can_live_in_one_account(resources: Mapping[str, Any]) -> None:
    naming = {"TableName", "BucketName", "QueueName", "FunctionName", "LogGroupName", "TopicName", "AlarmName", "Name"}
    for name, resource in resources.items():
        given = {key for key in naming & resource["Properties"].keys() if isinstance(resource["Properties"][key], str)}
        assert not given, name
    layers = of_type(resources, "AWS::Lambda::LayerVersion").values()
    names = [layer["LayerName"]["Fn::Sub"] for layer in layers]
    assert len(set(names)) == 4
    for name in names:
        assert name.startswith("${AWS::StackName}-")
        assert len(name.replace("${AWS::StackName}", "x" * 128)) <= 140  # the longest that Lambda takes


def test_each_output_says_what_it_is_for_and_the_url_to_paste_comes_first(template: Template) -> None:
    outputs = template.source["Outputs"]
    assert next(iter(outputs)) == "WebhookUrl"
    assert "Telnyx portal" in outputs["WebhookUrl"]["Description"]
    assert all(value["Fn::Sub"].endswith("/webhooks") for value in outputs["WebhookUrl"]["Value"]["Fn::If"][1:])
    for name, output in outputs.items():
        assert len(output["Description"]) > 20, name
        assert not set(references(output["Value"])) & {"TelnyxApiKey", "LineStreamAuthToken"}


def test_the_flow_speaks_every_language_that_telnyx_speaks_and_no_other(template: Template) -> None:
    assert set(template.source["Parameters"]["LineLanguage"]["AllowedValues"]) == SPEAK_LANGUAGES


def test_the_greeting_that_is_refused_without_recording_is_the_default(template: Template) -> None:
    (rule,) = template.source["Rules"]["GreetingMatchesRecordingSetting"]["Assertions"]
    (equals,) = rule["Assert"]["Fn::Not"]
    assert equals["Fn::Equals"][1] == template.source["Parameters"]["LineGreeting"]["Default"]
