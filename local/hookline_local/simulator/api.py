"""The HTTP API of the stand-in: what the application, the official SDK and a browser see of Telnyx.

Every request under /v2 goes through `Api._answer`: faults on purpose, authorisation, JSON, then the work, then the
rate-limit headers. Recording files hang beside it under the bucket's name.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hookline_local.simulator.api_errors import Refusal
from hookline_local.simulator.calls.commands import dial, obey
from hookline_local.simulator.calls.exchange import Exchange
from hookline_local.simulator.calls.recording import BUCKET, LinkRefused
from hookline_local.simulator.command_schema import SHAPES, check, web_address
from hookline_local.simulator.observations import Told
from hookline_local.simulator.sound import SoundFile

Body = Mapping[str, Any]
Work = Callable[[Body], dict[str, Any]]
CHUNK = 64 * 1024
WINDOW_SECONDS = 60.0


class Api:
    """The routes of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.closing = asyncio.Event()
        """Set when the stand-in stops: nobody is kept waiting any more."""
        self._window = time.monotonic()
        self._used = 0

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/v2/calls", self.dial, methods=["POST"]),
            Route("/v2/calls/{call_control_id:path}/actions/{action}", self.command, methods=["POST", "PUT"]),
            Route("/v2/calls/{call_control_id:path}", self.call, methods=["GET"]),
            Route("/v2/recordings", self.recordings, methods=["GET"]),
            Route("/v2/recordings/actions/delete", self.delete_recordings, methods=["POST"]),
            Route("/v2/recordings/{id}", self.recording, methods=["GET", "DELETE"]),
            Route("/v2/recording_transcriptions", self.transcriptions, methods=["GET"]),
            Route("/v2/recording_transcriptions/{id}", self.transcription, methods=["GET", "DELETE"]),
            Route("/v2/webhook_deliveries", self.deliveries, methods=["GET"]),
            Route("/v2/webhook_deliveries/{id}", self.delivery, methods=["GET"]),
            Route("/v2/call_events", self.call_events, methods=["GET"]),
            Route("/v2/call_control_applications", self.applications, methods=["GET", "POST"]),
            Route("/v2/call_control_applications/{id}", self.application, methods=["GET", "PATCH", "DELETE"]),
            Route("/v2/{rest:path}", self.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            Route(f"/{BUCKET}/{{path:path}}", self.download, methods=["GET", "HEAD"]),
        ]

    # Commands

    async def dial(self, request: Request) -> Response:
        """POST /v2/calls."""

        def work(body: Body) -> dict[str, Any]:
            self._check("dial", body)
            result, repeated = dial(self._exchange, body)
            return {"data": result, "repeated": repeated}

        return await self._answer(request, "dial", work, name="dial")

    async def command(self, request: Request) -> Response:
        """POST /v2/calls/{call_control_id}/actions/{action}; PUT for client_state_update."""
        action, call_control_id = request.path_params["action"], request.path_params["call_control_id"]
        if action not in SHAPES or action == "dial" or (request.method == "PUT") != (action == "client_state_update"):
            return await self.unknown(request)

        def work(body: Body) -> dict[str, Any]:
            leg = self._exchange.leg(call_control_id)
            self._check(action, body)
            result, repeated = obey(self._exchange, leg, action, body)
            return {"data": result, "repeated": repeated}

        return await self._answer(request, action, work, name=action, call_control_id=call_control_id)

    def _check(self, action: str, body: Body) -> None:
        """What the parameters' own rules say, and which of the disputed ones are on."""
        misbehaviour = self._exchange.dice.misbehaviour
        for name in ("webhook_urls", "webhook_retries_policies"):
            if name in body and getattr(misbehaviour, f"refuse_{name}"):
                raise Refusal("10015", f"{name} is no parameter of {action}.", pointer=f"/{name}")
        check(action, body)
        wanted = self._exchange.config.webhook_urls_as
        for event_type, urls in body.get("webhook_urls", {}).items():
            if wanted != "any" and isinstance(urls, list) != (wanted == "array"):
                kind = "an array of URLs" if wanted == "array" else "a URL"
                raise Refusal("10015", f"Must be {kind}.", pointer=f"/webhook_urls/{event_type}")

    async def call(self, request: Request) -> Response:
        """GET /v2/calls/{call_control_id}."""
        call_control_id = request.path_params["call_control_id"]

        def work(body: Body) -> dict[str, Any]:
            leg = self._exchange.legs.get(call_control_id)
            if leg is None:
                raise Refusal("10005", "The requested call could not be found.")
            return {"data": leg.status()}

        return await self._answer(request, "calls", work, call_control_id=call_control_id)

    # What is kept

    async def recordings(self, request: Request) -> Response:
        """GET /v2/recordings, newest first."""
        asked = _filters(request)

        def work(body: Body) -> dict[str, Any]:
            shown = [self._exchange.archive.shown(one) for one in reversed(self._exchange.archive.recordings.values())]
            plain = "call_control_id call_leg_id call_session_id connection_id conference_id from to".split()
            chosen = [one for one in shown if all(one[key] == asked[key] for key in plain if key in asked)]
            for key, field in (
                ("created_at", "created_at"),
                ("start_time", "recording_started_at"),
                ("end_time", "recording_ended_at"),
            ):
                chosen = [one for one in chosen if _within(asked, key, str(one[field]))]
            return _page(request, chosen)

        return await self._answer(request, "recordings", work)

    async def recording(self, request: Request) -> Response:
        """GET, with links signed anew, and DELETE /v2/recordings/{id}."""
        recording_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            archive = self._exchange.archive
            recording = archive.recordings.get(recording_id)
            if recording is None:
                raise Refusal("10005", "The requested recording could not be found.")
            shown = archive.shown(recording)
            if request.method == "DELETE":
                archive.delete(recording_id)
            return {"data": shown}

        return await self._answer(request, "recordings", work)

    async def delete_recordings(self, request: Request) -> Response:
        """POST /v2/recordings/actions/delete with `ids`."""

        def work(body: Body) -> dict[str, Any]:
            ids = body.get("ids")
            if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
                raise Refusal("10004", "ids is required.", pointer="/ids")
            for one in ids:
                self._exchange.archive.delete(one)
            return {"data": {"status": "ok"}}

        return await self._answer(request, "recordings", work)

    async def transcriptions(self, request: Request) -> Response:
        """GET /v2/recording_transcriptions."""
        asked = _filters(request)

        def work(body: Body) -> dict[str, Any]:
            kept = list(self._exchange.archive.transcriptions.values())
            wanted = asked.get("recording_id")
            chosen = [one for one in kept if wanted in (None, one["recording_id"])]
            return _page(request, [one for one in chosen if _within(asked, "created_at", one["created_at"])])

        return await self._answer(request, "recording_transcriptions", work)

    async def transcription(self, request: Request) -> Response:
        """GET and DELETE /v2/recording_transcriptions/{id}."""
        kept = self._exchange.archive.transcriptions
        transcription_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            if transcription_id not in kept:
                raise Refusal("10005", "The requested transcription could not be found.")
            return {"data": kept.pop(transcription_id) if request.method == "DELETE" else kept[transcription_id]}

        return await self._answer(request, "recording_transcriptions", work)

    async def deliveries(self, request: Request) -> Response:
        """GET /v2/webhook_deliveries, newest first."""
        asked = _filters(request)

        def work(body: Body) -> dict[str, Any]:
            chosen = list(reversed(self._exchange.courier.log))
            if "status[eq]" in asked:
                chosen = [one for one in chosen if one["status"] == asked["status[eq]"]]
            if "event_type" in asked:
                types = asked["event_type"].split(",")
                chosen = [one for one in chosen if one["webhook"]["event_type"] in types]
            for part in ("webhook", "attempts"):
                wanted = asked.get(f"{part}[contains]")
                if wanted is not None:
                    chosen = [one for one in chosen if wanted in json.dumps(one[part])]
            for key in ("started_at", "finished_at"):
                chosen = [one for one in chosen if _within(asked, key, one[key] or "")]
            return _page(request, chosen)

        return await self._answer(request, "webhook_deliveries", work)

    async def delivery(self, request: Request) -> Response:
        """GET /v2/webhook_deliveries/{id}."""

        def work(body: Body) -> dict[str, Any]:
            for one in self._exchange.courier.log:
                if one["id"] == request.path_params["id"]:
                    return {"data": one}
            raise Refusal("10005", "The requested webhook delivery could not be found.")

        return await self._answer(request, "webhook_deliveries", work)

    async def call_events(self, request: Request) -> Response:
        """GET /v2/call_events."""
        asked = _filters(request)

        def work(body: Body) -> dict[str, Any]:
            chosen = list(self._exchange.call_events)
            for key, field in (
                ("leg_id", "call_leg_id"),
                ("application_session_id", "call_session_id"),
                ("name", "name"),
                ("type", "type"),
            ):
                if key in asked:
                    chosen = [one for one in chosen if one[field] == asked[key]]
            if asked.get("product", "call_control") != "call_control":
                chosen = []
            chosen = [one for one in chosen if _within(asked, "occurred_at", one["event_timestamp"])]
            return _page(request, chosen)

        return await self._answer(request, "call_events", work)

    async def applications(self, request: Request) -> Response:
        """GET and POST /v2/call_control_applications."""

        def work(body: Body) -> dict[str, Any]:
            if request.method == "GET":
                return _page(request, list(self._exchange.applications.values()))
            for key in ("application_name", "webhook_event_url"):
                if not isinstance(body.get(key), str):
                    raise Refusal("10004", f"{key} is required.", pointer=f"/{key}")
            return {"data": self._exchange.add_application(_application(body))}

        return await self._answer(request, "call_control_applications", work)

    async def application(self, request: Request) -> Response:
        """GET, PATCH and DELETE /v2/call_control_applications/{id}."""
        application_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            known = self._exchange.applications
            if application_id not in known:
                raise Refusal("10005", "The requested application could not be found.")
            if request.method == "PATCH":
                known[application_id].update(_application(body))
            if request.method == "DELETE":
                if any(leg.state != "ended" and leg.connection_id == application_id for leg in self._legs()):
                    raise Refusal("10027", "The application has calls.")
                return {"data": known.pop(application_id)}
            return {"data": known[application_id]}

        return await self._answer(request, "call_control_applications", work)

    def _legs(self) -> Iterable[Any]:
        return self._exchange.legs.values()

    async def unknown(self, request: Request) -> Response:
        """Nothing is here."""

        def work(body: Body) -> dict[str, Any]:
            raise Refusal("10005", "The requested resource or URL could not be found.")

        return await self._answer(request, "unknown", work)

    # Every request

    async def _answer(
        self, request: Request, kind: str, work: Work, *, name: str | None = None, call_control_id: str | None = None
    ) -> Response:
        """kind: what faults go by. name: how observers know it."""
        began = time.monotonic()
        dice = self._exchange.dice
        body: Body = {}
        fault: str | None = None
        code: str | None = None
        repeated = False
        headers = self._rate_limit()
        content: dict[str, Any]

        def tell(status: int | None) -> None:
            told = Told(
                action=name or f"{request.method} {request.url.path}",
                call_control_id=call_control_id or content.get("data", {}).get("call_control_id")
                if name
                else call_control_id,
                command_id=body.get("command_id") if isinstance(body.get("command_id"), str) else None,
                params={key: value for key, value in body.items() if key != "command_id"},
                status=status,
                code=code,
                milliseconds=(time.monotonic() - began) * 1000,
                repeated=repeated,
                fault=fault,
            )
            self._exchange.told.append(told)
            self._exchange.observers(told)

        try:
            content = {}
            raw = await request.body()
            fault = next((one for one in FAULTS if dice.falls(one, kind=kind)), None)
            if fault == "api_hang":
                body = _readable(raw)
                tell(None)
                return await self._never(request)
            if fault == "api_slow":
                await asyncio.sleep(dice.misbehaviour.slow_seconds)
            if fault == "api_429":
                headers["x-ratelimit-remaining"] = "0"
                headers["x-ratelimit-reset"] = str(dice.misbehaviour.rate_limit_reset_seconds)
            if fault in REFUSED_FOR:
                body = _readable(raw)
                raise Refusal(REFUSED_FOR[fault])
            if int(headers["x-ratelimit-remaining"]) < 0:
                headers["x-ratelimit-remaining"] = "0"
                raise Refusal("10011")
            self._authorise(request)
            body = _object(raw)
            content = work(body)
            repeated = bool(content.pop("repeated", False))
            status = 200
            if dice.falls("api_lose_answer", kind=kind):
                fault = "api_lose_answer"
                tell(None)
                return await self._never(request)
        except Refusal as refusal:
            content, status, code = refusal.envelope, refusal.status, refusal.code
        except ClientDisconnect:
            return Response(status_code=400)
        tell(status)
        return JSONResponse(content, status_code=status, headers=headers)

    def _authorise(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        wanted = self._exchange.config.api_key
        if scheme.lower() != "bearer" or not key.strip() or wanted not in (None, key.strip()):
            raise Refusal("10009", "Could not authenticate the request with the provided credentials.")

    def _rate_limit(self) -> dict[str, str]:
        now = time.monotonic()
        if now - self._window >= WINDOW_SECONDS:
            self._window, self._used = now, 0
        self._used += 1
        limit = self._exchange.config.rate_limit
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - self._used),
            "x-ratelimit-reset": str(max(int(self._window + WINDOW_SECONDS - now), 1)),
        }

    async def _never(self, request: Request) -> Response:
        """Keep the application waiting until it gives up (or the stand-in stops)."""

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        waiting = [asyncio.ensure_future(gone()), asyncio.ensure_future(self.closing.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return Response(status_code=503)

    # Files

    async def download(self, request: Request) -> Response:
        """A recording's file, from a link."""
        try:
            # A link is signed for GET.
            if request.method == "HEAD":
                raise LinkRefused(403, "SignatureDoesNotMatch", "The link is signed for GET")
            recording = self._exchange.archive.opened(
                request.url.path, dict(request.query_params), authorization=request.headers.get("authorization")
            )
            file = recording.file()
            start, stop = _range(request.headers.get("range"), file.size)
        except LinkRefused as refusal:
            return Response(refusal.xml, status_code=refusal.status, media_type="application/xml")
        headers = {
            "accept-ranges": "bytes",
            "content-length": str(stop - start),
            "content-type": file.content_type,
            "etag": f'"{recording.id.replace("-", "")}"',
        }
        partial = request.headers.get("range") is not None
        if partial:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
        cut = self._exchange.dice.falls("cut_downloads", kind="download")
        end = start + (stop - start) // 2 if cut else stop
        streaming = CutShort if cut else StreamingResponse
        return streaming(_chunks(file, start, end), status_code=206 if partial else 200, headers=headers)


class CutShort(StreamingResponse):
    """Breaks off: the server closes the connection of a response that was not completed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


FAULTS = ("api_hang", "api_429", "api_500", "api_503", "api_slow")
REFUSED_FOR: Mapping[str | None, str] = {"api_429": "10011", "api_500": "10007", "api_503": "10037"}
APPLICATION = frozenset(
    "active anchorsite_override application_name call_cost_in_webhooks dtmf_type first_command_timeout "
    "first_command_timeout_secs inbound outbound redact_dtmf_debug_logging tags webhook_api_version "
    "webhook_event_failover_url webhook_event_url webhook_timeout_secs".split()
)


def _application(body: Body) -> Body:
    for key, value in body.items():
        if key not in APPLICATION:
            raise Refusal("10015", f"{key} is no parameter of an application.", pointer=f"/{key}")
        if key == "webhook_api_version" and value not in ("1", "2"):
            raise Refusal("10032", 'Must be "1" or "2".', pointer=f"/{key}")
        if key == "webhook_timeout_secs" and not (value is None or (type(value) is int and 0 <= value <= 30)):
            raise Refusal("10033", "Must be 0 to 30 or null.", pointer=f"/{key}")
        if key == "webhook_event_url" or (key == "webhook_event_failover_url" and value not in (None, "")):
            web_address(f"/{key}", value)
    return body


def _readable(raw: bytes) -> Body:
    """For observers: the body of a request that is not looked into."""
    try:
        content = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _object(raw: bytes) -> Body:
    try:
        content = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise Refusal("10023", "The request body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise Refusal("10015", "The request body must be a JSON object.", pointer="/")
    return content


def _filters(request: Request) -> dict[str, str]:
    """filter[a][b]=1 as {"a[b]": "1"}."""
    found = {}
    for key, value in request.query_params.items():
        match = re.fullmatch(r"filter\[([^\]]+)\](.*)", key)
        if match:
            found[match[1] + match[2]] = value
    return found


def _within(asked: Mapping[str, str], key: str, value: str) -> bool:
    """ISO 8601 times in UTC compare as text, if they are written alike; the SDK writes what it is given."""
    value = value.removesuffix("Z")
    tests: Mapping[str, Callable[[str, str], bool]] = {
        "eq": str.__eq__,
        "gt": str.__gt__,
        "gte": str.__ge__,
        "lt": str.__lt__,
        "lte": str.__le__,
    }
    return all(
        test(value, asked[f"{key}[{name}]"].removesuffix("Z").removesuffix("+00:00"))
        for name, test in tests.items()
        if f"{key}[{name}]" in asked
    )


def _page(request: Request, rows: list[Any]) -> dict[str, Any]:
    try:
        number = max(int(request.query_params.get("page[number]", 1)), 1)
        size = min(max(int(request.query_params.get("page[size]", 20)), 1), 250)
    except ValueError:
        raise Refusal("10015", "page[number] and page[size] must be integers.") from None
    return {
        "data": rows[(number - 1) * size : number * size],
        "meta": {
            "page_number": number,
            "page_size": size,
            "total_pages": -(-len(rows) // size),
            "total_results": len(rows),
        },
    }


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Which bytes: from, and before which. Raises LinkRefused 416. RFC 9110, section 14: one range only."""
    if header is None:
        return 0, size
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or match.group() == "bytes=-":
        return 0, size
    if not match[1]:
        start, stop = max(size - int(match[2]), 0), size
    else:
        start, stop = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    if start >= size or stop <= start:
        raise LinkRefused(416, "InvalidRange", "The requested range is not satisfiable")
    return start, stop


async def _chunks(file: SoundFile, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        taken = file.read(start, min(start + CHUNK, stop))
        start += len(taken)
        yield taken
