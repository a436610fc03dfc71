"""Webhooks on their way: signed, posted, tried again, sent to the failover URL, and written into the delivery log.

Also where webhooks go wrong on purpose. Sources: Telnyx's "Receiving webhooks" and "Voice API webhooks".
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

from hookline_local.signing import sign
from hookline_local.simulator.clock import CallClock, spelled
from hookline_local.simulator.faults import Dice
from hookline_local.simulator.observations import Answered, Observers, Sending
from hookline_local.simulator.settings import Config

USER_AGENT = "telnyx-webhooks"
USER_ID = "2a1d9f3c-6a2e-4c7e-9d61-0d9f8f2f6c11"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the webhooks of one event go."""

    urls: Sequence[str]
    """The first, then where to turn after two failures in a row."""
    method: str = "POST"
    retry_delays_seconds: Sequence[float]
    timeout_seconds: float
    api_version: str = "2"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One event to be told."""

    id: str
    type: str
    occurred_at: str
    payload: Mapping[str, object]
    address: Address
    clock: CallClock
    call_session_id: str
    call_number: int
    """Which call of this stand-in it belongs to, from 1: the dice go by it."""
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
                "created_at": spelled(datetime.now(UTC)),
                "payload": {**self.payload, "occurred_at": self.occurred_at},
            }
        else:
            content = {"data": self.data(), "meta": {"attempt": attempt, "delivered_to": url}}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


class Courier:
    """Delivers webhooks, each in a task of its own: like Telnyx it waits for no earlier one."""

    def __init__(self, config: Config, dice: Dice, observers: Observers, http: httpx.AsyncClient) -> None:
        self._config = config
        self._dice = dice
        self._observers = observers
        self._client = http
        self._next_delivered: dict[str, asyncio.Future[None]] = {}
        self.log: deque[dict[str, Any]] = deque(maxlen=config.log_limit)

    async def deliver(self, webhook: Webhook) -> None:
        """Attempt after attempt, until it is delivered, refused for good, or the retries are used up.

        Whoever calls this has called `webhook.clock.busy()`; it is ended here.
        """
        try:
            await self._deliver(webhook)
        finally:
            webhook.clock.done()
            waiting = self._next_delivered.pop(webhook.call_session_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def _falls(self, fault: str, webhook: Webhook) -> bool:
        return self._dice.falls(fault, kind=webhook.type, of=f"call {webhook.call_number}")

    async def _deliver(self, webhook: Webhook) -> None:
        address = webhook.address
        await self._let_pass(webhook.clock, self._config.webhook_seconds)
        if self._falls("forge", webhook):
            await self._forge(webhook)
        if self._falls("delay", webhook):
            await self._let_pass(webhook.clock, self._dice.misbehaviour.delay_seconds)
        if self._falls("reorder", webhook):
            await self._after_another(webhook)
        copies = 2 if self._falls("duplicate", webhook) else 1
        lost, dropped = self._falls("lose", webhook), self._falls("drop", webhook)
        wrong, corrupt = self._falls("wrong_signature", webhook), self._falls("corrupt", webhook)
        record: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "record_type": "webhook_delivery",
            "user_id": USER_ID,
            "status": "failed",
            "started_at": spelled(datetime.now(UTC)),
            "finished_at": None,
            "webhook": webhook.data(),
            "attempts": [],
        }
        self.log.append(record)
        place = failures = 0
        for attempt, delay in enumerate((0.0, *address.retry_delays_seconds), start=1):
            if delay:
                await self._let_pass(webhook.clock, delay)
            url = address.urls[place]
            if lost or (dropped and attempt == 1):
                answers: Sequence[int | None] = [await self._lost(webhook, attempt=attempt, url=url, record=record)]
            else:
                fault = "wrong_signature" if wrong else "corrupt" if corrupt and attempt == 1 else None
                faults = [fault, *["duplicate"] * (copies - 1)]
                answers = await asyncio.gather(
                    *(self._attempt(webhook, attempt=attempt, url=url, fault=fault, record=record) for fault in faults)
                )
                copies = 1
            record["finished_at"] = spelled(datetime.now(UTC))
            if any(status is not None and 200 <= status < 300 for status in answers):
                record["status"] = "delivered"
                return
            if all(status is not None and 400 <= status < 500 and status not in (408, 429) for status in answers):
                return
            failures += 1
            if failures == 2 and place + 1 < len(address.urls):
                place, failures = place + 1, 0

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

    async def _lost(self, webhook: Webhook, *, attempt: int, url: str, record: dict[str, Any]) -> int | None:
        """An attempt that never reaches anybody."""
        began = time.monotonic()
        started_at = spelled(datetime.now(UTC))
        self._observers(self._sending(webhook, attempt=attempt, url=url, fault="drop"))
        await self._let_pass(webhook.clock, webhook.address.timeout_seconds)
        problem = "lost on the way"
        self._write(record, started_at=started_at, request={"url": url}, status=None, text=problem)
        self._answered(webhook, attempt, url, "drop", began=began, status=None, answer=None, problem=problem)
        return None

    async def _forge(self, webhook: Webhook) -> None:
        """A stranger's: an event of their own making, their key."""
        url = webhook.address.urls[0]
        data = {**webhook.data(), "id": str(uuid.uuid4())}
        body = json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": url}}).encode()
        await self._request(webhook, body, seed=secrets.token_bytes(32), attempt=1, url=url, fault="forge", record=None)

    async def _attempt(
        self, webhook: Webhook, *, attempt: int, url: str, fault: str | None, record: dict[str, Any]
    ) -> int | None:
        """The HTTP status of one attempt, signed anew; None when there was no answer in time."""
        body = webhook.body(attempt=attempt, url=url)
        seed = secrets.token_bytes(32) if fault == "wrong_signature" else self._config.signing_seed
        return await self._request(webhook, body, seed=seed, attempt=attempt, url=url, fault=fault, record=record)

    async def _request(
        self,
        webhook: Webhook,
        body: bytes,
        *,
        seed: bytes,
        attempt: int,
        url: str,
        fault: str | None,
        record: dict[str, Any] | None,
    ) -> int | None:
        timestamp = int(time.time() + self._dice.misbehaviour.clock_skew_seconds)
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **sign(body, timestamp, seed),
        }
        if fault == "corrupt":
            body = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
        self._observers(self._sending(webhook, attempt=attempt, url=url, fault=fault))
        began, started_at = time.monotonic(), spelled(datetime.now(UTC))
        status, text, answer, problem = None, "", None, None
        timeout_seconds = webhook.address.timeout_seconds * self._config.patience
        try:
            async with asyncio.timeout(timeout_seconds):
                if webhook.address.method == "GET":
                    # The signature does not cover a query, which is why nobody should ask for this.
                    response = await self._client.get(url, params=_flat(json.loads(body)), headers=headers)
                else:
                    response = await self._client.post(url, content=body, headers=headers)
            status, text = response.status_code, response.text[:2000]
            try:
                answer = response.json()
            except ValueError:
                answer = None
        except TimeoutError:
            problem = f"no answer within {timeout_seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
        if record is not None:
            request = {"url": url, "headers": [[key, value] for key, value in headers.items()]}
            self._write(record, started_at=started_at, request=request, status=status, text=problem or text)
        self._answered(webhook, attempt, url, fault, began=began, status=status, answer=answer, problem=problem)
        return status

    def _write(
        self, record: dict[str, Any], *, started_at: str, request: dict[str, Any], status: int | None, text: str
    ) -> None:
        """The newest attempt stands first, as in Telnyx's log."""
        delivered = status is not None and 200 <= status < 300
        record["attempts"].insert(
            0,
            {
                "status": "delivered" if delivered else "failed",
                "started_at": started_at,
                "finished_at": spelled(datetime.now(UTC)),
                "errors": [],
                "http": {
                    "request": request,
                    "response": {"status": status, "headers": [], "body": text},
                },
            },
        )

    def _sending(self, webhook: Webhook, *, attempt: int, url: str, fault: str | None) -> Sending:
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

    def _answered(
        self,
        webhook: Webhook,
        attempt: int,
        url: str,
        fault: str | None,
        *,
        began: float,
        status: int | None,
        answer: object,
        problem: str | None,
    ) -> None:
        self._observers(
            Answered(
                event_type=webhook.type,
                event_id=webhook.id,
                call_control_id=webhook.call_control_id,
                call_leg_id=webhook.call_leg_id,
                call_session_id=webhook.call_session_id,
                attempt=attempt,
                url=url,
                fault=fault,
                status=status,
                milliseconds=(time.monotonic() - began) * 1000,
                answer=answer,
                problem=problem,
            )
        )


def _flat(content: object, name: str = "") -> dict[str, str]:
    """{"data": {"id": 1}} as {"data[id]": "1"}."""
    if isinstance(content, Mapping):
        flat: dict[str, str] = {}
        for key, value in content.items():
            flat |= _flat(value, f"{name}[{key}]" if name else str(key))
        return flat
    return {name: content if isinstance(content, str) else json.dumps(content)}
