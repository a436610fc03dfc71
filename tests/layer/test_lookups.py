"""Look-ups: run once per event inside a time limit, put once, read by redeliveries; and the other legs of a call."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hookline import Call, Command, Event, answer, speak
from hookline.environment import environment
from hookline.errors import JournalUnavailable
from hookline.journal import Journal
from hookline.lookups import LOOKUP_SECONDS, SENDING_SECONDS
from hookline.webhook import DEADLINE_SECONDS, WAY_BACK_SECONDS
from tests.support.conditions import Decide, deciding, requests_to_aws, unavailable
from tests.support.flows import reception
from tests.support.world import Clock, World, deliver, handler, ok, request_of, sample_data, sample_event, start_cold

CUSTOMER = {"name": "Zoë", "tier": 2}
LEG = sample_data("call.initiated")["payload"]["call_leg_id"]

LookUpFunction = Callable[[Event, Call], Any]


@contextmanager
def looking_up(lookup: LookUpFunction, *events: str) -> Iterator[None]:
    """Within the block the flow of the tests has this look-up, for these event types."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reception, "lookup", lookup, raising=False)
        patch.setattr(reception, "LOOKUP_EVENTS", events or ("call.initiated",), raising=False)
        yield


def greets(event: Event, call: Call) -> list[Command]:
    """Command what shows the facts that the decision was given."""
    return [speak(payload=json.dumps(call.facts), voice="female")]


class Counted:
    """A look-up that counts how often it is run."""

    def __init__(self, *found: Any) -> None:
        self.found = list(found) or [CUSTOMER]
        self.calls: list[tuple[Event, Call]] = []

    def __call__(self, event: Event, call: Call) -> Any:
        self.calls.append((event, call))
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]


def shown(world: World) -> list[Any]:
    return [json.loads(sent["body"]["payload"]) for sent in world.sent]


def just_initiated() -> dict[str, Any]:
    """The `data` of an event that has just occurred: what it commands has not expired when it is delivered again."""
    occurred_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return sample_data("call.initiated") | {"occurred_at": occurred_at}


def delivered(data: dict[str, Any], *, attempt: int = 1, age: float = 10) -> list[str]:
    """The commands of one delivery. age: seconds since API Gateway received it."""
    body = json.dumps({"data": data, "meta": {"attempt": attempt}}).encode()
    answered = handler("call.initiated")(request_of(body, age=age), Clock())
    commands: list[str] = json.loads(answered["body"])["commands"]
    return commands


def died_before_the_append(world: World) -> None:
    """Take the event out of the journal again; what was put before it stays."""
    for key in world.keys():  # noqa: SIM118  not a dict
        if key["sk"]["S"].startswith("CALL#"):
            world.dynamodb.delete_item(TableName=world.settings["TABLE_NAME"], Key=key)


def test_a_decision_is_given_what_the_look_up_found(world: World) -> None:
    lookup = Counted()
    with looking_up(lookup), deciding(call_initiated=greets):
        deliver("call.initiated")
    assert shown(world) == [CUSTOMER]
    ((event, call),) = lookup.calls
    assert event.type == "call.initiated"
    assert (call.from_, call.facts) == (event.payload["from"], None)


def test_a_look_up_costs_one_round_trip_in_flows_that_have_one_alone(world: World) -> None:
    costs = []
    for number, events in enumerate((["call.answered"], ["call.initiated"])):
        with (
            requests_to_aws("PutItem", "GetItem", "Query") as made,
            looking_up(Counted(), *events),
            deciding(call_initiated=answer()),
        ):
            deliver("call.initiated", call_leg_id=f"leg-{number}")
        costs.append(len(made))
    assert costs == [2, 3]


def test_an_event_that_does_not_count_its_attempts_costs_a_look_up_no_more(world: World) -> None:
    body = json.dumps({"data": just_initiated()}).encode()
    with requests_to_aws("PutItem", "GetItem", "Query") as made, looking_up(Counted()), deciding(call_initiated=greets):
        handler("call.initiated")(request_of(body, age=10), Clock())
    assert len(made) == 3


def test_an_event_without_a_flow_is_not_looked_up(world: World) -> None:
    lookup = Counted()
    with looking_up(lookup, "call.answered"), requests_to_aws("PutItem", "GetItem", "Query") as made:
        deliver("call.answered", client_state=None)
    assert (lookup.calls, len(made)) == ([], 1)


