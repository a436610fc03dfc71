"""`hookline tail`: events as they arrive in the journal."""

from typing import Annotated

import typer

from hookline_local.cli.options import (
    Json,
    Profile,
    Region,
    StackName,
    Url,
    command_app,
    number,
    resources_of,
    screen_for,
)

app = command_app()


@app.command(
    short_help="Show events as they arrive.", epilog="Example: hookline tail --stack hookline --profile production"
)
def tail(
    every: Annotated[
        float, typer.Option(min=0.1, max=3600, callback=number, help="Seconds between two queries.")
    ] = 1.0,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="CURSOR", help="Continue behind the line with this cursor, or a time.", show_default="now"
        ),
    ] = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Show every event as it arrives in the journal, until Ctrl-C. With --json a line each, with a cursor: --since with
    the cursor of the last line continues without a gap, also days later.
    """
    from hookline_local.cli.journal_tail import follow

    follow(resources_of(url, stack, profile, region), screen_for(json), every_seconds=every, since=since)
