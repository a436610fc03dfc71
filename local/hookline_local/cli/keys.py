"""`hookline keys`: keys that sign webhooks."""

import typer

from hookline_local.cli.options import Json

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Keys that sign webhooks.",
    epilog="Example: hookline keys new --json",
)


@app.callback()
def keys() -> None:
    """Keys that sign webhooks."""


@app.command(
    "new",
    short_help="Make a key pair.",
    epilog=(
        "Example: hookline keys new --json > keys.json; "
        "TELNYX_PUBLIC_KEY=$(jq -r .public_key keys.json) hookline serve; "
        "hookline trigger call.answered --key $(jq -r .private_key keys.json)"
    ),
)
def new(json: Json = False) -> None:
    """Make a key pair: the public half is for TELNYX_PUBLIC_KEY, the private half signs with --key."""
    from base64 import b64encode
    from json import dumps

    from nacl.signing import SigningKey

    pair = SigningKey.generate()
    fields = {"public_key": b64encode(bytes(pair.verify_key)).decode(), "private_key": b64encode(bytes(pair)).decode()}
    if json:
        typer.echo(dumps(fields))
    else:
        for name, value in fields.items():
            typer.echo(f"{name.replace('_', ' '):12} {value}")
