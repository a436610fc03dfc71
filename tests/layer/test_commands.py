"""Commands as a decision makes them: what is sent, what is refused, and what a message may say."""

import base64
import inspect
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline import client_state, commands
from hookline.command_schema import SECRET_PARAMS
from hookline.commands import (
    Command,
    ai_assistant_add_messages,
    ai_assistant_join,
    ai_assistant_start,
    answer,
    bridge,
    client_state_update,
    command_id,
    conversation_relay_start,
    dial,
    enqueue,
    fork_start,
    fork_stop,
    gather,
    gather_using_ai,
    gather_using_audio,
    gather_using_speak,
    hangup,
    leave_queue,
    pay,
    playback_start,
    playback_stop,
    record_start,
    record_stop,
    refer,
    reject,
    send_dtmf,
    send_sip_info,
    siprec_start,
    speak,
    streaming_start,
    suppression_start,
    switch_supervisor_role,
    transcription_start,
    transfer,
)
from hookline.queues import recording_fields

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)
RECORDING_FIELDS = [
    "recording_id",
    "recording_transcription_id",
    "channels",
    "recording_started_at",
    "recording_ended_at",
    "connection_id",
]
JOIN = {"conversation_id": "c", "participant": {"id": "v3:x", "role": "user"}}
RELAY = {"url": "wss://relay.example.com"}
FORK = {"rx": "udp:192.0.2.1:9000", "tx": "udp:192.0.2.1:9001"}
STREAM = {"stream_url": "wss://media.example.com"}
RECORD = {"channels": "dual", "format": "mp3"}
SPEAK = {"payload": "Hello.", "voice": "female"}
DIAL = {"connection_id": "1", "from_": "+13125550100", "to": "+13125550101"}
TRANSFER = {"to": "+13125550101"}
AUDIO = {"audio_url": "https://audio.example.com/hello.mp3"}
LINKED = {**DIAL, "link_to": "v3:other"}
HEADER = {"name": "X-Account", "value": "42"}
DETECTION_NUMBERS = (
    "after_greeting_silence_millis beep_max_frequency_hz beep_min_frequency_hz beep_min_tone_duration_millis "
    "beep_spectral_window_millis between_words_silence_millis greeting_duration_millis "
    "greeting_silence_duration_millis greeting_total_analysis_time_millis initial_silence_millis "
    "maximum_number_of_words maximum_word_length_millis prompt_end_timeout_millis silence_threshold "
    "total_analysis_time_millis"
).split()


# client_state


@given(JSON)
def test_a_client_state_comes_back_as_it_was(value: Any) -> None:
    text = client_state.encode(value)
    assert json.loads(base64.b64decode(text, validate=True)) == value
    assert client_state.decode(text) == value


@given(
    st.text() | st.binary() | st.none() | st.integers() | st.binary().map(lambda raw: base64.b64encode(raw).decode())
)
def test_any_text_as_client_state_reads_as_a_value_or_none(text: object) -> None:
    value = client_state.decode(text)
    assert client_state.decode(client_state.encode(value)) == value


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        5,
        b"e30=",
        ["e30="],
        {"step": 1},
        "e30",  # no padding
        "e30=\n",
        "é",
        b64("hello"),
        b64(""),
        b64(b"\xff\xfe{\x00}\x00"),  # JSON in UTF-16
        b64(b"\x80\x81"),
        b64(b'"\xff"'),
        b64("NaN"),
        b64("[Infinity]"),
        b64("1e999"),
        b64('"\\ud800"'),
        b64("[" * 100_000),
        b64("[" * 100_000 + "]" * 100_000),
        b64("1" * 5000),
    ],
)
def test_a_client_state_that_is_not_json_in_base64_reads_as_none(text: object) -> None:
    assert client_state.decode(text) is None


@pytest.mark.parametrize("text, value", [("e30=", {}), ("bnVsbA==", None), ("MA==", 0), ("IiI=", ""), ("W10=", [])])
def test_an_empty_client_state_of_ours_is_not_lost(text: str, value: object) -> None:
    assert client_state.decode(text) == value
    assert client_state.encode(value) == text


@given(st.text(min_size=1), JSON)
def test_the_name_of_a_flow_travels_beside_its_own_state(flow: str, state: Any) -> None:
    assert client_state.decode_for_flow(client_state.encode_for_flow(flow, state)) == (flow, state, None)


@given(JSON)
def test_a_client_state_without_a_flow_is_of_no_flow_and_has_no_state(value: Any) -> None:
    if isinstance(value, dict):
        value.pop("flow", None)
    assert client_state.decode_for_flow(client_state.encode(value)) == (None, None, None)


@pytest.mark.parametrize("flow", [None, 7, True, ["reception"], {"name": "reception"}])
def test_the_name_of_a_flow_is_text(flow: object) -> None:
    assert client_state.decode_for_flow(client_state.encode({"flow": flow, "state": 1})) == (None, None, None)


def test_the_json_of_another_application_reads_as_what_it_is() -> None:
    assert client_state.decode(b64('{"имя": "Zoë"}')) == {"имя": "Zoë"}


def loop() -> list[object]:
    inside: list[object] = []
    inside.append(inside)
    return inside


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), float("nan"), [float("inf")], loop(), {("a",): 1}])
def test_what_json_cannot_hold_is_no_client_state(value: object) -> None:
    with pytest.raises(ValueError, match="client_state"):
        client_state.encode(value)
    with pytest.raises(ValueError, match="hangup: client_state"):
        hangup(client_state=value)
    with pytest.raises(ValueError, match="transfer: target_leg_client_state"):
        transfer(to="+13125550101", target_leg_client_state=value)


@pytest.mark.parametrize("value", [0, "", False, [], {}])
def test_an_empty_client_state_is_sent(value: object) -> None:
    assert client_state.decode(hangup(client_state=value).params["client_state"]) == value
    assert "client_state" in hangup(client_state=value).params


