"""The outside world of a function, as one object: a key that really signs, the stack's table, bucket and queues in
moto, and a Telnyx that writes down what it was results. Nothing of ours is replaced.
"""

import importlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import boto3
import httpx
import pytest
from moto.backends import get_backend

from hookline import Event
from hookline.environment import environment
from hookline.journal import Journal
from hookline_local.base.signing import api_gateway_request
from hookline_local.emulator.template import Template

PROJECT = Path(__file__).parents[2]


QUEUES = ("COMMAND", "RECORDING", "QUARANTINE", "DEFERRED")
FLOWS = "tests.support.flows"
LOOPBACK = ("127.", "localhost", "::1")


class Clock:
    """The context object of an invocation: how long Lambda still lets it run."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class World:
    """Everything outside the process: AWS (moto), and Telnyx (what was `sent` to it, and what it `replies`)."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.settings = template.environment()
        self.sent: list[dict[str, Any]] = []
        self.replies: Callable[[httpx.Request], httpx.Response] = lambda request: ok()
        self.dynamodb = boto3.client("dynamodb")
        self.s3 = boto3.client("s3")
        self.sqs = boto3.client("sqs")
        self.secrets = boto3.client("secretsmanager")

    def telnyx(self, request: httpx.Request) -> httpx.Response:
        """Telnyx's side of a command."""
        body = json.loads(request.content) if request.content else {}
        self.sent.append(
            {
                "method": request.method,
                "path": request.url.raw_path.decode(),
                "action": request.url.path.rsplit("/", 1)[-1],
                "authorization": request.headers.get("authorization"),
                "body": body,
            }
        )
        return self.replies(request)

    @property
    def actions(self) -> list[str]:
        """The actions that Telnyx received, in order."""
        return [sent["action"] for sent in self.sent]

    @property
    def queued_commands(self) -> list[dict[str, Any]]:
        """Every command in the command queue, in order."""
        return [queued for message in self.messages("COMMAND") for queued in message["commands"]]

    @property
    def items(self) -> list[dict[str, Any]]:
        """Everything in the table, its values as plain text."""
        return [{key: next(iter(value.values())) for key, value in item.items()} for item in self._scan()]

    def keys(self) -> list[dict[str, Any]]:
        """The key of every item."""
        return [{"pk": item["pk"], "sk": item["sk"]} for item in self._scan()]

    def _scan(self) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.settings["TABLE_NAME"])
        return [item for page in pages for item in page["Items"]]

    @property
    def journal(self) -> Journal:
        """The journal, read as an operator would."""
        return Journal(self.dynamodb, self.settings["TABLE_NAME"])

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """The messages in one of QUEUES, in order, ten at most; they stay there."""
        url = self.settings[f"{queue}_QUEUE_URL"]
        taken = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in taken.get("Messages", [])]

    def records(self, queue: str) -> dict[str, Any]:
        """A batch of one of QUEUES, as Lambda gives it to a function; its messages stay hidden for a minute."""
        url = self.settings[f"{queue}_QUEUE_URL"]
        taken = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=60
        )
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
                "awsRegion": "us-east-1",
            }
            for message in taken.get("Messages", [])
        ]
        return {"Records": records}

    def consume(self, queue: str, function: str, request: dict[str, Any], milliseconds: int = 30_000) -> list[str]:
        """Let a function have a batch of a queue, as Lambda does; the ids of the messages that stay there."""
        answer = handler(function)(request, Clock(milliseconds))
        stay = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        url = self.settings[f"{queue}_QUEUE_URL"]
        for record in request["Records"]:
            if record["messageId"] not in stay:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        return stay

    def empty(self) -> None:
        """Take everything out again, and let Telnyx take every command."""
        self.sent, self.replies = [], lambda request: ok()
        _moto("dynamodb").tables[self.settings["TABLE_NAME"]].items.clear()
        _moto("s3").buckets[self.settings["RECORDINGS_BUCKET"]].keys.clear()
        for name, queue in _moto("sqs").queues.items():
            queue.last_purged_at = None  # SQS, and so moto, purges once a minute
            _moto("sqs").purge_queue(name)
        self.secrets.put_secret_value(SecretId=self.settings["TELNYX_API_KEY_SECRET_ARN"], SecretString=API_KEY)

    def nothing_has_changed(self) -> bool:
        """No item, no object, no message, nothing sent."""
        objects = self.s3.list_objects_v2(Bucket=self.settings["RECORDINGS_BUCKET"]).get("Contents", [])
        waiting = [self.messages(queue) for queue in QUEUES]
        return not (self.items or objects or any(waiting) or self.sent)


