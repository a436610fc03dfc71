"""The doors of the console on a laptop, where no one signs in: its files, and a phone. For this machine alone.

The page and these doors are of one origin, so that the page asks no other host for anything. The phone is what a person
on the phone does, passed on to the simulator; it is never deployed.
"""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import httpx

from hookline.console import Console
from hookline_local.base.loopback import CutOffError, Receive, Response, Scope, Send, TooLargeError, read_body, reply
from hookline_local.emulator.gateway import is_from_this_machine, response_of

CONSOLE = "/console"
PHONE = "/_phone/"
BODY_LIMIT_BYTES = 100_000

_OPEN = (
    ("POST", re.compile(r"calls|calls/[A-Za-z0-9:_=-]+/(press|speak|hangup)")),
    ("GET", re.compile(r"calls/[A-Za-z0-9:_=-]+|observe")),
)
"""The parts of the simulator's control API that the phone may use."""


class ConsoleDoor:
    """An ASGI application: the files of the console. media_origin: where recordings are heard from."""

    def __init__(self, folder: Path, *, media_origin: str) -> None:
        self._console = Console(folder=str(folder), local=True, media_origins=(media_origin,))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if not is_from_this_machine(headers):
            await reply(send, _refused(403, "the console is for this machine alone"))
            return
        name = scope["path"].removeprefix(CONSOLE).strip("/") or None
        await reply(send, response_of(self._console.answer(name, headers)))


class PhoneDoor:
    """An ASGI application. control_url: of the simulator's control API; None when there is no simulator."""

    def __init__(self, control_url: str | None) -> None:
        self._control_url = control_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        method, path = scope["method"], scope["path"].removeprefix(PHONE)
        try:
            body = await read_body(scope, receive, BODY_LIMIT_BYTES)
        except TooLargeError:
            await reply(send, _refused(413, "the request is too large"))
            return
        except CutOffError:
            return
        if not is_from_this_machine(headers):
            await reply(send, _refused(403, "the phone is for this machine alone"))
        elif self._control_url is None or not any(method == m and of.fullmatch(path) for m, of in _OPEN):
            await reply(send, _refused(404, "there is no simulator of Telnyx beside this stack"))
        elif method == "POST" and headers.get("content-type") != "application/json":
            await reply(send, _refused(415, "send content-type: application/json"))
        else:
            passing = asyncio.ensure_future(self._pass_on(method, path, body, send))
            leaving = asyncio.ensure_future(_disconnected(receive))
            await asyncio.wait((passing, leaving), return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            passing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await passing

    async def _pass_on(self, method: str, path: str, body: bytes, send: Send) -> None:
        """The simulator's answer, as it comes: observations come one by one."""
        begun = False
        async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), trust_env=False) as client:
            try:
                async with client.stream(method, f"{self._control_url}/{path}", content=body) as answer:
                    kind = answer.headers.get("content-type", "application/json").encode("latin-1")
                    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
                    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
                    begun = True
                    async for part in answer.aiter_bytes():
                        await send({"type": "http.response.body", "body": part, "more_body": True})
            except httpx.HTTPError:
                if not begun:
                    await reply(send, _refused(502, "the simulator of Telnyx does not answer"))
                    return
        await send({"type": "http.response.body", "body": b""})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _disconnected(receive: Receive) -> None:
    """Wait until the page has gone, or has taken the whole answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _refused(status: int, why: str) -> Response:
    return Response(status, json.dumps({"error": why}).encode(), (("content-type", "application/json"),))
