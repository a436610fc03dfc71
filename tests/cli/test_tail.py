"""`hookline tail --since`: a feed that is continued without a gap, with several writers and events out of order."""

import threading
import time
from dataclasses import replace

import pytest

from hookline.journal import feeds_of, timestamp
from hookline_local.cli.journal_tail import OVERLAP_SECONDS, Cursor, Follower
from hookline_local.stacks.resources import StackResources
from tests.support import command
from tests.support.deployed import announce, hookline
from tests.support.world import World, deliver, sample_event

WRITERS, EVENTS = 4, 30


@pytest.fixture(scope="module")
def announced(deployed: World) -> None:
    announce(deployed)


@pytest.fixture
def resources(world: World) -> StackResources:
    return StackResources("a test", world.settings["TABLE_NAME"], world.settings["RECORDINGS_BUCKET"])


def write(world: World, writer: int) -> None:
    """Journal events of one call; each happened before the one that was journalled before it."""
    journal = world.journal
    for number in range(EVENTS):
        event = sample_event("call.speak.ended", call_leg_id=f"leg-{writer}")
        occurred_at = timestamp(1_790_000_000 - 60 * number - writer)
        event = replace(event, id=f"{writer}-{number}", occurred_at=occurred_at)
        journal.append_event(event, body=None, body_uri="s3://nowhere/x", received_at=1_790_000_000)


def test_a_feed_that_is_restarted_at_every_seventh_event_has_each_once(world: World, resources: StackResources) -> None:
    cursor = Cursor(timestamp(time.time())).as_text()
    writers = [threading.Thread(target=write, args=(world, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    expected = {f"{writer}-{number}" for writer in range(WRITERS) for number in range(EVENTS)}
    read: list[str] = []
    end = time.monotonic() + 60
    while len(read) < len(expected) and time.monotonic() < end:
        follower = Follower(resources, Cursor.of(cursor))
        for count, event in enumerate(follower.new_events(), 1):
            read.append(event["id"])
            cursor = follower.cursor.as_text()
            if count == 7:
                break
    for writer in writers:
        writer.join()
    assert sorted(read) == sorted(expected)
    assert list(Follower(resources, Cursor.of(cursor)).new_events()) == []


def test_an_event_that_becomes_visible_late_is_not_skipped(world: World, resources: StackResources) -> None:
    follower = Follower(resources, Cursor(timestamp(time.time() - 60)))
    deliver("call.hangup")
    (first,) = follower.new_events()
    late = timestamp(time.time() - OVERLAP_SECONDS + 5)
    item = {name: {"S": value} for name, value in world.items[0].items() if isinstance(value, str)}
    item |= {"sk": {"S": "EVENT#late"}, "event_id": {"S": "late"}, "journalled_at": {"S": late}}
    item["feed"] = {"S": feeds_of(late[:13])[0]}
    world.dynamodb.put_item(TableName=resources.table, Item=item)
    again = Follower(resources, Cursor.of(follower.cursor.as_text()))
    assert [event["id"] for event in again.new_events()] == ["late"]
    assert first["id"] != "late"
    assert list(again.new_events()) == []


def test_a_cursor_stays_short_however_much_was_read() -> None:
    cursor = Cursor(timestamp(1_790_000_000))
    now = 1_790_000_000 + 100_000
    for second in range(100_000, 0, -100):
        key = {"pk": {"S": "LEG#1"}, "sk": {"S": str(second)}, "journalled_at": {"S": timestamp(now - second)}}
        cursor.advance(key, timestamp(now - OVERLAP_SECONDS))
    assert len(cursor.as_text()) < 200


@pytest.mark.parametrize(
    "wrong", ["", "x", "WzFd", "2026-11-25", "2026-11-25T12:00:00", "0001-01-01T00:00:00Z", "WzIsIngiLCJ4IiwiIl0"]
)
def test_a_cursor_that_is_none_is_refused_with_what_to_give(wrong: str, announced: None) -> None:
    done = hookline("tail", "--since", wrong)
    assert done.returncode == 2
    assert "--since: invalid" in done.stderr
    assert "2026-11-25T12:00:00Z" in " ".join(done.stderr.split())


def test_the_help_of_tail_explains_its_cursor() -> None:
    assert "CURSOR" in command.run("tail", "--help", environment={}).stdout
