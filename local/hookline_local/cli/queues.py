"""`hookline queues`, `queues show`, `queues redrive`: what waits in a stack, what is dead, and how it is fed again."""

from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, Profile, Region, StackName, Url, refuse_options, resources_of, screen_for

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="Show what waits and what is dead.")

Queue = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="QuarantineQueue, or Command, Deferred, Recording, Summary, EventWebhook or Event + DeadLetterQueue.",
    ),
]


@app.callback(epilog="Example: hookline queues --stack hookline --json")
def queues(
    context: typer.Context,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Count the messages of each queue; `queues show NAME` lists dead ones with the reason."""
    if context.invoked_subcommand is not None:
        refuse_options(context)
        return
    from hookline_local.cli.queue_views import show_queues

    show_queues(resources_of(url, stack, profile, region), screen_for(json))


@app.command(
    short_help="List dead or quarantined messages, and why.",
    epilog="Example: hookline queues show RecordingDeadLetterQueue --stack hookline",
)
def show(
    queue: Queue,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """List the messages of a queue that no function works on, each with the reason that it is there.

    They stay where they are. Bodies are not shown: they may hold what a caller has spoken.
    """
    from hookline_local.cli.queue_views import show_dead

    show_dead(resources_of(url, stack, profile, region), queue, screen_for(json))


@app.command(
    short_help="Feed dead or quarantined messages again.",
    epilog="Example: hookline queues redrive RecordingDeadLetterQueue --all --stack hookline",
)
def redrive(
    queue: Queue,
    message: Annotated[str | None, typer.Argument(metavar="ID", help="One message, by its id.")] = None,
    all_messages: Annotated[bool, typer.Option("--all", help="Every message of the queue.")] = False,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Send dead messages back to the queue that they came from; name one by its id, or give --all.

    From QuarantineQueue only what can be read by now. Such a webhook is journalled, its recording archived, and it
    commands nothing any more. Exit 1 when a message still cannot be read. The events of EventDeadLetterQueue are
    replayed from the archive of the bus instead.
    """
    from hookline_local.cli.queue_views import redrive_messages

    if (message is None) != all_messages:
        raise CliError("expected a message id or --all", f"List the ids with: hookline queues show {queue}", code=USAGE)
    redrive_messages(resources_of(url, stack, profile, region), queue, message, screen_for(json))
