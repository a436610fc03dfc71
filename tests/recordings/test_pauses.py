"""hookline.recordings.pauses: how long a recording was paused, from the journal's record alone."""

from typing import Any

import pytest

from hookline.events import Identity
from hookline.journal import CallRecord, Entry
from hookline.recordings.pauses import paused_seconds

START = "2026-11-21T10:00:00.000000Z"


def entry(second: float, action: str, result: str = "accepted") -> Entry:
    """An event these seconds after the start, journalled half a second later, and its command."""
    number = f"{action}-{second}"
    command = {"action": action, "command_id": number, "result": result}
    received_at = f"2026-11-21T10:00:{second + 0.5:09.6f}Z"
    return Entry(None, number, "call.dtmf.received", f"2026-11-21T10:00:{second:09.6f}Z", received_at, [command])


def paused(*entries: Entry, seconds: float = 60.0, results: list[dict[str, Any]] | None = None) -> float:
    record = CallRecord(
        Identity("leg", None, None, ""),
        list(entries),
        command_results={result["name"]: result for result in results or []},
    )
    return paused_seconds(record, started_at=START, reported_seconds=seconds)


@pytest.mark.parametrize(
    "entries, seconds",
    [
        ([], 0.0),
        ([entry(10, "record_pause"), entry(15, "record_resume")], 5.0),
        ([entry(10, "record_pause")], 50.0),
        ([entry(15, "record_resume"), entry(10, "record_pause")], 5.0),
        ([entry(10, "record_pause"), entry(20, "record_pause"), entry(30, "record_resume")], 20.0),
        ([entry(10, "record_pause"), entry(15, "record_resume"), entry(20, "record_resume")], 5.0),
        ([entry(10, "record_pause", "refused")], 0.0),
        ([entry(10, "record_pause", "already_done"), entry(15, "record_resume")], 5.0),
        ([entry(10, "record_pause"), entry(15, "record_resume", "refused")], 50.0),
        ([entry(10, "speak")], 0.0),
    ],
)
def test_pauses_are_summed_up_from_the_commands_that_telnyx_accepted(entries: list[Entry], seconds: float) -> None:
    assert paused(*entries) == seconds


def test_a_pause_after_the_end_of_the_recording_does_not_count() -> None:
    assert paused(entry(10, "record_pause"), seconds=10.0) == 0.0
    assert paused(entry(10, "record_pause"), seconds=12.0) == 2.0


def test_a_pause_before_the_start_of_the_recording_does_not_count() -> None:
    record = CallRecord(Identity("leg", None, None, ""), [entry(10, "record_pause"), entry(30, "record_resume")])
    assert paused_seconds(record, started_at="2026-11-21T10:00:20.000000Z", reported_seconds=20.0) == 0.0


@pytest.mark.parametrize("result, seconds", [("accepted", 46.5), ("refused", 0.0)])
def test_a_queued_command_counts_from_its_result(result: str, seconds: float) -> None:
    """The pause of second 10, journalled at 10.5, was sent at 14."""
    note = {"name": "record_pause-10", "result": result, "created_at": "2026-11-21T10:00:14.000000Z"}
    assert paused(entry(10, "record_pause", "queued"), results=[note]) == seconds


def test_an_action_that_was_sent_at_once_paused_when_it_was_asked_for() -> None:
    """In its result stands what it has placed; when that was recorded is not when it took effect."""
    results = [
        {"name": f"{action}-{second}", "result": "accepted", "placed": {}, "created_at": f"2026-11-21T10:00:{late}Z"}
        for action, second, late in (("record_pause", 10, "17.000000"), ("record_resume", 15, "16.000000"))
    ]
    asked = [entry(10, "record_pause", "queued"), entry(15, "record_resume", "queued")]
    assert paused(*asked, results=results) == 5.0
