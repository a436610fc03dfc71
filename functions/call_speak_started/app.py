"""call.speak.started: a text is being said.

How many had begun before # was pressed tells which `call.speak.ended` is the goodbye's: see call_speak_ended.
Source: developers.telnyx.com, Voice API webhooks.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.speak.started": decide})
