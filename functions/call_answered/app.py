"""call.answered: somebody talks, or listens, from now on.

A call that the line answered is greeted, recorded, transcribed, and streamed or forked, as the parameters want it. The
greeting is first: the caller hears it soonest, and a fault of any other command does not leave them in silence.
Source: developers.telnyx.com, Voice API webhooks; one streaming or forking at a time: Media streaming.
"""

from typing import Any

from hookline import Call, Command, Context, Event, receive
from line import LINE, Line, step_of


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    if step_of(event) != "answer" or call.ended:
        return []
    commands = list(line.opening_words)
    if line.record:
        commands.append(line.recording)
    if line.transcribe:
        commands.append(line.transcription)
    if line.stream_url:
        commands.append(line.stream)
    elif line.forks:
        commands.append(line.fork)
    return commands


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.answered": decide})
