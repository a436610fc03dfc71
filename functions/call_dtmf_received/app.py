"""call.dtmf.received: a key was pressed.

1 pauses the recording, because a card number is about to be read out, and the transcription with it, which would write
the number down; 2 resumes both; * stops what is playing; # ends the recording, the transcription, the streaming or
fork, and says goodbye; # once more hangs up without waiting for it. Every other key is somebody's own business.
Source: developers.telnyx.com, Voice API webhooks (the key is `digit`).
"""

from typing import Any

from hookline import (
    Call,
    Command,
    Context,
    Event,
    fork_stop,
    hangup,
    playback_stop,
    receive,
    record_pause,
    record_resume,
    record_stop,
    streaming_stop,
    transcription_stop,
)
from hookline.call import sort_key
from line import LINE, RUNNING, Line, at, step_of

PAUSE = record_pause()
RESUME = record_resume()
SILENCE = playback_stop(client_state=at("listening"))
STOP_RECORDING = record_stop()
STOP_TRANSCRIPTION = transcription_stop()
STOP_STREAM = streaming_stop()
STOP_FORK = fork_stop()
HANG_UP = hangup()


def decide(event: Event, call: Call, line: Line = LINE) -> list[Command]:
    """What to tell Telnyx. Pure: the same event and call give the same commands."""
    step, digit = step_of(event), event.payload.get("digit")
    if call.ended or step not in (*RUNNING, "goodbye"):
        return []
    if step == "goodbye" or _finished_before(event, call):
        return [HANG_UP] if digit == "#" else []
    match digit:
        case "1":
            return [*([PAUSE] if line.record else []), *([STOP_TRANSCRIPTION] if line.transcribe else [])]
        case "2":
            return [*([RESUME] if line.record else []), *([line.transcription] if line.transcribe else [])]
        case "*":
            return [SILENCE]
        case "#":
            return finish(line)
    return []


def finish(line: Line) -> list[Command]:
    """Stop all that the line has started, then say goodbye. What was not running answers that it was not: no harm."""
    commands = []
    if line.record:
        commands.append(STOP_RECORDING)
    if line.transcribe:
        commands.append(STOP_TRANSCRIPTION)
    if line.stream_url:
        commands.append(STOP_STREAM)
    if line.forks:
        commands.append(STOP_FORK)
    return commands + line.last_words


def _finished_before(event: Event, call: Call) -> bool:
    return any(
        other.type == event.type and other.payload.get("digit") == "#" and sort_key(other) < sort_key(event)
        for other in call.events
    )


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, {"call.dtmf.received": decide})
