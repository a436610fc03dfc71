"""The switch: every call there is, and how calls come about."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.calls.account import Account
from hookline_local.simulator.calls.caller import play
from hookline_local.simulator.calls.legs import Leg, Session
from hookline_local.simulator.calls.queueing import Queues
from hookline_local.simulator.scenario import Callee, Scenario
from hookline_local.simulator.settings import Config

CALL_SECONDS = 14_400
"""The longest call, unless a command sets another limit."""


class Switch:
    """Every leg and session of one account."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.account = Account(config)
        self.legs: dict[str, Leg] = {}
        self.sessions: list[Session] = []
        self.queues = Queues()
        self.callees: dict[str, Callee] = dict(config.callees)
        self.dialled: dict[str, tuple[float, dict[str, object]]] = {}

    async def close(self) -> None:
        """End every call without an event and release everything."""
        tasks = [task for session in self.sessions for task in session.tasks]
        for session in self.sessions:
            session.clock.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.account.http.aclose()

    # Finding them

    def leg(self, call_control_id: str) -> Leg:
        """Raises ApiError 90015 when there is no such leg."""
        leg = self.legs.get(call_control_id)
        if leg is None:
            raise ApiError("90015", "The call_control_id provided was not valid.")
        return leg

    def find(self, any_id: str) -> Session | None:
        """The session of a leg, session or call control id."""
        for session in self.sessions:
            legs = (leg for leg in session.legs if any_id in (leg.call_control_id, leg.call_leg_id))
            if session.id == any_id or next(legs, None) is not None:
                return session
        return None

    # How calls come about

    def new_session(self) -> Session:
        """One more conversation."""
        session = Session(self.account, len(self.sessions) + 1)
        self.sessions.append(session)
        return session

    def place_inbound_call(self, scenario: Scenario, *, connection_id: str | None = None) -> Leg:
        """Place a call to one of the numbers. Raises ValueError for an unknown application."""
        connection_id = connection_id or self.account.connection_of(scenario.to_number)
        if connection_id not in self.account.applications:
            raise ValueError(f"{connection_id}: unknown application")
        self.callees.update(scenario.callees)
        leg = Leg(
            self.new_session(),
            direction="incoming",
            from_number=scenario.from_number,
            to_number=scenario.to_number,
            connection_id=connection_id,
            caller_id_name=scenario.caller_id_name or scenario.from_number.removeprefix("+"),
        )
        self.legs[leg.call_control_id] = leg
        leg.remark(f"{leg.from_number} calls {leg.to_number}")
        leg.emit(
            "call.initiated",
            {
                **leg.numbers(),
                "calling_party_type": "pstn",
                "call_screening_result": None,
                "caller_id_name": leg.caller_id_name,
                "connection_codecs": "PCMU,PCMA,G722",
                "custom_headers": [],
                "direction": "incoming",
                "flow_destination": "telnyx_number_cc_app",
                "offered_codecs": "PCMU,PCMA",
                "shaken_stir_attestation": "A",
                "shaken_stir_validated": True,
                "start_time": leg.start_time,
                "state": "parked",
                "tags": [],
            },
        )
        leg.spawn(self._ring_timeout(leg))
        leg.spawn(play(leg, scenario.steps, patience_seconds=scenario.patience_seconds * self.config.patience))
        return leg

    async def _ring_timeout(self, leg: Leg) -> None:
        await leg.clock.sleep(self.config.ring_seconds, background=True)
        if leg.state == "ringing":
            leg.end("originator_cancel", "caller")

    def call_out(
        self,
        session: Session,
        *,
        from_number: str,
        to_number: str,
        connection_id: str,
        client_state: str | None,
        body: Mapping[str, Any],
    ) -> Leg:
        """An outgoing leg; dial and transfer have this in common. Whichever calls it starts `pick_up`."""
        leg = Leg(
            session,
            direction="outgoing",
            from_number=from_number,
            to_number=to_number,
            connection_id=connection_id,
            client_state=client_state,
        )
        self.legs[leg.call_control_id] = leg
        leg.set_webhooks(body)
        leg.park_after_unbridge = "park_after_unbridge" in body
        payload: dict[str, object] = {
            **leg.numbers(),
            "direction": "outgoing",
            "state": "bridging",
            "custom_headers": [],
        }
        if not to_number.startswith("sip"):
            # An outgoing SIP leg was seen without a start_time.
            payload["start_time"] = leg.start_time
        leg.emit("call.initiated", payload)
        return leg

    async def pick_up(self, leg: Leg, body: Mapping[str, Any]) -> bool:
        """Ring the callee: True when it answers; else the leg has ended."""
        callee = self.callees.get(leg.to_number, self.config.callee)
        ring_seconds = body.get("timeout_secs", 30)
        if callee.answers == "no_answer" or callee.after >= ring_seconds:
            await leg.clock.sleep(ring_seconds)
            leg.end("timeout", "unknown")
            return False
        await leg.clock.sleep(callee.after)
        if leg.state != "ringing":
            return False
        refused = {"busy": "user_busy", "rejected": "call_rejected", "not_found": "not_found"}.get(callee.answers)
        if refused is not None:
            leg.end(refused, "callee")
            return False
        leg.answered()
        leg.spawn(self.time_limit(leg, body.get("time_limit_secs", CALL_SECONDS)))
        leg.spawn(play(leg, callee.steps, patience_seconds=30.0 * self.config.patience))
        detection = body.get("answering_machine_detection", "disabled")
        if detection != "disabled":
            leg.spawn(self._detect(leg, detection, callee))
        return True

    async def time_limit(self, leg: Leg, seconds: float) -> None:
        """End the leg after that many call seconds."""
        await leg.clock.sleep(seconds, background=True)
        leg.end("time_limit", "unknown")

    async def _detect(self, leg: Leg, detection: str, callee: Callee) -> None:
        """Answering machine detection: who is it, and for a machine, is its greeting over?"""
        await leg.clock.sleep(2.5)
        premium = detection.startswith("premium")
        result: str = callee.answers
        if premium:
            result = {"human": "human_residence"}.get(result, result)
            leg.emit("call.machine.premium.detection.ended", {**leg.numbers(), "result": result})
        else:
            leg.emit("call.machine.detection.ended", {**leg.numbers(), "result": result})
        if callee.answers != "machine" or detection == "detect":
            return
        await leg.clock.sleep(3.0)
        beep = detection in ("detect_beep", "greeting_end") or premium
        kind = "call.machine.premium.greeting.ended" if premium else "call.machine.greeting.ended"
        leg.emit(kind, {**leg.numbers(), "result": "beep_detected" if beep else "ended"})
