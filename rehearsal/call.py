"""The simulator of Telnyx and the deployed stack: single webhooks, and one whole call."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx

from hookline_local.base.signing import sign
from hookline_local.samples import catalog
from hookline_local.samples.catalog import Sample
from hookline_local.simulator import Answered, CommandReceived, Observation, SimulatorInThread, read_scenario
from rehearsal.emulator import Emulator

PROJECT = Path(__file__).parents[1]
SCENARIO = PROJECT / "local" / "hookline_local" / "scenarios" / "card.toml"
CALL_LIMIT_SECONDS = 60.0
WEBHOOK_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class PlayedCall:
    """call_leg_id: of the call. answers: how many webhooks were answered with each status. refused: commands."""

    call_leg_id: str
    answers: Counter[int | None]
    commands: Counter[str]
    refused: tuple[str, ...]
    saved: int
    """Recordings that Telnyx has announced."""


def sample() -> Sample:
    """A new event that commands nothing."""
    return catalog.sample("call.speak.started").now()


def post(emulator: Emulator, url: str, webhook: Sample, seed: bytes) -> int:
    """The status that a webhook gets, signed now with this key. seed: 32 bytes."""
    headers = {"content-type": webhook.content_type, **sign(webhook.body, int(time.time()), seed)}
    with httpx.Client(verify=emulator.trust(), timeout=WEBHOOK_LIMIT_SECONDS, trust_env=False) as http:
        return http.post(url, content=webhook.body, headers=headers).status_code


def play_call(simulator: SimulatorInThread) -> PlayedCall:
    """Ring the stack and play the scenario to its end. Raises TimeoutError."""
    seen: list[Observation] = []
    simulator.observe(seen.append)
    leg = simulator.place_inbound_call(scenario=read_scenario(SCENARIO))
    simulator.settle(leg, timeout_seconds=CALL_LIMIT_SECONDS)
    commands = [entry for entry in seen if isinstance(entry, CommandReceived) and entry.call_control_id]
    return PlayedCall(
        call_leg_id=leg.call_leg_id,
        answers=Counter(entry.status for entry in seen if isinstance(entry, Answered)),
        commands=Counter(entry.action for entry in commands),
        refused=tuple(f"{entry.action} {entry.code}" for entry in commands if entry.code),
        saved=len(simulator.call(lambda telnyx: telnyx.recordings())),
    )
