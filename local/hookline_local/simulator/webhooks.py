"""Webhooks on their way: signed, posted, retried, sent to the failover URL, logged.

Faults of webhooks are injected here. Sources: Telnyx's "Receiving webhooks" and "Voice API webhooks".
"""

import asyncio
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from hookline_local.base.signing import sign
from hookline_local.simulator.clock import CallClock, format_timestamp
from hookline_local.simulator.faults import FaultInjector
from hookline_local.simulator.observations import Answered, Observers, Sending
from hookline_local.simulator.settings import Config

USER_AGENT = "telnyx-webhooks"
USER_ID = "2a1d9f3c-6a2e-4c7e-9d61-0d9f8f2f6c11"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the webhooks of one event go."""

    urls: Sequence[str]
    """The first, then the failover after two failures in a row."""
    method: str = "POST"
    retry_delays_seconds: Sequence[float]
    timeout_seconds: float
    api_version: str = "2"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One event to be sent."""

    id: str
    type: str
    occurred_at: str
    payload: Mapping[str, object]
    address: Address
    clock: CallClock
    call_session_id: str
    call_number: int
    """Which call of this simulator it belongs to, from 1: faults depend on it."""
    call_control_id: str
    call_leg_id: str

    def data(self) -> dict[str, object]:
        """The `data` object of a v2 delivery."""
        return {
            "event_type": self.type,
            "id": self.id,
            "occurred_at": self.occurred_at,
            "payload": self.payload,
            "record_type": "event",
        }

    def body(self, *, attempt: int, url: str) -> bytes:
        """The request's body: API version 2 has an envelope, version 1 is flat with underscores in the type."""
        if self.address.api_version == "1":
            content: dict[str, object] = {
                "record_type": "event",
                "id": self.id,
                "event_type": self.type.replace(".", "_"),
                "created_at": format_timestamp(datetime.now(UTC)),
                "payload": {**self.payload, "occurred_at": self.occurred_at},
            }
        else:
            content = {"data": self.data(), "meta": {"attempt": attempt, "delivered_to": url}}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


ATTEMPT_FAULTS = ("duplicate", "lose", "drop", "wrong_signature", "corrupt")


