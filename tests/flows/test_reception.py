"""The line that ships: each rule compared with ==, and what holds for all twenty decisions."""

import base64
import importlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from line import LINE, Line, at

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
from hookline.routing import ROUTED_EVENTS
from hookline_local.emulator.template import load_template
from tests.support.world import A_PUBLIC_KEY, API_KEY, PROJECT, function_of, sample_event

FULL = Line(
    stream_url="wss://media.example.com/calls",
    stream_auth_token="of a test",
    fork_rx="udp:192.0.2.10:9000",
    fork_tx="udp:192.0.2.10:9002",
    audio_url="https://audio.example.com/waiting.mp3",
)
SILENT = Line(greeting="", goodbye="", record=False, transcribe=False, audio_fallback="")
OVER = sample_event("call.hangup")


def decision(event_type: str) -> Callable[..., list[Command]]:
    found: Callable[..., list[Command]] = importlib.import_module(f"{function_of(event_type)}.app").decide
    return found


def decide(event: Event, *others: Event, line: Line | None = None) -> list[Command]:
    given_line = {} if line is None else {"line": line}
    return decision(event.type)(event, Call.of([*others, event]), **given_line)


def happened(event_type: str, second: int, step: str = "greeting", **payload: Any) -> Event:
    state = base64.b64encode(json.dumps({"step": step}).encode()).decode()
    return Event(
        id=f"{event_type}-{second}",
        type=event_type,
        occurred_at=f"2026-09-01T10:00:{second:02}.000000Z",
        payload={"call_leg_id": "L", "call_control_id": "C", "client_state": state, **payload},
    )


def said(text: str, step: str, **more: Any) -> Command:
    return speak(payload=text, voice=LINE.voice, language=LINE.language, client_state={"step": step}, **more)


def test_an_incoming_call_is_answered() -> None:
    assert decide(sample_event("call.initiated")) == [answer(client_state={"step": "answer"})]


@pytest.mark.parametrize(
    "payload", [{"direction": "outgoing"}, {"direction": None}, {"direction": "inbound"}, {"state": "bridging"}]
)
def test_a_call_that_does_not_wait_for_us_is_left_alone(payload: dict[str, Any]) -> None:
    assert decide(sample_event("call.initiated", **payload)) == []


def test_an_answered_call_is_recorded_transcribed_streamed_and_greeted() -> None:
    assert decide(sample_event("call.answered"), line=FULL) == [
        said(FULL.greeting, "greeting"),
        record_start(channels="dual", format="mp3"),
        transcription_start(transcription_engine="Telnyx", transcription_tracks="both"),
        streaming_start(
            stream_url="wss://media.example.com/calls",
            stream_track="both_tracks",
            stream_auth_token="of a test",
        ),
    ]


def test_the_transcript_is_in_the_language_of_its_own_parameter() -> None:
    line = Line(transcription_engine="Google", transcription_language="de-DE")
    assert line.transcription == transcription_start(
        transcription_engine="Google",
        transcription_engine_config={"transcription_engine": "Google", "language": "de-DE"},
        transcription_tracks="both",
    )


