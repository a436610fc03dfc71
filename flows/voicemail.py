"""voicemail: a greeting, a tone, one message with its transcript; # or the length limit ends it with a goodbye.

Every step has an end: a refused command is replaced by the next best, and the call is hung up when its message should
long be over, whatever was reported until then. The step of a call travels in client_state. Source:
developers.telnyx.com, Voice API commands and webhooks, Storing call recordings.
"""

from hookline import Call, Command, Event, answer, hangup, record_start, record_stop, speak

ACTING_DIGITS = "#"

VOICE = "AWS.Polly.Joanna-Neural"
GREETING = "Nobody can take your call just now. Please leave a message after the tone, then press pound or hang up."
GOODBYE = "Thank you. Your message has been recorded. Goodbye."
NOT_RECORDED = "Your message could not be recorded. Please call again later. Goodbye."

MESSAGE_SECONDS = 120
GREETING_SECONDS = 30
GOODBYE_SECONDS = 10
LONGEST_SECONDS = GREETING_SECONDS + MESSAGE_SECONDS + GOODBYE_SECONDS
"""From the answer on; after that the call is hung up."""


def call_initiated(event: Event, call: Call) -> list[Command]:
    """An incoming call is answered."""
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    return [answer(client_state={"step": "answer"})] if is_waiting and call.status == "ringing" else []


def call_answered(event: Event, call: Call) -> list[Command]:
    """The greeting; a message can be left without it."""
    if _step(event) != "answer" or call.ended:
        return []
    greeting = speak(payload=GREETING, voice=VOICE, client_state={"step": "greeting"})
    return [greeting.otherwise(_recording()), hangup().after(LONGEST_SECONDS)]


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    """The tone follows the greeting; the end follows the goodbye."""
    if call.ended or event.payload.get("status") == "call_hangup":
        return []
    match _step(event):
        case "greeting":
            return [_recording()]
        case "goodbye":
            return [hangup()]
    return []


def call_dtmf_received(event: Event, call: Call) -> list[Command]:
    """# ends the message; every other key, and # at any other time, is part of nothing."""
    if not _ends_message(event) or call.ended or _finished(call, but=event):
        return []
    return [record_stop(), *_goodbye(GOODBYE)]


def call_recording_saved(event: Event, call: Call) -> list[Command]:
    """The message is as long as it may be. After # the goodbye has been spoken already."""
    if _step(event) != "message" or call.ended or _finished(call):
        return []
    return _goodbye(GOODBYE)


def call_recording_error(event: Event, call: Call) -> list[Command]:
    """The caller does not go on talking to a line that records nothing."""
    if _step(event) != "message" or call.ended or _finished(call):
        return []
    return _goodbye(NOT_RECORDED)


def _recording() -> Command:
    """The tone and the message. Without a recording there is nothing to wait for."""
    recording = record_start(
        channels="single",
        format="mp3",
        max_length=MESSAGE_SECONDS,
        play_beep=True,
        transcription=True,
        client_state={"step": "message"},
    )
    return recording.otherwise(hangup())


def _goodbye(text: str) -> list[Command]:
    """The goodbye and the end, which does not depend on it."""
    goodbye = speak(payload=text, voice=VOICE, client_state={"step": "goodbye"})
    return [goodbye.otherwise(hangup()), hangup().after(GOODBYE_SECONDS)]


def _ends_message(event: Event) -> bool:
    is_key = event.type == "call.dtmf.received" and event.payload.get("digit") == "#"
    return is_key and _step(event) == "message"


def _finished(call: Call, *, but: Event | None = None) -> bool:
    """Whether another event of the call has ended the message."""
    return any(_ends_message(event) for event in call.events if but is None or event.id != but.id)


def _step(event: Event) -> object:
    state = event.client_state
    return state.get("step") if isinstance(state, dict) else None
