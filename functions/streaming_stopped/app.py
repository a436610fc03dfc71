"""streaming.stopped: the WebSocket is closed.

It comes after our own streaming_stop and before every hang-up, so it is no reason to start again; a stream that broke
tells `streaming.failed`.
Source: developers.telnyx.com, Media streaming.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"streaming.stopped": decide})
