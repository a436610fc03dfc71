"""Commands that did not fit into a webhook's deadline: sent in order, one call at a time, dropped when too old."""

import base64
import json
import time
from typing import Any

import httpx
import pytest

from hookline import Command, client_state_update, hangup, record_start, speak, streaming_start
from hookline.environment import environment
from hookline.events import Identity
from hookline.queues import CommandMessage, QueuedCommand
from tests.support.conditions import deciding, requests_to_aws, unavailable
from tests.support.world import Clock, World, deliver, handler, log_anew, ok, refused, request_of, sample_data

ANSWERED = sample_data("call.answered")
CONTROL = ANSWERED["payload"]["call_control_id"]
LEG = ANSWERED["payload"]["call_leg_id"]
OPENING = ["speak", "record_start", "transcription_start"]


def send(world: World, request: dict[str, Any], milliseconds: int = 30_000) -> list[str]:
    """Run the function; the ids of the messages that stay in the queue."""
    return world.consume("COMMAND", "command_sender", request, milliseconds)


def results(world: World, leg: str = LEG) -> list[tuple[str, str]]:
    """The recorded results of a leg's queued commands, in order of time."""
    record = world.journal.read(leg)
    assert record is not None
    found = sorted(record.command_results.values(), key=lambda result: str(result["created_at"]))
    return [(result["action"], result["result"]) for result in found]


def too_early(request: httpx.Request) -> httpx.Response:
    """Telnyx's answer on a call that is not answered yet: the command goes to the queue, and stays there."""
    return refused(422, "90034")


def queue_directly(*commands: Command, not_before: float = 0.0, expires_at: float | None = None) -> None:
    """Put commands into the queue as one webhook of the sample's leg would have."""
    queued = [
        QueuedCommand(
            command=command if command.call_control_id else command._replace(call_control_id=CONTROL),
            command_id=f"{command.action}-{number}-{not_before}",
            expires_at=expires_at or not_before + time.time() + 60,
            not_before=not_before,
        )
        for number, command in enumerate(commands)
    ]
    identity = Identity(LEG, CONTROL, None, ANSWERED["id"])
    environment().queues.enqueue(
        CommandMessage(
            queued, ANSWERED["id"], "call.answered", ANSWERED["occurred_at"], identity, has_delay=bool(not_before)
        )
    )


def deliver_key(digit: str, *, second: int = 55, **payload: Any) -> dict[str, Any]:
    """Deliver a pressed key that is newer than `call.answered`."""
    data = sample_data("call.dtmf.received.pound")
    data |= {"id": f"key-{digit}-{second}", "occurred_at": f"2026-09-01T14:04:{second:02}.000000Z"}
    data["payload"] |= {"digit": digit, **payload}
    answer = handler("call.dtmf.received")(request_of(data, age=10.0), Clock())
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


@pytest.fixture
def queued(world: World) -> dict[str, Any]:
    """The three commands of one call and the one of another are queued: two messages."""
    world.replies = too_early
    deliver("call.answered")
    deliver("call.initiated", call_control_id="v3:another", call_leg_id="another")
    world.sent.clear()
    request = world.records("COMMAND")
    assert [len(json.loads(record["body"])["commands"]) for record in request["Records"]] == [3, 1]
    world.replies = lambda request: ok()
    return request


# In order, with their ids, one call at a time


def test_commands_are_sent_in_order_with_the_ids_they_had(world: World, queued: dict[str, Any]) -> None:
    assert send(world, queued) == []
    assert world.actions == [*OPENING, "answer"]
    ids = [command["command_id"] for record in queued["Records"] for command in json.loads(record["body"])["commands"]]
    assert [sent["body"]["command_id"] for sent in world.sent] == ids
    assert results(world) == [(action, "accepted") for action in OPENING]
    assert results(world, "another") == [("answer", "accepted")]


def test_a_message_that_is_received_twice_is_sent_once(world: World, queued: dict[str, Any]) -> None:
    assert send(world, queued) == []
    assert send(world, queued) == []
    assert world.actions == [*OPENING, "answer"]


