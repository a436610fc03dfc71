"""call.recording.error: Telnyx could not record, or could not store what it recorded.

On a live call the recording is started once more, unless the caller has paused or finished it; a second error is left
to stand in the journal.
Source: developers.telnyx.com, call-recording-error callback; its example carries no `call_control_id`.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive
from line import LINE, RUNNING, Line, step_of


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    first = call.count("call.recording.error", before=event) == 0
    if line.record and first and step_of(event) in RUNNING and not call.ended and not _unwanted(call):
        return [line.recording]
    return []


def _unwanted(call: Call) -> bool:
    """Whether the caller's last word on recording was to pause it (1) or to be done with it (#)."""
    keys = [event.payload.get("digit") for event in call.events if event.type == "call.dtmf.received"]
    return next((key for key in reversed(keys) if key in ("1", "2", "#")), "2") != "2"


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.recording.error": decide})
