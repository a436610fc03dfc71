"""A stand-in for Telnyx on loopback: the real protocol, calls that play out in time, faults on request.

    async with serve(Config(webhook_url="http://127.0.0.1:8080/webhooks", speed=10)) as telnyx:
        telnyx.observe(print)
        leg = telnyx.place_inbound_call(scenario=read_scenario(Path("card.toml")))
        await leg.session.settled()

It knows nothing of the `hookline` package: it is the other side.

Rooms, from the bottom up: refusals, clock, sound, observations, misbehaviour, scenario, settings (values); parameters
(what a command takes); webhooks (on their way); playing, gathering, recording, media (what a leg does); legs; caller
(the person on the phone); exchange (all calls); commands (what they do); api, control (HTTP); server (start and stop).
"""

from hookline_local.simulator.calls.legs import Leg, Session
from hookline_local.simulator.faults import Misbehaviour
from hookline_local.simulator.observations import Answered, Observation, Remark, Sending, Told
from hookline_local.simulator.scenario import FarEnd, Scenario, ScenarioUnreadable, Step
from hookline_local.simulator.scenario import read as read_scenario
from hookline_local.simulator.scenario import scenario as as_scenario
from hookline_local.simulator.server import Telnyx, TelnyxInThread, serve, standin_in_thread
from hookline_local.simulator.settings import Config

__all__ = [
    "Answered",
    "Config",
    "FarEnd",
    "Leg",
    "Misbehaviour",
    "Observation",
    "Remark",
    "Scenario",
    "ScenarioUnreadable",
    "Sending",
    "Session",
    "Step",
    "Telnyx",
    "TelnyxInThread",
    "Told",
    "as_scenario",
    "read_scenario",
    "serve",
    "standin_in_thread",
]
