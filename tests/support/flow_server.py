"""An application with a webhook, in a thread, for the tests of the simulator."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from hookline_local.base.loopback import LoopbackServer, Receive, Response, Scope, Send, read_body, reply
from hookline_local.simulator import Config, Leg, Scenario, SimulatorInThread, simulator_in_thread

KEY = "KEY_for_tests"


@dataclass(frozen=True)
class Received:
    """One request to the webhook."""

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


Decide = Callable[["CallApplication", Received], int | None]


@dataclass
class CallApplication:
    """The webhooks received, the decision about each, and a way to send commands."""

    decide: Decide
    url: str = ""
    api_base_url: str = ""
    received: list[Received] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def receive(self, received: Received) -> int:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
        return self.decide(self, received) or 200

    def all(self, *types: str) -> list[Received]:
        with self._changed:
            return [webhook for webhook in self.received if webhook.type in types]

    def wait_for_any(self, times: int) -> Received:
        """The webhook number `times` of any type; it need not be readable."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= times, 60)
            return self.received[times - 1]

    @property
    def types(self) -> list[str]:
        return [webhook.type for webhook in self.received]

    def wait_for(self, event_type: str, times: int = 1, *, leg: Leg | None = None) -> Received:
        """The webhook number `times` of that type (about that leg)."""

        def found() -> list[Received]:
            of_type = [webhook for webhook in self.received if webhook.type == event_type]
            return [
                webhook for webhook in of_type if leg is None or webhook.payload.get("call_leg_id") == leg.call_leg_id
            ]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= times, 60), (event_type, self.types)
            return found()[times - 1]

    def send(self, call: str, action: str, /, **body: object) -> httpx.Response:
        path = f"/calls/{call}/actions/{action}"
        method = "PUT" if action == "client_state_update" else "POST"
        answer = self.request(method, path, body)
        self.sent.append((action, answer.status_code))
        return answer

    def request(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {KEY}"}
        return self.http.request(method, self.api_base_url + path, json=body, headers=headers, **more)


def answers(app: CallApplication, received: Received) -> None:
    """An application that answers the phone."""
    if received.type == "call.initiated" and received.payload["direction"] == "incoming":
        app.send(received.payload["call_control_id"], "answer")


@contextmanager
def webhook(receive: Callable[[Received], int]) -> Iterator[str]:
    """The URL of a webhook that passes every request to `receive`, in a thread, and answers the status it returns."""

    async def application(scope: Scope, receive_part: Receive, send: Send) -> None:
        raw = await read_body(scope, receive_part, 10_000_000)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if "upgrade" in headers:  # this is not a WebSocket server
            await reply(send, Response(400, b""))
            return
        status = await asyncio.to_thread(receive, Received(raw, headers, scope["path"], time.monotonic()))
        await reply(send, Response(status, b'{"commands":[]}'))

    server = LoopbackServer(quiet=True)
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        await server.start(application)
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


@contextmanager
def app_and_telnyx(decide: Decide = answers, **config: Any) -> Iterator[tuple[CallApplication, SimulatorInThread]]:
    """An application and a simulator connected to each other; at speed 0 unless set otherwise."""
    app = CallApplication(decide=decide)
    with app.http, webhook(app.receive) as url:
        app.url = url
        settings: dict[str, Any] = {
            "api_key": KEY,
            "speed": 0,
            "patience": 30,
            "webhook_url": f"{url}/webhooks",
        } | config
        with simulator_in_thread(Config(**settings)) as telnyx:
            app.api_base_url = telnyx.api_base_url
            yield app, telnyx


def answered_call(app: CallApplication, telnyx: SimulatorInThread, scenario: Scenario | None = None) -> Leg:
    """A call that the application has answered."""
    leg = telnyx.place_inbound_call(scenario=scenario)
    app.wait_for("call.answered", leg=leg)
    return leg
