"""The cost of the archiver: its memory for recordings of 1 KB, 10 MB and 500 MB, and its pace beside boto3's own.

HOOKLINE_ARCHIVER_MB=60 takes 60 MB instead of 500.

AWS (moto) and the server behind the link are processes of their own, and so is every measurement of memory, so that a
peak is one recording's alone. boto3's own is `upload_fileobj` as it is, reading from the same server. For
the pace S3 is one that takes every byte and does nothing with it: moto copies the whole object several times when an
upload is completed, which takes it from 1.6 to 3.7 seconds for 500 MB and would be most of what is compared.
"""

import json
import os
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT / folder) for folder in ("", "functions", "layers/hookline", "local")]

ROUNDS = 5
MB = 1_000_000
BOTO3, OURS = "boto3's upload_fileobj", "the archiver"
PROCESSOR = ", processor time"


def measure() -> dict[str, float]:
    """Memory more for the largest recording than for 10 MB, in MB; pace as a part of boto3's."""
    from hookline_local.emulator.moto_server import running_moto

    largest_mb = int(os.environ.get("HOOKLINE_ARCHIVER_MB", "500"))
    with served("source") as link, served("sink") as sink, running_moto() as aws:
        settings = deploy(aws)
        run(settings, "archive", link, MB)  # moto imports half of itself on first use
        peaks = {size: run(settings, "archive", link, size)["peak_mb"][0] for size in (1_000, 10 * MB, largest_mb * MB)}
        for size, peak in peaks.items():
            print(f"{size / MB:10.3f} MB   peak memory {peak:6.1f} MB", flush=True)
        seconds = run({**settings, "AWS_ENDPOINT_URL_S3": sink}, "race", link, largest_mb * MB)
        for name, taken in seconds.items():
            rounded = [round(second, 2) for second in taken]
            print(f"{name:40} {largest_mb / min(taken):6.1f} MB/s  {rounded} s", flush=True)
    return {
        "meter": meter(),
        "memory": peaks[largest_mb * MB] - peaks[10 * MB],
        "pace": min(seconds[BOTO3]) / min(seconds[OURS]),
    }


def meter() -> float:
    """The most memory, in MB, that measuring four hours of MP3 takes, or passing over 15 MB before a sound."""
    from hookline.recordings.audio import AudioProbe
    from tests.support.sound import mp3, wav

    frames, measuring, passing, quiet = mp3(7.2), AudioProbe(), AudioProbe(), bytes(65_536)
    measuring.feed(mp3(0.72))
    tracemalloc.start()
    try:
        for _ in range(2000):
            measuring.feed(frames)
        passing.feed(wav(1.0)[:36] + struct.pack("<4sI", b"LIST", 15 << 20))
        for _ in range(15 * 16):
            passing.feed(quiet)
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


