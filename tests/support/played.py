"""A scenario played to a flow that ships: the simulator of Telnyx, the functions in this process, AWS in memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from hookline.environment import environment
from hookline_local.simulator import Config, Leg, Scenario, SimulatorInThread, read_scenario, simulator_in_thread
from hookline_local.simulator.observations import CommandReceived, Observation
from tests.support.deliveries import Call
from tests.support.flow_server import Received, webhook
from tests.support.world import ROUTER, Clock, handler, refused, request_of

PROJECT = Path(__file__).parents[2]
SCENARIOS = (PROJECT / "tests" / "flows", PROJECT / "local" / "hookline_local" / "scenarios")
NUMBER = "+12025550123"


class Refusals(httpx.BaseTransport):
    """The network, but for the actions that Telnyx is to refuse."""

    def __init__(self) -> None:
        self.actions: set[str] = set()
        self._network = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.rsplit("/", 1)[-1] in self.actions:
            return refused(422, "90012")
        return self._network.handle_request(request)

    def close(self) -> None:
        self._network.close()


@dataclass
class Line:
    """One phone number whose calls run a flow.

    commands: the actions that Telnyx has executed, in order. spoken: the texts of those that speak.
    """

    telnyx: SimulatorInThread
    call: Call
    refusals: Refusals
    one_at_a_time: threading.Lock
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def receive(self, webhook: Received) -> int:
        """A webhook: the router has it, one at a time."""
        with self.one_at_a_time:
            self.received.append(webhook)
            answer = handler(ROUTER)(request_of(webhook.raw, age=10.0), Clock())
            return int(answer["statusCode"])

    def observe(self, observation: Observation) -> None:
        """Note a command, and what is spoken by it."""
        if not isinstance(observation, CommandReceived) or observation.status != 200 or observation.repeated:
            return
        with self._changed:
            self.commands.append(observation.action)
            if text := observation.params.get("payload"):
                self.spoken.append(str(text))
            self._changed.notify_all()

    def place(self, scenario: Scenario | str) -> Leg:
        """Begin a call: a scenario, or the one of that name, yours first. The call before is forgotten."""
        if isinstance(scenario, str):
            scenario = scenario_of(scenario)
        self.received.clear()
        self.commands.clear()
        self.spoken.clear()
        if scenario.dial is not None:
            return self.telnyx.place_call(scenario)
        return self.telnyx.place_inbound_call(to_number=NUMBER, scenario=scenario)

    def play(self, scenario: Scenario | str) -> Leg:
        """Play it to its end; every webhook has been delivered then."""
        leg = self.place(scenario)
        self.settle(leg)
        return leg

    def settle(self, leg: Leg) -> None:
        """Wait for the end of the call, and of the last webhook about it."""
        self.telnyx.settle(leg, timeout_seconds=60)
        assert leg.session.scenario_failed is None

    def wait_for_command(self, action: str) -> None:
        """Until Telnyx has executed it."""
        with self._changed:
            assert self._changed.wait_for(lambda: action in self.commands, 60), self.commands

    def drain(self) -> None:
        """Send the delayed commands, as if their time had come."""
        with self.one_at_a_time:
            self.call.drain()

    @property
    def types(self) -> list[str]:
        """The types of the webhooks, in the order they arrived."""
        return [received.type for received in self.received]

    @property
    def words_recorded(self) -> list[str]:
        """The words in each recording."""
        return [stored.words for stored in self.telnyx.call(lambda telnyx: telnyx.recordings())]


def scenario_of(name: str) -> Scenario:
    """The scenario of that name, of the flows' own tests or of those that come with the command."""
    paths = [folder / f"{name}.toml" for folder in SCENARIOS]
    return read_scenario(next((path for path in paths if path.exists()), paths[-1]))


@contextmanager
def line_with(flow: str, monkeypatch: pytest.MonkeyPatch, *, dial_allow: str = "+1202") -> Iterator[Line]:
    """A number that runs this flow. Delayed commands wait until the test drains them."""
    lines: list[Line] = []
    with (
        webhook(lambda received: lines[0].receive(received)) as url,
        simulator_in_thread(Config(webhook_url=f"{url}/webhooks", speed=0)) as telnyx,
    ):
        monkeypatch.setenv("TELNYX_API_BASE_URL", telnyx.api_base_url)
        monkeypatch.setenv("WEBHOOK_BASE_URL", url)
        monkeypatch.setenv("DIAL_ALLOW", dial_allow)
        monkeypatch.setenv("MAX_LIVE_CALLS", "20")
        call, refusals = Call(monkeypatch, flows="flows"), Refusals()
        environment().transport = refusals
        vars(environment().flows)["numbers"] = {"default": flow}
        line = Line(telnyx, call, refusals, threading.Lock())
        lines.append(line)
        telnyx.observe(line.observe)
        with refusals:
            yield line