def test_what_was_found_is_put_before_anything_is_sent(world: World) -> None:
    order: list[str] = []

    def replies(request: httpx.Request) -> httpx.Response:
        order.append("sent")
        return ok()

    def put(self: Journal, *arguments: Any, **more: Any) -> bool:
        order.append("put")
        return real(self, *arguments, **more)

    real, world.replies = Journal.put_facts, replies
    with pytest.MonkeyPatch.context() as patch, looking_up(Counted()), deciding(call_initiated=greets):
        patch.setattr(Journal, "put_facts", put)
        deliver("call.initiated")
    assert order == ["put", "sent"]


def test_a_redelivery_does_not_look_up_again(world: World) -> None:
    lookup, data = Counted(CUSTOMER, {"name": "another"}), just_initiated()
    with looking_up(lookup), deciding(call_initiated=greets):
        delivered(data)
        died_before_the_append(world)
        delivered(data, attempt=2)
    assert len(lookup.calls) == 1
    assert shown(world) == [CUSTOMER, CUSTOMER]


def test_a_redelivery_of_an_event_that_was_never_looked_up_looks_it_up(world: World) -> None:
    lookup = Counted()
    with looking_up(lookup), deciding(call_initiated=greets):
        delivered(just_initiated(), attempt=2)
    assert len(lookup.calls) == 1
    assert shown(world) == [CUSTOMER]


def test_two_concurrent_deliveries_agree_on_what_was_found(world: World) -> None:
    def second_comes_first(event: Event, call: Call) -> Any:
        environment().journal.put_facts(event, CUSTOMER, None, at=0)
        return {"name": "another"}

    with looking_up(second_comes_first), deciding(call_initiated=greets):
        delivered(just_initiated())
    assert shown(world) == [CUSTOMER]


def test_later_events_of_the_call_are_given_the_newest_facts_with_their_history(world: World) -> None:
    with looking_up(Counted("of the beginning", "of the answer"), "call.initiated", "call.answered"):
        deliver("call.initiated")
        deliver("call.answered", call_leg_id=LEG)
    world.sent.clear()
    with deciding(call_speak_ended=greets):
        deliver("call.speak.ended", call_leg_id=LEG)
    assert shown(world) == ["of the answer"]


class CustomError(Exception):
    """An error of a flow."""


def hangs(event: Event, call: Call) -> Any:
    threading.Event().wait(600)


def raises(event: Event, call: Call) -> Any:
    raise CustomError("+12025550177 is not a customer")


MISSED: list[tuple[LookUpFunction, str]] = [
    (hangs, "DeadlineExceeded"),
    (raises, "CustomError"),
    (lambda event, call: object(), "TypeError"),
    (lambda event, call: float("nan"), "ValueError"),
    (lambda event, call: "x" * 20_000, "TooLarge"),
    (lambda event: None, "TypeError"),  # type: ignore[list-item,misc]
]


@pytest.mark.parametrize("lookup, error", MISSED)
def test_a_look_up_that_fails_or_hangs_is_missed_and_the_decision_is_asked_without_it(
    world: World, capsys: pytest.CaptureFixture[str], lookup: LookUpFunction, error: str
) -> None:
    data = just_initiated()
    with looking_up(lookup), deciding(call_initiated=greets):
        delivered(data)
        died_before_the_append(world)
        delivered(data, attempt=2)
    assert shown(world) == [None, None]
    logged = capsys.readouterr().out
    assert logged.count('"LookupMissed":[1.0]') == 1  # the redelivery reads that it was missed
    (line,) = [json.loads(text) for text in logged.splitlines() if "look-up missed" in text]
    assert (line["error"], line["flow"], line["call_leg_id"]) == (error, "reception", LEG)
    assert "not a customer" not in logged
    assert "FlowFailed" not in logged
    record = world.journal.read(LEG)
    assert record is not None
    (note,) = record.notes["CALL_FACTS"]
    assert note["facts"] is None
    assert note["missed"].startswith(f"{error}: ")


def test_the_error_of_a_look_up_is_journalled_without_keyed_digits(world: World) -> None:
    def unknown(event: Event, call: Call) -> Any:
        return {}[event.payload["digits"]]

    with looking_up(unknown, "call.gather.ended"):
        deliver("call.gather.ended", digits="4711")
    record = world.journal.read(LEG)
    assert record is not None
    (note,) = record.notes["CALL_FACTS"]
    assert note["missed"] == "KeyError: 'xxxx'"


def test_a_look_up_has_a_part_of_the_deadline_and_leaves_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKLINE_PATIENCE", "1")
    start_cold(world)
    left: list[float] = []

    def lookup(event: Event, call: Call) -> None:
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])

    with looking_up(lookup):
        delivered(just_initiated(), age=10)  # no one waits: the time that the function has left counts
    assert 0 < left[0] <= LOOKUP_SECONDS
    assert LOOKUP_SECONDS + SENDING_SECONDS < DEADLINE_SECONDS - WAY_BACK_SECONDS


