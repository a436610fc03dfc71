"""`hookline decide`: the events of a call on which a flow has failed, decided again with today's code."""

from typing import Annotated

import typer

from hookline_local.cli.options import (
    CallId,
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

app = command_app()


@app.command(
    short_help="Decide a failed event again.",
    epilog="Example: hookline decide 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 --stack hookline --send",
)
def decide(
    any_id: CallId,
    send: Annotated[bool, typer.Option("--send", help="Send what is still sensible, by the command queue.")] = False,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Decide the events of a call on which its flow has failed again with today's code, and show the commands.

    With --send those that are still sensible are sent: nothing to a call that has ended, nothing that a newer command
    has superseded, nothing twice. `hookline calls --failed` lists the calls. Exit 1 when an event cannot be decided.
    """
    from hookline_local.cli.decide_view import decide_call

    end(good=decide_call(resources_of(url, stack, profile, region), any_id, screen_for(json), sends=send))
