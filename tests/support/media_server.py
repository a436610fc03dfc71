"""A WebSocket server that a call is streamed to, and that may talk back."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.server import ServerConnection, serve


class MediaServer:
    """A WebSocket server: the messages of Telnyx on its sockets, and the sockets themselves."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self.tokens: list[str | None] = []
        self._changed = threading.Condition()

    def listen(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        with self._changed:
            self.sockets.append(connection)
            self.tokens.append(request.headers.get("x-telnyx-streaming-auth-token"))
        for message in connection:
            with self._changed:
                self.messages.append(json.loads(message))
                self._changed.notify_all()

    def all(self, event: str) -> list[dict[str, Any]]:
        return [one for one in list(self.messages) if one["event"] == event]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.all(event)) >= times, 60), (event, self.messages[-3:])
            return self.all(event)[times - 1]

    def send(self, **message: object) -> None:
        self.sockets[-1].send(json.dumps(message))


@contextmanager
def media_server() -> Iterator[MediaServer]:
    listening = MediaServer()
    with serve(listening.listen, "127.0.0.1", 0) as server:
        listening.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/media"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield listening
        finally:
            server.shutdown()
            for connection in listening.sockets:
                connection.close()
            thread.join()
