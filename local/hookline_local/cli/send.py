"""`hookline send`: command a live call from outside."""

from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, Profile, Region, StackName, Url, command_app, resources_of, screen_for

app = command_app()

Params = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the command; may be repeated."),
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", metavar="KEY", help="The same key again has one effect.", show_default="a new one"
    ),
]


@app.command(
    short_help="Command a live call.",
    epilog="Example: hookline send 5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68 playback_stop --param stop=all",
)
def send(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="Call leg, session or control id.")],
    action: Annotated[str, typer.Argument(help="A command: record_pause, record_resume, speak, transfer, hangup, ...")],
    params: Params = None,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Send one command to a live call by the calls API. It takes its place among the commands of the call's flow."""
    from hookline.api.arguments import action_names
    from hookline_local.cli.api_client import action_path, body_of, post

    if action not in action_names():
        raise CliError(f"{action}: unknown action", f"One of: {', '.join(action_names())}", code=USAGE)
    body = body_of(action, params or [])
    answer = post(resources_of(url, stack, profile, region), action_path(any_id, action), body, key=idempotency_key)
    screen = screen_for(json)
    screen.document(answer)
    screen.paragraph(f"{action}: {answer.get('result')}")
