"""`hookline simulator`: Telnyx alone, for an application of any kind."""

from typing import Annotated

import typer

from hookline_local.cli.options import Json, Key, command_app, number, screen_for

app = command_app()


@app.command(
    short_help="Run the Telnyx simulator alone, for any application.",
    epilog="Example: hookline simulator --port 8090 --webhook-url http://127.0.0.1:5000/webhooks",
)
def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of its API; 0: any free port.")] = 0,
    webhook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where webhooks go.", show_default="nowhere")
    ] = None,
    phone_number: Annotated[
        list[str] | None,
        typer.Option("--number", metavar="E164", help="A number of the account.", show_default="+12025550123"),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(min=0, max=1000, callback=number, help="Call seconds per second; 0: as fast as possible."),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed for random faults.")] = 0,
    key: Key = None,
    json: Json = False,
) -> None:
    """Run the simulator of Telnyx without a stack until Ctrl-C: its API, and a control API that places calls.

    Give your application the API base URL, the API key (TELNYX_API_KEY, or a made-up one) and the public key that are
    shown. With --json one line gives them. Numbers are called, keys pressed and faults injected under /_simulator:
    curl -d '{"from": "+12025550147", "to": "+12025550123"}' URL/_simulator/calls
    """
    import asyncio
    from dataclasses import replace

    from hookline_local.base.urls import checked_url
    from hookline_local.cli.simulating import run
    from hookline_local.samples.catalog import seed_of
    from hookline_local.simulator import Config

    if webhook_url is not None:
        checked_url(webhook_url, "--webhook-url http://127.0.0.1:5000/webhooks")
    config = Config(port=port, webhook_url=webhook_url, speed=speed, seed=seed, signing_seed=seed_of(key))
    if phone_number:
        config = replace(config, phone_numbers=tuple(phone_number))
    asyncio.run(run(config, screen_for(json)))
