"""HTTP servers on 127.0.0.1: the one way in which the local stack, the simulator and the CLI listen."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

GRACE_SECONDS = 1.0
"""For responses under way when a server stops."""

logger = logging.getLogger(__name__)


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


class TooLargeError(Exception):
    """A request with a body above the limit."""


class CutOffError(Exception):
    """The client has disconnected before the end of its request."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLargeError as soon as it is known to be longer than `limit` bytes, and CutOffError."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise TooLargeError
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CutOffError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLargeError
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def reply(send: Send, response: Response) -> None:
    """Send a whole response."""
    headers = [*response.headers, ("content-length", str(len(response.body)))]
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})


class _QuietProtocol(H11Protocol):
    """For applications that break responses off on purpose: uvicorn logs each as an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logger.getChild("quiet")
        self.logger.setLevel(logging.CRITICAL)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers and its tick ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.leave = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program that the server is a part of."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Serve until `leave` is set."""
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Without the tenth of a second that uvicorn's own takes even when no client is connected."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        await asyncio.sleep(0)  # a connection accepted just now gets its transport, which can be closed
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finish_tasks()
        for connection in list(self.server_state.connections):  # of clients that were left waiting
            connection.transport.abort()
        if sys.version_info >= (3, 13):  # and of clients accepted just now, which uvicorn does not know yet
            for server in self.servers:
                server.abort_clients()
        for _ in range(3):  # until the transports have closed their sockets
            await asyncio.sleep(0)

    async def _finish_tasks(self) -> None:
        if not self.server_state.tasks:
            return
        _, late = await asyncio.wait(self.server_state.tasks, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


class LoopbackServer:
    """Serves an ASGI application on 127.0.0.1.

    port: 0 picks a free one; OSError when it is taken. quiet: log nothing about responses that break off.
    """

    def __init__(self, port: int = 0, *, quiet: bool = False) -> None:
        # IPPROTO_TCP: without it asyncio does not switch Nagle's algorithm off, and every answer waits 40 ms for an
        # ACK.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._protocol: type[H11Protocol] = _QuietProtocol if quiet else H11Protocol
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, application: Application) -> None:
        """Listen, and call `application` for every request."""
        config = uvicorn.Config(
            application,
            http=self._protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=1024 * 1024,
            timeout_keep_alive=60,
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait([ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def stop(self) -> None:
        """Finish what is under way within GRACE_SECONDS. May be called again, and without `start`."""
        if self._server is not None and self._task is not None:
            self._server.leave.set()
            await asyncio.wait([self._task])
        self._socket.close()
