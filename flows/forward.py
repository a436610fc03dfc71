"""forward: calls an agent, who accepts the call with 1; otherwise the caller leaves a message.

Two legs run this flow. The caller's hears a text that is repeated while the agent's rings; the agent's is placed with
dial, whispered to, and bridged when it accepts. Whatever becomes of the agent's leg, the caller's goes on by itself: in
time it goes to voicemail. AGENT has to be allowed by the parameter DialAllow. The step of a call travels in
client_state. Source: developers.telnyx.com, Voice API commands and webhooks.
"""

from datetime import datetime, timedelta
from typing import Any

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

AGENT = "+12025550177"
VOICE = "AWS.Polly.Joanna-Neural"

HOLD = "Please hold the line. We are calling the person that you would like to speak to."
WHISPER = "There is a call for you. Press 1 to accept it."
GREETING = (
    "Sorry, your call cannot be taken now. Please leave a message after the tone, and press pound when you are done."
)
GOODBYE = "Thank you. Goodbye."

RING_SECONDS = 20
KEY_SECONDS = 8
"""From the end of the whisper until silence counts as no."""

WAIT_SECONDS = 60
"""From the answer on; then the caller goes to voicemail, whatever is known of the agent."""

MESSAGE_SECONDS = 90
SLACK_SECONDS = 15
"""Added to the time that a step can take before its leg is hung up."""

ACTING_DIGITS = "#"


def call_initiated(event: Event, call: Call) -> list[Command]:
    """An incoming call is answered; the agent's leg is left to ring."""
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    if is_waiting and call.status == "ringing":
        return [answer(client_state={"step": "answer"}), hangup().if_idle(2 * SLACK_SECONDS)]
    return []


def call_answered(event: Event, call: Call) -> list[Command]:
    """The caller: the agent is called. The agent: the whisper, and the key that accepts."""
    if call.ended:
        return []
    match _step(event):
        case "answer":
            return [_hold(_later(event.occurred_at, WAIT_SECONDS)), _dial_agent(event)]
        case "agent":
            whisper = gather_using_speak(
                payload=WHISPER,
                voice=VOICE,
                valid_digits="1",
                maximum_digits=1,
                maximum_tries=1,
                timeout_millis=KEY_SECONDS * 1000,
                client_state={**_state(event), "step": "whisper"},
            )
            return [whisper.otherwise(hangup()), hangup().if_idle(_seconds(WHISPER) + KEY_SECONDS)]
    return []


def call_gather_ended(event: Event, call: Call) -> list[Command]:
    """The agent's key: with 1 the two legs are connected; otherwise, or when the caller has gone, the leg ends."""
    caller = _caller(event)
    if _step(event) != "whisper" or call.ended or caller is None or event.payload.get("status") == "call_hangup":
        return []
    if event.payload.get("digits") != "1":
        return [hangup()]
    connected = bridge(call_control_id=caller, client_state={**_state(event), "step": "talking"})
    return [connected.otherwise(hangup())]


def call_bridged(event: Event, call: Call) -> list[Command]:
    """Both legs report it, and either stops the caller's hold text: one of the two may be lost."""
    if call.ended or _step(event) not in ("hold", "talking"):
        return []
    if _step(event) == "talking" and _caller(event) is None:
        return []
    return [playback_stop(client_state={"step": "talking"}, on=_caller(event))]


def call_hangup(event: Event, call: Call) -> list[Command]:
    """The agent's leg has ended. Unaccepted, the caller's hold text stops, and its leg goes on to voicemail.

    After a conversation Telnyx ends both legs; the hang-up here is for the case that it did not.
    """
    caller = _caller(event)
    match _step(event):
        case "agent" | "whisper" if caller:
            longest_seconds = _seconds(GREETING) + MESSAGE_SECONDS + _seconds(GOODBYE)
            unanswered = playback_stop(client_state={"step": "unanswered"}, on=caller)
            return [unanswered, hangup(on=caller).after(longest_seconds)]
        case "talking" if caller:
            return [hangup(on=caller)]
    return []


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    """The caller's leg: the hold text is repeated while there is time, then comes voicemail."""
    if call.ended or event.payload.get("status") == "call_hangup":
        return []
    match _step(event):
        case "hold":
            until = _state(event).get("until")
            is_time_left = isinstance(until, str) and event.occurred_at < until
            return [_hold(str(until))] if is_time_left else _greeting()
        case "unanswered":
            return _greeting()
        case "greeting":
            return [_message(), hangup().if_idle(MESSAGE_SECONDS + SLACK_SECONDS)]
        case "goodbye":
            return [hangup()]
    return []


def call_dtmf_received(event: Event, call: Call) -> list[Command]:
    """# ends the message."""
    if event.payload.get("digit") == "#" and _step(event) == "message" and not call.ended:
        return [record_stop(), *_goodbye()]
    return []


def call_recording_saved(event: Event, call: Call) -> list[Command]:
    """A message that has reached its longest ends the call as # does."""
    return _goodbye() if _step(event) == "message" and not call.ended else []


def call_recording_error(event: Event, call: Call) -> list[Command]:
    """There will be no message: the caller is not left waiting."""
    return _goodbye() if _step(event) == "message" and not call.ended else []


def _hold(until: str) -> Command:
    """The hold text. until: when it is repeated no more. Refused, the call ends."""
    state = {"step": "hold", "until": until}
    return speak(payload=HOLD, voice=VOICE, client_state=state).otherwise(hangup())


def _dial_agent(event: Event) -> Command:
    """Call the agent. The new leg runs this flow and knows its caller. Refused, voicemail follows the hold text."""
    call_agent = dial(
        connection_id=str(event.payload.get("connection_id") or "unknown"),
        from_=str(event.payload.get("to") or "unknown"),
        to=AGENT,
        timeout_secs=RING_SECONDS,
        link_to=event.call_control_id,
        flow="forward",
        client_state={"step": "agent", "caller": event.call_control_id},
    )
    return call_agent.otherwise(client_state_update(client_state={"step": "unanswered"}))


def _greeting() -> list[Command]:
    """The request for a message; refused, the tone comes at once."""
    greeting = speak(payload=GREETING, voice=VOICE, client_state={"step": "greeting"})
    return [greeting.otherwise(_message()), hangup().if_idle(_seconds(GREETING))]


def _message() -> Command:
    """The tone and the recording. Refused, the call ends."""
    recording = record_start(
        channels="single",
        format="mp3",
        max_length=MESSAGE_SECONDS,
        play_beep=True,
        transcription=True,
        client_state={"step": "message"},
    )
    return recording.otherwise(hangup())


def _goodbye() -> list[Command]:
    """The goodbye, and the end of the call whatever becomes of the goodbye."""
    goodbye = speak(payload=GOODBYE, voice=VOICE, client_state={"step": "goodbye"})
    return [goodbye.otherwise(hangup()), hangup().after(_seconds(GOODBYE))]


def _later(occurred_at: str, seconds: int) -> str:
    """A timestamp that many seconds later, as text that compares as time."""
    return (datetime.fromisoformat(occurred_at) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(text: str) -> float:
    """The time in which a text has certainly been spoken."""
    return SLACK_SECONDS + len(text) / 10


def _state(event: Event) -> dict[str, Any]:
    return event.client_state if isinstance(event.client_state, dict) else {}


def _step(event: Event) -> object:
    return _state(event).get("step")


def _caller(event: Event) -> str | None:
    """The caller's leg, in an event of the agent's."""
    caller = _state(event).get("caller")
    return caller if isinstance(caller, str) and caller else None
