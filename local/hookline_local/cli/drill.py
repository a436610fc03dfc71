"""`hookline drill`: make the fault of a runbook in a stack of its own, and see that the page's commands find it."""

from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import DEFAULT_TEMPLATE, Json, TemplatePath, command_app, end, screen_for

app = command_app()


@app.command(
    short_help="Practise a runbook: make its fault, find it, mend it.",
    epilog="Example: hookline drill CommandDeadLetter; hookline drill --all --json > drills.json",
)
def drill(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A page of docs/runbooks, which is an alarm without Alarm.")
    ] = None,
    all_drills: Annotated[bool, typer.Option("--all", help="Every drill, one after the other.")] = False,
    list_drills: Annotated[
        bool, typer.Option("--list", help="Name the drills and their faults, and play none.")
    ] = False,
    template: TemplatePath = DEFAULT_TEMPLATE,
    json: Json = False,
) -> None:
    """Make the fault of a runbook, type the commands of its page, mend it.

    In a stack that is started for it and removed again, with no account anywhere; stacks that run, here or on AWS, are
    not touched. Checks that the alarm of template.yaml would be on, that each command and query of the page shows what
    the page promises, and after the mend how to know that it is over. Exit 1 when something does not.
    """
    from hookline_local.cli.drill_view import list_faults, run_drills

    if [name is not None, all_drills, list_drills].count(True) != 1:
        raise CliError("expected NAME, --all or --list", "hookline drill --list names the drills.", code=USAGE)
    if list_drills:
        list_faults(screen_for(json))
        return
    end(good=run_drills(template, name, screen_for(json), context.find_root().command.main))
