"""voicemail: each rule compared with ==, and the scenario played."""

from collections.abc import Callable
from typing import Any

import pytest

from flows import voicemail as flow
from hookline import Call, Command, Event, answer, hangup, record_start, record_stop, speak
from hookline.client_state import encode_for_flow
from hookline_local.simulator import Scenario, Step
from tests.support.played import line_with

RECORDING = record_start(
    channels="single",
    format="mp3",
    max_length=120,
    play_beep=True,
    transcription=True,
    client_state={"step": "message"},
).otherwise(hangup())


def event_at(event_type: str, second: int = 5, step: str = "message", **payload: Any) -> Event:
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={"call_control_id": "C", "client_state": encode_for_flow("voicemail", {"step": step}), **payload},
    )


def decide(event: Event, *others: Event) -> list[Command]:
    function: Callable[[Event, Call], list[Command]] = getattr(flow, event.type.replace(".", "_"))
    return function(event, Call.of([*others, event]))


def goodbye(text: str) -> list[Command]:
    spoken = speak(payload=text, voice=flow.VOICE, client_state={"step": "goodbye"})
    return [spoken.otherwise(hangup()), hangup().after(10)]


PATIENT = Step(when="record_start", after=200, hangup=True)
POUND = event_at("call.dtmf.received", 4, digit="#")
HANGUP = event_at("call.hangup", 3)


def test_an_incoming_call_is_answered() -> None:
    initiated = event_at("call.initiated", direction="incoming", state="parked", client_state=None)
    assert decide(initiated) == [answer(client_state={"step": "answer"})]
    assert decide(initiated, event_at("call.answered", 1)) == []


@pytest.mark.parametrize("payload", [{"direction": "outgoing"}, {"direction": "incoming", "state": "bridging"}, {}])
def test_a_call_that_nobody_waits_on_is_left_alone(payload: dict[str, Any]) -> None:
    assert decide(event_at("call.initiated", **payload)) == []


def test_the_caller_is_greeted_and_the_call_bounded() -> None:
    greeting = speak(payload=flow.GREETING, voice=flow.VOICE, client_state={"step": "greeting"})
    answered = event_at("call.answered", step="answer")
    assert decide(answered) == [greeting.otherwise(RECORDING), hangup().after(160)]
    assert decide(answered, HANGUP) == []
    assert decide(event_at("call.answered", step="greeting")) == []


def test_the_tone_follows_the_greeting() -> None:
    ended = event_at("call.speak.ended", step="greeting", status="completed")
    assert decide(ended) == [RECORDING]
    assert decide(ended, HANGUP) == []
    assert decide(event_at("call.speak.ended", step="greeting", status="call_hangup")) == []


def test_the_end_follows_the_goodbye() -> None:
    assert decide(event_at("call.speak.ended", step="goodbye")) == [hangup()]
    assert decide(event_at("call.speak.ended", step="message")) == []


def test_pound_ends_the_message() -> None:
    assert decide(POUND) == [record_stop(), *goodbye(flow.GOODBYE)]
    assert decide(POUND, HANGUP) == []


@pytest.mark.parametrize(("digit", "step"), [("1", "message"), ("#", "greeting"), ("#", "goodbye"), (None, "message")])
def test_other_keys_do_nothing(digit: object, step: str) -> None:
    assert decide(event_at("call.dtmf.received", step=step, digit=digit)) == []


def test_pound_again_does_nothing() -> None:
    assert decide(event_at("call.dtmf.received", 6, digit="#"), POUND) == []


@pytest.mark.parametrize(
    ("event_type", "text"),
    [("call.recording.saved", flow.GOODBYE), ("call.recording.error", flow.NOT_RECORDED)],
)
def test_a_message_that_ends_by_itself_is_followed_by_a_goodbye(event_type: str, text: str) -> None:
    assert decide(event_at(event_type)) == goodbye(text)
    assert decide(event_at(event_type), event_at("call.dtmf.received", 2, step="greeting", digit="#")) == goodbye(text)
    assert decide(event_at(event_type), POUND) == []
    assert decide(event_at(event_type), HANGUP) == []
    assert decide(event_at(event_type, step="goodbye")) == []


@pytest.mark.parametrize("state", [None, "text", [], {}])
def test_the_state_of_another_application_breaks_nothing(state: object) -> None:
    for event_type in ("call.answered", "call.speak.ended", "call.recording.saved", "call.dtmf.received"):
        foreign = event_at(event_type, digit="#", client_state=encode_for_flow("voicemail", state))
        assert decide(foreign) == []


def test_pound_is_stored_as_pressed() -> None:
    assert flow.ACTING_DIGITS == "#"


def test_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("voicemail", monkeypatch) as line:
        leg = line.play("voicemail")
        assert line.commands == ["answer", "speak", "record_start", "record_stop", "speak", "hangup"]
        assert line.spoken == [flow.GREETING, flow.GOODBYE]
        assert line.words_recorded == ["This is Maria. Please call me back."]
        assert "call.recording.transcription.saved" in line.types
        assert leg.hangup_cause == "normal_clearing"

        line.play(Scenario(steps=(PATIENT,)))
        assert line.commands == ["answer", "speak", "record_start", "speak", "hangup"]
        assert line.spoken == [flow.GREETING, flow.GOODBYE]


@pytest.mark.parametrize("refused", ["speak", "record_start"])
def test_what_telnyx_refuses_leaves_nobody_in_silence(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("voicemail", monkeypatch) as line:
        line.refusals.actions.add(refused)
        line.play(Scenario(steps=(PATIENT,) if refused == "speak" else ()))
        assert line.commands[-1] == "hangup"
        assert ("record_start" in line.commands) == (refused == "speak")


def test_a_call_whose_events_are_lost_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("voicemail", monkeypatch) as line:
        line.telnyx.set_faults(lose={"call.speak.ended": 1.0})
        leg = line.place(Scenario())
        line.wait_for_command("speak")
        line.drain()
        line.settle(leg)
        assert line.commands == ["answer", "speak", "hangup"]
