"""`hookline recordings`: the recordings that a stack has archived."""

from typing import Annotated

import typer

from hookline_local.cli.options import Json, Profile, Region, StackName, Url, day_of, end, resources_of, screen_for

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Check the recordings of a stack.",
    epilog="Example: hookline recordings verify --days 30",
)


@app.callback()
def recordings() -> None:
    """Check the recordings of a stack."""


@app.command(
    short_help="Check that every recording is stored and intact.",
    epilog="Example: hookline recordings verify --days 30 --stack hookline",
)
def verify(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day, UTC.", show_default="today")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Number of days to check, ending with --day.")] = 1,
    read_all: Annotated[bool, typer.Option("--read-all", help="Read every object and compare its SHA-256.")] = False,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Check that every announced recording is in the bucket, whole and unchanged. Exit 1 when one is not."""
    from hookline_local.cli.recordings_check import verify_recordings

    last_day = day_of(day)
    resources = resources_of(url, stack, profile, region)
    end(good=verify_recordings(resources, last_day, days, screen_for(json), read_all=read_all))
