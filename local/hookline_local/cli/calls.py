"""`hookline calls`, `calls show`, `calls transcript`: the calls that a stack has journalled."""

from collections.abc import Mapping
from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import (
    CallId,
    Json,
    Profile,
    Region,
    StackName,
    Url,
    day_of,
    end,
    refuse_options,
    resources_of,
    screen_for,
)

Api = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        help="Ask the calls API at this URL and nothing else: signed, or with the token in HOOKLINE_API_TOKEN.",
    ),
]

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="List the calls of a day.")


@app.callback(epilog="Example: hookline calls --day 2026-11-21 --stack hookline --json")
def calls(
    context: typer.Context,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Day to list, UTC.", show_default="today")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many, the newest.")] = 50,
    trouble: Annotated[
        bool, typer.Option("--trouble", help="Only calls that were refused, failed, late, unanswered, unarchived.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List the events on which a flow has failed.")] = False,
    api: Api = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """List the calls of a day; `calls show ID` shows one call, `calls transcript ID` its transcript."""
    if context.invoked_subcommand is not None:
        refuse_options(context)
        return
    from hookline_local.cli.call_views import list_calls
    from hookline_local.cli.decide_view import list_failed
    from hookline_local.cli.trouble_view import list_trouble

    listed = day_of(day)
    if trouble and failed:
        raise CliError("--trouble and --failed are mutually exclusive", "Leave one of the two out.", code=USAGE)
    if api is not None:
        from hookline_local.cli.api_views import api_at, list_calls_by_api

        _refuse_beside_api({"--trouble": trouble, "--failed": failed, "--url": url, "--stack": stack})
        list_calls_by_api(api_at(api, profile=profile, region=region), listed, limit, screen_for(json))
        return
    show_list = list_failed if failed else list_trouble if trouble else list_calls
    show_list(resources_of(url, stack, profile, region), listed, limit, screen_for(json))


@app.command(
    short_help="Show all about one call.",
    epilog="Example: hookline calls show 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --json",
)
def show(
    any_id: CallId,
    api: Api = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """One call: its timeline with the commands sent, its state, transcript and recordings."""
    from hookline_local.cli.call_views import show_call

    if api is not None:
        from hookline_local.cli.api_views import api_at, show_call_by_api

        _refuse_beside_api({"--url": url, "--stack": stack})
        show_call_by_api(api_at(api, profile=profile, region=region), any_id, screen_for(json))
        return
    show_call(resources_of(url, stack, profile, region), any_id, screen_for(json))


@app.command(
    short_help="Write the transcript of one call.",
    epilog="Example: hookline calls transcript 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 > transcript.txt",
)
def transcript(
    any_id: CallId,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """The transcript of one call, as a document: time, speaker, Telnyx's confidence, words. Exit 1 when a part of it
    is missing.
    """
    from hookline_local.cli.call_views import show_transcript

    end(good=show_transcript(resources_of(url, stack, profile, region), any_id, screen_for(json)))


def _refuse_beside_api(options: Mapping[str, object]) -> None:
    """Raise CliError for an option that needs more than the API."""
    for name, value in options.items():
        if value:
            advice = f"Leave one out: {name} is about the table."
            raise CliError(f"--api and {name} are mutually exclusive", advice, code=USAGE)
