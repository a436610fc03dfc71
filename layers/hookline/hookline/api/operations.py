"""The routes of the calls API, one operation each. `api.server` runs them; the template has a route for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hookline.api import days, media, reading, steering
from hookline.api.exchange import ApiRequest, ApiResponse, json_response
from hookline.api.openapi import document
from hookline.environment import Environment

READ, LISTEN, STEER, DIAL = "read", "listen", "steer", "dial"
"""The scopes of a token, behind the prefix of the stack. With IAM the ARNs of the routes distinguish the same."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The work of a route. scope: that a token must have. name: its operationId."""

    name: str
    scope: str
    run: Callable[[Environment, ApiRequest], ApiResponse]


def describe_api(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /openapi.json`."""
    return json_response(openapi()).tagged(request)


OPERATIONS: Mapping[str, Operation] = {
    "GET /calls": Operation("listCalls", READ, reading.list_calls),
    "GET /calls/{id}": Operation("showCall", READ, reading.show_call),
    "GET /calls/{id}/timeline": Operation("showTimeline", READ, reading.show_timeline),
    "GET /calls/{id}/transcript": Operation("showTranscript", READ, reading.show_transcript),
    "GET /calls/{id}/recordings": Operation("listRecordings", READ, media.list_recordings),
    "GET /days/{day}": Operation("showDay", READ, days.show_day),
    "POST /calls": Operation("placeCall", DIAL, steering.place_call),
    "POST /calls/{id}/actions/{action}": Operation("steerCall", STEER, steering.steer_call),
    "GET /recordings/{id}/audio": Operation("openRecording", LISTEN, media.open_recording),
    "GET /openapi.json": Operation("describeApi", READ, describe_api),
    "GET /recordings/{id}/peaks": Operation("showPeaks", LISTEN, media.show_peaks),
}
"""By the key of the route, as API Gateway gives it: it chose the route, and authorized it."""


def openapi() -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    return document({route: (operation.name, operation.scope) for route, operation in OPERATIONS.items()})
