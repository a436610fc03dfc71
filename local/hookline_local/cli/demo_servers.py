"""The demo's servers: a WebSocket server that is unavailable at first, and a web server with one audio file."""

import asyncio
import json
import socket
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve

from hookline_local.base.loopback import LoopbackServer, Receive, Response, Scope, Send, reply
from hookline_local.simulator.sound import sound_file

TOKEN_HEADER = "x-telnyx-streaming-auth-token"  # noqa: S105 - a header's name


class MediaSink:
    """Receives the sound of a call over a WebSocket, once it is opened. Until then its port refuses connections.

    events: number of messages of each kind. token: the auth token of the first connection.
    """

    def __init__(self) -> None:
        self.events: dict[str, int] = {}
        self.token: str | None = None
        self._server: Server | None = None
        self._opening: asyncio.Task[None] | None = None
        # Bound and not listening: the port is reserved, and connections are refused.
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._socket.getsockname()[1]}/media"

    def open(self) -> None:
        """Accept connections from now on."""
        if self._opening is None:
            self._socket.listen()
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        self._server = await serve(self._receive, sock=self._socket, ping_interval=None)

    async def _receive(self, connection: ServerConnection) -> None:
        if self.token is None and connection.request is not None:
            self.token = connection.request.headers.get(TOKEN_HEADER)
        async for message in connection:
            content: dict[str, Any] = json.loads(message)
            kind = str(content.get("event"))
            self.events[kind] = self.events.get(kind, 0) + 1

    async def close(self) -> None:
        """Accept no more connections."""
        if self._opening is not None:
            await self._opening
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._socket.close()


class AudioFile:
    """One WAV file of that length on a web server: `url`."""

    def __init__(self, seconds: float) -> None:
        self._sound = sound_file("wav", channels=1, seconds=seconds)
        self._server = LoopbackServer()
        self.url = f"{self._server.url}/music.wav"

    async def __aenter__(self) -> Self:
        content = self._sound.read(0, self._sound.size)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await reply(send, Response(200, content, (("content-type", self._sound.content_type),)))

        await self._server.start(application)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()
