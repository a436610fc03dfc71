"""Which command yields to which, and how long a command is worth sending. Values only.

Telnyx promises no order of webhooks (developers.telnyx.com, "Receiving webhooks"). What arrives late yields to what is
newer: a command is dropped when a newer event of the leg has already commanded the same subject.
"""

from collections.abc import Collection, Mapping, Sequence

from hookline.commands import Command

AUDIO, RECORDING, TRANSCRIPTION, MEDIA, LEG = "audio", "recording", "transcription", "media", "leg"
ASSISTANT, SIPREC, NOISE = "assistant", "siprec", "noise"

SUBJECTS: Mapping[str, str] = {
    "ai_assistant_add_messages": ASSISTANT,
    "ai_assistant_join": ASSISTANT,
    "ai_assistant_start": ASSISTANT,
    "ai_assistant_stop": ASSISTANT,
    "answer": LEG,
    "bridge": LEG,
    "conversation_relay_start": ASSISTANT,
    "conversation_relay_stop": ASSISTANT,
    "enqueue": LEG,
    "fork_start": MEDIA,
    "fork_stop": MEDIA,
    "gather": AUDIO,
    "gather_stop": AUDIO,
    "gather_using_ai": AUDIO,
    "gather_using_audio": AUDIO,
    "gather_using_speak": AUDIO,
    "hangup": LEG,
    "leave_queue": LEG,
    "pay": AUDIO,
    "playback_start": AUDIO,
    "playback_stop": AUDIO,
    "record_pause": RECORDING,
    "record_resume": RECORDING,
    "record_start": RECORDING,
    "record_stop": RECORDING,
    "refer": LEG,
    "reject": LEG,
    "siprec_start": SIPREC,
    "siprec_stop": SIPREC,
    "speak": AUDIO,
    "streaming_start": MEDIA,
    "streaming_stop": MEDIA,
    "suppression_start": NOISE,
    "suppression_stop": NOISE,
    "transcription_start": TRANSCRIPTION,
    "transcription_stop": TRANSCRIPTION,
    "transfer": LEG,
}
"""The subject of each action. An action that is not listed (dial, send_dtmf, send_sip_info, switch_supervisor_role)
yields to the end of the leg alone."""

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
        "ai_assistant_stop",
        "conversation_relay_stop",
        "fork_stop",
        "gather_stop",
        "hangup",
        "playback_stop",
        "record_pause",
        "record_resume",
        "record_stop",
        "reject",
        "siprec_stop",
        "streaming_stop",
        "suppression_stop",
        "transcription_stop",
    }
)
"""These stop, pause, resume or hang up. Idempotent."""

_TURNS_ON = frozenset(
    {
        "ai_assistant_start",
        "conversation_relay_start",
        "fork_start",
        "record_resume",
        "record_start",
        "siprec_start",
        "streaming_start",
        "suppression_start",
        "transcription_start",
    }
)

_CONTRADICTED_BY: Mapping[str, frozenset[str]] = {
    "ai_assistant_add_messages": frozenset({"ai_assistant_stop"}),
    "ai_assistant_join": frozenset({"ai_assistant_stop"}),
    "ai_assistant_start": frozenset({"ai_assistant_stop"}),
    "ai_assistant_stop": frozenset({"ai_assistant_start"}),
    "conversation_relay_start": frozenset({"conversation_relay_stop"}),
    "conversation_relay_stop": frozenset({"conversation_relay_start"}),
    "fork_start": frozenset({"fork_stop"}),
    "fork_stop": frozenset({"fork_start"}),
    "gather": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_ai": frozenset({"ai_assistant_stop", "gather_stop"}),
    "gather_using_audio": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_speak": frozenset({"gather_stop", "playback_stop"}),
    "playback_start": frozenset({"playback_stop"}),
    "record_pause": frozenset({"record_resume", "record_stop"}),
    "record_resume": frozenset({"record_pause", "record_stop"}),
    "record_start": frozenset({"record_stop"}),
    "record_stop": frozenset({"record_start"}),
    "siprec_start": frozenset({"siprec_stop"}),
    "siprec_stop": frozenset({"siprec_start"}),
    "speak": frozenset({"playback_stop"}),
    "streaming_start": frozenset({"streaming_stop"}),
    "streaming_stop": frozenset({"streaming_start"}),
    "suppression_start": frozenset({"suppression_stop"}),
    "suppression_stop": frozenset({"suppression_start"}),
    "transcription_start": frozenset({"transcription_stop"}),
    "transcription_stop": frozenset({"transcription_start"}),
}


def yields_to(command: Command, newer: Collection[str]) -> bool:
    """Whether a command of a late event is dropped. newer: the actions of all newer events of its leg."""
    if not newer:
        return False
    if command.only_if_idle or not ENDING.isdisjoint(newer):
        return True
    subject = SUBJECTS.get(command.action)
    return subject is not None and any(SUBJECTS.get(action) == subject for action in newer)


def is_contradicted(command: Command, newer: Collection[str]) -> bool:
    """Whether a queued command is dropped. newer: the actions of all newer events of its leg."""
    if command.only_if_idle and newer:
        return True
    action = command.action
    return not ENDING.isdisjoint(newer) or not _CONTRADICTED_BY.get(action, frozenset()).isdisjoint(newer)


def lifetimes(commands: Sequence[Command]) -> list[float]:
    """Seconds from the first delivery of their event for which each command is worth sending.

    What one event turns on shares one fate, the shorter: a recording is not resumed without its transcription.
    """
    on = _TURNS_ON.intersection([command.action for command in commands])
    long_lived = LONG_LIVED if on <= LONG_LIVED else LONG_LIVED - on
    return [
        (LONG_LIFETIME_SECONDS if command.action in long_lived else SHORT_LIFETIME_SECONDS) + command.delay_seconds
        for command in commands
    ]
