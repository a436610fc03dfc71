"""reception, the flow that ships: each rule compared with ==, and what holds for all of its functions."""

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import reception
from flows.reception import DEFAULT_VOICE, CallFlow
from hookline import (
    Call,
    Command,
    Event,
    answer,
    fork_start,
    fork_stop,
    hangup,
    playback_start,
    playback_stop,
    record_pause,
    record_resume,
    record_start,
    record_stop,
    speak,
    streaming_start,
    streaming_stop,
    transcription_start,
    transcription_stop,
)
from hookline.client_state import encode_for_flow
from hookline.routing import ROUTED_EVENTS
from hookline_local.emulator.template import load_template
from tests.support.played import line_with
from tests.support.world import A_PUBLIC_KEY, API_KEY, PROJECT, sample_event

DEFAULT = CallFlow()
FULL = CallFlow(
    stream_url="wss://media.example.com/calls",
    stream_auth_token="of a test",
    fork_rx="udp:192.0.2.10:9000",
    fork_tx="udp:192.0.2.10:9002",
    audio_url="https://audio.example.com/waiting.mp3",
)
SILENT = CallFlow(greeting="", goodbye="", record=False, transcribe=False, audio_fallback="")
DECIDED = [event_type for event_type in ROUTED_EVENTS if hasattr(reception, event_type.replace(".", "_"))]


def decide(event: Event, *others: Event, flow: CallFlow = DEFAULT) -> list[Command]:
    """The decision of the flow on an event, with these settings and these other events of its call."""
    function: Callable[[Event, Call], list[Command]] = getattr(reception, event.type.replace(".", "_"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reception, "SETTINGS", flow)
        return function(event, Call.of([*others, event]))


def event_at(event_type: str, second: int, step: str = "greeting", **payload: Any) -> Event:
    state = encode_for_flow("reception", {"step": step})
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={"call_leg_id": "L", "call_control_id": "C", "client_state": state, **payload},
    )


def spoken(text: str, step: str, **more: Any) -> Command:
    return speak(payload=text, voice=DEFAULT.voice, language=DEFAULT.language, client_state={"step": step}, **more)


def greeting(flow: CallFlow = DEFAULT) -> Command:
    """The greeting; refused in its voice it is spoken in the default voice, refused again the call is ended."""
    plain = speak(payload=flow.greeting, voice=DEFAULT_VOICE, client_state={"step": "greeting"})
    first = speak(payload=flow.greeting, voice=flow.voice, language=flow.language, client_state={"step": "greeting"})
    return first.otherwise(plain.otherwise(hangup()))


def goodbye(flow: CallFlow = DEFAULT) -> list[Command]:
    """The goodbye; the call is hung up when it is refused, and when its end is never reported."""
    return [
        spoken(flow.goodbye, "goodbye", stop="all").otherwise(hangup()),
        hangup().after(5 + len(flow.goodbye) / 10),
    ]


def test_every_decision_of_the_flow_is_tested_here() -> None:
    functions = inspect.getmembers(reception, inspect.isfunction)
    decisions = {name for name, function in functions if [*inspect.signature(function).parameters] == ["event", "call"]}
    assert {name for name in decisions if not name.startswith("_")} == {name.replace(".", "_") for name in DECIDED}


def test_an_incoming_call_is_answered() -> None:
    assert decide(sample_event("call.initiated")) == [answer(client_state={"step": "answer"})]


@pytest.mark.parametrize(
    "payload", [{"direction": "outgoing"}, {"direction": None}, {"direction": "inbound"}, {"state": "bridging"}]
)
def test_a_call_that_is_not_incoming_or_is_bridged_already_is_left_alone(payload: dict[str, Any]) -> None:
    assert decide(sample_event("call.initiated", **payload)) == []


