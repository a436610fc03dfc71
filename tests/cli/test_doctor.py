"""`hookline doctor` names the fault of each set-up, alone and in twos, and no other."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from typer.testing import CliRunner

from hookline_local.base.errors import CliError
from hookline_local.base.signing import public_key_of
from hookline_local.cli.app import app
from hookline_local.cli.doctor_view import TEXTS
from hookline_local.operations.doctor.finding import Level
from tests.support.operated import (
    ANOTHER_KEY,
    API_KEY,
    NAME,
    NUMBER,
    PLACE,
    REGION,
    SEED,
    Operated,
    Outside,
    Setup,
    operated,
    outside,
)
from tests.support.world import PROJECT

OWN_KEY = public_key_of(SEED)
ELSEWHERE = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/webhooks"

NO_URL = Setup(application={"webhook_event_url": None})
OTHER_URL = Setup(application={"webhook_event_url": ELSEWHERE})
OTHER_REGION = Setup(application={"webhook_event_url": ELSEWHERE.replace("us-east-1", "eu-west-1")})
LOST_PATH = Setup(application={"webhook_event_url": f"{PLACE}/webhook"})
SLASH = Setup(application={"webhook_event_url": f"{PLACE}/webhooks/"})
OLD_VERSION = Setup(application={"webhook_api_version": "1"})
NO_VERSION = Setup(application={"webhook_api_version": None})
NO_TIME = Setup(application={"webhook_timeout_secs": 0})
INACTIVE = Setup(application={"active": False})
LOST_FAILOVER = Setup(application={"webhook_event_failover_url": f"{PLACE}/"})
DEAD_FAILOVER = Setup(application={"webhook_event_failover_url": "http://127.0.0.1:1/webhooks"})
UNASSIGNED = Setup(number={"connection_id": None})
PORTED = Setup(number={"status": "port-pending"})
LONG_TIMEOUT = Setup(application={"webhook_timeout_secs": 30})
NO_FAILOVER = Setup(application={"webhook_event_failover_url": None})
OTHER_APPLICATION = Setup(number_elsewhere=True)
FOREIGN_PUBLIC_KEY = Setup(public_keys=(ANOTHER_KEY,))
DEAD_KEY = Setup(public_keys=(OWN_KEY, ANOTHER_KEY))
MALFORMED_KEY = Setup(public_keys=(OWN_KEY, OWN_KEY[:-5]))
JSON_SECRET = Setup(secret='{"key": "KEY_of_the_account"}')
IDLE = Setup(idle=("CommandQueue",))
WRONG_API_KEY = Setup(secret="KEY_that_is_wrong")
FOREIGN_API_KEY = Setup(foreign_account=True)
NO_SECRET = Setup(secret=None)
WRONG_QUEUE = Setup(variables={"COMMAND_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/other.fifo"})

ALONE = {
    "webhook_url_missing": NO_URL,
    "webhook_url_elsewhere": OTHER_URL,
    "webhook_url_region": OTHER_REGION,
    "webhook_url_path": LOST_PATH,
    "webhook_url_slash": SLASH,
    "api_version": OLD_VERSION,
    "api_version_unset": NO_VERSION,
    "timeout": LONG_TIMEOUT,
    "timeout_short": NO_TIME,
    "application_inactive": INACTIVE,
    "failover_not_a_webhook": LOST_FAILOVER,
    "failover_unreachable": DEAD_FAILOVER,
    "number_unassigned": UNASSIGNED,
    "number_inactive": PORTED,
    "failover_url_missing": NO_FAILOVER,
    "number_elsewhere": OTHER_APPLICATION,
    "public_key_of_another_account": FOREIGN_PUBLIC_KEY,
    "public_key_dead": DEAD_KEY,
    "public_key_invalid": MALFORMED_KEY,
    "api_key_refused": WRONG_API_KEY,
    "api_key_of_another_account": FOREIGN_API_KEY,
    "secret_unreadable": NO_SECRET,
    "queue_url": WRONG_QUEUE,
    "queue_not_consumed": IDLE,
    "permission": Setup(denied=("dynamodb:PutItem",)),
    "statement_missing": Setup(lacking=("SendToQueues",)),
}
FOLLOWS = {
    "public_key_of_another_account": {"round_trip_failed"},
    "api_key_of_another_account": {"application_missing"},
}
"""More that is not as it should be then, and is reported as well."""

IN_TWOS = [
    ({"webhook_url_missing", "public_key_of_another_account", "round_trip_failed"}, NO_URL | FOREIGN_PUBLIC_KEY),
    ({"webhook_url_elsewhere", "number_elsewhere"}, OTHER_URL | OTHER_APPLICATION),
    ({"api_version", "queue_url"}, OLD_VERSION | WRONG_QUEUE),
    ({"public_key_dead", "failover_url_missing"}, DEAD_KEY | NO_FAILOVER),
    ({"secret_unreadable", "queue_url"}, NO_SECRET | WRONG_QUEUE),
    ({"secret_unreadable", "public_key_invalid"}, JSON_SECRET | MALFORMED_KEY),
    ({"webhook_url_slash", "number_unassigned"}, SLASH | UNASSIGNED),
    ({"webhook_url_region", "failover_unreachable"}, OTHER_REGION | DEAD_FAILOVER),
    ({"timeout_short", "queue_not_consumed"}, NO_TIME | IDLE),
    ({"application_inactive", "public_key_dead"}, INACTIVE | DEAD_KEY),
]


@pytest.fixture(scope="module")
def around() -> Iterator[Outside]:
    """The function's port and two Telnyx accounts, for all tests."""
    with outside() as servers:
        yield servers


