"""The far side of a link, as one HTTP server on loopback: files, and every way in which a download can fail.

It is Telnyx's API too (`/v2/recordings`, `/v2/recording_transcriptions`), because that is where a fresh link comes
from. A file request with an Authorization header is refused with 400, as S3 does; an API request without one with 401.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Turn = Callable[["_Handler", "LinkServer", bytes, str], None]


class LinkServer:
    """files: content by path. turns: by path, how the next requests are answered; after the last one, well.

    requests: every request for a file, as (path, headers). records, transcriptions: what Telnyx's API knows.
    api_requests: every request to the API, as (method, path with query). A list is
    returned whole, whatever the filter.
    api_keys: the valid ones; empty: every one is valid.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.turns: dict[str, list[Turn]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.records: dict[str, dict[str, object]] = {}
        self.transcriptions: list[dict[str, object]] = []
        self.api_requests: list[tuple[str, str]] = []
        self.api_status = 200
        self.api_keys: set[str] = set()
        self.refuse_deleting = False
        self.ranges = True
        self.lock = threading.Lock()

    def put(self, path: str, content: bytes, *turns: Turn, etag: str | None = "") -> str:
        """Add a file and how its first requests are answered; return its link."""
        self.files[path] = content
        self.etags[path] = f'"{hash(content):x}"' if etag == "" else (etag or "")
        self.turns[path] = list(turns)
        return self.url + path

    def ranges_requested(self, path: str) -> list[str | None]:
        """The Range header of every request for a file, in order."""
        return [headers.get("Range") for requested, headers in self.requests if requested == path]


def status(code: int) -> Turn:
    """An error page, as S3 makes them."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        handler.answer(code, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {})

    return turn


def cut_after(count: int, *, pause: threading.Event | None = None) -> Turn:
    """The connection ends in the middle; before that, perhaps, silence until something has happened."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        handler.head(200, {"Content-Length": str(len(content)), "ETag": etag})
        handler.wfile.write(content[:count])
        handler.wfile.flush()
        if pause is not None:
            pause.wait(60)
        handler.close_connection = True

    return turn


def dripping(step: int, pause: float) -> Turn:
    """A few bytes, a pause, a few bytes: never silent for long and never done."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        handler.head(200, {"Content-Length": str(len(content)), "ETag": etag})
        for start in range(0, len(content), step):
            handler.wfile.write(content[start : start + step])
            handler.wfile.flush()
            time.sleep(pause)

    return turn


def cut_each_time(count: int) -> Turn:
    """This many bytes further each time, and never to the end in one go."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        start = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        extent = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        handler.head(206 if start else 200, {"Content-Length": str(len(content) - start), "ETag": etag, **extent})
        handler.wfile.write(content[start : start + count])
        handler.close_connection = True

    return turn


def announcing(length: str | None) -> Turn:
    """The whole file under a Content-Length that is not its own, or under none."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        handler.head(200, {} if length is None else {"Content-Length": length})
        handler.wfile.write(content)
        handler.close_connection = True

    return turn


def redirected(to: str, code: int = 302) -> Turn:
    """The file is elsewhere."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        handler.answer(code, b"", {"Location": to})

    return turn


def encoded(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """Bytes that have to be decoded first."""
    handler.answer(200, content, {"Content-Encoding": "gzip"})


def chunked(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """No length, but an end that differs from a cut."""
    handler.head(200, {"Transfer-Encoding": "chunked"})
    for start in range(0, len(content), 1000):
        piece = content[start : start + 1000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


def endless_and_slow(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """It never ends and is never slow enough to be given up for that."""
    handler.head(200, {"Transfer-Encoding": "chunked"})
    piece = content
    while True:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.flush()
        piece = b"\x00" * 32_768
        time.sleep(0.05)


def cut_in_a_size(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """The connection ends inside the size of a chunk, where what came of it reads like the size of a last one."""
    half = content[: len(content) // 2]
    handler.head(200, {"Transfer-Encoding": "chunked"})
    handler.wfile.write(b"%08x\r\n%s\r\n0000" % (len(half), half))
    handler.close_connection = True


def meanwhile(act: Callable[[], object]) -> Turn:
    """Something else happens between the question and the answer, which is good."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
        act()
        _well(handler, server, content, etag)

    return turn


def endless(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """It begins like the file and never ends."""
    handler.head(200, {"Transfer-Encoding": "chunked"})
    piece = content
    while True:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        piece = b"\x00" * 65_536


def page(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """An error page with status 200."""
    handler.answer(200, b"<!doctype html><title>Sorry</title>" + b"<p>Please come back later</p>" * 500, {})


def another_rest(other: bytes, *, ahead: int = 0, etag: str | None = '"another"') -> Turn:
    """Asked to go on, it does so with another file, or some bytes too far; etag None: the right one."""

    def turn(handler: "_Handler", server: LinkServer, content: bytes, own_etag: str) -> None:
        start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-")) + ahead
        extent = f"bytes {start}-{len(other) - 1}/{len(other)}"
        handler.answer(206, other[start:], {"Content-Range": extent, "ETag": etag or own_etag})

    return turn


def a_piece(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """Asked to go on, it gives a piece and not the rest."""
    start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
    extent = f"bytes {start}-{start + 99}/{len(content)}"
    handler.answer(206, content[start : start + 100], {"Content-Range": extent, "ETag": etag})


def as_s3_was_given_it(handler: "_Handler", server: LinkServer, content: bytes, etag: str) -> None:
    """Plain bytes under the encoding in which S3 once received them."""
    handler.answer(200, content, {"Content-Encoding": "aws-chunked"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        server = self.server.links
        path = urlsplit(self.path).path
        if path.startswith("/v2/"):
            self._api("GET")
            return
        with server.lock:
            server.requests.append((path, dict(self.headers.items())))
            turn = server.turns[path].pop(0) if server.turns.get(path) else _well
        if "Authorization" in self.headers:
            self.answer(400, b"Only one auth mechanism allowed", {})
        elif path not in server.files:
            self.answer(404, b"NoSuchKey", {})
        else:
            turn(self, server, server.files[path], server.etags[path])

    def do_DELETE(self) -> None:
        self._api("DELETE")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._api("POST")

    def answer(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        self.head(code, {"Content-Length": str(len(content)), **headers})
        self.wfile.write(content)

    def head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        pass

    def _api(self, method: str) -> None:
        server = self.server.links
        parts = urlsplit(self.path)
        with server.lock:
            server.api_requests.append((method, self.path))
        code, answer = self._api_answer(method, parts.path.removeprefix("/v2/"))
        self.answer(code, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _api_answer(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        server = self.server.links
        if refusal := self._api_refusal(method):
            status_code, error_code = refusal
            return status_code, {"errors": [{"code": error_code}]}
        kind, _, record_id = path.partition("/")
        if method == "POST":
            return 200, {"data": {"result": "ok"}}
        if kind == "recording_transcriptions":
            return 200, {"data": server.transcriptions}
        if not record_id:
            return 200, {"data": list(server.records.values())}
        if record_id not in server.records:
            return 404, {"errors": [{"code": "10005"}]}
        return 200, {"data": server.records.pop(record_id) if method == "DELETE" else server.records[record_id]}

    def _api_refusal(self, method: str) -> tuple[int, str] | None:
        server = self.server.links
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or (server.api_keys and key not in server.api_keys):
            return 401, "10009"
        if server.api_status != 200:
            return server.api_status, "10007"
        return (403, "10010") if method == "DELETE" and server.refuse_deleting else None


def _well(handler: _Handler, server: LinkServer, content: bytes, etag: str) -> None:
    requested, headers = handler.headers.get("Range"), {"ETag": etag}
    if handler.headers.get("If-Match") not in (None, etag):
        handler.answer(412, b"", {})
    elif requested and server.ranges:
        start = int(requested.removeprefix("bytes=").rstrip("-"))
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.answer(206, content[start:], headers | {"Content-Range": extent})
    else:
        handler.answer(200, content, headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    links: LinkServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is what half of these turns are about."""


@contextmanager
def link_server() -> Iterator[LinkServer]:
    """A server of its own for a test."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.links = LinkServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.links
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
