"""The command `hookline` in this process, from `main` on: a thousand commands cost no more than one Python.

What belongs to a process of its own (signals, a closed output, `serve`) is tested in one; see tests.support.processes.
"""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, NamedTuple
from unittest import mock

from hookline_local.cli import app as cli


class Done(NamedTuple):
    """The output of a command, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def _pipe(text: str) -> Iterator[IO[str]]:
    """A file that has a number, as `select` wants."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as pipe:
        with open(writing, "w", encoding="utf-8") as end:
            end.write(text)
        yield pipe


def run(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Done:
    """Run it with these arguments, in this environment and no other, on a terminal of 80 columns."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", **environment}, clear=True),
        mock.patch.object(tempfile, "tempdir", environment.get("TMPDIR")),
        mock.patch.object(sys, "argv", ["hookline", *arguments]),
        mock.patch.object(sys, "excepthook", sys.excepthook),  # the command sets its own
        _pipe(stdin) as pipe,
        mock.patch.object(sys, "stdin", pipe),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            status = cli.main()
        except SystemExit as ending:
            status = int(ending.code or 0)
    return Done(status, stdout.getvalue(), stderr.getvalue())
