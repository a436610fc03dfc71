"""The examination as a whole: which parts are looked at, in which order, and the clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hookline.signature import public_keys
from hookline_local.operations.doctor.aws import DeployedStack
from hookline_local.operations.doctor.finding import Finding, fault, ok, unknown
from hookline_local.operations.doctor.probe import Probe
from hookline_local.operations.doctor.telnyx import Expected, TelnyxSide
from hookline_local.operations.telnyx_account import TelnyxAccount

CLOCK_TOLERANCE_SECONDS = 60.0
"""A signature is refused at 300 s. A clock that is a minute off is not set by a time server."""


@dataclass(frozen=True)
class Patient:
    """The set-up that is examined.

    stack: None for a stack on this machine. api_key: for Telnyx when the secret is not readable.
    seed: 32 bytes that sign for one of the public keys; None when only Telnyx can sign.
    """

    expected: Expected
    telnyx_base_url: str
    stack: DeployedStack | None = None
    api_key: str | None = None
    seed: bytes | None = None


def examine(patient: Patient, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Everything, each finding as soon as it is there. now: this machine's clock, seconds since 1970 UTC."""
    api_key = patient.api_key
    if patient.stack is not None:
        own_key, finding = patient.stack.secret()
        yield finding
        api_key = own_key or api_key
        yield from patient.stack.examine()
    yield from _public_keys(patient)
    probe = Probe(patient.expected.webhook_url)
    yield from probe.examine(patient.seed)
    server_time = probe.server_time
    if api_key is None:
        yield unknown("no_api_key")
    else:
        with TelnyxAccount(api_key, patient.telnyx_base_url) as account:
            yield from TelnyxSide(account, patient.expected).examine()
            server_time = account.server_time or server_time
    yield _clock(server_time, now())


def _public_keys(patient: Patient) -> Iterator[Finding]:
    """Keys that the functions ignore, as they find them. Without a valid one every webhook is answered 500."""
    configured = patient.expected.public_keys
    valid, wrong = public_keys(",".join(configured), development=patient.stack is None)
    for reason in wrong:
        yield fault("public_key_invalid", reason=reason)
    if not valid:
        yield fault("public_key_missing")


def _clock(server_time: float | None, now: float) -> Finding:
    if server_time is None:
        return unknown("clock_unknown")
    seconds = round(now - server_time)
    return fault("clock", seconds=seconds) if abs(seconds) > CLOCK_TOLERANCE_SECONDS else ok("clock", seconds=seconds)