class WebhookSender:
    """Delivers webhooks, each in a task of its own: like Telnyx it waits for no earlier one."""

    def __init__(self, config: Config, injector: FaultInjector, observers: Observers, http: httpx.AsyncClient) -> None:
        self._config = config
        self._injector = injector
        self._observers = observers
        self._client = http
        self._next_delivered: dict[str, asyncio.Future[None]] = {}
        self.log: deque[dict[str, Any]] = deque(maxlen=config.log_limit)

    async def deliver(self, webhook: Webhook) -> None:
        """Attempt after attempt, until it is delivered, refused for good, or the retries are used up.

        The caller has called `webhook.clock.busy()`; it is ended here.
        """
        try:
            await self._deliver(webhook)
        finally:
            webhook.clock.done()
            waiting = self._next_delivered.pop(webhook.call_session_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def _should_inject(self, fault: str, webhook: Webhook) -> bool:
        return self._injector.should_inject(fault, kind=webhook.type, of=f"call {webhook.call_number}")

    async def _deliver(self, webhook: Webhook) -> None:
        await self._let_pass(webhook.clock, self._config.webhook_seconds)
        if self._should_inject("forge", webhook):
            await self._forge(webhook)
        if self._should_inject("delay", webhook):
            await self._let_pass(webhook.clock, self._injector.faults.delay_seconds)
        if self._should_inject("reorder", webhook):
            await self._after_another(webhook)
        delivery = _Delivery(webhook, {fault for fault in ATTEMPT_FAULTS if self._should_inject(fault, webhook)})
        self.log.append(delivery.record)
        for attempt, delay in enumerate((0.0, *webhook.address.retry_delays_seconds), start=1):
            if delay:
                await self._let_pass(webhook.clock, delay)
            statuses = await self._attempts(delivery, attempt)
            if delivery.note(statuses):
                return

    async def _attempts(self, delivery: "_Delivery", attempt: int) -> Sequence[int | None]:
        """The statuses of one attempt, or of two at once when it is duplicated."""
        if delivery.is_lost(attempt):
            return [await self._lose(delivery, attempt)]
        copies = [delivery.fault(attempt), *(["duplicate"] if delivery.is_duplicated() else [])]
        return await asyncio.gather(*(self._attempt(delivery, attempt, fault) for fault in copies))

    async def _let_pass(self, clock: CallClock, seconds: float) -> None:
        """Call time goes on meanwhile."""
        clock.done()
        try:
            await clock.sleep(seconds)
        finally:
            clock.busy()

    async def _after_another(self, webhook: Webhook) -> None:
        """Until another webhook of the call is through, 3 call seconds at most."""
        session = webhook.call_session_id
        waiting = self._next_delivered.setdefault(session, asyncio.get_running_loop().create_future())
        webhook.clock.done()
        try:
            await webhook.clock.wait(waiting, 3.0)
        finally:
            webhook.clock.busy()

    async def _lose(self, delivery: "_Delivery", attempt: int) -> int | None:
        """An attempt that reaches no one."""
        webhook, url = delivery.webhook, delivery.url
        outcome = _Outcome(problem="lost on the way")
        self._observers(_sending(webhook, attempt=attempt, url=url, fault="drop"))
        await self._let_pass(webhook.clock, webhook.address.timeout_seconds)
        delivery.log(outcome, request={"url": url})
        self._observers(_answered(webhook, outcome, attempt=attempt, url=url, fault="drop"))
        return None

    async def _forge(self, webhook: Webhook) -> None:
        """A webhook of a stranger: an event of their own, their key."""
        url = webhook.address.urls[0]
        data = {**webhook.data(), "id": str(uuid.uuid4())}
        body = json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": url}}).encode()
        headers = self._headers(body, seed=secrets.token_bytes(32))
        await self._observed(webhook, body, headers, attempt=1, url=url, fault="forge")

    async def _attempt(self, delivery: "_Delivery", attempt: int, fault: str | None) -> int | None:
        """The HTTP status of one attempt, newly signed; None when there was no answer in time."""
        webhook, url = delivery.webhook, delivery.url
        body = webhook.body(attempt=attempt, url=url)
        seed = secrets.token_bytes(32) if fault == "wrong_signature" else self._config.signing_seed
        headers = self._headers(body, seed=seed)
        if fault == "corrupt":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        outcome = await self._observed(webhook, body, headers, attempt=attempt, url=url, fault=fault)
        delivery.log(outcome, request={"url": url, "headers": [[key, value] for key, value in headers.items()]})
        return outcome.status

    def _headers(self, body: bytes, *, seed: bytes) -> dict[str, str]:
        timestamp = int(time.time() + self._injector.faults.clock_skew_seconds)
        return {"content-type": "application/json", "user-agent": USER_AGENT, **sign(body, timestamp, seed)}

    async def _observed(
        self, webhook: Webhook, body: bytes, headers: dict[str, str], *, attempt: int, url: str, fault: str | None
    ) -> "_Outcome":
        self._observers(_sending(webhook, attempt=attempt, url=url, fault=fault))
        outcome = _Outcome()
        timeout_seconds = webhook.address.timeout_seconds * self._config.patience
        try:
            async with asyncio.timeout(timeout_seconds):
                outcome.take(await self._request(webhook.address.method, url, body, headers))
        except TimeoutError:
            outcome.problem = f"no answer within {timeout_seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            outcome.problem = f"{type(error).__name__}: {error}".rstrip(": ")
        self._observers(_answered(webhook, outcome, attempt=attempt, url=url, fault=fault))
        return outcome

    async def _request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        if method == "GET":
            # The signature does not cover a query, which is why no application should ask for this.
            return await self._client.get(url, params=_flat(json.loads(body)), headers=headers)
        return await self._client.post(url, content=body, headers=headers)


class _Outcome:
    """The result of an attempt, with the time since it began."""

    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem
        self.status: int | None = None
        self.text = ""
        self.answer: object = None
        self.started_at = format_timestamp(datetime.now(UTC))
        self._began = time.monotonic()

    @property
    def milliseconds(self) -> float:
        return (time.monotonic() - self._began) * 1000

    def take(self, response: httpx.Response) -> None:
        """There was an answer."""
        self.status, self.text = response.status_code, response.text[:2000]
        try:
            self.answer = response.json()
        except ValueError:
            self.answer = None


class _Delivery:
    """The attempts of one webhook: their faults, their URL, their record in the log."""

    def __init__(self, webhook: Webhook, faults: set[str]) -> None:
        self.webhook = webhook
        self.url = webhook.address.urls[0]
        self.record: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "record_type": "webhook_delivery",
            "user_id": USER_ID,
            "status": "failed",
            "started_at": format_timestamp(datetime.now(UTC)),
            "finished_at": None,
            "webhook": webhook.data(),
            "attempts": [],
        }
        self._faults = faults
        self._failover = list(webhook.address.urls[1:])
        self._failures = 0
        self._duplicated = "duplicate" not in faults

    def is_lost(self, attempt: int) -> bool:
        """Whether this attempt reaches no one."""
        return "lose" in self._faults or ("drop" in self._faults and attempt == 1)

    def is_duplicated(self) -> bool:
        """Whether to send this attempt twice: once per webhook, at the first attempt that is not lost."""
        first = not self._duplicated
        self._duplicated = True
        return first

    def fault(self, attempt: int) -> str | None:
        """The fault in the content of this attempt."""
        if "wrong_signature" in self._faults:
            return "wrong_signature"
        return "corrupt" if "corrupt" in self._faults and attempt == 1 else None

    def note(self, statuses: Sequence[int | None]) -> bool:
        """Record the statuses of an attempt; whether it was the last one."""
        self.record["finished_at"] = format_timestamp(datetime.now(UTC))
        if any(_is_delivered(status) for status in statuses):
            self.record["status"] = "delivered"
            return True
        if all(_is_final(status) for status in statuses):
            return True
        self._failures += 1
        if self._failures == 2 and self._failover:
            self.url, self._failures = self._failover.pop(0), 0
        return False

    def log(self, outcome: _Outcome, *, request: dict[str, Any]) -> None:
        """The newest attempt stands first, as in Telnyx's log."""
        self.record["attempts"].insert(
            0,
            {
                "status": "delivered" if _is_delivered(outcome.status) else "failed",
                "started_at": outcome.started_at,
                "finished_at": format_timestamp(datetime.now(UTC)),
                "errors": [],
                "http": {
                    "request": request,
                    "response": {"status": outcome.status, "headers": [], "body": outcome.problem or outcome.text},
                },
            },
        )


