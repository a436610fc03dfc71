"""menu: each rule compared with ==, and the scenario played."""

from collections.abc import Callable
from typing import Any

import pytest

from flows import menu as flow
from hookline import (
    Call,
    Command,
    Event,
    answer,
    gather_using_speak,
    hangup,
    playback_stop,
    record_start,
    speak,
    transfer,
)
from hookline.client_state import encode_for_flow
from hookline_local.simulator import Callee, Scenario, Step
from tests.support.played import line_with

ASKED_ONCE = {"step": "question", "asked": 1}
ASKED_TWICE = {"step": "question", "asked": 2}


def event_at(event_type: str, left: object = None, *, second: int = 5, **payload: Any) -> Event:
    encoded = encode_for_flow("menu", left)
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={"call_control_id": "C", "client_state": encoded, **payload},
    )


def decide(event: Event, *others: Event) -> list[Command]:
    function: Callable[[Event, Call], list[Command]] = getattr(flow, event.type.replace(".", "_"))
    return function(event, Call.of([*others, event]))


def spoken(text: str, step: str, **more: Any) -> Command:
    return speak(payload=text, voice=flow.VOICE, client_state={"step": step}, **more)


def question(asked: int) -> list[Command]:
    prompt = gather_using_speak(
        payload=flow.PROMPT,
        voice=flow.VOICE,
        maximum_digits=1,
        maximum_tries=1,
        valid_digits="12",
        timeout_millis=8000,
        client_state={"step": "question", "asked": asked},
    )
    return [prompt.otherwise(hangup()), spoken(flow.GOODBYE, "goodbye").otherwise(hangup()).after(60)]


def recording(on: str | None = None) -> Command:
    started = record_start(
        channels="single", format="mp3", max_length=120, play_beep=True, client_state={"step": "message"}, on=on
    )
    return started.otherwise(hangup(on=on))


def message(text: str, on: str | None = None) -> list[Command]:
    return [spoken(text, "invitation", on=on).otherwise(recording(on)), hangup(on=on).after(160)]


GOODBYE = [spoken(flow.GOODBYE, "goodbye").otherwise(hangup()), hangup().after(10)]
HANGUP = event_at("call.hangup", second=3)


def test_an_incoming_call_is_answered() -> None:
    initiated = event_at("call.initiated", direction="incoming", state="parked", client_state=None)
    assert decide(initiated) == [answer(client_state={"step": "answer"})]
    assert decide(initiated, event_at("call.answered", second=1)) == []


@pytest.mark.parametrize("payload", [{"direction": "outgoing"}, {"direction": "incoming", "state": "bridging"}, {}])
def test_a_leg_that_nobody_waits_on_is_left_to_ring(payload: dict[str, Any]) -> None:
    assert decide(event_at("call.initiated", {"step": "sales"}, **payload)) == []


def test_the_caller_is_asked() -> None:
    answered = event_at("call.answered", {"step": "answer"})
    assert decide(answered) == question(1)
    assert decide(answered, HANGUP) == []
    assert decide(event_at("call.answered", {"step": "sales"})) == []


def test_1_reaches_sales() -> None:
    to_sales = transfer(
        to=flow.SALES,
        timeout_secs=25,
        target_flow="menu",
        target_leg_client_state={"step": "sales", "caller": "C"},
        client_state={"step": "transfer"},
    )
    without_sales = spoken(flow.NOBODY_ANSWERS, "invitation").otherwise(recording())
    pressed = event_at("call.gather.ended", ASKED_ONCE, digits="1", status="valid")
    assert decide(pressed) == [playback_stop(), to_sales.otherwise(without_sales)]


def test_2_leaves_a_message() -> None:
    pressed = event_at("call.gather.ended", ASKED_TWICE, digits="2", status="valid")
    assert decide(pressed) == [playback_stop(), *message(flow.INVITATION)]


@pytest.mark.parametrize("payload", [{"digits": "", "status": "timeout"}, {"digits": "9", "status": "invalid"}, {}])
def test_a_silence_is_asked_again_and_two_end_the_call(payload: dict[str, Any]) -> None:
    assert decide(event_at("call.gather.ended", ASKED_ONCE, **payload)) == [playback_stop(), *question(2)]
    for state in (ASKED_TWICE, *({"step": "question", "asked": asked} for asked in (None, 0, "1"))):
        assert decide(event_at("call.gather.ended", state, **payload)) == [playback_stop(), *GOODBYE]


def test_an_answer_that_comes_too_late_or_is_not_one_commands_nothing() -> None:
    pressed = event_at("call.gather.ended", ASKED_ONCE, digits="2", status="valid")
    assert decide(pressed, HANGUP) == []
    assert decide(event_at("call.gather.ended", ASKED_ONCE, digits="", status="call_hangup")) == []
    assert decide(event_at("call.gather.ended", {"step": "message"}, digits="2", status="valid")) == []


def test_whoever_cancels_the_question_has_the_call() -> None:
    cancelled = event_at("call.gather.ended", ASKED_ONCE, digits="", status="cancelled")
    assert decide(cancelled) == [playback_stop()], "the goodbye that waits is withdrawn"


