"""call.recording.error: Telnyx could not record, or could not store what it recorded.

On a live call the recording is started once more; a second error is left to stand in the journal.
Source: developers.telnyx.com, call-recording-error callback; its example carries no `call_control_id`.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive
from line import LINE, Line


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    first = call.count("call.recording.error", before=event.occurred_at) == 0
    if line.record and first and not call.over:
        return [line.recording]
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.recording.error": decide})
