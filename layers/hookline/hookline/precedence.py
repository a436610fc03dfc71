"""Which command yields to which, and how long a command is worth sending. Values only.

Telnyx promises no order of webhooks (developers.telnyx.com, "Receiving webhooks"). What arrives late yields to what is
newer: a command is dropped when a newer event of the leg has already commanded the same subject.
"""

from collections.abc import Collection, Mapping, Sequence

from hookline.commands import Command

AUDIO, RECORDING, TRANSCRIPTION, MEDIA, LEG = "audio", "recording", "transcription", "media", "leg"

SUBJECTS: Mapping[str, str] = {
    "answer": LEG,
    "bridge": LEG,
    "enqueue": LEG,
    "fork_start": MEDIA,
    "fork_stop": MEDIA,
    "gather": AUDIO,
    "gather_stop": AUDIO,
    "gather_using_audio": AUDIO,
    "gather_using_speak": AUDIO,
    "hangup": LEG,
    "leave_queue": LEG,
    "playback_start": AUDIO,
    "playback_stop": AUDIO,
    "record_pause": RECORDING,
    "record_resume": RECORDING,
    "record_start": RECORDING,
    "record_stop": RECORDING,
    "reject": LEG,
    "speak": AUDIO,
    "streaming_start": MEDIA,
    "streaming_stop": MEDIA,
    "transcription_start": TRANSCRIPTION,
    "transcription_stop": TRANSCRIPTION,
    "transfer": LEG,
}
"""The subject of each action. An action that is not listed (dial, send_dtmf) yields to the end of the leg alone."""

ENDING = frozenset({"hangup", "reject"})
"""These end the leg: nothing older is worth sending to it."""

CLIENT_STATE = "client_state"
"""Among the actions of an event: it has set the client_state of its leg."""

SHORT_LIFETIME_SECONDS = 55.0
"""Telnyx ignores a command_id for 60 s (developers.telnyx.com, "Receiving webhooks"); later it would obey twice."""

LONG_LIFETIME_SECONDS = 500.0
"""A greeting a minute late is worse than none; an end is still due ten minutes late, and costs money until then."""

LONG_LIVED = frozenset(
    {
        "fork_stop",
        "gather_stop",
        "hangup",
        "playback_stop",
        "record_pause",
        "record_resume",
        "record_stop",
        "reject",
        "streaming_stop",
        "transcription_stop",
    }
)
"""These stop, pause, resume or hang up. Idempotent."""

_TURNS_ON = frozenset({"fork_start", "record_resume", "record_start", "streaming_start", "transcription_start"})

_CONTRADICTED_BY: Mapping[str, frozenset[str]] = {
    "fork_start": frozenset({"fork_stop"}),
    "fork_stop": frozenset({"fork_start"}),
    "gather": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_audio": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_speak": frozenset({"gather_stop", "playback_stop"}),
    "playback_start": frozenset({"playback_stop"}),
    "record_pause": frozenset({"record_resume", "record_stop"}),
    "record_resume": frozenset({"record_pause", "record_stop"}),
    "record_start": frozenset({"record_stop"}),
    "record_stop": frozenset({"record_start"}),
    "speak": frozenset({"playback_stop"}),
    "streaming_start": frozenset({"streaming_stop"}),
    "streaming_stop": frozenset({"streaming_start"}),
    "transcription_start": frozenset({"transcription_stop"}),
    "transcription_stop": frozenset({"transcription_start"}),
}


def yields_to(command: Command, newer: Collection[str]) -> bool:
    """Whether a command of a late event is dropped. newer: the actions of all newer events of its leg."""
    if not newer:
        return False
    if not ENDING.isdisjoint(newer):
        return True
    subject = SUBJECTS.get(command.action)
    return subject is not None and any(SUBJECTS.get(action) == subject for action in newer)


def is_contradicted(action: str, newer: Collection[str]) -> bool:
    """Whether a queued command is dropped. newer: the actions of all newer events of its leg."""
    return not ENDING.isdisjoint(newer) or not _CONTRADICTED_BY.get(action, frozenset()).isdisjoint(newer)


def lifetimes(commands: Sequence[Command]) -> list[float]:
    """Seconds from the first delivery of their event for which each command is worth sending.

    What one event turns on shares one fate, the shorter: a recording is not resumed without its transcription.
    """
    seconds = [
        LONG_LIFETIME_SECONDS if command.action in LONG_LIVED else SHORT_LIFETIME_SECONDS for command in commands
    ]
    on = [place for place, command in enumerate(commands) if command.action in _TURNS_ON]
    together = min((seconds[place] for place in on), default=SHORT_LIFETIME_SECONDS)
    for place in on:
        seconds[place] = together
    return [lifetime + command.delay_seconds for lifetime, command in zip(seconds, commands, strict=True)]
