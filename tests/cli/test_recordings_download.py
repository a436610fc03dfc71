"""Saving a recording: what was cut is continued, what is another file is not believed, nothing is overwritten."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hookline_local.base.errors import CliError
from hookline_local.cli.recordings_download import Link, download

CONTENT = bytes(range(256)) * 4000


class Storage(ThreadingHTTPServer):
    """S3, as a download meets it. cut_after: bytes of each answer, then it is cut. ranges: that were asked."""

    cut_after: int | None = None
    knows_ranges = True
    status: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.ranges: list[str | None] = []


class Answer(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        asked = self.headers.get("range")
        self.server.ranges.append(asked)
        start = int(asked[6:-1]) if asked and self.server.knows_ranges else 0
        self.send_response(self.server.status or (206 if start else 200))
        self.send_header("content-length", str(len(CONTENT) - start))
        self.end_headers()
        rest = CONTENT[start:]
        self.wfile.write(rest if self.server.cut_after is None else rest[: self.server.cut_after])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def storage() -> Iterator[Storage]:
    server = Storage()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(storage: Storage, target: Path, content: bytes = CONTENT) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    link = Link(f"http://127.0.0.1:{storage.server_port}/a", target.name, len(content), sha256)
    download(link, target, trust_env=False, on_bytes=lambda count: None)


def test_a_download_that_is_cut_goes_on_as_long_as_it_comes_further(storage: Storage, tmp_path: Path) -> None:
    storage.cut_after = 300_000
    fetch(storage, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == CONTENT
    assert storage.ranges == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_what_has_come_stays_and_the_next_download_continues_it(storage: Storage, tmp_path: Path) -> None:
    part = tmp_path / "a.wav.part"
    part.write_bytes(CONTENT[:1000])
    storage.cut_after = 0
    with pytest.raises(CliError, match="was cut"):
        fetch(storage, tmp_path / "a.wav")
    assert part.read_bytes() == CONTENT[:1000]
    storage.cut_after = None
    fetch(storage, tmp_path / "a.wav")
    assert storage.ranges == ["bytes=1000-"] * 2
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.wav", CONTENT)]


@pytest.mark.parametrize("beginning", [b"another file", b"a longer one" * 100_000])
def test_the_beginning_of_another_file_is_fetched_again(storage: Storage, tmp_path: Path, beginning: bytes) -> None:
    (tmp_path / "a.wav.part").write_bytes(beginning)
    fetch(storage, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_it_all_again(storage: Storage, tmp_path: Path) -> None:
    storage.knows_ranges = False
    (tmp_path / "a.wav.part").write_bytes(CONTENT[:1000])
    fetch(storage, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_another_file_than_the_archived_one_is_not_saved(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="SHA-256 differs"):
        fetch(storage, tmp_path / "a.wav", CONTENT[:-1] + b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_overwritten(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"mine")
    with pytest.raises(CliError, match="exists by now"):
        fetch(storage, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"mine"


def test_a_recording_of_no_bytes_is_a_file_of_none(storage: Storage, tmp_path: Path) -> None:
    fetch(storage, tmp_path / "a.wav", b"")
    assert (tmp_path / "a.wav").read_bytes() == b""


def test_a_link_that_has_expired_is_reported(storage: Storage, tmp_path: Path) -> None:
    storage.status = 403
    with pytest.raises(CliError, match="HTTP 403"):
        fetch(storage, tmp_path / "a.wav")
