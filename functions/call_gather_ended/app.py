"""call.gather.ended: the caller has keyed in what a gather asked for.

The line gathers nothing itself; this is where an own line would read `digits`. They may be a card number, so the
journal keeps only how many there were, unless the parameter KeepDigits is on.
Source: developers.telnyx.com, Voice API webhooks.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.gather.ended": decide})
