"""`hookline trigger`: post one signed sample event."""

from typing import Annotated

import typer

from hookline_local.cli.options import Changes, Json, Key, changed, command_app, end, screen_for
from hookline_local.errors import USAGE, CliError

app = command_app()


@app.command(
    short_help="Post one signed sample event.", epilog="Example: hookline trigger call.dtmf.received --set digit='#'"
)
def trigger(
    event: Annotated[str | None, typer.Argument(help="A sample: a file in events/, without .json.")] = None,
    changes: Changes = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", help="URL to post to; without a path, the event's own.", show_default="the stack that runs here"
        ),
    ] = None,
    duplicate: Annotated[int, typer.Option(min=1, max=100, help="Deliver it this many times at once.")] = 1,
    key: Key = None,
    names: Annotated[bool, typer.Option("--list", help="List all samples, and do nothing else.")] = False,
    json: Json = False,
) -> None:
    """Sign a sample event as Telnyx would, now, and post it. A line in, a line out; exit 1 unless answered 2xx."""
    from hookline_local.samples import catalog
    from hookline_local.stacks import running

    screen = screen_for(json)
    if names or event is None:
        screen.document(catalog.names())
        for name in catalog.names():
            screen.paragraph(name)
        if not names:
            raise CliError("EVENT is required", "Name one of those above: hookline trigger call.answered", code=USAGE)
        return
    from hookline_local.cli.webhook_post import post

    sample, seed = changed(catalog.sample(event), changes), catalog.seed_of(key)
    end(good=post(sample, url or running.find().url, screen, copies=duplicate, seed=seed))
