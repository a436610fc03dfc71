"""Posts published events to a URL of the operator's own, signed as Standard Webhooks describes it.

Trigger: the event webhook queue, to which a rule of the bus sends the chosen types. Anything but a 2xx leaves the event
in the queue, to come again after 2, 4, 8 and at most 900 s. At least once, under the same id. Of the answer only the
status is read, and no redirect is followed.

Source: github.com/standard-webhooks/standard-webhooks, spec. One signature for each secret, so that it can be replaced.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import boto3
import httpx

from hookline.aws_errors import translate_aws_errors
from hookline.environment import Environment, environment
from hookline.errors import HooklineError, QueueUnavailable, Unavailable, Unreadable
from hookline.webhook import Context

PATIENCE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 900
SECRET_SECONDS = 300
"""A replaced secret is read again after this long."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - of the format, not a secret


class NotTaken(Unavailable):
    """The URL has not answered 2xx."""


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Post each event. The answer names the messages that stay in the queue."""
    env = environment()
    failures = []
    for record in request["Records"]:
        event = json.loads(record["body"])
        fields = {"event_id": event["detail"]["event_id"], "event_type": event["detail-type"]}
        try:
            status = post(env, event["detail-type"], event["detail"])
        except HooklineError as error:
            env.logger.warning("event not posted", extra={**fields, "reason": str(error)})
            pause(env, record)
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            env.log_info("event posted", status=status, **fields)
    return {"batchItemFailures": failures}


def post(env: Environment, event_type: str, detail: Mapping[str, Any]) -> int:
    """Post one event; the status. Raises NotTaken, and Unreadable or Unavailable for a secret out of reach."""
    body, now = body_of(event_type, detail), int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "Hookline",
        **signed_headers(body, detail["event_id"], signing_keys(now // SECRET_SECONDS), now=now),
    }
    with httpx.Client(transport=env.transport, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        try:
            with client.stream("POST", env.settings["EVENT_WEBHOOK_URL"], content=body, headers=headers) as answer:
                status = answer.status_code
        except httpx.HTTPError as error:
            raise NotTaken(type(error).__name__) from error
    if not 200 <= status < 300:
        raise NotTaken(f"status {status}")
    return status


def body_of(event_type: str, detail: Mapping[str, Any]) -> bytes:
    """The body of a post: docs/events/webhook.json. A field without a value is absent, null or empty in the detail."""
    body = detail.get("body")
    document = {
        "type": event_type,
        "timestamp": detail["occurred_at"],
        "id": detail["event_id"],
        "data": json.loads(body).get("data") if body else None,
        "body_uri": detail.get("body_uri") or None,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def signed_headers(body: bytes, id_: str, keys: Sequence[bytes], *, now: int) -> dict[str, str]:
    """The three headers of a signed post. now: seconds since 1970 UTC."""
    content = f"{id_}.{now}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


@lru_cache(maxsize=1)
def signing_keys(period: int) -> list[bytes]:
    """The keys that events are signed with, the newest first. period: the secret is read once in each.

    Raises Unreadable for a secret that is not base64, Unavailable when Secrets Manager is away.
    """
    with translate_aws_errors(Unavailable, "Secrets Manager"):
        client = boto3.client("secretsmanager")
        answer = client.get_secret_value(SecretId=environment().settings["EVENT_WEBHOOK_SECRET_ARN"])
    try:
        texts = [text.removeprefix(SECRET_PREFIX) for text in answer["SecretString"].split()]
        found = [base64.b64decode(text, validate=True) for text in texts]
    except binascii.Error as error:
        raise Unreadable("the secret of EventWebhookSecret is not base64") from error
    if not found or not all(found):
        raise Unreadable("the secret of EventWebhookSecret is empty")
    return found


def pause(env: Environment, record: Mapping[str, Any]) -> None:
    """Let a message come again later."""
    received = int(record["attributes"]["ApproximateReceiveCount"])
    with translate_aws_errors(QueueUnavailable, "SQS"):
        boto3.client("sqs").change_message_visibility(
            QueueUrl=env.settings["EVENT_WEBHOOK_QUEUE_URL"],
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=min(2 ** min(received, 10), LONGEST_PAUSE_SECONDS),
        )