def test_once_the_queue_is_empty_later_webhooks_send_at_once_again(world: World, queued: dict[str, Any]) -> None:
    assert send(world, queued) == []
    sent = deliver("call.dtmf.received.pound", function="call.dtmf.received")["commands"]
    assert sent == ["record_stop: accepted", "transcription_stop: accepted", "speak: accepted", "hangup: queued"]


def test_a_call_that_is_not_answered_yet_waits_and_other_calls_go_on(
    world: World, queued: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.replies = lambda request: ok() if "another" in request.url.path else too_early(request)
    assert send(world, queued) == [queued["Records"][0]["messageId"]]
    assert world.actions == ["speak", "answer"]
    assert results(world) == []
    assert results(world, "another") == [("answer", "accepted")]
    # The pause is short, not the queue's whole visibility timeout: a caller is waiting.
    in_three_seconds = time.time() + 3
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda dt=None: in_three_seconds * 1000)
    assert world.records("COMMAND")["Records"]


def test_what_was_sent_before_the_first_that_must_wait_is_not_sent_again(world: World, queued: dict[str, Any]) -> None:
    world.replies = lambda request: too_early(request) if "record_start" in request.url.path else ok()
    assert send(world, queued) == [queued["Records"][0]["messageId"]]
    assert results(world) == [("speak", "accepted")]
    world.replies = lambda request: ok()
    assert send(world, queued) == []
    assert world.actions.count("speak") == 1
    assert results(world) == [(action, "accepted") for action in OPENING]


def test_the_messages_of_a_call_that_waits_wait_behind_it(world: World) -> None:
    world.replies = too_early
    deliver("call.answered")
    deliver_key("1")
    world.sent.clear()
    request = world.records("COMMAND")
    assert send(world, request) == [record["messageId"] for record in request["Records"]]
    assert world.actions == ["speak"]


def test_without_time_left_the_rest_of_a_batch_stays_in_the_queue(world: World, queued: dict[str, Any]) -> None:
    assert send(world, queued, milliseconds=7_000) == [record["messageId"] for record in queued["Records"]]
    assert world.sent == []


# Too old, superseded, refused


