"""The exchange: every call there is, the applications and queues they belong to, and how calls come about."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from hookline_local.simulator.api_errors import Refusal
from hookline_local.simulator.calls.caller import play
from hookline_local.simulator.calls.legs import Leg, Session
from hookline_local.simulator.calls.recording import Archive
from hookline_local.simulator.clock import spelled
from hookline_local.simulator.faults import Dice
from hookline_local.simulator.observations import Observers, Remark, Told
from hookline_local.simulator.scenario import FarEnd, Scenario
from hookline_local.simulator.settings import Config
from hookline_local.simulator.webhooks import Courier

COMMAND_ID_SECONDS = 60.0
"""On the wall's clock: how long a command_id is remembered."""

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Queue:
    """Calls that wait."""

    name: str
    max_size: int
    legs: list[Leg] = field(default_factory=list)


class Exchange:
    """Everything that the stand-in knows."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.dice = Dice(config.seed, config.misbehaviour)
        self.observers = Observers()
        # No timeout of its own: webhooks.py and playing.py keep the time.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=2.0)
        self.http = httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False, limits=limits)  # noqa: S113
        self.courier = Courier(config, self.dice, self.observers, self.http)
        self.archive = Archive(links_expire_after_seconds=config.links_expire_after_seconds)
        self.legs: dict[str, Leg] = {}
        self.sessions: list[Session] = []
        self.queues: dict[str, Queue] = {}
        self.far_ends: dict[str, FarEnd] = dict(config.far_ends)
        self.applications: dict[str, dict[str, Any]] = {}
        self.call_events: deque[dict[str, Any]] = deque(maxlen=config.log_limit)
        self.dialled: dict[str, tuple[float, dict[str, object]]] = {}
        self.told: deque[Told] = deque(maxlen=config.log_limit)
        self.crashes: list[BaseException] = []
        self.add_application(
            {
                "application_name": "stand-in",
                "webhook_event_url": config.webhook_url,
                "webhook_api_version": config.webhook_api_version,
            },
            connection_id=config.connection_id,
        )

    def crashed(self, error: BaseException | None) -> None:
        """A fault of the stand-in's own: it is logged, and raised when the stand-in stops."""
        if error is not None:
            logger.error("the stand-in for Telnyx has a bug", exc_info=error)
            self.crashes.append(error)

    async def close(self) -> None:
        """End every call without a word and let go of everything."""
        tasks = [task for session in self.sessions for task in session.tasks]
        for session in self.sessions:
            session.clock.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.http.aclose()

    # What it is asked

    def leg(self, call_control_id: str) -> Leg:
        """Raises Refusal 90015 when there is no such leg."""
        leg = self.legs.get(call_control_id)
        if leg is None:
            raise Refusal("90015", "The call_control_id provided was not valid.")
        return leg

    def find(self, any_id: str) -> Session | None:
        """The session of a leg, session or call control id."""
        for session in self.sessions:
            legs = (leg for leg in session.legs if any_id in (leg.call_control_id, leg.call_leg_id))
            if session.id == any_id or next(legs, None) is not None:
                return session
        return None

    def add_application(self, wishes: Mapping[str, Any], *, connection_id: str | None = None) -> dict[str, Any]:
        """A Call Control Application. By API its webhooks are version 1 unless it is said otherwise, as at Telnyx."""
        now = spelled(datetime.now(UTC))
        application: dict[str, Any] = {
            "id": connection_id or str(uuid.uuid4().int % 10**19),
            "record_type": "call_control_application",
            "active": True,
            "anchorsite_override": "Latency",
            "application_name": "",
            "call_cost_in_webhooks": False,
            "created_at": now,
            "dtmf_type": "RFC 2833",
            "first_command_timeout": False,
            "first_command_timeout_secs": 30,
            "inbound": {},
            "outbound": {},
            "redact_dtmf_debug_logging": False,
            "tags": [],
            "updated_at": now,
            "webhook_api_version": "1",
            "webhook_event_failover_url": None,
            "webhook_event_url": None,
            "webhook_timeout_secs": None,
            **wishes,
        }
        self.applications[application["id"]] = application
        return application

    def note(self, leg: Leg, kind: str, name: str, content: Mapping[str, object], *, at: str | None = None) -> None:
        """Into the log behind GET /v2/call_events. kind: "webhook" or "command"."""
        self.call_events.append(
            {
                "record_type": "call_event",
                "type": kind,
                "name": name,
                "call_leg_id": leg.call_leg_id,
                "call_session_id": leg.session.id,
                "event_timestamp": at or leg.clock.stamp(),
                "metadata": {"connection_id": leg.connection_id, "event": dict(content)},
            }
        )

    # How calls come about

    def new_session(self) -> Session:
        """One more conversation."""
        session = Session(self, len(self.sessions) + 1)
        self.sessions.append(session)
        return session

    def place_inbound_call(self, scenario: Scenario, *, connection_id: str | None = None) -> Leg:
        """Somebody calls one of the numbers. Raises ValueError when there is no such application."""
        connection_id = connection_id or self.config.connection_id
        if connection_id not in self.applications:
            raise ValueError(f"{connection_id}: there is no such application")
        self.far_ends.update(scenario.far_ends)
        leg = Leg(
            self.new_session(),
            direction="incoming",
            from_number=scenario.from_number,
            to_number=scenario.to_number,
            connection_id=connection_id,
            caller_id_name=scenario.caller_id_name or scenario.from_number.removeprefix("+"),
        )
        self.observers(Remark(text=f"{leg.from_number} calls {leg.to_number}", call_session_id=leg.session.id))
        leg.emit(
            "call.initiated",
            {
                **leg.ends(),
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
        leg.spawn(self._ring_out(leg))
        leg.spawn(play(leg, scenario.steps, patience_seconds=scenario.patience_seconds * self.config.patience))
        return leg

    async def _ring_out(self, leg: Leg) -> None:
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
        """A leg to somebody; dial and transfer have this in common. The caller starts `pick_up`."""
        leg = Leg(
            session,
            direction="outgoing",
            from_number=from_number,
            to_number=to_number,
            connection_id=connection_id,
            client_state=client_state,
        )
        leg.take_webhooks(body)
        leg.park_after_unbridge = "park_after_unbridge" in body
        payload: dict[str, object] = {**leg.ends(), "direction": "outgoing", "state": "bridging", "custom_headers": []}
        if not to_number.startswith("sip"):
            # An outgoing SIP leg was seen without a start_time.
            payload["start_time"] = leg.start_time
        leg.emit("call.initiated", payload)
        return leg

    async def pick_up(self, leg: Leg, body: Mapping[str, Any]) -> bool:
        """What happens at the far end: it answers (True), or the leg ends."""
        far_end = self.far_ends.get(leg.to_number, self.config.far_end)
        patience = body.get("timeout_secs", 30)
        if far_end.answers == "no_answer" or far_end.after >= patience:
            await leg.clock.sleep(patience)
            leg.end("timeout", "unknown")
            return False
        await leg.clock.sleep(far_end.after)
        if leg.state != "ringing":
            return False
        refused = {"busy": "user_busy", "rejected": "call_rejected", "not_found": "not_found"}.get(far_end.answers)
        if refused is not None:
            leg.end(refused, "callee")
            return False
        leg.answered()
        leg.spawn(self.time_limit(leg, body.get("time_limit_secs", 14_400)))
        leg.spawn(play(leg, far_end.steps, patience_seconds=30.0 * self.config.patience))
        detection = body.get("answering_machine_detection", "disabled")
        if detection != "disabled":
            leg.spawn(self._detect(leg, detection, far_end))
        return True

    async def time_limit(self, leg: Leg, seconds: float) -> None:
        """No call lasts longer."""
        await leg.clock.sleep(seconds, background=True)
        leg.end("time_limit", "unknown")

    async def _detect(self, leg: Leg, detection: str, far_end: FarEnd) -> None:
        """Answering machine detection: who is it, and for a machine, is its greeting over?"""
        await leg.clock.sleep(2.5)
        premium = detection.startswith("premium")
        result: str = far_end.answers
        if premium:
            result = {"human": "human_residence"}.get(result, result)
            leg.emit("call.machine.premium.detection.ended", {**leg.ends(), "result": result})
        else:
            leg.emit("call.machine.detection.ended", {**leg.ends(), "result": result})
        if far_end.answers != "machine" or detection == "detect":
            return
        await leg.clock.sleep(3.0)
        beep = detection in ("detect_beep", "greeting_end") or premium
        kind = "call.machine.premium.greeting.ended" if premium else "call.machine.greeting.ended"
        leg.emit(kind, {**leg.ends(), "result": "beep_detected" if beep else "ended"})

    # Queues

    def enqueue(self, leg: Leg, name: str, *, max_size: int | None, max_wait_seconds: int | None) -> None:
        """Raises Refusal: 90036 full, 90037 another size than it was made with, 90038 waiting already."""
        if leg.queue is not None:
            raise Refusal("90038")
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name=name, max_size=max_size or 100)
        elif max_size is not None and max_size != queue.max_size:
            raise Refusal("90037", pointer="/max_size")
        if len(queue.legs) >= queue.max_size:
            raise Refusal("90036")
        leg.unbridge()
        queue.legs.append(leg)
        leg.queue, leg.queued_at = name, leg.clock.elapsed()
        leg.emit("call.enqueued", {"queue": name, "current_position": len(queue.legs), "queue_avg_wait_time_secs": 0})
        if max_wait_seconds is not None:
            leg.spawn(self._wait_in_vain(leg, name, max_wait_seconds))

    async def _wait_in_vain(self, leg: Leg, name: str, seconds: float) -> None:
        since = leg.queued_at
        await leg.clock.sleep(seconds)
        if leg.queue == name and leg.queued_at == since:
            self.dequeue(leg, "timeout")

    def dequeue(self, leg: Leg, reason: str) -> None:
        """reason: bridged, bridging-in-process, hangup, leave or timeout. Raises Refusal 90035 if it is in none."""
        if leg.queue is None:
            raise Refusal("90035")
        queue, leg.queue = self.queues[leg.queue], None
        place = queue.legs.index(leg) + 1
        queue.legs.remove(leg)
        if not queue.legs:
            del self.queues[queue.name]
        leg.emit(
            "call.dequeued",
            {
                "queue": queue.name,
                "queue_position": place,
                "reason": reason,
                "wait_time_secs": int(leg.clock.elapsed() - leg.queued_at),
            },
        )
