"""`hookline call`: call the running stack."""

from typing import Annotated

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import Json, Url, command_app, end, screen_for, stack_here

app = command_app()


@app.command(short_help="Call the running stack.", epilog="Example: hookline call --keys '12#'")
def call(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A scenario: a file, or card, forward, hello, impatient, menu, notice, reception, storm, voicemail.",
            show_default="keys from here",
        ),
    ] = None,
    keys: Annotated[str | None, typer.Option(help="Keys to press, one a second, once the flow has answered.")] = None,
    from_number: Annotated[
        str | None, typer.Option("--from", help="Caller's number.", show_default="+12025550147")
    ] = None,
    to_number: Annotated[str | None, typer.Option("--to", help="Number called.", show_default="+12025550123")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Call the stack that runs here, and show the call live, then its report.

    Without a scenario and without --keys you are the caller: press keys on this terminal, h hangs up. From a pipe each
    line holds keys, `speak ...`, `wait 2` or `hangup`. When there are no more keys, the caller hangs up.
    """
    from hookline_local.cli.inbound_call import checked_keys, run, scenario_content, steps_of_keys
    from hookline_local.stacks import deployed

    if scenario and keys is not None:
        raise CliError("a scenario and --keys are mutually exclusive", code=USAGE)
    content = scenario_content(scenario) if scenario else {}
    pressed = None if keys is None else checked_keys(keys)
    stack = stack_here(url)
    resources = deployed.find(url=stack.url)
    if pressed is not None:
        content["steps"] = steps_of_keys(pressed)
    content |= {name: number for name, number in (("from", from_number), ("to", to_number)) if number}
    end(good=run(stack, resources, content, screen_for(json), interactive=not scenario and keys is None))
