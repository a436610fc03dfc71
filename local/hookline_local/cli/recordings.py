"""`hookline recordings`: the recordings that a stack has archived: list, save, play and check them."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, Profile, Region, StackName, Url, day_of, end, resources_of, screen_for

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, save, play and check the recordings of a stack.",
    epilog="Example: hookline recordings play last",
)


@app.callback()
def recordings() -> None:
    """List, save, play and check the recordings of a stack."""


RecordingId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The id of a recording, as `list` shows it; or of a call, for its newest; or last."
    ),
]


@app.command(
    "list",
    short_help="List the recordings of a call, or of a day.",
    epilog="Example: hookline recordings list --day 2026-11-21 --stack hookline",
)
def list_(
    any_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Call leg, session or control id; last: the newest.", show_default="a day"),
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Without an ID: the day, UTC.", show_default="today")
    ] = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """List the recordings of a call, or of all calls of a day, the newest call first, by the calls API."""
    from hookline_local.cli.recordings_list import list_recordings

    if any_id is not None and day is not None:
        raise CliError("ID and --day are mutually exclusive", "Leave one of the two out.", code=USAGE)
    listed = day_of(day)
    list_recordings(resources_of(url, stack, profile, region), any_id, listed, screen_for(json))


@app.command(
    short_help="Save a recording as a file.",
    epilog="Example: hookline recordings get last --output calls/",
)
def get(
    any_id: RecordingId,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file, or a folder.", show_default="here, named after its call"),
    ] = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Save a recording, by the calls API and S3. Its SHA-256 is compared with the archived one. A file is never
    overwritten; a download that was cut is continued by the same command.
    """
    from hookline_local.cli.recordings_download import save_recording

    save_recording(resources_of(url, stack, profile, region), any_id, output, screen_for(json))


@app.command(
    short_help="Play a recording.",
    epilog="Example: hookline recordings play last",
)
def play(
    any_id: RecordingId,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Play a recording with the first of afplay, ffplay, play (SoX) and aplay that is installed here."""
    from hookline_local.cli.recordings_play import play_recording

    play_recording(resources_of(url, stack, profile, region), any_id, screen_for(json))


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
