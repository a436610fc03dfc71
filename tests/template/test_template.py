"""template.yaml: that what is deployed is what the documents say, read as SAM translates it.

SAM's translator lives beside the SAM CLI in an environment of its own, so it runs as a program.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import command_sender.app
import pytest
from line import Line

import hookline
from hookline import dispatch as telling
from hookline.command_schema import SPEAK_LANGUAGES
from hookline_local.emulator.template import InvalidParameter, Template, load_template
from hookline_local.signing import DEVELOPMENT_PUBLIC_KEY

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
KEY = "A" * 43 + "="
GIVEN = {"TelnyxPublicKeys": KEY, "TelnyxApiKey": "KEY0"}

EVENTS = [
    "call.fork.started",
    "call.fork.stopped",
    "streaming.started",
    "streaming.stopped",
    "streaming.failed",
    "call.transcription",
    "call.playback.started",
    "call.playback.ended",
    "call.speak.started",
    "call.speak.ended",
    "call.recording.saved",
    "call.recording.error",
    "call.recording.transcription.saved",
    "call.initiated",
    "call.answered",
    "call.bridged",
    "call.hangup",
    "call.dtmf.received",
    "call.gather.ended",
    "call.machine.detection.ended",
]
BACKGROUND = ["CommandSenderFunction", "RecordingArchiverFunction"]
ROUTER = "WebhookRouterFunction"

LARGEST_ENVIRONMENT_BYTES = 4096  # docs.aws.amazon.com, Lambda quotas
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
json.dump(Translator({}, Parser()).translate(template, {}), sys.stdout)
"""


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """The resources of the template as SAM hands them to CloudFormation."""
    finished = subprocess.run(
        [ROOT / ".venv-sam/bin/python", "-c", TRANSLATE, TEMPLATE],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)["Resources"]
    return found


@pytest.fixture
def template() -> Template:
    """The template with nothing set but what has to be."""
    return load_template(TEMPLATE, GIVEN)


def folder_of(event: str) -> str:
    return event.replace(".", "_")


def function_of(event: str) -> str:
    return "".join(word.capitalize() for word in folder_of(event).split("_")) + "Function"


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}
    assert found, f"no {kind}"
    return found


def statements_of(function: str, resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every statement of the function's role, its own and those of the policies it takes from the stack."""
    role = resources[f"{function}Role"]["Properties"]
    named = [arn["Ref"] for arn in role["ManagedPolicyArns"] if isinstance(arn, dict)]
    policies = [*role.get("Policies", []), *(resources[name]["Properties"] for name in named)]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def permissions_of(function: str, resources: Mapping[str, Any], template: Template) -> set[tuple[str, str]]:
    """What a function may do, as pairs of action and ARN."""
    return {
        (action, arn)
        for statement in statements_of(function, resources)
        for action in listed(statement["Action"])
        for arn in listed(template.resolve(statement["Resource"]))
    }


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


def parsed(source: Path) -> list[ast.AST]:
    """Every node of a source file."""
    return list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))


