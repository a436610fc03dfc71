"""Say it. Owns httpx: how a command reaches Telnyx, and what its answer means.

Source: developers.telnyx.com, "Sending commands", "Command retries", "API errors", "Rate limiting".
"""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import httpx

from hookline.commands import Command
from hookline.errors import TelnyxRefused, TelnyxUnavailable

BASE_URL = "https://api.telnyx.com/v2"

PATIENCE_SECONDS = 0.5
"""No answer for so long means say the identical command again (Telnyx, "Command retries")."""

SHORTEST_TRY_SECONDS = 0.1
"""With less time than this left a command is not begun: its answer could not be waited for."""

_LARGEST_ANSWER_BYTES = 1_000_000
_THREADS = 32
"""More than a warm process can leave behind hanging; a thread is only started when none is idle."""
_EPOCH_ABOVE = 1_000_000


class Verdict(StrEnum):
    """What Telnyx's answer to a command means."""

    TOLD = "told"  # accepted; the outcome comes by webhook
    DONE = "done"  # there is nothing left to do: the call or the thing has ended, or it is on already
    WAIT = "wait"  # the call is not there yet: the same command later
    RETRY = "retry"  # Telnyx cannot now: the same command at once or later
    REFUSED = "refused"  # saying it again cannot help


BY_CODE: Mapping[str, Verdict] = {
    "90018": Verdict.DONE,  # the call has already ended
    "90031": Verdict.DONE,  # not forked: nothing to stop
    "90048": Verdict.DONE,  # not streaming: nothing to stop
    "90054": Verdict.DONE,  # transcription is already on
    "90020": Verdict.WAIT,  # recording before audio has started
    "90034": Verdict.WAIT,  # the call is not answered yet
    "10007": Verdict.RETRY,  # unexpected error
    "10008": Verdict.RETRY,  # timeout
    "10011": Verdict.RETRY,  # too many requests
    "10036": Verdict.RETRY,  # being processed
    "10037": Verdict.RETRY,  # unavailable
    "90040": Verdict.RETRY,  # the download of the audio timed out
    "90041": Verdict.RETRY,  # channel limit of the user
    "90042": Verdict.RETRY,  # channel limit of the profile
    "90043": Verdict.RETRY,  # channel limit of the connection
}
"""The error codes that mean something else than "refused". Source: developers.telnyx.com, API errors."""

BAD_ROUTING = "90057"
"""A bad event type in webhook_urls."""

OPTIONAL_ROUTING = ("webhook_urls", "webhook_retries_policies")
"""Parameters that a command can do without: where the answer points at one, the command is said again without it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command.

    status: the HTTP status, None when nothing came back; code: Telnyx's error code, None when it named none.
    pointers: the parameters that the answer blames, as Telnyx writes them. wait_seconds: how long Telnyx asks us to
    wait, 0 when it does not. milliseconds: over all tries.
    """

    verdict: Verdict
    status: int | None = None
    code: str | None = None
    pointers: tuple[str, ...] = ()
    wait_seconds: float = 0.0
    milliseconds: int = 0


