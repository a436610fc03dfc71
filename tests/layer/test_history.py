"""The history of a call: bounded, whatever happens on the call, and whole where a decision needs it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from hookline.events import Event, parse_event
from hookline.journal import HISTORY_ITEMS, Journal, newest_first
from tests.support.deliveries import Call, webhooks
from tests.support.memory_aws import MemoryTable


def event_of(data: Mapping[str, Any]) -> Event:
    return parse_event(json.dumps({"data": data}).encode())


def call_of(keys: int) -> list[dict[str, Any]]:
    """The webhooks of a call with that many keys pressed, and one more."""
    return webhooks(
        [
            ("call.initiated", "", {"direction": "incoming", "from": "+12025550147", "to": "+12025550123"}),
            ("call.answered", "answer", {}),
            *[("call.dtmf.received", "greeting", {"digit": "5"})] * keys,
            ("call.dtmf.received", "greeting", {"digit": "1"}),
        ]
    )


def filled(monkeypatch: pytest.MonkeyPatch, data: list[dict[str, Any]]) -> Call:
    """A call whose journal holds these webhooks, all but the last."""
    call = Call(monkeypatch)
    journal = Journal(call.table, "table")  # type: ignore[arg-type]
    for each in data[:-1]:
        journal.append_event(event_of(each), body=json.dumps({"data": each}), received_at=0.0)
    call.table.read_items = call.table.read_bytes = 0
    call.table.requests.clear()
    return call


def test_after_36000_keys_a_press_reads_as_much_as_after_300(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    for keys in (300, 36_000):
        data = call_of(keys)
        call = filled(monkeypatch, data)
        assert call.deliver(data[-1])["statusCode"] == 200
        assert call.leg.obeyed == ["transcription_stop"]  # there was no recording to pause
        reads.append((call.table.read_items, call.table.requests))
    assert reads[0] == reads[1]
    assert reads[0] == (HISTORY_ITEMS, ["Query", "PutItem"])


def test_the_newest_keys_and_the_beginning_of_the_call_are_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    data = call_of(2_000)
    call = filled(monkeypatch, data)
    event = event_of(data[-1])
    history = Journal(call.table, "table").history(event)  # type: ignore[arg-type]
    ids = {each.id for each in history.events}
    assert {"event-0", "event-1", "event-2001"} <= ids
    assert "event-2" not in ids


def test_events_beyond_the_limit_leave_room_for_the_newest_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    story = [("call.dtmf.received", "greeting", {"digit": "1"}), *[("call.speak.started", "greeting", {})] * 600]
    data = webhooks([*story, ("call.dtmf.received", "greeting", {"digit": "2"})])
    call = filled(monkeypatch, data)
    assert call.deliver(data[-1])["statusCode"] == 200
    assert call.table.requests == ["Query", "Query", "PutItem"]
    event = event_of(data[-1])
    assert "event-0" in {each.id for each in Journal(call.table, "table").history(event).events}  # type: ignore[arg-type]


def test_an_old_event_that_comes_again_is_a_duplicate_however_much_came_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = call_of(2_000)
    call = filled(monkeypatch, data)
    old = {**data[2], "payload": {**data[2]["payload"], "digit": "1"}}
    assert '"duplicate":true' in call.deliver(old, attempt=2)["body"]
    assert call.leg.obeyed == []


def test_a_page_of_large_events_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    story = [("call.speak.started", "greeting", {"padding": "x" * 50_000})] * 100
    data = webhooks([*story, ("call.dtmf.received", "greeting", {"digit": "1"})])
    call = filled(monkeypatch, data)
    call.deliver(data[-1])
    assert call.table.read_bytes < 1_200_000


@pytest.mark.parametrize("value", ["2026-09-01T14:00:00.123456Z", "1970-01-01T00:00:00.000000Z"])
def test_newest_first_reverses_the_order_of_time_and_itself(value: str) -> None:
    assert newest_first(newest_first(value)) == value
    assert (newest_first(value) < newest_first("2026-01-01T00:00:00.000000Z")) == (value > "2026-01-01")


def test_a_query_without_a_limit_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[object] = []

    class Watched(MemoryTable):
        def query(self, **request: Any) -> dict[str, Any]:
            limits.append(request.get("Limit"))
            return super().query(**request)

    event = event_of(call_of(1)[-1])
    Journal(Watched(), "table").history(event)  # type: ignore[arg-type]
    assert limits == [HISTORY_ITEMS]