def texts(source: Path) -> set[str]:
    """Every literal text in a source file."""
    return {node.value for node in parsed(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def app_of(folder: str) -> list[ast.AST]:
    return parsed(ROOT / "functions" / folder / "app.py")


def imported(folder: str) -> set[str]:
    """The names that a function imports from other files of ours."""
    found = [node for node in app_of(folder) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in found for alias in node.names}


COMMANDS = set(hookline.__all__) - {"Call", "Command", "Context", "Event", "archive", "receive"}


def commands_telnyx(event: str) -> bool:
    """Whether the source of an event's function can tell Telnyx anything, itself or by the line that ships."""
    return bool(imported(folder_of(event)) & (COMMANDS | {"Line"}))


# What Telnyx calls


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_its_folder_its_function_its_route_and_its_sample(event: str, template: Template) -> None:
    assert (ROOT / "functions" / folder_of(event) / "app.py").is_file()
    assert (ROOT / "events" / f"{event}.json").is_file()
    assert template.functions()[function_of(event)].handler == f"{folder_of(event)}.app.lambda_handler"
    assert ("POST", f"/webhooks/{event}", function_of(event)) in template.routes()


def test_there_is_no_other_way_in_but_the_one_url_of_the_router(
    template: Template, resources: Mapping[str, Any]
) -> None:
    expected = {("POST", f"/webhooks/{event}", function_of(event)) for event in EVENTS}
    assert set(template.routes()) == expected | {("POST", "/webhooks", ROUTER)}
    paths = resources["WebhookApi"]["Properties"]["Body"]["paths"]
    assert {(path, *methods) for path, methods in paths.items()} == {
        (route.path, "post") for route in template.routes()
    }
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Url"]


def test_every_function_of_the_template_has_a_handler_that_exists(template: Template) -> None:
    assert set(template.functions()) == {function_of(event) for event in EVENTS} | {ROUTER, *BACKGROUND}
    for function in template.functions().values():
        folder, module, name = function.handler.split(".")
        assert module == "app"
        assert name in {node.name for node in app_of(folder) if isinstance(node, ast.FunctionDef)}


def test_only_api_gateway_may_invoke_what_answers_webhooks(resources: Mapping[str, Any]) -> None:
    permissions = list(of_type(resources, "AWS::Lambda::Permission").values())
    assert {permission["FunctionName"]["Ref"] for permission in permissions} == {ROUTER, *map(function_of, EVENTS)}
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        source, names = permission["SourceArn"]["Fn::Sub"]
        assert ":execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/" in source
        assert names["__ApiId__"] == {"Ref": "WebhookApi"}


def test_webhooks_arrive_in_payload_format_2(resources: Mapping[str, Any]) -> None:
    paths = resources["WebhookApi"]["Properties"]["Body"]["paths"]
    formats = {path["post"]["x-amazon-apigateway-integration"]["payloadFormatVersion"] for path in paths.values()}
    assert formats == {"2.0"}


def test_the_access_log_says_who_and_when_but_nothing_of_what(resources: Mapping[str, Any]) -> None:
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


# Who may do what


@pytest.mark.parametrize("event", EVENTS)
def test_who_commands_telnyx_can_read_the_api_key_and_nobody_else(
    event: str, resources: Mapping[str, Any], template: Template
) -> None:
    permissions = permissions_of(function_of(event), resources, template)
    secret = template.physical_id("TelnyxApiKeySecret")
    queue = template.resolve({"Fn::GetAtt": ["CommandQueue", "Arn"]})
    needed = {("secretsmanager:GetSecretValue", secret), ("sqs:SendMessage", queue)}
    remedy = "give the function CommandPolicy and these variables in template.yaml, as CallAnsweredFunction has them"
    assert (permissions & needed) == (needed if commands_telnyx(event) else set()), remedy
    given = template.environment_of(function_of(event)).keys() & {"TELNYX_API_KEY_SECRET_ARN", "COMMAND_QUEUE_URL"}
    assert len(given) == (2 if commands_telnyx(event) else 0), remedy
    assert not {action for action, _ in permissions if action.startswith("secretsmanager")} or commands_telnyx(event)


@pytest.mark.parametrize("event", EVENTS)
def test_who_only_journals_may_do_that_and_nothing_else(
    event: str, resources: Mapping[str, Any], template: Template
) -> None:
    permissions = permissions_of(function_of(event), resources, template)
    journalling = {
        ("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"),
        ("s3:PutObject", "arn:aws:s3:::hookline-recordingsbucket/oversize/*"),
        ("s3:PutObject", "arn:aws:s3:::hookline-recordingsbucket/quarantine/*"),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:hookline-QuarantineQueue"),
    }
    assert journalling <= permissions
    only_journals = not commands_telnyx(event) and "archive" not in imported(folder_of(event))
    assert (permissions == journalling) is only_journals


def test_the_router_may_do_what_any_event_function_may(resources: Mapping[str, Any], template: Template) -> None:
    router = permissions_of(ROUTER, resources, template)
    given = template.environment_of(ROUTER)
    for event in EVENTS:
        assert permissions_of(function_of(event), resources, template) <= router
        assert template.environment_of(function_of(event)).items() <= given.items()


def test_the_token_of_the_stream_is_given_only_to_who_starts_streams(template: Template) -> None:
    holders = {name for name in template.functions() if "LINE_STREAM_AUTH_TOKEN" in template.environment_of(name)}
    starters = {
        function_of(event)
        for event in EVENTS
        if "stream" in {node.attr for node in app_of(folder_of(event)) if isinstance(node, ast.Attribute)}
    }
    assert starters
    assert holders == starters | {ROUTER}


def test_no_statement_allows_everything_of_anything(resources: Mapping[str, Any], template: Template) -> None:
    for function in template.functions():
        statements = statements_of(function, resources)
        assert len({statement["Sid"] for statement in statements}) >= 2
        for statement in statements:
            assert statement["Effect"] == "Allow"
            assert not [action for action in listed(statement["Action"]) if "*" in action]
            for arn in listed(template.resolve(statement["Resource"])):
                assert "*" not in arn or re.fullmatch(r"arn:aws:s3:::hookline-recordingsbucket/[a-z]+/\*", arn)


def test_of_amazons_own_policies_only_those_for_logs_and_queues_are_used(
    resources: Mapping[str, Any], template: Template
) -> None:
    for function in template.functions():
        role = resources[f"{function}Role"]["Properties"]
        amazons = {arn.rpartition("/")[2] for arn in role["ManagedPolicyArns"] if isinstance(arn, str)}
        consumes = bool(template.event_sources(function))
        queue = {"AWSLambdaSQSQueueExecutionRole"} if consumes else set()
        assert amazons == {"AWSLambdaBasicExecutionRole"} | queue


def test_who_reads_the_journal_before_it_acts_may_read_it(resources: Mapping[str, Any], template: Template) -> None:
    table = template.resolve({"Fn::GetAtt": ["CallsTable", "Arn"]})
    for event in EVENTS:
        acts = commands_telnyx(event) or "archive" in imported(folder_of(event))
        assert (("dynamodb:Query", table) in permissions_of(function_of(event), resources, template)) is acts


def test_only_who_has_recordings_kept_may_send_to_their_queue(resources: Mapping[str, Any], template: Template) -> None:
    queue = template.resolve({"Fn::GetAtt": ["RecordingQueue", "Arn"]})
    for event in EVENTS:
        archives = "archive" in imported(folder_of(event))
        may = ("sqs:SendMessage", queue) in permissions_of(function_of(event), resources, template)
        assert may is archives
        assert ("RECORDING_QUEUE_URL" in template.environment_of(function_of(event))) is archives


def test_the_archiver_may_keep_recordings_and_nothing_beside_them(
    resources: Mapping[str, Any], template: Template
) -> None:
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"
    bucket = "arn:aws:s3:::hookline-recordingsbucket"
    assert permissions_of("RecordingArchiverFunction", resources, template) == {
        ("dynamodb:Query", table),
        ("dynamodb:Query", f"{table}/index/by_control"),
        ("dynamodb:Query", f"{table}/index/by_session"),
        ("dynamodb:PutItem", table),
        ("s3:ListBucket", bucket),
        ("s3:GetObject", f"{bucket}/oversize/*"),
        ("s3:AbortMultipartUpload", f"{bucket}/recordings/*"),
        ("s3:GetObject", f"{bucket}/recordings/*"),
        ("s3:PutObject", f"{bucket}/recordings/*"),
        ("s3:PutObjectTagging", f"{bucket}/recordings/*"),
        ("s3:GetObjectTagging", f"{bucket}/recordings/*"),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
    }


def test_the_sender_may_tell_telnyx_and_note_it_and_nothing_else(
    resources: Mapping[str, Any], template: Template
) -> None:
    assert permissions_of("CommandSenderFunction", resources, template) == {
        ("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/hookline-CallsTable"),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:hookline-QuarantineQueue"),
        ("sqs:ChangeMessageVisibility", "arn:aws:sqs:us-east-1:123456789012:hookline-CommandQueue.fifo"),
        ("secretsmanager:GetSecretValue", template.physical_id("TelnyxApiKeySecret")),
    }


# What is set


def test_every_variable_that_is_read_is_in_the_template_and_the_other_way_round(template: Template) -> None:
    readers = [ROOT / "layers/hookline/hookline/environment.py", *ROOT.glob("functions/*/app.py")]
    read = {text for source in readers for text in texts(source) if re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", text)}
    read |= {f"LINE_{field.name.upper()}" for field in fields(Line)}
    only_on_a_laptop = {"AWS_SAM_LOCAL", "HOOKLINE_PATIENCE", "TELNYX_API_KEY"}
    read_by_powertools = {"POWERTOOLS_LOG_LEVEL"}
    assert only_on_a_laptop <= read
    assert set(template.environment()) == read - only_on_a_laptop | read_by_powertools


def test_the_line_is_the_same_with_the_parameters_left_alone_as_without_any(template: Template) -> None:
    assert Line.of(template.environment_of(ROUTER)) == Line()


def test_the_environment_of_every_function_fits_into_lambda_with_every_parameter_at_its_longest(
    template: Template,
) -> None:
    declared = template.source["Parameters"]

    # A stack's name has at most 128 characters; made-up names add the logical id and 13 more; a queue's has at most 80.
    made_up = {
        "AWS::StackName": 128,
        "CallsTable": 128 + len("-CallsTable-") + 12,
        "RecordingsBucket": 63,
        "TelnyxApiKeySecret": len("arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:") + 128,
        **dict.fromkeys(template.resources("AWS::SQS::Queue"), len("https://sqs.ap-southeast-1.amazonaws.com//") + 92),
    }

    def longest(value: Any) -> int:
        if not isinstance(value, dict):
            return len(value)
        name = value["Ref"] if "Ref" in value else value["Fn::If"][1]["Ref"]
        if name in made_up:
            return made_up[name]
        said = declared[name]
        if "AllowedValues" in said:
            return max(len(str(allowed)) for allowed in said["AllowedValues"])
        return len(str(said["MaxValue"])) if said["Type"] == "Number" else int(said["MaxLength"])

    for function in template.functions():
        variables = template.properties_as_written(function)["Environment"]["Variables"]
        assert sum(len(name) + longest(value) for name, value in variables.items()) <= LARGEST_ENVIRONMENT_BYTES


def test_every_parameter_is_explained_grouped_checked_and_used(template: Template) -> None:
    declared = template.source["Parameters"]
    groups = template.source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(declared)
    used = set(references([template.source[section] for section in ("Globals", "Resources", "Conditions")]))
    assert set(declared) <= used
    for name, said in declared.items():
        assert said["Description"], name
        free_text = said["Type"] == "String" and name in ("LineGreeting", "LineGoodbye", "LineAudioFallback")
        assert free_text or {"AllowedPattern", "AllowedValues", "MinValue"} & said.keys(), name
        assert "AllowedPattern" not in said or "ConstraintDescription" in said, name
    assert {name for name, said in declared.items() if said.get("NoEcho")} == {"TelnyxApiKey", "LineStreamAuthToken"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"TelnyxApiKey": ""}, "OneApiKey"),
        ({"TelnyxApiKeySecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telnyx-AbCdEf"}, "OneApiKey"),
        ({"TelnyxApiKey": "KEY 0"}, "TelnyxApiKey"),
        ({"TelnyxPublicKeys": ""}, "TelnyxPublicKeys"),
        ({"TelnyxPublicKeys": KEY[:-1]}, "TelnyxPublicKeys"),
        ({"TelnyxPublicKeys": f"{KEY},"}, "TelnyxPublicKeys"),
        ({"LineForkRx": "udp:203.0.113.7:9000"}, "WholeFork"),
        ({"LineForkRx": "203.0.113.7:9000"}, "LineForkRx"),
        ({"LineRecord": "true"}, "LineRecord"),
        ({"LineRecord": "off"}, "NoGreetingAboutARecordingThatIsNone"),
        ({"LineLanguage": "en"}, "LineLanguage"),
        ({"LineStreamUrl": "https://media.example.com"}, "LineStreamUrl"),
        ({"WebhookBaseUrl": "https://voice.example.com/"}, "WebhookBaseUrl"),
        ({"TelnyxApiBaseUrl": "http://api.telnyx.com/v2"}, "TelnyxApiBaseUrl"),
        ({"CommandMaxAgeSeconds": "121"}, "CommandMaxAgeSeconds"),
        ({"RecordingHosts": ".amazonaws.com, .telnyx.com"}, "RecordingHosts"),
        ({"AlarmEmail": "somebody"}, "AlarmEmail"),
        ({"LogRetentionDays": "2"}, "LogRetentionDays"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_deployed(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        load_template(TEMPLATE, GIVEN | wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"TelnyxPublicKeys": f"{KEY},{KEY}"},
        {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:t-AbCdEf"},
        {"LineForkRx": "udp:203.0.113.7:9000", "LineForkTx": "udp:203.0.113.7:9002"},
        {"LineStreamUrl": "wss://media.example.com/telnyx"},
        {"WebhookBaseUrl": "https://voice.example.com/telnyx"},
        {"RecordingHosts": "media.example.com"},
        {"LineLanguage": "cmn-CN", "LineGreeting": "", "AlarmEmail": "somebody@example.com"},
        {"LineLanguage": "en-GB-WLS", "LineRecord": "off", "LineGreeting": "Hello."},
        {"LineTranscriptionLanguage": "de-DE"},
    ],
)
def test_what_an_operator_may_want_is_accepted(right: dict[str, str]) -> None:
    assert load_template(TEMPLATE, GIVEN | right).parameters.items() >= right.items()


def test_an_existing_secret_is_used_and_none_is_made() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telnyx-AbCdEf"
    template = load_template(TEMPLATE, GIVEN | {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": arn})
    assert template.resources("AWS::SecretsManager::Secret") == []
    assert template.environment_of(ROUTER)["TELNYX_API_KEY_SECRET_ARN"] == arn
    assert arn in json.dumps(template.properties("CommandPolicy"))


def test_the_development_key_is_nowhere_in_what_is_deployed() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert DEVELOPMENT_PUBLIC_KEY not in text
    assert "AWS_SAM_LOCAL" not in text
    assert not re.search(r"development", text, re.IGNORECASE)


# What works in the background


@pytest.mark.parametrize("function", BACKGROUND)
def test_what_fails_in_the_background_is_tried_again_and_then_kept(
    function: str, resources: Mapping[str, Any], template: Template
) -> None:
    (source,) = template.event_sources(function)
    assert source.queue is not None
    assert source.reports_batch_item_failures
    queue = resources[source.queue]["Properties"]
    assert queue["VisibilityTimeout"] >= template.functions()[function].timeout  # or Lambda refuses the mapping
    dead_letters = resources[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
    assert dead_letters["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert dead_letters.get("FifoQueue") == queue.get("FifoQueue")


def test_every_queue_that_nobody_empties_has_an_alarm_as_soon_as_something_is_in_it(
    resources: Mapping[str, Any], template: Template
) -> None:
    consumed = {source.queue for name in template.functions() for source in template.event_sources(name)}
    unattended = set(of_type(resources, "AWS::SQS::Queue")) - consumed
    assert unattended == {"CommandDeadLetterQueue", "RecordingDeadLetterQueue", "QuarantineQueue"}
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 1
    }
    assert watched == unattended


def test_a_command_expires_where_it_is_counted_before_it_is_a_dead_letter(
    resources: Mapping[str, Any], template: Template
) -> None:
    oldest = template.source["Parameters"]["CommandMaxAgeSeconds"]["MaxValue"] * telling.STOP_COMMAND_AGE_FACTOR
    waited, tries = 0, 1
    while waited <= oldest:
        waited += min(tries, command_sender.app.LONGEST_PAUSE_SECONDS)
        tries += 1
    assert resources["CommandQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] > tries


def test_a_batch_of_commands_fits_into_the_senders_timeout(template: Template) -> None:
    (source,) = template.event_sources("CommandSenderFunction")
    longest = source.batch_size * command_sender.app.PATIENCE_SECONDS
    assert longest < template.functions()["CommandSenderFunction"].timeout


def test_commands_of_one_call_stay_in_order_and_are_told_apart_by_their_id(resources: Mapping[str, Any]) -> None:
    queue = resources["CommandQueue"]["Properties"]
    assert queue["FifoQueue"] is True
    assert queue["ContentBasedDeduplication"] is False
    assert (queue["DeduplicationScope"], queue["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")


def test_recordings_are_copied_one_per_invocation(template: Template) -> None:
    (source,) = template.event_sources("RecordingArchiverFunction")
    assert (source.batch_size, source.maximum_concurrency) == (1, 5)


# What we keep


def test_what_customers_were_promised_outlives_the_stack() -> None:
    source = load_template(TEMPLATE, GIVEN).source["Resources"]
    for name in ("CallsTable", "RecordingsBucket"):
        assert source[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert source[name]["UpdateReplacePolicy"] == "Retain"


def test_everything_that_is_kept_is_encrypted_and_nobody_reads_it_without_tls(resources: Mapping[str, Any]) -> None:
    assert resources["CallsTable"]["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert "AES256" in json.dumps(resources["RecordingsBucket"]["Properties"]["BucketEncryption"])
    queues = of_type(resources, "AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    policed = {queue["Ref"] for queue in resources["QueuesPolicy"]["Properties"]["Queues"]}
    assert policed == set(queues)
    for name in ("QueuesPolicy", "RecordingsBucketPolicy"):
        (statement,) = resources[name]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_bucket_is_private_and_versioned(resources: Mapping[str, Any]) -> None:
    bucket = resources["RecordingsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_recordings_are_kept_for_ever_unless_a_parameter_says_how_long() -> None:
    def rules(**parameters: str) -> dict[str, dict[str, Any]]:
        bucket = load_template(TEMPLATE, GIVEN | parameters).properties("RecordingsBucket")
        return {rule.get("Prefix", ""): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    always = rules()
    assert set(always) == {"", "quarantine/"}
    assert "ExpirationInDays" not in always[""]
    kept = rules(RecordingRetentionDays="90", RetentionDays="30")
    assert {prefix: rule.get("ExpirationInDays") for prefix, rule in kept.items()} == {
        "": None,
        "quarantine/": 14,
        "oversize/": "30",
        "recordings/": "90",
    }
    colder = rules(RecordingColderAfterDays="30", RecordingColderClass="STANDARD_IA")
    assert colder["recordings/"]["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": "30"}]


def test_an_upload_that_was_never_finished_is_cleared_away(resources: Mapping[str, Any]) -> None:
    rules = resources["RecordingsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {"DaysAfterInitiation": 1} in [rule.get("AbortIncompleteMultipartUpload") for rule in rules]


def test_the_journal_forgets_by_itself_and_can_be_restored(resources: Mapping[str, Any]) -> None:
    table = resources["CallsTable"]["Properties"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_every_log_line_goes_where_it_is_deleted_in_time(resources: Mapping[str, Any]) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogGroup"}
    assert "FunctionLogGroup" in groups


def test_everything_that_can_carry_a_tag_says_that_it_is_hookline(resources: Mapping[str, Any]) -> None:
    api = resources["WebhookApi"]["Properties"]["Body"]["tags"]  # an HTTP API's stand in its OpenAPI document
    assert {"name": "Project", "x-amazon-apigateway-tag-value": "Hookline"} in api
    without = {
        "AWS::ApiGatewayV2::Api",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SQS::QueuePolicy",
    }
    for name, resource in resources.items():
        tags = resource["Properties"].get("Tags")
        tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags or []}
        assert resource["Type"] in without or tags.get("Project") == "Hookline", name


# What watches


def test_every_alarm_reaches_somebody_and_says_what_to_do(resources: Mapping[str, Any]) -> None:
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert len(alarm["AlarmDescription"]) > 40
        assert alarm["TreatMissingData"] == "notBreaching"


def test_an_alarm_on_a_count_of_ours_watches_something_that_is_counted(resources: Mapping[str, Any]) -> None:
    deployed = [*ROOT.glob("layers/hookline/hookline/*.py"), *ROOT.glob("functions/**/*.py")]
    counted = {text for source in deployed for text in texts(source)}
    transformed = [
        transformation["MetricName"]
        for metric in of_type(resources, "AWS::Logs::MetricFilter").values()
        for transformation in metric["MetricTransformations"]
    ]
    watched = [a for a in of_type(resources, "AWS::CloudWatch::Alarm").values() if a["Namespace"] == "Hookline"]
    assert len(watched) >= 3
    for alarm in watched:
        if isinstance(alarm["MetricName"], str):
            assert alarm["MetricName"] in counted
            assert alarm["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
        else:
            assert alarm["MetricName"] in transformed


def test_what_powertools_counts_bears_the_name_that_the_alarms_watch(template: Template) -> None:
    for function in template.functions():
        given = template.environment_of(function)
        assert given["POWERTOOLS_METRICS_NAMESPACE"] == "Hookline"
        assert given["POWERTOOLS_SERVICE_NAME"] == template.stack_name


# As a whole


def test_everything_runs_on_the_same_runtime_and_processor(resources: Mapping[str, Any]) -> None:
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert len(function["Layers"]) == 2
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


def test_each_output_says_what_it_is_for_and_the_url_to_paste_comes_first(template: Template) -> None:
    outputs = template.source["Outputs"]
    assert next(iter(outputs)) == "WebhookUrl"
    assert "Telnyx portal" in outputs["WebhookUrl"]["Description"]
    assert outputs["WebhookUrl"]["Value"]["Fn::Sub"].endswith("/webhooks")
    for name, output in outputs.items():
        assert len(output["Description"]) > 20, name
        assert not set(references(output["Value"])) & {"TelnyxApiKey", "LineStreamAuthToken"}


def test_the_line_speaks_every_language_that_telnyx_speaks_and_no_other(template: Template) -> None:
    assert set(template.source["Parameters"]["LineLanguage"]["AllowedValues"]) == SPEAK_LANGUAGES


def test_the_greeting_that_does_not_go_with_no_recording_is_the_default(template: Template) -> None:
    (rule,) = template.source["Rules"]["NoGreetingAboutARecordingThatIsNone"]["Assertions"]
    (equals,) = rule["Assert"]["Fn::Not"]
    assert equals["Fn::Equals"][1] == template.source["Parameters"]["LineGreeting"]["Default"]
