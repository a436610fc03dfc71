"""`hookline demo`: one call, played and checked."""

from hookline_local.cli.options import DEFAULT_TEMPLATE, Json, TemplatePath, command_app, end, screen_for

app = command_app()


@app.command(short_help="Play one checked call.", epilog="Example: hookline demo --json > demo.json")
def demo(json: Json = False, template: TemplatePath = DEFAULT_TEMPLATE) -> None:
    """Run one whole call, with no account anywhere, show it and check its results; exit 1 when a check fails."""
    import asyncio

    from hookline_local.cli.demo_call import run

    end(good=asyncio.run(run(template, screen_for(json))))
