"""call.playback.ended: an audio file has been played, was stopped, or could not be played.

When the line's file is missing or broken a spoken text takes its place.
Source: developers.telnyx.com, Voice API webhooks (`status`).
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive
from line import LINE, Line, step_of


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    unheard = event.payload.get("status") in ("failed", "file_not_found")
    if unheard and step_of(event) == "music" and not call.ended:
        return line.instead_of_audio
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.playback.ended": decide})
