"""The simulator's own endpoints under /_simulator: place a call, be the person on the phone, inject faults, observe.

Not Telnyx's, so without authorization; they are for loopback only.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hookline_local.simulator.calls.caller import hang_up, press, speak
from hookline_local.simulator.calls.commands import place_call
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.switch import Switch
from hookline_local.simulator.faults import LARGEST
from hookline_local.simulator.observations import Observation, as_json
from hookline_local.simulator.request_json import read_json
from hookline_local.simulator.scenario import InvalidScenario, callee, scenario

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """The control endpoints of one switch."""

    def __init__(self, switch: Switch, closing: asyncio.Event) -> None:
        """closing: set when the simulator stops."""
        self._switch = switch
        self._closing = closing
        self._acting: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)  # presses and speech, by call_leg_id

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_simulator", self.state, methods=["GET"]),
            Route("/_simulator/faults", _with_json_errors(self.faults), methods=["GET", "POST"]),
            Route("/_simulator/callees", _with_json_errors(self.callees), methods=["POST"]),
            Route("/_simulator/calls", _with_json_errors(self.calls), methods=["GET", "POST"]),
            Route("/_simulator/calls/{id:path}/press", _with_json_errors(self.press), methods=["POST"]),
            Route("/_simulator/calls/{id:path}/speak", _with_json_errors(self.speak), methods=["POST"]),
            Route("/_simulator/calls/{id:path}/hangup", _with_json_errors(self.hangup), methods=["POST"]),
            Route("/_simulator/calls/{id:path}", self.call, methods=["GET"]),
            Route("/_simulator/deliveries", self.deliveries, methods=["GET"]),
            Route("/_simulator/commands", self.commands, methods=["GET"]),
            Route("/_simulator/observe", self.observe, methods=["GET"]),
        ]

    async def state(self, request: Request) -> Response:
        """The simulator in short."""
        return JSONResponse(
            {
                "api_base_url": f"{str(request.base_url).rstrip('/')}/v2",
                "calls": len(self._switch.sessions),
                "speed": self._switch.config.speed,
                "applications": list(self._switch.account.applications.values()),
            }
        )

    async def faults(self, request: Request) -> Response:
        """GET: the faults that are on. POST {"drop": 1, ...}: change them."""
        if request.method == "POST":
            body = await _body(request)
            try:
                self._switch.account.injector.change(body)
            except ValueError as error:
                return _refused(str(error))
        return JSONResponse(asdict(self._switch.account.injector.faults))

    async def callees(self, request: Request) -> Response:
        """POST {"+1202...": {"answers": "busy", "after": 1}}: what a dialed number does."""
        try:
            ends = {number: callee(number, given) for number, given in (await _body(request)).items()}
        except InvalidScenario as error:
            return _refused(str(error))
        self._switch.callees.update(ends)
        return JSONResponse({number: asdict(end) for number, end in ends.items()})

    async def calls(self, request: Request) -> Response:
        """GET: all of them. POST {"from", "to", "steps", ...}: place one; `scenario` may hold the rest."""
        if request.method == "GET":
            return JSONResponse([_session(session) for session in self._switch.sessions])
        body = await _body(request)
        connection_id = body.pop("connection_id", None)
        inner = body.pop("scenario", None)
        try:
            content = scenario({**inner, **body} if isinstance(inner, dict) else body)
            leg = place_call(self._switch, content, connection_id=connection_id)
        except ValueError as error:
            return _refused(str(error))
        return JSONResponse(_leg(leg), status_code=201)

    async def call(self, request: Request) -> Response:
        """One call, by any of its ids."""
        session = self._switch.find(request.path_params["id"])
        return _missing() if session is None else JSONResponse(_session(session))

    async def press(self, request: Request) -> Response:
        """POST {"digits": "12#"}."""
        digits = str((await _body(request)).get("digits", ""))
        if not digits or any(digit not in "0123456789ABCD*#" for digit in digits):
            return _refused("digits: expected 0-9, A-D, * and #")
        return self._for_person(request, lambda leg: self._act(leg, press(leg, digits)))

    async def speak(self, request: Request) -> Response:
        """POST {"text": "..."}."""
        text = (await _body(request)).get("text")
        if not isinstance(text, str) or not text:
            return _refused("text: expected the words to speak")
        return self._for_person(request, lambda leg: self._act(leg, speak(leg, text)))

    async def hangup(self, request: Request) -> Response:
        """POST: now. POST {"after": 2}: that many call seconds after the last key and the last word."""
        after = (await _body(request)).get("after")
        if after is None:
            return self._for_person(request, hang_up)
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= LARGEST:
            return _refused("after: expected call seconds")
        return self._for_person(request, lambda leg: leg.spawn(self._hang_up(leg, after)))

    def _act(self, leg: Leg, work: Coroutine[Any, Any, None]) -> None:
        task, tasks = leg.spawn(work), self._acting[leg.call_leg_id]
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _hang_up(self, leg: Leg, after: float) -> None:
        while tasks := self._acting[leg.call_leg_id]:
            await asyncio.wait(tasks)
        await leg.clock.sleep(after)
        hang_up(leg)

    def _for_person(self, request: Request, act: Callable[[Leg], object]) -> Response:
        session = self._switch.find(request.path_params["id"])
        if session is None:
            return _missing()
        any_id = request.path_params["id"]
        named = [leg for leg in session.legs if any_id in (leg.call_control_id, leg.call_leg_id)]
        leg = (named or session.legs)[0]
        if leg.state == "ended":
            return _refused("the call has ended", status=409)
        act(leg)
        return JSONResponse(_leg(leg))

    async def deliveries(self, request: Request) -> Response:
        """Every webhook with all its attempts, oldest first."""
        return JSONResponse(list(self._switch.account.webhook_sender.log))

    async def commands(self, request: Request) -> Response:
        """Every request of the application, oldest first."""
        return JSONResponse([as_json(command) for command in self._switch.account.commands])

    async def observe(self, request: Request) -> Response:
        """Every observation from now on, one JSON object per line, until either side closes."""
        observations: asyncio.Queue[Observation] = asyncio.Queue()

        async def lines() -> AsyncIterator[str]:
            remove = self._switch.account.observers.add(observations.put_nowait)
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                yield "\n"
                while (observation := await _next(observations, closing)) is not None:
                    yield json.dumps(as_json(observation), default=str) + "\n"
            finally:
                closing.cancel()
                remove()

        return StreamingResponse(lines(), media_type="application/x-ndjson")


async def _next(observations: asyncio.Queue[Observation], closing: "asyncio.Future[Any]") -> Observation | None:
    """The next observation; None when the simulator is closing."""
    coming = asyncio.ensure_future(observations.get())
    try:
        await asyncio.wait((coming, closing), return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()


class _NotAnObject(ValueError):
    """The body of a request is something else than a JSON object."""


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of the request, empty without a body. Raises _NotAnObject."""
    content_bytes = await request.body()
    try:
        content = read_json(content_bytes)
    except ValueError as error:
        raise _NotAnObject("the body is not a JSON object") from error
    if not isinstance(content, dict):
        raise _NotAnObject("the body is not a JSON object")
    return content


def _with_json_errors(handler: Handler) -> Handler:
    """The same handler, answering 422 when the body is not a JSON object."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except _NotAnObject as error:
            return _refused(str(error))

    return handle


def _refused(why: str, *, status: int = 422) -> Response:
    return JSONResponse({"error": why}, status_code=status)


def _missing() -> Response:
    return _refused("call not found", status=404)


def _leg(leg: Leg) -> dict[str, object]:
    return {
        **leg.status(),
        "client_state": leg.client_state,
        "connection_id": leg.connection_id,
        "direction": leg.direction,
        "from": leg.from_number,
        "hangup_cause": leg.hangup_cause,
        "state": leg.state,
        "to": leg.to_number,
    }


def _session(session: Any) -> dict[str, object]:
    return {
        "call_session_id": session.id,
        "legs": [_leg(leg) for leg in session.legs],
        "ended": not session.alive and not session.tasks,
        "scenario_failed": session.scenario_failed,
    }