def test_an_answered_call_is_greeted_recorded_transcribed_and_streamed() -> None:
    assert decide(sample_event("call.answered"), flow=FULL) == [
        greeting(),
        record_start(channels="dual", format="mp3"),
        transcription_start(transcription_engine="Telnyx", transcription_tracks="both"),
        streaming_start(
            stream_url="wss://media.example.com/calls",
            stream_track="both_tracks",
            stream_auth_token="of a test",
        ),
    ]


@pytest.mark.parametrize(
    "setting, reply",
    [
        (",,,", {}),
        ("mp3,,,self", {"stream_bidirectional_mode": "mp3", "stream_bidirectional_target_legs": "self"}),
        (
            "rtp,L16,16000,both",
            {
                "stream_bidirectional_mode": "rtp",
                "stream_bidirectional_codec": "L16",
                "stream_bidirectional_sampling_rate": 16000,
                "stream_bidirectional_target_legs": "both",
            },
        ),
    ],
)
def test_audio_comes_back_from_the_stream_as_its_setting_says(setting: str, reply: dict[str, Any]) -> None:
    flow = CallFlow.of({"LINE_STREAM_URL": "wss://agent.example.com", "LINE_STREAM_REPLY": setting})
    url = {"stream_url": "wss://agent.example.com", "stream_track": "both_tracks"}
    assert flow.stream.params == url | reply


def test_the_transcript_is_in_the_language_of_its_own_parameter() -> None:
    flow = CallFlow(transcription_engine="Google", transcription_language="de")
    assert flow.transcription == transcription_start(
        transcription_engine="Google",
        transcription_engine_config={"transcription_engine": "Google", "language": "de"},
        transcription_tracks="both",
    )


@pytest.mark.parametrize("language, model", [("de", "deepgram/nova-3"), ("bg", "deepgram/nova-2")])
def test_deepgrams_settings_are_for_the_model_that_knows_the_language(language: str, model: str) -> None:
    flow = CallFlow(transcription_engine="Deepgram", transcription_language=language)
    assert flow.transcription.params["transcription_engine"] == "Deepgram"
    assert flow.transcription.params["transcription_engine_config"] == {
        "transcription_engine": model,
        "transcription_model": model,
        "language": language,
    }


