"""The log of a whole story: one line for each webhook, command, message of a queue and recording, with the same ids,
errors, crashes and background work included.
"""

import ast
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from hookline import dial
from hookline.environment import environment
from hookline.journal import timestamp
from hookline_local.emulator.cloudwatch.metrics import embedded, metric_filters
from tests.support.calls_api import CallsApi
from tests.support.conditions import deciding, unavailable
from tests.support.flows import reception
from tests.support.link_server import LinkServer
from tests.support.sound import wav
from tests.support.world import PROJECT, ROUTER, Clock, World, handler, ok, refused, request_of, sample_data, start_cold

LEG, SESSION = "leg-of-the-story", "session-of-the-story"

WITHOUT_A_CALL = {
    "webhook rejected",  # what a stranger sends is not logged
    "webhook quarantined",
    "message quarantined",  # unreadable: by the message's id
    "visibility not changed",  # by the messages' ids
    "no public key configured, rejecting all webhooks",
    "invalid public key",
    "API key not refreshed, using the old one",
    "api request",  # an action has a line of its own
}
"""Lines that are not about a call, or not about one that can be known."""


def post(event_type: str, *, age: float = 10.0, attempt: int = 9, signed_ago: int = 0, **payload: Any) -> int:
    """A webhook of the story to the router; the status. attempt: the last one, after which an event is deferred."""
    data = sample_data(event_type)
    data |= {"id": f"{event_type}-{time.time()}", "occurred_at": timestamp(time.time() - age)}
    data["payload"] |= {"call_leg_id": LEG, "call_session_id": SESSION, **payload}
    body = json.dumps({"data": data, "meta": {"attempt": attempt}}).encode()
    signed_at: dict[str, Any] = {"timestamp": int(time.time()) - signed_ago} if signed_ago else {}
    return int(handler(ROUTER)(request_of(body, age=age, **signed_at), Clock())["statusCode"])


def broken(*_: object) -> list[Any]:
    raise KeyError("step")


def webhooks(world: World) -> None:
    assert post("call.initiated") == 200
    body = json.dumps({"data": sample_data("call.bridged") | {"id": "the same"}}).encode()
    body = body.replace(sample_data("call.bridged")["payload"]["call_leg_id"].encode(), LEG.encode())
    body = body.replace(sample_data("call.bridged")["payload"]["call_session_id"].encode(), SESSION.encode())
    for _ in range(2):
        handler(ROUTER)(request_of(body, age=10), Clock())
    assert post("call.transcription", transcription_data={"is_final": False, "transcript": "hel"}) == 200
    assert post("call.hangup", signed_ago=900) == 401
    with deciding(call_answered=broken):
        assert post("call.answered") == 200
    with deciding(call_answered=dial(connection_id="1", from_="+12025550123", to="+88213000000")):
        assert post("call.answered") == 200
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reception, "lookup", broken, raising=False)
        patch.setattr(reception, "LOOKUP_EVENTS", ("call.speak.ended",), raising=False)
        assert post("call.speak.ended") == 200


def commands(world: World) -> None:
    world.replies = lambda request: refused(401, "10009")
    assert post("call.answered") == 200
    request = world.records("COMMAND")
    with unavailable("dynamodb"):
        assert world.consume("COMMAND", "command_sender", request)
    assert world.consume("COMMAND", "command_sender", request)
    world.replies = lambda request: ok()
    world.consume("COMMAND", "command_sender", request)  # but for the delayed end of the call whose flow has failed


def deferred(world: World) -> None:
    with unavailable("dynamodb", "sqs"):
        assert post("call.speak.started") == 503
        assert post("call.speak.started", signed_ago=900) == 401
    with unavailable("dynamodb"):
        assert post("call.speak.started") == 200
        request = world.records("DEFERRED")
        assert world.consume("DEFERRED", "deferred", request)
    assert world.consume("DEFERRED", "deferred", request) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENT_TYPE", "call.hangup")
        own = handler("call.hangup")
        data = sample_data("call.answered")
        data["payload"] |= {"call_leg_id": LEG, "call_session_id": SESSION}
        assert own(request_of(data, age=10), Clock())["statusCode"] == 503


def recordings(world: World, links: LinkServer) -> None:
    saved: dict[str, Any] = {"public_recording_urls": {}, "channels": "single"}
    saved |= {"recording_started_at": "2026-11-21T09:00:00Z", "recording_ended_at": "2026-11-21T09:00:02Z"}
    post("call.recording.saved", recording_urls={"wav": "http://127.0.0.1:9/a.wav"}, **saved)
    assert world.consume("RECORDING", "recording_archiver", world.records("RECORDING"), 900_000)
    post("call.recording.saved", recording_urls={"wav": links.put("/a.wav", wav(2.0))}, **saved)
    request = world.records("RECORDING")
    for _ in range(2):
        assert world.consume("RECORDING", "recording_archiver", request, 900_000) == []
    link = links.put("/b.wav", wav(2.0))
    post("call.recording.saved", recording_urls={"wav": link}, public_recording_urls={}, recording_id="b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECORDINGS_BUCKET", "a-bucket-that-is-not-there")
        start_cold(world)
        with pytest.raises(ClientError, match="NoSuchBucket"):
            world.consume("RECORDING", "recording_archiver", world.records("RECORDING"), 900_000)
    start_cold(world)


