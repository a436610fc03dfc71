"""The commands of `hookline` that look into a stack's journal: calls, recordings, tail, replay."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.cli.options import PROJECT, Json, Profile, Region, Stack, Url, end, number, place_of, screen_for
from hookline_local.errors import TYPED_WRONG, Problem

SAVED_CALLS = PROJECT / "tests" / "flows" / "calls"
FIRST_YEAR = 2000

app = typer.Typer(rich_markup_mode=None)
calls_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="List the calls of a day.")
recordings_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Check the recordings a stack keeps.",
    epilog="Example: hookline recordings verify --days 30",
)
app.add_typer(calls_app, name="calls")
app.add_typer(recordings_app, name="recordings")


@calls_app.callback(epilog="Example: hookline calls --day 2026-11-21 --stack hookline --json")
def calls(
    context: typer.Context,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Day to list, UTC.", show_default="today")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many, the newest.")] = 50,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """The calls of a day; `hookline calls show ID` tells all about one, `calls transcript ID` what was said in it."""
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    from hookline_local.cli.calls import list_calls, today

    wanted = _day(day) or today()
    list_calls(place_of(url, stack, profile, region), wanted, limit, screen_for(json))


@calls_app.command(
    "show",
    short_help="Show all about one call.",
    epilog="Example: hookline calls show 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --json",
)
def calls_show(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="Call leg, session or control id.")],
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """One call: its timeline with what was told, its state, transcript and recordings."""
    from hookline_local.cli.calls import show_call

    show_call(place_of(url, stack, profile, region), any_id, screen_for(json))


@calls_app.command(
    "transcript",
    short_help="Write what was said in one call.",
    epilog="Example: hookline calls transcript 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 > transcript.txt",
)
def calls_transcript(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="Call leg, session or control id.")],
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """What was said in one call, as a document: when, who, how sure Telnyx is of it, the words. Exit 1 when a part of
    it is gone.
    """
    from hookline_local.cli.calls import show_transcript

    end(good=show_transcript(place_of(url, stack, profile, region), any_id, screen_for(json)))


@recordings_app.command(
    "verify",
    short_help="Is every recording kept, whole?",
    epilog="Example: hookline recordings verify --days 30 --stack hookline",
)
def recordings_verify(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day, UTC.", show_default="today")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Number of days to check, ending with --day.")] = 1,
    read_all: Annotated[bool, typer.Option("--read-all", help="Read every object and compare its SHA-256.")] = False,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Is every recording that was announced in the bucket, whole and unchanged? Exit 1 when one is not."""
    from hookline_local.cli.calls import today
    from hookline_local.cli.recordings import verify_recordings

    last_day = _day(day) or today()
    place = place_of(url, stack, profile, region)
    end(good=verify_recordings(place, last_day, days, screen_for(json), read_all=read_all))


@app.command(
    short_help="Show events as they arrive.", epilog="Example: hookline tail --stack hookline --profile production"
)
def tail(
    every: Annotated[float, typer.Option(min=0.1, max=3600, callback=number, help="Seconds between two looks.")] = 1.0,
    url: Url = None,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Every event as it arrives in the journal, until Ctrl-C. With --json a line each."""
    from hookline_local.cli.calls import tail as follow

    follow(place_of(url, stack, profile, region), screen_for(json), every_seconds=every)


@app.command(
    short_help="Replay a call through today's code.",
    epilog="Example: hookline replay 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --stack hookline --save",
)
def replay(
    any_id: Annotated[
        str, typer.Argument(metavar="ID", help="Call leg, session or control id; or a saved call's file.")
    ],
    save: Annotated[bool, typer.Option("--save", help="Write it as a test case, for make test.")] = False,
    folder: Annotated[
        Path, typer.Option("--into", help="Folder to save it in.", show_default="tests/flows/calls")
    ] = SAVED_CALLS,
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
        from hookline_local.cli import calls as looking

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
        typer.echo(f"Saved as {shown}. tests/flows/test_saved_calls.py runs what is in tests/flows/calls.", err=json)
    end(good=same)


def _nothing_before(context: typer.Context) -> None:
    """Raise Problem when an option stands before the subcommand, which would not see it."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise Problem(
                f"{option.opts[0]} stands before {context.invoked_subcommand}",
                f"Put it behind: {context.info_name} {context.invoked_subcommand} ... {option.opts[0]} ...",
                code=TYPED_WRONG,
            )


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    from datetime import date

    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Problem(f"--day {text} is no day", "Say it like 2026-11-21.", code=TYPED_WRONG) from error
    if found.year < FIRST_YEAR:
        raise Problem(f"--day {text}: there were no calls yet", "Say it like 2026-11-21.", code=TYPED_WRONG)
    return found.isoformat()