class Telnyx:
    """Telnyx's API, on one keep-alive connection pool.

    api_key: called when a request needs it, so that a webhook without a command never fetches it; called with True
    after a 401, when a key kept from before may have been replaced.
    patience_seconds: how long one try of a command may take.
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
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"),
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=300),
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="telnyx")

    def tell(self, command: Command, *, call_control_id: str, command_id: str, seconds: float) -> Answer:
        """Say a command until it has an answer, trying again where that can help, for at most so many seconds.

        The identical command is repeated: Telnyx ignores a command_id that it has had within 60 s.
        """
        began = self._clock()
        body = json.dumps(command.body(command_id), separators=(",", ":")).encode()
        answer = Answer(Verdict.RETRY)
        tries = 0
        new_key = False
        while True:
            left = seconds - (self._clock() - began)
            if left < SHORTEST_TRY_SECONDS:
                break
            tries += 1
            patience = min(self._patience_seconds, left)
            answer = self._try(command.method, command.path(call_control_id), body, patience, new_key=new_key)
            if answer.status == 401 and not new_key:
                new_key = True
                continue
            if answer.verdict is not Verdict.RETRY:
                break
            pause = answer.wait_seconds or (0.05 * 2**tries if tries > 1 else 0.0)
            if pause + SHORTEST_TRY_SECONDS > seconds - (self._clock() - began):
                break
            self._sleep(pause)
        spent = round((self._clock() - began) * 1000)
        return replace(answer, milliseconds=spent)

    def get(self, path: str, params: Mapping[str, str] | None = None, *, seconds: float = 10.0) -> dict[str, Any]:
        """Read one resource. Raises TelnyxUnavailable or TelnyxRefused."""
        return self._request("GET", path, params, seconds)

    def delete(self, path: str, *, seconds: float = 10.0) -> dict[str, Any]:
        """Delete one resource. Raises TelnyxUnavailable or TelnyxRefused."""
        return self._request("DELETE", path, None, seconds)

    def _request(self, method: str, path: str, params: Mapping[str, str] | None, seconds: float) -> dict[str, Any]:
        try:
            ends = self._clock() + seconds
            status, _, content = self._exchange(method, path, ends, new_key=False, params=params)
            if status == 401:
                status, _, content = self._exchange(method, path, ends, new_key=True, params=params)
        except httpx.HTTPError as error:
            raise TelnyxUnavailable(type(error).__name__) from error
        if status < 300:
            return _object(content)
        code, _ = _blame(content)
        if _verdict(status, code) is Verdict.RETRY:
            raise TelnyxUnavailable(f"HTTP {status}")
        raise TelnyxRefused(status, code)

    def _try(self, method: str, path: str, body: bytes, seconds: float, *, new_key: bool) -> Answer:
        # httpx bounds each read, not their sum, and nothing bounds the look-up of a name. Waiting for another thread
        # bounds all of it. A thread left behind ends by its own timeouts and no longer says anything: see in_time.
        ends = self._clock() + seconds
        exchange = self._threads.submit(self._exchange, method, path, ends, new_key=new_key, content=body)
        try:
            status, headers, content = exchange.result(timeout=seconds)
        except (httpx.HTTPError, TelnyxUnavailable, TimeoutError):
            exchange.cancel()
            return Answer(Verdict.RETRY)
        if status < 300:
            return Answer(Verdict.TOLD, status)
        code, pointers = _blame(content)
        wait_seconds = _asked_to_wait(headers) if status == 429 else 0.0
        return Answer(_verdict(status, code), status, code, pointers, wait_seconds)

    def _exchange(
        self, method: str, path: str, ends: float, *, new_key: bool, **request: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request and its whole answer, or an httpx.HTTPError. ends: on our clock; nothing is said after it."""
        headers = {"authorization": f"Bearer {self._api_key(new_key)}", "content-type": "application/json"}

        def in_time(step: str, _: object) -> None:
            # Lambda may have frozen us while the connection was made: by now the queue has the command.
            if step == "http11.send_request_headers.started" and self._clock() > ends:
                raise httpx.ConnectTimeout("connected too late")

        request |= {"headers": headers, "timeout": max(0.001, ends - self._clock()), "extensions": {"trace": in_time}}
        with self._http.stream(method, path, **request) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if self._clock() > ends or len(content) > _LARGEST_ANSWER_BYTES:
                    raise httpx.ReadTimeout("the answer did not end in time", request=response.request)
            return response.status_code, response.headers, content


def _verdict(status: int, code: str | None) -> Verdict:
    if code is not None and code in BY_CODE:
        return BY_CODE[code]
    if status in (408, 429) or status >= 500:
        return Verdict.RETRY
    return Verdict.REFUSED


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
    """Seconds until Telnyx takes requests again; 0 when it does not say.

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
