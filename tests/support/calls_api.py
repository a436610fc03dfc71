"""A client of the calls API in this process: a request goes through the template's routes to the function's handler."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from hookline_local.base.http_event import http_event
from hookline_local.emulator.gateway import Router, response_of
from hookline_local.emulator.template import Template
from tests.support.world import Clock, handler


@dataclass(frozen=True)
class Answer:
    """An answer of the API. headers: names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of a problem's type; it must be one."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        document = self.json()
        assert document["status"] == self.status
        assert document["title"]
        assert document["advice"]
        return str(document["type"].rpartition(":")[2])


class CallsApi:
    """The calls API of a stack. authorizer: as API Gateway reports it; None is the laptop."""

    def __init__(self, template: Template) -> None:
        self._router = Router(template.private_routes())
        self.authorizer: dict[str, Any] | None = None

    def get(self, path: str, query: Mapping[str, str] | None = None, **headers: str) -> Answer:
        return self.request("GET", path, query, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        return self.request("POST", path, content=content, headers={"content-type": "application/json", **headers})

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """headers: with underscores for hyphens. path: percent-encoded where it has to be."""
        match = self._router.find(method, unquote(path))
        assert match is not None, f"no route for {method} {path}"
        event = http_event(
            route_key=match.key,
            method=method,
            path=unquote(path),
            query=urlencode(query or {}),
            headers={"host": "127.0.0.1", **{n.replace("_", "-"): v for n, v in (headers or {}).items()}},
            path_parameters=match.path_parameters,
            body=content,
            source_ip="127.0.0.1",
            request_id="a-request",
            received_ms=int(time.time() * 1000),
        )
        if self.authorizer is not None:
            event["requestContext"]["authorizer"] = self.authorizer
        response = response_of(handler("calls_api")(event, Clock()))
        return Answer(response.status, response.body, dict(response.headers))
