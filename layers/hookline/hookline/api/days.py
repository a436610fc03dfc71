"""Count the calls of a day, and what became of them, from the indexes by day alone: no call is read."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from hookline.api.exchange import ApiRequest, ApiResponse, json_response
from hookline.api.query import Query, day_of
from hookline.environment import Environment
from hookline.events import seconds_between
from hookline.journal_pages import Item, JournalPages, Position, position_of

PAGE_ITEMS = 500
"""Of an index, for one request of DynamoDB: below its limit of 1 MB, whatever the items hold."""

DAY_PAGES, TROUBLE_PAGES = 20, 4
"""The most requests for one day: its 10,000 newest events of calls, its 2,000 newest events in trouble."""


def show_day(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /days/{day}`: how many calls there were, and what became of them."""
    Query(request.query, ()).finish()
    day = day_of(request.path_parameters.get("day", ""))
    events, since = _newest(env.journal_pages, "by_day", day, DAY_PAGES)
    troubled, troubled_since = _newest(env.journal_pages, "by_trouble", day, TROUBLE_PAGES)
    since = max(since, troubled_since)
    calls = _by_call(events, since)
    lengths = [length for call in calls if (length := _talked_seconds(call)) is not None]
    codes = Counter(_newest_text(call, "trouble") for call in _by_call(troubled, since))
    document = {
        "day": day,
        "since": since or None,
        "calls": len(calls),
        "answered": sum("call.answered" in call for call in calls),
        "ended": sum("call.hangup" in call for call in calls),
        "recorded": sum("call.recording.saved" in call for call in calls),
        "mean_seconds": round(sum(lengths) / len(lengths), 1) if lengths else None,
        "in_trouble": sum(codes.values()),
        "trouble": codes,
        "directions": Counter(_newest_text(call, "direction") or "unknown" for call in calls),
        "flows": Counter(_newest_text(call, "flow") or "" for call in calls),
    }
    return json_response(document).tagged(request)


def _newest(pages: JournalPages, index: str, day: str, most_pages: int) -> tuple[list[Item], str]:
    """The newest items of a day, and the time of the oldest of them where there are more, else "" """
    items: list[Item] = []
    after: Position | None = None
    for _ in range(most_pages):
        page = pages.listed(index, day, limit=PAGE_ITEMS, after=after)
        items += page.items
        if not page.is_cut:
            return items, ""
        after = position_of(page.items[-1])
    return items, items[-1]["occurred_at"]["S"]


def _by_call(items: Iterable[Item], since: str) -> list[Mapping[str, Item]]:
    """The items of each call by their event type. items: newest first; of one type the oldest counts."""
    found: dict[str, dict[str, Item]] = {}
    for item in items:
        if item["occurred_at"]["S"] >= since:
            found.setdefault(item["pk"]["S"], {})[item["event_type"]["S"]] = item
    return list(found.values())


def _newest_text(call: Mapping[str, Item], name: str) -> str | None:
    """A text of the newest event of a call that has it."""
    items = sorted(call.values(), key=position_of, reverse=True)
    return next((item[name]["S"] for item in items if name in item), None)


def _talked_seconds(call: Mapping[str, Item]) -> float | None:
    """From the answer to the end; None unless both are of the day."""
    times: list[Any] = [call[one]["occurred_at"]["S"] for one in ("call.answered", "call.hangup") if one in call]
    return seconds_between(*times) if len(times) == 2 else None
