"""API Gateway on a laptop: an HTTP API (payload format 2.0) in front of functions. Owns routes and responses.

Sources, unless noted otherwise: docs.aws.amazon.com/apigateway/latest/developerguide,
http-api-develop-integrations-lambda (the shapes of request and response), http-api-develop-routes (which route wins),
http-api-quotas (limits).

* A path or a method without a route is 404 {"message":"Not Found"}. HTTP APIs have no 405.
* A function that fails is 500, one that takes more than 30 s or is throttled is 503.

Where this differs from AWS: domainName carries the port; x-forwarded-proto is the true "http"; text that is not
UTF-8 arrives with replacement characters (what AWS does is not documented; no signature survives either).
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from hookline_local.base.http_event import CONNECTION_HEADERS, http_event, join_headers
from hookline_local.base.loopback import CutOffError, Receive, Response, Scope, Send, TooLargeError, read_body, reply
from hookline_local.base.urls import is_loopback
from hookline_local.emulator.authorizer import DeniedError, JwtAuthorizer
from hookline_local.emulator.cors import Cors
from hookline_local.emulator.runtime import PAYLOAD_LIMIT_BYTES, InvokeResult, ThrottledError

FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "cf-connecting-ip", "x-real-ip")
"""The headers that a tunnel or proxy adds: the webhooks may come through one, and its client is elsewhere."""

BODY_LIMIT_BYTES = 10 * 1024 * 1024
HEADER_LIMIT_BYTES = 10_240
INTEGRATION_TIMEOUT_SECONDS = 30.0


class RouteLike(Protocol):
    """A route of the template: method in upper case or ANY, path as the template has it, the function's id."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def function(self) -> str: ...


class Match(NamedTuple):
    """The route that a request takes. key: as in `routeKey`."""

    key: str
    function_id: str
    path_parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One HTTP request and its response. function_id: None when no route matched.

    path: with the query. route: its key, None without a route. body: empty when it was too large. milliseconds: from
    the last byte of the request.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    response: bytes
    function_id: str | None
    milliseconds: float
    route: str | None = None


def message(status: int, text: str) -> Response:
    """One of API Gateway's own answers."""
    return Response(status, json.dumps({"message": text}, separators=(",", ":")).encode())


INTERNAL_SERVER_ERROR = message(500, "Internal Server Error")
SERVICE_UNAVAILABLE = message(503, "Service Unavailable")


class Router:
    """Chooses the route as HTTP APIs do: the most specific path wins, then the method, `$default` takes the rest."""

    def __init__(self, routes: Iterable[RouteLike]) -> None:
        self._literal: dict[tuple[str, str], str] = {}
        self._patterned: list[tuple[list[str], str, str, str]] = []
        self._default: str | None = None
        for route in routes:
            if route.path == "$default":
                self._default = route.function
            elif "{" in route.path:
                parts = route.path.split("/")
                self._patterned.append((parts, route.method, route.path, route.function))
            else:
                self._literal[route.path, route.method] = route.function
        # Literal segments before variables, variables before greedy ones; a method of its own before ANY.
        self._patterned.sort(key=lambda route: ([_weight(part) for part in route[0]], route[1] == "ANY"))

    def find(self, method: str, path: str) -> Match | None:
        """path: decoded."""
        for route_method in (method, "ANY"):
            if (path, route_method) in self._literal:
                return Match(f"{route_method} {path}", self._literal[path, route_method], {})
        segments = path.split("/")
        for parts, route_method, template_path, function_id in self._patterned:
            if route_method in (method, "ANY") and (found := _fit(parts, segments)) is not None:
                return Match(f"{route_method} {template_path}", function_id, found)
        return Match("$default", self._default, {}) if self._default is not None else None


def _weight(part: str) -> int:
    if part.startswith("{"):
        return 2 if part.endswith("+}") else 1
    return 0


