"""The request of a webhook as Telnyx signed it: from an API Gateway request (payload format 2.0) to verified bytes."""

import binascii
import time
from collections.abc import Mapping, MutableSequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.errors import SignatureRejected, SignatureStale
from hookline.signature import verify

if TYPE_CHECKING:
    from nacl.signing import VerifyKey

Request = Mapping[str, Any]

_LAST_EPOCH = 1 << 53
"""Milliseconds, far beyond any clock; a larger number is not a time."""


class SignedRequest(NamedTuple):
    """A request that Telnyx signed.

    received_at: seconds since 1970 UTC, when API Gateway received it. began: when the function did, by perf_counter.
    domain_name: of the API that received it, None when the request has none. is_stale: signed too long ago.
    """

    body: bytes
    received_at: float
    began: float
    domain_name: str | None
    is_stale: bool = False


def verify_request(request: Request, keys: "MutableSequence[VerifyKey]") -> SignedRequest:
    """The bytes that Telnyx signed. Raises SignatureRejected for anything else; a stale request is marked as that.

    The clock is `requestContext.timeEpoch`, when API Gateway received the request: a cold start does not age it.
    """
    began = time.perf_counter()
    context = request.get("requestContext") if isinstance(request, dict) else None
    context = context if isinstance(context, dict) else {}
    epoch = context.get("timeEpoch")
    if type(epoch) is not int or not 0 <= epoch < _LAST_EPOCH:
        raise SignatureRejected("the request has no requestContext.timeEpoch: it did not come through API Gateway")
    headers = request.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    body = _raw_body(request)
    domain_name = context.get("domainName")
    signed = SignedRequest(body, epoch / 1000, began, domain_name if isinstance(domain_name, str) else None)
    try:
        verify(
            body,
            signature=_header(headers, "telnyx-signature-ed25519"),
            timestamp=_header(headers, "telnyx-timestamp"),
            keys=keys,
            now=epoch / 1000,
        )
    except SignatureStale:
        return signed._replace(is_stale=True)
    return signed


def _raw_body(request: Request) -> bytes:
    """The bytes as they were posted. API Gateway gives text for some content types and base64 for all others."""
    body = request.get("body")
    if body is None:
        return b""
    try:
        return binascii.a2b_base64(body, strict_mode=True) if request.get("isBase64Encoded") else body.encode()
    except (ValueError, TypeError, AttributeError) as error:
        raise SignatureRejected("the body is neither text nor base64") from error


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    value = headers.get(name)
    if value is None:
        value = next((found for key, found in headers.items() if key.lower() == name), None)
    return value if isinstance(value, str) else None
