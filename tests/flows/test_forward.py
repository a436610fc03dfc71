"""forward: each rule compared with ==, and its calls, both legs, played against the simulator."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flows import forward as flow
from hookline import (
    Call,
    Command,
    Event,
    answer,
    bridge,
    client_state_update,
    dial,
    gather_using_speak,
    hangup,
    playback_stop,
    record_start,
    record_stop,
    speak,
)
from hookline.client_state import encode_for_flow
from hookline_local.simulator import Callee, Scenario, Step
from tests.support.played import Line, line_with, scenario_of

CALLER = "v3:caller"
MESSAGE = record_start(
    channels="single",
    format="mp3",
    max_length=90,
    play_beep=True,
    transcription=True,
    client_state={"step": "message"},
).otherwise(hangup())
GOODBYE = [
    speak(payload=flow.GOODBYE, voice=flow.VOICE, client_state={"step": "goodbye"}).otherwise(hangup()),
    hangup().after(15 + len(flow.GOODBYE) / 10),
]
GREETING = [
    speak(payload=flow.GREETING, voice=flow.VOICE, client_state={"step": "greeting"}).otherwise(MESSAGE),
    hangup().if_idle(15 + len(flow.GREETING) / 10),
]


def event_at(event_type: str, step: str, second: int = 5, own: Any = None, **payload: Any) -> Event:
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={
            "call_control_id": CALLER,
            "client_state": encode_for_flow("forward", {"step": step, **(own or {})}),
            **payload,
        },
    )


def of_agent(event_type: str, step: str, **payload: Any) -> Event:
    return event_at(event_type, step, own={"caller": CALLER}, **{"call_control_id": "v3:agent", **payload})


def decide(event: Event, *others: Event) -> list[Command]:
    decided: list[Command] = getattr(flow, event.type.replace(".", "_"))(event, Call.of([*others, event]))
    return decided


def hold(until: str) -> Command:
    state = {"step": "hold", "until": until}
    return speak(payload=flow.HOLD, voice=flow.VOICE, client_state=state).otherwise(hangup())


# The caller's leg


def test_an_incoming_call_is_answered() -> None:
    ringing = event_at("call.initiated", "", direction="incoming")
    assert decide(ringing) == [answer(client_state={"step": "answer"}), hangup().if_idle(30)]
    assert decide(ringing, event_at("call.hangup", "", second=9)) == []
    assert decide(event_at("call.initiated", "agent", direction="outgoing")) == []
    assert decide(event_at("call.initiated", "agent", direction="incoming", state="bridging")) == []


def test_an_answered_caller_holds_while_the_agent_is_called_in_the_same_session() -> None:
    agent = dial(
        connection_id="7",
        from_="+12025550123",
        to=flow.AGENT,
        timeout_secs=20,
        link_to=CALLER,
        flow="forward",
        client_state={"step": "agent", "caller": CALLER},
    )
    answered = event_at("call.answered", "answer", connection_id="7", to="+12025550123")
    assert decide(answered) == [
        hold("2026-09-01T10:01:05.000000Z"),
        agent.otherwise(client_state_update(client_state={"step": "unanswered"})),
    ]


def test_the_hold_text_is_repeated_until_the_time_is_up() -> None:
    until = {"until": "2026-09-01T10:00:30.000000Z"}
    assert decide(event_at("call.speak.ended", "hold", 29, until)) == [hold(until["until"])]
    assert decide(event_at("call.speak.ended", "hold", 30, until)) == GREETING
    assert decide(event_at("call.speak.ended", "hold", 29)) == GREETING


def test_an_unanswered_caller_is_greeted_then_leaves_a_message() -> None:
    assert decide(event_at("call.speak.ended", "unanswered")) == GREETING
    assert decide(event_at("call.speak.ended", "greeting")) == [MESSAGE, hangup().if_idle(105)]
    assert decide(event_at("call.speak.ended", "goodbye")) == [hangup()]
    for step in ("talking", "message"):
        assert decide(event_at("call.speak.ended", step)) == []
    assert decide(event_at("call.speak.ended", "greeting", status="call_hangup")) == []


def test_pound_ends_the_message_and_nothing_else() -> None:
    assert decide(event_at("call.dtmf.received", "message", digit="#")) == [record_stop(), *GOODBYE]
    assert decide(event_at("call.dtmf.received", "message", digit="1")) == []
    assert decide(event_at("call.dtmf.received", "talking", digit="#")) == []
    assert flow.ACTING_DIGITS == "#"


@pytest.mark.parametrize("event_type", ["call.recording.saved", "call.recording.error"])
def test_a_message_that_ends_by_itself_ends_the_call(event_type: str) -> None:
    assert decide(event_at(event_type, "message")) == GOODBYE
    assert decide(event_at(event_type, "goodbye")) == []


def test_when_the_legs_are_connected_each_of_them_stops_the_hold_text() -> None:
    assert decide(event_at("call.bridged", "hold")) == [playback_stop(client_state={"step": "talking"})]
    assert decide(event_at("call.bridged", "talking")) == []
    stopped = playback_stop(client_state={"step": "talking"}, on=CALLER)
    assert decide(of_agent("call.bridged", "talking")) == [stopped]
    assert decide(of_agent("call.bridged", "whisper")) == []


# The agent's leg


def test_the_agent_is_whispered_to() -> None:
    whisper = gather_using_speak(
        payload=flow.WHISPER,
        voice=flow.VOICE,
        valid_digits="1",
        maximum_digits=1,
        maximum_tries=1,
        timeout_millis=8_000,
        client_state={"step": "whisper", "caller": CALLER},
    )
    ends = hangup().if_idle(15 + len(flow.WHISPER) / 10 + 8)
    assert decide(of_agent("call.answered", "agent")) == [whisper.otherwise(hangup()), ends]
    assert decide(of_agent("call.answered", "talking")) == []


def test_with_1_the_agent_accepts_and_the_legs_are_connected() -> None:
    connected = bridge(call_control_id=CALLER, client_state={"step": "talking", "caller": CALLER})
    accepted = of_agent("call.gather.ended", "whisper", digits="1", status="valid")
    assert decide(accepted) == [connected.otherwise(hangup())]


@pytest.mark.parametrize("digits", ["", "5", None, 1])
def test_an_agent_who_does_not_accept_is_hung_up_on(digits: object) -> None:
    assert decide(of_agent("call.gather.ended", "whisper", digits=digits, status="timeout")) == [hangup()]
    assert decide(of_agent("call.gather.ended", "whisper", digits=digits, status="call_hangup")) == []
    assert decide(of_agent("call.gather.ended", "agent", digits=digits)) == []
    assert decide(event_at("call.gather.ended", "whisper", digits="1")) == [], "without a caller"


@pytest.mark.parametrize("step", ["agent", "whisper"])
def test_when_the_agent_has_not_accepted_the_caller_goes_on_to_voicemail(step: str) -> None:
    longest = 15 + len(flow.GREETING) / 10 + 90 + 15 + len(flow.GOODBYE) / 10
    assert decide(of_agent("call.hangup", step)) == [
        playback_stop(client_state={"step": "unanswered"}, on=CALLER),
        hangup(on=CALLER).after(longest),
    ]


def test_after_the_conversation_both_legs_end() -> None:
    assert decide(of_agent("call.hangup", "talking")) == [hangup(on=CALLER)]
    for step in ("hold", "talking", "agent"):
        assert decide(event_at("call.hangup", step)) == [], "the caller's own leg has no other"


DECIDED = "call.initiated call.answered call.gather.ended call.bridged call.speak.ended call.dtmf.received".split()


@pytest.mark.parametrize("event_type", [*DECIDED, "call.recording.saved", "call.recording.error"])
@pytest.mark.parametrize("step", "answer agent whisper hold unanswered greeting message goodbye".split())
def test_after_the_hang_up_nothing_is_commanded(event_type: str, step: str) -> None:
    event = of_agent(event_type, step, direction="incoming", digit="#", digits="1", to="+12025550123")
    assert decide(event, event_at("call.hangup", step, second=59)) == []


@pytest.mark.parametrize("value", [None, "", 7, [], {}, "x"])
def test_a_call_without_its_usual_attributes_is_decided_all_the_same(value: Any) -> None:
    commands = decide(event_at("call.answered", "answer", connection_id=value, to=value))
    assert [command.action for command in commands] == ["speak", "dial"]


# Played


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with line_with("forward", monkeypatch) as found:
        yield found


SCENARIO = scenario_of("forward")
ACCEPTS = Step(when="gather_using_speak", after=4, press="1")


def with_agent(agent: Callee, *steps: Step) -> Scenario:
    return replace(SCENARIO, callees={flow.AGENT: agent}, steps=steps or SCENARIO.steps)


def test_in_the_scenario_the_agent_does_not_accept_and_the_caller_leaves_a_message(line: Line) -> None:
    line.play("forward")
    assert line.spoken[-2:] == [flow.GREETING, flow.GOODBYE]
    assert line.words_recorded == ["It is about the order of last week."]


def test_an_agent_who_accepts_talks_to_the_caller(line: Line) -> None:
    agent = Callee(steps=(ACCEPTS, Step(when="call.bridged", after=20, hangup=True)))
    leg = line.play(with_agent(agent, Step(when="call.bridged")))
    assert "bridge" in line.commands
    assert flow.GREETING not in line.spoken
    assert [each.hangup_cause for each in leg.session.legs] == ["normal_clearing", "normal_clearing"]
    assert len(leg.session.legs) == 2


@pytest.mark.parametrize("answers", ["no_answer", "busy", "rejected"])
def test_a_caller_whose_agent_is_not_reached_leaves_a_message(line: Line, answers: Any) -> None:
    line.play(with_agent(Callee(answers=answers)))
    assert line.words_recorded == ["It is about the order of last week."]


def test_a_caller_who_gives_up_leaves_no_agent_on_the_line(line: Line) -> None:
    leg = line.play(with_agent(Callee(after=10, steps=(ACCEPTS,)), Step(when="dial", after=5, hangup=True)))
    assert {each.state for each in leg.session.legs} == {"ended"}


def test_an_agent_who_may_not_be_called_is_replaced_by_voicemail(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("forward", monkeypatch, dial_allow="") as line:
        leg = line.play(SCENARIO)
        assert len(leg.session.legs) == 1
        assert line.words_recorded == ["It is about the order of last week."]
        assert line.spoken.count(flow.HOLD) == 1, "no one is waited for"


@pytest.mark.parametrize("refused", ["dial", "bridge", "gather_using_speak"])
def test_what_telnyx_refuses_leads_to_voicemail(line: Line, refused: str) -> None:
    line.refusals.actions.add("calls" if refused == "dial" else refused)
    line.play(with_agent(Callee(steps=(ACCEPTS,) if refused == "bridge" else ())))
    assert line.words_recorded == ["It is about the order of last week."]
    assert refused != "dial" or line.spoken.count(flow.HOLD) == 1, "no one is waited for"


def test_when_the_end_of_the_agent_s_leg_is_not_reported_the_caller_goes_to_voicemail_in_time(line: Line) -> None:
    busy = replace(SCENARIO, steps=(Step(faults={"lose": {"call.hangup": 1.0}}), *SCENARIO.steps))
    line.play(replace(busy, callees={flow.AGENT: Callee(answers="busy")}))
    assert line.spoken.count(flow.HOLD) > 5
    assert line.spoken[-2:] == [flow.GREETING, flow.GOODBYE]
