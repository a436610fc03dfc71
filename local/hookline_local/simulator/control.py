"""The stand-in's own endpoints under /_standin: place a call, be the person on the phone, misbehave, watch.

Not Telnyx's, so without authorisation; they are for loopback only.
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

from hookline_local.simulator.calls.caller import press
from hookline_local.simulator.calls.exchange import Exchange
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.faults import LARGEST
from hookline_local.simulator.observations import Observation, as_json
from hookline_local.simulator.scenario import ScenarioUnreadable, far_end, scenario

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """The control endpoints of one exchange."""

    def __init__(self, exchange: Exchange, closing: asyncio.Event) -> None:
        """closing: set when the stand-in stops."""
        self._exchange = exchange
        self._closing = closing
        self._busy: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)  # presses and says, by call_leg_id

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_standin", self.state, methods=["GET"]),
            Route("/_standin/misbehave", _refusing(self.misbehave), methods=["GET", "POST"]),
            Route("/_standin/far_ends", _refusing(self.far_ends), methods=["POST"]),
            Route("/_standin/calls", _refusing(self.calls), methods=["GET", "POST"]),
            Route("/_standin/calls/{id:path}/press", _refusing(self.press), methods=["POST"]),
            Route("/_standin/calls/{id:path}/say", _refusing(self.say), methods=["POST"]),
            Route("/_standin/calls/{id:path}/hangup", _refusing(self.hangup), methods=["POST"]),
            Route("/_standin/calls/{id:path}", self.call, methods=["GET"]),
            Route("/_standin/deliveries", self.deliveries, methods=["GET"]),
            Route("/_standin/commands", self.commands, methods=["GET"]),
            Route("/_standin/observe", self.observe, methods=["GET"]),
        ]

    async def state(self, request: Request) -> Response:
        """What it is, in one look."""
        return JSONResponse(
            {
                "api_base_url": f"{str(request.base_url).rstrip('/')}/v2",
                "calls": len(self._exchange.sessions),
                "speed": self._exchange.config.speed,
                "applications": list(self._exchange.applications.values()),
            }
        )

    async def misbehave(self, request: Request) -> Response:
        """GET: what is on. POST {"drop": 1, ...}: change that."""
        if request.method == "POST":
            body = await _body(request)
            try:
                self._exchange.dice.change(body)
            except ValueError as error:
                return _refused(str(error))
        return JSONResponse(asdict(self._exchange.dice.misbehaviour))

    async def far_ends(self, request: Request) -> Response:
        """POST {"+1202...": {"answers": "busy", "after": 1}}: who is at a number that is dialled."""
        try:
            ends = {number: far_end(number, given) for number, given in (await _body(request)).items()}
        except ScenarioUnreadable as error:
            return _refused(str(error))
        self._exchange.far_ends.update(ends)
        return JSONResponse({number: asdict(end) for number, end in ends.items()})

    async def calls(self, request: Request) -> Response:
        """GET: all of them. POST {"from", "to", "steps", ...}: place one; `scenario` may hold the rest."""
        if request.method == "GET":
            return JSONResponse([_session(session) for session in self._exchange.sessions])
        body = await _body(request)
        connection_id = body.pop("connection_id", None)
        inner = body.pop("scenario", None)
        try:
            leg = self._exchange.place_inbound_call(
                scenario({**inner, **body} if isinstance(inner, dict) else body), connection_id=connection_id
            )
        except ValueError as error:
            return _refused(str(error))
        return JSONResponse(_leg(leg), status_code=201)

    async def call(self, request: Request) -> Response:
        """One call, by any of its ids."""
        session = self._exchange.find(request.path_params["id"])
        return _missing() if session is None else JSONResponse(_session(session))

    async def press(self, request: Request) -> Response:
        """POST {"digits": "12#"}."""
        digits = str((await _body(request)).get("digits", ""))
        if not digits or any(digit not in "0123456789ABCD*#" for digit in digits):
            return _refused("digits: 0-9, A-D, * and #, please")
        return self._be(request, lambda leg: self._do(leg, press(leg, digits)))

    async def say(self, request: Request) -> Response:
        """POST {"text": "..."}."""
        text = (await _body(request)).get("text")
        if not isinstance(text, str) or not text:
            return _refused("text: what to say, please")
        return self._be(request, lambda leg: self._do(leg, leg.says(text)))

    async def hangup(self, request: Request) -> Response:
        """POST: now. POST {"after": 2}: so many call seconds after all has been pressed and said."""
        after = (await _body(request)).get("after")
        if after is None:
            return self._be(request, Leg.hangs_up)
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= LARGEST:
            return _refused("after: call seconds, please")
        return self._be(request, lambda leg: leg.spawn(self._hang_up(leg, after)))

    def _do(self, leg: Leg, work: Coroutine[Any, Any, None]) -> None:
        task, busy = leg.spawn(work), self._busy[leg.call_leg_id]
        busy.add(task)
        task.add_done_callback(busy.discard)

    async def _hang_up(self, leg: Leg, after: float) -> None:
        while busy := self._busy[leg.call_leg_id]:
            await asyncio.wait(busy)
        await leg.clock.sleep(after)
        leg.hangs_up()

    def _be(self, request: Request, act: Callable[[Leg], object]) -> Response:
        session = self._exchange.find(request.path_params["id"])
        if session is None:
            return _missing()
        wanted = request.path_params["id"]
        named = [leg for leg in session.legs if wanted in (leg.call_control_id, leg.call_leg_id)]
        leg = (named or session.legs)[0]
        if leg.state == "ended":
            return _refused("the call has ended", status=409)
        act(leg)
        return JSONResponse(_leg(leg))

    async def deliveries(self, request: Request) -> Response:
        """Every webhook with all its attempts, oldest first."""
        return JSONResponse(list(self._exchange.courier.log))

    async def commands(self, request: Request) -> Response:
        """Every request of the application, oldest first."""
        return JSONResponse([as_json(told) for told in self._exchange.told])

    async def observe(self, request: Request) -> Response:
        """What happens from now on, a JSON object a line, until one of us leaves."""
        seen: asyncio.Queue[Observation] = asyncio.Queue()

        async def lines() -> AsyncIterator[str]:
            leave = self._exchange.observers.add(seen.put_nowait)
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                yield "\n"
                while True:
                    coming = asyncio.ensure_future(seen.get())
                    try:
                        await asyncio.wait((coming, closing), return_when=asyncio.FIRST_COMPLETED)
                        if not coming.done():
                            return
                        yield json.dumps(as_json(coming.result()), default=str) + "\n"
                    finally:
                        coming.cancel()
            finally:
                closing.cancel()
                leave()

        return StreamingResponse(lines(), media_type="application/x-ndjson")


class _NoObject(ValueError):
    """The body of a request is something else than a JSON object."""


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent, empty when nothing was. Raises _NoObject."""
    sent = await request.body()
    try:
        content = json.loads(sent) if sent else {}
    except ValueError as error:
        raise _NoObject("the body is no JSON object") from error
    if not isinstance(content, dict):
        raise _NoObject("the body is no JSON object")
    return content


def _refusing(handler: Handler) -> Handler:
    """The same, with 422 for a body that cannot be read."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except _NoObject as error:
            return _refused(str(error))

    return handle


def _refused(why: str, *, status: int = 422) -> Response:
    return JSONResponse({"error": why}, status_code=status)


def _missing() -> Response:
    return _refused("there is no such call", status=404)


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
        "over": not session.alive and not session.tasks,
        "scenario_failed": session.scenario_failed,
    }
