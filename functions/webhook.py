"""The handler of every event's function and of the router. EVENT_TYPE names the event of a function.

The variable is set in template.yaml and never read from the path of the request; the router has none and handles every
event.
"""

from typing import Any

from hookline.webhook import Context, receive


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Verify, parse, decide, send, append, answer: see hookline.webhook.receive."""
    return receive(request, context)
