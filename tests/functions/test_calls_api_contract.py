"""The calls API against its own description, and against garbage at every field that a stranger controls.

HOOKLINE_FUZZ: requests of each route, 12 by default.
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from hookline.api.examples import LEG
from hookline.api.operations import OPERATIONS, openapi
from hookline.api.problem import PROBLEMS
from hookline_local.base.http_event import http_event
from hookline_local.emulator.gateway import response_of
from tests.functions.test_calls_api import Line
from tests.support.calls_api import CallsApi
from tests.support.world import PROJECT, Clock, World, handler

REQUESTS = int(os.environ.get("HOOKLINE_FUZZ", "12"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["payload", "voice", "to", "from", "connection_id", "client_state", "digits", "on", "flow", "webhook_urls"]
BODIES = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=10), JSON, max_size=5)
QUERY_NAMES = ["day", "number", "limit", "cursor", "after", "status", "direction", "flow", "trouble"]
CURSORS = st.sampled_from(["bnVsbA", "WyJhIiwiYiJd", "eyJkYXkiOiIxIiwiYWZ0ZXIiOnt9fQ"])
QUERIES = st.dictionaries(
    st.sampled_from(QUERY_NAMES) | st.text(max_size=8),
    st.text(max_size=40) | CURSORS | st.just("2026-11-25"),
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(["accept", "if-none-match", "idempotency-key", "content-type"]),
    st.text(max_size=30) | st.just("application/json"),
    max_size=3,
)
IDS = st.text(min_size=1, max_size=40) | st.sampled_from(["last", "leg-one", "rec_TEVHI3gKeQ", ".", "..", "\0"])
ACTIONS = st.sampled_from(["speak", "hangup", "transfer", "client_state_update", "gather"]) | st.text(max_size=10)


def test_the_description_is_valid_and_has_every_operation_and_every_problem() -> None:
    document = openapi()
    validate(document)
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == set(OPERATIONS)
    page = (PROJECT / "docs" / "api.md").read_text()
    assert [code for code in PROBLEMS if f"`{code.replace('_', '-')}`" not in page] == []
    assert [route for route in OPERATIONS if f"`{route}`" not in page] == []


def test_every_parameter_of_the_description_exists_and_no_other(world: World) -> None:
    api = CallsApi(world.template)
    for path, methods in openapi()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["in"] == "query":
                answer = api.get(path.replace("{id}", "nowhere"), {parameter["name"]: "~"})
                faults = answer.json().get("errors", [])
                assert "is not a parameter of this route" not in [fault["detail"] for fault in faults]
        if "get" in methods and path != "/openapi.json":
            assert api.get(path.replace("{id}", "nowhere"), {"x": "1"}).status in (404, 422)


def examples() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Of each operation with each of its bodies: the method, the path, the parameters and the body."""
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            given = {one["name"]: one["example"] for one in operation.get("parameters", []) if "example" in one}
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, body in content.get("examples", {"": {"value": {}}}).items():
                action = {"action": name} if "action" in given else {}
                yield method, path, given | action, body["value"]


@pytest.mark.parametrize(("method", "path", "given", "body"), list(examples()))
def test_each_example_of_the_description_is_answered(
    world: World, method: str, path: str, given: dict[str, Any], body: dict[str, Any]
) -> None:
    line = Line(LEG, "session-one", at=datetime.now(UTC) - timedelta(minutes=1))
    line.event("call.initiated", direction="incoming")
    line.event("call.answered")
    for name in [name for name in given if f"{{{name}}}" in path]:
        path = path.replace(f"{{{name}}}", str(given.pop(name)))
    headers = {"idempotency_key": given.pop("idempotency-key")} if "idempotency-key" in given else {}
    api = CallsApi(world.template)
    answer = api.post(path, body, **headers) if method == "post" else api.get(path, texts(given))
    if "/recordings/" in path:
        assert answer.problem == "recording-not-found"  # nothing was archived in this call
    else:
        assert answer.status == 200, answer.body
    for name, value in texts(given).items():  # alone as well: together they may match no call
        assert api.get(path, {name: value}).status == 200


def texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items()}


def test_the_description_is_served(world: World) -> None:
    assert CallsApi(world.template).get("/openapi.json").json() == json.loads(json.dumps(openapi()))


@pytest.mark.parametrize("route", OPERATIONS)
def test_garbage_is_never_answered_with_a_fault_of_ours(world: World, route: str) -> None:
    @settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=REQUESTS < 100)
    @given(id_=IDS, action=ACTIONS, query=QUERIES, headers=HEADERS, body=BODIES.map(encoded) | st.binary(max_size=60))
    def answers(id_: str, action: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        event = http_event(
            route_key=route,
            method=route.split()[0],
            path="/any",
            headers={"host": "127.0.0.1", **headers},
            body=body,
            path_parameters={"id": id_, "action": action, "day": id_},
            source_ip="127.0.0.1",
            request_id="a-request",
            received_ms=0,
        )
        event["queryStringParameters"] = dict(query)
        response = response_of(handler("calls_api")(event, Clock()))
        assert response.status < 500
        if response.status >= 400:
            assert json.loads(response.body)["title"]

    answers()


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
