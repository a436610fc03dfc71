"""Verifies that bytes come from Telnyx. Owns Ed25519 (PyNaCl) and touches nothing else.

Telnyx signs `timestamp|raw body`; the public key is the base64 text of 32 raw bytes shown in the portal.
Source: developers.telnyx.com, "Receiving webhooks", and the official SDK's verifier.
"""

import binascii
from collections.abc import MutableSequence

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from hookline.errors import SignatureRejected, SignatureStale

DEVELOPMENT_PUBLIC_KEY = "Z0ptTbMED5UdPAnGBrz/swjWXlK1NjqG7UKVgjqEwLk="
"""Signs the samples in `events/`. Its private half is public, so it verifies nothing outside a laptop."""

TOLERANCE_SECONDS = 300
"""Past or future: what Telnyx's own SDK allows (team-telnyx/telnyx-python). The server sets no limit."""


def verify(
    body: bytes,
    *,
    signature: str | None,
    timestamp: str | None,
    keys: MutableSequence[VerifyKey],
    now: float,
) -> None:
    """Raise SignatureRejected unless Telnyx signed exactly these bytes, recently; SignatureStale when not recently.

    signature: header telnyx-signature-ed25519, base64 of 64 bytes.
    timestamp: header telnyx-timestamp, whole seconds since 1970 UTC.
    keys: any one may match, so a key can be rotated without losing a webhook. The one that does is put first: Telnyx
        signs the next webhooks with it too.
    now: seconds since 1970 UTC.
    """
    if not signature:
        raise SignatureRejected("the header telnyx-signature-ed25519 is missing")
    if not timestamp:
        raise SignatureRejected("the header telnyx-timestamp is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRejected("the header telnyx-timestamp is not whole seconds")
    try:
        raw = binascii.a2b_base64(signature, strict_mode=True)
    except ValueError as error:
        raise SignatureRejected("the header telnyx-signature-ed25519 is not base64") from error
    if len(raw) != 64:
        raise SignatureRejected("the signature is not 64 bytes")
    message = b"%b|%b" % (timestamp.encode(), body)
    for place, key in enumerate(keys):
        try:
            key.verify(message, raw)
        except BadSignatureError:
            continue
        if place:
            keys.insert(0, keys.pop(place))
        if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            raise SignatureStale(f"the header telnyx-timestamp is more than {TOLERANCE_SECONDS} seconds away")
        return
    raise SignatureRejected("signature invalid: no configured public key made it")


def public_keys(configured: str, *, development: bool) -> tuple[list[VerifyKey], list[str]]:
    """The keys that verify a webhook, and a sentence for each entry that is not a valid key.

    configured: base64 keys of 32 bytes, separated by commas; blanks around them do not matter.
    development: accept the development key, also when it is not configured. Only ever true on a laptop; elsewhere a
    configured development key counts as wrong.
    """
    development_key = VerifyKey(binascii.a2b_base64(DEVELOPMENT_PUBLIC_KEY))
    keys: list[VerifyKey] = []
    wrong: list[str] = []
    for number, text in enumerate((part.strip() for part in configured.split(",") if part.strip()), start=1):
        try:
            raw = binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            wrong.append(f"public key {number} is not base64")
            continue
        if len(raw) != 32:
            wrong.append(f"public key {number} is {len(raw)} bytes, not 32: paste the key as the portal shows it")
        elif VerifyKey(raw) == development_key and not development:
            wrong.append(f"public key {number} is the development key, which anyone can sign with")
        else:
            keys.append(VerifyKey(raw))
    if development and development_key not in keys:
        keys.append(development_key)
    return keys, wrong
