"""The other end for the tests of the stand-in: an application with a webhook, on uvicorn, in a thread."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookline_local.simulator import Config, Leg, Scenario, TelnyxInThread, standin_in_thread

KEY = "KEY_for_tests"


@dataclass(frozen=True)
class Received:
    """One request that came to the webhook."""

    raw: bytes
    headers: Mapping[str, str]
    path: str
    at: float

    @property
    def body(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.raw)
        return content

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def type(self) -> str:
        return str(self.data["event_type"])

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = self.data["payload"]
        return payload

    @property
    def attempt(self) -> int:
        return int(self.body["meta"]["attempt"])


Decide = Callable[["Line", Received], int | None]


@dataclass
class Line:
    """What came, what to do about it, and a way to tell Telnyx something."""

    decide: Decide
    url: str = ""
    api_base_url: str = ""
    received: list[Received] = field(default_factory=list)
    told: list[tuple[str, int]] = field(default_factory=list)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, verify=False, trust_env=False))  # noqa: S501  # plain HTTP
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> int:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
        return self.decide(self, received) or 200

    def all(self, *types: str) -> list[Received]:
        with self._changed:
            return [one for one in self.received if one.type in types]

    def wait_for_any(self, times: int) -> Received:
        """The so-manieth webhook of any type; it need not be readable."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= times, 60)
            return self.received[times - 1]

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.received]

    def wait_for(self, event_type: str, times: int = 1, *, leg: Leg | None = None) -> Received:
        """The so-manieth webhook of that type (about that leg)."""

        def found() -> list[Received]:
            mine = [one for one in self.received if one.type == event_type]
            return [one for one in mine if leg is None or one.payload.get("call_leg_id") == leg.call_leg_id]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= times, 60), (event_type, self.types)
            return found()[times - 1]

    def tell(self, call: str, action: str, /, **body: object) -> httpx.Response:
        path = f"/calls/{call}/actions/{action}"
        method = "PUT" if action == "client_state_update" else "POST"
        answer = self.ask(method, path, body)
        self.told.append((action, answer.status_code))
        return answer

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {KEY}"}
        return self.http.request(method, self.api_base_url + path, json=body, headers=headers, **more)


def answers(line: Line, received: Received) -> None:
    """An application that answers the phone."""
    if received.type == "call.initiated" and received.payload["direction"] == "incoming":
        line.tell(received.payload["call_control_id"], "answer")


class PromptServer(uvicorn.Server):
    """uvicorn looks ten times a second whether it should stop; this one is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._up = threading.Event()

    async def main_loop(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self._up.set()
        await self._leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for _ in range(3):  # a connection that has just been let in is known by then, and can be closed
            await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=60)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)

    def leave(self) -> None:
        self._up.wait(60)
        self._loop.call_soon_threadsafe(self._leave.set)


@contextmanager
def webhook(take: Callable[[Received], int]) -> Iterator[str]:
    """The URL of a webhook that hands every request to `take` and answers the status that it says."""

    def receive(request: Request) -> Response:
        raw: bytes = request.scope["raw_body"]
        status = take(Received(raw, dict(request.headers), request.url.path, time.monotonic()))
        return JSONResponse({"told": []}, status_code=status)

    async def read(request: Request) -> Response:
        request.scope["raw_body"] = await request.body()
        return await anyio_thread(receive, request)

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # or asyncio leaves Nagle on
    listening.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{path:path}", read, methods=["GET", "POST"])])
    server = PromptServer(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.leave()
        thread.join(60)
        listening.close()


async def anyio_thread(work: Callable[[Request], Response], request: Request) -> Response:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, request)


@contextmanager
def line_and_telnyx(decide: Decide = answers, **config: Any) -> Iterator[tuple[Line, TelnyxInThread]]:
    """An application and a stand-in that know each other; the calls play as fast as they can unless told otherwise."""
    line = Line(decide=decide)
    with line.http, webhook(line.take) as url:
        line.url = url
        wishes: dict[str, Any] = {"api_key": KEY, "speed": 0, "patience": 30, "webhook_url": f"{url}/webhooks"} | config
        with standin_in_thread(Config(**wishes)) as telnyx:
            line.api_base_url = telnyx.api_base_url
            yield line, telnyx


def answered_call(line: Line, telnyx: TelnyxInThread, scenario: Scenario | None = None) -> Leg:
    """A call that the application has answered."""
    leg = telnyx.place_inbound_call(scenario=scenario)
    line.wait_for("call.answered", leg=leg)
    return leg
