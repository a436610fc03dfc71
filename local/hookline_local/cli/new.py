"""`hookline new`: files to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.cli.options import PROJECT, Json, screen_for

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Files to begin with.",
    epilog="Example: hookline new flow front_desk --like menu",
)


@app.callback()
def new() -> None:
    """Files to begin with."""


@app.command(
    short_help="Begin a call flow as a copy of another.",
    epilog="Example: hookline new flow front_desk --like menu --number +12025550123",
)
def flow(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new flow: the name of its module.")],
    like: Annotated[str, typer.Option("--like", metavar="FLOW", help="The flow to copy.")] = "menu",
    number: Annotated[
        str | None, typer.Option("--number", metavar="E.164", help="The number that runs it, in flows/numbers.toml.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    into: Annotated[
        Path, typer.Option("--into", help="The checkout.", show_default="the one of this command")
    ] = PROJECT,
    json: Json = False,
) -> None:
    """Begin a call flow as a copy of another: module, tests, scenario, and its entry in flows/numbers.toml.

    Nothing that exists is overwritten. Without --number the entry is a comment.
    """
    from hookline_local.cli.new_flow import files_of, write
    from hookline_local.cli.new_flow_view import show

    files = files_of(name, like=like, number=number, checkout=into)
    if not dry_run:
        write(files)
    show(files, screen_for(json), name=name, number=number, written=not dry_run)