def test_a_look_up_is_not_begun_when_the_rest_of_the_deadline_is_needed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKLINE_PATIENCE", "1")
    start_cold(world)
    lookup = Counted()
    age = DEADLINE_SECONDS - WAY_BACK_SECONDS - SENDING_SECONDS
    body = json.dumps({"data": just_initiated(), "meta": {"attempt": 1}}).encode()
    with looking_up(lookup):
        assert handler("call.initiated")(request_of(body, age=age), Clock())["statusCode"] in (200, 503)
    assert lookup.calls == []


def test_a_look_up_that_finds_nothing_is_not_missed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with looking_up(lambda event, call: None), deciding(call_initiated=greets):
        deliver("call.initiated")
    assert shown(world) == [None]
    assert "LookupMissed" not in capsys.readouterr().out


def test_what_was_found_and_cannot_be_put_defers_the_event_with_nothing_sent(world: World) -> None:
    with looking_up(Counted(), "call.hangup"), deciding(call_hangup=greets), unavailable("PutItem"):
        assert deliver("call.hangup")["deferred"] == "JournalUnavailable"
    assert world.sent == []


def test_the_deferred_consumer_reads_what_was_found(world: World) -> None:
    lookup = Counted(CUSTOMER, {"name": "another"})

    def away(*_: object, **__: object) -> None:
        raise JournalUnavailable("DynamoDB: throttled")

    with looking_up(lookup, "call.hangup"), deciding(call_hangup=greets):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "history", away)
            assert deliver("call.hangup")["deferred"] == "JournalUnavailable"
        assert world.consume("DEFERRED", "deferred", world.records("DEFERRED")) == []
    assert len(lookup.calls) == 1
    (queued,) = world.queued_commands
    assert json.loads(queued["command"]["params"]["payload"]) == CUSTOMER


# Other legs


@contextmanager
def reading_legs(decide: Decide) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, deciding(call_answered=decide):
        patch.setattr(reception, "OTHER_LEGS", True, raising=False)
        yield


def leg_states(event: Event, call: Call) -> list[Command]:
    legs = [[leg.call_leg_id, leg.status, leg.direction, leg.call_control_id] for leg in call.legs]
    return [speak(payload=json.dumps(legs), voice="female")]


def test_a_flow_that_declares_it_is_given_the_other_legs_of_the_conversation(world: World) -> None:
    session = sample_data("call.answered")["payload"]["call_session_id"]
    far = {"call_session_id": session, "client_state": None, "direction": "outgoing"}
    deliver("call.initiated", **far, call_leg_id="B", call_control_id="v3:B")
    deliver("call.hangup", **far, call_leg_id="B", call_control_id="v3:B")
    deliver("call.initiated", **far, call_leg_id="C", call_control_id="v3:C")
    deliver("call.answered", **far, call_leg_id="C", call_control_id="v3:C")
    deliver("call.answered", **far | {"call_session_id": "another"}, call_leg_id="D")
    deliver("call.initiated", client_state=None, direction="outgoing")  # its own leg
    with reading_legs(leg_states), requests_to_aws("Query", "Scan", "GetItem") as read:
        deliver("call.answered")
    assert sorted(shown(world)[0]) == [["B", "ended", "outgoing", "v3:B"], ["C", "answered", "outgoing", "v3:C"]]
    assert len(read) == 2
    assert read[1]["Limit"] == 100


def test_the_first_event_of_a_leg_is_given_the_other_legs_too(world: World) -> None:
    deliver("call.initiated", client_state=None, direction="outgoing", call_leg_id="B", call_control_id="v3:B")
    with reading_legs(leg_states):
        deliver("call.answered")
    assert [[leg, control_id] for leg, _, _, control_id in shown(world)[0]] == [["B", "v3:B"]]


def test_a_flow_that_does_not_declare_it_reads_no_other_legs(world: World) -> None:
    deliver("call.initiated", client_state=None, direction="outgoing")
    with deciding(call_answered=leg_states), requests_to_aws("Query") as read:
        deliver("call.answered")
    assert (shown(world), len(read)) == ([[]], 1)


def test_a_conversation_without_an_id_has_no_other_legs(world: World) -> None:
    with reading_legs(leg_states):
        deliver("call.answered", call_session_id=None)
    assert shown(world) == [[]]


def test_the_other_legs_are_a_value_of_the_call() -> None:
    far = Call.of([sample_event("call.hangup", call_leg_id="B")])
    call = Call.of([sample_event("call.answered")], facts=CUSTOMER, legs=[far])
    assert (call.facts, call.legs) == (CUSTOMER, (far,))
    assert call.legs[0].ended
