"""`hookline invoke`: run one function once."""

from typing import Annotated

import typer

from hookline_local.cli.options import (
    DEFAULT_TEMPLATE,
    Built,
    Changes,
    Json,
    Parameters,
    TemplatePath,
    changed,
    command_app,
    end,
    parameters_of,
    screen_for,
)

app = command_app()


@app.command(
    short_help="Run one function once.",
    epilog="Example: hookline invoke call.answered --parameter LineGreeting='Good morning.'",
)
def invoke(
    event: Annotated[
        str, typer.Argument(help="A sample's name, or a file: an API Gateway request, or a webhook's body.")
    ],
    function: Annotated[
        str | None,
        typer.Option(
            help="Function's logical id, folder or event type.", show_default="the one that the route leads to"
        ),
    ] = None,
    changes: Changes = None,
    parameter: Parameters = None,
    built: Built = False,
    template: TemplatePath = DEFAULT_TEMPLATE,
    logs: Annotated[bool, typer.Option("--logs", help="Show what the function logs.")] = False,
    json: Json = False,
) -> None:
    """Run one function with one request, without a server; show its answer and the commands it would send to Telnyx."""
    import time

    from hookline_local.cli.invocation import InvokeOptions, run
    from hookline_local.samples import catalog

    sample, request = catalog.named(event)
    if changes:
        request = None
    if request is None:
        # As if Telnyx had stopped waiting: then the function takes its own time, and queues nothing for lack of it.
        request = (changed(sample, changes) if changes else sample).request(at=time.time() - 10)
    options = InvokeOptions(
        template=template, function=function, built=built, parameters=parameters_of(parameter), logs=logs
    )
    end(good=run(request, options, screen_for(json)))
