"""Owns httpx: how a command reaches Telnyx, and what the answer means.

Source: developers.telnyx.com, "Sending commands", "Command retries", "API errors", "Rate limiting".
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx

from hookline.commands import Command
from hookline.commands.command import WITHOUT_COMMAND_ID
from hookline.errors import ApiKeyUnreadable, TelnyxRefused, TelnyxUnavailable

BASE_URL = "https://api.telnyx.com/v2"

PATIENCE_SECONDS = 0.5
"""After this long without an answer the identical command is sent again (Telnyx, "Command retries"). The first copy is
waited for as well."""

SHORTEST_TRY_SECONDS = 0.1
"""With less time than this left a command is not sent: its answer could not be waited for."""

_HEADERS = {"accept": "application/json", "content-type": "application/json", "user-agent": "Hookline"}
_compact = json.JSONEncoder(separators=(",", ":")).encode
_LARGEST_ANSWER_BYTES = 1_000_000
_THREADS = 32
"""More than a warm process can leave behind hanging; a thread is only started when none is idle."""
_EPOCH_ABOVE = 1_000_000


class Outcome(StrEnum):
    """The meaning of Telnyx's answer to a command."""

    ACCEPTED = "accepted"  # accepted; the outcome comes by webhook
    ALREADY_DONE = "already_done"  # what was asked for is so already: the thing has stopped, or it is on
    CALL_ENDED = "call_ended"  # the call is over: nothing can be commanded any more
    TOO_EARLY = "too_early"  # the call is not there yet: the same command later
    RETRY_LATER = "retry_later"  # Telnyx cannot now: the same command at once or later
    UNAUTHORIZED = "unauthorized"  # the API key is refused or cannot be read: later, with another key
    REFUSED = "refused"  # sending it again cannot help

    @property
    def is_final(self) -> bool:
        """Whether sending the same command again later makes no sense."""
        return self not in _NOT_FINAL


_NOT_FINAL = frozenset({Outcome.TOO_EARLY, Outcome.RETRY_LATER, Outcome.UNAUTHORIZED})


BY_CODE: Mapping[str, Outcome] = {
    "10009": Outcome.UNAUTHORIZED,  # authentication failed
    "10010": Outcome.UNAUTHORIZED,  # not authorized
    "90018": Outcome.CALL_ENDED,  # the call has already ended
    "90031": Outcome.ALREADY_DONE,  # not forked: nothing to stop
    "90048": Outcome.ALREADY_DONE,  # not streaming: nothing to stop
    "90054": Outcome.ALREADY_DONE,  # transcription is already on
    "90020": Outcome.TOO_EARLY,  # recording before audio has started
    "90034": Outcome.TOO_EARLY,  # the call is not answered yet
    "10007": Outcome.RETRY_LATER,  # unexpected error
    "10008": Outcome.RETRY_LATER,  # timeout
    "10011": Outcome.RETRY_LATER,  # too many requests
    "10036": Outcome.RETRY_LATER,  # being processed
    "10037": Outcome.RETRY_LATER,  # unavailable
    "90040": Outcome.RETRY_LATER,  # the download of the audio timed out
    "90041": Outcome.RETRY_LATER,  # channel limit of the user
    "90042": Outcome.RETRY_LATER,  # channel limit of the profile
    "90043": Outcome.RETRY_LATER,  # channel limit of the connection
}
"""The error codes that mean something else than "refused". Source: developers.telnyx.com, API errors."""

KEY_UNREADABLE = "api_key_unreadable"
"""Not a code of Telnyx's: nothing was sent, because the API key cannot be read."""

BAD_ROUTING = "90057"
"""A bad event type in webhook_urls."""

OPTIONAL_ROUTING = ("webhook_urls", "webhook_retries_policies")
"""Parameters that a command can do without: it is sent again without those that the answer blames."""

NEVER_REPEATED = WITHOUT_COMMAND_ID | {"dial"}
"""Without a command_id Telnyx cannot recognize the second copy: a newer state would be overwritten. And it is not
documented what becomes of a dial whose id is repeated while the first is still being handled."""


class Answer(NamedTuple):
    """The result of a command.

    status: the HTTP status, None when nothing came back; code: Telnyx's error code, None when it named none.
    pointers: the parameters that the answer blames, as Telnyx writes them. wait_seconds: how long Telnyx asks us to
    wait, 0 when it does not. milliseconds: over all tries. data: what Telnyx answers to an accepted command.
    """

    outcome: Outcome
    status: int | None = None
    code: str | None = None
    pointers: tuple[str, ...] = ()
    wait_seconds: float = 0.0
    milliseconds: int = 0
    data: Mapping[str, Any] = MappingProxyType({})


