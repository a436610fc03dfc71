"""The shell around a decision: prove, read, decide, tell, remember, answer.

The HTTP status answers one question, whether Telnyx should deliver this again: 200 no, 5xx yes, 401 it was never
theirs. A 4xx is never used for a fault of ours, because Telnyx may not retry it (developers.telnyx.com, Voice API
webhooks).
"""

import binascii
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from hookline.call import Call
from hookline.commands import Command
from hookline.environment import Environment, environment
from hookline.errors import SignatureRejected, Unavailable, Unreadable
from hookline.events import Event, read
from hookline.journal import LARGEST_BODY_BYTES, moment
from hookline.queues import LARGEST_QUARANTINED_BYTES
from hookline.routing import with_routing
from hookline.signature import verify
from hookline.telling import QUEUED, Told, tell

DEADLINE_SECONDS = 2.0
"""Telnyx gives a webhook so long to be answered (developers.telnyx.com, webhook fundamentals)."""

RESERVE_SECONDS = 0.5
"""Of the deadline: what the way from and to Telnyx takes, one write to the journal, and one message to the queue."""

_compact = json.JSONEncoder(separators=(",", ":")).encode

_LAST_EPOCH = 1 << 53
"""Milliseconds, far beyond any clock; a larger number is no moment."""

COUNTED = {QUEUED: "CommandQueued", "refused": "CommandRefused"}
"""What may wake somebody, by the result of a command."""

PRESSED = "call.dtmf.received"
KEYED = {PRESSED: "digit", "call.gather.ended": "digits"}
"""Where the digits are that a caller keys in: they may be a card number."""

Request = Mapping[str, Any]
Decide = Callable[[Event, Call], Sequence[Command]]


class Context(Protocol):
    """What we use of the context object that Lambda hands to a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda stops this invocation."""


class Proven(NamedTuple):
    """A request that Telnyx signed.

    received_at: seconds since 1970 UTC, when API Gateway took it. began: when the function did, by time.perf_counter.
    """

    body: bytes
    received_at: float
    signed_headers: dict[str, str]
    began: float


def receive(request: Request, context: Context, decisions: Mapping[str, Decide]) -> dict[str, Any]:
    """Answer one webhook: the whole way from an API Gateway request (payload format 2.0) to its response.

    decisions: what to say, by event type. An event of any other type is journalled and commands nothing.

    A decision is asked twice. First with nothing known but the event: most events command nothing, and then one
    conditional write is all that a webhook costs. Only when it wants to say something is the call's history read, and
    the answer that counts is the one it gives with that history. So history may take commands away, never add any.
    """
    env = environment()
    if not env.public_keys:
        env.logger.error("closed: no public key is configured, set the stack's parameter TelnyxPublicKeys")
        return _response(500, {"error": "no public key is configured"})
    try:
        proven = prove(request, env)
    except SignatureRejected as rejection:
        env.logger.warning("rejected", extra={"reason": str(rejection)})
        return _response(401, {"error": "not proven to come from Telnyx"})
    try:
        return _answer(env, proven, request, context, decisions)
    except Unavailable as reason:
        env.logger.error("not answered, to be delivered again", extra={"reason": str(reason)})
        env.count("Unavailable")
        return _response(503, {"error": "out of reach, deliver again"})


def prove(request: Request, env: Environment) -> Proven:
    """The bytes that Telnyx signed. Raises SignatureRejected for anything that is not such a request.

    The clock is `requestContext.timeEpoch`, the moment API Gateway took the request: a cold start does not age it.
    """
    began = time.perf_counter()
    context = request.get("requestContext") if isinstance(request, dict) else None
    epoch = context.get("timeEpoch") if isinstance(context, dict) else None
    if type(epoch) is not int or not 0 <= epoch < _LAST_EPOCH:
        raise SignatureRejected("the request has no requestContext.timeEpoch: it did not come through API Gateway")
    headers = request.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    signature, timestamp = _header(headers, "telnyx-signature-ed25519"), _header(headers, "telnyx-timestamp")
    body = _raw_body(request)
    verify(body, signature=signature, timestamp=timestamp, keys=env.public_keys, now=epoch / 1000)
    signed_headers = {"telnyx-signature-ed25519": signature or "", "telnyx-timestamp": timestamp or ""}
    return Proven(body, epoch / 1000, signed_headers, began)


