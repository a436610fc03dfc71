"""notice: a call placed from here; a person hears the announcement and confirms, a machine hears it after its greeting.

Place it with `flow="notice"` and answering_machine_detection, plain or premium. Without one give the client_state
{"step": "person"}: the announcement begins at once. Someone who calls back hears it too. The step of a call travels in
client_state. Source: developers.telnyx.com, Answering Machine Detection.
"""

from hookline import Call, Command, Event, answer, client_state_update, gather_using_speak, hangup, speak

VOICE = "AWS.Polly.Joanna-Neural"
NOTICE = (
    "This is an announcement of the water works. Tomorrow from nine to eleven there will be no water in your street."
)
CONFIRM = "Press 1 to confirm that you have heard this."
THANKS = "Thank you. Goodbye."

DETECTION_SECONDS = 8
"""From the answer on; when no detection has been reported by then, a person is assumed."""

GREETING_SECONDS = 30
"""The longest greeting of a machine; then the announcement begins, whether or not its end was reported."""

KEY_SECONDS = 8
"""From the end of the announcement until silence counts as an answer."""

SLACK_SECONDS = 15
"""Added to the time that a step can take before the call is hung up."""


def call_initiated(event: Event, call: Call) -> list[Command]:
    """Someone calls back: the call is answered. The call that was placed from here is left to ring."""
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    if is_waiting and call.status == "ringing":
        return [answer(client_state={"step": "person"}), hangup().if_idle(2 * SLACK_SECONDS)]
    return []


def call_answered(event: Event, call: Call) -> list[Command]:
    """With detection its result is waited for, but not for ever."""
    if call.ended:
        return []
    if _step(event) == "person":
        return _ask()
    if _step(event) in ("calling", None):
        return [_question().if_idle(DETECTION_SECONDS), hangup().if_idle(DETECTION_SECONDS + _longest_seconds())]
    return []


def call_machine_detection_ended(event: Event, call: Call) -> list[Command]:
    """A machine is left to finish its greeting, a fax is hung up on. All others are people: "not_sure" too, as Telnyx
    advises.
    """
    if call.ended or _step(event) not in ("calling", None):
        return []
    match event.payload.get("result"):
        case "machine":
            return [
                client_state_update(client_state={"step": "machine"}),
                _message().if_idle(GREETING_SECONDS),
                hangup().if_idle(GREETING_SECONDS + _seconds(NOTICE)),
            ]
        case "fax_detected":
            return [hangup()]
    return _ask()


call_machine_premium_detection_ended = call_machine_detection_ended
"""Its results are human_residence, human_business, machine, silence, fax_detected and not_sure."""


def call_machine_greeting_ended(event: Event, call: Call) -> list[Command]:
    """The greeting of a machine is over, with a beep or without: now it records."""
    if call.ended or _step(event) not in ("machine", "calling", None):
        return []
    return [_message(), hangup().after(_seconds(NOTICE))]


call_machine_premium_greeting_ended = call_machine_greeting_ended


def call_gather_ended(event: Event, call: Call) -> list[Command]:
    """1 confirms. Whether it did is in the client_state of the goodbye, because digits are blanked in the journal."""
    if call.ended or _step(event) != "asked" or event.payload.get("status") in ("call_hangup", "cancelled"):
        return []
    is_confirmed = event.payload.get("digits") == "1"
    goodbye = speak(payload=THANKS, voice=VOICE, client_state={"step": "goodbye", "confirmed": is_confirmed})
    return [goodbye.otherwise(hangup()), hangup().after(_seconds(THANKS))]


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    """After the goodbye, and after the announcement on a machine, the call ends."""
    is_over = _step(event) in ("goodbye", "message") and event.payload.get("status") != "call_hangup"
    return [hangup()] if is_over and not call.ended else []


def _ask() -> list[Command]:
    """The announcement for a person, and an end for the case that nothing is reported of it."""
    return [_question(), hangup().if_idle(_longest_seconds())]


def _question() -> Command:
    """The announcement, twice if no key is pressed. Refused, the call ends."""
    question = gather_using_speak(
        payload=f"{NOTICE} {CONFIRM}",
        voice=VOICE,
        valid_digits="1",
        maximum_digits=1,
        maximum_tries=2,
        timeout_millis=KEY_SECONDS * 1000,
        client_state={"step": "asked"},
    )
    return question.otherwise(hangup())


def _message() -> Command:
    """The announcement for a machine. Refused, the call ends."""
    return speak(payload=NOTICE, voice=VOICE, client_state={"step": "message"}).otherwise(hangup())


def _longest_seconds() -> float:
    """The time in which a person has certainly been asked twice."""
    return SLACK_SECONDS + 2 * (len(f"{NOTICE} {CONFIRM}") / 10 + KEY_SECONDS)


def _seconds(text: str) -> float:
    """The time in which a text has certainly been spoken."""
    return SLACK_SECONDS + len(text) / 10


def _step(event: Event) -> object:
    state = event.client_state
    return state.get("step") if isinstance(state, dict) else None
