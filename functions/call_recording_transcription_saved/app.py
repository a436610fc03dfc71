"""call.recording.transcription.saved: what was said in a recording is known; the text stands in the event.

It is queued to be laid beside its recording, which may have come before or may yet come. The text itself is not
queued: it is journalled with the event and read from there.
Source: developers.telnyx.com, call-recording-transcription-saved callback.
"""

from typing import Any

from hookline import Call, Command, Context, Event, archive, receive


def decide(event: Event, call: Call) -> list[Command]:
    """What to do. Pure: the same event and call give the same commands."""
    return [archive(event.payload)]


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, queue, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.recording.transcription.saved": decide})
