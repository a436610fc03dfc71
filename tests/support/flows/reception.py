"""A small flow under the name that the samples carry: answers, speaks, records, transcribes, and obeys four keys."""

from hookline import (
    Call,
    Command,
    Event,
    answer,
    hangup,
    playback_stop,
    record_pause,
    record_resume,
    record_start,
    record_stop,
    speak,
    streaming_start,
    transcription_start,
    transcription_stop,
)

ACTING_DIGITS = "12*#"
VOICE = "AWS.Polly.Joanna-Neural"


def _step(event: Event) -> str | None:
    state = event.client_state
    return state.get("step") if isinstance(state, dict) else None


def call_initiated(event: Event, call: Call) -> list[Command]:
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    return [answer(client_state={"step": "answer"})] if is_waiting and call.status == "ringing" else []


def call_answered(event: Event, call: Call) -> list[Command]:
    if call.ended or _step(event) != "answer":
        return []
    return [
        speak(payload="Hello.", voice=VOICE, client_state={"step": "greeting"}),
        record_start(channels="dual", format="mp3"),
        transcription_start(transcription_engine="Telnyx"),
    ]


def call_dtmf_received(event: Event, call: Call) -> list[Command]:
    if call.ended or _step(event) is None:
        return []
    match event.payload.get("digit"):
        case "1":
            return [record_pause(), transcription_stop()]
        case "2":
            return [record_resume(), transcription_start(transcription_engine="Telnyx")]
        case "*":
            return [playback_stop(client_state={"step": "listening"})]
        case "#":
            return [
                record_stop(),
                transcription_stop(),
                speak(payload="Goodbye.", voice=VOICE, stop="all", client_state={"step": "goodbye"}).otherwise(
                    hangup()
                ),
                hangup().after(20),
            ]
    return []


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    return [hangup()] if _step(event) == "goodbye" and not call.ended else []


def call_recording_error(event: Event, call: Call) -> list[Command]:
    if call.ended or call.count("call.recording.error") > 1 or _step(event) is None:
        return []
    return [record_start(channels="dual", format="mp3")]


def streaming_failed(event: Event, call: Call) -> list[Command]:
    if call.ended or _step(event) is None:
        return []
    return [streaming_start(stream_url="wss://media.example.com", stream_auth_token="hush")]


def call_cost(event: Event, call: Call) -> list[Command]:
    """An event type that has no function of its own."""
    raise RuntimeError("a bug, and the number +12025550147")
