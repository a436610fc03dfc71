"""call.fork.started: the sound of the call leaves for the UDP targets.

From now on the call counts as forking (hookline.call). No media comes this way: a fork is UDP, this is its receipt.
Source: developers.telnyx.com, Forking start.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.fork.started": decide})
