"""Posts to a URL of the operator's own, signed as Standard Webhooks describes it.

Source: github.com/standard-webhooks/standard-webhooks, spec. One signature for each key, so that a key can be replaced.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from hookline.errors import Unavailable, Unreadable
from hookline.events import parse_json

PATIENCE_SECONDS = 10.0
KEYS_SECONDS = 300
"""A replaced secret is read again after this long."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - of the format, not a secret


class NotTaken(Unavailable):
    """The URL has not answered 2xx."""


class EventPosts:
    """The posts to one URL. read_secret: gives the secret's text; transport: instead of the network, for a test."""

    def __init__(
        self, url: str, read_secret: Callable[[], str], *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Hold the settings; nothing is sent yet."""
        self._url = url
        self._read_secret = read_secret
        self._transport = transport
        self._keys: list[bytes] = []
        self._read_at = 0.0

    def post(self, event_type: str, detail: Mapping[str, Any]) -> int:
        """Post one event; the status. detail: as the bus has it.

        Of the answer only the status is read, and no redirect is followed. Raises NotTaken, Unreadable for a secret
        that is none, and whatever read_secret raises.
        """
        body = body_of(event_type, detail)
        signed = signed_headers(body, detail["event_id"], self._current_keys(), now=int(time.time()))
        headers = {"content-type": "application/json", "user-agent": "Hookline", **signed}
        with httpx.Client(transport=self._transport, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            try:
                with client.stream("POST", self._url, content=body, headers=headers) as answer:
                    status = answer.status_code
            except httpx.HTTPError as error:
                raise NotTaken(type(error).__name__) from error
        if not 200 <= status < 300:
            raise NotTaken(f"status {status}")
        return status

    def _current_keys(self) -> list[bytes]:
        if not self._keys or time.monotonic() - self._read_at > KEYS_SECONDS:
            self._keys = keys_of(self._read_secret())
            self._read_at = time.monotonic()
        return self._keys


def body_of(event_type: str, detail: Mapping[str, Any]) -> bytes:
    """The body of a post: docs/events/webhook.json. A field without a value is absent, null or empty in the detail."""
    body = detail.get("body")
    document = {
        "type": event_type,
        "timestamp": detail["occurred_at"],
        "id": detail["event_id"],
        "data": parse_json(body.encode()).get("data") if body else None,
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


def keys_of(secret: str) -> list[bytes]:
    """The keys in the text of a secret, the newest first, with a blank between. Raises Unreadable."""
    try:
        found = [base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True) for text in secret.split()]
    except (binascii.Error, ValueError) as error:
        raise Unreadable("the secret that events are signed with is not base64") from error
    if not found or not all(found):
        raise Unreadable("the secret that events are signed with is empty")
    return found