def test_client_state_update_can_forget() -> None:
    assert client_state_update(client_state=None).params == {"client_state": "bnVsbA=="}
    assert client_state.decode("bnVsbA==") is None
    assert hangup(client_state=None).params == {}


# Command


def test_a_command_cannot_be_changed() -> None:
    command = hangup()
    with pytest.raises(AttributeError):
        command.action = "answer"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        command.note = "x"  # type: ignore[attr-defined]
    assert not hasattr(command, "__dict__")


def test_what_is_changed_after_the_command_was_made_does_not_change_it() -> None:
    headers, settings = [dict(HEADER)], {"type": "telnyx"}
    command, spoken = hangup(custom_headers=headers), speak(payload="Hi.", voice="female", voice_settings=settings)
    headers[0]["value"] = "43"
    headers.append(HEADER)
    settings["type"] = "aws"
    assert command.params == {"custom_headers": [HEADER]}
    assert spoken.params["voice_settings"] == {"type": "telnyx"}


def test_commands_with_the_same_arguments_are_equal() -> None:
    assert speak(payload="Hi.", voice="female") == speak(voice="female", payload="Hi.")
    assert speak(payload="Hi.", voice="female") != speak(payload="Ho.", voice="female")
    assert hangup() != hangup(on="v3:other")
    assert hangup() == Command("hangup")


def test_a_command_survives_the_queue() -> None:
    command = speak(payload="Grüße", voice="female", client_state={"step": 1}, on="v3:other")
    message = json.dumps(
        {"action": command.action, "params": command.params, "call_control_id": command.call_control_id}
    )
    assert Command(**json.loads(message)) == command


def test_a_delayed_command_differs_in_its_delay_alone() -> None:
    assert hangup().after(20) == hangup()._replace(delay_seconds=20.0)
    assert hangup().after(20).body("id") == hangup().body("id")


@pytest.mark.parametrize("seconds", [0, 0.5, -1, 3_601, float("inf"), float("nan")])
def test_a_delay_is_a_second_to_an_hour(seconds: float) -> None:
    with pytest.raises(ValueError, match="delay"):
        hangup().after(seconds)


def test_a_command_for_an_idle_leg_is_a_delayed_one_with_a_condition() -> None:
    assert hangup().if_idle(20) == hangup().after(20)._replace(only_if_idle=True)
    assert hangup().if_idle(20).body("id") == hangup().body("id")
    with pytest.raises(ValueError, match="delay"):
        hangup().if_idle(0)
    with pytest.raises(ValueError, match="for the leg of the event"):
        hangup(on="v3:other").if_idle(20)


def test_a_fallback_is_no_part_of_what_telnyx_is_sent() -> None:
    first = speak(payload="Goodbye.", voice="female")
    assert first.otherwise(hangup()).fallback == hangup()
    assert first.otherwise(hangup()).body("id") == first.body("id")


def test_none_is_not_sent() -> None:
    assert answer().params == {}
    assert playback_stop(stop=None, overlay=None).params == {}
    assert playback_stop(overlay=False).params == {"overlay": False}


def test_only_client_state_update_is_put_and_has_no_command_id() -> None:
    update = client_state_update(client_state=1)
    assert update.method == "PUT"
    assert update.body("id") == update.params
    assert answer().method == "POST"
    assert answer().body("id") == {"command_id": "id"}
    assert answer().params == {}


# The path


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_call_control_id_stays_one_segment_of_the_path(call_control_id: str) -> None:
    path = hangup().path(call_control_id)
    assert path.isascii()
    assert not set(path) & set("?#: \\")
    empty, calls, leg, actions, action = path.split("/")
    assert (empty, calls, unquote(leg), actions, action) == ("", "calls", call_control_id, "actions", "hangup")


def test_the_path_is_percent_encoded() -> None:
    assert speak(payload="Hi.", voice="female").path("v3:a_b-c=/?") == "/calls/v3%3Aa_b-c%3D%2F%3F/actions/speak"


def test_on_names_another_leg_than_the_events() -> None:
    assert hangup(on="v3:other").path("v3:this") == "/calls/v3%3Aother/actions/hangup"
    assert hangup(on="v3:other").path() == "/calls/v3%3Aother/actions/hangup"
    assert hangup().call_control_id is None


def test_bridge_commands_one_leg_and_names_the_other() -> None:
    command = bridge(call_control_id="v3:caller", on="v3:agent")
    assert command.params == {"call_control_id": "v3:caller"}
    assert command.path("v3:this") == "/calls/v3%3Aagent/actions/bridge"
    assert bridge(call_control_id="v3:caller").path("v3:this") == "/calls/v3%3Athis/actions/bridge"


def test_dial_is_about_no_leg() -> None:
    command = dial(connection_id="1", from_="+13125550100", to=("+13125550101", "sip:a@example.com"))
    assert command.path("v3:this") == "/calls"
    assert command.params == {"connection_id": "1", "from": "+13125550100", "to": ["+13125550101", "sip:a@example.com"]}


@pytest.mark.parametrize("call_control_id", [None, "", ".", ".."])
def test_there_is_no_path_without_a_leg(call_control_id: str | None) -> None:
    with pytest.raises(ValueError, match="hangup: call_control_id"):
        hangup().path(call_control_id)


@pytest.mark.parametrize("on", ["", 5, b"v3:other"])
def test_on_is_the_id_of_a_leg(on: Any) -> None:
    with pytest.raises(ValueError, match="leave_queue: on "):
        leave_queue(on=on)


# command_id


@given(st.text(), st.text(), st.integers(0, 50))
def test_a_command_id_is_a_uuid_and_the_same_every_time(event_id: str, action: str, ordinal: int) -> None:
    made = command_id(event_id, action, ordinal)
    assert made == command_id(event_id, action, ordinal)
    assert uuid.UUID(made).version == 5


@given(st.text(), st.text(), st.integers(0, 99))
def test_a_command_id_is_a_uuid_of_version_5(event_id: str, action: str, ordinal: int) -> None:
    namespace = uuid.UUID("71805f70-4760-4273-b6cb-43ba1b6ea110")
    assert command_id(event_id, action, ordinal) == str(uuid.uuid5(namespace, f"{event_id}|{action}|{ordinal}"))


