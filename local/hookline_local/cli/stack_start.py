"""Starting a stack for `serve`, `invoke` and `demo`; errors become a sentence and advice."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.base.errors import CHECK_FAILED, TEMPLATE_ADVICE, USAGE, CliError
from hookline_local.deciding.flow_check import problems
from hookline_local.emulator.moto_server import MotoStartError
from hookline_local.emulator.template import InvalidParameter, UnsupportedTemplate
from hookline_local.stacks.built import check_built
from hookline_local.stacks.local import LocalStack


@contextlib.asynccontextmanager
async def running(stack: LocalStack, template: Path, *, built: bool = False, port: int = 0) -> AsyncIterator[None]:
    """Run the stack for the block. Raises CliError when it cannot start. port: the gateway's."""
    with explain_start_errors(template, built=built, port=port):
        if built:
            check_built(template)
        elif stack.flows_folder is not None:
            await asyncio.to_thread(check_flows, stack.flows_folder)
        await stack.start()
    try:
        yield
    finally:
        await stack.stop()


def check_flows(folder: Path) -> None:
    """Raise CliError with all mistakes in a folder of flows: a misspelled function would never be called."""
    if found := problems(folder):
        advice = f"{'Each' if len(found) > 1 else 'It'} fails make build as well. docs/flows.md describes a flow."
        raise CliError("\n".join(found), advice, code=CHECK_FAILED)


@contextlib.contextmanager
def explain_start_errors(template: Path, *, built: bool = False, port: int = 0) -> Iterator[None]:
    """Turn errors of the template, its parameters, AWS or a port into a CliError."""
    try:
        yield
    except InvalidParameter as error:
        raise CliError(str(error), _advice(error), code=USAGE) from error
    except UnsupportedTemplate as error:
        raise CliError(f"the template is not understood: {error}", TEMPLATE_ADVICE) from error
    except (BotoCoreError, ClientError) as error:
        raise CliError(f"AWS cannot be used: {error}", "Does AWS_ENDPOINT_URL or --aws-endpoint answer?") from error
    except MotoStartError as error:
        last_line = (str(error).strip().splitlines() or ["no output"])[-1]
        raise CliError(f"moto did not start: {last_line}", "Is --aws-port taken? 0 picks a free one.") from error
    except FileNotFoundError as error:
        advice = "Build it first: make build" if built else "Name it with --template PATH."
        raise CliError(f"{error.filename or template}: file not found", advice) from error
    except OSError as error:
        if error.filename is not None:
            raise CliError(f"{error.filename} cannot be read: {error.strerror}") from error
        raise port_unavailable("--port", port, error) from error


def patience() -> float:
    """HOOKLINE_PATIENCE: a factor on every time limit of AWS and Telnyx. Raises CliError for an invalid one."""
    text = os.environ.get("HOOKLINE_PATIENCE") or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1 <= factor <= 1000:
        raise CliError(f"HOOKLINE_PATIENCE={text} is not between 1 and 1000", code=USAGE)
    return factor


def port_unavailable(option: str, port: int, error: OSError) -> CliError:
    """For a port on which nothing can listen."""
    return CliError(
        f"port {port} cannot be used: {error.strerror or error}", f"Choose another with {option}; 0 picks one."
    )


def _advice(error: InvalidParameter) -> str:
    if error.near:
        return f"Did you mean {' or '.join(error.near)}?"
    if error.name == "TelnyxPublicKeys" and os.environ.get("TELNYX_PUBLIC_KEY"):
        return "Set TELNYX_PUBLIC_KEY to base64 of 32 bytes; hookline keys new makes one."
    return "Give it with --parameter Name=Value; template.yaml describes each."
