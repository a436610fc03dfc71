"""call.speak.ended: a text has been said, or was cut short.

After the greeting comes the audio file when there is one; after the goodbye the call is hung up.
Source: developers.telnyx.com, Voice API webhooks; playback_stop ends speech too, and then this event comes as well.
"""

from typing import Any

from hookline import Call, Command, Context, Event, hangup, receive
from line import LINE, Line, step_of


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    if call.ended or event.payload.get("status") == "call_hangup":
        return []
    match step_of(event):
        case "greeting":
            return line.audio
        case "goodbye" if _is_the_goodbye(call):
            return [hangup()]
    return []


def _is_the_goodbye(call: Call) -> bool:
    """Whether it was the goodbye that ended, and not a text that # cut short.

    The text cut short ends at the step "goodbye" too, because that is the newest client_state of the call. But as many
    texts have to end as had begun before # was pressed, and only the next one is the goodbye.
    """
    pressed = [
        event for event in call.events if event.type == "call.dtmf.received" and event.payload.get("digit") == "#"
    ]
    if not pressed:
        return True
    return call.count("call.speak.ended") > call.count("call.speak.started", before=pressed[0])


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.speak.ended": decide})
