"""Webhooks that cannot be journalled when they come, or that come to the wrong route: deferred, then journalled.

The first half is the sending side, through the door of a webhook's function; the second is the queue's consumer.
"""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hookline import Call, Command, Event, hangup, playback_stop, record_start, speak
from hookline.journal import Entry, timestamp
from hookline.routing import AUDIBLE, AUDIBLE_RETRIES_MILLISECONDS, ROUTED_EVENTS
from tests.support.conditions import deciding, requests_to_aws, unavailable
from tests.support.world import ROUTER, Clock, World, handler, ok, refused, request_of, sample_data

LEG = sample_data("call.answered")["payload"]["call_leg_id"]
LAST_ATTEMPT = len(AUDIBLE_RETRIES_MILLISECONDS) + 1
INAUDIBLE = [event_type for event_type in ROUTED_EVENTS if event_type not in AUDIBLE]
OPENING = ["speak", "record_start", "transcription_start"]


def recent(name: str, *, seconds_ago: float = 0.0, **payload: Any) -> dict[str, Any]:
    """The `data` of a sample that has occurred just now: what it commands has not expired."""
    data = sample_data(name)
    data["occurred_at"] = timestamp(time.time() - seconds_ago)
    data["payload"].update(payload)
    return data


def post(
    data: dict[str, Any], *, attempt: int | None = 1, function: str | None = None, age: float = 10.0
) -> dict[str, Any]:
    """Deliver an event to the function of its type; its answer, with the body read."""
    meta = {} if attempt is None else {"attempt": attempt}
    body = json.dumps({"data": data, "meta": meta}).encode()
    answer = handler(data["event_type"] if function is None else function)(request_of(body, age=age), Clock())
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


def post_stale(data: dict[str, Any], *, attempt: int | None = 1) -> dict[str, Any]:
    """Deliver an event that was signed ten minutes before API Gateway received it."""
    meta = {} if attempt is None else {"attempt": attempt}
    request = request_of(json.dumps({"data": data, "meta": meta}).encode(), age=600.0)
    request["requestContext"]["timeEpoch"] += 600_000
    answer = handler(data["event_type"])(request, Clock())
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


def defer(data: dict[str, Any], *, attempt: int | None = None, **more: Any) -> dict[str, Any]:
    """Deliver an event for the last time while the journal is away."""
    with unavailable("dynamodb"):
        answer = post(data, attempt=attempt, **more)
    assert answer["status"] == 200
    assert answer["deferred"] == "JournalUnavailable"
    return answer


def consume(world: World, request: dict[str, Any] | None = None) -> list[str]:
    """Let the consumer have what is in the deferred queue; the ids of the messages that stay."""
    return world.consume("DEFERRED", "deferred", request or world.records("DEFERRED"))


def entry(world: World, any_id: str = LEG) -> Entry:
    """The one event in the journal of a call."""
    record = world.journal.read(any_id)
    assert record is not None
    (found,) = (*record.entries, *record.transcript)
    return found


def outcomes(found: Entry) -> list[tuple[str, str]]:
    return [(command["action"], command["result"]) for command in found.commands]