@contextmanager
def served(what: str) -> Iterator[str]:
    """One of the servers below, in a process of its own; its URL."""
    server = subprocess.Popen([sys.executable, __file__, "serve", what], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def deploy(aws: str) -> dict[str, str]:
    """The environment of a function whose table, bucket and queues are at that AWS."""
    from hookline_local.emulator.provisioning import create_resources
    from hookline_local.emulator.template import load_template
    from tests.support.world import A_PUBLIC_KEY

    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": "KEY"})
    create_resources(template, endpoint_url=aws)
    made_up = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
    return {**template.environment(), **made_up, "AWS_ENDPOINT_URL": aws, "AWS_SAM_LOCAL": "true"}


def run(settings: dict[str, str], what: str, link: str, size: int) -> dict[str, list[float]]:
    """One measurement, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, __file__, what, f"{link}/{size}.wav", str(size)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    measured: dict[str, list[float]] = json.loads(ran.stdout.splitlines()[-1])
    return measured


def archive(link: str, size: int) -> float:
    """Let the archiver's function have one message; seconds."""
    from tests.support.world import Clock, handler

    identity = {"call_leg_id": str(uuid4()), "call_control_id": None, "call_session_id": "s", "event_id": "e"}
    message = {
        "event_id": "e",
        "event_type": "call.recording.saved",
        "occurred_at": "2026-11-21T09:00:00.000000Z",
        "identity": identity,
        "recording": {"recording_id": "r", "recording_urls": {"wav": link}},
    }
    lambda_handler = handler("recording_archiver")
    began = time.perf_counter()
    answer = lambda_handler({"Records": [{"messageId": "m", "body": json.dumps(message)}]}, Clock(900_000))
    assert answer == {"batchItemFailures": []}
    return time.perf_counter() - began


def upload_fileobj(link: str, size: int) -> float:
    """The same by boto3's own means; seconds."""
    import boto3
    import urllib3

    s3: Any = boto3.client("s3")
    began = time.perf_counter()
    with urllib3.PoolManager().request("GET", link, preload_content=False) as response:
        s3.upload_fileobj(response, os.environ["RECORDINGS_BUCKET"], f"boto3/{uuid4()}.wav")
    return time.perf_counter() - began


def race(link: str, size: int) -> dict[str, list[float]]:
    """Both in turn, in one warm process."""
    taken: dict[str, list[float]] = {name + kind: [] for name in (BOTO3, OURS) for kind in ("", PROCESSOR)}
    warm = link.replace(f"{size}.wav", f"{20 * MB}.wav")
    archive(warm, 20 * MB)
    upload_fileobj(warm, 20 * MB)
    for _ in range(ROUNDS):
        for name, copy in ((BOTO3, upload_fileobj), (OURS, archive)):
            began = time.process_time()
            taken[name].append(copy(link, size))
            taken[name + PROCESSOR].append(time.process_time() - began)
    return taken


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code: int, content: str = "", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content_Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        pass


class _Source(_Quiet):
    """A WAV of the size in its name."""

    def do_GET(self) -> None:
        size = int(self.path.strip("/").removesuffix(".wav"))
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
        head = struct.pack("<4sI4s", b"RIFF", size - 8, b"WAVE") + form + struct.pack("<4sI", b"data", size - 44)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(head)
        block, left = bytes(range(256)) * 4096, size - len(head)
        while left:
            left -= self.wfile.write(block[:left])


class _Sink(_Quiet):
    """As much of S3 as an upload in parts meets: it takes every byte, and remembers sizes and checksums."""

    sizes: ClassVar[dict[str, int]] = {}
    done: ClassVar[dict[str, str]] = {}

    def do_PUT(self) -> None:
        left = size = int(self.headers["Content-Length"])
        memory = memoryview(bytearray(1 << 20))
        while left:
            left -= self.rfile.readinto(memory[: min(left, len(memory))])
        path = urlsplit(self.path)
        if path.query.startswith("tagging"):
            self.answer(200)
            return
        self.sizes[path.path] = self.sizes.get(path.path, 0) + size
        self.answer(200, ETag='"part"', x_amz_checksum_crc32=self.headers.get("x-amz-checksum-crc32", ""))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path)
        if path.query.startswith("uploads"):
            self.answer(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
            return
        self.done[path.path] = self.headers.get("x-amz-checksum-crc32", "")
        self.answer(200, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")

    def do_HEAD(self) -> None:
        path = urlsplit(self.path).path
        if path not in self.done:
            self.answer(404)
            return
        self.answer(200, Content_Length=str(self.sizes[path]), x_amz_checksum_crc32=self.done[path])


def serve(what: str) -> None:
    """Serve until terminated."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), {"source": _Source, "sink": _Sink}[what])
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", what]:
            serve(what)
        case ["archive", link, size]:
            archive(link, int(size))
            print(json.dumps({"peak_mb": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]}))
        case ["race", link, size]:
            print(json.dumps(race(link, int(size))))
