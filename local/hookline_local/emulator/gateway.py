"""API Gateway on a laptop: an HTTP API (payload format 2.0) in front of functions. Owns the way in over HTTP.

Sources, unless said otherwise: docs.aws.amazon.com/apigateway/latest/developerguide,
http-api-develop-integrations-lambda (the shapes of request and response), http-api-develop-routes (which route wins),
http-api-quotas (limits).

* A path or a method without a route is 404 {"message":"Not Found"}. HTTP APIs have no 405.
* A function that fails is 500, one that takes more than 30 s or is throttled is 503.
* rawPath is decoded and rawQueryString is not: captures of live HTTP APIs,
  github.com/middleapi/standard-server/pull/93.

Where this differs from AWS: domainName carries the port; x-forwarded-proto tells the truth ("http"); text that is not
UTF-8 is handed over with replacement characters (what AWS does is not documented; no signature survives either).
"""

import asyncio
import base64
import binascii
import contextlib
import json
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

import uvicorn

from hookline_local.emulator.runtime import PAYLOAD_LIMIT_BYTES, InvokeResult, ThrottledError

BODY_LIMIT_BYTES = 10 * 1024 * 1024
HEADER_LIMIT_BYTES = 10_240
INTEGRATION_TIMEOUT_SECONDS = 30.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Not documented; established on live AWS: github.com/ministackorg/ministack/pull/766.
_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
# Belong to one connection, not to the message (RFC 9110, 7.6.1).
_CONNECTION_HEADERS = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}


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
    """One request that came in over HTTP and what it was answered. function_id: None when no route took it.

    path: with the query. body: empty when it was too large to be read. milliseconds: from the last byte of the request.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    response: bytes
    function_id: str | None
    milliseconds: float


class Response(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    @classmethod
    def message(cls, status: int, text: str) -> "Response":
        """One of API Gateway's own answers."""
        return cls(status, json.dumps({"message": text}, separators=(",", ":")).encode())


INTERNAL_SERVER_ERROR = Response.message(500, "Internal Server Error")
SERVICE_UNAVAILABLE = Response.message(503, "Service Unavailable")


class TooLargeError(Exception):
    """More bytes than are taken."""


class CutOffError(Exception):
    """Whoever asked has gone before the end of the request."""


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
        for wanted in (method, "ANY"):
            if (path, wanted) in self._literal:
                return Match(f"{wanted} {path}", self._literal[path, wanted], {})
        segments = path.split("/")
        for parts, wanted, template_path, function_id in self._patterned:
            if wanted in (method, "ANY") and (found := _fit(parts, segments)) is not None:
                return Match(f"{wanted} {template_path}", function_id, found)
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


def is_text(content_type: str | None) -> bool:
    """Whether a body of this type is handed to the function as text; the rest, and what says nothing, is base64."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def request_event(
    match: Match,
    *,
    method: str,
    path: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    source_ip: str,
    port: int,
    protocol: str,
    account: str,
    request_id: str,
    received: float,
) -> dict[str, Any]:
    """A request in payload format 2.0. path: decoded. query: as sent. headers: lower case. received: seconds, 1970."""
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        elif name not in _CONNECTION_HEADERS:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    joined.setdefault("content-length", str(len(body)))
    joined.setdefault("x-amzn-trace-id", f"Root=1-{int(received):08x}-{secrets.token_hex(12)}")
    forwarded = joined.get("x-forwarded-for")
    joined["x-forwarded-for"] = f"{forwarded}, {source_ip}" if forwarded else source_ip
    joined["x-forwarded-port"] = str(port)
    joined["x-forwarded-proto"] = "http"
    domain_name = joined.get("host", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.key,
        "rawPath": path,
        "rawQueryString": query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = dict(sorted(joined.items()))
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    if parameters:
        event["queryStringParameters"] = parameters
    event["requestContext"] = {
        "accountId": account,
        "apiId": "local",
        "domainName": domain_name,
        "domainPrefix": domain_name.partition(".")[0],
        "http": {
            "method": method,
            "path": path,
            "protocol": protocol,
            "sourceIp": source_ip,
            "userAgent": joined.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.key,
        "stage": "$default",
        "time": datetime.fromtimestamp(received, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(received * 1000),
    }
    if match.path_parameters:
        event["pathParameters"] = dict(match.path_parameters)
    text = is_text(joined.get("content-type"))
    if body:
        event["body"] = body.decode("utf-8", "replace") if text else base64.b64encode(body).decode("ascii")
    event["isBase64Encoded"] = bool(body) and not text
    return event


def response_of(payload: Any) -> Response:
    """What a function's return value means in format 2.0. A shape that API Gateway refuses is its 500."""
    if not isinstance(payload, dict) or "statusCode" not in payload:
        text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        return Response(200, text.encode())
    try:
        status = int(payload["statusCode"])
    except (TypeError, ValueError):
        return INTERNAL_SERVER_ERROR
    body = payload.get("body")
    headers = payload.get("headers") or {}
    cookies = payload.get("cookies") or []
    well_formed = (
        100 <= status <= 599
        and (body is None or isinstance(body, str))
        and isinstance(headers, dict)
        and all(isinstance(value, str | int | float) for value in headers.values())
        and isinstance(cookies, list)
        and all(isinstance(cookie, str) for cookie in cookies)
    )
    if not well_formed:
        return INTERNAL_SERVER_ERROR
    content = (body or "").encode()
    if payload.get("isBase64Encoded") is True:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            return INTERNAL_SERVER_ERROR
    sent = [(str(name).lower(), _header_text(value)) for name, value in headers.items()]
    sent = [(name, value) for name, value in sent if name not in _CONNECTION_HEADERS and name != "content-length"]
    if not any(name == "content-type" for name, _ in sent):
        sent.append(("content-type", "text/plain;charset=UTF-8"))
    return Response(status, content, (*sent, *(("set-cookie", cookie) for cookie in cookies)))


