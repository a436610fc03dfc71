"""`hookline cost`: an estimate of what calls cost on AWS."""

from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, command_app, number, screen_for

app = command_app()


@app.command(
    short_help="Estimate what calls cost on AWS.", epilog="Example: hookline cost --calls-per-day 1000 --minutes 3"
)
def cost(
    calls_per_day: Annotated[
        float, typer.Option("--calls-per-day", min=0, max=1e8, callback=number, help="Calls on an average day.")
    ] = 100,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, max=240, callback=number, help="Minutes that a call lasts.")
    ] = 3,
    publish_events: Annotated[
        bool, typer.Option("--publish-events", help="With PublishEvents=on: pipe, bus, archive and summaries.")
    ] = False,
    posts: Annotated[
        float,
        typer.Option(
            "--posts",
            min=0,
            max=1000,
            callback=number,
            help="With --publish-events: how many events of a call are posted; call.completed alone is 1.",
        ),
    ] = 0,
    json: Json = False,
) -> None:
    """Estimate the cost of calls by service, from dated prices and a measured call. What Telnyx bills is not in it."""
    from hookline_local.cli.cost_view import show_estimate

    if posts and not publish_events:
        raise CliError("--posts requires --publish-events", "Only what is published can be posted.", code=USAGE)
    show_estimate(calls_per_day, minutes, screen_for(json), publishes=publish_events, posts_per_call=posts)