def key_option() -> str:
    """The private half of the account's key, which only Telnyx has."""
    return base64.b64encode(SEED).decode()


def doctor(*options: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and the JSON document."""
    result = CliRunner().invoke(app, ["doctor", "--stack", NAME, "--key", key_option(), "--json", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    _, brace, document = result.stdout.partition("{\n")  # before it stands the log of the function, which runs here
    return result.exit_code, json.loads(brace + document)


def named(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["findings"] if finding["level"] in (Level.FAULT, Level.WARNING)}


def test_of_a_healthy_stack_everything_is_looked_at_and_nothing_found(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch):
        status, document = doctor("--number", NUMBER)
    assert named(document) == set()
    good = {finding["code"] for finding in document["findings"] if finding["level"] == Level.OK}
    assert good == {
        *(
            "secret_readable",
            "region",
            "stack_status",
            "function_settings",
            "queues",
            "queues_consumed",
            "permissions",
            "statements",
            "retention",
            "reachable",
        ),
        "round_trip",
        *("api_key", "public_key", "application", "failover_same", "number", "clock"),
    }
    assert (status, document["healthy"]) == (0, True)


@pytest.mark.parametrize("code", ALONE)
def test_each_fault_is_named_with_its_mend(code: str, around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, ALONE[code], monkeypatch):
        status, document = doctor()
    assert named(document) == {code} | FOLLOWS.get(code, set())
    finding = next(finding for finding in document["findings"] if finding["code"] == code)
    assert finding["mend"]
    assert status == (0 if finding["level"] == Level.WARNING else 1)


@pytest.mark.parametrize(
    ("codes", "setup"), IN_TWOS, ids=lambda given: "-".join(sorted(given)) if isinstance(given, set) else ""
)
def test_two_faults_at_once_are_both_named(
    codes: set[str], setup: Setup, around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, setup, monkeypatch):
        assert named(doctor()[1]) == codes


def test_each_statement_that_a_role_lacks_is_named_with_whose_it_is(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an own role, of a policy that many roles hold; the router's shares none of its Sids with the sender's."""
    with operated(around, Setup(lacking=("ReceiveCommands", "EndLiveCalls")), monkeypatch):
        _, document = doctor()
    found = [finding for finding in document["findings"] if finding["code"] == "statement_missing"]
    named = {(finding["sid"], finding["function"], finding["actions"]) for finding in found}
    assert ("EndLiveCalls", "WebhookRouterFunction", "dynamodb:DeleteItem") in named
    assert ("ReceiveCommands", "CommandSenderFunction") in {each[:2] for each in named}


def test_a_checkout_that_is_not_the_deployed_one_compares_no_statements(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch):
        stack = set_status("UPDATE_COMPLETE")
        stack.stack_parameters["ParameterOfTomorrow"] = "on"
        status, document = doctor()
    codes = {finding["code"]: finding for finding in document["findings"]}
    assert codes["statements_unknown"]["reason"].startswith("ParameterOfTomorrow")
    assert (status, "statements" in codes) == (0, False)


def test_a_clock_that_is_ten_minutes_off_is_named(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(), monkeypatch) as stack:
        stack.telnyx.set_faults(clock_skew_seconds=-600)
        try:
            assert named(doctor()[1]) == {"clock"}
        finally:
            stack.telnyx.set_faults(clock_skew_seconds=0)


def test_an_endpoint_in_another_region_is_named(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(), monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "https://sns.eu-west-1.amazonaws.com")
        assert named(doctor("--region", REGION)[1]) == {"endpoint_region"}


def test_the_last_webhook_that_telnyx_has_sent_counts_as_a_round_trip(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch) as stack:
        ring(stack)
        assert delivery(doctor()[1]) == ("deliveries", 200)
    with operated(around, FOREIGN_PUBLIC_KEY, monkeypatch) as stack:
        ring(stack)
        assert delivery(doctor()[1]) == ("delivery_failed", 401)


def test_urls_without_tls_are_named(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "http://127.0.0.1:9/webhooks"
    setup = Setup(application={"webhook_event_url": plain, "webhook_event_failover_url": plain})
    with operated(around, setup, monkeypatch):
        _, document = doctor("--webhook-url", plain.replace("http:", "https:"))
    assert named(document) == {"unreachable", "webhook_url_http", "failover_http"}


def test_a_line_end_behind_the_key_of_a_secret_does_no_harm(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(secret=f"{API_KEY}\n"), monkeypatch):
        assert named(doctor()[1]) == set()


@pytest.mark.parametrize("key", ["KEY_of\nthe_account", "KEY_\u00e4", '{"key": "KEY_of_the_account"}'])
def test_a_variable_that_holds_no_key_is_refused_and_not_shown(
    key: str, around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, NO_SECRET, monkeypatch):
        monkeypatch.setenv("TELNYX_API_KEY", key)
        with pytest.raises(CliError, match="TELNYX_API_KEY: it holds") as refused:
            CliRunner().invoke(app, ["doctor", "--stack", NAME], catch_exceptions=False)
    assert "KEY_of" not in f"{refused.value}{refused.value.advice}"


def test_the_command_that_mends_names_what_was_examined(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, NO_URL, monkeypatch):
        _, document = doctor("--region", REGION, "--application", NAME)
    mend = next(entry["mend"] for entry in document["findings"] if entry["code"] == "webhook_url_missing")
    assert mend == f"hookline connect --stack {NAME} --region {REGION} --application {NAME} sets it."


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "stack_rolled_back"),
        ("UPDATE_ROLLBACK_FAILED", "stack_failed"),
        ("UPDATE_IN_PROGRESS", None),
    ],
)
def test_a_deployment_that_has_failed_is_named(
    status: str, code: str | None, around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch):
        set_status(status)
        _, document = doctor()
    assert named(document) == ({code} if code else set())


