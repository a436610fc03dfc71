"""The stacks that run on this machine: `hookline serve` writes a small file while it runs, other commands read it.

The files are in a folder of the user's own under the system's temporary directory. They hold no secrets.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from hookline_local.base.errors import CliError
from hookline_local.base.processes import is_running
from hookline_local.base.urls import checked_url

CHECKOUT = str(Path(__file__).parents[3])
"""The folder of the project that this code is a part of."""

START_ONE = "Start one in another terminal: hookline serve"
MASKED = "****"
"""Replaces the value of a secret parameter, as in CloudFormation."""


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    """A stack that runs. telnyx_url: of the simulator, None when another Telnyx is used. checkout: whose code runs.

    api_url: of the calls API, console_url: of the console's page; None when the API is off.
    """

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
    checkout: str = ""
    queues: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    api_url: str | None = None
    console_url: str | None = None

    def has(self, url: str) -> bool:
        """Whether this URL is one of the stack's own."""
        own = (self.url, self.telnyx_url, self.aws_endpoint_url)
        return _address(url) in {_address(own_url) for own_url in own if own_url}


def _address(url: str) -> tuple[str | None, int | None]:
    """Host and port; localhost as 127.0.0.1."""
    parts = urlsplit(url)
    return {"localhost": "127.0.0.1"}.get(parts.hostname or "", parts.hostname), parts.port


def folder() -> Path:
    """Of this user alone. Raises CliError when it cannot be created, or belongs to another user."""
    path = Path(tempfile.gettempdir()) / f"hookline-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CliError(f"{path} is not a folder: {error.strerror}", "Set TMPDIR to a folder of your own.") from error
    if path.stat().st_uid != os.getuid():
        raise CliError(f"{path} belongs to another user", "Set TMPDIR to a folder of your own.")
    return path


@contextlib.contextmanager
def announced(running: RunningStack) -> Iterator[Path]:
    """Write the file for the block."""
    path = folder() / f"{running.pid}.json"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(running)), encoding="utf-8")
    unfinished.rename(path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def all_running() -> list[RunningStack]:
    """Those that still run, newest first. Files of killed ones are removed."""
    found: list[tuple[float, RunningStack]] = []
    for path in folder().glob("*.json"):
        try:
            modified_at = path.stat().st_mtime
            running = RunningStack(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if is_running(running.pid):
            found.append((modified_at, running))
        else:
            path.unlink(missing_ok=True)
    return [running for _, running in sorted(found, key=lambda pair: pair[0], reverse=True)]


def find(url: str | None = None) -> RunningStack:
    """The stack at this URL (any of its URLs), or the newest, this checkout's own first. Raises CliError."""
    stacks = all_running()
    if url is None:
        if not stacks:
            raise CliError("no stack is running on this machine", START_ONE)
        own = [stack for stack in stacks if stack.checkout == CHECKOUT]
        return (own or stacks)[0]
    checked_url(url, "--url http://127.0.0.1:8080")
    for stack in stacks:
        if stack.has(url):
            return stack
    known = ", ".join(stack.url for stack in stacks)
    raise CliError(f"no stack is running at {url}", f"Running are: {known}" if known else START_ONE)


def doubt(chosen: RunningStack) -> str:
    """Why `find` may have chosen another stack than the one that was meant; empty when there is only this one."""
    others = [stack.url for stack in all_running() if stack.pid != chosen.pid]
    if chosen.checkout != CHECKOUT:
        return f"it runs the code in {chosen.checkout or 'another checkout'}"
    return f"running as well: {', '.join(others)}" if others else ""