def _is_delivered(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _is_final(status: int | None) -> bool:
    """A 4xx that refuses the webhook: it is not retried."""
    return status is not None and 400 <= status < 500 and status not in (408, 429)


def _sending(webhook: Webhook, *, attempt: int, url: str, fault: str | None) -> Sending:
    return Sending(
        event_type=webhook.type,
        event_id=webhook.id,
        call_control_id=webhook.call_control_id,
        call_leg_id=webhook.call_leg_id,
        call_session_id=webhook.call_session_id,
        attempt=attempt,
        url=url,
        fault=fault,
    )


def _answered(webhook: Webhook, outcome: _Outcome, *, attempt: int, url: str, fault: str | None) -> Answered:
    return Answered(
        event_type=webhook.type,
        event_id=webhook.id,
        call_control_id=webhook.call_control_id,
        call_leg_id=webhook.call_leg_id,
        call_session_id=webhook.call_session_id,
        attempt=attempt,
        url=url,
        fault=fault,
        status=outcome.status,
        milliseconds=outcome.milliseconds,
        answer=outcome.answer,
        problem=outcome.problem,
    )


def _flat(content: object, name: str = "") -> dict[str, str]:
    """{"data": {"id": 1}} as {"data[id]": "1"}."""
    if isinstance(content, Mapping):
        flat: dict[str, str] = {}
        for key, value in content.items():
            flat |= _flat(value, f"{name}[{key}]" if name else str(key))
        return flat
    return {name: content if isinstance(content, str) else json.dumps(content)}