@pytest.mark.parametrize("name", ["RECORD", "TRANSCRIBE"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(name: str) -> None:
    assert getattr(Line.of({f"LINE_{name}": "off"}), name.lower()) is False
    with pytest.raises(ValueError, match="neither on nor off"):
        Line.of({f"LINE_{name}": "true"})


def test_without_a_websocket_the_sound_is_forked() -> None:
    forked = Line(fork_rx=FULL.fork_rx, fork_tx=FULL.fork_tx, record=False, transcribe=False)
    assert decide(sample_event("call.answered"), line=forked) == [
        said(LINE.greeting, "greeting"),
        fork_start(rx=FULL.fork_rx, tx=FULL.fork_tx),
    ]


def test_without_a_greeting_the_audio_comes_first() -> None:
    line = Line(greeting="", record=False, transcribe=False, audio_url="https://audio.example.com/a.wav?x=1")
    assert decide(sample_event("call.answered"), line=line) == [
        playback_start(audio_url=line.audio_url, audio_type="wav", client_state={"step": "music"})
    ]
    assert decide(sample_event("call.answered"), line=SILENT) == []


@pytest.mark.parametrize("state", ["client-state-null", "outgoing"])
def test_a_call_that_the_line_did_not_answer_is_not_its_own(state: str) -> None:
    assert decide(sample_event(f"call.answered.{state}")) == []


def test_after_the_greeting_comes_the_audio_when_there_is_one() -> None:
    ended = happened("call.speak.ended", 9, "greeting", status="completed")
    assert decide(ended, line=FULL) == [
        playback_start(audio_url=FULL.audio_url, audio_type="mp3", client_state={"step": "music"})
    ]
    assert decide(ended, line=LINE) == []
    assert decide(happened("call.speak.ended", 9, "greeting", status="call_hangup"), line=FULL) == []


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
                said(FULL.goodbye, "goodbye", stop="all"),
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
        assert decide(happened("call.dtmf.received", 5, step, digit=key), line=FULL) == commands
    for step in ("calling", "somebody else's"):
        assert decide(happened("call.dtmf.received", 5, step, digit=key), line=FULL) == []
    hung_up = [hangup()] if key == "#" else []
    assert decide(happened("call.dtmf.received", 5, "goodbye", digit=key), line=FULL) == hung_up


@pytest.mark.parametrize(("record", "transcribe"), [(True, False), (False, True), (False, False)])
def test_what_is_paused_and_resumed_is_what_was_started(record: bool, transcribe: bool) -> None:
    line = Line(record=record, transcribe=transcribe)
    pause = [*([record_pause()] if record else []), *([transcription_stop()] if transcribe else [])]
    resume = [*([record_resume()] if record else []), *([line.transcription] if transcribe else [])]
    assert decide(happened("call.dtmf.received", 5, digit="1"), line=line) == pause
    assert decide(happened("call.dtmf.received", 5, digit="2"), line=line) == resume


def test_finishing_twice_hangs_up_without_waiting_for_the_goodbye() -> None:
    first, second = (happened("call.dtmf.received", at_second, digit="#") for at_second in (5, 6))
    assert len(decide(first, second)) > 1
    assert decide(second, first) == [hangup()]
    assert decide(happened("call.dtmf.received", 7, digit="2"), first) == []


def test_a_line_that_says_no_goodbye_hangs_up_at_once() -> None:
    assert decide(happened("call.dtmf.received", 5, digit="#"), line=SILENT) == [hangup()]


def test_after_the_goodbye_the_call_is_hung_up() -> None:
    story = [
        happened("call.speak.started", 1),
        happened("call.speak.ended", 3),
        happened("call.dtmf.received", 5, digit="#"),
        happened("call.speak.started", 6, "goodbye"),
    ]
    ended = happened("call.speak.ended", 9, "goodbye", status="completed")
    assert decide(ended, *story) == [hangup()]
    assert decide(ended) == [hangup()], "also when nothing else is known"


def test_a_greeting_that_the_pound_key_cut_short_is_not_the_goodbye() -> None:
    began = happened("call.speak.started", 1)
    pressed = happened("call.dtmf.received", 5, digit="#")
    cut_short = happened("call.speak.ended", 5, "goodbye", status="completed")
    goodbye = happened("call.speak.started", 6, "goodbye")
    ended = happened("call.speak.ended", 9, "goodbye", status="completed")
    assert decide(cut_short, began, pressed) == []
    assert decide(cut_short, began, pressed, goodbye) == []
    assert decide(ended, began, pressed, cut_short, goodbye) == [hangup()]


@pytest.mark.parametrize("status", ["failed", "file_not_found"])
def test_a_spoken_text_replaces_an_audio_file_that_cannot_be_played(status: str) -> None:
    ended = happened("call.playback.ended", 9, "music", status=status)
    assert decide(ended) == [said(LINE.audio_fallback, "listening")]
    assert decide(ended, line=SILENT) == []
    assert decide(happened("call.playback.ended", 9, "listening", status=status)) == []


@pytest.mark.parametrize("status", ["completed", "cancelled", "cancelled_amd", "call_hangup", "unknown", None])
def test_an_audio_file_that_was_played_or_stopped_needs_nothing(status: str | None) -> None:
    assert decide(happened("call.playback.ended", 9, "music", status=status)) == []


def test_a_failed_stream_is_tried_again_then_forked_then_left() -> None:
    failures = [happened("streaming.failed", second) for second in range(5)]
    again, fork = [FULL.stream], [FULL.fork]
    assert [decide(failures[n], *failures[:n], line=FULL) for n in range(5)] == [again, again, fork, [], []]
    without_fork = Line(stream_url=FULL.stream_url, stream_retries=1)
    assert [decide(failures[n], *failures[:n], line=without_fork) for n in range(3)] == [
        [without_fork.stream],
        [],
        [],
    ]
    assert decide(failures[0], line=LINE) == [], "a stream of somebody else's"


def test_a_failure_told_out_of_order_counts_the_same() -> None:
    failures = [happened("streaming.failed", second) for second in range(3)]
    assert decide(failures[0], *failures, line=FULL) == [FULL.stream]
    assert decide(failures[2], *reversed(failures), line=FULL) == [FULL.fork]


def test_a_recording_that_failed_is_started_once_more() -> None:
    first, second = (happened("call.recording.error", at_second) for at_second in (3, 6))
    assert decide(first) == [record_start(channels="dual", format="mp3")]
    assert decide(second, first) == []
    assert decide(first, line=SILENT) == []


@pytest.mark.parametrize(("keys", "wanted"), [("1", False), ("12", True), ("#", False), ("12#", False), ("7*", True)])
def test_a_recording_that_the_caller_has_paused_or_finished_is_not_started_again(keys: str, wanted: bool) -> None:
    pressed = [happened("call.dtmf.received", second, digit=key) for second, key in enumerate(keys)]
    assert bool(decide(happened("call.recording.error", 30), *pressed)) is wanted


def test_what_is_not_the_line_s_own_is_not_started_again() -> None:
    for step in ("goodbye", "calling", "somebody else's"):
        assert decide(happened("call.recording.error", 30, step), line=FULL) == []
        assert decide(happened("streaming.failed", 30, step), line=FULL) == []


def test_errors_without_a_moment_are_counted_all_the_same() -> None:
    errors = [replace(happened("call.recording.error", 3), id=str(number)) for number in range(3)]
    assert [len(decide(error, *errors)) for error in errors] == [1, 0, 0]


def test_bridged_people_are_not_talked_over() -> None:
    for step, commands in (
        ("greeting", [playback_stop(client_state={"step": "listening"})]),
        ("music", [playback_stop(client_state={"step": "listening"})]),
        ("listening", []),
        ("goodbye", []),
    ):
        assert decide(happened("call.bridged", 5, step)) == commands


def test_a_machine_that_takes_our_call_is_hung_up_on() -> None:
    assert decide(happened("call.machine.detection.ended", 5, "calling", result="machine")) == [hangup()]
    for result in ("human", "not_sure", None):
        assert decide(happened("call.machine.detection.ended", 5, "calling", result=result)) == []
    assert decide(happened("call.machine.detection.ended", 5, "answer", result="machine")) == []


@pytest.mark.parametrize("event_type", [name for name in ROUTED_EVENTS if not name.startswith("call.recording.")])
def test_after_the_hang_up_nothing_is_commanded(event_type: str) -> None:
    late = happened("call.hangup", 59)
    for step, digit, status in product(("answer", "greeting", "goodbye", "music"), "1#", ("completed", "failed")):
        event = happened(event_type, 30, step, digit=digit, status=status, direction="incoming", result="machine")
        assert decide(event, late) == []


STEPS = st.sampled_from(["answer", "greeting", "music", "listening", "goodbye", "calling", "other"])
VALUES = st.sampled_from(["1", "2", "*", "#", "completed", "failed", "file_not_found", "machine", "incoming", None, 5])
HAPPENED = st.builds(
    happened,
    st.sampled_from(ROUTED_EVENTS),
    st.integers(0, 59),
    STEPS,
    digit=VALUES,
    status=VALUES,
    result=VALUES,
    direction=VALUES,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENED, st.lists(HAPPENED, max_size=6))
def test_what_commands_nothing_by_itself_commands_nothing_with_its_history(event: Event, others: list[Event]) -> None:
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
@given(st.sampled_from(ROUTED_EVENTS), st.dictionaries(KEYS, JSON, max_size=6))
def test_no_decision_minds_what_is_in_a_payload(event_type: str, payload: dict[str, Any]) -> None:
    event = Event(id="x", type=event_type, occurred_at="2026-09-01T10:00:00.000000Z", payload=payload)
    decide(event)


def test_all_thirteen_actions_of_the_media_documents_are_in_use() -> None:
    keys = [happened("call.dtmf.received", 5, digit=digit) for digit in "12*#"]
    failures = [happened("streaming.failed", second) for second in range(3)]
    events = [sample_event("call.answered"), *keys, happened("call.speak.ended", 9)]
    commands = [command for event in events for command in decide(event, line=FULL)]
    commands += decide(failures[2], *failures[:2], line=FULL)
    assert {command.action for command in commands} == {
        *("fork_start", "fork_stop", "streaming_start", "streaming_stop", "transcription_start", "transcription_stop"),
        *("playback_start", "playback_stop", "record_start", "record_stop", "record_pause", "record_resume", "speak"),
    }


def test_the_line_s_defaults_are_those_of_the_stack_s_parameters() -> None:
    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY})
    given_ = template.environment_of("WebhookRouterFunction")
    assert Line.of(given_) == Line()
    variables = {f"LINE_{field.name.upper()}" for field in fields(Line)}
    assert {name for name in given_ if name.startswith("LINE_")} == variables


def test_the_settings_of_the_line_are_read_from_its_variables() -> None:
    line = Line.of({"LINE_RECORD": "off", "LINE_STREAM_RETRIES": "5", "LINE_GREETING": "Hi", "LINE_TRANSCRIBE": "on"})
    assert (line.record, line.stream_retries, line.greeting, line.transcribe) == (False, 5, "Hi", True)
    assert at("music") == {"step": "music"}
