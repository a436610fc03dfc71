"""The command `hookline`: what may be typed, and which exit code it gives. What it does stands in rooms of its own.

Each room is imported when its command is run, so that `--help` is there at once.
"""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from hookline_local.cli import journal as cli_journal
from hookline_local.cli.options import (
    DEFAULT_TEMPLATE,
    Built,
    Json,
    Key,
    Parameters,
    TemplatePath,
    Url,
    end,
    number,
    parameters_of,
    screen_for,
)
from hookline_local.errors import TYPED_WRONG, Problem

if TYPE_CHECKING:
    from hookline_local.samples.catalog import Sample

EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something is not as it should be; 2 the command was typed wrong; "
    "3 something it needs is missing; 70 a bug of ours; 130 interrupted; 141 nobody read to the end."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=EXIT_CODES,
)
keys_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Keys that sign webhooks.",
    epilog="Example: hookline keys new --json",
)
app.add_typer(cli_journal.app)
app.add_typer(keys_app, name="keys")


@app.callback()
def hookline() -> None:
    """A serverless voice backend for Telnyx, on this machine: no account, no Docker."""


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
    speed: Annotated[
        float,
        typer.Option(min=0, max=1000, callback=number, help="Call seconds per second; 0: as fast as it can."),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed for random faults.")] = 0,
    logs: Annotated[bool, typer.Option("--logs", help="Show what the functions log.")] = False,
    json: Json = False,
) -> None:
    """Run the whole stack here until Ctrl-C: webhooks, functions, queues, AWS (moto) and a simulator of Telnyx.

    Obeys TELNYX_PUBLIC_KEY (comma-separated base64), TELNYX_API_BASE_URL (another Telnyx than the simulator),
    TELNYX_API_KEY and AWS_ENDPOINT_URL. With --json one line gives all URLs as soon as everything is ready.

    What the simulator does wrong on purpose can be changed while it runs; GET shows all that there is:
    curl -d '{"drop": 1}' TELNYX_URL/_simulator/faults
    """
    import asyncio

    from hookline_local.cli.serve import Wishes, run

    wishes = Wishes(
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
    )
    asyncio.run(run(wishes, screen_for(json)))


@app.command(short_help="Play one checked call.", epilog="Example: hookline demo --json > demo.json")
def demo(json: Json = False, template: TemplatePath = DEFAULT_TEMPLATE) -> None:
    """Run one whole call, with no account anywhere, show it, and check that all is as it should be (else exit 1)."""
    import asyncio

    from hookline_local.cli.demo import run

    end(good=asyncio.run(run(template, screen_for(json))))


