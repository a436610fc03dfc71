"""A function that dies at any step of a webhook: the redelivery repeats the same ids, and nothing is obeyed twice.

Telnyx forgets a command_id after 60 s, so a redelivery that comes later than that sends only what may be done twice.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hookline.environment import environment
from hookline.precedence import LONG_LIVED
from tests.support.deliveries import QUEUE_URLS, Call, Happening, webhooks

EVENTS: dict[str, Happening] = {
    "call.initiated": ("call.initiated", "", {"direction": "incoming", "state": "parked", "to": "+12025550123"}),
    "call.answered": ("call.answered", "answer", {}),
    "the key 1": ("call.dtmf.received", "greeting", {"digit": "1"}),
    "the key #": ("call.dtmf.received", "greeting", {"digit": "#"}),
    "the end of the goodbye": ("call.speak.ended", "goodbye", {}),
    "call.recording.saved": ("call.recording.saved", "goodbye", {"recording_urls": {"mp3": "https://s3/x.mp3"}}),
}
GAPS = [1, 31, 61, 300]


class Crash(BaseException):
    """The process has died."""


class Steps:
    """Everything that a webhook does outside its process, counted; the process dies before or after step `at`."""

    def __init__(self, call: Call) -> None:
        self.call, self.number, self.at, self.after = call, 0, -1, False

    def dying(self, at: int, *, after: bool) -> None:
        self.number, self.at, self.after = 0, at, after
        self.call.start_cold()
        for client in (self.call.table, self.call.sqs):
            for name in ("put_item", "query", "send_message"):
                if hasattr(client, name):
                    setattr(client, name, self.step(getattr(type(client), name).__get__(client)))
        environment().transport = httpx.MockTransport(self.step(self.call.leg.telnyx))

    def step(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.number += 1
            is_it = self.number == self.at
            if is_it and not self.after:
                raise Crash
            result = do(*arguments, **named)
            if is_it:
                raise Crash
            return result

        return counted


def delivered(call: Call, event: dict[str, Any], attempt: int) -> bool:
    """Whether the function lived to answer; a crash in one of its threads is a crash of the function."""
    try:
        return bool(call.deliver(event, attempt=attempt, age=0.0)["statusCode"] == 200)
    except Crash:
        return False


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("name", EVENTS)
def test_a_crash_at_any_step_loses_nothing_and_has_nothing_obeyed_twice(
    monkeypatch: pytest.MonkeyPatch, name: str, gap: int
) -> None:
    call = Call(monkeypatch)
    undisturbed = effects(call, name, gap=0, at=-1, after=False)
    at = 0
    while True:
        at += 1
        outcomes = [effects(call, name, gap=gap, at=at, after=after) for after in (False, True)]
        if outcomes[0] is None:
            break  # there is no such step: the function has answered
        for obeyed in outcomes:
            assert obeyed is not None
            twice = {action for action, times in obeyed.items() if times > 1}
            assert twice <= LONG_LIVED, (at, obeyed)
            if gap < 55:
                assert obeyed == undisturbed, at
            else:
                assert set(obeyed) >= {action for action in undisturbed or () if action in LONG_LIVED}, (at, obeyed)
    assert at > 1


def effects(call: Call, name: str, *, gap: int, at: int, after: bool) -> Counter[str] | None:
    """The commands that Telnyx obeys after a crash at this step and a redelivery; None when there was no crash."""
    call.again()
    call.leg.recording = "on"
    steps = Steps(call)
    (event,) = webhooks([EVENTS[name]])
    event["occurred_at"] = datetime.fromtimestamp(time.time() - gap, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    steps.dying(at, after=after)
    if delivered(call, event, 1) and at >= 0:
        return None
    call.leg.now += gap
    steps.dying(-1, after=False)
    if at >= 0:
        assert delivered(call, event, 2)
    entries = [item for item in call.table.partitions["LEG#L"].values() if "event_type" in item]
    assert [item["event_id"]["S"] for item in entries] == [event["id"]]
    recordings = call.sqs.messages.get(QUEUE_URLS["recordings"], [])
    assert bool(recordings) == (name == "call.recording.saved")
    call.drain()
    return Counter(call.leg.obeyed)