def _fit(parts: list[str], segments: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for index, part in enumerate(parts):
        if _weight(part) == 2:
            rest = "/".join(segments[index:])
            return {**found, part[1:-2]: rest} if rest else None
        if index >= len(segments):
            return None
        if _weight(part) == 1 and segments[index]:
            found[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return found if len(parts) == len(segments) else None


def response_of(payload: Any) -> Response:
    """The response for a function's return value in format 2.0. A shape that API Gateway refuses is its 500."""
    if not isinstance(payload, dict) or "statusCode" not in payload:
        text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        return Response(200, text.encode())
    try:
        status = int(payload["statusCode"])
        content = _content(payload.get("body"), as_base64=payload.get("isBase64Encoded") is True)
        headers = _headers(payload.get("headers") or {}, payload.get("cookies") or [])
    except (TypeError, ValueError):
        return INTERNAL_SERVER_ERROR
    return Response(status, content, headers) if 100 <= status <= 599 else INTERNAL_SERVER_ERROR


def _content(body: object, *, as_base64: bool) -> bytes:
    """Raises TypeError for another body than text, and ValueError for invalid base64."""
    if not isinstance(body, str | None):
        raise TypeError
    content = (body or "").encode()
    return base64.b64decode(content, validate=True) if as_base64 else content


def _headers(headers: object, cookies: object) -> tuple[tuple[str, str], ...]:
    """Raises TypeError for another shape than an object of scalars and a list of texts."""
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise TypeError
    if not all(isinstance(value, str | int | float) for value in headers.values()):
        raise TypeError
    if not all(isinstance(cookie, str) for cookie in cookies):
        raise TypeError
    named = [(str(name).lower(), _header_text(value)) for name, value in headers.items()]
    named = [(name, value) for name, value in named if name not in CONNECTION_HEADERS and name != "content-length"]
    if not any(name == "content-type" for name, _ in named):
        named.append(("content-type", "text/plain;charset=UTF-8"))
    return (*named, *(("set-cookie", cookie) for cookie in cookies))


def _header_text(value: str | float | bool) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


class _Request:
    """A request without its body."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.head_size = len(self.method) + len(scope["raw_path"]) + len(self.query)
        self.head_size += sum(len(name) + len(value) for name, value in self.headers)
        self._source_ip: str = scope["client"][0] if scope["client"] else "127.0.0.1"
        self._port: int = scope["server"][1]
        self._protocol = f"HTTP/{scope['http_version']}"

    def event(self, match: Match, body: bytes, *, account: str, request_id: str, received_ms: int) -> dict[str, Any]:
        """As the function gets it."""
        headers, cookies = join_headers(self.headers)
        headers.setdefault("content-length", str(len(body)))
        headers.setdefault("x-amzn-trace-id", f"Root=1-{received_ms // 1000:08x}-{secrets.token_hex(12)}")
        forwarded = headers.get("x-forwarded-for")
        headers["x-forwarded-for"] = f"{forwarded}, {self._source_ip}" if forwarded else self._source_ip
        headers["x-forwarded-port"] = str(self._port)
        headers["x-forwarded-proto"] = "http"
        return http_event(
            route_key=match.key,
            method=self.method,
            path=self.path,
            query=self.query,
            headers=headers,
            cookies=cookies,
            path_parameters=match.path_parameters,
            body=body,
            source_ip=self._source_ip,
            protocol=self._protocol,
            account=account,
            request_id=request_id,
            received_ms=received_ms,
        )


def is_from_this_machine(headers: Mapping[str, str]) -> bool:
    """Whether a program or a page of this machine sent a request, without a tunnel.

    A page of a stranger's can make a browser send requests to loopback, and by DNS rebinding read the answers: such a
    request names another host in Host or in Origin.
    """
    if any(name in headers for name in FORWARDING_HEADERS):
        return False
    origins = [headers["origin"]] if "origin" in headers else []
    try:
        return all(is_loopback(url) for url in (f"http://{headers.get('host', '')}", *origins))
    except ValueError:  # a bracket without its other half
        return False


class HttpApi:
    """An ASGI application that is one HTTP API.

    private: functions that only this machine may call where no token is asked for. cors: of their API.
    tokens: by the key of its route, the authorizer that is asked and the scopes of which a token must have one.
    invoke: (function id, event as JSON, trace id) -> result. on_exchange: called after every answer, in the loop.
    throttles: whether every request is over the limit now. private_time: the clock of the private functions,
    seconds since 1970 UTC.
    """

    def __init__(
        self,
        routes: Iterable[RouteLike],
        invoke: Callable[[str, bytes, str], Awaitable[InvokeResult]],
        *,
        private: Iterable[str] = (),
        tokens: Mapping[str, tuple[JwtAuthorizer, Sequence[str]]] | None = None,
        cors: Cors | None = None,
        account: str = "123456789012",
        integration_timeout_seconds: float = INTEGRATION_TIMEOUT_SECONDS,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
        throttles: Callable[[], bool] = lambda: False,
        private_time: Callable[[], float] = time.time,
    ) -> None:
        self.on_exchange = on_exchange
        self._throttles = throttles
        self._private_time = private_time
        self._router = Router(routes)
        self._private = frozenset(private)
        self._tokens = dict(tokens or {})
        self._cors = cors
        self._invoke = invoke
        self._account = account
        self._timeout_seconds = integration_timeout_seconds
        self._running: set[asyncio.Future[InvokeResult]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        body: bytes | None = None
        try:
            body = await read_body(scope, receive, BODY_LIMIT_BYTES)
        except TooLargeError:
            pass
        except CutOffError:
            return
        began = time.perf_counter()
        request_id = base64.b64encode(secrets.token_bytes(11)).decode("ascii")
        match = self._router.find(request.method, request.path)
        if body is None:
            response = message(413, "Request Entity Too Large")
        elif request.head_size > HEADER_LIMIT_BYTES:
            response = message(431, "Request Header Fields Too Large")
        elif (preflight := self._preflight(request)) is not None:
            response = preflight
        elif match is None:
            response = message(404, "Not Found")
        else:
            received_ms = int((self._private_time() if match.function_id in self._private else time.time()) * 1000)
            event = request.event(match, body, account=self._account, request_id=request_id, received_ms=received_ms)
            response = await self._answer(match, request, event)
        response = response._replace(headers=(*response.headers, ("apigw-requestid", request_id)))
        await reply(send, response)
        self.on_exchange(
            Exchange(
                method=request.method,
                path=request.path + (f"?{request.query}" if request.query else ""),
                headers=dict(request.headers),
                body=body or b"",
                status=response.status,
                response=response.body,
                function_id=match.function_id if match else None,
                route=match.key if match else None,
                milliseconds=(time.perf_counter() - began) * 1000,
            )
        )

    def _preflight(self, request: _Request) -> Response | None:
        """The answer to a preflight of a path of the private functions' API."""
        if self._cors is None or request.method != "OPTIONS":
            return None
        found = (self._router.find(method, request.path) for method in self._cors.methods)
        if not any(match and match.function_id in self._private for match in found):
            return None
        return self._cors.preflight(request.method, dict(request.headers))

    async def _answer(self, match: Match, request: _Request, event: dict[str, Any]) -> Response:
        """The function's answer, or why it is not asked."""
        if self._throttles():
            return message(429, "Too Many Requests")
        headers = dict(request.headers)
        if match.key in self._tokens:
            authorizer, scopes = self._tokens[match.key]
            try:
                granted = await authorizer.authorize(headers.get("authorization"), scopes)
            except DeniedError as denied:
                return denied.response
            event["requestContext"]["authorizer"] = granted
        elif match.function_id in self._private and not is_from_this_machine(headers):
            return message(403, "Forbidden")
        response = await self._integrate(match, event)
        if self._cors is not None and match.function_id in self._private:
            response = self._cors.added(headers, response)
        return response

    async def _integrate(self, match: Match, event: Mapping[str, Any]) -> Response:
        payload = json.dumps(event, separators=(",", ":")).encode()
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            return message(413, "Request Entity Too Large")
        running = asyncio.ensure_future(self._invoke(match.function_id, payload, event["headers"]["x-amzn-trace-id"]))
        # The function goes on after API Gateway has stopped waiting for it.
        self._running.add(running)
        running.add_done_callback(self._forget)
        await asyncio.wait([running], timeout=self._timeout_seconds)
        if not running.done():
            return SERVICE_UNAVAILABLE
        try:
            result = running.result()
        except ThrottledError:
            return SERVICE_UNAVAILABLE
        if result.error is not None:
            return INTERNAL_SERVER_ERROR
        try:
            return response_of(result.payload)
        except ValueError:
            return INTERNAL_SERVER_ERROR

    def _forget(self, running: "asyncio.Future[InvokeResult]") -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()
