"""A drill for each runbook: the fault is made, and only then the page's own commands and queries find it.

The commands are read from the page, so that a page whose commands find nothing turns its drill red.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hookline import dial
from hookline.journal import timestamp
from hookline.trouble import ARCHIVE_SECONDS
from tests.support.conditions import deciding, unavailable
from tests.support.deployed import Leg, announce, bury, empty_dead_letters, fail_to_archive, hookline_json
from tests.support.world import PROJECT, ROUTER, Clock, World, handler, refused, request_of, sample_data, start_cold

RUNBOOKS = PROJECT / "docs" / "runbooks"
UNREADABLE = b"CallSid=1&From=x"

ONLY_ON_AWS = {
    "NoWebhooks": "the absence of webhooks is seen by CloudWatch alone",
    "WebhooksThrottled": "API Gateway throttles, and its access log has the lines",
    "CallsApiErrors": "API Gateway's metric and Lambda's own lines",
    "CommandSenderErrors": "Lambda's own lines",
    "CommandSenderThrottles": "Lambda throttles",
    "DeferredErrors": "Lambda's own lines",
    "DeferredThrottles": "Lambda throttles",
    "EventDeadLetter": "a pipe and its dead letters",
    "RecordingArchiverErrors": "Lambda's own lines",
    "RecordingArchiverThrottles": "Lambda throttles",
}
"""The pages whose fault is not made here, and why."""


@pytest.fixture(scope="module")
def announced(deployed: World) -> None:
    announce(deployed)


@pytest.fixture
def line(announced: None, world: World) -> Iterator[World]:
    yield world
    empty_dead_letters(world)


def no_public_key(line: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELNYX_PUBLIC_KEY", "")
        patch.delenv("AWS_SAM_LOCAL")  # where the development key is one
        start_cold(line)
        assert post("call.hangup") == 500
    start_cold(line)


def slow_telnyx(line: World) -> None:
    line.replies = lambda request: refused(401)
    Leg()("call.answered", ago=60)
    line.replies = lambda request: refused(200)
    assert line.consume("COMMAND", "command_sender", line.records("COMMAND")) == []


def forged(line: World) -> None:
    request = request_of(sample_data("call.hangup"))
    request["body"] += " "
    assert handler(ROUTER)(request, Clock())["statusCode"] == 401


def stale(line: World) -> None:
    assert post("call.hangup", ago=900, signed_at=int(time.time()) - 900) == 401


def broken_flow(line: World) -> None:
    def broken(event: object, call: object) -> list[object]:
        raise KeyError("step")

    with deciding(call_answered=broken):  # type: ignore[arg-type]
        Leg()("call.answered")


def expensive_number(line: World) -> None:
    with deciding(call_answered=dial(connection_id="1", from_="+12025550123", to="+88213000000")):
        Leg()("call.answered")


def dead_key(line: World) -> None:
    line.replies = lambda request: refused(401, "10009")
    Leg()("call.answered")


def unreadable(line: World) -> None:
    assert handler(ROUTER)(request_of(UNREADABLE, age=10), Clock())["statusCode"] == 200


def journal_away(line: World) -> None:
    with unavailable("dynamodb"):
        Leg()("call.speak.started")
        request = line.records("DEFERRED")
        assert line.consume("DEFERRED", "deferred", request)
    for record in request["Records"]:
        line.sqs.change_message_visibility(
            QueueUrl=line.settings["DEFERRED_QUEUE_URL"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )


def never_journalled(line: World) -> None:
    journal_away(line)
    bury(line, "DeferredDeadLetterQueue", "DEFERRED")


def expired(line: World) -> None:
    dead_key(line)
    record = line.records("COMMAND")["Records"][0]
    late = record["body"].replace('"expires_at":', '"expires_at":1,"was":')
    line.consume("COMMAND", "command_sender", {"Records": [{**record, "body": late}]})


def refused_command(line: World) -> None:
    line.replies = lambda request: refused(422, "90012")
    Leg()("call.answered")


def never_sent(line: World) -> None:
    dead_key(line)
    bury(line, "CommandDeadLetterQueue", "COMMAND")


def not_archived(line: World) -> None:
    Leg()("call.recording.saved", ago=ARCHIVE_SECONDS + 1, recording_urls={"mp3": "http://127.0.0.1:9/x.mp3"})
    fail_to_archive(line)


def never_archived(line: World) -> None:
    not_archived(line)
    bury(line, "RecordingDeadLetterQueue", "RECORDING")


DRILLS: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "WebhookErrors": (no_public_key, {"log no public key configured, rejecting all webhooks"}),
    "WebhookLatency": (slow_telnyx, {"trouble command_late"}),
    "SignaturesRejected": (forged, {"log webhook rejected"}),
    "WebhookStale": (stale, {"trouble webhook_stale", "log stale webhook rejected"}),
    "FlowFailed": (broken_flow, {"trouble flow_failed", "log flow failed"}),
    "DialRefused": (expensive_number, {"trouble dial_refused"}),
    "ApiKeyRefused": (
        dead_key,
        {
            "trouble api_key_refused",
            "log API key refused or unreadable, commands are queued: put a valid key into its secret",
        },
    ),
    "Quarantine": (unreadable, {"shown quarantined", "log webhook quarantined"}),
    "DeferredQueueAge": (
        journal_away,
        {"waiting DeferredQueue", "log webhook deferred", "log deferred webhook not journalled yet"},
    ),
    "DeferredDeadLetter": (never_journalled, {"shown deferred_webhook", "log deferred webhook not journalled yet"}),
    "CommandQueueAge": (dead_key, {"waiting CommandQueue"}),
    "CommandExpired": (expired, {"trouble command_expired"}),
    "CommandRefused": (refused_command, {"trouble command_refused"}),
    "CommandDeadLetter": (never_sent, {"shown commands"}),
    "RecordingQueueAge": (
        not_archived,
        {"waiting RecordingQueue", "trouble recording_not_archived", "log recording archive failed"},
    ),
    "RecordingDeadLetter": (never_archived, {"shown recording", "log recording archive failed"}),
}
"""By page: the fault, and what the commands of the page find then."""


def post(event_type: str, *, ago: float = 10, signed_at: int | None = None) -> int:
    """A signed webhook of a call that began today; the status."""
    data = sample_data(event_type)
    data |= {"occurred_at": timestamp(time.time() - ago)}
    data["payload"] |= {"call_leg_id": Leg.ID}
    request = request_of(data) if signed_at is None else request_of(data, timestamp=signed_at)
    return int(handler(ROUTER)(request, Clock())["statusCode"])


def found(page: Path, log: str) -> set[str]:
    """The findings of the page's own commands, and of its queries in this log."""
    text = " ".join(page.read_text(encoding="utf-8").partition("## What to look at")[2].partition("## ")[0].split())
    findings = set()
    for command in set(re.findall(r"`hookline ([a-z][^`]*?) --stack hookline`", text)):
        match command.split():
            case ["calls", "--trouble"]:
                for day in {timestamp(time.time() - ago)[:10] for ago in (0, 1000)}:
                    calls = hookline_json("calls", "--trouble", "--day", day)["calls"]
                    findings |= {f"trouble {each['code']}" for call in calls for each in call["trouble"]}
            case ["queues"]:
                counts = hookline_json("queues")["queues"]
                findings |= {f"waiting {name}" for name, count in counts.items() if count["waiting"]}
            case ["queues", "show", queue]:
                messages = hookline_json("queues", "show", queue)["messages"]
                findings |= {f"shown {message['content']}" for message in messages}
    logged = {json.loads(entry).get("message") for entry in log.splitlines() if entry.startswith("{")}
    asked_for = set(re.findall(r'filter message = "([^"]+)"', text))
    return findings | {f"log {message}" for message in logged & asked_for}


@pytest.mark.parametrize("name", DRILLS)
def test_the_commands_of_a_runbook_find_its_fault(name: str, line: World, capsys: pytest.CaptureFixture[str]) -> None:
    page = RUNBOOKS / f"{name}.md"
    make, expected = DRILLS[name]
    Leg()("call.initiated", ago=600)
    assert found(page, capsys.readouterr().out) & expected == set()
    make(line)
    assert expected - found(page, capsys.readouterr().out) == set()


def test_every_runbook_has_a_drill_or_a_reason() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert DRILLS.keys() | ONLY_ON_AWS.keys() == pages
    assert not DRILLS.keys() & ONLY_ON_AWS.keys()
