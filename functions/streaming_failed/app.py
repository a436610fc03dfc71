"""streaming.failed: the WebSocket could not be reached, or was lost.

It is tried again a bounded number of times; then the sound is forked, when a fork is configured. The failure itself
stands in the journal either way.
Source: developers.telnyx.com, Media streaming; the event type has no `call.` prefix.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive
from line import LINE, RUNNING, Line, step_of


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    if call.ended or not line.stream_url or step_of(event) not in RUNNING:
        return []
    failures_before = call.count("streaming.failed", before=event)
    if failures_before < line.stream_retries:
        return [line.stream]
    if failures_before == line.stream_retries and line.forks:
        return [line.fork]
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"streaming.failed": decide})
