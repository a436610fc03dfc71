"""A call as the exchange knows it: legs with their state, gathered in sessions, and the events they give rise to.

What a leg can do stands in rooms of its own (playing, gathering, recording, media); here is what they share: who the
leg is, in which state, where its webhooks go, and what happens to all of it when the call ends.
"""

import asyncio
import secrets
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hookline_local.simulator.calls.gathering import Gathering
from hookline_local.simulator.calls.media import Forking, Streaming
from hookline_local.simulator.calls.playing import Player
from hookline_local.simulator.calls.recording import Recording
from hookline_local.simulator.clock import CallClock
from hookline_local.simulator.webhooks import Address, Webhook

if TYPE_CHECKING:
    from hookline_local.simulator.calls.exchange import Exchange

HANGUP_EVENTS_SIP = {
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
    """Something that has happened in a session: an event, or a command that was obeyed."""

    name: str
    content: Mapping[str, object]


@dataclass(kw_only=True)
class Transcribing:
    """Live transcription of a leg."""

    tracks: Literal["inbound", "outbound", "both"]
    interim: bool

    def hears(self, track: str) -> bool:
        """Does it listen to this track?"""
        return self.tracks in (track, "both")


NODE = 0x00005E005301
"""The hardware address in the ids of legs and sessions: one for documentation (RFC 7042), not this machine's own."""


class Session:
    """Legs that belong together, their common clock, their history, their tasks."""

    def __init__(self, exchange: "Exchange", number: int) -> None:
        """number: which session of this exchange it is, from 1."""
        self.exchange = exchange
        self.number = number
        self.id = str(uuid.uuid1(NODE))
        self.clock = CallClock(exchange.config.speed, grace_seconds=exchange.config.grace_seconds)
        self.legs: list[Leg] = []
        self.history: list[Occurrence] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.scenario_failed: str | None = None
        self._changed: asyncio.Future[None] | None = None

    def happened(self, name: str, content: Mapping[str, object]) -> None:
        """Write it into the history and wake those who wait for it."""
        self.history.append(Occurrence(name, content))
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def next(self, place: int, name: str, where: Mapping[str, object]) -> int:
        """Wait for the first occurrence of that name at or after `place`; the place after it."""
        while True:
            for found in range(place, len(self.history)):
                occurrence = self.history[found]
                if occurrence.name == name and all(occurrence.content.get(key) == where[key] for key in where):
                    return found + 1
            place = len(self.history)
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
        if not task.cancelled() and task.exception() is not None:
            self.exchange.crashed(task.exception())

    @property
    def alive(self) -> bool:
        """Is there a leg that has not ended?"""
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
        self.exchange = session.exchange
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
        """Has it been told to answer, and not yet done so?"""
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

        self.player = Player(self)
        self.gathering: Gathering | None = None
        self.recordings: list[Recording] = []
        self.transcribing: Transcribing | None = None
        self.streaming: Streaming | None = None
        self.forking: Forking | None = None
        self.queue: str | None = None
        self.queued_at = 0.0
        self.keep_queued = False
        self.other: Leg | None = None
        """The leg it is bridged with."""
        self.calling: list[Leg] = []
        """Legs that ring because this one is being transferred."""
        self.park_after_unbridge = False
        self.speaking = False
        """Does the person on this leg speak just now?"""
        self._voice = asyncio.Lock()
        self.tasks: set[asyncio.Task[None]] = set()
        self.command_ids: dict[str, tuple[float, dict[str, object]]] = {}
        session.legs.append(self)
        self.exchange.legs[self.call_control_id] = self

    # What it says of itself

    def identity(self) -> dict[str, object]:
        """The keys that almost every event has."""
        return {
            "call_control_id": self.call_control_id,
            "call_leg_id": self.call_leg_id,
            "call_session_id": self.session.id,
            "client_state": self.client_state,
            "connection_id": self.connection_id,
        }

    def ends(self) -> dict[str, object]:
        """from and to, which some events have."""
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
        """An event has occurred: write it down and send its webhook. Returns the event's id."""
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
        self.exchange.note(self, "webhook", event_type, webhook.data(), at=webhook.occurred_at)
        if address.urls:
            self.clock.busy()
            self.session.spawn(self.exchange.courier.deliver(webhook))
        self.session.happened(event_type, content)
        return webhook.id

    def _address(self, event_type: str) -> Address:
        """The leg's own URLs for the type, else its webhook_url, else those of its application."""
        application = self.exchange.applications[self.connection_id]
        config = self.exchange.config
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

    def take_webhooks(self, body: Mapping[str, Any]) -> None:
        """webhook_url, webhook_urls and webhook_retries_policies of answer, dial and transfer."""
        if "webhook_url" in body:
            self.webhook_url = (body["webhook_url"], body.get("webhook_url_method", "POST"))
        self.webhook_urls_method = body.get("webhook_urls_method", "POST")
        for event_type, urls in body.get("webhook_urls", {}).items():
            self.webhook_urls[event_type] = tuple(urls) if isinstance(urls, list) else (urls,)
        for event_type, policy in body.get("webhook_retries_policies", {}).items():
            self.retries[event_type] = tuple(wait / 1000 for wait in policy["retries_ms"])

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it until it is over or the leg ends."""
        task = self.session.spawn(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # Its life

    def answered(self) -> None:
        """It has been picked up."""
        self.state, self.answering = "answered", False
        self.emit(
            "call.answered",
            {**self.ends(), "start_time": self.start_time, "codec": "PCMU", "sampling_rate": 8000},
        )

    def bridge(self, other: "Leg") -> None:
        """The two hear each other from now on; one event per leg."""
        self.other, other.other = other, self
        for leg in (self, other):
            leg.emit("call.bridged", {**leg.ends(), "start_time": leg.start_time})

    def unbridge(self) -> None:
        """Each is alone again."""
        if self.other is not None:
            self.other.other = None
            self.other = None

    def end(self, cause: str, source: Literal["caller", "callee", "unknown"], *, sip: str | None = None) -> None:
        """The call is over for this leg: everything on it stops, then call.hangup. Twice is once."""
        if self.state == "ended":
            return
        self.state = "ended"
        if self.streaming is not None:
            self.streaming.stop()
        if self.forking is not None:
            self.forking.stop()
        if self.gathering is not None:
            self.gathering.end("call_hangup")
        self.player.finish("call_hangup")
        self.transcribing = None
        if self.queue is not None and not self.keep_queued:
            self.exchange.dequeue(self, "hangup")
        for recording in list(self.recordings):
            recording.stop()
        for leg in self.calling:
            leg.end("originator_cancel", "caller")
        other, self.other = self.other, None
        self.end_time = self.clock.stamp()
        self.duration_seconds = self.clock.elapsed() - self.started
        self.hangup_cause = cause
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
                **self.ends(),
                "call_quality_stats": stats if cause in ("normal_clearing", "time_limit") else None,
                "custom_headers": [],
                "end_time": self.end_time,
                "hangup_cause": cause,
                "hangup_source": source,
                "sip_hangup_cause": sip or HANGUP_EVENTS_SIP[cause],
                "start_time": self.start_time,
                "telnyx_error": None,
            },
        )
        if not self.ended.done():
            self.ended.set_result(None)
        current = asyncio.current_task()
        for task in [task for task in self.tasks if task is not current]:
            task.cancel()
        if other is not None:
            other.other = None
            if not other.park_after_unbridge:
                other.end("normal_clearing", "unknown")

    # What the person on the phone does

    def hangs_up(self) -> None:
        """The person puts the receiver down."""
        person: Literal["caller", "callee"] = "caller" if self.direction == "incoming" else "callee"
        self.end("normal_clearing" if self.state == "answered" else "originator_cancel", person)

    def press(self, digit: str) -> None:
        """A key: call.dtmf.received, and whoever collects digits gets it."""
        if self.state != "answered":
            return
        self.emit("call.dtmf.received", {**self.ends(), "digit": digit})
        if self.streaming is not None:
            self.streaming.pressed(digit)
        if self.gathering is not None:
            self.gathering.pressed(digit)

    async def says(self, text: str, *, track: Literal["inbound", "outbound"] = "inbound") -> None:
        """Speak for as long as the text takes, one sentence after another; heard by transcription and recordings."""
        async with self._voice:
            await self._speak(text, track)

    async def _speak(self, text: str, track: Literal["inbound", "outbound"]) -> None:
        seconds = len(text) / self.exchange.config.characters_per_second
        words = text.split()
        self.heard()
        self.speaking = True
        try:
            interims = [words[: len(words) * part // 3] for part in (1, 2)]
            for said in interims:
                await self.clock.sleep(seconds / 3)
                if said and self.transcribing is not None and self.transcribing.interim:
                    self._transcript(" ".join(said), track, final=False)
            await self.clock.sleep(seconds / 3)
        finally:
            self.speaking = False
        self.said(text, track)

    def said(self, text: str, track: Literal["inbound", "outbound"]) -> None:
        """A whole utterance was on the line."""
        self.heard(text)
        if self.state == "answered":
            self._transcript(text, track, final=True)

    def heard(self, text: str = "") -> None:
        """There is sound on the line: recordings that wait for silence wait anew."""
        for recording in self.recordings:
            recording.heard(text)

    def _transcript(self, text: str, track: str, *, final: bool) -> None:
        if self.transcribing is None or not self.transcribing.hears(track):
            return
        self.emit(
            "call.transcription",
            {
                "transcription_data": {
                    "confidence": 0.97 if final else 0.0,
                    "is_final": final,
                    "transcript": text,
                    "transcription_track": track,
                }
            },
        )