_Response = tuple[int, Mapping[str, str], bytes]


class _Request(NamedTuple):
    """A command as it goes out. may_repeat: whether a second copy may be sent while the first is waited for."""

    method: str
    path: str
    content: bytes
    may_repeat: bool


class Telnyx:
    """Telnyx's API, on one keep-alive connection pool.

    api_key: called when a request needs it, so that a webhook without a command never fetches it; called with True
    after a 401, when a cached key may have been replaced.
    patience_seconds: after this long without an answer a command is sent again.
    clock: monotonic seconds; sleep: as time.sleep. Both are there to be replaced by a test's own time.
    """

    def __init__(
        self,
        api_key: Callable[[bool], str],
        *,
        base_url: str = BASE_URL,
        transport: httpx.BaseTransport | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Build the client; nothing is sent yet."""
        self._api_key = api_key
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._sleep = sleep
        self._base_url = base_url.rstrip("/")
        # A transport without a client around it: redirects, cookies and defaults are of no use here, and preparing a
        # request for them takes as long as verifying a signature.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=300)
        self._transport = transport or httpx.HTTPTransport(trust_env=False, limits=limits)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="telnyx")

    def send(self, command: Command, *, call_control_id: str, command_id: str, seconds: float) -> Answer:
        """Send a command until it has an answer, trying again where that can help. seconds: for at most this long.

        The identical command is repeated: Telnyx ignores a command_id that it has had within 60 s.
        """
        began = self._clock()
        ends = began + seconds
        request = _Request(
            method=command.method,
            path=command.path(call_control_id),
            content=_compact(command.body(command_id)).encode(),
            may_repeat=command.action not in NEVER_REPEATED and command.params.keys().isdisjoint(OPTIONAL_ROUTING),
        )
        answer = Answer(Outcome.RETRY_LATER)
        tries = 0
        new_key = False
        while ends - self._clock() >= SHORTEST_TRY_SECONDS:
            tries += 1
            answer = self._try(request, ends, new_key=new_key)
            if answer.outcome is Outcome.UNAUTHORIZED and answer.status is not None and not new_key:
                new_key = True
                continue
            if answer.outcome is not Outcome.RETRY_LATER:
                break
            pause = answer.wait_seconds or (0.05 * 2**tries if tries > 1 else 0.0)
            if pause + SHORTEST_TRY_SECONDS > ends - self._clock():
                break
            self._sleep(pause)
        return answer._replace(milliseconds=round((self._clock() - began) * 1000))

    def get(self, path: str, params: Mapping[str, str] | None = None, *, seconds: float = 10.0) -> dict[str, Any]:
        """Read one resource. Raises TelnyxUnavailable or TelnyxRefused."""
        return self._request("GET", path, params, seconds)

    def delete(self, path: str, *, seconds: float = 10.0) -> dict[str, Any]:
        """Delete one resource. Raises TelnyxUnavailable or TelnyxRefused."""
        return self._request("DELETE", path, None, seconds)

    def _request(self, method: str, path: str, params: Mapping[str, str] | None, seconds: float) -> dict[str, Any]:
        try:
            ends = self._clock() + seconds
            path_and_query = f"{path}?{httpx.QueryParams(params)}" if params else path
            status, _, content = self._exchange(method, path_and_query, b"", ends, new_key=False)
            if status == 401:
                status, _, content = self._exchange(method, path_and_query, b"", ends, new_key=True)
        except httpx.HTTPError as error:
            raise TelnyxUnavailable(type(error).__name__) from error
        if status < 300:
            return _object(content)
        code, _ = _blame(content)
        if _outcome(status, code) is Outcome.RETRY_LATER:
            raise TelnyxUnavailable(f"HTTP {status}")
        raise TelnyxRefused(status, code)

    def _try(self, request: "_Request", ends: float, *, new_key: bool) -> Answer:
        """One try: the request, and where it may be repeated a second copy of it while the first is waited for.

        httpx bounds each read, not their sum, and nothing bounds the look-up of a name: waiting for another thread
        bounds all of it. A thread left behind ends by its own timeouts and no longer sends anything, see `_exchange`.
        """
        first = self._start(request, ends, new_key=new_key)
        patience = min(self._patience_seconds, ends - self._clock()) if request.may_repeat else ends - self._clock()
        if _has_ended(first, patience) or not request.may_repeat:
            return _answer_of(first)
        if ends - self._clock() < SHORTEST_TRY_SECONDS:
            return _answer_of(first)
        second = self._start(request, ends, new_key=new_key)
        pending = {first, second}
        while pending and (left := ends - self._clock()) > 0:
            pending = wait(pending, timeout=left, return_when=FIRST_COMPLETED).not_done
            # A success of either counts. A refusal of the repeat alone decides nothing: what Telnyx answers to a
            # repeated command_id is not documented.
            if second.done() and (answer := _answer_of(second)).outcome is Outcome.ACCEPTED:
                return answer
            if first.done() and (answer := _answer_of(first)).outcome is not Outcome.RETRY_LATER:
                return answer
        return _answer_of(first)

    def _start(self, request: "_Request", ends: float, *, new_key: bool) -> "Future[_Response]":
        return self._threads.submit(
            self._exchange, request.method, request.path, request.content, ends, new_key=new_key
        )

    def _exchange(self, method: str, path: str, body: bytes, ends: float, *, new_key: bool) -> "_Response":
        """One request and its whole answer, or an httpx.HTTPError. ends: on our clock; nothing is sent after it."""
        wall_ends = time.time() + max(0.0, ends - self._clock())
        headers = {"authorization": f"Bearer {self._api_key(new_key)}", **_HEADERS}

        def in_time(step: str, _: object) -> None:
            # Lambda may have frozen the process while the connection was made: by now the queue has the command. The
            # monotonic clock of a frozen machine may have stood still, so the time of day counts as well.
            if step == "http11.send_request_headers.started" and (self._clock() > ends or time.time() > wall_ends):
                raise httpx.ConnectTimeout("connected too late")

        timeout = dict.fromkeys(("connect", "read", "write", "pool"), max(0.001, ends - self._clock()))
        extensions = {"timeout": timeout, "trace": in_time}
        request = httpx.Request(method, self._base_url + path, headers=headers, content=body, extensions=extensions)
        with contextlib.closing(self._transport.handle_request(request)) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if self._clock() > ends or len(content) > _LARGEST_ANSWER_BYTES:
                    raise httpx.ReadTimeout("the answer did not end in time", request=request)
            return response.status_code, response.headers, content


def _has_ended(exchange: "Future[_Response]", seconds: float) -> bool:
    """Wait for an exchange, at most for these seconds."""
    try:
        exchange.exception(timeout=seconds)
    except TimeoutError:
        return False
    return True


def _answer_of(exchange: "Future[_Response]") -> Answer:
    """The meaning of an exchange as far as it has come; one that is still under way is cancelled or left to end."""
    if not exchange.done():
        exchange.cancel()
        return Answer(Outcome.RETRY_LATER)
    try:
        status, headers, content = exchange.result()
    except ApiKeyUnreadable:
        return Answer(Outcome.UNAUTHORIZED, code=KEY_UNREADABLE)
    except (httpx.HTTPError, TelnyxUnavailable):
        return Answer(Outcome.RETRY_LATER)
    if status < 300:
        data = _object(content).get("data")
        return Answer(Outcome.ACCEPTED, status, data=data if isinstance(data, dict) else {})
    code, pointers = _blame(content)
    wait_seconds = _asked_to_wait(headers) if status == 429 else 0.0
    return Answer(_outcome(status, code), status, code, pointers, wait_seconds)


def _outcome(status: int, code: str | None) -> Outcome:
    if code is not None and code in BY_CODE:
        return BY_CODE[code]
    if status == 401 or (status == 403 and code is None):
        return Outcome.UNAUTHORIZED
    if status in (408, 429) or status >= 500:
        return Outcome.RETRY_LATER
    return Outcome.REFUSED


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _blame(content: bytes) -> tuple[str | None, tuple[str, ...]]:
    """The first error's code, and every parameter that an error points at. Each part of the body may be missing."""
    errors = _object(content).get("errors")
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    code = next((str(error["code"]) for error in found if isinstance(error.get("code"), (str, int))), None)
    sources = [error["source"] for error in found if isinstance(error.get("source"), dict)]
    named = [str(source.get("pointer") or source.get("parameter") or "") for source in sources]
    return code, tuple(name for name in named if name)


def _asked_to_wait(headers: Mapping[str, str]) -> float:
    """Seconds until Telnyx takes requests again; 0 when it gives no time.

    `retry-after` and `x-ratelimit-reset` are seconds; one page of the documentation shows an epoch in the latter, so a
    value above a million is read as one.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        try:
            value = float(headers.get(name, ""))
        except ValueError:
            continue
        if value > _EPOCH_ABOVE:
            value -= time.time()
        return value if 0.0 < value < 3600.0 else 0.0
    return 0.0
