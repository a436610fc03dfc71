"""call.transcription: a piece of what was said, in words.

Final pieces are kept in order of time, apart from the call's other events; those that are not final are answered and,
unless the parameter KeepInterimTranscripts asks for them, dropped (hookline.webhook).
Source: developers.telnyx.com, transcription callback: the text is in `transcription_data.transcript`.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive


def decide(event: Event, call: Call) -> list[Command]:
    """Nothing to say: what the journal keeps is all that is wanted."""
    return []


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.transcription": decide})
