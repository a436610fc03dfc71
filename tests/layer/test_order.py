"""Late events: in whatever order a call's webhooks are delivered, it ends as if they had come in order, or stricter.

HOOKLINE_ORDERS: how many orders of each story are drawn, of a short one from 720. 400 by default, which makes 2,000
with those of the reception; 100,000 by `make soak`.
"""

import itertools
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.deliveries import Call, Happening, webhooks
from tests.support.leg import Leg

ORDERS = int(os.environ.get("HOOKLINE_ORDERS", "400"))
SEED = 20261125


def key(digit: str, step: str = "greeting") -> Happening:
    return ("call.dtmf.received", step, {"digit": digit})


INITIATED: Happening = ("call.initiated", "", {"direction": "incoming", "state": "parked", "from": "+1", "to": "+2"})
ANSWERED: Happening = ("call.answered", "answer", {})
STARTED: Happening = ("call.speak.started", "greeting", {})
CUT_SHORT: Happening = ("call.speak.ended", "goodbye", {"status": "completed"})

STORIES: dict[str, Sequence[Happening]] = {
    "a card number follows the second 1": [INITIATED, ANSWERED, key("1"), key("2"), key("1"), STARTED],
    "the caller finishes": [INITIATED, ANSWERED, STARTED, key("1"), key("#"), CUT_SHORT],
    "the music is stopped": [ANSWERED, STARTED, key("2"), key("*"), key("1", "listening"), key("2", "listening")],
    "a stream fails after the end": [ANSWERED, ("streaming.failed", "greeting", {}), key("*"), key("#"), CUT_SHORT],
}
LONG = [
    *(INITIATED, ANSWERED, STARTED, key("1"), key("2"), ("streaming.failed", "greeting", {}), key("1"), key("2")),
    *(("call.recording.error", "greeting", {}), key("*"), key("1", "listening"), key("#", "listening"), CUT_SHORT),
]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    return Call(monkeypatch)


def assert_as_ordered(leg: Leg, ordered: Leg, order: Sequence[dict[str, Any]]) -> None:
    delivered = [data["id"] for data in order]
    assert leg.hung_up == ordered.hung_up, delivered
    assert leg.is_at_least_as_strict_as(ordered), (delivered, leg, ordered)
    if not ordered.hung_up:
        assert (leg.step, leg.plays) == (ordered.step, ordered.plays), delivered


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_six_webhooks_ends_as_the_ordered_one_or_stricter(call: Call, name: str) -> None:
    story = webhooks(STORIES[name])
    ordered = call.run(story)
    orders = list(itertools.permutations(story))
    for order in random.Random(SEED).sample(orders, min(len(orders), ORDERS)):
        call.again()
        assert_as_ordered(call.run(order), ordered, order)


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("occurred_at", [None, "the same as the one before"])
def test_in_any_order_nothing_is_recorded_that_was_paused_when_one_time_is_missing_or_given_twice(
    call: Call, number: int, occurred_at: str | None
) -> None:
    story = webhooks(STORIES["a card number follows the second 1"][:5])
    story[number]["occurred_at"] = occurred_at and story[number - 1]["occurred_at"]
    call.run(story)
    assert call.leg.recording != "on"
    for order in random.Random(SEED).sample(list(itertools.permutations(story)), min(120, ORDERS)):
        call.again()
        call.run(order)
        assert call.leg.recording != "on", [data["id"] for data in order]
        assert call.leg.transcription == "off"


def test_a_long_call_shuffled_and_doubled_ends_as_the_ordered_one_or_stricter(call: Call) -> None:
    story = webhooks(LONG)
    ordered = call.run(story)
    chance = random.Random(SEED)
    for _ in range(ORDERS):
        order = story + chance.sample(story, 4)
        chance.shuffle(order)
        call.again()
        assert_as_ordered(call.run(order), ordered, order)


def test_a_resume_delivered_after_a_newer_pause_is_superseded_and_journalled_as_that(call: Call) -> None:
    initiated, answered, first, resume, second, _ = webhooks(STORIES["a card number follows the second 1"])
    call.run([initiated, answered, first, second, resume])
    assert call.leg.recording == "paused"
    items = call.table.partitions["LEG#L"].values()
    late = next(item for item in items if item["event_id"]["S"] == resume["id"])
    assert late["commands"]["S"].count('"superseded"') == 2
