"""notice: each rule compared with ==, and its calls played against the simulator."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flows import notice as flow
from hookline import Call, Command, Event, answer, client_state_update, gather_using_speak, hangup, speak
from hookline.client_state import encode_for_flow
from hookline_local.simulator import Callee, Scenario, Step
from tests.support.played import Line, line_with, scenario_of

TEXT = f"{flow.NOTICE} {flow.CONFIRM}"
QUESTION = gather_using_speak(
    payload=TEXT,
    voice=flow.VOICE,
    valid_digits="1",
    maximum_digits=1,
    maximum_tries=2,
    timeout_millis=8_000,
    client_state={"step": "asked"},
).otherwise(hangup())
LONGEST = 15 + 2 * (len(TEXT) / 10 + 8)
ASKED = [QUESTION, hangup().if_idle(LONGEST)]
MESSAGE = speak(payload=flow.NOTICE, voice=flow.VOICE, client_state={"step": "message"}).otherwise(hangup())
MESSAGE_SECONDS = 15 + len(flow.NOTICE) / 10
DETECTED = "call.machine.detection.ended"
GREETED = "call.machine.greeting.ended"


def event_at(event_type: str, step: str | None = "calling", second: int = 5, **payload: Any) -> Event:
    state = encode_for_flow("notice", None if step is None else {"step": step})
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={"call_control_id": "C", "client_state": state, **payload},
    )


def decide(event: Event, *others: Event) -> list[Command]:
    decided: list[Command] = getattr(flow, event.type.replace(".", "_"))(event, Call.of([*others, event]))
    return decided


def test_the_call_that_is_placed_is_left_to_ring_and_one_that_comes_back_is_answered() -> None:
    assert decide(event_at("call.initiated", direction="outgoing", state="bridging")) == []
    assert decide(event_at("call.initiated", direction="incoming", state="bridging")) == []
    back = event_at("call.initiated", None, direction="incoming", state="parked")
    assert decide(back) == [answer(client_state={"step": "person"}), hangup().if_idle(30)]
    assert decide(back, event_at("call.hangup", second=9)) == []


@pytest.mark.parametrize("step", ["calling", None])
def test_without_a_detection_a_person_is_assumed_after_a_while(step: str | None) -> None:
    assert decide(event_at("call.answered", step)) == [QUESTION.if_idle(8), hangup().if_idle(8 + LONGEST)]


def test_a_call_that_is_known_to_reach_a_person_begins_at_once() -> None:
    assert decide(event_at("call.answered", "person")) == ASKED
    assert decide(event_at("call.answered", "another step")) == []


@pytest.mark.parametrize("kind", ["call.machine.detection.ended", "call.machine.premium.detection.ended"])
@pytest.mark.parametrize("result", ["human", "human_residence", "human_business", "silence", "not_sure", None, ["x"]])
def test_a_person_is_asked(kind: str, result: object) -> None:
    assert decide(event_at(kind, result=result)) == ASKED


@pytest.mark.parametrize("kind", ["call.machine.detection.ended", "call.machine.premium.detection.ended"])
def test_a_machine_is_left_to_finish_its_greeting_and_a_fax_hung_up_on(kind: str) -> None:
    assert decide(event_at(kind, result="machine")) == [
        client_state_update(client_state={"step": "machine"}),
        MESSAGE.if_idle(30),
        hangup().if_idle(30 + MESSAGE_SECONDS),
    ]
    assert decide(event_at(kind, result="fax_detected")) == [hangup()]


@pytest.mark.parametrize("kind", ["call.machine.greeting.ended", "call.machine.premium.greeting.ended"])
@pytest.mark.parametrize("result", ["beep_detected", "no_beep_detected", "ended", "not_sure"])
def test_after_its_greeting_a_machine_hears_the_notice(kind: str, result: str) -> None:
    for step in ("machine", "calling", None):
        assert decide(event_at(kind, step, result=result)) == [MESSAGE, hangup().after(MESSAGE_SECONDS)]


@pytest.mark.parametrize("step", ["asked", "goodbye", "message", "person"])
def test_a_detection_that_comes_too_late_changes_nothing(step: str) -> None:
    assert decide(event_at(DETECTED, step, result="machine")) == []
    assert decide(event_at(GREETED, step, result="ended")) == []


@pytest.mark.parametrize("digits, confirmed", [("1", True), ("", False), ("5", False), (None, False)])
def test_the_goodbye_carries_whether_the_notice_was_confirmed(digits: object, confirmed: bool) -> None:
    state = {"step": "goodbye", "confirmed": confirmed}
    goodbye = speak(payload=flow.THANKS, voice=flow.VOICE, client_state=state).otherwise(hangup())
    ended = event_at("call.gather.ended", "asked", digits=digits, status="valid")
    assert decide(ended) == [goodbye, hangup().after(15 + len(flow.THANKS) / 10)]


@pytest.mark.parametrize("step, status", [("asked", "call_hangup"), ("asked", "cancelled"), ("goodbye", "valid")])
def test_a_question_that_was_cut_short_needs_nothing(step: str, status: str) -> None:
    assert decide(event_at("call.gather.ended", step, digits="1", status=status)) == []


def test_after_the_last_words_the_call_ends() -> None:
    for step in ("goodbye", "message"):
        assert decide(event_at("call.speak.ended", step, status="completed")) == [hangup()]
        assert decide(event_at("call.speak.ended", step, status="call_hangup")) == []
    assert decide(event_at("call.speak.ended", "asked", status="completed")) == []


DECIDED = [
    *("call.initiated", "call.answered", "call.gather.ended", "call.speak.ended", DETECTED, GREETED),
    *("call.machine.premium.detection.ended", "call.machine.premium.greeting.ended"),
]


@pytest.mark.parametrize("event_type", DECIDED)
@pytest.mark.parametrize("step", ["calling", "person", "machine", "asked", "goodbye", "message", None])
def test_after_the_hang_up_nothing_is_commanded(event_type: str, step: str | None) -> None:
    event = event_at(event_type, step, direction="incoming", result="machine", status="valid")
    assert decide(event, event_at("call.hangup", second=59)) == []


# Played


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with line_with("notice", monkeypatch) as found:
        yield found


SCENARIO = scenario_of("notice")


def called(answers: str, detection: str, *steps: Step) -> Scenario:
    """The scenario with another person, and another detection."""
    dial = {**(SCENARIO.dial or {}), "answering_machine_detection": detection}
    callees = {SCENARIO.to_number: Callee(answers=answers)}  # type: ignore[arg-type]
    return replace(SCENARIO, dial=dial, callees=callees, steps=steps)


def test_the_scenario_reaches_a_person_who_confirms(line: Line) -> None:
    line.play("notice")
    assert line.commands == ["gather_using_speak", "speak", "hangup"]
    assert line.spoken == [TEXT, flow.THANKS]


@pytest.mark.parametrize("detection", ["detect_beep", "greeting_end", "premium"])
def test_a_machine_hears_the_notice_after_its_greeting(line: Line, detection: str) -> None:
    line.play(called("machine", detection))
    assert line.spoken == [flow.NOTICE]
    assert line.commands == ["client_state_update", "speak", "hangup"]
    kind = "call.machine.premium.greeting.ended" if detection == "premium" else GREETED
    assert line.types.index(kind) < line.types.index("call.speak.started")


def test_a_person_is_recognized_by_premium_detection_as_well(line: Line) -> None:
    line.play(called("human", "premium", Step(when="gather_using_speak", after=15, press="1")))
    assert line.spoken == [TEXT, flow.THANKS]


@pytest.mark.parametrize("answers", ["no_answer", "busy"])
def test_a_call_that_is_not_answered_commands_nothing(line: Line, answers: str) -> None:
    line.play(called(answers, "detect_beep"))
    assert line.commands == []
