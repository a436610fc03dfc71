"""call.hangup: the call is over.

Whatever comes later about it commands nothing any more: every decision asks `call.ended`. Recording, transcription and
streaming end by themselves; what they leave behind comes with events of its own.
Source: developers.telnyx.com, Voice API webhooks.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.hangup": decide})