def test_a_command_id_never_changes_between_releases() -> None:
    assert command_id("0ccc7b54-4df3-4bca-a65a-3da1ecc777f0", "speak", 0) == "f66cbf9a-1e18-5f37-9c15-6eca235b034a"


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(0, 99)), unique=True, max_size=20))
def test_two_commands_never_share_an_id(steps: list[tuple[str, str, int]]) -> None:
    assert len({command_id(*step) for step in steps}) == len(steps)


def test_an_id_cannot_be_shared_by_moving_the_border_between_its_parts() -> None:
    assert command_id("a", "b/c", 0) != command_id("a/b", "c", 0)
    assert command_id("a1", "speak", 0) != command_id("a", "1speak", 0)


# Limits, each at its edge: what is let through, what is not, and the parameter the message must name

Limit = tuple[Callable[..., Command], dict[str, Any], str, list[Any], list[Any]]
LIMITS: list[Limit] = [
    (speak, SPEAK, "payload", ["x", "x" * 5000, "<speak/>"], ["", "x" * 5001, 5, b"x", ["x"], "\ud800"]),
    (speak, SPEAK, "voice", ["AWS.Polly.Joanna"], ["", 5]),
    (speak, SPEAK, "loop", [1, 100, "infinity"], [0, 101, -1, "3", 1.0, True, "Infinity", 10**5000]),
    (speak, SPEAK, "service_level", ["basic", "premium"], ["Basic", "", 1]),
    (speak, SPEAK, "payload_type", ["text", "ssml"], ["html", True]),
    (speak, SPEAK, "language", ["en-US", "tr-TR", "arb"], ["en", "en-us", "", "it", 5]),
    (speak, {**SPEAK, "voice": "Soniox.tts-rt-v2.Emma"}, "language", ["it", "en-US"], ["ita", "IT", "it-it", ""]),
    (speak, SPEAK, "stop", ["current", "all", "overlay"], ["now", "", True]),
    (speak, SPEAK, "target_legs", ["self", "opposite", "both"], ["other"]),
    (
        speak,
        SPEAK,
        "voice_settings",
        [{"type": "aws"}, {"type": "azure", "region": "eastus"}],
        [{}, {"type": 1}, "aws"],
    ),
    (playback_start, AUDIO, "loop", [1, 100, "infinity"], [0, 101, "", 1.5, False]),
    (playback_start, AUDIO, "audio_type", ["mp3", "wav"], ["ogg"]),
    (playback_start, AUDIO, "cache_audio", [True, False], [0, "true"]),
    (
        playback_start,
        {},
        "audio_url",
        ["https://a.example/x", "HTTP://a"],
        ["a.example", "ftp://a", "https://", "http:///x", "https://a b", "https://a\n"],
    ),
    (playback_start, {}, "playback_content", ["SUQz"], ["", "SUQ", "not base64!", b"SUQz"]),
    (playback_start, {}, "media_name", ["hello"], ["", 5]),
    (record_start, RECORD, "channels", ["single", "dual"], ["stereo", 2, None]),
    (record_start, RECORD, "format", ["wav", "mp3"], ["ogg", "", None]),
    (record_start, RECORD, "custom_file_name", ["n", "n" * 40], ["", "n" * 41]),
    (record_start, RECORD, "max_length", [0, 14_400], [-1, 14_401, "60", 60.0, False]),
    (record_start, RECORD, "timeout_secs", [0, 5], [-1, "5", True]),
    (record_start, RECORD, "transcription_engine", ["A", "B", "deepgram/nova-3"], ["Google", "C"]),
    (record_start, RECORD, "transcription_language", ["en", "en-US", "auto_detect"], ["xx", "en-us", 5]),
    (record_start, RECORD, "transcription_min_speaker_count", [1], [0, True]),
    (answer, {}, "record_max_length", [0, 43_200], [-1, 43_201, "60"]),
    (answer, {}, "record_timeout_secs", [0], [-1]),
    (
        answer,
        {},
        "preferred_codecs",
        ["OPUS", "G722,PCMU,PCMA,G729,OPUS,VP8,H264,AMR-WB"],
        ["", "opus", "G722, PCMU", "G722,"],
    ),
    (answer, {}, "sip_headers", [[{"name": "User-to-User", "value": "x"}]], [[HEADER], [{"name": "User-to-User"}], {}]),
    (
        answer,
        {},
        "custom_headers",
        [[], [HEADER], (HEADER,)],
        [[{"name": "X"}], [{"value": "x"}], [5], HEADER, iter([HEADER]), [{"name": "X", "value": 5}]],
    ),
    (
        answer,
        {},
        "sound_modifications",
        [{"octaves": -1}, {"octaves": 1.0}, {"pitch": 0.1}, {"semitone": -14}, {"semitone": 14}, {"track": "inbound"}],
        [
            {"octaves": -1.1},
            {"octaves": 1.1},
            {"pitch": 0},
            {"semitone": 15},
            {"semitone": True},
            {"track": "both"},
            {"pitch": float("nan")},
        ],
    ),
    (answer, {}, "deepfake_detection", [{"enabled": True}], [{}, {"enabled": 1}, {"enabled": True, "timeout": 0}]),
    (
        answer,
        {},
        "assistant",
        [{"id": "a"}, {"id": "a", "unheard_of": [1]}],
        [{}, {"id": ""}, {"id": "a", "greeting": "g" * 3001}],
    ),
    (answer, {}, "conversation_relay_config", [{"url": "wss://a"}], [{}, {"url": "https://a"}]),
    (answer, {}, "webhook_url", ["https://a.example"], ["a.example", ""]),
    (answer, {}, "webhook_url_method", ["POST", "GET"], ["PUT", "post"]),
    (
        answer,
        {},
        "webhook_urls",
        [{}, {"call.hangup": ["https://a"]}],
        [{"call.hangup": "https://a"}, ["https://a"], {"call.hangup": ["a"]}, {5: ["https://a"]}],
    ),
    (
        answer,
        {},
        "webhook_retries_policies",
        [
            {},
            {"call.hangup": {"retries_ms": [12_000] * 5}},
            {"call.hangup": {"retries_ms": [60_000]}},
            {"call.hangup": {}},
        ],
        [
            {"call.hangup": {"retries_ms": [1] * 6}},
            {"call.hangup": {"retries_ms": [60_000, 1]}},
            {"call.hangup": {"retries_ms": [-1]}},
            {"call.hangup": {"retries_ms": ["1"]}},
            {"call.hangup": {"retries_ms": 5}},
            {"call.hangup": [5]},
            [5],
        ],
    ),
    (answer, {}, "transcription", [True, False], [1, "true"]),
    (
        answer,
        {},
        "transcription_config",
        [{}, {"transcription_engine": "B"}],
        [
            {"transcription_engine": "C"},
            "A",
            {"transcription_tracks": "all"},
            {"transcription_engine": "A", "transcription_engine_config": {"transcription_engine": "B"}},
        ],
    ),
    (streaming_start, STREAM, "stream_url", ["wss://a", "ws://a:8080/x"], ["https://a", "", "wss://", None]),
    (streaming_start, STREAM, "stream_auth_token", ["t" * 4000], ["t" * 4001, "", 5]),
    (streaming_start, STREAM, "stream_track", ["inbound_track", "outbound_track", "both_tracks"], ["inbound", "both"]),
    (streaming_start, STREAM, "stream_codec", ["default", "L16", "AMR-WB"], ["pcmu", "L24"]),
    (
        streaming_start,
        {**STREAM, "stream_bidirectional_mode": "rtp"},
        "stream_bidirectional_codec",
        ["PCMU"],
        ["default", "opus"],
    ),
    (streaming_start, STREAM, "stream_bidirectional_sampling_rate", [8000, 48000], [8001, "8000", 8000.0, True]),
    (streaming_start, STREAM, "custom_parameters", [[{"name": "a", "value": "b"}]], [{"a": "b"}, [{"name": 1}], "a"]),
    (streaming_start, STREAM, "dialogflow_config", [{"analyze_sentiment": True}], [{"analyze_sentiment": 1}, True]),
    (transcription_start, {}, "transcription_engine", ["A", "B", "Google", "xAI", "Cohere"], ["C", "google", ""]),
    (transcription_start, {}, "transcription_tracks", ["inbound", "outbound", "both"], ["all"]),
    (
        transcription_start,
        {},
        "transcription_engine_config",
        [
            {"transcription_engine": "Azure", "region": "westus2"},
            {"transcription_engine": "Deepgram", "transcription_model": "deepgram/flux", "utterance_end_ms": 0},
            {"keyterms": ["k"] * 100},
            {"utterance_end_ms": 5000},
        ],
        [
            {"transcription_engine": "Azure"},
            {"transcription_engine": "Azure", "region": "moon"},
            {"transcription_engine": "C"},
            {"keyterms": ["k"] * 101},
            {"utterance_end_ms": 5001},
            {"utterance_end_ms": -1},
            {"interim_results": "yes"},
            {"language": None},
            "Google",
        ],
    ),
    (
        fork_start,
        FORK,
        "rx",
        ["udp:192.0.2.1:1", "udp:192.0.2.1:65535", "udp:[::1]:9000"],
        [
            "192.0.2.1:9000",
            "udp:192.0.2.1:0",
            "udp:192.0.2.1:65536",
            "udp:192.0.2.1",
            "udp:host:9000",
            "udp:256.0.0.1:9000",
            "udp:::1:9000",
            "udp:[192.0.2.1]:9000",
            "tcp:192.0.2.1:9000",
            "udp:192.0.2.1:٩",
            "udp:192.0.2.1:000080",
            "",
            None,
            9000,
        ],
    ),
    (fork_start, FORK, "tx", ["udp:192.0.2.1:1"], ["udp:192.0.2.1:0", None]),
    (fork_start, FORK, "stream_type", ["decrypted"], ["raw", ""]),
    (fork_stop, {}, "stream_type", ["raw", "decrypted"], ["encrypted"]),
    (
        reject,
        {},
        "cause",
        ["CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY"],
        ["BUSY", "", None, 486],
    ),
    (hangup, {}, "reason", ["Elsewhere", "é \uffff"], ["", 'a "b"', "a\\b", "a\nb", "a\x7f", "a\x85b", "👋", 5]),
    (
        transfer,
        TRANSFER,
        "to",
        ["+13125550101", "sip:a@example.com", "+18004247767,200"],
        ["", None, ["+13125550101"], 13125550101],
    ),
    (transfer, TRANSFER, "timeout_secs", [5, 600], [4, 601, "30", True]),
    (transfer, TRANSFER, "time_limit_secs", [1, 60, 14_400], [0, 14_401, 60.0]),
    (transfer, TRANSFER, "from_display_name", ["a", "n" * 128, "A-b_~!.+ 1"], ["", "n" * 129, "a<b>", "a\n"]),
    (
        transfer,
        TRANSFER,
        "diversion",
        ["+13125550100", "+123456789012345"],
        ["13125550100", "+", "+1312-555", "+1234567890123456", "+0123"],
    ),
    (transfer, TRANSFER, "mute_dtmf", ["none", "both", "self", "opposite"], ["all"]),
    (transfer, TRANSFER, "park_after_unbridge", ["self"], ["other", True]),
    (transfer, TRANSFER, "sip_auth_password", ["s"], ["", 5]),
    (dial, DIAL, "timeout_secs", [5, 600], [4, 601, 30.0]),
    (dial, DIAL, "time_limit_secs", [14_400], [0, 14_401]),
    (dial, DIAL, "to", ["+13125550101", ["+13125550101"], ("a", "b")], ["", [], [""], [5], None, 5]),
    (dial, DIAL, "from_", ["+13125550100"], ["", None, 5]),
    (dial, DIAL, "connection_id", ["1"], ["", None, 1]),
    (dial, DIAL, "send_digits_on_answer", ["0-9"[:1], "w" * 64, "ABCD*#wW"], ["", "1" * 65, "E", "1 2", 12]),
    (dial, DIAL, "answering_machine_detection", ["disabled", "premium"], ["on", True]),
    (
        dial,
        DIAL,
        "answering_machine_detection_config",
        [{"beep_spectral_min_purity": 0}, {"beep_spectral_min_purity": 1.0}, dict.fromkeys(DETECTION_NUMBERS, 0)],
        [
            {"beep_spectral_min_purity": 1.1},
            {"silence_threshold": "256"},
            {"beep_detection_profile": "none"},
            *({name: -1} for name in DETECTION_NUMBERS),
        ],
    ),
    (dial, DIAL, "supervisor_role", ["barge", "whisper", "monitor"], ["none"]),
    (
        dial,
        DIAL,
        "conference_config",
        [{"beep_enabled": "always"}],
        [{"beep_enabled": True}, {"whisper_call_control_ids": "v3:x"}],
    ),
    (dial, LINKED, "bridge_intent", [True, False], ["yes", 1]),
    (bridge, {}, "call_control_id", ["v3:other"], ["", 5]),
    (bridge, {"queue": "q"}, "ringtone", ["us", "us-old", "za"], ["xx", "US"]),
    (gather, {}, "minimum_digits", [1, 128], [0, 129, "1", True]),
    (gather, {}, "maximum_digits", [1, 128], [0, 129, 1.0]),
    (gather, {}, "initial_timeout_millis", [1, 120_000], [0, 120_001, "5000"]),
    (gather, {}, "inter_digit_timeout_millis", [1, 120_000], [0, 120_001]),
    (gather, {}, "timeout_millis", [1, 600_000], [0, -1, "60000", 2**31]),
    (gather, {}, "terminating_digit", ["#", "*", "0", "D", ""], ["##", "E", "a", 5]),
    (gather, {}, "valid_digits", ["0123456789#*", "ABCD"], ["", "0-9", "w", 123]),
    (gather, {}, "gather_id", ["menu"], ["", 5]),
    (gather_using_speak, SPEAK, "inter_digit_timeout_millis", [120_000], [120_001]),
    (gather_using_speak, SPEAK, "invalid_payload", ["x" * 5000], ["", "x" * 5001]),
    (gather_using_speak, SPEAK, "maximum_tries", [1, 3], [0, "3"]),
    (gather_using_audio, AUDIO, "maximum_tries", [1], [0]),
    (gather_using_audio, AUDIO, "invalid_audio_url", ["https://a"], ["no.wav"]),
    (send_dtmf, {}, "digits", ["0123456789ABCD*#wW"], ["", "E", "a", "1-2", 12, None]),
    (send_dtmf, {"digits": "1"}, "duration_millis", [100, 500], [99, 501, "250"]),
    (enqueue, {}, "queue_name", ["support"], ["", 5, None]),
    (enqueue, {"queue_name": "q"}, "max_size", [1, 100], [0, True]),
    (enqueue, {"queue_name": "q"}, "max_wait_time_secs", [1], [0]),
    (enqueue, {"queue_name": "q"}, "keep_after_hangup", [True], ["yes"]),
    (record_stop, {}, "recording_id", ["an-id"], ["", 5]),
    (ai_assistant_start, {}, "assistant", [{"id": "a"}], [{}, {"id": ""}, {"id": "a", "greeting": "g" * 3001}, "a"]),
    (ai_assistant_start, {}, "greeting", ["", "g" * 3000], ["g" * 3001, 5]),
    (ai_assistant_start, {}, "message_history", [[{"role": "system"}]], [[{"role": "robot"}], [{}], {"role": "user"}]),
    (ai_assistant_join, JOIN, "conversation_id", ["c"], ["", None, 5]),
    (
        ai_assistant_join,
        JOIN,
        "participant",
        [{"id": "v3:x", "role": "user", "on_hangup": "end_conversation"}],
        [{"id": "v3:x"}, {"role": "user"}, {"id": "v3:x", "role": "assistant"}, None],
    ),
    (ai_assistant_add_messages, {}, "messages", [[], [{"role": "user", "content": "a"}]], ["a", [{"content": "a"}]]),
    (gather_using_ai, {}, "parameters", [{}, {"type": "object"}], [None, [], "age"]),
    (gather_using_ai, {"parameters": {}}, "language", ["de", "fil"], ["de-DE", "auto", "", 5]),
    (gather_using_ai, {"parameters": {}}, "user_response_timeout_ms", [0, 10_000], [-1, "1"]),
    (conversation_relay_start, {}, "url", ["wss://a", "ws://a"], ["https://a", "", 5, "wss://a b"]),
    (conversation_relay_start, RELAY, "interruptible", ["none", "any", "speech", "dtmf"], [True, "all"]),
    (conversation_relay_start, RELAY, "transcription_engine", ["Deepgram", "A"], ["Cohere", "deepgram/nova-3"]),
    (conversation_relay_start, RELAY, "custom_parameters", [{"a": 1}], [[{"name": "a", "value": "b"}]]),
    (pay, {}, "amount", [0, 0.01, 12], [-1, "12", True]),
    (pay, {}, "currency", ["USD", "usd"], ["EUR"]),
    (pay, {}, "postal_code", [True, False, "90210", "true"], ["", "  ", 90210]),
    (pay, {}, "prompts", [{"postal-code": "a"}, {"postal-code": [{"text": "a"}]}], [{"postal-code": [{}]}, "a"]),
    (pay, {}, "valid_card_types", [["visa"]], [[], ["gold"], "visa"]),
    (refer, {}, "sip_address", ["sip:a@b", "sips:a@b"], ["+13125550100", "sip:", "sip:a b", None]),
    (send_sip_info, {"content_type": "text/plain"}, "body", ["Signal=5"], ["", 5]),
    (send_sip_info, {"body": "a"}, "content_type", ["a" * 1400], ["", "a" * 1401]),
    (siprec_start, {}, "session_timeout_secs", [0, 90, 3600], [89, -1, "90", False]),
    (siprec_start, {}, "sip_transport", ["udp", "tcp", "tls"], ["UDP"]),
    (suppression_start, {}, "direction", ["inbound", "outbound", "both"], ["self"]),
    (suppression_start, {}, "noise_suppression_engine", ["Krisp", "aic_l_quail"], ["A", "krisp"]),
    (
        suppression_start,
        {},
        "noise_suppression_engine_config",
        [{"attenuation_limit": 100}, {"suppression_level": 0.5}, {"voice_gain": 4}],
        [{"attenuation_limit": 101}, {"suppression_level": 101}, {"voice_gain": 0}, {"size": "m"}],
    ),
    (switch_supervisor_role, {}, "role", ["barge", "whisper", "monitor"], ["none", None]),
    (playback_stop, {}, "stop", ["all", "current"], ["everything"]),
]
ALLOWED = [
    pytest.param(function, base, name, value, id=f"{function.__name__}-{name}-{number}")
    for function, base, name, good, _ in LIMITS
    for number, value in enumerate(good)
]
REFUSED = [
    pytest.param(function, base, name, value, id=f"{function.__name__}-{name}-{number}")
    for function, base, name, _, bad in LIMITS
    for number, value in enumerate(bad)
]


