"""Legs with their state, gathered in sessions, and the events they give rise to.

What runs on a leg is an activity with a module of its own (playing, gathering, recording, media, transcribing,
queueing), which a leg knows by `activity.Activity` alone. Here is what they share: who the leg is, in which state,
where its webhooks go, and what happens when the call ends.
"""

import asyncio
import secrets
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from hookline_local.simulator.calls.account import Account
from hookline_local.simulator.calls.activity import Activity, Track, Utterance
from hookline_local.simulator.clock import CallClock
from hookline_local.simulator.observations import Remark
from hookline_local.simulator.webhooks import Address, Webhook

A = TypeVar("A", bound=Activity)

SIP_CAUSES = {
    "normal_clearing": "200",
    "originator_cancel": "487",
    "timeout": "487",
    "time_limit": "200",
    "user_busy": "486",
    "call_rejected": "603",
    "not_found": "404",
    "no_answer": "480",
    "unspecified": "unspecified",
}


@dataclass(frozen=True)
class Occurrence:
    """Something that has happened in a session: an event, or a command that was executed."""

    name: str
    content: Mapping[str, object]


NODE = 0x00005E005301
"""The hardware address in the ids of legs and sessions: one for documentation (RFC 7042), not this machine's own."""


class Session:
    """Legs that belong together, their common clock, their history, their tasks."""

    def __init__(self, account: Account, number: int) -> None:
        """number: which session of the account it is, from 1."""
        self.account = account
        self.number = number
        self.id = str(uuid.uuid1(NODE))
        self.clock = CallClock(account.config.speed, grace_seconds=account.config.grace_seconds)
        self.legs: list[Leg] = []
        self.history: list[Occurrence] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.scenario_failed: str | None = None
        self._changed: asyncio.Future[None] | None = None

    def happened(self, name: str, content: Mapping[str, object]) -> None:
        """Append it to the history and wake the tasks that wait for it."""
        self.history.append(Occurrence(name, content))
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def next(self, index: int, name: str, where: Mapping[str, object]) -> int:
        """Wait for the first occurrence of that name at or after `index`; the index after it."""
        while True:
            for found in range(index, len(self.history)):
                occurrence = self.history[found]
                if occurrence.name == name and all(occurrence.content.get(key) == where[key] for key in where):
                    return found + 1
            index = len(self.history)
            if self._changed is None or self._changed.done():
                self._changed = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._changed)

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it beside everything else; the session is not settled before it is over."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.account.report_bug(error)

    @property
    def alive(self) -> bool:
        """Whether a leg has not ended yet."""
        return any(leg.state != "ended" for leg in self.legs)

    async def settled(self) -> None:
        """Wait until every leg has ended and every webhook about it has been dealt with."""
        while self.alive or self.tasks:
            waiting: list[asyncio.Future[Any]] = [leg.ended for leg in self.legs if not leg.ended.done()]
            waiting += list(self.tasks)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


