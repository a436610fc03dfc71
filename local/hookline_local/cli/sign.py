"""`hookline sign`: sign a webhook's body."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, Key, command_app

app = command_app()


@app.command(
    short_help="Sign a webhook's body.",
    epilog="Example: hookline sign body.json; or: curl ... $(hookline sign --curl body.json)",
)
def sign(
    file: Annotated[Path, typer.Argument(help="The body, byte for byte; - is standard input.")],
    timestamp: Annotated[
        int | None,
        typer.Option(min=0, max=253_402_300_799, help="Time to sign for, in seconds since 1970.", show_default="now"),
    ] = None,
    request: Annotated[
        bool, typer.Option("--request", help="Print the whole API Gateway request, for sam local invoke.")
    ] = False,
    curl: Annotated[bool, typer.Option("--curl", help="Print them as options of curl.")] = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Sign a webhook's body as Telnyx would: prints the two headers."""
    import time

    from hookline_local.base import signing
    from hookline_local.cli.terminal import json_text
    from hookline_local.samples import catalog

    if curl and (request or json):
        raise CliError(f"--curl and {'--request' if request else '--json'} are mutually exclusive", code=USAGE)
    seed = catalog.seed_of(key)
    seconds = time.time() if timestamp is None else timestamp
    if request:
        sample, _ = catalog.of_file(file)
        typer.echo(json_text(sample.request(seed=seed, at=seconds), indent=2))
        return
    headers = signing.sign(catalog.read_bytes(file), int(seconds), seed)
    if json:
        typer.echo(json_text(headers))
    else:
        for name, value in headers.items():
            typer.echo(f"-H {name}:{value}" if curl else f"{name}: {value}")