def actions(world: World) -> None:
    api = CallsApi(world.template)
    assert api.post(f"/calls/{LEG}/actions/speak", {"payload": "Hello", "voice": "female"}).status < 300


def published(event_type: str, function: str, *, ago: float = 10.0, **ids: str) -> None:
    """An event of the bus, to a function that works on its queue."""
    detail = {"event_id": "e", "event_type": event_type, "call_leg_id": LEG, "call_session_id": SESSION, "body": ""}
    now = time.time()
    detail |= {"received_at": timestamp(now - ago), "occurred_at": timestamp(now - ago), **ids}
    body = json.dumps({"detail-type": event_type, "detail": detail})
    record = {"messageId": "m", "receiptHandle": "r", "attributes": {"ApproximateReceiveCount": "1"}, "body": body}
    handler(function)({"Records": [record]}, Clock())


def publishing(world: World) -> None:
    published("call.hangup", "call_summary", ago=200.0)  # a leg without a hang-up
    assert post("call.hangup") == 200
    with unavailable("dynamodb"):
        published("call.hangup", "call_summary")
    published("call.hangup", "call_summary", ago=1000.0)
    secrets = boto3.client("secretsmanager")
    secret = secrets.create_secret(Name="events", SecretString="bmV3bmV3")["ARN"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENT_WEBHOOK_URL", "https://crm.example.com/hooks")
        patch.setenv("EVENT_WEBHOOK_SECRET_ARN", secret)
        patch.setenv("EVENT_WEBHOOK_QUEUE_URL", world.settings["COMMAND_QUEUE_URL"])
        for status in (401, 200):
            start_cold(world)
            environment().transport = httpx.MockTransport(lambda _, status=status: httpx.Response(status))
            published("call.completed", "event_webhook")
    start_cold(world)
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def crashes(world: World) -> None:
    with unavailable("dynamodb"):
        assert post("call.speak.started") == 200
    request = world.records("DEFERRED")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TABLE_NAME")
        start_cold(world)
        for crash in (
            lambda: post("call.speak.started"),
            lambda: world.consume("DEFERRED", "deferred", request),
        ):
            with pytest.raises(KeyError, match="TABLE_NAME"):
                crash()
    start_cold(world)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Every line that the functions have written."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def messages_of(source: Path) -> Iterator[str]:
    """The messages that a module can log; an assertion fails for one that is not fixed."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    named: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        named.setdefault(name.id, set()).update(_texts(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _logs(node.func):
            first = node.args[0]
            found = named.get(first.id, set()) if isinstance(first, ast.Name) else set(_texts(first))
            assert not any(isinstance(part, ast.JoinedStr) for part in ast.walk(first)), ast.unparse(node)
            assert found or source.name == "environment.py", ast.unparse(node)
            yield from found


def _logs(function: ast.Attribute) -> bool:
    of_logger = "logger" in ast.unparse(function.value) and function.attr in ("info", "warning", "error", "critical")
    return of_logger or function.attr in ("log_info", "crash_line")


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def test_every_line_about_a_call_has_the_same_ids_whatever_happened(
    world: World, links: LinkServer, capsys: pytest.CaptureFixture[str]
) -> None:
    chapters: tuple[Callable[[World], None], ...] = (webhooks, commands, deferred, actions, crashes, publishing)
    for chapter in chapters:
        chapter(world)
    recordings(world, links)
    lines = [line for line in map(json.loads, lines_of(capsys)) if "message" in line]
    about_the_call = [line for line in lines if line["message"] not in WITHOUT_A_CALL]
    for line in about_the_call:
        ids = line.get("event_id"), line.get("event_type"), line.get("call_leg_id"), line.get("call_session_id")
        assert all(ids), line
        assert ids[2:] == (LEG, SESSION), line
    deployed = [*PROJECT.glob("layers/hookline/hookline/**/*.py"), *PROJECT.glob("functions/*.py")]
    possible = {message for source in deployed for message in messages_of(source)}
    assert possible - WITHOUT_A_CALL - {line["message"] for line in about_the_call} == set()


def test_figures_come_from_the_lines_of_webhooks_and_recordings(
    world: World, links: LinkServer, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings(world, links)
    story = lines_of(capsys)
    points = [point for line in story for point in embedded(line)]
    bytes_archived = [point.value for point in points if point.name == "RecordingBytes"]
    assert bytes_archived == [float(len(wav(2.0)))]
    (lag,) = [point.value for point in points if point.name == "RecordingLag"]
    assert lag >= 10.0
    first = next(line for line in story if '"webhook journalled"' in line)
    fields = json.loads(first)
    assert fields["answer_milliseconds"] >= 10_000  # it was received ten seconds ago
    assert abs(fields["lag_milliseconds"]) < 10_000  # it had just happened then
    assert fields["milliseconds"] < fields["answer_milliseconds"]
    late = json.dumps(fields | {"lag_milliseconds": 250, "answer_milliseconds": 40, "milliseconds": 30})
    counted = [each.datapoint(late, 0.0) for each in metric_filters(world.template)]
    figures = {point.name.partition("-")[2]: point.value for point in counted if point is not None}
    assert figures == {"WebhooksJournalled": 1, "WebhookMilliseconds": 30, "AnswerMilliseconds": 40, "DeliveryLag": 250}
