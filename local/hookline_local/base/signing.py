"""Signs webhooks as Telnyx does and wraps them as API Gateway does. Owns the private half of the development key.

That half is public knowledge: it is in this file. So its signatures are accepted only where Hookline runs on a laptop
(AWS_SAM_LOCAL).
"""

import functools
import hashlib
import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nacl.signing import SigningKey

from hookline_local.base.http_event import http_event, is_text

DEVELOPMENT_SEED = hashlib.sha256(b"hookline development key: never for production").digest()


def public_key_of(seed: bytes) -> str:
    """The public half of a key, as Telnyx writes it: base64 of 32 bytes. seed: 32 bytes, the private half."""
    return b64encode(bytes(SigningKey(seed).verify_key)).decode()


DEVELOPMENT_PUBLIC_KEY = public_key_of(DEVELOPMENT_SEED)

# One of the addresses that Telnyx documents for its webhooks.
TELNYX_ADDRESS = "192.76.120.130"


_signing_key = functools.lru_cache(maxsize=8)(SigningKey)  # to derive one takes as long as to sign


def sign(body: bytes, timestamp: int | str, seed: bytes = DEVELOPMENT_SEED) -> dict[str, str]:
    """The two headers that sign a webhook: Ed25519 over `timestamp|body`.

    timestamp: seconds since 1970 UTC; a string is signed and sent as it is, so that nonsense can be signed too.
    seed: 32 bytes, the private half of the key.
    """
    signature = _signing_key(seed).sign(f"{timestamp}|".encode() + body).signature
    return {"telnyx-signature-ed25519": b64encode(signature).decode(), "telnyx-timestamp": str(timestamp)}


def api_gateway_request(
    body: bytes,
    *,
    path: str = "/webhooks",
    time_epoch_ms: int,
    timestamp: int | str | None = None,
    seed: bytes = DEVELOPMENT_SEED,
    headers: Mapping[str, str] | None = None,
    domain_name: str = "hookline.example.com",
    base64: bool = False,
) -> dict[str, Any]:
    """A signed webhook as an HTTP API gives it to a function: payload format 2.0, complete.

    time_epoch_ms: when API Gateway received it, milliseconds since 1970 UTC (requestContext.timeEpoch).
    timestamp: when Telnyx signed it, in seconds; the second of time_epoch_ms unless given.
    headers: more headers, or other values for those that are there (names in lower case, as API Gateway sends them).
    base64: send the body as base64 whatever its content type. A content type that is not text is sent so anyway, and
    bytes that are not UTF-8.
    """
    seconds = time_epoch_ms // 1000
    digest = hashlib.sha256(f"{time_epoch_ms} {path} ".encode() + body)
    sent: dict[str, str] = {
        "accept-encoding": "gzip",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "host": domain_name,
        "user-agent": "telnyx-webhooks",
        "x-amzn-trace-id": f"Root=1-{seconds:08x}-{digest.hexdigest()[:24]}",
        "x-forwarded-for": TELNYX_ADDRESS,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        **sign(body, seconds if timestamp is None else timestamp, seed),
        **(headers or {}),
    }
    return http_event(
        route_key=f"POST {path}",
        method="POST",
        path=path,
        headers=sent,
        body=body,
        source_ip=TELNYX_ADDRESS,
        api_id="a1b2c3d4e5",
        request_id=b64encode(digest.digest()[:11]).decode(),
        received_ms=time_epoch_ms,
        as_base64=base64 or not is_text(sent["content-type"]) or not _is_utf8(body),
    )


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def body_of(request: Mapping[str, Any]) -> bytes:
    """The bytes that were signed, out of a request of payload format 2.0."""
    body: str = request.get("body") or ""
    return b64decode(body) if request.get("isBase64Encoded") else body.encode()


def fresh(body: bytes, *, now: float, overrides: Mapping[str, object] | None = None) -> bytes:
    """The same webhook as if it happened now: a new event id, a new time; the call stays the same call.

    now: seconds since 1970 UTC.
    overrides: dotted path from the top to a new value, e.g. {"data.payload.digit": "#"}; missing objects are created.
    Raises ValueError for a body that is not a v2 event, and for a path that leads through something else than objects.
    """
    try:
        event = json.loads(body)
        event["data"]["id"] = str(uuid.uuid4())
        event["data"]["occurred_at"] = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("the body is not a v2 event: it has no `data` with an id and a time to renew") from error
    for path, value in (overrides or {}).items():
        *parents, last = path.split(".")
        target = event
        try:
            for name in parents:
                target = target.setdefault(name, {})
            target[last] = value
        except (AttributeError, TypeError) as error:
            raise ValueError(f"{path} leads through something that is not an object") from error
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
