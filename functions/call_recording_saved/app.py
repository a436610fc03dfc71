"""call.recording.saved: a recording is ready at Telnyx, behind links that die after ten minutes.

It is queued to be copied into our bucket; nothing is waited for.
Source: developers.telnyx.com, "Storing call recordings".
"""

from typing import Any

from hookline import Call, Command, Context, Event, archive, receive


def decide(event: Event, call: Call) -> list[Command]:
    """What to do. Pure: the same event and call give the same commands."""
    return [archive(event.payload)]


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, queue, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.recording.saved": decide})
