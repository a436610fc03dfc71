"""call.machine.detection.ended: a person or a machine has answered a call that we placed.

A machine is hung up on; "not_sure" is treated as a person, as Telnyx advises.
Source: developers.telnyx.com, Answering machine detection.
"""

from typing import Any

from hookline import Call, Command, Context, Event, hangup, receive
from line import step_of


def decide(event: Event, call: Call) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    if event.payload.get("result") == "machine" and step_of(event) == "calling" and not call.ended:
        return [hangup()]
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.machine.detection.ended": decide})
