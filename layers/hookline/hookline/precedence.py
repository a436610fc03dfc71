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

_ALSO_OF: Mapping[str, str] = {"gather_using_ai": ASSISTANT}
"""The second subject of an action that has two."""

_STARTERS = frozenset({"answer", "bridge", "transfer"})

STARTED_BY_PARAMETER: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "record": ("record_start", ("record",)),
    "stream_url": ("streaming_start", ("stream_",)),
    "transcription": ("transcription_start", ("transcription",)),
}
"""By a parameter of these commands: the action that it amounts to, and how the parameters begin that describe it."""

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

TURNS_ON = frozenset(
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
"""These let something leave the call: sound, text, a conversation. In doubt they are not sent."""

_CONTRADICTED_BY: Mapping[str, frozenset[str]] = {
    "ai_assistant_add_messages": frozenset({"ai_assistant_stop"}),
    "ai_assistant_join": frozenset({"ai_assistant_stop"}),
    "ai_assistant_start": frozenset({"ai_assistant_stop"}),
    "ai_assistant_stop": frozenset({"ai_assistant_start"}),
    "conversation_relay_start": frozenset({"conversation_relay_stop"}),
    "conversation_relay_stop": frozenset({"conversation_relay_start"}),
    "enqueue": frozenset({"leave_queue"}),
    "fork_start": frozenset({"fork_stop"}),
    "fork_stop": frozenset({"fork_start"}),
    "gather": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_ai": frozenset({"ai_assistant_stop", "gather_stop"}),
    "gather_using_audio": frozenset({"gather_stop", "playback_stop"}),
    "gather_using_speak": frozenset({"gather_stop", "playback_stop"}),
    "leave_queue": frozenset({"enqueue"}),
    "pay": frozenset({"gather_stop", "playback_stop"}),
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


def subjects_of(actions: Collection[str]) -> frozenset[str]:
    """The subjects of these actions."""
    return frozenset(found for action in actions for of in (SUBJECTS, _ALSO_OF) if (found := of.get(action)))


def yields_to(command: Command, newer: Collection[str], unordered: Collection[str] = ()) -> bool:
    """Whether a command of a late event is dropped. newer: the actions of all newer events of its leg.

    unordered: those of events of which it is not known whether they are newer. What turns something on yields to these
    as well: what is recorded too little can be asked for again.
    """
    if newer and (command.only_if_idle or not ENDING.isdisjoint(newer)):
        return True
    if command.action in TURNS_ON and unordered:
        if not ENDING.isdisjoint(unordered):
            return True
        newer = [*newer, *unordered]
    return bool(newer) and not subjects_of([command.action]).isdisjoint(subjects_of(newer))


def without_superseded(command: Command, newer: Collection[str], unordered: Collection[str] = ()) -> Command:
    """A command without the recording, stream or transcription that it would start besides, where that yields.

    newer, unordered: as for `yields_to`.
    """
    if command.action not in _STARTERS or command.params.keys().isdisjoint(STARTED_BY_PARAMETER):
        return command
    dropped = [
        beginning
        for name, (action, beginnings) in STARTED_BY_PARAMETER.items()
        if command.params.get(name) and yields_to(Command(action), newer, unordered)
        for beginning in beginnings
    ]
    if not dropped:
        return command
    params = {name: value for name, value in command.params.items() if not name.startswith(tuple(dropped))}
    return command._replace(params=params)


def actions_of(command: Command) -> list[str]:
    """The actions that a command amounts to: its own, and what its parameters start besides."""
    if command.action not in _STARTERS or command.params.keys().isdisjoint(STARTED_BY_PARAMETER):
        return [command.action]
    started = [action for name, (action, _) in STARTED_BY_PARAMETER.items() if command.params.get(name)]
    return [command.action, *started]


def is_contradicted(
    command: Command, newer: Collection[str], unordered: Collection[str] = (), *, delayed: bool = False
) -> bool:
    """Whether a queued command is dropped. newer, unordered: as for `yields_to`.

    delayed: it was to wait for a time of its own, so that what is newer has been sent already.
    """
    if command.only_if_idle and (newer or unordered):
        return True
    if command.action in TURNS_ON:
        if delayed:
            return yields_to(command, newer, unordered)
        newer = [*newer, *unordered]
    action = command.action
    return not ENDING.isdisjoint(newer) or not _CONTRADICTED_BY.get(action, frozenset()).isdisjoint(newer)


def lifetimes(commands: Sequence[Command]) -> list[float]:
    """Seconds from the first delivery of their event for which each command is worth sending.

    What one event turns on shares one fate, the shorter: a recording is not resumed without its transcription.
    """
    on = TURNS_ON.intersection([command.action for command in commands])
    long_lived = LONG_LIVED if on <= LONG_LIVED else LONG_LIVED - on
    return [
        (LONG_LIFETIME_SECONDS if command.action in long_lived else SHORT_LIFETIME_SECONDS) + command.delay_seconds
        for command in commands
    ]
