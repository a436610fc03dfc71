"""The commands of `hookline` that look into a stack's journal: calls, recordings, tail, replay."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.cli_options import PROJECT, Json, Profile, Region, Stack, Url, end, place_of, screen_for
from hookline_local.problems import TYPED_WRONG, Problem

SAVED_CALLS = PROJECT / "tests" / "calls"

app = typer.Typer(rich_markup_mode=None)
calls_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="The calls of a day.")
recordings_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The recordings that a stack keeps.",
    epilog="Example: hookline recordings verify --days 30",
)
app.add_typer(calls_app, name="calls")
app.add_typer(recordings_app, name="recordings")


@calls_app.callback(epilog="Example: hookline calls --day 2026-11-21 --stack hookline --json")
def calls(
    context: typer.Context,
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="UTC.", show_default="today")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """The calls of a day; `hookline calls show ID` tells all about one."""
    if context.invoked_subcommand is not None:
        return
    from hookline_local.looking import list_calls, today

    wanted = _day(day) or today()
    list_calls(place_of(url, stack, profile, region), wanted, limit, screen_for(json))


@calls_app.command("show", epilog="Example: hookline calls show 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --json")
def calls_show(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="Call leg, session or control id.")],
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """One call: its timeline with what was told, its state, transcript and recordings."""
    from hookline_local.looking import show_call

    show_call(place_of(url, stack, profile, region), any_id, screen_for(json))


@recordings_app.command("verify", epilog="Example: hookline recordings verify --days 30 --stack hookline")
def recordings_verify(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day, UTC.", show_default="today")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="So many days, that one included.")] = 1,
    read_all: Annotated[bool, typer.Option("--read-all", help="Read every object and compare its SHA-256.")] = False,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Is every recording that was announced in the bucket, whole and unchanged? Exit 1 when one is not."""
    from hookline_local.looking import today, verify_recordings

    last_day = _day(day) or today()
    place = place_of(url, stack, profile, region)
    end(good=verify_recordings(place, last_day, days, screen_for(json), read_all=read_all))


@app.command(epilog="Example: hookline tail --stack hookline --profile production")
def tail(
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Every event as it arrives in the journal, until Ctrl-C. With --json a line each."""
    from hookline_local.looking import tail as follow

    follow(place_of(url, stack, profile, region), screen_for(json), every_seconds=every)


@app.command(epilog="Example: hookline replay 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --stack hookline --save")
def replay(
    any_id: Annotated[
        str, typer.Argument(metavar="ID", help="Call leg, session or control id; or a saved call's file.")
    ],
    save: Annotated[bool, typer.Option("--save", help="Write it as a test case, for make test.")] = False,
    folder: Annotated[Path, typer.Option("--into", help="Where to.", show_default="tests/calls")] = SAVED_CALLS,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Feed a journalled call through today's decisions; exit 1 when they tell something else than was told then.

    Given a saved call's file instead of an ID, with --save, it accepts what today's code tells and writes it there.
    """
    from hookline_local import replay as replaying

    screen = screen_for(json)
    path = Path(any_id)
    from_file = path.suffix == ".json"
    if from_file:
        case = replaying.saved(path)
    else:
        from hookline_local import looking

        place = place_of(url, stack, profile, region)
        case = replaying.case_of(looking.read(place, any_id), place)
    results = replaying.replay(case, replaying.decisions(case.line))
    same = replaying.show(results, screen)
    if save and from_file:
        replaying.accept(case, results, path)
        same = not any(one.fault for one in results)
    elif save:
        path = replaying.save(case, any_id, folder)
    if save:
        shown = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
        typer.echo(f"Saved as {shown}. tests/test_saved_calls.py runs what is in tests/calls.", err=json)
    end(good=same)


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Problem(f"--day {text} is no day", "Say it like 2026-11-21.", code=TYPED_WRONG) from error
