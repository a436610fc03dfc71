"""The stand-in as something to start: in this event loop (`serve`) or in a thread of its own (`standin_in_thread`)."""

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from hookline_local.simulator.api import Api
from hookline_local.simulator.calls.caller import press
from hookline_local.simulator.calls.exchange import Exchange
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.control import Control
from hookline_local.simulator.faults import Misbehaviour
from hookline_local.simulator.observations import Observer
from hookline_local.simulator.scenario import Scenario
from hookline_local.simulator.settings import Config

T = TypeVar("T")

GRACE_SECONDS = 1.0
"""For downloads under way when the stand-in stops."""

logger = logging.getLogger(__name__)


class _Protocol(H11Protocol):
    """Downloads are broken off on purpose: that is no news for uvicorn's log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logger.getChild("http")
        self.logger.setLevel(logging.CRITICAL)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its tick ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.leave = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of whoever started us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listening."""
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Until told to leave."""
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Without the tenth of a second that uvicorn's own takes even when nobody is connected."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        await asyncio.sleep(0)  # a connection that has just been let in gets its transport, which can be closed
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        for connection in list(self.server_state.connections):  # of those who were kept hanging
            connection.transport.abort()
        if sys.version_info >= (3, 13):  # and of those who were let in a moment ago, whom uvicorn does not know yet
            for server in self.servers:
                server.abort_clients()
        for _ in range(3):  # a transport says goodbye, and then closes its socket
            await asyncio.sleep(0)


class Telnyx:
    """A running stand-in. Its methods are those of the event loop that it runs in."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.exchange = Exchange(config)
        self.port = 0
        self._api = Api(self.exchange)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """http://host:port"""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_base_url(self) -> str:
        """What TELNYX_API_BASE_URL and the SDK's base_url want."""
        return f"{self.url}/v2"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms for an acknowledgement.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.config.port))
        except OSError:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        self.exchange.archive.url = self.url
        control = Control(self.exchange, self._api.closing)
        self._server = _Server(
            uvicorn.Config(
                Starlette(routes=[*self._api.routes(), *control.routes()]),
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.ready.wait()

    async def close(self) -> None:
        """Stop everything. Raises ExceptionGroup when the stand-in itself had a fault meanwhile."""
        self._api.closing.set()
        if self._server is not None and self._serving is not None:
            self._server.leave.set()
            await self.exchange.close()
            await self._serving
        else:
            await self.exchange.close()
        crashes = [error for error in self.exchange.crashes if isinstance(error, Exception)]
        if crashes:
            raise ExceptionGroup("the stand-in for Telnyx has bugs", crashes)

    def place_inbound_call(
        self, from_number: str | None = None, to_number: str | None = None, scenario: Scenario | None = None
    ) -> Leg:
        """Somebody calls. The numbers take the place of the scenario's."""
        scenario = scenario or Scenario()
        return self.exchange.place_inbound_call(_numbered(scenario, from_number, to_number))

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with everything that happens; the answer ends that."""
        return self.exchange.observers.add(observer)

    def misbehave(self, **wishes: object) -> Misbehaviour:
        """Set faults from now on. Raises ValueError naming a wrong one."""
        return self.exchange.dice.change(wishes)


def _numbered(scenario: Scenario, from_number: str | None, to_number: str | None) -> Scenario:
    return replace(
        scenario,
        from_number=from_number or scenario.from_number,
        to_number=to_number or scenario.to_number,
    )


@asynccontextmanager
async def serve(config: Config | None = None) -> AsyncIterator[Telnyx]:
    """A stand-in that runs as long as the block."""
    standin = Telnyx(config or Config())
    await standin.start()
    try:
        yield standin
    finally:
        await standin.close()


class TelnyxInThread:
    """A stand-in in a thread of its own, for those who have no event loop. Every method may be called from anywhere."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._standin: Telnyx | None = None
        self._started: Future[None] = Future()
        self._leave: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="stand-in for Telnyx", daemon=True)

    def start(self) -> None:
        """Raises what `Telnyx.start` raises."""
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Raises what `Telnyx.close` raises."""
        if self._loop is not None and self._leave is not None:
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except (ExceptionGroup, OSError) as error:
            if self._started.done():
                self._failure = error
            else:
                self._started.set_exception(error)

    async def _main(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._config) as self._standin:
            self._started.set_result(None)
            await self._leave.wait()

    @property
    def standin(self) -> Telnyx:
        """To be touched in its own thread only: see `call`."""
        if self._standin is None:
            raise RuntimeError("the stand-in has not been started")
        return self._standin

    def call(self, work: Callable[[Telnyx], T]) -> T:
        """Run `work` in the stand-in's thread and wait for its result."""

        async def run() -> T:
            return work(self.standin)

        return self._await(run())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            raise RuntimeError("the stand-in has not been started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def url(self) -> str:
        """http://host:port"""
        return self.standin.url

    @property
    def api_base_url(self) -> str:
        """What TELNYX_API_BASE_URL and the SDK's base_url want."""
        return self.standin.api_base_url

    def place_inbound_call(
        self, from_number: str | None = None, to_number: str | None = None, scenario: Scenario | None = None
    ) -> Leg:
        """Somebody calls. The leg's ids may be read from anywhere."""
        return self.call(lambda standin: standin.place_inbound_call(from_number, to_number, scenario))

    def observe(self, observer: Observer) -> None:
        """Call `observer` with everything that happens, in the stand-in's thread."""
        self.call(lambda standin: standin.observe(observer))

    def misbehave(self, **wishes: object) -> Misbehaviour:
        """Set faults from now on. Raises ValueError naming a wrong one."""
        return self.call(lambda standin: standin.misbehave(**wishes))

    def press(self, leg: Leg, digits: str) -> None:
        """The person on the phone presses keys; back when that is done."""
        self._await(_done(leg, press(leg, digits)))

    def say(self, leg: Leg, text: str) -> None:
        """The person on the phone speaks; back when it has been said."""
        self._await(_done(leg, leg.says(text)))

    def hang_up(self, leg: Leg) -> None:
        """The person on the phone hangs up."""
        self.call(lambda standin: leg.hangs_up())

    def settle(self, leg: Leg, *, timeout_seconds: float = 30.0) -> None:
        """Wait until the call is over and every webhook about it has been dealt with. Raises TimeoutError."""

        async def settled() -> None:
            async with asyncio.timeout(timeout_seconds):
                await leg.session.settled()

        self._await(settled())


async def _done(leg: Leg, work: Coroutine[Any, Any, None]) -> None:
    """Until it is done, or the leg has ended."""
    await asyncio.wait([leg.spawn(work)])


@contextmanager
def standin_in_thread(config: Config | None = None) -> Iterator[TelnyxInThread]:
    """A stand-in in a thread of its own that runs as long as the block."""
    running = TelnyxInThread(config or Config())
    running.start()
    try:
        yield running
    finally:
        running.stop()
