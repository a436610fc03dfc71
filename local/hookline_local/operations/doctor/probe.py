"""Requests to the webhook URL itself: one that must be refused, and a signed one where a key to sign with is known."""

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from hookline_local.base.signing import sign
from hookline_local.operations.doctor.finding import Finding, fault, ok, unknown

TIMEOUT_SECONDS = 35.0
"""Longer than API Gateway's own 30 s."""
EVENT_TYPE = "hookline.doctor"
"""Of the signed request: journalled like any other event of an unknown type, and decided by no flow."""


class Probe:
    """server_time: as the answer of the URL had it, seconds since 1970 UTC; None until then."""

    def __init__(self, webhook_url: str) -> None:
        self._url = webhook_url
        self.server_time: float | None = None

    def examine(self, seed: bytes | None) -> Iterator[Finding]:
        """seed: 32 bytes, the private half of a configured key; None when only Telnyx can sign."""
        try:
            status = self.forged_status()
            if status != httpx.codes.UNAUTHORIZED:
                yield fault("not_a_webhook", url=self._url, status=status)
                return
            yield ok("reachable", url=self._url)
            if seed is None:
                yield unknown("no_signing_key")
                return
            signed = self._post(_event(), seed)
            good = signed.status_code == httpx.codes.OK
            yield (
                ok("round_trip")
                if good
                else fault("round_trip_failed", status=signed.status_code, answer=signed.text[:200])
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield fault("unreachable", url=self._url, reason=str(error) or type(error).__name__)

    def forged_status(self) -> int:
        """The status that a forged webhook gets; 401 of a stack. Raises httpx.HTTPError, httpx.InvalidURL."""
        return self._post(_event(), None).status_code

    def _post(self, body: bytes, seed: bytes | None) -> httpx.Response:
        headers = {"content-type": "application/json", **sign(body, int(time.time()), seed or secrets.token_bytes(32))}
        local = self._url.startswith("http://127.0.0.1")
        answer = httpx.post(self._url, content=body, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=not local)
        if date := answer.headers.get("date"):
            self.server_time = parsedate_to_datetime(date).timestamp()
        return answer


def _event() -> bytes:
    data = {
        "record_type": "event",
        "id": str(uuid.uuid4()),
        "event_type": EVENT_TYPE,
        "occurred_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "payload": {},
    }
    return json.dumps({"data": data, "meta": {"attempt": 1}}).encode()
