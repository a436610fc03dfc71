"""What keeps a stack from starting, as whoever typed the command wants to read it: for `serve`, `invoke` and `demo`."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.emulator.moto_server import MotoStartError
from hookline_local.emulator.template import NotUnderstood, ParameterRefused
from hookline_local.errors import TEMPLATE_ADVICE, TYPED_WRONG, Problem
from hookline_local.stacks.built import check_built
from hookline_local.stacks.local import Stack


@contextlib.asynccontextmanager
async def started(stack: Stack, template: Path, *, built: bool = False, port: int = 0) -> AsyncIterator[None]:
    """The stack runs as long as the block does. Raises Problem when it cannot start. port: the gateway's."""
    with explained(template, built=built, port=port):
        if built:
            check_built(template)
        await stack.start()
    try:
        yield
    finally:
        await stack.stop()


@contextlib.contextmanager
def explained(template: Path, *, built: bool = False, port: int = 0) -> Iterator[None]:
    """Turns what a template, a parameter, AWS or a port does not allow into a Problem."""
    try:
        yield
    except ParameterRefused as error:
        raise Problem(str(error), _advice(error), code=TYPED_WRONG) from error
    except NotUnderstood as error:
        raise Problem(f"the template is not understood: {error}", TEMPLATE_ADVICE) from error
    except (BotoCoreError, ClientError) as error:
        raise Problem(f"AWS cannot be used: {error}", "Does AWS_ENDPOINT_URL or --aws-endpoint answer?") from error
    except MotoStartError as error:
        last_line = (str(error).strip().splitlines() or ["it said nothing"])[-1]
        raise Problem(f"moto did not start: {last_line}", "Is --aws-port taken? 0 picks a free one.") from error
    except FileNotFoundError as error:
        advice = "Build it first: make build" if built else "Name it with --template PATH."
        raise Problem(f"there is no {error.filename or template}", advice) from error
    except OSError as error:
        if error.filename is not None:
            raise Problem(f"{error.filename} cannot be read: {error.strerror}") from error
        raise taken("--port", port, error) from error


def taken(option: str, port: int, error: OSError) -> Problem:
    """A port on which nobody can listen."""
    return Problem(
        f"port {port} cannot be used: {error.strerror or error}", f"Choose another with {option}; 0 picks one."
    )


def _advice(error: ParameterRefused) -> str:
    if error.near:
        return f"Did you mean {' or '.join(error.near)}?"
    if error.name == "TelnyxPublicKeys" and os.environ.get("TELNYX_PUBLIC_KEY"):
        return "Set TELNYX_PUBLIC_KEY to base64 of 32 bytes; hookline keys new makes one."
    return "Give it with --parameter Name=Value; template.yaml describes each."
