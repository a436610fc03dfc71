"""menu: 1 reaches sales, 2 leaves a message; two silences end the call.

When sales is busy, does not answer or may not be called, the caller is asked for a message. Every step has an end: a
refused command is replaced by the next best, and a step whose end is never reported is ended by a delayed command. The
step of a call travels in client_state. Source: developers.telnyx.com, Voice API commands and webhooks.
"""

from typing import Any

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

SALES = "+12025550177"
VOICE = "AWS.Polly.Joanna-Neural"

PROMPT = "For sales, press 1. To leave a message, press 2."
INVITATION = "Please leave a message after the tone, and hang up."
NOBODY_ANSWERS = "Sales cannot take your call just now. " + INVITATION
GOODBYE = "Thank you. Goodbye."

QUESTIONS = 2
"""So often the caller is asked before the call ends."""

KEY_SECONDS = 8
"""From the end of the prompt until silence counts as an answer."""

RING_SECONDS = 25
MESSAGE_SECONDS = 120

SILENCE_SECONDS = 60
"""An answer to the prompt that has not been reported by then never will be."""

INVITATION_SECONDS = 30
GOODBYE_SECONDS = 10


def call_initiated(event: Event, call: Call) -> list[Command]:
    """An incoming call is answered; the leg to sales is left to ring."""
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    return [answer(client_state={"step": "answer"})] if is_waiting and call.status == "ringing" else []


def call_answered(event: Event, call: Call) -> list[Command]:
    """The first question."""
    return _question(1) if _step(event) == "answer" and not call.ended else []


def call_gather_ended(event: Event, call: Call) -> list[Command]:
    """The answer to a question. Stopping what plays also withdraws the goodbye that waits behind the question."""
    if _step(event) != "question" or call.ended or event.payload.get("status") == "call_hangup":
        return []
    if event.payload.get("status") == "cancelled":  # by a command of another application, which has the call now
        return [playback_stop()]
    match event.payload.get("digits"):
        case "1":
            return [playback_stop(), _transfer_of(event)]
        case "2":
            return [playback_stop(), *_message_commands(INVITATION)]
    asked = _state(event).get("asked")
    if isinstance(asked, int) and 1 <= asked < QUESTIONS:
        return [playback_stop(), *_question(asked + 1)]
    return [playback_stop(), *_goodbye()]


def call_hangup(event: Event, call: Call) -> list[Command]:
    """When the leg to sales ends without an answer, its caller leaves a message."""
    caller = _state(event).get("caller")
    if _step(event) != "sales" or call.answered_at or not isinstance(caller, str) or not caller:
        return []
    return _message_commands(NOBODY_ANSWERS, on=caller)


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    """The tone follows the invitation; the end follows the goodbye."""
    if call.ended or event.payload.get("status") == "call_hangup":
        return []
    match _step(event):
        case "invitation":
            return [_recording()]
        case "goodbye":
            return [hangup()]
    return []


def call_recording_saved(event: Event, call: Call) -> list[Command]:
    """The message is as long as it may be."""
    return _goodbye() if _step(event) == "message" and not call.ended else []


def call_recording_error(event: Event, call: Call) -> list[Command]:
    """There will be no message: the caller is not left waiting."""
    return _goodbye() if _step(event) == "message" and not call.ended else []


def _question(number: int) -> list[Command]:
    """Ask for a key. Behind it waits a goodbye, for an answer that is never reported."""
    question = gather_using_speak(
        payload=PROMPT,
        voice=VOICE,
        maximum_digits=1,
        maximum_tries=1,
        valid_digits="12",
        timeout_millis=KEY_SECONDS * 1000,
        client_state={"step": "question", "asked": number},
    )
    return [question.otherwise(hangup()), _spoken_goodbye().after(SILENCE_SECONDS)]


def _transfer_of(event: Event) -> Command:
    """Call sales. The new leg runs this flow too, and knows the leg of its caller."""
    to_sales = transfer(
        to=SALES,
        timeout_secs=RING_SECONDS,
        target_flow="menu",
        target_leg_client_state={"step": "sales", "caller": event.call_control_id},
        client_state={"step": "transfer"},
    )
    return to_sales.otherwise(_spoken_invitation(NOBODY_ANSWERS))


def _message_commands(invitation: str, *, on: str | None = None) -> list[Command]:
    """Invite to leave a message, and end the call when that should be over. on: the leg, when it is another."""
    longest = INVITATION_SECONDS + MESSAGE_SECONDS + GOODBYE_SECONDS
    return [_spoken_invitation(invitation, on=on), hangup(on=on).after(longest)]


def _spoken_invitation(text: str, *, on: str | None = None) -> Command:
    spoken = speak(payload=text, voice=VOICE, client_state={"step": "invitation"}, on=on)
    return spoken.otherwise(_recording(on=on))


def _recording(*, on: str | None = None) -> Command:
    recording = record_start(
        channels="single",
        format="mp3",
        max_length=MESSAGE_SECONDS,
        play_beep=True,
        client_state={"step": "message"},
        on=on,
    )
    return recording.otherwise(hangup(on=on))


def _goodbye() -> list[Command]:
    """The goodbye and the end, which does not depend on it."""
    return [_spoken_goodbye(), hangup().after(GOODBYE_SECONDS)]


def _spoken_goodbye() -> Command:
    return speak(payload=GOODBYE, voice=VOICE, client_state={"step": "goodbye"}).otherwise(hangup())


def _state(event: Event) -> dict[str, Any]:
    """The client_state that the flow's own commands left on the leg."""
    return event.client_state if isinstance(event.client_state, dict) else {}


def _step(event: Event) -> object:
    return _state(event).get("step")
