"""call.initiated: a call has reached one of our numbers, or we have placed one.

An incoming call is answered; an outgoing one is left to ring, and so is a leg that Telnyx is bridging already.
Source: developers.telnyx.com, Voice API webhooks.
"""

from typing import Any

from hookline import Call, Command, Context, Event, answer, receive
from line import at

ANSWER = answer(client_state=at("answer"))


def decide(event: Event, call: Call) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    waits_for_us = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    if waits_for_us and call.status == "ringing":
        return [ANSWER]
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.initiated": decide})
