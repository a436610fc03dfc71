"""call.fork.stopped: the sound of the call no longer leaves for the UDP targets.

It comes after our own fork_stop and after a hang-up, so it is no reason to start again.
Source: developers.telnyx.com, Forking stop.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.fork.stopped": decide})
