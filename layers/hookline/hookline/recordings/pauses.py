"""How long a recording was paused, by the commands that Telnyx accepted: a pure function of the journal's record.

By Telnyx's clock, as the recording's own times are: a pause begins with the event that it answers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hookline.events import seconds_between
from hookline.journal import CallRecord, Entry
from hookline.telnyx import Outcome

_PAUSES = {"record_pause": True, "record_resume": False}
_EXECUTED = (Outcome.ACCEPTED.value, Outcome.ALREADY_DONE.value)


def paused_seconds(record: CallRecord, *, started_at: str, reported_seconds: float) -> float:
    """Sum up the pauses of a recording. reported_seconds: from its start to its end, pauses included."""
    switches = [
        (offset, pausing)
        for entry in record.entries
        for offset, pausing in _switches(entry, record.command_results, started_at)
        if 0.0 <= offset < reported_seconds
    ]
    return _total(sorted(switches), reported_seconds)


def _switches(entry: Entry, results: Mapping[str, Mapping[str, Any]], started_at: str) -> Iterator[tuple[float, bool]]:
    """Yield seconds from the start of the recording, and whether it was paused or resumed then."""
    for command in entry.commands:
        pausing = _PAUSES.get(command["action"])
        result = results.get(command["command_id"])
        if pausing is None or (result or command)["result"] not in _EXECUTED:
            continue
        has_waited = (
            result is not None and "placed" not in result
        )  # that stands in the result of an action sent at once
        queued = seconds_between(entry.received_at, result["created_at"]) if result and has_waited else 0.0
        yield seconds_between(started_at, entry.occurred_at) + queued, pausing


def _total(switches: Iterable[tuple[float, bool]], end: float) -> float:
    total, paused_at = 0.0, None
    for offset, pausing in [*switches, (end, False)]:
        if pausing and paused_at is None:
            paused_at = offset
        elif not pausing and paused_at is not None:
            total, paused_at = total + offset - paused_at, None
    return total
