"""Which stacks run on this machine: `hookline serve` leaves a small file for as long as it runs, the others read it.

The files lie in a folder of the user's own under the system's temporary directory. Nothing secret stands in them.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from hookline_local.errors import Problem
from hookline_local.processes import is_running
from hookline_local.urls import checked_url

START_ONE = "Start one in another terminal: hookline serve"
HIDDEN = "****"
"""Stands for the value of a parameter that must not be shown, as CloudFormation has it."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that runs. telnyx_url: of the simulator, None when another Telnyx is used."""

    pid: int
    url: str
    webhook_url: str
    telnyx_url: str | None
    telnyx_api_base_url: str
    aws_endpoint_url: str
    region: str
    table: str
    bucket: str
    template: str
    queues: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def has(self, url: str) -> bool:
        """Whether this URL is one of the stack's own."""
        own = (self.url, self.telnyx_url, self.aws_endpoint_url)
        return _place(url) in {_place(one) for one in own if one}


def _place(url: str) -> tuple[str | None, int | None]:
    """Host and port; this machine under the name by which a stack calls it."""
    parts = urlsplit(url)
    return {"localhost": "127.0.0.1"}.get(parts.hostname or "", parts.hostname), parts.port


def folder() -> Path:
    """Of this user alone. Raises Problem when it cannot be made, or somebody else has put one of that name there."""
    path = Path(tempfile.gettempdir()) / f"hookline-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(f"{path} is no folder: {error.strerror}", "Set TMPDIR to a folder of your own.") from error
    if path.stat().st_uid != os.getuid():
        raise Problem(f"{path} belongs to somebody else", "Set TMPDIR to a folder of your own.")
    return path


@contextlib.contextmanager
def announced(running: Running) -> Iterator[Path]:
    """The file is there as long as the block runs."""
    path = folder() / f"{running.pid}.json"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(running)), encoding="utf-8")
    unfinished.rename(path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def all_running() -> list[Running]:
    """Those that still run, newest first. What a killed one has left behind is swept away."""
    found: list[tuple[float, Running]] = []
    for path in folder().glob("*.json"):
        try:
            when = path.stat().st_mtime
            running = Running(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if is_running(running.pid):
            found.append((when, running))
        else:
            path.unlink(missing_ok=True)
    return [running for _, running in sorted(found, key=lambda pair: pair[0], reverse=True)]


def find(url: str | None = None) -> Running:
    """The stack at this URL (any of its URLs), or the newest. Raises Problem when there is none."""
    stacks = all_running()
    if url is None:
        if not stacks:
            raise Problem("no stack is running on this machine", START_ONE)
        return stacks[0]
    checked_url(url, "--url http://127.0.0.1:8080")
    for stack in stacks:
        if stack.has(url):
            return stack
    known = ", ".join(stack.url for stack in stacks)
    raise Problem(f"no stack is running at {url}", f"Running are: {known}" if known else START_ONE)