@pytest.mark.parametrize("function, base, name, value", ALLOWED)
def test_what_is_within_the_limits_is_sent(
    function: Callable[..., Command], base: dict[str, Any], name: str, value: Any
) -> None:
    command = function(**{**base, name: value})
    assert command.action == function.__name__
    assert command.params["from" if name == "from_" else name] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("function, base, name, value", REFUSED)
def test_what_is_beyond_the_limits_is_refused_by_name(
    function: Callable[..., Command], base: dict[str, Any], name: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"^{function.__name__}: ({name}\b|one of .*\b{name}\b)"):
        function(**{**base, name: value})


@pytest.mark.parametrize("function, base, name", [limit[:3] for limit in LIMITS])
def test_no_parameter_takes_what_json_cannot_hold(
    function: Callable[..., Command], base: dict[str, Any], name: str
) -> None:
    endless: dict[str, object] = {"id": "a", "url": "wss://a", "enabled": True, "type": "aws"}
    endless["endless"] = endless
    for value in (object(), b"bytes", {1: 2}, {"a": b"x"}, [object()], float("nan"), loop(), {"\ud800": 1}, endless):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: {name}\b"):
            function(**{**base, name: value})


@pytest.mark.parametrize(
    "settings, engine",
    [
        ({"language": "de-DE"}, "Telnyx"),
        ({"language": "en-GB"}, "B"),
        ({"language": "de-DE"}, "Google"),
        ({"language": "klingon"}, None),
        ({"transcription_engine": "Telnyx", "language": "de-DE"}, None),
        ({"language": "de"}, "AssemblyAI"),
        ({"language": "english"}, "Soniox"),
        ({"language": "bg", "transcription_model": "deepgram/nova-3"}, "Deepgram"),
        ({"language": "bg", "transcription_engine": "deepgram/nova-3"}, "Deepgram"),
        ({"language": "en", "transcription_engine": "deepgram/nova-2"}, None),
    ],
)
def test_a_language_that_the_engine_does_not_know_is_refused(settings: dict[str, Any], engine: str | None) -> None:
    config: dict[str, Any] = {"transcription_engine_config": settings}
    if engine:
        config["transcription_engine"] = engine
    with pytest.raises(ValueError, match=r"^transcription_start: transcription_engine_config\.language must be"):
        transcription_start(**config)
    with pytest.raises(
        ValueError, match=r"^answer: transcription_config\.transcription_engine_config\.language must be"
    ):
        answer(transcription=True, transcription_config=config)


