"""functions/event_webhook.py: what is posted and signed, and what stays in its queue."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

import event_webhook
from hookline.environment import environment
from hookline.event_posts import body_of, signed_headers
from tests.support.world import Clock, World, sample, start_cold

URL = "https://crm.example.com/hooks"
BODY = sample("call.hangup")["body"]
DETAIL = {"event_id": "e", "event_type": "call.hangup", "occurred_at": "2026-09-01T14:00:00.000000Z", "body": BODY}
KEYS = [base64.b64encode(name * 8).decode() for name in (b"new", b"old")]


@pytest.fixture
def posts(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """The posts, in order; the customer answers with the status of `answers`."""
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="events", SecretString=KEYS[0])["ARN"]
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    monkeypatch.setenv("EVENT_WEBHOOK_URL", URL)
    monkeypatch.setenv("EVENT_WEBHOOK_SECRET_ARN", arn)
    monkeypatch.setenv("EVENT_WEBHOOK_QUEUE_URL", queue)
    start_cold()
    found: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found.append(request)
        return httpx.Response(status_of(request), headers={"location": "https://elsewhere.example.com/"})

    environment().transport = httpx.MockTransport(answer)
    yield found
    start_cold()
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    boto3.client("sqs").delete_queue(QueueUrl=queue)


def status_of(request: httpx.Request) -> int:
    """The customer's answer, which the event asks for."""
    return int(json.loads(request.content)["id"].rpartition("-")[2])


def post(world: World, status: int, **detail: Any) -> bool:
    """Whether the queue's message about an event is done with; the customer answers with this status."""
    sqs, url = boto3.client("sqs"), environment().settings["EVENT_WEBHOOK_QUEUE_URL"]
    event = {"detail-type": "call.hangup", "detail": {**DETAIL, "event_id": f"e-{status}", **detail}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "attributes": message["Attributes"],
        "body": message["Body"],
    }
    answer = event_webhook.lambda_handler({"Records": [record]}, Clock())
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return not answer["batchItemFailures"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_takes_an_event(status: int, world: World, posts: list[httpx.Request]) -> None:
    assert post(world, status)
    assert str(posts[0].url) == URL


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500, 503])
def test_anything_else_leaves_it_in_the_queue_and_no_redirect_is_followed(
    status: int, world: World, posts: list[httpx.Request]
) -> None:
    assert not post(world, status)
    assert [str(request.url) for request in posts] == [URL]


def test_each_secret_signs_so_that_one_can_be_replaced(world: World, posts: list[httpx.Request]) -> None:
    arn = environment().settings["EVENT_WEBHOOK_SECRET_ARN"]
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=f"whsec_{KEYS[0]} {KEYS[1]}")
    assert post(world, 200)
    (request,) = posts
    now = int(request.headers["webhook-timestamp"])
    keys = [base64.b64decode(key) for key in KEYS]
    assert dict(request.headers).items() >= signed_headers(request.content, "e-200", keys, now=now).items()
    assert request.headers["webhook-signature"].count("v1,") == 2


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of its specification's libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", [key], now=1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "no base64!", "whsec_"])
def test_an_event_waits_while_the_secret_is_none(secret: str, world: World, posts: list[httpx.Request]) -> None:
    arn = environment().settings["EVENT_WEBHOOK_SECRET_ARN"]
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=secret or " ")
    assert not post(world, 200)
    assert posts == []


@pytest.mark.parametrize("empty", [{}, {"body": None}, {"body": ""}])
def test_a_body_in_the_bucket_is_a_pointer(empty: dict[str, Any], world: World, posts: list[httpx.Request]) -> None:
    detail = {key: value for key, value in DETAIL.items() if key != "body"} | empty
    document = json.loads(body_of("call.hangup", {**detail, "body_uri": "s3://bucket/key"}))
    assert (document["data"], document["body_uri"]) == (None, "s3://bucket/key")


def test_a_post_is_json_whatever_number_its_event_has() -> None:
    document = body_of("call.hangup", {**DETAIL, "body": '{"data": {"payload": {"a": NaN, "b": -1e999}}}'}).decode()
    assert json.loads(document)["data"] == {"payload": {"a": None, "b": None}}


def test_the_log_has_no_number_and_no_secret(
    world: World, posts: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert post(world, 200)
    assert not post(world, 500)
    written = capsys.readouterr().out
    assert "event posted" in written
    assert "status 500" in written
    for private in (KEYS[0], "+1", "crm.example.com"):
        assert private not in written
