"""Which event goes to which route, and how soon Telnyx tries again. Values only.

`answer` and `dial` carry both to Telnyx, so that each event is posted straight to the function that is its own.
Source: the official SDK's parameters of both commands (`webhook_urls`, `webhook_retries_policies`).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from hookline.commands import Command

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
        "call.machine.detection.ended",
        "call.playback.ended",
        "call.speak.ended",
        "streaming.failed",
    }
)
"""Somebody on the phone hears it when the answer to one of these is late."""

AUDIBLE_RETRIES_MILLISECONDS = (250, 500, 1_000, 5_000, 15_000)
OTHER_RETRIES_MILLISECONDS = (1_000, 4_000, 10_000, 15_000, 30_000)
"""At most 5 tries and 60,000 ms in all (the SDK's documentation of `webhook_retries_policies`)."""

CARRIERS = frozenset({"answer", "dial"})


def with_routing(command: Command, base_url: str) -> Command:
    """The same command, asking Telnyx to post each event to its own route below base_url and to try again soon.

    Only `answer` and `dial` carry this, and what the decision has set itself stays.
    """
    if command.action not in CARRIERS:
        return command
    return replace(command, params={**_routing(base_url), **command.params})


@lru_cache(maxsize=8)
def _routing(base_url: str) -> Mapping[str, object]:
    audible, other = list(AUDIBLE_RETRIES_MILLISECONDS), list(OTHER_RETRIES_MILLISECONDS)
    return {
        "webhook_urls": {event_type: [f"{base_url}/webhooks/{event_type}"] for event_type in ROUTED_EVENTS},
        "webhook_retries_policies": {
            event_type: {"retries_ms": audible if event_type in AUDIBLE else other} for event_type in ROUTED_EVENTS
        },
    }
