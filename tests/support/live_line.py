"""A whole line on this machine: the local stack, functions in processes of their own, beside a simulator of Telnyx."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from hookline_local.simulator import Config, Leg, Scenario, SimulatorInThread, simulator_in_thread
from hookline_local.stacks.local import API_KEY, LocalStackInThread
from tests.support.world import PROJECT

Value = TypeVar("Value")

LONGEST_SECONDS = 60.0
"""For a condition: only a line that hangs reaches it."""

CALLER, NUMBER = "+12025550147", "+12025550123"


@dataclass
class LiveLine:
    """http: a client of its calls API, without a token."""

    stack: LocalStackInThread
    telnyx: SimulatorInThread
    http: httpx.Client

    @property
    def url(self) -> str:
        return self.stack.url

    @property
    def console(self) -> str:
        """The URL of the console's page."""
        return self.stack.stack.console_url or ""

    def ring(self, caller: str = CALLER) -> Leg:
        """A call from a person who does nothing by themselves. It is left when the line closes."""
        return self.telnyx.place_inbound_call(scenario=Scenario(from_number=caller, to_number=NUMBER))

    def running(self, leg: Leg) -> dict[str, Any]:
        """`running` of a call, as the API has it; {} before its first webhook is journalled."""
        answer = self.http.get(f"/calls/{leg.call_leg_id}")
        found: dict[str, Any] = answer.json()["running"] if answer.status_code == 200 else {}
        return found


def wait_for(condition: Callable[[], Value]) -> Value:
    """The first value of a condition that is true. Raises AssertionError for one that never becomes true."""
    ends = time.monotonic() + LONGEST_SECONDS
    while True:
        if value := condition():
            return value
        assert time.monotonic() < ends, "the condition never became true"
        time.sleep(0.05)


CONFIG = Config(api_key=API_KEY, patience=5.0)


@contextmanager
def live_line(
    config: Config = CONFIG,
    *,
    parameters: Mapping[str, str] | None = None,
    port: int = 0,
    flows: Path | None = None,
) -> Iterator[LiveLine]:
    """A line for the block. config: of its simulator, which takes API_KEY. flows: in place of those that ship."""
    with simulator_in_thread(config) as telnyx:
        stack = LocalStackInThread(
            PROJECT / "template.yaml",
            parameters=dict(parameters or {}),
            telnyx_base_url=telnyx.api_base_url,
            control_url=f"{telnyx.url}/_simulator",
            patience=5.0,
            port=port,
            flows=flows,
        )
        with stack:
            telnyx.call(lambda simulator: simulator.send_webhooks_to(stack.webhook_url))
            with httpx.Client(base_url=stack.url, timeout=LONGEST_SECONDS, trust_env=False) as http:
                yield LiveLine(stack, telnyx, http)
