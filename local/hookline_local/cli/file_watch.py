"""Watches the files of a stack that runs: flows are loaded again at once, the template only by a restart."""

import asyncio
from pathlib import Path

from hookline_local.cli.screen import Screen
from hookline_local.deciding.flow_check import problems

INTERVAL_SECONDS = 1.0


class FileWatch:
    """flows: their folder, None when there is none to be checked."""

    def __init__(self, screen: Screen, template: Path, flows: Path | None) -> None:
        self._screen = screen
        self._template = template
        self._flows = flows
        self._template_seen = _content(template)
        self._flows_seen = self._signature()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            self._look_at_template()
            await self._look_at_flows()

    def _look_at_template(self) -> None:
        content = _content(self._template)
        if content != self._template_seen:
            self._template_seen = content
            self._screen.paragraph(f"{self._template.name} has changed. Restart serve to use it.", "yellow")

    async def _look_at_flows(self) -> None:
        signature = self._signature()
        if self._flows is None or signature == self._flows_seen:
            return
        self._flows_seen = signature
        found = await asyncio.to_thread(problems, self._flows)
        for problem in found:
            self._screen.paragraph(problem, "bold red")
        if not found:
            self._screen.paragraph("The flows have changed. The next event is decided by them.", "dim")

    def _signature(self) -> list[tuple[str, int, int]]:
        if self._flows is None:
            return []
        files = [path for pattern in ("*.py", "*.toml") for path in self._flows.glob(pattern)]
        return sorted((path.name, *_change_of(path)) for path in files)


def _change_of(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
