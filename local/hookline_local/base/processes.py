"""Child processes: each in a session of its own, ended together with everything that it has started."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self


class ChildProcess:
    """A Python script that runs as long as it is needed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        script: Path,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        python_options: Sequence[str] = ("-P",),
        **options: Any,
    ) -> Self:
        """Run a script with our process id, by which it notices our end, and these arguments.

        python_options: -P keeps the script's own folder out of sys.path. options: of asyncio's subprocess.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *python_options, os.fspath(script), str(os.getpid()), *arguments),
            env=environment,
            start_new_session=True,
            **options,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output, when it was started with a pipe."""
        assert self._process.stdout is not None  # noqa: S101 - a matter of how it was started
        return self._process.stdout

    @property
    def stderr(self) -> asyncio.StreamReader:
        """Its standard error, when it was started with a pipe."""
        assert self._process.stderr is not None  # noqa: S101
        return self._process.stderr

    async def wait(self) -> int:
        """Its exit code, negative for a signal."""
        return await self._process.wait()

    def kill(self) -> None:
        """Kill it, and everything that belongs to its session. Idempotent."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
