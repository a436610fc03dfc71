"""Make cli.md: every command of hookline with its help, its options and its example. docs.generate writes it."""

from collections.abc import Iterator
from typing import Any

import typer

from hookline_local.cli.app import app

INTRODUCTION = """\
# Command line

Made from the code by `make docs`; do not edit. `make demo` installs `.venv/bin/hookline`, which is `hookline` here.
Every command also takes `--help` or `-h`.
"""
EXAMPLE = "Example: "
SHARED = {"--url", "--stack", "--profile", "--region", "--json", "--template"}
"""Options that stand last: nearly every command has them."""


def cli_page() -> str:
    """The page of all commands: first what they share, then one section for each."""
    root = typer.Context(typer.main.get_command(app), info_name="hookline")
    contexts = list(_commands(root))
    sections = (line for context in contexts for line in _section(context))
    return "\n".join([INTRODUCTION, *_overview(root, contexts), *sections])


def _commands(group: typer.Context) -> Iterator[typer.Context]:
    for name, command in _subcommands(group).items():
        context = typer.Context(command, info_name=name, parent=group)
        if command.hidden:
            continue
        if not _subcommands(context) or command.invoke_without_command:
            yield context
        yield from _commands(context)


def _subcommands(context: typer.Context) -> dict[str, Any]:
    return getattr(context.command, "commands", {})


def _overview(root: typer.Context, contexts: list[typer.Context]) -> Iterator[str]:
    yield "| Command | |"
    yield "|---|---|"
    for context in contexts:
        anchor = context.command_path.replace(" ", "-")
        yield f"| [`{context.command_path}`](#{anchor}) | {_escaped(context.command.get_short_help_str(limit=200))} |"
    yield ""
    yield from _paragraphs(root.command.epilog)


def _section(context: typer.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## {context.command_path}\n"
    yield f"```text\n{usage}\n```\n"
    yield from _paragraphs(command.help)
    yield from _parameters(context)
    examples = (command.epilog or "").removeprefix(EXAMPLE).replace("; or: ", "\n").replace("; hookline", "\nhookline")
    yield f"```sh\n{examples}\n```\n"


def _parameters(context: typer.Context) -> Iterator[str]:
    shown = [each for each in context.command.get_params(context) if "--help" not in each.opts and not _hidden(each)]
    yield "| Argument or option | |"
    yield "|---|---|"
    for parameter in sorted(shown, key=lambda each: bool(SHARED.intersection(each.opts))):
        names, help_text = parameter.get_help_record(context) or ("", "")
        yield f"| `{_without_bars(names)}` | {_escaped(' '.join(help_text.split()))} |"
    yield ""


def _hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False))


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in (text or "").split("\n\n"):
        yield f"{_escaped(' '.join(paragraph.split()))}\n"


def _escaped(text: str) -> str:
    return _without_bars(text).replace("<", r"\<")


def _without_bars(text: str) -> str:
    """In a table a bar would end the cell, in a code span as well."""
    return text.replace("|", r"\|")
