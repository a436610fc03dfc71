"""The HTTP API of the simulator: what the application, the official SDK and a browser see of Telnyx.

Every request under /v2 goes through `Api._answer`: injected faults, authorization, JSON, then the work, then the
rate-limit headers. Recording files lie beside it under the bucket's name.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hookline_local.base.signing import public_key_of
from hookline_local.simulator import list_filters
from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.calls.commands import dial, execute
from hookline_local.simulator.calls.recording_store import BUCKET, LinkRefused
from hookline_local.simulator.calls.switch import Switch
from hookline_local.simulator.command_schema import COMMAND_SCHEMAS, check
from hookline_local.simulator.observations import CommandReceived
from hookline_local.simulator.parameter_checks import web_address
from hookline_local.simulator.request_json import read_json
from hookline_local.simulator.sound import SoundFile

Body = Mapping[str, Any]
Work = Callable[[Body], dict[str, Any]]
CHUNK = 64 * 1024
WINDOW_SECONDS = 60.0


class Api:
    """The routes of one switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._account = switch.account
        self.closing = asyncio.Event()
        """Set when the simulator stops: no client is left waiting."""
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
            Route("/v2/phone_numbers", self.phone_numbers, methods=["GET"]),
            Route("/v2/phone_numbers/{id}", self.phone_number, methods=["GET", "PATCH"]),
            Route("/v2/public_key", self.public_key, methods=["GET"]),
            Route("/v2/{rest:path}", self.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            Route(f"/{BUCKET}/{{path:path}}", self.download, methods=["GET", "HEAD"]),
        ]

    # Commands

    async def dial(self, request: Request) -> Response:
        """POST /v2/calls."""

        def work(body: Body) -> dict[str, Any]:
            self._check("dial", body)
            result, repeated = dial(self._switch, body)
            return {"data": result, "repeated": repeated}

        return await self._answer(request, "dial", work, name="dial")

    async def command(self, request: Request) -> Response:
        """POST /v2/calls/{call_control_id}/actions/{action}; PUT for client_state_update."""
        action, call_control_id = request.path_params["action"], request.path_params["call_control_id"]
        if (
            action not in COMMAND_SCHEMAS
            or action == "dial"
            or (request.method == "PUT") != (action == "client_state_update")
        ):
            return await self.unknown(request)

        def work(body: Body) -> dict[str, Any]:
            leg = self._switch.leg(call_control_id)
            self._check(action, body)
            result, repeated = execute(self._switch, leg, action, body)
            return {"data": result, "repeated": repeated}

        return await self._answer(request, action, work, name=action, call_control_id=call_control_id)

    def _check(self, action: str, body: Body) -> None:
        """Raise ApiError for parameters that the schema, or a fault, does not allow."""
        faults = self._account.injector.faults
        for name in ("webhook_urls", "webhook_retries_policies"):
            if name in body and getattr(faults, f"refuse_{name}"):
                raise ApiError("10015", f"{name} is not a parameter of {action}.", pointer=f"/{name}")
        check(action, body)
        self._check_webhook_urls(body.get("webhook_urls", {}))

    def _check_webhook_urls(self, webhook_urls: Mapping[str, object]) -> None:
        expected = self._account.config.webhook_urls_as
        for event_type, urls in webhook_urls.items():
            if expected != "any" and isinstance(urls, list) != (expected == "array"):
                kind = "an array of URLs" if expected == "array" else "a URL"
                raise ApiError("10015", f"Must be {kind}.", pointer=f"/webhook_urls/{event_type}")

    async def call(self, request: Request) -> Response:
        """GET /v2/calls/{call_control_id}."""
        call_control_id = request.path_params["call_control_id"]

        def work(body: Body) -> dict[str, Any]:
            leg = self._switch.legs.get(call_control_id)
            if leg is None:
                raise ApiError("10005", "The requested call could not be found.")
            return {"data": leg.status()}

        return await self._answer(request, "calls", work, call_control_id=call_control_id)

    # Recordings and logs

    async def recordings(self, request: Request) -> Response:
        """GET /v2/recordings, newest first."""

        def work(body: Body) -> dict[str, Any]:
            store = self._account.recordings
            rows = [store.to_dict(recording) for recording in reversed(store.recordings.values())]
            return _page(request, rows, RECORDING_FILTERS)

        return await self._answer(request, "recordings", work)

    async def recording(self, request: Request) -> Response:
        """GET, with newly signed links, and DELETE /v2/recordings/{id}."""
        recording_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            store = self._account.recordings
            recording = store.recordings.get(recording_id)
            if recording is None:
                raise ApiError("10005", "The requested recording could not be found.")
            shown = store.to_dict(recording)
            if request.method == "DELETE":
                store.delete(recording_id)
            return {"data": shown}

        return await self._answer(request, "recordings", work)

    async def delete_recordings(self, request: Request) -> Response:
        """POST /v2/recordings/actions/delete with `ids`."""

        def work(body: Body) -> dict[str, Any]:
            ids = body.get("ids")
            if not isinstance(ids, list) or not all(isinstance(recording_id, str) for recording_id in ids):
                raise ApiError("10004", "ids is required.", pointer="/ids")
            for recording_id in ids:
                self._account.recordings.delete(recording_id)
            return {"status": "ok"}

        return await self._answer(request, "recordings", work)

    async def transcriptions(self, request: Request) -> Response:
        """GET /v2/recording_transcriptions."""

        def work(body: Body) -> dict[str, Any]:
            return _page(request, self._account.recordings.transcriptions.values(), TRANSCRIPTION_FILTERS)

        return await self._answer(request, "recording_transcriptions", work)

    async def transcription(self, request: Request) -> Response:
        """GET and DELETE /v2/recording_transcriptions/{id}."""
        transcriptions = self._account.recordings.transcriptions
        transcription_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            if transcription_id not in transcriptions:
                raise ApiError("10005", "The requested transcription could not be found.")
            if request.method == "DELETE":
                return {"data": transcriptions.pop(transcription_id)}
            return {"data": transcriptions[transcription_id]}

        return await self._answer(request, "recording_transcriptions", work)

    async def deliveries(self, request: Request) -> Response:
        """GET /v2/webhook_deliveries, newest first."""

        def work(body: Body) -> dict[str, Any]:
            return _page(request, reversed(self._account.webhook_sender.log), DELIVERY_FILTERS)

        return await self._answer(request, "webhook_deliveries", work)

    async def delivery(self, request: Request) -> Response:
        """GET /v2/webhook_deliveries/{id}."""

        def work(body: Body) -> dict[str, Any]:
            for delivery in self._account.webhook_sender.log:
                if delivery["id"] == request.path_params["id"]:
                    return {"data": delivery}
            raise ApiError("10005", "The requested webhook delivery could not be found.")

        return await self._answer(request, "webhook_deliveries", work)

    async def call_events(self, request: Request) -> Response:
        """GET /v2/call_events."""

        def of_application(row: Mapping[str, Any], value: str) -> bool:
            application = self._account.applications.get(row["metadata"]["connection_id"]) if row else None
            return application is not None and value in application["application_name"]

        def work(body: Body) -> dict[str, Any]:
            filters = {**CALL_EVENT_FILTERS, "application_name[contains]": of_application}
            return _page(request, self._account.call_events, filters)

        return await self._answer(request, "call_events", work)

    async def applications(self, request: Request) -> Response:
        """GET and POST /v2/call_control_applications."""

        def work(body: Body) -> dict[str, Any]:
            if request.method == "GET":
                return _page(request, _sorted(request, self._account.applications.values()), APPLICATION_FILTERS)
            for key in ("application_name", "webhook_event_url"):
                if not isinstance(body.get(key), str):
                    raise ApiError("10004", f"{key} is required.", pointer=f"/{key}")
            return {"data": self._account.add_application(_application(body))}

        return await self._answer(request, "call_control_applications", work)

    async def application(self, request: Request) -> Response:
        """GET, PATCH and DELETE /v2/call_control_applications/{id}."""
        application_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            known = self._account.applications
            if application_id not in known:
                raise ApiError("10005", "The requested application could not be found.")
            if request.method == "PATCH":
                known[application_id].update(_application(body))
            if request.method == "DELETE":
                if self._has_calls(application_id):
                    raise ApiError("10027", "The application has calls.")
                return {"data": known.pop(application_id)}
            return {"data": known[application_id]}

        return await self._answer(request, "call_control_applications", work)

    def _has_calls(self, application_id: str) -> bool:
        legs = self._switch.legs.values()
        return any(leg.state != "ended" and leg.connection_id == application_id for leg in legs)

    async def phone_numbers(self, request: Request) -> Response:
        """GET /v2/phone_numbers."""

        def work(body: Body) -> dict[str, Any]:
            return _page(request, self._account.phone_numbers.values(), PHONE_NUMBER_FILTERS)

        return await self._answer(request, "phone_numbers", work)

    async def phone_number(self, request: Request) -> Response:
        """GET and PATCH /v2/phone_numbers/{id}; only its application can be changed here."""
        number_id = request.path_params["id"]

        def work(body: Body) -> dict[str, Any]:
            number = self._account.phone_numbers.get(number_id)
            if number is None:
                raise ApiError("10005", "The requested phone number could not be found.")
            for key, value in body.items():
                if key != "connection_id":
                    raise ApiError("10015", f"{key} cannot be changed in the simulator.", pointer=f"/{key}")
                if value not in self._account.applications:
                    raise ApiError("10015", "There is no such connection.", pointer="/connection_id")
            if request.method == "PATCH":
                number.update(body)
            return {"data": number}

        return await self._answer(request, "phone_numbers", work)

    async def public_key(self, request: Request) -> Response:
        """GET /v2/public_key: the key that verifies the webhooks of the account."""

        def work(body: Body) -> dict[str, Any]:
            key = public_key_of(self._account.config.signing_seed)
            return {"data": {"public": key, "record_type": "public_key"}}

        return await self._answer(request, "public_key", work)

    async def unknown(self, request: Request) -> Response:
        """404 for every other path."""

        def work(body: Body) -> dict[str, Any]:
            raise ApiError("10005", "The requested resource or URL could not be found.")

        return await self._answer(request, "unknown", work)

    # Every request

    async def _answer(
        self, request: Request, kind: str, work: Work, *, name: str | None = None, call_control_id: str | None = None
    ) -> Response:
        """kind: key of faults. name: of a command, for observers."""
        call = _ApiCall(
            action=name or f"{request.method} {request.url.path}",
            call_control_id=call_control_id,
            is_command=name is not None,
            headers={"date": self._date(), **self._rate_limit()},
        )
        try:
            call.raw = await request.body()
            answered = await self._execute(call, request, kind, work)
        except ClientDisconnect:
            return Response(status_code=400)
        self._report(call)
        if not answered:
            return await self._never(request)
        return JSONResponse(call.content, status_code=call.status or 500, headers=call.headers)

    async def _execute(self, call: "_ApiCall", request: Request, kind: str, work: Work) -> bool:
        """Execute the request; False when a fault is to leave it without an answer."""
        injector = self._account.injector
        try:
            call.fault = next((fault for fault in FAULTS if injector.should_inject(fault, kind=kind)), None)
            if call.fault == "api_hang":
                call.body = _readable(call.raw)
                return False
            await self._inject(call)
            self._limit(call)
            self._authorize(request)
            call.body = _object(call.raw)
            call.content = work(call.body)
            call.repeated = bool(call.content.pop("repeated", False))
            call.status = 200
        except ApiError as error:
            call.content, call.status, call.code = error.envelope, error.status, error.code
            return True
        if injector.should_inject("api_lose_answer", kind=kind):
            call.fault, call.status = "api_lose_answer", None
            return False
        return True

    async def _inject(self, call: "_ApiCall") -> None:
        """Raises ApiError when the fault is an error answer."""
        faults = self._account.injector.faults
        if call.fault == "api_slow":
            await asyncio.sleep(faults.slow_seconds)
        if call.fault == "api_429":
            call.headers["x-ratelimit-remaining"] = "0"
            call.headers["x-ratelimit-reset"] = str(faults.rate_limit_reset_seconds)
        if call.fault in ERROR_OF_FAULT:
            call.body = _readable(call.raw)
            raise ApiError(ERROR_OF_FAULT[call.fault])

    def _limit(self, call: "_ApiCall") -> None:
        if int(call.headers["x-ratelimit-remaining"]) < 0:
            call.headers["x-ratelimit-remaining"] = "0"
            raise ApiError("10011")

    def _report(self, call: "_ApiCall") -> None:
        received = call.observation()
        self._account.commands.append(received)
        self._account.observers(received)

    def _authorize(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        expected = self._account.config.api_key
        if scheme.lower() != "bearer" or not key.strip() or expected not in (None, key.strip()):
            raise ApiError("10009", "Could not authenticate the request with the provided credentials.")

    def _date(self) -> str:
        """As the header shows Telnyx's clock, by which its webhooks are signed as well."""
        return formatdate(time.time() + self._account.injector.faults.clock_skew_seconds, usegmt=True)

    def _rate_limit(self) -> dict[str, str]:
        now = time.monotonic()
        if now - self._window >= WINDOW_SECONDS:
            self._window, self._used = now, 0
        self._used += 1
        limit = self._account.config.rate_limit
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - self._used),
            "x-ratelimit-reset": str(max(int(self._window + WINDOW_SECONDS - now), 1)),
        }

    async def _never(self, request: Request) -> Response:
        """Leave the application waiting until it gives up (or the simulator stops)."""

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
            recording = self._account.recordings.resolve(
                request.url.path, dict(request.query_params), authorization=request.headers.get("authorization")
            )
            file = recording.file()
            start, stop = _range(request.headers.get("range"), file.size)
        except LinkRefused as error:
            return Response(error.xml, status_code=error.status, media_type="application/xml")
        headers = {
            "accept-ranges": "bytes",
            "content-length": str(stop - start),
            "content-type": file.content_type,
            "etag": f'"{recording.id.replace("-", "")}"',
        }
        partial = request.headers.get("range") is not None
        if partial:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
        cut = self._account.injector.should_inject("cut_downloads", kind="download")
        end = start + (stop - start) // 2 if cut else stop
        streaming = CutShort if cut else StreamingResponse
        return streaming(_chunks(file, start, end), status_code=206 if partial else 200, headers=headers)