def test_of_a_stack_whose_first_deployment_has_failed_the_next_command_is_named(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch):
        set_status("ROLLBACK_COMPLETE").template_dict["Outputs"].clear()
        with pytest.raises(CliError, match="its status is ROLLBACK_COMPLETE") as failed:
            CliRunner().invoke(app, ["doctor", "--stack", NAME], catch_exceptions=False)
    assert failed.value.advice.startswith("Its first deployment has failed, and nothing of it is left: make delete")


def set_status(status: str) -> Any:
    """Of the stack, as CloudFormation shows it; moto's own record of it."""
    (stack,) = get_backend("cloudformation")[DEFAULT_ACCOUNT_ID][REGION].stacks.values()
    stack.status = status
    return stack


def ring(stack: Operated) -> None:
    """A call that the caller gives up at once."""
    leg = stack.telnyx.place_inbound_call(to_number=NUMBER)
    stack.telnyx.hang_up(leg)
    stack.telnyx.settle(leg, timeout_seconds=120)


def delivery(document: dict[str, Any]) -> tuple[str, int]:
    found = next(entry for entry in document["findings"] if entry["code"] in ("deliveries", "delivery_failed"))
    return found["code"], found["status"]


def test_a_table_whose_events_never_expire_and_dead_letters_are_named(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch):
        physical = boto3.client("cloudformation").describe_stack_resource(
            StackName=NAME, LogicalResourceId="RecordingDeadLetterQueue"
        )["StackResourceDetail"]["PhysicalResourceId"]
        boto3.client("sqs").send_message(QueueUrl=physical, MessageBody="{}")
        status, document = doctor()
    assert named(document) == {"dead_letters"}
    assert status == 0


def test_for_people_each_finding_is_one_line_with_its_mend(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, LONG_TIMEOUT, monkeypatch):
        result = CliRunner().invoke(app, ["doctor", "--stack", NAME])
    waits = "FAULT Telnyx waits 30 s for an answer, and retries that much later"
    assert f"{waits}\n      hookline connect --stack {NAME} sets it.\n" in result.stdout
    assert result.stdout.rstrip().endswith("1 fault")
    assert "KEY_of" not in result.stdout


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "local/hookline_local/operations/doctor").glob("*.py"))
    given = re.findall(r'(?:ok|unknown|warning|fault)\(\s*"([a-z_]+)"', source)
    named_otherwise = {"public_key_of_another_account", "api_key_of_another_account", "webhook_url_path"}
    named_otherwise |= {"webhook_url_elsewhere", "webhook_url_http", "webhook_url_region", "webhook_url_slash"}
    named_otherwise |= {"queue_url", "function_setting"}
    assert set(given) | named_otherwise == set(TEXTS)