class Leg:
    """One leg of a call."""

    def __init__(
        self,
        session: Session,
        *,
        direction: Literal["incoming", "outgoing"],
        from_number: str,
        to_number: str,
        connection_id: str,
        client_state: str | None = None,
        caller_id_name: str | None = None,
    ) -> None:
        self.session = session
        self.account = session.account
        self.clock = session.clock
        self.direction = direction
        self.from_number = from_number
        self.to_number = to_number
        self.connection_id = connection_id
        self.client_state = client_state
        self.caller_id_name = caller_id_name
        self.call_control_id = f"v3:{secrets.token_urlsafe(42)}"
        self.call_leg_id = str(uuid.uuid1(NODE))
        self.state: Literal["ringing", "answered", "ended"] = "ringing"
        self.answering = False
        """Whether it has been commanded to answer and is not answered yet."""
        self.start_time = self.clock.stamp()
        self.started = self.clock.elapsed()
        self.end_time: str | None = None
        self.duration_seconds = 0.0
        self.hangup_cause: str | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        self.webhook_url: tuple[str, str] | None = None
        self.webhook_urls: dict[str, tuple[str, ...]] = {}
        self.webhook_urls_method = "POST"
        self.retries: dict[str, tuple[float, ...]] = {}

        self.activities: list[Activity] = []
        self.other: Leg | None = None
        """The leg it is bridged with."""
        self.calling: list[Leg] = []
        """Legs that ring because this one is being transferred."""
        self.park_after_unbridge = False
        self.speaking = False
        """Whether the person on this leg is speaking just now."""
        self._voice = asyncio.Lock()
        self.tasks: set[asyncio.Task[None]] = set()
        self.command_ids: dict[str, tuple[float, dict[str, object]]] = {}
        session.legs.append(self)

    # Activities

    def start(self, activity: Activity) -> None:
        """Report to it what happens on the line, until `finish` or the end of the leg."""
        self.activities.append(activity)

    def finish(self, activity: Activity) -> bool:
        """Report nothing to it any more. False: it had finished already."""
        running = activity in self.activities
        if running:
            self.activities.remove(activity)
        return running

    def running(self, kind: type[A]) -> list[A]:
        """The activities of one kind, the first started first."""
        return [activity for activity in self.activities if isinstance(activity, kind)]

    def find(self, kind: type[A]) -> A | None:
        """The activity of a kind of which a leg has one at most."""
        return next(iter(self.running(kind)), None)

    # Its properties

    def identity(self) -> dict[str, object]:
        """The keys that almost every event has."""
        return {
            "call_control_id": self.call_control_id,
            "call_leg_id": self.call_leg_id,
            "call_session_id": self.session.id,
            "client_state": self.client_state,
            "connection_id": self.connection_id,
        }

    def numbers(self) -> dict[str, object]:
        """The keys from and to, which some events have."""
        return {"from": self.from_number, "to": self.to_number}

    def status(self) -> dict[str, object]:
        """As GET /v2/calls/{call_control_id} answers."""
        alive = self.state == "answered"
        status: dict[str, object] = {
            "call_control_id": self.call_control_id,
            "call_leg_id": self.call_leg_id,
            "call_session_id": self.session.id,
            "call_duration": int(self.duration_seconds if self.end_time else self.clock.elapsed() - self.started),
            "is_alive": alive,
            "record_type": "call",
            "start_time": self.start_time,
        }
        if self.client_state is not None:
            status["client_state"] = self.client_state
        if self.end_time is not None:
            status["end_time"] = self.end_time
        return status

    # Events

    def emit(self, event_type: str, payload: Mapping[str, object], *, without: Iterable[str] = ()) -> str:
        """Log an event that has occurred and send its webhook. Returns the event's id."""
        identity = {key: value for key, value in self.identity().items() if key not in set(without)}
        content = {**identity, **payload}
        address = self._address(event_type)
        webhook = Webhook(
            id=str(uuid.uuid4()),
            type=event_type,
            occurred_at=self.clock.stamp(),
            payload=dict(sorted(content.items())),
            address=address,
            clock=self.clock,
            call_session_id=self.session.id,
            call_number=self.session.number,
            call_control_id=self.call_control_id,
            call_leg_id=self.call_leg_id,
        )
        self.log("webhook", event_type, webhook.data(), at=webhook.occurred_at)
        if address.urls:
            self.clock.busy()
            self.session.spawn(self._deliver(webhook, content))
        self.session.happened(event_type, content)
        return webhook.id

    async def _deliver(self, webhook: Webhook, content: Mapping[str, object]) -> None:
        await self.account.webhook_sender.deliver(webhook)
        self.session.happened(f"{webhook.type} delivered", content)

    def log(self, kind: str, name: str, content: Mapping[str, object], *, at: str | None = None) -> None:
        """Append to the log behind GET /v2/call_events. kind: "webhook" or "command"."""
        self.account.call_events.append(
            {
                "record_type": "call_event",
                "type": kind,
                "name": name,
                "call_leg_id": self.call_leg_id,
                "call_session_id": self.session.id,
                "event_timestamp": at or self.clock.stamp(),
                "metadata": {"connection_id": self.connection_id, "event": dict(content)},
            }
        )

    def _address(self, event_type: str) -> Address:
        """The leg's own URLs for the type, else its webhook_url, else those of its application."""
        application = self.account.applications[self.connection_id]
        config = self.account.config
        seconds = application["webhook_timeout_secs"]
        method = "POST"
        if event_type in self.webhook_urls:
            urls, method = self.webhook_urls[event_type], self.webhook_urls_method
        elif self.webhook_url is not None:
            urls, method = (self.webhook_url[0],), self.webhook_url[1]
        else:
            urls = (application["webhook_event_url"],)
        urls = tuple(url for url in (*urls, application["webhook_event_failover_url"]) if url)
        return Address(
            urls=tuple(dict.fromkeys(urls)),
            method=method,
            retry_delays_seconds=self.retries.get(event_type, config.retry_delays_seconds),
            timeout_seconds=config.webhook_timeout_seconds if seconds is None else float(seconds),
            api_version=application["webhook_api_version"],
        )

    def set_webhooks(self, body: Mapping[str, Any]) -> None:
        """webhook_url, webhook_urls and webhook_retries_policies of answer, dial and transfer."""
        if "webhook_url" in body:
            self.webhook_url = (body["webhook_url"], body.get("webhook_url_method", "POST"))
        self.webhook_urls_method = body.get("webhook_urls_method", "POST")
        for event_type, urls in body.get("webhook_urls", {}).items():
            self.webhook_urls[event_type] = tuple(urls) if isinstance(urls, list) else (urls,)
        for event_type, policy in body.get("webhook_retries_policies", {}).items():
            self.retries[event_type] = tuple(delay / 1000 for delay in policy["retries_ms"])

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it until it has finished or the leg ends."""
        task = self.session.spawn(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # Its life

    def answered(self) -> None:
        """call.answered: it has been picked up."""
        self.state, self.answering = "answered", False
        self.emit(
            "call.answered",
            {**self.numbers(), "start_time": self.start_time, "codec": "PCMU", "sampling_rate": 8000},
        )

    def bridge(self, other: "Leg") -> None:
        """Connect the two; one call.bridged per leg."""
        self.other, other.other = other, self
        for leg in (self, other):
            leg.emit("call.bridged", {**leg.numbers(), "start_time": leg.start_time})

    def unbridge(self) -> None:
        """Separate the two again."""
        if self.other is not None:
            self.other.other = None
            self.other = None

    def end(self, cause: str, source: Literal["caller", "callee", "unknown"], *, sip: str | None = None) -> None:
        """End this leg: everything on it stops, then call.hangup. Idempotent."""
        if self.state == "ended":
            return
        self.state = "ended"
        for activity in list(self.activities):
            activity.on_hangup()
        self.activities.clear()
        for leg in self.calling:
            leg.end("originator_cancel", "caller")
        other, self.other = self.other, None
        self.end_time = self.clock.stamp()
        self.duration_seconds = self.clock.elapsed() - self.started
        self.hangup_cause = cause
        self._emit_hangup(cause, source, sip or SIP_CAUSES[cause])
        self.ended.set_result(None)
        current = asyncio.current_task()
        for task in [task for task in self.tasks if task is not current]:
            task.cancel()
        if other is not None:
            other.other = None
            if not other.park_after_unbridge:
                other.end("normal_clearing", "unknown")

    def _emit_hangup(self, cause: str, source: str, sip: str) -> None:
        packets = str(int(self.duration_seconds * 50))
        stats: dict[str, object] = {
            "inbound": {
                "jitter_max_variance": "0.31",
                "jitter_packet_count": "0",
                "mos": "4.50",
                "packet_count": packets,
                "skip_packet_count": "0",
            },
            "outbound": {"packet_count": packets, "skip_packet_count": "0"},
        }
        self.emit(
            "call.hangup",
            {
                **self.numbers(),
                "call_quality_stats": stats if cause in ("normal_clearing", "time_limit") else None,
                "custom_headers": [],
                "end_time": self.end_time,
                "hangup_cause": cause,
                "hangup_source": source,
                "sip_hangup_cause": sip,
                "start_time": self.start_time,
                "telnyx_error": None,
            },
        )

    # The person on the phone

    def remark(self, text: str) -> None:
        """Let the observers know of something beside webhooks and commands."""
        self.account.observers(Remark(text=text, call_session_id=self.session.id, call_leg_id=self.call_leg_id))

    def hang_up(self) -> None:
        """The person hangs up."""
        person: Literal["caller", "callee"] = "caller" if self.direction == "incoming" else "callee"
        self.end("normal_clearing" if self.state == "answered" else "originator_cancel", person)

    def press(self, digit: str) -> None:
        """The person presses a key: call.dtmf.received."""
        if self.state != "answered":
            return
        self.emit("call.dtmf.received", {**self.numbers(), "digit": digit})
        for activity in list(self.activities):
            activity.on_key(digit)

    async def speak(self, text: str) -> None:
        """The person speaks for as long as the text takes, one text after another."""
        async with self._voice:
            await self._speak(text, "inbound")

    async def _speak(self, text: str, track: Track) -> None:
        third = len(text) / self.account.config.characters_per_second / 3
        words = text.split()
        self.report_audio()
        self.speaking = True
        try:
            for part in (1, 2):
                await self.clock.sleep(third)
                if interim := " ".join(words[: len(words) * part // 3]):
                    self._report(Utterance(text=interim, track=track, final=False))
            await self.clock.sleep(third)
        finally:
            self.speaking = False
        self.report_utterance(Utterance(text=text, track=track, final=True))

    # What is audible on the line

    def report_audio(self) -> None:
        """Something is audible: recordings restart their wait for silence."""
        for activity in list(self.activities):
            activity.on_audio()

    def report_utterance(self, utterance: Utterance) -> None:
        """A whole utterance was on the line."""
        self.report_audio()
        self._report(utterance)

    def _report(self, utterance: Utterance) -> None:
        for activity in list(self.activities):
            activity.on_utterance(utterance)
