"""The program behind EventWebhookUrl in the drills: it takes what is posted, or refuses it."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TAKES = 204


class Subscriber(ThreadingHTTPServer):
    """A server on a free port of this machine. status: of every answer."""

    status = TAKES
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"


class _Answer(BaseHTTPRequestHandler):
    server: Subscriber

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing on standard error."""


@contextlib.contextmanager
def subscriber() -> Iterator[Subscriber]:
    """A subscriber that runs; it has stopped afterwards."""
    with Subscriber(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, name="hookline-subscriber", daemon=True).start()
        yield server
        server.shutdown()
