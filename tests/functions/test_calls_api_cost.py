"""Every route of the calls API costs a bounded number of DynamoDB requests, items and bytes, and never a scan."""

import json
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import botocore.client
import pytest

from hookline.api import days
from hookline.api.operations import OPERATIONS
from hookline.environment import environment
from hookline.events import Identity
from tests.functions.test_calls_api import incoming
from tests.functions.test_calls_api_actions import DIAL, HELLO
from tests.support.calls_api import CallsApi
from tests.support.world import World

NAME = "r.wav"
REQUESTS: dict[str, tuple[str, Any]] = {
    "GET /calls": ("/calls", None),
    "GET /calls/{id}": ("/calls/leg-00", None),
    "GET /calls/{id}/timeline": ("/calls/leg-00/timeline", None),
    "GET /calls/{id}/transcript": ("/calls/leg-00/transcript", None),
    "GET /calls/{id}/recordings": ("/calls/leg-00/recordings", None),
    "GET /days/{day}": (f"/days/{datetime.now(UTC):%Y-%m-%d}", None),
    "POST /calls": ("/calls", DIAL),
    "POST /calls/{id}/actions/{action}": ("/calls/leg-00/actions/speak", HELLO),
    "GET /recordings/{id}/audio": ("/recordings/leg-00/audio", None),
    "GET /recordings/{id}/peaks": ("/recordings/leg-00/peaks", None),
    "GET /openapi.json": ("/openapi.json", None),
}
"""A request of each route: its path, and the body of a POST."""

MOST_REQUESTS, MOST_ITEMS, MOST_BYTES = 12, 40, 100_000
"""Of any route but the list, for a short call."""


class Cost(NamedTuple):
    """Of one request of the API. items, bytes: read and written."""

    requests: int
    items: int
    bytes: int


class Meter:
    """Counts what is asked of DynamoDB, and refuses a scan."""

    def __init__(self) -> None:
        self.cost = Cost(0, 0, 0)

    def count(self, operation: str, arguments: Any, answer: Any) -> None:
        assert operation in ("Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        items = [*answer.get("Items", []), *(one["Item"] for one in (answer, arguments) if "Item" in one)]
        size = sum(len(json.dumps(item)) for item in items)
        self.cost = Cost(self.cost.requests + 1, self.cost.items + len(items), self.cost.bytes + size)

    def of(self, api: CallsApi, route: str) -> Cost:
        """The cost of the request of a route, which must succeed."""
        path, body = REQUESTS[route]
        self.cost = Cost(0, 0, 0)
        key = {"idempotency_key": f"{time.time():017.6f}"}
        answer = api.get(path) if body is None else api.post(path, body, **key)
        assert answer.status in (200, 202, 302), (route, answer.body)
        return self.cost


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    found = Meter()
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def count(self: Any, operation: str, arguments: Any) -> Any:
        answer = send(self, operation, arguments)
        if self.meta.service_model.service_name == "dynamodb":
            found.count(operation, arguments, answer)
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", count)
    return found


def call_at(number: int, at: datetime) -> None:
    """A call that is answered, by its number; all are as long, and have ids of one length."""
    incoming(f"{number:02}", at=at).event("call.answered")


def archive(world: World) -> None:
    """The recording of the first call, with its peaks."""
    key = "recordings/2026/11/25/session-00/leg-00/r.wav"
    peaks_key = f"{key}.peaks.json"
    note = {"key": key, "peaks_key": peaks_key, "size": 4, "sha256": "0" * 64, "format": "wav"}
    env = environment()
    env.s3.put_object(Bucket=env.bucket, Key=peaks_key, Body=b"{}")
    env.journal.put_note(Identity("leg-00", None, None, ""), "RECORDING", NAME, note, at=time.time())


def test_the_cost_of_each_route_is_bounded_and_does_not_depend_on_how_many_calls_there_are(
    world: World, meter: Meter
) -> None:
    assert set(REQUESTS) == set(OPERATIONS)
    api = CallsApi(world.template)
    began = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    for number in range(4):
        call_at(number, began)
    archive(world)
    routes = [route for route in REQUESTS if route not in ("GET /calls", "GET /days/{day}")]
    reading = [route for route in routes if route.startswith("GET") and not route.endswith("audio")]  # it writes
    few = {route: meter.of(api, route) for route in reading}
    few_audio = meter.of(api, "GET /recordings/{id}/audio")
    for number in range(4, 40):
        call_at(number, began)
    many_audio = meter.of(api, "GET /recordings/{id}/audio")
    assert many_audio.requests == few_audio.requests
    assert many_audio.items == few_audio.items + 1  # the note of the first link
    links = 2
    for route, cost in few.items():
        many = meter.of(api, route)
        assert many.requests == cost.requests, route
        assert cost.items <= many.items <= cost.items + links, route
    for route in routes:
        cost = meter.of(api, route)
        assert cost.requests <= MOST_REQUESTS, route
        assert cost.items <= MOST_ITEMS, route
        assert cost.bytes <= MOST_BYTES, route
    assert meter.of(api, "GET /openapi.json") == (0, 0, 0)


@pytest.mark.parametrize("route", ["POST /calls/{id}/actions/{action}", "POST /calls"])
def test_an_action_costs_the_same_beside_many_other_calls(world: World, meter: Meter, route: str) -> None:
    api = CallsApi(world.template)
    began = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    call_at(0, began)
    meter.of(api, route)
    alone = meter.of(api, route)
    for number in range(1, 20):
        call_at(number, began)
    among_many = meter.of(api, route)
    assert among_many.requests == alone.requests <= MOST_REQUESTS
    assert among_many.items <= alone.items + 2  # its own, which the request before has added to the call
    assert among_many.bytes <= alone.bytes + 4_000


def test_a_page_of_a_list_costs_as_much_as_its_rows_and_no_more(world: World, meter: Meter) -> None:
    api = CallsApi(world.template)
    began = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    for number in range(30):
        call_at(number, began)
    cost = meter.of(api, "GET /calls")
    assert cost.requests <= 1 + 20
    assert cost.items <= 100 + 20 * 10


def test_a_day_costs_a_request_for_each_page_of_events_and_no_more_than_its_limit(
    world: World, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = CallsApi(world.template)
    began = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    for number in range(12):
        call_at(number, began)
    assert meter.of(api, "GET /days/{day}").requests == 1 + 1
    monkeypatch.setattr(days, "PAGE_ITEMS", 5)
    assert meter.of(api, "GET /days/{day}").requests == 5 + 1  # 24 events
    monkeypatch.setattr(days, "DAY_PAGES", 3)
    cost = meter.of(api, "GET /days/{day}")
    assert cost.requests == 3 + 1
    assert cost.items <= 3 * (5 + 1)


def test_no_role_of_the_stack_may_scan_the_table(world: World) -> None:
    policies = json.dumps(world.template.source["Resources"])
    assert "dynamodb:Query" in policies
    assert "dynamodb:Scan" not in policies
    assert "dynamodb:*" not in policies