def test_a_command_that_is_too_old_is_dropped_recorded_and_counted(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    for record in queued["Records"]:
        message = json.loads(record["body"])
        for command in message["commands"]:
            command["expires_at"] = time.time() - 1
        record["body"] = json.dumps(message)
    assert send(world, queued) == []
    assert world.sent == []
    assert {result for _, result in (*results(world), *results(world, "another"))} == {"expired"}
    assert capsys.readouterr().out.count('"CommandExpired":[1.0]') == 4


def test_an_end_is_worth_sending_longer_than_a_greeting(world: World) -> None:
    world.replies = too_early
    deliver("call.dtmf.received.pound", function="call.dtmf.received")
    seconds = {queued["command"]["action"]: queued["expires_at"] - time.time() for queued in world.queued_commands}
    assert seconds["speak"] <= 55
    assert 400 < seconds["record_stop"] <= 500


def test_in_the_place_of_a_goodbye_that_is_too_old_the_call_is_hung_up(world: World) -> None:
    goodbye = speak(payload="Goodbye.", voice="female").otherwise(speak(payload="Bye.", voice="male"))
    ending = goodbye._replace(fallback=(goodbye.fallback or goodbye)._replace(fallback=hangup()))
    queue_directly(ending, expires_at=time.time() - 1)
    assert send(world, world.records("COMMAND")) == []
    assert world.actions == ["hangup"]
    assert results(world) == [("speak", "expired"), ("hangup", "accepted")]


def test_in_the_place_of_a_refused_goodbye_the_call_is_hung_up(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if "speak" in request.url.path else ok()
    queue_directly(speak(payload="Goodbye.", voice="female").otherwise(hangup()))
    assert send(world, world.records("COMMAND")) == []
    assert results(world) == [("speak", "refused"), ("hangup", "accepted")]


def test_in_the_place_of_a_refused_goodbye_the_call_is_hung_up_as_soon_as_telnyx_takes_it(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if "speak" in request.url.path else too_early(request)
    queue_directly(speak(payload="Goodbye.", voice="female").otherwise(hangup()))
    request = world.records("COMMAND")
    assert len(send(world, request)) == 1, "the hang-up must wait"
    world.replies = lambda request: ok()
    assert send(world, request) == []
    assert results(world) == [("speak", "refused"), ("hangup", "accepted")]


@pytest.mark.parametrize(("code", "result"), [("90018", "call_ended"), ("90054", "already_done"), ("10032", "refused")])
def test_a_final_answer_takes_a_command_out_of_the_queue(
    world: World, queued: dict[str, Any], code: str, result: str
) -> None:
    world.replies = lambda request: refused(422, code)
    assert send(world, queued) == []
    assert {recorded for _, recorded in results(world)} == {result}


def test_a_greeting_that_a_newer_key_has_stopped_is_not_spoken(world: World, queued: dict[str, Any]) -> None:
    deliver_key("*")
    assert send(world, queued) == []
    assert send(world, world.records("COMMAND")) == []
    assert results(world) == [
        ("speak", "superseded"),
        ("record_start", "accepted"),
        ("transcription_start", "accepted"),
        ("playback_stop", "accepted"),
    ]


def test_after_a_newer_hang_up_nothing_older_is_sent_to_the_leg(world: World, queued: dict[str, Any]) -> None:
    with deciding(call_dtmf_received=hangup()):
        deliver_key("#")
    assert send(world, {"Records": queued["Records"][:1]}) == []
    assert world.sent == []
    assert results(world) == [(action, "superseded") for action in OPENING]


def test_a_newer_hang_up_of_one_leg_does_not_keep_another_from_being_hung_up(world: World) -> None:
    world.replies = too_early
    with deciding(call_answered=hangup(on="v3:other"), call_dtmf_received=hangup()):
        deliver("call.answered")
        deliver_key("#")
    world.replies = lambda request: ok()
    assert send(world, world.records("COMMAND")) == []
    assert results(world)[0] == ("hangup", "accepted")


# Delayed commands


def test_a_delayed_command_is_sent_when_it_is_due_and_not_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_directly(hangup(), not_before=time.time() + 10_000)
    request = world.records("COMMAND")
    with requests_to_aws("ChangeMessageVisibilityBatch") as made:
        assert len(send(world, request)) == 1
    assert world.sent == []
    assert 9_000 < made[0]["Entries"][0]["VisibilityTimeout"] <= 10_000
    message = json.loads(request["Records"][0]["body"])
    message["commands"][0]["not_before"] = time.time() - 1
    request["Records"][0]["body"] = json.dumps(message)
    assert send(world, request) == []
    assert world.actions == ["hangup"]


def test_a_delayed_command_does_not_hold_back_what_follows_it(world: World) -> None:
    queue_directly(hangup(), not_before=time.time() + 1_000)
    queue_directly(record_start(channels="dual", format="mp3"))
    assert len(send(world, world.records("COMMAND"))) == 1
    assert world.actions == ["record_start"]


def test_a_delayed_command_does_not_hold_back_one_that_is_due_sooner(world: World) -> None:
    queue_directly(hangup(), not_before=time.time() + 3_600)  # the longest a call may take
    queue_directly(hangup(), not_before=time.time() - 1, expires_at=time.time() + 60)  # the goodbye's end
    assert len(send(world, world.records("COMMAND"))) == 1
    assert world.actions == ["hangup"]


# Only if nothing follows


def due(world: World) -> dict[str, Any]:
    """The queue's messages, those with a time of their own due now."""
    request = world.records("COMMAND")
    for record in request["Records"]:
        message = json.loads(record["body"])
        for command in message["commands"]:
            command["not_before"] = min(command["not_before"], time.time() - 1)
        record["body"] = json.dumps(message)
    return request


def test_an_idle_leg_is_hung_up(world: World) -> None:
    with deciding(call_answered=hangup().if_idle(20), call_dtmf_received=[]):
        deliver("call.answered")
        deliver_key("1")
    assert send(world, due(world)) == []
    assert world.actions == ["hangup"]


@pytest.mark.parametrize("action", [record_start(channels="dual", format="mp3"), client_state_update(client_state=1)])
def test_a_leg_that_a_newer_event_has_commanded_is_not_idle(world: World, action: Command) -> None:
    with deciding(call_answered=hangup().if_idle(20), call_dtmf_received=action):
        deliver("call.answered")
        deliver_key("1")
    assert send(world, due(world)) == []
    assert world.actions == [action.action]
    assert results(world) == [("hangup", "superseded")]


def test_a_newer_hang_up_that_waits_for_an_idle_leg_takes_nothing_away(world: World, queued: dict[str, Any]) -> None:
    with deciding(call_dtmf_received=hangup().if_idle(20)):
        deliver_key("7")
    assert send(world, queued) == []
    assert world.actions == [*OPENING, "answer"]


# The journal away


def test_a_result_that_the_journal_cannot_take_is_queued_and_its_command_not_sent_again(
    world: World, queued: dict[str, Any]
) -> None:
    with unavailable("PutItem"):
        assert send(world, queued) == []
    assert world.actions == [*OPENING, "answer"]
    again = world.records("COMMAND")
    commands = [command for record in again["Records"] for command in json.loads(record["body"])["commands"]]
    assert [command["result"]["result"] for command in commands] == ["accepted"] * 4
    with unavailable("PutItem"):
        assert len(send(world, again)) == 2, "with the journal still away they stay"
    assert send(world, again) == []
    assert world.actions == [*OPENING, "answer"]
    assert results(world) == [(action, "accepted") for action in OPENING]


def test_a_result_that_is_only_recorded_later_is_never_taken_for_expired(world: World, queued: dict[str, Any]) -> None:
    with unavailable("PutItem"):
        assert send(world, queued) == []
    again = world.records("COMMAND")
    for record in again["Records"]:
        message = json.loads(record["body"])
        for command in message["commands"]:
            command["expires_at"] = 0.0
        record["body"] = json.dumps(message)
    assert send(world, again) == []
    assert {result for _, result in results(world)} == {"accepted"}


def test_results_and_what_is_still_to_be_sent_go_back_to_the_queue_together(
    world: World, queued: dict[str, Any]
) -> None:
    world.replies = lambda request: too_early(request) if "record_start" in request.url.path else ok()
    with unavailable("PutItem"):
        assert send(world, {"Records": queued["Records"][:1]}) == []
    (again,) = world.records("COMMAND")["Records"]
    commands = json.loads(again["body"])["commands"]
    assert [(each["command"]["action"], bool(each["result"])) for each in commands] == [
        ("speak", True),
        ("record_start", False),
        ("transcription_start", False),
    ]
    world.replies = lambda request: ok()
    assert send(world, {"Records": [again]}) == []
    assert world.actions == ["speak", "record_start", "record_start", "transcription_start"]
    assert results(world) == [(action, "accepted") for action in OPENING]


def test_without_the_history_of_a_call_its_commands_stay(world: World, queued: dict[str, Any]) -> None:
    with unavailable("Query"):
        assert len(send(world, queued)) == 2
    assert world.sent == []
    assert send(world, queued) == []
    assert world.actions == [*OPENING, "answer"]


# Messages that do not hold commands, or were made by another release


def test_a_message_without_commands_goes_to_quarantine_and_holds_no_one_up(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    log_anew()
    queued["Records"][0]["body"] = "{}"
    assert send(world, queued) == []
    assert world.actions == ["answer"]
    (stored,) = world.messages("QUARANTINE")
    assert base64.b64decode(stored["body"]) == b"{}"
    logged = capsys.readouterr().out
    assert "does not hold commands" in logged
    assert '"Quarantined":[1.0]' in logged


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "7", '{"commands": 7}', '{"commands": [7]}', '{"commands": [{"command": null}]}']
)
def test_any_other_text_in_the_queue_goes_to_quarantine(world: World, queued: dict[str, Any], body: str) -> None:
    queued["Records"][0]["body"] = body
    assert send(world, queued) == []
    assert len(world.messages("QUARANTINE")) == 1


def test_a_message_of_another_release_is_read_as_far_as_it_is_known(world: World, queued: dict[str, Any]) -> None:
    message = json.loads(queued["Records"][0]["body"])
    message["added_later"] = message["commands"][0]["added_later"] = message["identity"]["added_later"] = 1
    message["commands"][0]["command"]["added_later"] = 1
    del message["has_delay"], message["commands"][0]["not_before"], message["commands"][0]["result"]
    queued["Records"][0]["body"] = json.dumps(message)
    assert send(world, queued) == []
    assert len(world.sent) == 4


# What is logged, how long a message waits


def test_why_a_message_stays_is_in_the_log_with_the_ids_of_its_call(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    log_anew()
    world.replies = too_early
    assert send(world, queued)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    requeued = [line for line in lines if line.get("message") == "command requeued"]
    assert [line["reason"] for line in requeued] == ["Telnyx answered 90034"] * 2
    assert requeued[0] | {"call_leg_id": LEG, "event_id": ANSWERED["id"], "action": "speak"} == requeued[0]


def test_an_api_key_that_is_refused_keeps_the_commands_and_is_counted(
    world: World, capsys: pytest.CaptureFixture[str], queued: dict[str, Any]
) -> None:
    world.replies = lambda request: refused(401, "10009")
    assert len(send(world, queued)) == 2
    assert '"ApiKeyRefused":[1.0]' in capsys.readouterr().out
    world.replies = lambda request: ok()
    assert send(world, queued) == []
    assert results(world) == [(action, "accepted") for action in OPENING]


@pytest.mark.parametrize(("asked", "seconds"), [("15", 15), ("600", 20)])
def test_a_message_waits_as_long_as_telnyx_asks_for_and_twenty_seconds_at_most(
    world: World, queued: dict[str, Any], asked: str, seconds: int
) -> None:
    world.replies = lambda request: refused(429, "10011", **{"x-ratelimit-reset": asked})
    with requests_to_aws("ChangeMessageVisibilityBatch") as made:
        assert len(send(world, queued)) == 2
    assert {entry["VisibilityTimeout"] for entry in made[0]["Entries"]} == {seconds}


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (7, 7), (70, 20)])
def test_a_message_waits_longer_with_each_try(world: World, queued: dict[str, Any], tries: int, seconds: int) -> None:
    world.replies = too_early
    for record in queued["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = str(tries)
    with requests_to_aws("ChangeMessageVisibilityBatch") as made:
        send(world, queued)
    assert {entry["VisibilityTimeout"] for entry in made[0]["Entries"]} == {seconds}


def test_a_visibility_that_cannot_be_changed_does_not_send_anything_twice(world: World, queued: dict[str, Any]) -> None:
    world.replies = lambda request: ok() if "another" in request.url.path else too_early(request)
    with unavailable("ChangeMessageVisibilityBatch"):
        assert send(world, queued) == [queued["Records"][0]["messageId"]]


# What is in a command


def test_a_secret_of_a_command_reaches_telnyx_and_not_the_journal(world: World) -> None:
    queue_directly(streaming_start(stream_url="wss://media.example.com", stream_auth_token="hush"))
    assert send(world, world.records("COMMAND")) == []
    assert world.sent[0]["body"]["stream_auth_token"] == "hush"
    assert "hush" not in str(world.items)


def test_a_queued_command_leaves_the_flow_s_name_and_state_on_the_leg(world: World) -> None:
    world.replies = too_early
    with deciding(call_answered=client_state_update(client_state={"step": "waiting"})):
        deliver("call.answered")
    world.replies = lambda request: ok()
    assert send(world, world.records("COMMAND")) == []
    state = json.loads(base64.b64decode(world.sent[-1]["body"]["client_state"]))
    assert state == {"flow": "reception", "state": {"step": "waiting"}}
