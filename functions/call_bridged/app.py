"""call.bridged: two people are connected.

Whatever the line is saying or playing to them stops: they are talking now.
Source: developers.telnyx.com, Voice API webhooks (sent once per leg); playback_stop ends speech too.
"""

from typing import Any

from hookline import Call, Command, Context, Event, playback_stop, receive
from line import at, step_of


def decide(event: Event, call: Call) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    if step_of(event) in ("greeting", "music") and not call.ended:
        return [playback_stop(client_state=at("listening"))]
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.bridged": decide})
