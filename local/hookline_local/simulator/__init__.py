"""Owns a simulator of Telnyx on loopback: the real protocol, calls that play out in time, faults on request.

    async with serve(Config(webhook_url="http://127.0.0.1:8080/webhooks", speed=10)) as telnyx:
        telnyx.observe(print)
        leg = telnyx.place_inbound_call(scenario=read_scenario(Path("card.toml")))
        await leg.session.settled()

The CLI and the tests may import it. It imports nothing of `hookline`, the emulator or the stacks: it is the other side.

Modules, from the bottom up: api_errors, clock, sound, observations, faults, scenario, settings (values);
parameter_checks, transcription_languages, transcription_schema, assistant_schema, command_schema (parameters of
commands); webhooks (on their way); calls (legs and what runs on them); api, control
(HTTP); server (start and stop).
"""

from hookline_local.simulator.calls.legs import Leg, Session
from hookline_local.simulator.faults import Faults
from hookline_local.simulator.observations import Answered, CommandReceived, Observation, Remark, Sending
from hookline_local.simulator.scenario import Callee, InvalidScenario, Scenario, Step
from hookline_local.simulator.scenario import read as read_scenario
from hookline_local.simulator.scenario import scenario as as_scenario
from hookline_local.simulator.server import SimulatorInThread, TelnyxSimulator, serve, simulator_in_thread
from hookline_local.simulator.settings import Config

__all__ = [
    "Answered",
    "Callee",
    "CommandReceived",
    "Config",
    "Faults",
    "InvalidScenario",
    "Leg",
    "Observation",
    "Remark",
    "Scenario",
    "Sending",
    "Session",
    "SimulatorInThread",
    "Step",
    "TelnyxSimulator",
    "as_scenario",
    "read_scenario",
    "serve",
    "simulator_in_thread",
]