@app.command(short_help="Ring the running stack.", epilog="Example: hookline call --keys '12#'")
def call(
    scenario: Annotated[
        str | None,
        typer.Argument(help="A scenario: a file, or card, hello, impatient, storm.", show_default="keys from here"),
    ] = None,
    keys: Annotated[str | None, typer.Option(help="Keys to press, one a second, once the line speaks.")] = None,
    from_number: Annotated[str | None, typer.Option("--from", help="Caller's number.")] = None,
    to_number: Annotated[str | None, typer.Option("--to", help="Number called.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Ring the stack that runs here, and show the call live, then its story.

    Without a scenario and without --keys you are the caller: press keys on this terminal, h hangs up. From a pipe each
    line holds keys, `say ...`, `wait 2` or `hangup`. When there are no more keys, the caller hangs up.
    """
    from hookline_local.cli.call import checked_keys, run, scenario_content, steps_of_keys
    from hookline_local.stacks import deployed, running

    if scenario and keys is not None:
        raise Problem("a scenario and --keys: one of them, please", code=TYPED_WRONG)
    content = scenario_content(scenario) if scenario else {}
    pressed = None if keys is None else checked_keys(keys)
    stack = running.find(url)
    place = deployed.find(url=stack.url)
    if pressed is not None:
        content["steps"] = steps_of_keys(pressed, place)
    content |= {name: number for name, number in (("from", from_number), ("to", to_number)) if number}
    end(good=run(stack, place, content, screen_for(json), interactive=not scenario and keys is None))


@app.command(
    short_help="Post one signed sample event.", epilog="Example: hookline trigger call.dtmf.received --set digit='#'"
)
def trigger(
    event: Annotated[str | None, typer.Argument(help="A sample: a file in events/, without .json.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the event, e.g. digit=2; may be repeated."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", help="URL to post to; without a path, the event's own.", show_default="the stack that runs here"
        ),
    ] = None,
    duplicate: Annotated[int, typer.Option(min=1, max=100, help="Deliver it this many times at once.")] = 1,
    key: Key = None,
    names: Annotated[bool, typer.Option("--list", help="Name all samples, and do nothing else.")] = False,
    json: Json = False,
) -> None:
    """Sign a sample event as Telnyx would, now, and post it. A line in, a line out; exit 1 unless answered 2xx."""
    from hookline_local.samples import catalog as samples
    from hookline_local.stacks import running

    screen = screen_for(json)
    if names or event is None:
        screen.document(samples.names())
        for name in samples.names():
            screen.say(name)
        if not names:
            raise Problem("which event?", "Name one of those above: hookline trigger call.answered", code=TYPED_WRONG)
        return
    from hookline_local.cli.trigger import trigger as post

    wanted, seed = _changed(samples.sample(event), changes), samples.seed_of(key)
    where = url or running.find().url
    end(good=post(wanted, where, screen, copies=duplicate, seed=seed))


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
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the event, e.g. digit=2; may be repeated."),
    ] = None,
    parameter: Parameters = None,
    built: Built = False,
    template: TemplatePath = DEFAULT_TEMPLATE,
    logs: Annotated[bool, typer.Option("--logs", help="Show what the function logs.")] = False,
    json: Json = False,
) -> None:
    """Run one function with one request, without a server, and show its answer and what it would tell Telnyx."""
    import time

    from hookline_local.cli.invoke import run
    from hookline_local.samples import catalog as samples

    wanted, request = samples.named(event)
    if changes:
        request = None
    if request is None:
        # As if Telnyx had given up waiting: then the function takes its own time, and queues nothing for lack of it.
        request = (_changed(wanted, changes) if changes else wanted).request(at=time.time() - 10)
    end(
        good=run(
            template,
            request,
            screen_for(json),
            function=function,
            built=built,
            parameters=parameters_of(parameter),
            logs=logs,
        )
    )


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
    from json import dumps

    from hookline_local import signing
    from hookline_local.samples import catalog as samples

    if curl and (request or json):
        raise Problem(f"--curl and {'--request' if request else '--json'}: one of them, please", code=TYPED_WRONG)
    seed = samples.seed_of(key)
    when = time.time() if timestamp is None else timestamp
    if request:
        wanted, _ = samples.of_file(file)
        typer.echo(dumps(wanted.request(seed=seed, at=when), indent=2, ensure_ascii=False))
        return
    headers = signing.sign(samples.read_bytes(file), int(when), seed)
    if json:
        typer.echo(dumps(headers))
    else:
        for name, value in headers.items():
            typer.echo(f"-H {name}:{value}" if curl else f"{name}: {value}")


@keys_app.command(
    "new",
    short_help="Make a key pair.",
    epilog=(
        "Example: hookline keys new --json > keys.json; "
        "TELNYX_PUBLIC_KEY=$(jq -r .public_key keys.json) hookline serve; "
        "hookline trigger call.answered --key $(jq -r .private_key keys.json)"
    ),
)
def keys_new(json: Json = False) -> None:
    """Make a key pair: the public half goes where TELNYX_PUBLIC_KEY does, the private half signs with --key."""
    from base64 import b64encode
    from json import dumps

    from nacl.signing import SigningKey

    pair = SigningKey.generate()
    facts = {"public_key": b64encode(bytes(pair.verify_key)).decode(), "private_key": b64encode(bytes(pair)).decode()}
    if json:
        typer.echo(dumps(facts))
    else:
        for name, value in facts.items():
            typer.echo(f"{name.replace('_', ' '):12} {value}")


def _changed(sample: "Sample", assignments: list[str] | None) -> "Sample":
    """As if it happened now, with these changes; a field that it did not have may be a slip, and is named."""
    from hookline_local.cli.screen import complain
    from hookline_local.samples import catalog as samples

    changes = samples.changes(assignments or [])
    changed = sample.now(changes)
    for path in sample.lacks(changes):
        complain(f"the sample has no {path}; added")
    return changed


def main() -> int:
    """The command. Returns the exit code, or raises SystemExit with it."""
    try:
        app()
    except Problem as problem:
        from hookline_local.cli.screen import complain

        complain(problem.text, problem.advice)
        return problem.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _unread()
    except SystemExit as ending:
        # Click and Rich make 1 of it, which here means that something is not as it should be.
        if isinstance(ending.__context__, BrokenPipeError):
            return _unread()
        raise
    finally:
        sys.excepthook = _bug  # Typer has put its own there
    return 0


def _bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody has foreseen is no verdict: it has an exit code of its own, EX_SOFTWARE of sysexits.h."""
    traceback.print_exception(kind, error, trace)
    sys.exit(70)


def _unread() -> int:
    """Whoever read us has read enough: what is still buffered goes nowhere. The exit code is as of SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
    return 141