@pytest.mark.parametrize("name", ["RECORD", "TRANSCRIBE"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(name: str) -> None:
    assert getattr(CallFlow.of({f"LINE_{name}": "off"}), name.lower()) is False
    with pytest.raises(ValueError, match="must be on or off"):
        CallFlow.of({f"LINE_{name}": "true"})


def test_without_a_websocket_the_media_is_forked() -> None:
    forked = CallFlow(fork_rx=FULL.fork_rx, fork_tx=FULL.fork_tx, record=False, transcribe=False)
    assert decide(sample_event("call.answered"), flow=forked) == [
        greeting(),
        fork_start(rx=FULL.fork_rx, tx=FULL.fork_tx),
    ]


def test_without_a_greeting_the_audio_comes_first() -> None:
    flow = CallFlow(greeting="", record=False, transcribe=False, audio_url="https://audio.example.com/a.wav?x=1")
    assert decide(sample_event("call.answered"), flow=flow) == [
        playback_start(audio_url=flow.audio_url, audio_type="wav", client_state={"step": "music"})
    ]
    assert decide(sample_event("call.answered"), flow=SILENT) == []


@pytest.mark.parametrize("state", ["client-state-null", "outgoing"])
def test_a_call_that_the_flow_did_not_answer_is_left_alone(state: str) -> None:
    assert decide(sample_event(f"call.answered.{state}")) == []


def test_after_the_greeting_comes_the_audio_when_there_is_one() -> None:
    ended = event_at("call.speak.ended", 9, "greeting", status="completed")
    assert decide(ended, flow=FULL) == [
        playback_start(audio_url=FULL.audio_url, audio_type="mp3", client_state={"step": "music"})
    ]
    assert decide(ended, flow=DEFAULT) == []
    assert decide(event_at("call.speak.ended", 9, "greeting", status="call_hangup"), flow=FULL) == []


@pytest.mark.parametrize(
    ("key", "commands"),
    [
        ("1", [record_pause(), transcription_stop()]),
        ("2", [record_resume(), FULL.transcription]),
        ("*", [playback_stop(client_state={"step": "listening"})]),
        (
            "#",
            [
                record_stop(),
                transcription_stop(),
                streaming_stop(),
                fork_stop(),
                *goodbye(FULL),
            ],
        ),
        ("7", []),
        ("", []),
        (None, []),
        (1, []),
    ],
)
def test_the_keys_of_the_phone(key: object, commands: list[Command]) -> None:
    for step in ("answer", "greeting", "music", "listening"):
        assert decide(event_at("call.dtmf.received", 5, step, digit=key), flow=FULL) == commands
    for step in ("calling", "another step"):
        assert decide(event_at("call.dtmf.received", 5, step, digit=key), flow=FULL) == []
    hung_up = [hangup()] if key == "#" else []
    assert decide(event_at("call.dtmf.received", 5, "goodbye", digit=key), flow=FULL) == hung_up


@pytest.mark.parametrize(("record", "transcribe"), [(True, False), (False, True), (False, False)])
def test_what_is_paused_and_resumed_is_what_was_started(record: bool, transcribe: bool) -> None:
    flow = CallFlow(record=record, transcribe=transcribe)
    pause = [*([record_pause()] if record else []), *([transcription_stop()] if transcribe else [])]
    resume = [*([record_resume()] if record else []), *([flow.transcription] if transcribe else [])]
    assert decide(event_at("call.dtmf.received", 5, digit="1"), flow=flow) == pause
    assert decide(event_at("call.dtmf.received", 5, digit="2"), flow=flow) == resume


def test_finishing_twice_hangs_up_without_waiting_for_the_goodbye() -> None:
    first, second = (event_at("call.dtmf.received", second, digit="#") for second in (5, 6))
    assert len(decide(first, second)) > 1
    assert decide(second, first) == [hangup()]
    assert decide(event_at("call.dtmf.received", 7, digit="2"), first) == []


def test_without_a_goodbye_the_call_is_hung_up_at_once() -> None:
    assert decide(event_at("call.dtmf.received", 5, digit="#"), flow=SILENT) == [hangup()]


def test_after_the_goodbye_the_call_is_hung_up() -> None:
    story = [
        event_at("call.speak.started", 1),
        event_at("call.speak.ended", 3),
        event_at("call.dtmf.received", 5, digit="#"),
        event_at("call.speak.started", 6, "goodbye"),
    ]
    ended = event_at("call.speak.ended", 9, "goodbye", status="completed")
    assert decide(ended, *story) == [hangup()]
    assert decide(ended) == [hangup()], "also when nothing else is known"


def test_a_greeting_that_the_pound_key_cut_short_is_not_the_goodbye() -> None:
    began = event_at("call.speak.started", 1)
    pressed = event_at("call.dtmf.received", 5, digit="#")
    cut_short = event_at("call.speak.ended", 5, "goodbye", status="completed")
    goodbye = event_at("call.speak.started", 6, "goodbye")
    ended = event_at("call.speak.ended", 9, "goodbye", status="completed")
    assert decide(cut_short, began, pressed) == []
    assert decide(cut_short, began, pressed, goodbye) == []
    assert decide(ended, began, pressed, cut_short, goodbye) == [hangup()]


@pytest.mark.parametrize("status", ["failed", "file_not_found"])
def test_a_spoken_text_replaces_an_audio_file_that_cannot_be_played(status: str) -> None:
    ended = event_at("call.playback.ended", 9, "music", status=status)
    assert decide(ended) == [spoken(DEFAULT.audio_fallback, "listening")]
    assert decide(ended, flow=SILENT) == []
    assert decide(event_at("call.playback.ended", 9, "listening", status=status)) == []


@pytest.mark.parametrize("status", ["completed", "cancelled", "cancelled_amd", "call_hangup", "unknown", None])
def test_an_audio_file_that_was_played_or_stopped_needs_nothing(status: str | None) -> None:
    assert decide(event_at("call.playback.ended", 9, "music", status=status)) == []


def test_a_failed_stream_is_tried_again_then_forked_then_left() -> None:
    failures = [event_at("streaming.failed", second) for second in range(5)]
    again, fork = [FULL.stream], [FULL.fork]
    assert [decide(failures[n], *failures[:n], flow=FULL) for n in range(5)] == [again, again, fork, [], []]
    without_fork = CallFlow(stream_url=FULL.stream_url, stream_retries=1)
    assert [decide(failures[n], *failures[:n], flow=without_fork) for n in range(3)] == [
        [without_fork.stream],
        [],
        [],
    ]
    assert decide(failures[0], flow=DEFAULT) == [], "a stream of another step"


def test_a_failure_that_arrives_late_counts_the_same() -> None:
    failures = [event_at("streaming.failed", second) for second in range(3)]
    assert decide(failures[0], *failures, flow=FULL) == [FULL.stream]
    assert decide(failures[2], *reversed(failures), flow=FULL) == [FULL.fork]


def test_a_recording_that_failed_is_started_once_more() -> None:
    first, second = (event_at("call.recording.error", second) for second in (3, 6))
    assert decide(first) == [record_start(channels="dual", format="mp3")]
    assert decide(second, first) == []
    assert decide(first, flow=SILENT) == []


@pytest.mark.parametrize(("keys", "again"), [("1", False), ("12", True), ("#", False), ("12#", False), ("7*", True)])
def test_a_recording_that_the_caller_has_paused_or_finished_is_not_started_again(keys: str, again: bool) -> None:
    pressed = [event_at("call.dtmf.received", second, digit=key) for second, key in enumerate(keys)]
    assert bool(decide(event_at("call.recording.error", 30), *pressed)) is again


@pytest.mark.parametrize(
    ("actions", "again"),
    [
        (["record_pause"], False),
        (["record_stop"], False),
        (["record_pause", "record_resume"], True),
        (["record_start", "speak"], True),
        (["record_pause", "speak"], False),
    ],
)
def test_a_recording_that_an_operator_has_paused_or_stopped_is_not_started_again(
    actions: list[str], again: bool
) -> None:
    asked = [event_at("hookline.action", second, action=action) for second, action in enumerate(actions)]
    assert bool(decide(event_at("call.recording.error", 30), *asked)) is again


def test_in_a_step_of_another_flow_nothing_is_started_again() -> None:
    for step in ("goodbye", "calling", "another step"):
        assert decide(event_at("call.recording.error", 30, step), flow=FULL) == []
        assert decide(event_at("streaming.failed", 30, step), flow=FULL) == []


def test_errors_of_the_same_time_are_counted_all_the_same() -> None:
    errors = [replace(event_at("call.recording.error", 3), id=str(number)) for number in range(3)]
    assert [len(decide(error, *errors)) for error in errors] == [1, 0, 0]


def test_when_the_call_is_bridged_what_is_heard_is_stopped() -> None:
    for step, commands in (
        ("greeting", [playback_stop(client_state={"step": "listening"})]),
        ("music", [playback_stop(client_state={"step": "listening"})]),
        ("listening", []),
        ("goodbye", []),
    ):
        assert decide(event_at("call.bridged", 5, step)) == commands


def test_a_machine_that_answers_a_placed_call_is_hung_up_on() -> None:
    assert decide(event_at("call.machine.detection.ended", 5, "calling", result="machine")) == [hangup()]
    for result in ("human", "not_sure", None):
        assert decide(event_at("call.machine.detection.ended", 5, "calling", result=result)) == []
    assert decide(event_at("call.machine.detection.ended", 5, "answer", result="machine")) == []


@pytest.mark.parametrize("event_type", DECIDED)
def test_after_the_hang_up_nothing_is_commanded(event_type: str) -> None:
    late = event_at("call.hangup", 59)
    for step, digit, status in product(("answer", "greeting", "goodbye", "music"), "1#", ("completed", "failed")):
        event = event_at(event_type, 30, step, digit=digit, status=status, direction="incoming", result="machine")
        assert decide(event, late) == []


STEPS = st.sampled_from(["answer", "greeting", "music", "listening", "goodbye", "calling", "other"])
VALUES = st.sampled_from(["1", "2", "*", "#", "completed", "failed", "file_not_found", "machine", "incoming", None, 5])
EVENTS = st.builds(
    event_at,
    st.sampled_from(DECIDED),
    st.integers(0, 59),
    STEPS,
    digit=VALUES,
    status=VALUES,
    result=VALUES,
    direction=VALUES,
)


@settings(max_examples=300)
@given(EVENTS, st.lists(EVENTS, max_size=6))
def test_history_may_take_commands_away_and_never_adds_any(event: Event, others: list[Event]) -> None:
    """The shell reads a call's history only when the event alone wants to say something: see hookline.webhook."""
    if not decide(event):
        assert decide(event, *others) == []
    assert decide(event, *others) == decide(event, *reversed(others))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(
    "call_control_id call_leg_id client_state direction state digit status result reason recording_urls channels "
    "recording_id transcription_data stream_params".split()
)


@settings(max_examples=200)
@given(st.sampled_from(DECIDED), st.dictionaries(KEYS, JSON, max_size=6))
def test_a_decision_takes_any_value_in_a_payload(event_type: str, payload: dict[str, Any]) -> None:
    event = Event(id="x", type=event_type, occurred_at="2026-09-01T10:00:00.000000Z", payload=payload)
    decide(event)


def test_all_thirteen_actions_of_the_media_documents_are_in_use() -> None:
    keys = [event_at("call.dtmf.received", 5, digit=digit) for digit in "12*#"]
    failures = [event_at("streaming.failed", second) for second in range(3)]
    events = [sample_event("call.answered"), *keys, event_at("call.speak.ended", 9)]
    commands = [command for event in events for command in decide(event, flow=FULL)]
    commands += decide(failures[2], *failures[:2], flow=FULL)
    assert {command.action for command in commands} >= {
        *("fork_start", "fork_stop", "streaming_start", "streaming_stop", "transcription_start", "transcription_stop"),
        *("playback_start", "playback_stop", "record_start", "record_stop", "record_pause", "record_resume", "speak"),
    }


def test_the_defaults_of_the_flow_are_those_of_the_stack_s_parameters() -> None:
    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY})
    given_ = template.environment_of("WebhookRouterFunction")
    assert CallFlow.of(given_) == CallFlow()
    variables = {f"LINE_{field.name.upper()}" for field in fields(CallFlow)}
    assert {name for name in given_ if name.startswith("LINE_")} == variables


def test_the_settings_of_the_flow_are_read_from_its_variables() -> None:
    flow = CallFlow.of(
        {"LINE_RECORD": "off", "LINE_STREAM_RETRIES": "5", "LINE_GREETING": "Hi", "LINE_TRANSCRIBE": "on"}
    )
    assert (flow.record, flow.stream_retries, flow.greeting, flow.transcribe) == (False, 5, "Hi", True)


def test_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with("reception", monkeypatch) as line:
        leg = line.play("reception")
        begun = ["answer", "speak", "record_start", "transcription_start"]
        paused = ["record_pause", "transcription_stop", "record_resume", "transcription_start"]
        assert line.commands == [*begun, *paused, "record_stop", "transcription_stop", "speak", "hangup"]
        (recorded,) = line.words_recorded
        assert "That was all." in recorded
        assert "Four two" not in recorded
        assert leg.hangup_cause == "normal_clearing"
