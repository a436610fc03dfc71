"""Assembles the command `hookline` from its commands, and decides its exit code.

A command file declares what may be typed and imports what it does when it is run, so that `--help` is there at once.
"""

import os
import sys
import traceback
from types import TracebackType
from typing import Annotated

import typer

from hookline_local.base.errors import CliError
from hookline_local.cli import (
    call,
    calls,
    connect,
    cost,
    decide,
    demo,
    dial,
    doctor,
    drill,
    invoke,
    keys,
    new,
    queues,
    recordings,
    replay,
    send,
    serve,
    sign,
    simulator,
    tail,
    trigger,
)

INTERNAL_ERROR, INTERRUPTED, BROKEN_PIPE = 70, 130, 141
"""Exit codes: EX_SOFTWARE of sysexits.h; as of SIGINT; as of SIGPIPE."""

EPILOG = (
    "Exit codes: 1 check failed; 2 usage error; 3 dependency unavailable; 70 internal error; 130 interrupted; "
    "141 broken pipe.\n\nShell completion: hookline --install-completion."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=EPILOG,
)
for command in (
    serve,
    simulator,
    demo,
    call,
    dial,
    send,
    trigger,
    invoke,
    sign,
    tail,
    replay,
    decide,
    connect,
    doctor,
    drill,
    cost,
):
    app.add_typer(command.app)
app.add_typer(calls.app, name="calls")
app.add_typer(recordings.app, name="recordings")
app.add_typer(queues.app, name="queues")
app.add_typer(keys.app, name="keys")
app.add_typer(new.app, name="new")


def _print_version(requested: bool) -> None:
    if requested:
        from hookline_local.cli.options import version

        typer.echo(f"hookline {version()}")
        raise typer.Exit


@app.callback()
def hookline(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A serverless voice backend for Telnyx, on this machine: no account, no Docker."""


def main() -> int:
    """Run the command. Returns the exit code, or raises SystemExit with it."""
    try:
        app()
    except CliError as error:
        from hookline_local.cli.screen import print_error

        print_error(error.text, error.advice)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except SystemExit as ending:
        # Click and Rich exit with 1 here, which means a failed check.
        if isinstance(ending.__context__, BrokenPipeError):
            return _broken_pipe()
        raise
    finally:
        sys.excepthook = _internal_error  # Typer has set its own
    return 0


def _internal_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
    sys.exit(INTERNAL_ERROR)


def _broken_pipe() -> int:
    """The reader of standard output has closed it: what is still buffered is dropped."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
    return BROKEN_PIPE