def test_when_sales_does_not_answer_the_caller_leaves_a_message() -> None:
    unanswered = event_at("call.hangup", {"step": "sales", "caller": "the caller's leg"}, hangup_cause="timeout")
    assert decide(unanswered) == message(flow.NOBODY_ANSWERS, on="the caller's leg")
    assert decide(unanswered, event_at("call.answered", {"step": "sales"}, second=1)) == []


@pytest.mark.parametrize(
    "state",
    [
        {"step": "goodbye", "caller": "C"},
        {"step": "sales"},
        {"step": "sales", "caller": ""},
        {"step": "sales", "caller": 1},
    ],
)
def test_another_end_commands_nothing(state: object) -> None:
    assert decide(event_at("call.hangup", state)) == []


def test_the_tone_follows_the_invitation_and_the_end_the_goodbye() -> None:
    assert decide(event_at("call.speak.ended", {"step": "invitation"})) == [recording()]
    assert decide(event_at("call.speak.ended", {"step": "goodbye"})) == [hangup()]
    assert decide(event_at("call.speak.ended", ASKED_ONCE)) == []
    assert decide(event_at("call.speak.ended", {"step": "invitation"}), HANGUP) == []
    assert decide(event_at("call.speak.ended", {"step": "invitation"}, status="call_hangup")) == []


@pytest.mark.parametrize("event_type", ["call.recording.saved", "call.recording.error"])
def test_a_message_that_ends_by_itself_is_followed_by_a_goodbye(event_type: str) -> None:
    assert decide(event_at(event_type, {"step": "message"})) == GOODBYE
    assert decide(event_at(event_type, {"step": "message"}), HANGUP) == []
    assert decide(event_at(event_type, {"step": "goodbye"})) == []


@pytest.mark.parametrize("state", [None, "text", [], {}])
def test_the_state_of_another_application_breaks_nothing(state: object) -> None:
    for event_type in ("call.answered", "call.gather.ended", "call.speak.ended", "call.recording.saved", "call.hangup"):
        assert decide(event_at(event_type, state, digits="2", status="valid")) == []


def test_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("menu", monkeypatch) as line:
        leg = line.play("menu")
        asked = ["gather_using_speak", "playback_stop"]
        assert line.commands == ["answer", *asked, *asked, "speak", "record_start"]
        assert line.words_recorded == ["This is Maria. Please call me back."]
        assert leg.hangup_cause == "normal_clearing"

        line.play(Scenario())
        assert line.commands == ["answer", *asked, *asked, "speak", "hangup"]
        assert line.spoken == [flow.PROMPT, flow.PROMPT, flow.GOODBYE]


SALES_PLEASE = Step(when="gather_using_speak", after=1, press="1")
PATIENT = Step(when="record_start", after=200, hangup=True)


def test_sales_and_its_caller_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    callee = Callee(steps=(Step(after=3, hangup=True),))
    with line_with("menu", monkeypatch) as line:
        line.play(Scenario(steps=(SALES_PLEASE,), callees={flow.SALES: callee}))
        assert line.commands == ["answer", "gather_using_speak", "playback_stop", "transfer"]
        assert line.types.count("call.bridged") == 2
        assert line.spoken == [flow.PROMPT]


@pytest.mark.parametrize("answers", ["no_answer", "busy", "refused here"])
def test_without_sales_the_caller_leaves_a_message(answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    is_refused = answers == "refused here"
    callees = {} if is_refused else {flow.SALES: Callee(answers=answers)}
    with line_with("menu", monkeypatch, dial_allow="" if is_refused else "+1202") as line:
        line.play(Scenario(steps=(SALES_PLEASE, PATIENT), callees=callees))
        assert line.commands[-4:] == ["speak", "record_start", "speak", "hangup"]
        assert line.spoken == [flow.PROMPT, flow.NOBODY_ANSWERS, flow.GOODBYE]


@pytest.mark.parametrize("refused", ["gather_using_speak", "speak", "record_start"])
def test_what_telnyx_refuses_leaves_nobody_in_silence(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = () if refused == "gather_using_speak" else (Step(when="gather_using_speak", press="2"),)
    patience = (PATIENT,) if refused == "speak" else ()
    with line_with("menu", monkeypatch) as line:
        line.refusals.actions.add(refused)
        line.play(Scenario(steps=(*steps, *patience)))
        assert line.commands[-1] == "hangup"


def test_an_answer_that_is_never_reported_ends_with_a_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("menu", monkeypatch) as line:
        line.telnyx.set_faults(lose={"call.gather.ended": 1.0})
        leg = line.place(Scenario())
        line.wait_for_command("gather_using_speak")
        line.drain()
        line.settle(leg)
        assert line.commands == ["answer", "gather_using_speak", "speak", "hangup"]


def test_the_goodbye_behind_a_question_is_withdrawn_by_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    callee = Callee(steps=(Step(after=3, press="5"),))
    with line_with("menu", monkeypatch) as line:
        leg = line.place(Scenario(steps=(SALES_PLEASE,), callees={flow.SALES: callee}))
        line.wait_for_command("transfer")
        line.drain()
        line.telnyx.hang_up(leg)
        line.settle(leg)
        assert line.spoken == [flow.PROMPT]
