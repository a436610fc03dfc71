"""streaming.started: the WebSocket is open and the sound of the call runs.

The documented example carries nothing but `call_control_id` and `stream_url`; the journal files it by that.
Source: developers.telnyx.com, Media streaming; the event type has no `call.` prefix.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"streaming.started": decide})