@pytest.mark.parametrize(
    "settings, engine",
    [
        ({"language": "de"}, None),
        ({"language": "de"}, "Telnyx"),
        ({"language": "auto_detect"}, "B"),
        ({"language": "en-GB"}, "Speechmatics"),
        ({"language": "it"}, "Soniox"),
        ({"language": "auto"}, "Soniox"),
        ({"language": "bg"}, "Deepgram"),
        ({"language": "bg", "transcription_model": "deepgram/nova-2"}, "Deepgram"),
        ({"language": "de", "transcription_engine": "deepgram/nova-3"}, "Deepgram"),
    ],
)
def test_a_language_that_the_engine_knows_is_sent(settings: dict[str, Any], engine: str | None) -> None:
    config: dict[str, Any] = {"transcription_engine_config": settings}
    if engine:
        config["transcription_engine"] = engine
    assert transcription_start(**config).params == config


@pytest.mark.parametrize("action", ["client_state_update", "siprec_start", "switch_supervisor_role"])
def test_an_action_that_takes_no_command_id_is_sent_without_one(action: str) -> None:
    assert Command(action, {"a": 1}).body("an-id") == {"a": 1}
    assert Command("siprec_stop").body("an-id") == {"command_id": "an-id"}


def test_what_a_payment_or_a_sip_info_carries_is_not_journalled() -> None:
    payment = pay(payment_token="tok_1", postal_code="90210", amount=5)
    assert payment.redacted_params() == {"payment_token": "(secret)", "postal_code": "(secret)", "amount": 5}
    keys = send_sip_info(body="Signal=5", content_type="application/dtmf-relay")
    assert keys.redacted_params() == {"body": "(secret)", "content_type": "application/dtmf-relay"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, b"x", "\ud800", {1: 2}])
