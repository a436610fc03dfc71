"""Saves a recording as a file: by a link of the calls API, continued where it was cut, verified by its SHA-256."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from hookline_local.base.errors import CHECK_FAILED, UNAVAILABLE, USAGE, CliError
from hookline_local.cli.api_client import get, path_of
from hookline_local.cli.screen import Screen
from hookline_local.stacks.resources import StackResources

PART_SUFFIX = ".part"
"""Behind the name of a file that has not all come yet."""

_SECONDS = 60.0


class Link(NamedTuple):
    """A link to a recording. file_name: the one that a person expects. size: bytes; sha256: hex, of all of it."""

    url: str
    file_name: str
    size: int
    sha256: str


def link_of(resources: StackResources, any_id: str) -> Link:
    """A link to a recording, or to the newest of a call. Raises CliError."""
    found = get(resources, path_of("recordings", any_id, "audio"))
    return Link(found["url"], Path(found["file_name"]).name.lstrip(".") or "recording", found["size"], found["sha256"])


def save_recording(resources: StackResources, any_id: str, output: Path | None, screen: Screen) -> None:
    """Save a recording where output names it. Raises CliError."""
    link = link_of(resources, any_id)
    target = output if output is not None and not os.path.isdir(output) else (output or Path()) / link.file_name
    if not os.path.isdir(target.parent):
        raise CliError(f"{target.parent} is not a folder", "Make it, or name another: --output PATH.", code=USAGE)
    try:
        is_there = _is_there(target, link)
        if not is_there:
            show = _progress(link.size, screen)
            download(link, target, trust_env=resources.endpoint_url is None, on_bytes=show)
    except OSError as error:
        advice = "Name another place: --output PATH."
        raise CliError(f"{target} cannot be written: {error.strerror}", advice, code=USAGE) from error
    screen.document({"path": str(target), "size": link.size, "sha256": link.sha256, "was_there": is_there})
    screen.unwrapped(str(target), " was there already" if is_there else "")


def _is_there(target: Path, link: Link) -> bool:
    """Whether the recording has been saved before. Raises CliError when another file has its name."""
    if not target.exists():
        return False
    if _sha256(target) != link.sha256:
        raise CliError(f"{target} exists, and is another file", "Choose another name: --output PATH.", code=USAGE)
    return True


def download(link: Link, target: Path, *, trust_env: bool, on_bytes: Callable[[int], None]) -> None:
    """Fetch the file behind a link, and verify it. on_bytes: called with the bytes that are there so far.

    Raises CliError; what has come by then stays in target with PART_SUFFIX, and the next download continues it.
    """
    part = target.with_name(target.name + PART_SUFFIX)
    was_there = _size(part)
    part.touch()
    with httpx.Client(timeout=_SECONDS, trust_env=trust_env) as client:
        _fetch(client, link, part, on_bytes)
        if was_there and _sha256(part) != link.sha256:  # the beginning of another file
            part.unlink()
            _fetch(client, link, part, on_bytes)
    if _sha256(part) != link.sha256:
        part.unlink()
        raise CliError(
            "the file is not the one that was archived: its SHA-256 differs",
            "Run the command again; if that does not help, run: hookline recordings verify --read-all",
            code=CHECK_FAILED,
        )
    try:
        os.link(part, target)  # unlike a rename, never over another file
    except FileExistsError as error:
        raise CliError(f"{target} exists by now", "Choose another name: --output PATH.", code=USAGE) from error
    part.unlink()


def _fetch(client: httpx.Client, link: Link, part: Path, on_bytes: Callable[[int], None]) -> None:
    """Fetch what is missing, again as long as it comes further."""
    while (before := _size(part)) < link.size:
        try:
            _continue(client, link, part, on_bytes)
        except httpx.HTTPError as error:
            if _size(part) <= before:
                advice = "Run the command again: it continues where this download was cut."
                raise CliError(f"the download was cut: {type(error).__name__}", advice, code=UNAVAILABLE) from error
        else:
            return


def _continue(client: httpx.Client, link: Link, part: Path, on_bytes: Callable[[int], None]) -> None:
    headers = {"range": f"bytes={before}-"} if (before := _size(part)) else {}
    with client.stream("GET", link.url, headers=headers) as response:
        if response.status_code not in (200, 206):
            raise CliError(f"the recording cannot be fetched: HTTP {response.status_code}", code=UNAVAILABLE)
        is_rest = response.status_code == 206
        size = before if is_rest else 0
        with part.open("ab" if is_rest else "wb", buffering=0) as file:
            for data in response.iter_raw():
                file.write(data)
                size += len(data)
                on_bytes(size)


def _progress(size: int, screen: Screen) -> Callable[[int], None]:
    """A line for each tenth of a file of more than 10 MB."""
    tenth, shown = max(size // 10, 1_000_000), 0

    def show(count: int) -> None:
        nonlocal shown
        if count // tenth > shown and count < size:
            shown = count // tenth
            screen.detail(f"{count / 1e6:.0f} of {size / 1e6:.0f} MB")

    return show


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