def _answer(
    env: Environment, proven: Proven, request: Request, context: Context, decisions: Mapping[str, Decide]
) -> dict[str, Any]:
    try:
        event = read(proven.body)
    except Unreadable as reason:
        return _quarantine(env, proven, str(reason))
    if _interim(event) and not env.keep_interim_transcripts:
        return _response(200, {"event": event.id, "told": []})
    decide = decisions.get(event.type)
    call = Call.of([event])
    commands = decide(event, call) if decide else ()
    told: list[Told] = []
    commanding = bool(commands)
    if decide and commands:
        asked = time.perf_counter()
        history = env.journal.history(event)
        journal_seconds = time.perf_counter() - asked
        if history.seen:
            return _respond(env, event, told, proven, repeated=True)
        if history.events:
            call = Call.of([*history.events, event])
            commands = decide(event, call)
        if base_url := _base_url(env, request):
            commands = [with_routing(command, base_url) for command in commands]
        seconds = _seconds_left(proven, context, journal_seconds, env.patience)
        if history.waits_until > moment(time.time()):
            seconds = 0.0  # something of this call waits in the queue: stay behind it
        told = tell(env, event, call, commands, seconds=seconds)
    # A key that does something is the line's; every other one, and what was gathered, is the caller's own.
    of_the_line = commanding and event.type == PRESSED
    body = proven.body if of_the_line or env.keep_digits else _without_digits(event, proven.body)
    new = _remember(env, event, body, proven.received_at, told, commanding=commanding)
    return _respond(env, event, told, proven, repeated=not new)


def _remember(
    env: Environment, event: Event, body: bytes, received_at: float, told: Sequence[Told], *, commanding: bool
) -> bool:
    facts = [one.as_fact() for one in told]
    kept_at = None
    if len(body) > LARGEST_BODY_BYTES:
        kept_at = env.large_bodies.keep("oversize", hashlib.sha256(event.id.encode()).hexdigest(), body)
    text = body.decode() if kept_at is None else None
    return env.journal.remember(
        event,
        body=text,
        kept_at=kept_at,
        received_at=received_at,
        told=facts,
        waiting={one.command_id: one.expires_at for one in told if one.expires_at is not None},
        commanding=commanding,
    )


def _quarantine(env: Environment, proven: Proven, reason: str) -> dict[str, Any]:
    kept_at = None
    if len(proven.body) > LARGEST_QUARANTINED_BYTES:
        kept_at = env.large_bodies.keep("quarantine", hashlib.sha256(proven.body).hexdigest(), proven.body)
    env.queues.quarantine(
        proven.body if kept_at is None else None,
        kept_at=kept_at,
        reason=reason,
        headers=proven.signed_headers,
        received_at=proven.received_at,
    )
    env.logger.error("quarantined", extra={"reason": reason})
    env.count("Quarantined")
    return _response(200, {"quarantined": reason})


def _respond(env: Environment, event: Event, told: Sequence[Told], proven: Proven, *, repeated: bool) -> dict[str, Any]:
    results = [f"{one.command.action}: {one.result}" for one in told]
    env.logger.info(
        "repeated" if repeated else "journalled",
        extra={
            "event_id": event.id,
            "event_type": event.type,
            "call_leg_id": event.call_leg_id,
            "call_session_id": event.call_session_id,
            "attempt": event.attempt,
            "told": results,
            "milliseconds": round((time.perf_counter() - proven.began) * 1000),
        },
    )
    for one in told:
        if one.result in COUNTED and one.command.action != "archive":
            env.count(COUNTED[one.result])
    answer: dict[str, Any] = {"event": event.id, "told": results}
    if repeated:
        answer["repeated"] = True
    return _response(200, answer)


def _base_url(env: Environment, request: Request) -> str | None:
    """Where the per-event routes are; None when they are switched off.

    The domain name is the one that the request came in on. A setting could not hold it: the function would need the
    API's address and the API the function's.
    """
    if not env.per_event_routing:
        return None
    domain_name = request["requestContext"].get("domainName")
    return env.webhook_base_url or (f"https://{domain_name}" if domain_name else None)


def _seconds_left(proven: Proven, context: Context, journal_seconds: float, patience: float) -> float:
    """How long Telnyx may be told things before the webhook must be answered.

    journal_seconds: what the journal took to be read; on a slow day more is set aside for its write and the queue.

    A request that is older than its deadline, a sample or a replay, has nobody waiting for it: then the function's own
    time counts, less what the journal needs.

    patience: how many times as long as on AWS everything may take here.
    """
    deadline, reserve = DEADLINE_SECONDS * patience, RESERVE_SECONDS * patience
    age = max(0.0, time.time() - proven.received_at)
    if age > deadline:
        return context.get_remaining_time_in_millis() / 1000 - 2 * reserve
    return deadline - max(reserve, 3 * journal_seconds) - age


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


def _interim(event: Event) -> bool:
    if event.type != "call.transcription":
        return False
    data = event.payload.get("transcription_data")
    return isinstance(data, dict) and data.get("is_final") is False


def _without_digits(event: Event, body: bytes) -> bytes:
    """The envelope with every keyed digit replaced by an x; other events are not touched.

    It is written anew even when there seems to be no digit: a key that stands there twice is read once.
    """
    key = KEYED.get(event.type)
    if key is None:
        return body
    envelope = json.loads(body)
    if event.payload.get(key) is not None:
        envelope["data"]["payload"][key] = "x" * len(str(event.payload[key]))
    return _compact(envelope).encode()


def _response(status: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": _compact(answer),
    }


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    environment().build()  # in the init phase, which has a full processor whatever the function's memory
