"""Which event goes to which route, and how soon Telnyx tries again. Values only.

`answer`, `dial` and `transfer` carry both to Telnyx, so that each event is posted straight to its own function.
Source: the official SDK's parameters of these commands (`webhook_urls`, `webhook_retries_policies`).
"""

from collections.abc import Mapping
from functools import lru_cache

from hookline.commands import Command
from hookline.events import Event

ROUTED_EVENTS = (
    "call.answered",
    "call.bridged",
    "call.dtmf.received",
    "call.fork.started",
    "call.fork.stopped",
    "call.gather.ended",
    "call.hangup",
    "call.initiated",
    "call.machine.detection.ended",
    "call.playback.ended",
    "call.playback.started",
    "call.recording.error",
    "call.recording.saved",
    "call.recording.transcription.saved",
    "call.speak.ended",
    "call.speak.started",
    "call.transcription",
    "streaming.failed",
    "streaming.started",
    "streaming.stopped",
)
"""The event types that have a function and a route of their own: `POST /webhooks/<event type>`."""

AUDIBLE = frozenset(
    {
        "call.answered",
        "call.dtmf.received",
        "call.gather.ended",
        "call.initiated",
        "call.machine.detection.ended",
        "call.playback.ended",
        "call.speak.ended",
        "streaming.failed",
    }
)
"""A person on the phone hears it when the answer to one of these is late."""

ARCHIVED_EVENTS = frozenset({"call.recording.saved", "call.recording.transcription.saved"})
"""The recordings and transcriptions that these announce are archived, whatever flow the call runs."""

AUDIBLE_RETRIES_MILLISECONDS = (250, 500, 1_000, 5_000, 15_000)
OTHER_RETRIES_MILLISECONDS = (1_000, 4_000, 10_000, 12_000, 14_000)
"""At most 5 retries and 60,000 ms in all (the SDK's documentation of `webhook_retries_policies`). Each try may take 2 s
besides, and the last begins at most 55 s after the first: within the 60 s in which Telnyx knows the id of a command."""

_UNKNOWN_SCHEDULE_ATTEMPTS = 3
"""Where Telnyx's own schedule is in force, which is not documented, the third attempt counts as the last."""

CARRIERS = frozenset({"answer", "dial", "transfer"})


def helps_to_deliver_again(event: Event) -> bool:
    """Whether a further delivery by Telnyx is better than the deferred queue: a person waits, and it is not the last.

    An absent `meta.attempt` counts as the last. The policy below is in force for legs that a flow has answered.
    """
    if event.type not in AUDIBLE or event.attempt is None:
        return False
    last = len(AUDIBLE_RETRIES_MILLISECONDS) + 1 if event.flow else _UNKNOWN_SCHEDULE_ATTEMPTS
    return event.attempt < last


def with_routing(command: Command, base_url: str | None) -> Command:
    """The same command, asking Telnyx to try each event again soon, and to post it to its own route below base_url.

    base_url: None leaves every event to the URL of the application. Only the commands of CARRIERS take this, and what
    the flow has set itself stays. A fallback is treated the same.
    """
    fallback = command.fallback and with_routing(command.fallback, base_url)
    if fallback is not command.fallback:
        command = command._replace(fallback=fallback)
    if command.action not in CARRIERS:
        return command
    return command._replace(params={**_routing(base_url), **command.params})


@lru_cache(maxsize=8)
def _routing(base_url: str | None) -> Mapping[str, object]:
    audible, other = list(AUDIBLE_RETRIES_MILLISECONDS), list(OTHER_RETRIES_MILLISECONDS)
    policies = {event_type: {"retries_ms": audible if event_type in AUDIBLE else other} for event_type in ROUTED_EVENTS}
    if base_url is None:
        return {"webhook_retries_policies": policies}
    return {
        "webhook_urls": {event_type: [f"{base_url}/webhooks/{event_type}"] for event_type in ROUTED_EVENTS},
        "webhook_retries_policies": policies,
    }
