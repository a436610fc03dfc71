"""Many calls at once, their webhooks shuffled, doubled and hit by faults: nothing lost, nothing obeyed twice.

`make soak` runs it with 10,000 webhooks; `make test` with 300.
"""

import json
import os
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from botocore.exceptions import ReadTimeoutError

from hookline import Call
from hookline.environment import environment
from hookline.events import parse_event
from tests.support.world import ROUTER, Clock, World, handler, ok, refused, request_of, sample_data

WEBHOOKS = int(os.environ.get("HOOKLINE_SOAK", "300"))
SEED = 20260901
STORY = (
    "call.initiated",
    "call.answered",
    "streaming.started.control-id-only",
    "call.speak.started",
    "call.speak.ended",
    "call.dtmf.received",
    "call.transcription",
    "call.dtmf.received.pound",
    "call.speak.started.goodbye",
    "call.speak.ended.goodbye",
    "call.hangup",
    "call.recording.saved",
)


@dataclass
class Telnyx:
    """Telnyx with its 60 s memory of command ids: it obeys an id once, and fails one command in five in some way."""

    chance: random.Random
    obeyed: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        command_id = json.loads(request.content)["command_id"]
        trouble = self.chance.random()
        if trouble < 0.05:
            return refused(503)
        if trouble < 0.08:
            return refused(429, "10011", **{"retry-after": "900"})
        if trouble < 0.11:
            return refused(422, "90034")
        if command_id in self.obeyed:
            self.repeated += 1
        else:
            self.obeyed[command_id] += 1
        if trouble < 0.2:
            raise httpx.ReadTimeout("obeyed, and the answer was lost", request=request)
        return ok()


def story(number: int) -> list[dict[str, Any]]:
    """The events of one call of its own."""
    own = {
        name: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {name}"))
        for name in ("call_leg_id", "call_control_id", "call_session_id")
    }
    events = []
    for step, name in enumerate(STORY):
        data = sample_data(name)
        payload = {key: own.get(key, value) for key, value in data["payload"].items()}
        moment = f"2026-09-01T14:{number % 60:02}:{step:02}.000000Z"
        events.append({**data, "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {step}")), "payload": payload})
        events[-1]["occurred_at"] = moment
    return events


def test_no_webhook_is_lost_and_no_command_is_obeyed_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    telnyx = Telnyx(chance)
    world.replies = telnyx
    environment().telnyx._sleep = lambda seconds: None  # noqa: SLF001
    client = environment().journal._client  # noqa: SLF001
    write = client.put_item

    def write_or_fail(**request: Any) -> Any:
        if chance.random() < 0.03:
            raise ReadTimeoutError(endpoint_url="x")  # not written
        answer = write(**request)
        if chance.random() < 0.02:
            raise ReadTimeoutError(endpoint_url="x")  # written, but nobody knows
        return answer

    monkeypatch.setattr(client, "put_item", write_or_fail)

    calls = [story(number) for number in range(max(1, int(WEBHOOKS / 1.3) // len(STORY)))]
    deliveries = [event for call in calls for event in call]
    deliveries += chance.sample(deliveries, int(len(deliveries) * 0.3))
    chance.shuffle(deliveries)
    answered = Counter[int]()
    while deliveries:
        event = deliveries.pop()
        answer = handler(ROUTER)(request_of(event, age=10.0), Clock())
        answered[answer["statusCode"]] += 1
        if answer["statusCode"] != 200:
            deliveries.insert(chance.randrange(len(deliveries) + 1), event)
        if len(deliveries) % 100 == 0:
            send_what_waits(world)

    monkeypatch.setattr(client, "put_item", write)
    for number, call in enumerate(calls):
        told = world.journal.read(call[0]["payload"]["call_leg_id"])
        assert told is not None
        assert Counter(entry.event_id for entry in (*told.entries, *told.transcript)) == Counter(
            event["id"] for event in call
        ), number
        assert told.call == Call.of(
            parse_event(json.dumps({"data": event}).encode())
            for event in call
            if event["event_type"] != "call.transcription"
        )
        for entry in told.entries:
            for one in entry.commands:
                if one["result"] == "accepted":
                    assert telnyx.obeyed[one["command_id"]] == 1
    assert set(telnyx.obeyed.values()) == {1}
    assert set(answered) == {200, 503}
    assert telnyx.repeated, "no command was ever repeated, so nothing was tried"
    print(f"{sum(answered.values())} deliveries of {len(calls) * len(STORY)} events: {dict(answered)};", end=" ")
    print(f"{len(telnyx.obeyed)} commands obeyed, {telnyx.repeated} repeats ignored")


def send_what_waits(world: World) -> None:
    """Let the command sender run until its queue is empty."""
    url = world.settings["COMMAND_QUEUE_URL"]
    while taken := world.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=0
    ).get("Messages"):
        records: list[dict[str, Any]] = [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": {**one["Attributes"], "ApproximateReceiveCount": "0"},
                "eventSource": "aws:sqs",
            }
            for one in taken
        ]
        failed = handler("command_sender")({"Records": records}, Clock())["batchItemFailures"]
        stay = {failure["itemIdentifier"] for failure in failed}
        for record in records:
            if record["messageId"] not in stay:
                world.sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