@dataclass(kw_only=True)
class _ApiCall:
    """One request and its answer, as far as they are known."""

    action: str
    call_control_id: str | None
    is_command: bool
    headers: dict[str, str]
    began: float = field(default_factory=time.monotonic)
    raw: bytes = b""
    body: Body = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    fault: str | None = None
    repeated: bool = False

    def observation(self) -> CommandReceived:
        """For observers, and for the list of commands."""
        call_control_id = self.call_control_id
        if call_control_id is None and self.is_command:
            call_control_id = self.content.get("data", {}).get("call_control_id")
        command_id = self.body.get("command_id")
        return CommandReceived(
            action=self.action,
            call_control_id=call_control_id,
            command_id=command_id if isinstance(command_id, str) else None,
            params={key: value for key, value in self.body.items() if key != "command_id"},
            status=self.status,
            code=self.code,
            milliseconds=(time.monotonic() - self.began) * 1000,
            repeated=self.repeated,
            fault=self.fault,
        )


class CutShort(StreamingResponse):
    """A response without its end: the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


FAULTS = ("api_hang", "api_429", "api_500", "api_503", "api_slow")
ERROR_OF_FAULT: Mapping[str | None, str] = {"api_429": "10011", "api_500": "10007", "api_503": "10037"}
APPLICATION = frozenset(
    "active anchorsite_override application_name call_cost_in_webhooks dtmf_type first_command_timeout "
    "first_command_timeout_secs inbound outbound redact_dtmf_debug_logging tags webhook_api_version "
    "webhook_event_failover_url webhook_event_url webhook_timeout_secs".split()
)


def _application(body: Body) -> Body:
    for key, value in body.items():
        if key not in APPLICATION:
            raise ApiError("10015", f"{key} is not a parameter of an application.", pointer=f"/{key}")
        check = APPLICATION_CHECKS.get(key)
        if check is not None:
            check(f"/{key}", value)
    return body


def _check_api_version(pointer: str, value: object) -> None:
    if value not in ("1", "2"):
        raise ApiError("10032", 'Must be "1" or "2".', pointer=pointer)


def _check_timeout(pointer: str, value: object) -> None:
    if value is not None and not (type(value) is int and 0 <= value <= 30):
        raise ApiError("10033", "Must be 0 to 30 or null.", pointer=pointer)


def _check_failover_url(pointer: str, value: object) -> None:
    if value not in (None, ""):
        web_address(pointer, value)


APPLICATION_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "webhook_api_version": _check_api_version,
    "webhook_timeout_secs": _check_timeout,
    "webhook_event_url": web_address,
    "webhook_event_failover_url": _check_failover_url,
}


def _readable(raw: bytes) -> Body:
    """For observers: the body of a request that is not executed."""
    try:
        content = read_json(raw)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _object(raw: bytes) -> Body:
    try:
        content = read_json(raw)
    except ValueError:
        raise ApiError("10023", "The request body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise ApiError("10015", "The request body must be a JSON object.", pointer="/")
    return content


def _has_digits(row: Mapping[str, Any], value: str) -> bool:
    """filter[phone_number] takes three digits or more; anything else finds nothing."""
    return value.isdecimal() and len(value) >= 3 and value in row.get("phone_number", "")


RECORDING_FILTERS: Mapping[str, list_filters.Filter] = {
    **list_filters.equals(
        "call_control_id", "call_leg_id", "call_session_id", "connection_id", "conference_id", "from", "to"
    ),
    **list_filters.within("created_at"),
    **list_filters.within("start_time", "recording_started_at"),
    **list_filters.within("end_time", "recording_ended_at"),
}
TRANSCRIPTION_FILTERS: Mapping[str, list_filters.Filter] = {
    **list_filters.equals("recording_id"),
    **list_filters.within("created_at"),
}
DELIVERY_FILTERS: Mapping[str, list_filters.Filter] = {
    "status[eq]": list_filters.at("status"),
    "event_type": list_filters.one_of_list(lambda row: row["webhook"]["event_type"] if row else ""),
    "webhook[contains]": list_filters.contains("webhook"),
    "attempts[contains]": list_filters.contains("attempts"),
    **list_filters.within("started_at"),
    **list_filters.within("finished_at"),
}
CALL_EVENT_FILTERS: Mapping[str, list_filters.Filter] = {
    "product": lambda row, value: value == "call_control",
    "leg_id": list_filters.at("call_leg_id"),
    "application_session_id": list_filters.at("call_session_id"),
    "connection_id": list_filters.at("metadata", "connection_id"),
    "from": list_filters.at("metadata", "event", "payload", "from"),
    "to": list_filters.at("metadata", "event", "payload", "to"),
    **list_filters.equals("name", "type"),
    **list_filters.within("occurred_at", "event_timestamp", by=("eq", "gt", "gte", "lt", "lte")),
}
APPLICATION_FILTERS: Mapping[str, list_filters.Filter] = {
    "application_name[contains]": list_filters.contains("application_name")
}
PHONE_NUMBER_FILTERS: Mapping[str, list_filters.Filter] = {
    "phone_number": _has_digits,
    **list_filters.equals("connection_id"),
}
SORTS: Mapping[str, str] = {"created_at": "created_at", "connection_name": "application_name", "active": "active"}


def _sorted(request: Request, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By `sort`, with a `-` before it downwards; as they were made without one."""
    given = request.query_params.get("sort", "created_at")
    field = SORTS.get(given.removeprefix("-"))
    if field is None:
        raise ApiError("10032", f"sort must be one of {', '.join(SORTS)}, with or without a - before it.")
    return sorted(rows, key=lambda row: str(row[field]), reverse=given.startswith("-"))


def _page(
    request: Request, rows: Iterable[Mapping[str, Any]], filters: Mapping[str, list_filters.Filter]
) -> dict[str, Any]:
    try:
        number = max(int(request.query_params.get("page[number]", 1)), 1)
        size = min(max(int(request.query_params.get("page[size]", 20)), 1), 250)
    except ValueError:
        raise ApiError("10015", "page[number] and page[size] must be integers.") from None
    rows = list_filters.apply(request.query_params.multi_items(), rows, filters)
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
    """The first byte, and the one after the last. Raises LinkRefused 416. RFC 9110, section 14: one range only."""
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