def _moto(service: Literal["dynamodb", "s3", "sqs"]) -> Any:
    """Give moto's own model of a service: to empty it by requests takes longer than most tests."""
    backends: Any = get_backend(service)
    return backends["123456789012"]["aws" if service == "s3" else "us-east-1"]


def ok() -> httpx.Response:
    """Telnyx's answer to a command that it takes."""
    return httpx.Response(200, json={"data": {"result": "ok"}})


def refused(status: int, code: str | None = None, pointer: str | None = None, **headers: str) -> httpx.Response:
    """Telnyx's answer to a command that it does not take."""
    error: dict[str, Any] = {"title": "refused"}
    if code:
        error["code"] = code
    if pointer:
        error["source"] = {"pointer": pointer}
    return httpx.Response(status, json={"errors": [error]}, headers=headers)


def overloaded() -> httpx.Response:
    """Telnyx's answer to a command that it cannot take before any deadline: nothing waits for it."""
    return refused(429, "10011", **{"retry-after": "900"})


def start_cold(world: World | None = None) -> None:
    """Forget what a warm process keeps: the environment, and the log's handler, which holds the stdout of its time.

    world: whose Telnyx the next commands are to reach.
    """
    environment.cache_clear()
    log_anew()
    if world is not None:
        environment().transport = httpx.MockTransport(world.telnyx)


PATIENCE = "5"
"""Of the functions in tests that are not about time: a busy machine needs longer for everything than AWS does."""

API_KEY = "KEY-of-a-test"


A_PUBLIC_KEY = "3kXCzfXCf3Hv0yDnVeFZ8tlg2OkWcAkd3cZ0YyrxvNM="


def log_anew() -> None:
    """Let the log go to the stdout of this time: what a fixture wrote went to another one."""
    logging.Logger.manager.loggerDict.pop("hookline", None)
    if environment.cache_info().currsize:
        vars(environment()).pop("logger", None)


ROUTER = ""


def handler(function: str) -> Callable[[Any, Any], Any]:
    """The handler that Lambda would call. function: an event type, ROUTER, or a module of functions/."""
    if "." in function or not function:
        receive = importlib.import_module("webhook").lambda_handler

        def own_function(request: Any, context: Any) -> Any:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("EVENT_TYPE", function)
                return receive(request, context)

        return own_function
    found: Callable[[Any, Any], Any] = importlib.import_module(function).lambda_handler
    return found


def sample(name: str) -> dict[str, Any]:
    """One of the sample requests in events/."""
    found: dict[str, Any] = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    return found


def sample_data(name: str) -> dict[str, Any]:
    """The `data` of a sample."""
    found: dict[str, Any] = json.loads(sample(name)["body"])["data"]
    return found


def sample_event(name: str, **payload: Any) -> Event:
    """The event of a sample, some of its payload replaced."""
    from hookline.events import parse_event

    data = sample_data(name)
    data["payload"].update(payload)
    return parse_event(json.dumps({"data": data}).encode())


def request_of(
    data: Mapping[str, Any] | bytes, *, path: str = "/webhooks", age: float = 0.0, **more: Any
) -> dict[str, Any]:
    """A request that Telnyx has just signed. age: how many seconds ago API Gateway took it."""
    body = data if isinstance(data, bytes) else json.dumps({"data": data, "meta": {"attempt": 1}}).encode()
    return api_gateway_request(body, path=path, time_epoch_ms=int((time.time() - age) * 1000), **more)


def deliver(name: str, *, function: str | None = None, age: float = 10.0, **payload: Any) -> dict[str, Any]:
    """Deliver a sample's event, signed a time ago, to the function of its type; give its answer, body read.

    age: seconds since API Gateway took it. By default Telnyx has given up waiting, so that a busy machine does not
    change what is sent at once and what is queued; a test of the deadline gives 0.
    """
    data = sample_data(name)
    data["payload"].update(payload)
    own = data["event_type"] if function is None else function
    answer = handler(own)(request_of(data, age=age), Clock())
    return {"status": answer["statusCode"], **json.loads(answer["body"])}