def test_not_even_deep_inside_what_we_do_not_check(value: object) -> None:
    with pytest.raises(ValueError, match=r"^answer: assistant must be a value that JSON can hold$"):
        answer(assistant={"id": "a", "dynamic_variables": {"x": [value]}})


@pytest.mark.parametrize(
    "function, arguments, names",
    [
        (answer, {"record_timeout_secs": 5, "transcription": True}, "record_timeout_secs and transcription"),
        (pay, {"payment_token": "t", "valid_card_types": ["visa"]}, "payment_token and valid_card_types"),
        (
            record_start,
            {
                "channels": "dual",
                "format": "mp3",
                "transcription_engine": "deepgram/nova-3",
                "transcription_language": "de",
            },
            "transcription_language must be en",
        ),
        (pay, {"transaction_type": "charge", "amount": 0}, "amount above 0 is required"),
        (conversation_relay_start, {}, "url, conversation_relay_url, conversation_relay_settings"),
        (conversation_relay_start, {**RELAY, "provider": "a"}, "provider requires structured_provider"),
        (playback_start, {}, "audio_url, media_name, playback_content"),
        (playback_start, {**AUDIO, "media_name": "a"}, "audio_url and media_name"),
        (playback_start, {**AUDIO, "playback_content": "SUQz"}, "audio_url and playback_content"),
        (playback_start, {"media_name": "a", "playback_content": "SUQz"}, "media_name and playback_content"),
        (gather_using_audio, {}, "audio_url, media_name"),
        (gather_using_audio, {**AUDIO, "media_name": "a"}, "audio_url and media_name"),
        (
            gather_using_audio,
            {**AUDIO, "invalid_audio_url": "https://a", "invalid_media_name": "a"},
            "invalid_audio_url and invalid_media_name",
        ),
        (transfer, {**TRANSFER, **AUDIO, "media_name": "a"}, "audio_url and media_name"),
        (dial, {**DIAL, **AUDIO, "media_name": "a"}, "audio_url and media_name"),
        (dial, {**DIAL, "bridge_intent": True}, "bridge_intent requires link_to"),
        (dial, {**DIAL, "bridge_on_answer": True}, "bridge_on_answer requires link_to"),
        (dial, {**DIAL, "park_after_unbridge": "self"}, "park_after_unbridge requires link_to"),
        (bridge, {}, "call_control_id, queue, video_room_id"),
        (bridge, {"call_control_id": "v3:a", "queue": "q"}, "call_control_id and queue"),
        (bridge, {"queue": "q", "video_room_id": "r"}, "queue and video_room_id"),
        (bridge, {"queue": "q", "video_room_context": "c"}, "video_room_context requires video_room_id"),
        (streaming_start, {}, "stream_url is required"),
        (streaming_start, {"enable_dialogflow": False}, "stream_url is required"),
        (streaming_start, {**STREAM, "stream_bidirectional_codec": "PCMU"}, "stream_bidirectional_codec requires"),
        (answer, {"stream_bidirectional_codec": "PCMU"}, "stream_bidirectional_codec requires"),
        (
            dial,
            {**DIAL, "stream_bidirectional_mode": "mp3", "stream_bidirectional_codec": "PCMU"},
            "stream_bidirectional_codec requires",
        ),
        (speak, {**SPEAK, "service_level": "basic", "language": "en-GB"}, "language must be en-US"),
        (speak, {**SPEAK, "service_level": "basic", "payload_type": "ssml"}, "payload_type must be text"),
        (gather_using_speak, {**SPEAK, "service_level": "basic", "language": "fr-FR"}, "language must be en-US"),
        (gather, {"minimum_digits": 5, "maximum_digits": 4}, "minimum_digits must not be above maximum_digits"),
        (
            record_start,
            {**RECORD, "transcription_min_speaker_count": 3, "transcription_max_speaker_count": 2},
            "transcription_min_speaker_count must not be above",
        ),
        (
            transcription_start,
            {"transcription_engine": "Deepgram", "transcription_engine_config": {"transcription_engine": "Google"}},
            "transcription_engine_config must be for the same engine",
        ),
    ],
)
def test_parameters_that_do_not_go_together_are_refused_by_name(
    function: Callable[..., Command], arguments: dict[str, Any], names: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{function.__name__}: (one of )?{names}"):
        function(**arguments)


@pytest.mark.parametrize(
    "function, arguments",
    [
        (dial, {**DIAL, "bridge_on_answer": False}),
        (dial, {**LINKED, "bridge_on_answer": True, "park_after_unbridge": "self"}),
        (gather, {"minimum_digits": 4, "maximum_digits": 4}),
        (speak, {**SPEAK, "service_level": "basic", "language": "en-US", "payload_type": "text"}),
        (speak, {**SPEAK, "service_level": "premium", "language": "en-GB", "payload_type": "ssml"}),
        (
            transcription_start,
            {"transcription_engine": "A", "transcription_engine_config": {"transcription_engine": "Google"}},
        ),
        (bridge, {"video_room_id": "r", "video_room_context": "c"}),
        (streaming_start, {"enable_dialogflow": True}),
    ],
)
def test_parameters_that_go_together_are_sent(function: Callable[..., Command], arguments: dict[str, Any]) -> None:
    on_the_wire = {"from" if name == "from_" else name: value for name, value in arguments.items()}
    assert function(**arguments).params == on_the_wire


def test_fork_stop_matches_what_fork_start_starts() -> None:
    """Telnyx starts decrypted and stops raw when nothing is sent: such a fork would not stop."""
    assert fork_stop().params == {"stream_type": "decrypted"}
    assert fork_start(rx="udp:192.0.2.1:9000", tx="udp:192.0.2.1:9001").params == FORK


def test_the_old_fork_target_is_not_offered() -> None:
    with pytest.raises(TypeError, match="target"):
        fork_start(target="udp:192.0.2.1:9000", **FORK)  # type: ignore[call-arg, arg-type]


# What a message may say


@pytest.mark.parametrize(
    "function, arguments",
    [
        (speak, {"payload": "4929-0000" * 700, "voice": "female"}),
        (speak, {"payload": ["4929-0000"], "voice": "female"}),
        (send_dtmf, {"digits": "4929-0000"}),
        (send_dtmf, {"digits": 49290000}),
        (gather, {"terminating_digit": "4929-0000"}),
        (gather, {"valid_digits": "4929-0000"}),
        (dial, {**DIAL, "send_digits_on_answer": "4929-0000"}),
        (streaming_start, {**STREAM, "stream_auth_token": "4929-0000" * 500}),
        (streaming_start, {"stream_url": "https://user:4929-0000@media.example.com"}),
        (streaming_start, {**STREAM, "custom_parameters": [{"name": "pin", "value": 49290000}]}),
        (transfer, {**TRANSFER, "sip_auth_password": ["4929-0000"]}),
        (hangup, {"client_state": {"pin": {"4929-0000"}}}),
        (hangup, {"reason": '"4929-0000"'}),
        (transfer, {**TRANSFER, "diversion": "4929-0000"}),
    ],
)
def test_an_error_never_quotes_text_digits_or_secrets(
    function: Callable[..., Command], arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=function.__name__) as caught:
        function(**arguments)
    assert "4929" not in str(caught.value)


def test_an_error_states_what_is_allowed_and_what_was_given() -> None:
    with pytest.raises(
        ValueError, match=r"^speak: loop must be a whole number from 1 to 100, not 101; or \"infinity\"$"
    ):
        speak(payload="Hi.", voice="female", loop=101)
    with pytest.raises(ValueError, match=r"^record_start: format must be one of mp3, wav, not 'ogg'$"):
        record_start(channels="dual", format="ogg")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^hangup: custom_headers\[1\]\.value is required$"):
        hangup(custom_headers=[HEADER, {"name": "X"}])


# Secrets


def test_a_secret_is_sent_and_not_journalled() -> None:
    command = transfer(
        to="+13125550101", sip_auth_username="hookline", sip_auth_password="hunter2", custom_headers=[HEADER]
    )
    assert command.params["sip_auth_password"] == "hunter2"
    assert command.redacted_params() == {
        "to": "+13125550101",
        "sip_auth_username": "hookline",
        "sip_auth_password": "(secret)",
        "custom_headers": [HEADER],
    }
    assert command.body("id")["sip_auth_password"] == "hunter2"


def test_a_secret_is_hidden_at_any_depth_and_in_the_repr() -> None:
    tool = {
        "type": "webhook",
        "webhook": {"url": "https://a", "headers": [{"name": "Authorization", "value": "hunter2"}]},
    }
    command = answer(assistant={"id": "a", "tools": [tool]}, stream_url="wss://a")
    assert "hunter2" in json.dumps(command.params)
    assert "hunter2" not in json.dumps(command.redacted_params())
    assert "hunter2" not in repr(command)
    assert repr(hangup(on="v3:x")) == "Command('hangup', {}, call_control_id='v3:x')"


@pytest.mark.parametrize("function", [dial, streaming_start, transfer, answer])
def test_a_top_level_secret_never_reaches_the_journal(function: Callable[..., Command]) -> None:
    needed = {dial: DIAL, streaming_start: STREAM, transfer: TRANSFER, answer: {}}[function]
    secrets = sorted(SECRET_PARAMS & set(inspect.signature(function).parameters))
    given_secrets = {
        name: [{"name": "token", "value": "hunter2"}] if name == "custom_parameters" else "hunter2" for name in secrets
    }
    command = function(**needed, **given_secrets)
    assert [name for name in secrets if command.redacted_params()[name] != "(secret)"] == []
    assert "hunter2" not in repr(command)


# What archiving a recording takes


def test_the_fields_of_a_recording_are_those_that_archiving_takes_and_no_other() -> None:
    payload = {
        "call_control_id": "v3:this",
        "call_leg_id": "leg",
        "client_state": None,
        "connection_id": "7267",
        "recording_id": "rec",
        "channels": "dual",
        "format": "mp3",
        "from": "+13125550100",
        "recording_started_at": "2026-11-21T10:00:00Z",
        "recording_ended_at": "2026-11-21T10:01:00Z",
        "recording_urls": {"mp3": "https://a/x.mp3", "wav": None, "ogg": "https://a/x.ogg"},
        "public_recording_urls": {},
    }
    assert recording_fields(payload) == {
        "connection_id": "7267",
        "recording_id": "rec",
        "channels": "dual",
        "recording_started_at": "2026-11-21T10:00:00Z",
        "recording_ended_at": "2026-11-21T10:01:00Z",
        "recording_urls": {"mp3": "https://a/x.mp3"},
    }


@pytest.mark.parametrize("length, is_taken", [(0, False), (1, True), (512, True), (513, False)])
def test_a_field_of_a_recording_is_of_1_to_512_characters(length: int, is_taken: bool) -> None:
    assert ("recording_id" in recording_fields({"recording_id": "r" * length})) == is_taken


def test_of_public_links_the_formats_alone_are_among_the_fields_of_a_recording() -> None:
    assert recording_fields({"public_recording_urls": {"wav": "https://a/x.wav"}}) == {
        "recording_urls": {},
        "public_formats": ["wav"],
    }


@given(st.dictionaries(st.sampled_from([*RECORDING_FIELDS, "recording_urls", "public_recording_urls", "x"]), JSON))
def test_the_fields_of_a_recording_are_text_whatever_a_webhook_holds(payload: dict[str, Any]) -> None:
    fields: Mapping[str, Any] = recording_fields(payload)
    assert set(fields) <= {*RECORDING_FIELDS, "recording_urls", "public_formats"}
    assert {type(fields[name]) for name in RECORDING_FIELDS if name in fields} <= {str}
    assert {type(link) for link in fields["recording_urls"].values()} <= {str}
    assert {type(name) for name in fields.get("public_formats", [])} <= {str}


def test_every_function_takes_keywords_only() -> None:
    functions = [
        function
        for name, function in inspect.getmembers(commands, inspect.isfunction)
        if inspect.signature(function).return_annotation == "Command" and name != "_command"
    ]
    assert len(functions) == 42  # the SDK has 41 actions, and dial
    for function in functions:
        assert {parameter.kind for parameter in inspect.signature(function).parameters.values()} == {
            inspect.Parameter.KEYWORD_ONLY
        }
