"""The calls of a day in numbers: what is counted, and how much is read for it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from hookline.api import days
from tests.functions.test_calls_api import TODAY, incoming
from tests.support.calls_api import CallsApi
from tests.support.world import World, refused

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = (MIDNIGHT - timedelta(days=1)).strftime("%Y-%m-%d")


@pytest.fixture
def api(world: World) -> CallsApi:
    return CallsApi(world.template)


def test_a_day_is_counted_by_what_happened_on_it(world: World, api: CallsApi) -> None:
    incoming("missed").event("call.hangup")
    talked = incoming("talked")
    talked.event("call.answered")
    talked.at += timedelta(seconds=29)
    talked.event("call.hangup")
    world.replies = lambda request: refused(422, "90099") if b"speak" in request.url.raw_path else httpx.Response(200)
    incoming("troubled").event("call.answered")
    assert api.get(f"/days/{TODAY}").json() == {
        "day": TODAY,
        "since": None,
        "calls": 3,
        "answered": 2,
        "ended": 2,
        "recorded": 0,
        "mean_seconds": 30.0,
        "in_trouble": 1,
        "trouble": {"command_refused": 1},
        "directions": {"incoming": 3},
        "flows": {"reception": 3},
    }


def test_a_call_over_midnight_counts_on_both_days(world: World, api: CallsApi) -> None:
    line = incoming("late", at=MIDNIGHT - timedelta(seconds=3))
    line.event("call.answered")
    line.at = MIDNIGHT
    line.event("call.hangup")
    first, second = (api.get(f"/days/{day}").json() for day in (YESTERDAY, TODAY))
    assert [(one["calls"], one["answered"], one["ended"], one["mean_seconds"]) for one in (first, second)] == [
        (1, 1, 0, None),
        (1, 0, 1, None),
    ]


def test_of_a_day_with_too_many_events_the_newest_are_counted_and_since_when_is_answered(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "PAGE_ITEMS", 2)
    monkeypatch.setattr(days, "DAY_PAGES", 2)
    for number in range(6):
        incoming(f"{number}", at=MIDNIGHT + timedelta(minutes=number))
    found = api.get(f"/days/{TODAY}").json()
    assert found["calls"] == 4
    assert found["since"] == f"{TODAY}T00:02:01.000000Z"
    monkeypatch.setattr(days, "DAY_PAGES", 3)
    whole = api.get(f"/days/{TODAY}").json()
    assert (whole["calls"], whole["since"]) == (6, None)


def test_a_day_without_calls_is_one_and_what_is_no_day_is_refused(world: World, api: CallsApi) -> None:
    empty = api.get("/days/2026-01-01")
    assert (empty.status, empty.json()["calls"], empty.json()["mean_seconds"]) == (200, 0, None)
    unchanged = api.get("/days/2026-01-01", if_none_match=empty.headers["etag"])
    assert unchanged.status == 304
    for text in ("today", "2026-02-30", "2026-1-1", "2026-01-01T00"):
        answer = api.get(f"/days/{text}")
        assert (answer.status, answer.problem) == (422, "invalid-parameter")
        assert answer.json()["errors"][0]["pointer"] == "day"
    assert api.get("/days/2026-01-01", {"limit": "1"}).problem == "invalid-parameter"