def _header_text(value: str | float | bool) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


class HttpApi:
    """An ASGI application that is one HTTP API.

    invoke: (function id, event as JSON, trace id) -> result. on_exchange: called after every answer, in the loop.
    """

    def __init__(
        self,
        routes: Iterable[RouteLike],
        invoke: Callable[[str, bytes, str], Awaitable[InvokeResult]],
        *,
        account: str = "123456789012",
        integration_timeout_seconds: float = INTEGRATION_TIMEOUT_SECONDS,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
    ) -> None:
        self.on_exchange = on_exchange
        self._router = Router(routes)
        self._invoke = invoke
        self._account = account
        self._timeout_seconds = integration_timeout_seconds
        self._running: set[asyncio.Future[InvokeResult]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        query = scope["query_string"].decode("latin-1")
        body: bytes | None = None
        try:
            body = await read_body(scope, receive, BODY_LIMIT_BYTES)
        except TooLargeError:
            pass
        except CutOffError:
            return
        received = time.time()
        began = time.perf_counter()
        request_id = base64.b64encode(secrets.token_bytes(11)).decode("ascii")
        match = self._router.find(scope["method"], scope["path"])
        size = len(scope["method"]) + len(scope["raw_path"]) + len(query)
        if body is None:
            response = Response.message(413, "Request Entity Too Large")
        elif size + sum(len(name) + len(value) for name, value in headers) > HEADER_LIMIT_BYTES:
            response = Response.message(431, "Request Header Fields Too Large")
        elif match is None:
            response = Response.message(404, "Not Found")
        else:
            event = request_event(
                match,
                method=scope["method"],
                path=scope["path"],
                query=query,
                headers=headers,
                body=body,
                source_ip=scope["client"][0] if scope["client"] else "127.0.0.1",
                port=scope["server"][1],
                protocol=f"HTTP/{scope['http_version']}",
                account=self._account,
                request_id=request_id,
                received=received,
            )
            response = await self._integrate(match, event)
        response = response._replace(headers=(*response.headers, ("apigw-requestid", request_id)))
        await reply(send, response)
        self.on_exchange(
            Exchange(
                method=scope["method"],
                path=scope["path"] + (f"?{query}" if query else ""),
                headers=dict(headers),
                body=body or b"",
                status=response.status,
                response=response.body,
                function_id=match.function_id if match else None,
                milliseconds=(time.perf_counter() - began) * 1000,
            )
        )

    async def _integrate(self, match: Match, event: Mapping[str, Any]) -> Response:
        payload = json.dumps(event, separators=(",", ":")).encode()
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            return Response.message(413, "Request Entity Too Large")
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


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLargeError as soon as it is known to be longer than `limit` bytes, and CutOffError."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise TooLargeError
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CutOffError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLargeError
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def reply(send: Send, response: Response) -> None:
    headers = [*response.headers, ("content-length", str(len(response.body)))]
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})


class _Uvicorn(uvicorn.Server):
    """uvicorn without its hands on the signals of the program that it is a part of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class LoopbackServer:
    """Serves an ASGI application on 127.0.0.1. port: 0 picks a free one; OSError when it is taken."""

    def __init__(self, port: int = 0) -> None:
        # IPPROTO_TCP: without it asyncio does not switch Nagle's algorithm off, and every answer waits 40 ms for an
        # ACK.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, application: Application) -> None:
        config = uvicorn.Config(
            application,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=1024 * 1024,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait([up, self._task], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task])
        self._socket.close()
