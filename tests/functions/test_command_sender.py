"""What could not be said in time is said later: in order, one call at a time, and not when it has become too old."""

import base64
import json
import time
from typing import Any

import httpx
import pytest

from tests.support.world import Clock, World, deliver, handler, log_anew, ok, refused, sample_data

CONTROL = sample_data("call.answered")["payload"]["call_control_id"]
LEG = sample_data("call.answered")["payload"]["call_leg_id"]


def batch(world: World) -> dict[str, Any]:
    """What SQS would give the function now, as Lambda wraps it."""
    url = world.settings["COMMAND_QUEUE_URL"]
    taken = world.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=60
    ).get("Messages", [])
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:hookline-CommandQueue.fifo",
            "awsRegion": "us-east-1",
        }
        for message in taken
    ]
    return {"Records": records}


def send(request: dict[str, Any]) -> list[str]:
    """Run the function; the ids of the messages that stay in the queue."""
    answer = handler("command_sender")(request, Clock(30_000))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def queued(world: World) -> dict[str, Any]:
    """Three commands of one call and one of another, waiting."""
    world.replies = lambda request: refused(422, "90034")
    deliver("call.answered")
    deliver("call.initiated", call_control_id="v3:another", call_leg_id="another")
    world.said.clear()
    request = batch(world)
    assert len(request["Records"]) == 4
    return request


def later(world: World, leg: str = LEG) -> list[tuple[str, str]]:
    record = world.journal.read(leg)
    assert record is not None
    return [(note["action"], note["result"]) for note in record.notes.get("EVENT_RESULT", [])]


def test_commands_are_said_in_order_with_the_ids_they_had(world: World, queued: dict[str, Any]) -> None:
    world.replies = lambda request: ok()
    assert send(queued) == []
    assert world.actions == ["speak", "record_start", "transcription_start", "answer"]
    ids = [json.loads(record["body"])["command_id"] for record in queued["Records"]]
    assert [said["body"]["command_id"] for said in world.said] == ids
    assert sorted(later(world)) == [
        ("record_start", "accepted"),
        ("speak", "accepted"),
        ("transcription_start", "accepted"),
    ]


def test_once_the_queue_has_been_emptied_later_webhooks_tell_at_once_again(
    world: World, queued: dict[str, Any]
) -> None:
    world.replies = lambda request: ok()
    assert send(queued) == []
    told = deliver("call.dtmf.received.pound", function="call.dtmf.received")["commands"]
    assert told == ["record_stop: accepted", "transcription_stop: accepted", "speak: accepted"]


def test_a_call_that_is_not_answered_yet_waits_and_others_go_on(
    world: World, queued: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return ok() if "another" in request.url.path else refused(422, "90034")

    world.replies = reply
    stay = send(queued)
    assert stay == [record["messageId"] for record in queued["Records"][:3]]
    assert world.actions == ["speak", "answer"]
    assert later(world) == []
    assert later(world, "another") == [("answer", "accepted")]
    # The pause is short, not the queue's whole visibility timeout: the caller is waiting.
    later_on = time.time() + 3
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda dt=None: later_on * 1000)
    # (Which of the group moto then gives first is its own affair; SQS keeps their order.)
    assert batch(world)["Records"]


def test_a_command_that_has_become_too_old_is_dropped_noted_and_counted(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    for record in queued["Records"]:
        record["body"] = json.dumps({**json.loads(record["body"]), "expires_at": time.time() - 1})
    assert send(queued) == []
    assert world.said == []
    assert {result for _, result in later(world)} == {"expired"}
    assert capsys.readouterr().out.count('"CommandExpired":[1.0]') == 4


def test_an_end_is_still_wanted_when_a_greeting_is_not(world: World) -> None:
    world.replies = lambda request: refused(422, "90034")
    deliver("call.dtmf.received.pound", function="call.dtmf.received")
    ages = {message["command"]["action"]: message["expires_at"] - time.time() for message in world.messages("COMMAND")}
    assert ages["speak"] <= 55
    assert ages["record_stop"] > 480


@pytest.mark.parametrize(("code", "result"), [("90018", "call_ended"), ("10032", "refused")])
def test_what_cannot_be_helped_leaves_the_queue(world: World, queued: dict[str, Any], code: str, result: str) -> None:
    world.replies = lambda request: refused(422, code)
    assert send(queued) == []
    assert {noted for _, noted in later(world)} == {result}


def test_without_the_journal_the_command_stays_and_is_said_again_under_its_id(
    world: World, queued: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    from hookline.environment import environment

    def out_of_reach(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="x")

    world.replies = lambda request: ok()
    with monkeypatch.context() as broken:
        broken.setattr(environment().journal._client, "put_item", out_of_reach)  # noqa: SLF001
        assert len(send(queued)) == 4
    assert send(queued) == []
    ids = [said["body"]["command_id"] for said in world.said if said["action"] == "speak"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_message_that_is_no_command_is_kept_in_quarantine_and_holds_nobody_up(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    log_anew()
    world.replies = lambda request: ok()
    queued["Records"][0]["body"] = "{}"
    assert send(queued) == []
    assert world.actions == ["record_start", "transcription_start", "answer"]
    (kept,) = world.messages("QUARANTINE")
    assert base64.b64decode(kept["body"]) == b"{}"
    assert "holds no command" in capsys.readouterr().out


def test_a_message_of_another_release_is_read_as_far_as_it_is_known(world: World, queued: dict[str, Any]) -> None:
    world.replies = lambda request: ok()
    read = json.loads(queued["Records"][0]["body"])
    read["command"]["added_later"] = read["identity"]["added_later"] = 1
    queued["Records"][0]["body"] = json.dumps(read)
    assert send(queued) == []
    assert len(world.said) == 4


def test_why_a_message_stays_is_in_the_log(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    log_anew()
    assert send(queued)
    reasons = [json.loads(line).get("reason") for line in capsys.readouterr().out.splitlines()]
    assert reasons.count("Telnyx answered 90034") == 2


def test_telnyx_s_own_pause_is_kept(world: World, queued: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from hookline.environment import environment

    paused: list[dict[str, int]] = []
    monkeypatch.setattr(environment().queues, "pause", paused.append)
    world.replies = lambda request: refused(429, "10011", **{"x-ratelimit-reset": "15"})
    send(queued)
    assert set(paused[0].values()) == {15}


def test_a_pause_that_fails_does_not_send_what_was_told_round_again(
    world: World, queued: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hookline.environment import environment
    from hookline.errors import QueueUnavailable

    def fail(_: object) -> None:
        raise QueueUnavailable("SQS is out of reach")

    monkeypatch.setattr(environment().queues, "pause", fail)
    world.replies = lambda request: ok() if "another" in request.url.path else refused(422, "90034")
    assert len(send(queued)) == 3


def test_a_secret_of_a_command_reaches_telnyx_and_not_the_journal(world: World) -> None:
    from hookline.commands import streaming_start
    from hookline.environment import environment
    from hookline.events import Identity
    from hookline.queues import QueuedCommand

    command = streaming_start(stream_url="wss://media.example.com", stream_auth_token="hush", on="v3:x")
    queued = QueuedCommand(command, "id", time.time() + 60, "E", "call.answered", Identity("L", "v3:x", None, "E"))
    environment().queues.enqueue([queued])
    assert send(batch(world)) == []
    assert world.said[0]["body"]["stream_auth_token"] == "hush"
    assert "hush" not in str(world.items)
