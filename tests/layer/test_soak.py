"""Many calls at once, their webhooks shuffled, repeated and hit by faults: none is lost, no command is in force twice.

`make soak` runs it with 10,000 webhooks; `make test` with 300.
"""

import json
import os
import random
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.client
import httpx
import pytest
from botocore.exceptions import ReadTimeoutError

from hookline import Call
from hookline.environment import environment
from hookline.events import parse_event
from hookline.precedence import RECORDING, SUBJECTS, TRANSCRIPTION
from tests.support.world import ROUTER, Clock, World, handler, ok, refused, request_of, sample_data

WEBHOOKS = int(os.environ.get("HOOKLINE_SOAK", "300"))
SEED = 20260901
EVENTS = (
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
    """Telnyx with its 60 s memory of command ids: it executes an id once, and fails one command in five in some way.

    executed: the actions of each leg, in order. repeats: of commands that were executed before.
    """

    chance: random.Random
    times: Counter[str] = field(default_factory=Counter)
    executed: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    repeats: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        command_id = json.loads(request.content)["command_id"]
        fault = self.chance.random()
        if fault < 0.05:
            return refused(503)
        if fault < 0.08:
            return refused(429, "10011", **{"retry-after": "900"})
        if fault < 0.11:
            return refused(422, "90034")
        if command_id in self.times:
            self.repeats += 1
        else:
            self.times[command_id] += 1
            leg, action = request.url.path.split("/")[-3], request.url.path.split("/")[-1]
            self.executed[leg].append(action)
        if fault < 0.2:
            raise httpx.ReadTimeout("executed, and the answer was lost", request=request)
        return ok()


@dataclass
class Journal:
    """Faults of DynamoDB: some items are not written, some are written and the answer is lost. legs: of those."""

    chance: random.Random
    legs: set[str] = field(default_factory=set)

    def disturb(self, patch: pytest.MonkeyPatch) -> None:
        send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def send_or_fail(client: Any, operation: str, arguments: Any) -> Any:
            if operation != "PutItem":
                return send(client, operation, arguments)
            fault = self.chance.random()
            if fault < 0.05:
                self.legs.add(arguments["Item"].get("call_leg_id", {}).get("S", ""))
            answer = send(client, operation, arguments) if fault >= 0.03 else None
            if fault < 0.05:
                raise ReadTimeoutError(endpoint_url="https://dynamodb.example.com")
            return answer

        patch.setattr(botocore.client.BaseClient, "_make_api_call", send_or_fail)


def events_of_call(number: int) -> list[dict[str, Any]]:
    """The events of one call, with ids of its own."""
    own = {
        name: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {name}"))
        for name in ("call_leg_id", "call_control_id", "call_session_id")
    }
    events = []
    for second, name in enumerate(EVENTS):
        data = sample_data(name)
        payload = {key: own.get(key, value) for key, value in data["payload"].items()}
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {second}"))
        occurred_at = f"2026-09-01T14:{number % 60:02}:{second:02}.000000Z"
        events.append({**data, "id": event_id, "payload": payload, "occurred_at": occurred_at})
    return events


def test_no_webhook_is_lost_and_no_command_is_in_force_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    telnyx, journal = Telnyx(chance), Journal(chance)
    world.replies = telnyx
    environment().telnyx._sleep = lambda seconds: None  # noqa: SLF001
    later = advancing(monkeypatch)

    calls = [events_of_call(number) for number in range(max(1, int(WEBHOOKS / 1.3) // len(EVENTS)))]
    deliveries = [event for call in calls for event in call]
    deliveries += chance.sample(deliveries, int(len(deliveries) * 0.3))
    chance.shuffle(deliveries)
    answered = Counter[int]()
    deferred = 0
    with pytest.MonkeyPatch.context() as patch:
        journal.disturb(patch)
        while deliveries:
            event = deliveries.pop()
            answer = handler(ROUTER)(request_of(event, age=10.0), Clock())
            answered[answer["statusCode"]] += 1
            deferred += "deferred" in answer["body"]
            if answer["statusCode"] != 200:
                deliveries.insert(chance.randrange(len(deliveries) + 1), event)
            if len(deliveries) % 100 == 0:
                work_off(world, later)
    work_off(world, later)

    for number, call in enumerate(calls):
        record = world.journal.read(call[0]["payload"]["call_leg_id"])
        assert record is not None
        journalled = Counter(entry.event_id for entry in (*record.entries, *record.transcript))
        assert journalled == Counter(event["id"] for event in call), number
        assert record.call == Call.of(
            parse_event(json.dumps({"data": event}).encode())
            for event in call
            if event["event_type"] != "call.transcription"
        )
        for command in (command for entry in record.entries for command in entry.commands):
            if command["result"] == "accepted":
                assert telnyx.times[command["command_id"]] == 1
        if call[0]["payload"]["call_leg_id"] not in journal.legs:
            assert_nothing_is_on_after_its_end(telnyx.executed[call[0]["payload"]["call_control_id"]])
    assert set(telnyx.times.values()) == {1}
    assert set(answered) == {200, 503}
    assert deferred, "no webhook was ever deferred, so nothing was tried"
    assert telnyx.repeats, "no command was ever repeated, so nothing was tried"
    print(f"{sum(answered.values())} deliveries of {len(calls) * len(EVENTS)} events: {dict(answered)};", end=" ")
    print(f"{len(telnyx.times)} commands executed, {telnyx.repeats} repeats ignored, {deferred} webhooks deferred")


def assert_nothing_is_on_after_its_end(executed: list[str]) -> None:
    """A late event yields to what is newer: what the caller has finished is not turned on again."""
    for subject, end in ((RECORDING, "record_stop"), (TRANSCRIPTION, "transcription_stop")):
        actions = [action for action in executed if SUBJECTS[action] == subject]
        if end in actions:
            assert actions[-1] == end, executed


def advancing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock of the queues that advances a minute with each step: what waits for a while is visible again."""
    offset = 0

    def milliseconds(at: object = None) -> float:
        return (time.time() + offset) * 1_000

    monkeypatch.setattr("moto.sqs.models.unix_time_millis", milliseconds)
    while True:
        offset += 60
        yield


def work_off(world: World, later: Iterator[None]) -> None:
    """Let both consumers run until nothing is left for them but commands that are not due yet."""
    for queue, function in (("DEFERRED", "deferred"), ("COMMAND", "command_sender")):
        for _ in range(50):
            next(later)
            if not (request := world.records(queue))["Records"]:
                break
            stay = world.consume(queue, function, request)
            waiting = [record for record in request["Records"] if record["messageId"] in stay]
            if len(waiting) == len(request["Records"]) and all(has_delay(record) for record in waiting):
                break


def has_delay(record: dict[str, Any]) -> bool:
    return bool(json.loads(record["body"]).get("has_delay"))
