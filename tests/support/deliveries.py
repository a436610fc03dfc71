"""A call whose webhooks are delivered in any order, as often as one likes, with AWS in memory: what is left of it."""

import base64
import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hookline.environment import environment
from hookline.journal import Journal
from hookline.queues import Queues
from tests.support.leg import Leg
from tests.support.memory_aws import MemoryQueues, MemoryTable
from tests.support.world import FLOWS, PATIENCE, ROUTER, Clock, handler, request_of, start_cold

BEGINNING = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
QUEUE_URLS = {name: f"memory://{name}" for name in ("commands", "recordings", "quarantine", "deferred")}

Happening = tuple[str, str, dict[str, Any]]
"""An event type, the step that the leg was at, and what the payload holds besides."""


def webhooks(story: Sequence[Happening], *, flow: str = "reception") -> list[dict[str, Any]]:
    """The `data` of each webhook of a story, a second apart."""
    found = []
    for second, (event_type, step, payload) in enumerate(story):
        state = base64.b64encode(json.dumps({"flow": flow, "state": {"step": step}}).encode()).decode()
        found.append(
            {
                "record_type": "event",
                "id": f"event-{second}",
                "event_type": event_type,
                "occurred_at": (BEGINNING + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "payload": {
                    "call_leg_id": "L",
                    "call_control_id": "v3:L",
                    "call_session_id": "S",
                    "client_state": state if step else None,
                    **payload,
                },
            }
        )
    return found


class Call:
    """One call: its leg at Telnyx, its journal and its queues; the functions in this process are cold."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, flows: str = FLOWS) -> None:
        monkeypatch.setenv("FLOWS_PACKAGE", flows)
        monkeypatch.setenv("AWS_SAM_LOCAL", "true")
        monkeypatch.setenv("TELNYX_API_KEY", "KEY-of-a-test")
        monkeypatch.setenv("HOOKLINE_PATIENCE", PATIENCE)
        self.leg = Leg()
        self.table = MemoryTable()
        self.sqs = MemoryQueues()
        self.start_cold()

    def start_cold(self) -> None:
        """Forget what a warm process keeps; the world outside stays."""
        start_cold()
        environment().transport = httpx.MockTransport(self.leg.telnyx)
        vars(environment())["journal"] = Journal(self.table, "table")  # type: ignore[arg-type]
        vars(environment())["queues"] = Queues(self.sqs, **QUEUE_URLS)  # type: ignore[arg-type]

    def again(self) -> None:
        """Another call, in the same warm process."""
        self.leg = Leg()
        self.table, self.sqs = MemoryTable(), MemoryQueues()
        vars(environment())["journal"] = Journal(self.table, "table")  # type: ignore[arg-type]
        vars(environment())["queues"] = Queues(self.sqs, **QUEUE_URLS)  # type: ignore[arg-type]
        vars(environment()).pop("telnyx", None)
        environment().transport = httpx.MockTransport(self.leg.telnyx)

    def deliver(self, data: dict[str, Any], *, attempt: int | None = 1, age: float = 10.0) -> dict[str, Any]:
        """Deliver one webhook to the router. age: seconds since API Gateway received it."""
        meta = {} if attempt is None else {"attempt": attempt}
        body = json.dumps({"data": data, "meta": meta}).encode()
        answer: dict[str, Any] = handler(ROUTER)(request_of(body, age=age), Clock())
        return answer

    def run(self, order: Iterable[dict[str, Any]]) -> Leg:
        """Deliver in this order, then let every delayed command be sent; the leg as it is then."""
        for data in order:
            assert self.deliver(data)["statusCode"] == 200
        self.drain()
        return self.leg

    def drain(self) -> None:
        """Let the sender send all that is queued, what waits for a time of its own included."""
        for number, message in enumerate(self.sqs.messages.pop(QUEUE_URLS["commands"], [])):
            content = json.loads(message["body"])
            for queued in content["commands"]:
                queued["not_before"] = 0.0
            record = {
                "messageId": str(number),
                "receiptHandle": str(number),
                "body": json.dumps(content),
                "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": message["group"]},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:commands.fifo",
                "awsRegion": "us-east-1",
            }
            answer = handler("command_sender")({"Records": [record]}, Clock(40_000))
            assert answer == {"batchItemFailures": []}, answer


def at(seconds: float) -> float:
    """A time of day, seconds since 1970 UTC, that many seconds from now."""
    return time.time() + seconds
