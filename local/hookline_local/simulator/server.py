"""The simulator as something to start: in this event loop (`serve`) or in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from starlette.applications import Starlette

from hookline_local.base.loopback import LoopbackServer
from hookline_local.simulator.api import Api
from hookline_local.simulator.calls.caller import press
from hookline_local.simulator.calls.commands import place_call
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.recording_store import StoredRecording
from hookline_local.simulator.calls.switch import Switch
from hookline_local.simulator.control import Control
from hookline_local.simulator.faults import Faults
from hookline_local.simulator.observations import Observer
from hookline_local.simulator.scenario import Scenario
from hookline_local.simulator.settings import Config

T = TypeVar("T")


class TelnyxSimulator:
    """A running simulator. Its methods are those of the event loop that it runs in."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.switch = Switch(config)
        self._api = Api(self.switch)
        self._server: LoopbackServer | None = None

    @property
    def url(self) -> str:
        """http://host:port"""
        return self._server.url if self._server is not None else ""

    @property
    def api_base_url(self) -> str:
        """For TELNYX_API_BASE_URL and the SDK's base_url."""
        return f"{self.url}/v2"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = LoopbackServer(self.config.port, quiet=True)
        self.switch.account.recordings.url = self.url
        control = Control(self.switch, self._api.closing)
        await self._server.start(Starlette(routes=[*self._api.routes(), *control.routes()]))

    async def close(self) -> None:
        """Stop everything. Raises ExceptionGroup when the simulator itself has had a bug."""
        self._api.closing.set()
        await self.switch.close()
        if self._server is not None:
            await self._server.stop()
        bugs = [error for error in self.switch.account.bugs if isinstance(error, Exception)]
        if bugs:
            raise ExceptionGroup("the Telnyx simulator has bugs", bugs)

    def send_webhooks_to(self, url: str) -> None:
        """Set the `webhook_event_url` of the application that numbers belong to."""
        self.switch.account.applications[self.config.connection_id]["webhook_event_url"] = url

    def recordings(self) -> list[StoredRecording]:
        """The recordings that have been saved and not deleted."""
        return list(self.switch.account.recordings.recordings.values())

    def place_inbound_call(
        self, from_number: str | None = None, to_number: str | None = None, scenario: Scenario | None = None
    ) -> Leg:
        """Place a call. The numbers replace the scenario's."""
        scenario = scenario or Scenario()
        return self.switch.place_inbound_call(_numbered(scenario, from_number, to_number))

    def place_call(self, scenario: Scenario) -> Leg:
        """Place the call of a scenario, which may be one that the application dials."""
        return place_call(self.switch, scenario)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with everything that happens; the returned function ends that."""
        return self.switch.account.observers.add(observer)

    def set_faults(self, **faults: object) -> Faults:
        """Set faults from now on. Raises ValueError naming a wrong one."""
        return self.switch.account.injector.change(faults)


def _numbered(scenario: Scenario, from_number: str | None, to_number: str | None) -> Scenario:
    return replace(
        scenario,
        from_number=from_number or scenario.from_number,
        to_number=to_number or scenario.to_number,
    )


@asynccontextmanager
async def serve(config: Config | None = None) -> AsyncIterator[TelnyxSimulator]:
    """A simulator that runs as long as the block."""
    simulator = TelnyxSimulator(config or Config())
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.close()


class SimulatorInThread:
    """A simulator in a thread of its own, for code without an event loop. Its methods are thread-safe."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._simulator: TelnyxSimulator | None = None
        self._started: Future[None] = Future()
        self._leave: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="Telnyx simulator", daemon=True)

    def start(self) -> None:
        """Raises what `TelnyxSimulator.start` raises."""
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Raises what `TelnyxSimulator.close` raises."""
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
        async with serve(self._config) as self._simulator:
            self._started.set_result(None)
            await self._leave.wait()

    @property
    def simulator(self) -> TelnyxSimulator:
        """To be touched in its own thread only: see `call`."""
        if self._simulator is None:
            raise RuntimeError("the simulator has not been started")
        return self._simulator

    def call(self, work: Callable[[TelnyxSimulator], T]) -> T:
        """Run `work` in the simulator's thread and wait for its result."""

        async def run() -> T:
            return work(self.simulator)

        return self._await(run())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            raise RuntimeError("the simulator has not been started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def url(self) -> str:
        """http://host:port"""
        return self.simulator.url

    @property
    def api_base_url(self) -> str:
        """For TELNYX_API_BASE_URL and the SDK's base_url."""
        return self.simulator.api_base_url

    def place_inbound_call(
        self, from_number: str | None = None, to_number: str | None = None, scenario: Scenario | None = None
    ) -> Leg:
        """Place a call. The leg's ids may be read from any thread."""
        return self.call(lambda simulator: simulator.place_inbound_call(from_number, to_number, scenario))

    def place_call(self, scenario: Scenario) -> Leg:
        """Place the call of a scenario, which may be one that the application dials."""
        return self.call(lambda simulator: simulator.place_call(scenario))

    def observe(self, observer: Observer) -> None:
        """Call `observer` with everything that happens, in the simulator's thread."""
        self.call(lambda simulator: simulator.observe(observer))

    def set_faults(self, **faults: object) -> Faults:
        """Set faults from now on. Raises ValueError naming a wrong one."""
        return self.call(lambda simulator: simulator.set_faults(**faults))

    def press(self, leg: Leg, digits: str) -> None:
        """The person on the phone presses keys; returns when that is done."""
        self._await(_done(leg, press(leg, digits)))

    def speak(self, leg: Leg, text: str) -> None:
        """The person on the phone speaks; returns when that is done."""
        self._await(_done(leg, leg.speak(text)))

    def hang_up(self, leg: Leg) -> None:
        """The person on the phone hangs up."""
        self.call(lambda simulator: leg.hang_up())

    def settle(self, leg: Leg, *, timeout_seconds: float = 30.0) -> None:
        """Wait until the call has ended and its webhooks are delivered or given up. Raises TimeoutError."""

        async def settled() -> None:
            async with asyncio.timeout(timeout_seconds):
                await leg.session.settled()

        self._await(settled())


async def _done(leg: Leg, work: Coroutine[Any, Any, None]) -> None:
    """Until it has finished, or the leg has ended."""
    await asyncio.wait([leg.spawn(work)])


@contextmanager
def simulator_in_thread(config: Config | None = None) -> Iterator[SimulatorInThread]:
    """A simulator in a thread of its own that runs as long as the block."""
    running = SimulatorInThread(config or Config())
    running.start()
    try:
        yield running
    finally:
        running.stop()