def age_messages(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The same batch, its webhooks received that much earlier."""
    for record in request["Records"]:
        message = json.loads(record["body"])
        message["received_at"] -= seconds
        record["body"] = json.dumps(message)
    return request


# Deferring: the journal away


@pytest.mark.parametrize("event_type", INAUDIBLE)
def test_without_the_journal_an_event_that_no_one_waits_for_is_deferred_at_once(world: World, event_type: str) -> None:
    with unavailable("dynamodb"):
        answer = post(sample_data(event_type))
    assert (answer["status"], answer["deferred"]) == (200, "JournalUnavailable")
    assert world.sent == []
    (message,) = world.messages("DEFERRED")
    assert json.loads(message["body"])["data"]["id"] == answer["event"]


@pytest.mark.parametrize("event_type", sorted(AUDIBLE))
def test_without_the_journal_an_event_that_a_caller_waits_for_is_deferred_at_the_last_attempt(
    world: World, event_type: str
) -> None:
    last = 3 if event_type == "call.initiated" else LAST_ATTEMPT
    data = sample_data(event_type)
    with unavailable("dynamodb"):
        assert [post(data, attempt=attempt)["status"] for attempt in range(1, last)] == [503] * (last - 1)
        assert post(data, attempt=last)["status"] == 200
    assert world.sent == []
    assert len(world.messages("DEFERRED")) == 1


@pytest.mark.parametrize("attempt", [None, LAST_ATTEMPT + 1])
def test_an_attempt_that_is_absent_or_beyond_the_schedule_counts_as_the_last(world: World, attempt: int | None) -> None:
    defer(sample_data("call.answered"), attempt=attempt)
    assert len(world.messages("DEFERRED")) == 1


def test_without_the_journal_and_the_queue_the_answer_is_503(world: World) -> None:
    with unavailable("dynamodb", "sqs"):
        assert post(sample_data("call.hangup"))["status"] == 503
        assert post(sample_data("call.answered"), attempt=None)["status"] == 503


def test_a_deferred_webhook_is_counted_and_logged_with_the_ids_of_its_call(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    defer(sample_data("call.hangup"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["WebhookDeferred"] for line in lines if "WebhookDeferred" in line] == [[1.0]]
    (logged,) = [line for line in lines if line.get("message") == "webhook deferred"]
    assert (logged["call_leg_id"], logged["event_type"]) == (LEG, "call.hangup")


def test_no_keyed_digit_is_in_a_deferred_message(world: World) -> None:
    defer(sample_data("call.gather.ended") | {"payload": {"call_leg_id": LEG, "digits": "4111111111111111"}})
    (message,) = world.messages("DEFERRED")
    assert "41111111" not in json.dumps(message)
    assert message["is_redacted"]


def test_a_body_too_large_for_a_message_lies_in_s3_and_is_journalled_from_there(world: World) -> None:
    spoken = {"transcript": "word " * 120_000, "is_final": True}
    defer(recent("call.transcription", transcription_data=spoken))
    (message,) = world.messages("DEFERRED")
    assert message["body"] is None
    assert message["body_uri"].startswith("s3://")
    assert consume(world) == []
    assert entry(world).body_uri == message["body_uri"]


def test_without_s3_a_body_too_large_for_an_item_is_deferred_as_well(world: World) -> None:
    spoken = {"transcript": "word " * 20_000, "is_final": True}
    with unavailable("s3"):
        assert post(recent("call.transcription", transcription_data=spoken), attempt=LAST_ATTEMPT)["status"] == 200
    assert len(world.messages("DEFERRED")) == 1


# Deferring: the wrong route


@pytest.mark.parametrize("function", [event_type for event_type in ROUTED_EVENTS if event_type != "call.hangup"])
def test_an_event_on_the_wrong_route_is_handed_on_and_not_consumed(world: World, function: str) -> None:
    answer = post(sample_data("call.hangup"), function=function)
    assert (answer["status"], answer["deferred"], answer["commands"]) == (200, "WrongRoute", [])
    assert world.items == []
    assert post(sample_data("call.hangup"))["status"] == 200
    assert consume(world) == []
    assert len(world.items) == 1


def test_an_event_that_a_caller_waits_for_is_delivered_again_from_the_wrong_route_until_the_last_attempt(
    world: World,
) -> None:
    data = recent("call.answered")
    assert post(data, function="call.hangup")["status"] == 503
    assert world.nothing_has_changed()
    assert post(data, function="call.hangup", attempt=LAST_ATTEMPT)["status"] == 200
    assert consume(world) == []
    assert outcomes(entry(world)) == [(action, "queued") for action in OPENING]


def test_the_router_is_the_wrong_route_of_no_event(world: World) -> None:
    assert "deferred" not in post(sample_data("call.hangup"), function=ROUTER)


def test_a_recording_that_came_to_the_wrong_route_is_archived(world: World) -> None:
    assert post(sample_data("call.recording.saved"), function="call.hangup")["deferred"] == "WrongRoute"
    assert consume(world) == []
    assert len(world.messages("RECORDING")) == 1


def test_a_recording_whose_job_no_queue_took_is_archived_once_its_event_is_journalled(world: World) -> None:
    with unavailable("dynamodb"), unavailable("SendMessage", queue=world.settings["RECORDING_QUEUE_URL"]):
        answer = post(sample_data("call.recording.saved"), attempt=LAST_ATTEMPT)
    if answer["status"] == 200:
        assert consume(world) == []
        assert len(world.messages("RECORDING")) == 1


def test_a_recording_whose_job_no_queue_took_is_delivered_again_also_when_its_flow_commands_something(
    world: World,
) -> None:
    with deciding(call_recording_saved=hangup()):
        with unavailable("SendMessage", queue=world.settings["RECORDING_QUEUE_URL"]):
            assert [post(sample_data("call.recording.saved"))["status"] for _ in range(3)] == [503] * 3
        assert post(sample_data("call.recording.saved"))["status"] == 200
    assert len(world.messages("RECORDING")) == 1


# Consuming


def test_a_deferred_event_is_journalled_as_it_was_received(world: World) -> None:
    data = recent("call.hangup")
    defer(data)
    (message,) = world.messages("DEFERRED")
    assert consume(world) == []
    assert world.messages("DEFERRED") == []
    found = entry(world)
    assert (found.event_id, found.received_at) == (data["id"], timestamp(message["received_at"]))
    assert json.loads(world.items[0]["body"])["data"] == data


def test_a_deferred_event_has_its_commands_queued_and_not_sent(world: World) -> None:
    defer(recent("call.answered"))
    assert consume(world) == []
    assert world.sent == []
    assert [queued["command"]["action"] for queued in world.queued_commands] == OPENING
    assert outcomes(entry(world)) == [(action, "queued") for action in OPENING]
    request = world.records("COMMAND")
    assert world.consume("COMMAND", "command_sender", request) == []
    assert world.actions == OPENING


def test_commands_that_were_sent_before_are_appended_and_not_queued(world: World) -> None:
    with unavailable("PutItem"):
        answer = post(recent("call.answered"), attempt=None)
    assert answer["deferred"] == "JournalUnavailable"
    assert world.actions == OPENING
    assert consume(world) == []
    assert world.queued_commands == []
    assert outcomes(entry(world)) == [(action, "accepted") for action in OPENING]
    sent = [sent["body"]["command_id"] for sent in world.sent]
    assert [command["command_id"] for command in entry(world).commands] == sent


def test_commands_that_were_queued_before_are_appended_and_hold_back_later_ones(world: World) -> None:
    world.replies = lambda request: refused(422, "90034")
    with unavailable("PutItem"):
        post(recent("call.answered"), attempt=None)
    assert consume(world) == []
    assert len(world.queued_commands) == 3, "they are in the command queue once"
    assert outcomes(entry(world)) == [(action, "queued") for action in OPENING]
    world.replies = lambda request: ok()
    assert post(recent("call.dtmf.received", digit="1"))["commands"] == [
        "record_pause: queued",
        "transcription_stop: queued",
    ]


def test_the_fallback_that_was_sent_is_appended_as_well(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if "speak" in request.url.path else ok()
    with deciding(call_answered=speak(payload="Goodbye.", voice="female").otherwise(hangup())):
        with unavailable("PutItem"):
            post(recent("call.answered"), attempt=None)
        assert world.actions == ["speak", "hangup"]
        assert consume(world) == []
    assert outcomes(entry(world)) == [("speak", "refused"), ("hangup", "accepted")]


@pytest.mark.parametrize("attempt", [LAST_ATTEMPT, LAST_ATTEMPT + 3])
def test_commands_that_have_expired_since_the_first_delivery_are_not_queued(world: World, attempt: int) -> None:
    defer(recent("call.answered", seconds_ago=3_600), attempt=attempt)
    assert consume(world, age_messages(world.records("DEFERRED"), 3_600)) == []
    assert world.queued_commands == []
    assert outcomes(entry(world)) == [(action, "expired") for action in OPENING]


@pytest.mark.parametrize("name", ["call.answered", "call.recording.error"])
def test_commands_have_expired_also_when_the_first_delivery_was_the_deferred_one(world: World, name: str) -> None:
    defer(recent(name, seconds_ago=3_600), attempt=None if name in AUDIBLE else 1)
    assert consume(world, age_messages(world.records("DEFERRED"), 3_600)) == []
    assert world.queued_commands == []
    assert {result for _, result in outcomes(entry(world))} == {"expired"}


def test_what_stops_something_is_worth_queueing_longer_than_what_starts_it(world: World) -> None:
    with deciding(call_bridged=[playback_stop(), record_start(channels="dual", format="mp3")]):
        defer(recent("call.bridged", seconds_ago=200), attempt=4)
        assert consume(world, age_messages(world.records("DEFERRED"), 200)) == []
    assert outcomes(entry(world)) == [("playback_stop", "queued"), ("record_start", "expired")]


def test_a_deferred_command_yields_to_a_newer_event(world: World) -> None:
    defer(recent("call.answered", seconds_ago=5))
    assert post(recent("call.dtmf.received", digit="#"))["status"] == 200
    assert consume(world) == []
    record = world.journal.read(LEG)
    assert record is not None
    assert outcomes(record.entries[0]) == [(action, "superseded") for action in OPENING]
    assert [queued["command"]["action"] for queued in world.queued_commands] == ["hangup"], "of #, not of the answer"


def asked() -> tuple[list[Event], Callable[[Event, Call], list[Command]]]:
    """A decision that notes what it is asked about, and hangs up."""
    events: list[Event] = []

    def decide(event: Event, call: Call) -> list[Command]:
        events.append(event)
        return [hangup()]

    return events, decide


@pytest.mark.parametrize(
    ("name", "payload"), [("call.dtmf.received", {"digit": "7"}), ("call.gather.ended", {"digits": "4711"})]
)
def test_nothing_is_decided_from_blanked_digits(world: World, name: str, payload: dict[str, Any]) -> None:
    defer(recent(name, **payload))
    events, decide = asked()
    with deciding(call_dtmf_received=decide, call_gather_ended=decide):
        assert consume(world) == []
    assert events == []
    assert outcomes(entry(world)) == []
    assert world.queued_commands == []


def test_a_key_that_the_flow_acts_on_is_decided_from_storage(world: World) -> None:
    defer(recent("call.dtmf.received", digit="#"))
    events, decide = asked()
    with deciding(call_dtmf_received=decide):
        assert consume(world) == []
    assert {event.payload["digit"] for event in events} == {"#"}
    assert outcomes(entry(world)) == [("hangup", "queued")]


def test_a_gather_in_which_nothing_was_keyed_is_decided_from_storage(world: World) -> None:
    defer(recent("call.gather.ended", digits="", status="timeout"))
    with deciding(call_gather_ended=hangup()):
        assert consume(world) == []
    assert outcomes(entry(world)) == [("hangup", "queued")]


def test_what_was_sent_because_of_keyed_digits_is_appended_without_deciding_again(world: World) -> None:
    with deciding(call_gather_ended=speak(payload="Thank you.", voice="female")):
        with unavailable("PutItem"):
            post(recent("call.gather.ended", digits="4711"), attempt=None)
        assert world.actions == ["speak"]
        assert consume(world) == []
    assert outcomes(entry(world)) == [("speak", "accepted")]


def test_an_event_that_was_journalled_in_the_meantime_is_a_duplicate(world: World) -> None:
    for data in (recent("call.hangup"), recent("call.answered")):
        defer(data)
        request = world.records("DEFERRED")
        post(data)
        items = world.items
        world.sent.clear()
        assert consume(world, request) == []
        assert world.items == items
        assert world.sent == []
        assert world.queued_commands == []
        world.empty()


def test_a_message_that_is_received_twice_is_journalled_once(world: World) -> None:
    defer(recent("call.answered"))
    request = world.records("DEFERRED")
    assert consume(world, request) == []
    items = world.items
    assert consume(world, request) == []
    assert world.items == items
    assert len(world.queued_commands) == 3


def test_a_flow_that_fails_here_has_its_event_journalled_with_the_error(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(event: Event, call: Call) -> list[Command]:
        raise LookupError("the number +12025550147")

    defer(recent("call.hold"), function=ROUTER)
    with deciding(call_hold=broken):
        assert consume(world) == []
    assert entry(world).error == "LookupError: the number +12025550147"
    logged = capsys.readouterr().out
    assert '"FlowFailed":[1.0]' in logged
    assert "+1202" not in logged
    assert [queued["command"]["action"] for queued in world.queued_commands] == ["speak", "hangup"]


# Stale events


def test_a_stale_event_that_was_deferred_is_journalled_as_stale_and_commands_nothing(world: World) -> None:
    with unavailable("dynamodb"):
        assert post_stale(recent("call.answered"), attempt=None)["status"] == 401
    assert consume(world) == []
    assert entry(world).stale
    assert world.sent == []
    assert world.queued_commands == []
    (item,) = world.items
    assert item["sk"].startswith("STALE#")


def test_what_was_sent_to_another_leg_supersedes_nothing_of_this_one(world: World) -> None:
    keyed = recent("call.gather.ended", digits="4711", call_leg_id=LEG)
    keyed["payload"]["client_state"] = sample_data("call.answered")["payload"]["client_state"]
    with deciding(call_gather_ended=[playback_stop(), hangup(on="v3:other")]), unavailable("PutItem"):
        assert post(keyed, attempt=None)["deferred"] == "JournalUnavailable"
    assert consume(world) == []
    (item,) = world.items
    assert item["actions"] == "playback_stop"
    assert json.loads(item["actions_elsewhere"]) == {"v3:other": ["hangup"]}


@pytest.mark.parametrize("length", [100_000, 500_000])
def test_the_body_of_a_large_stale_event_that_was_deferred_is_stored(world: World, length: int) -> None:
    with unavailable("dynamodb"):
        assert post_stale(recent("call.hangup", text="x" * length), attempt=None)["status"] == 401
    assert consume(world) == []
    found = entry(world)
    assert found.stale
    assert found.body_uri is not None
    key = found.body_uri.partition("/oversize/")[2]
    body = world.s3.get_object(Bucket=world.settings["RECORDINGS_BUCKET"], Key=f"oversize/{key}")["Body"].read()
    assert json.loads(body)["data"]["payload"]["text"] == "x" * length


@pytest.mark.parametrize("body_length", [10, 440_000])
def test_results_that_no_message_holds_are_deferred_without_their_parameters(world: World, body_length: int) -> None:
    texts = [speak(payload=f"{number} " + "é" * 4_990, voice="female") for number in range(60)]
    with deciding(call_answered=texts):
        with unavailable("PutItem"):
            answer = post(recent("call.answered", text="x" * body_length), attempt=None)
        assert answer["deferred"] == "JournalUnavailable"
        assert consume(world) == []
    (item,) = [item for item in world.items if item["event_type"] == "call.answered"]
    assert item["actions"] == "speak"
    assert len(world.sent) == 60


def test_a_stale_event_does_not_make_its_fresh_delivery_a_duplicate(world: World) -> None:
    post_stale(recent("call.answered"))
    assert post(recent("call.answered"))["commands"] == [f"{action}: accepted" for action in OPENING]
    assert not entry(world).stale


def test_a_stale_event_that_cannot_be_journalled_is_deferred_whatever_its_attempt(world: World) -> None:
    with unavailable("dynamodb"):
        assert post_stale(recent("call.answered"), attempt=1)["status"] == 401
    assert len(world.messages("DEFERRED")) == 1


def test_a_stale_event_in_the_queue_does_not_swallow_its_fresh_delivery(world: World) -> None:
    with unavailable("dynamodb"):
        post_stale(recent("call.hangup"))
        assert post(recent("call.hangup"))["deferred"] == "JournalUnavailable"
    assert consume(world) == []
    assert consume(world) == []
    assert not entry(world).stale


# The journal still away


def test_with_the_journal_away_a_message_stays_and_nothing_is_sent_to_its_own_queue(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    defer(recent("call.hangup"))
    request = world.records("DEFERRED")
    with unavailable("dynamodb"), requests_to_aws("SendMessage") as sent:
        assert consume(world, request) == [record["messageId"] for record in request["Records"]]
    assert sent == []
    assert "not journalled yet" in capsys.readouterr().out
    assert consume(world, request) == []
    assert entry(world).event_type == "call.hangup"


def test_with_the_journal_away_after_the_commands_were_queued_they_are_queued_once(world: World) -> None:
    defer(recent("call.answered"))
    request = world.records("DEFERRED")
    with unavailable("PutItem"):
        assert len(consume(world, request)) == 1
    assert consume(world, request) == []
    assert len(world.queued_commands) == 3
    assert outcomes(entry(world)) == [(action, "queued") for action in OPENING]


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2), (5, 32), (9, 512), (10, 900), (999, 900)])
def test_a_message_waits_longer_with_each_try_and_fifteen_minutes_at_most(
    world: World, tries: int, seconds: int
) -> None:
    defer(recent("call.hangup"))
    request = world.records("DEFERRED")
    request["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(tries)
    with unavailable("dynamodb"), requests_to_aws("ChangeMessageVisibilityBatch") as made:
        consume(world, request)
    assert [entry["VisibilityTimeout"] for entry in made[0]["Entries"]] == [seconds]


def test_the_messages_of_a_call_that_stays_stay_behind_it_and_other_calls_go_on(world: World) -> None:
    defer(recent("call.hangup"))
    defer({**recent("call.cost"), "id": "behind-it"}, function=ROUTER)
    other = recent("call.hangup", call_leg_id="another")
    defer({**other, "id": "another"})
    request = world.records("DEFERRED")
    broken = json.loads(request["Records"][0]["body"])
    broken["body"], broken["body_uri"] = None, "s3://bucket/oversize/x.json"
    request["Records"][0]["body"] = json.dumps(broken)
    with unavailable("s3"):
        assert consume(world, request) == [record["messageId"] for record in request["Records"][:2]]
    assert [item["event_id"] for item in world.items] == ["another"]


def test_without_the_command_queue_a_message_stays_and_its_event_is_not_journalled(world: World) -> None:
    defer(recent("call.answered"))
    request = world.records("DEFERRED")
    with unavailable("SendMessage"):
        assert len(consume(world, request)) == 1
    assert world.items == []
    assert consume(world, request) == []
    assert outcomes(entry(world)) == [(action, "queued") for action in OPENING]


def test_a_visibility_that_cannot_be_changed_is_logged_and_the_message_stays(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    defer(recent("call.hangup"))
    request = world.records("DEFERRED")
    with unavailable("dynamodb", "ChangeMessageVisibilityBatch"):
        assert len(consume(world, request)) == 1
    assert "visibility not changed" in capsys.readouterr().out


# Messages that do not hold an event


@pytest.mark.parametrize("body", ["", "null", "[]", "7", "{}", '{"identity": {}}'])
def test_a_message_without_an_event_goes_to_quarantine_and_holds_no_one_up(
    world: World, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    defer(recent("call.hangup"))
    request = world.records("DEFERRED")
    request["Records"].insert(0, {**request["Records"][0], "body": body})
    assert consume(world, request) == []
    (stored,) = world.messages("QUARANTINE")
    assert base64.b64decode(stored["body"]).decode() == body
    assert '"Quarantined":[1.0]' in capsys.readouterr().out
    assert entry(world).event_type == "call.hangup"


def test_a_body_that_is_gone_from_s3_holds_no_other_call_up(world: World) -> None:
    defer(recent("call.hangup", call_leg_id="another"))
    request = world.records("DEFERRED")
    gone = json.loads(request["Records"][0]["body"])
    gone |= {"body": None, "body_uri": f"s3://{world.settings['RECORDINGS_BUCKET']}/oversize/gone.json"}
    attributes = {**request["Records"][0]["attributes"], "MessageGroupId": "gone"}
    request["Records"].insert(
        0, {**request["Records"][0], "messageId": "gone", "body": json.dumps(gone), "attributes": attributes}
    )
    handler("deferred")(request, Clock(30_000))
    assert entry(world, "another").event_type == "call.hangup"


def test_a_message_of_another_release_is_read_as_far_as_it_is_known(world: World) -> None:
    defer(recent("call.hangup"))
    request = world.records("DEFERRED")
    message = json.loads(request["Records"][0]["body"])
    message["added_later"] = message["identity"]["added_later"] = 1
    request["Records"][0]["body"] = json.dumps(message)
    assert consume(world, request) == []
    assert datetime.fromisoformat(entry(world).received_at) <= datetime.now(UTC)
