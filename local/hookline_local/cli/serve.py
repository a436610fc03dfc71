"""`hookline serve`: the whole stack on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from hookline_local.cli.options import (
    DEFAULT_TEMPLATE,
    Built,
    Json,
    Parameters,
    TemplatePath,
    command_app,
    number,
    parameters_of,
    screen_for,
)

app = command_app()


@app.command(
    short_help="Run the whole stack locally.",
    epilog="Example: hookline serve --port 8080 --parameter LineGreeting='Good morning.'",
)
def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for webhooks and the Lambda API; 0: any free port.")
    ] = 0,
    telnyx_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Telnyx simulator; 0: any free port.")
    ] = 0,
    aws_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of moto; 0: any free port.")] = 0,
    aws_endpoint: Annotated[
        str | None, typer.Option(help="Another AWS than moto.", show_default="$AWS_ENDPOINT_URL", metavar="URL")
    ] = None,
    parameter: Parameters = None,
    built: Built = False,
    template: TemplatePath = DEFAULT_TEMPLATE,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Load journal and bucket from this folder, and store them there at the end."),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(min=0, max=1000, callback=number, help="Call seconds per second; 0: as fast as possible."),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed for random faults.")] = 0,
    logs: Annotated[bool, typer.Option("--logs", help="Show what the functions log.")] = False,
    json: Json = False,
) -> None:
    """Run the whole stack here until Ctrl-C: webhooks, functions, queues, AWS (moto) and a simulator of Telnyx.

    Reads TELNYX_PUBLIC_KEY (comma-separated base64), TELNYX_API_BASE_URL (another Telnyx than the simulator),
    TELNYX_API_KEY and AWS_ENDPOINT_URL. With --json one line gives all URLs as soon as everything is ready.

    The simulator takes the API key KEY_of_the_local_stack (or TELNYX_API_KEY); webhooks are signed with the development
    key, whose public half is shown at the start and by --json (api_key, public_key, control_url).

    Its control API is at TELNYX_URL/_simulator: it places calls, presses keys and injects faults, also while it runs:
    curl -d '{"drop": 1}' TELNYX_URL/_simulator/faults
    """
    import asyncio

    from hookline_local.cli.serving import ServeOptions, run

    options = ServeOptions(
        template=template,
        port=port,
        telnyx_port=telnyx_port,
        aws_port=aws_port,
        built=built,
        aws_endpoint=aws_endpoint,
        parameters=parameters_of(parameter),
        speed=speed,
        seed=seed,
        logs=logs,
        keep=keep,
    )
    asyncio.run(run(options, screen_for(json)))
