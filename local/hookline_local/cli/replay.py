"""`hookline replay`: a journalled call through today's code."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.cli.options import (
    PROJECT,
    Json,
    Profile,
    Region,
    StackName,
    Url,
    command_app,
    end,
    resources_of,
    screen_for,
)

SAVED_CALLS = PROJECT / "tests" / "flows" / "calls"

app = command_app()


@app.command(
    short_help="Replay a call through today's code.",
    epilog="Example: hookline replay 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --stack hookline --save",
)
def replay(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="As of `calls show`; or a saved call's file.")],
    save: Annotated[bool, typer.Option("--save", help="Write it as a test case, for make test.")] = False,
    folder: Annotated[
        Path, typer.Option("--into", help="Folder to save it in.", show_default="tests/flows/calls")
    ] = SAVED_CALLS,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Decide a journalled call again with today's code; exit 1 when the commands differ from those sent then.

    Given a saved call's file instead of an ID, with --save, it accepts today's commands and writes them there.
    """
    from hookline_local.cli.replay_view import show
    from hookline_local.deciding import replay as replaying

    path = Path(any_id)
    from_file = path.suffix == ".json"
    if from_file:
        case = replaying.saved(path)
    else:
        from hookline_local.cli.call_ids import read_call

        resources = resources_of(url, stack, profile, region)
        case = replaying.case_of(read_call(resources, any_id), resources)
    results = replaying.replay(case, replaying.decisions(case.line, case.facts, flow=case.flow if from_file else None))
    same = show(results, screen_for(json))
    if save and from_file:
        replaying.accept(case, results, path)
        same = not any(result.fault and not result.is_undecidable for result in results)
    elif save:
        path = replaying.save(case, folder)
    if save:
        shown = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
        typer.echo(f"Saved as {shown}. tests/flows/test_saved_calls.py runs what is in tests/flows/calls.", err=json)
    end(good=same)
