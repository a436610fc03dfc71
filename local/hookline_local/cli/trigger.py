"""`hookline trigger`: post one signed sample event."""

from typing import TYPE_CHECKING, Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Changes, Json, Key, changed, command_app, end, screen_for, stack_here

if TYPE_CHECKING:
    from hookline_local.stacks.resources import StackResources

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
    call: Annotated[
        str | None,
        typer.Option(
            "--call", metavar="ID", help="The event's call; last: the newest.", show_default="a call of its own"
        ),
    ] = None,
    duplicate: Annotated[int, typer.Option(min=1, max=100, help="Deliver it this many times at once.")] = 1,
    key: Key = None,
    names: Annotated[bool, typer.Option("--list", help="List all samples, and do nothing else.")] = False,
    json: Json = False,
) -> None:
    """Sign a sample event as Telnyx would, now, and post it. A line in, a line out; exit 1 unless answered 2xx.

    Each event is of a new call, which Telnyx does not know, unless --call names one. The reasons of refused commands
    follow.
    """
    from hookline_local.samples import catalog

    screen = screen_for(json)
    if names or event is None:
        screen.document(catalog.names())
        for name in catalog.names():
            screen.paragraph(name)
        if not names:
            raise CliError("EVENT is required", "Name one of those above: hookline trigger call.answered", code=USAGE)
        return
    from hookline_local.cli.trigger_call import known_call, new_call, show_refusals
    from hookline_local.cli.webhook_post import post

    sample, seed = catalog.sample(event), catalog.seed_of(key)
    sample = changed(sample, changes, new_call(sample))
    resources = None
    if url is None or call is not None:
        url, resources = _here(url)
    if resources is not None and call is not None:
        sample = sample.now({**known_call(sample, resources, call), **catalog.changes(changes or [])})
    good = post(sample, url, screen, copies=duplicate, seed=seed)
    if resources is not None:
        show_refusals(sample, resources, screen, made_up=call is None)
    end(good=good)


def _here(url: str | None) -> "tuple[str, StackResources]":
    """Where to post, and the resources of the stack there. Raises CliError when none runs there."""
    from hookline_local.stacks import deployed

    found = stack_here(url)
    return url or found.url, deployed.find(url=found.url)
