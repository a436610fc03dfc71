"""One function, one request, under AWS's own runtime client, and the commands that it sends to Telnyx.

No server is left running: moto and a stub of Telnyx's API exist for as long as the function runs.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.loopback import LoopbackServer, Receive, Response, Scope, Send, read_body, reply
from hookline_local.cli.screen import Screen
from hookline_local.cli.stack_start import patience, running
from hookline_local.emulator.gateway import Router
from hookline_local.emulator.runtime import InvokeResult, LogLine
from hookline_local.stacks.local import LocalStack

_LARGEST_COMMAND_BYTES = 10_000_000


class TelnyxStub:
    """Answers every command as Telnyx does when it accepts one, and records it."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self._server = LoopbackServer()
        self.url = f"{self._server.url}/v2"

    async def __aenter__(self) -> Self:
        await self._server.start(self._application)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, _LARGEST_COMMAND_BYTES)
        path = scope["path"].removeprefix("/v2")
        self.commands.append({"method": scope["method"], "path": path, "params": json.loads(body) if body else {}})
        await reply(send, Response(200, b'{"data": {"result": "ok"}}'))


@dataclass(frozen=True, kw_only=True)
class InvokeOptions:
    """function: as `function_for` takes it. logs: show them also when the function succeeds."""

    template: Path
    function: str | None = None
    built: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    logs: bool = False


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A finished one."""

    function_id: str
    result: InvokeResult
    commands: list[dict[str, Any]]
    logs: list[LogLine]

    @property
    def payload(self) -> Any:
        """The response; None when the function has failed."""
        return None if self.result.error is not None else self.result.payload

    @property
    def good(self) -> bool:
        """Whether the function returned, and its response is not an error."""
        return self.result.error is None and _status(self.payload) < 400

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        init = self.result.init_milliseconds
        return {
            "ok": self.good,
            "function": self.function_id,
            "response": self.payload,
            "error": self.result.error,
            "commands": self.commands,
            "milliseconds": round(self.result.milliseconds, 1),
            "init_milliseconds": None if init is None else round(init, 1),
            "logs": [line.text for line in self.logs],
        }


def run(request: Mapping[str, Any], options: InvokeOptions, screen: Screen) -> bool:
    """Invoke and show it; whether the function returned a response that is not an error. Raises CliError."""
    invocation = asyncio.run(_invoke(request, options))
    screen.document(invocation.to_dict())
    _show(screen, invocation)
    if options.logs or not invocation.good:
        screen.heading("Its log")
        for line in invocation.logs:
            for text in line.text.rstrip().splitlines():
                screen.paragraph(f"  {text}", "dim")
    return invocation.good


async def _invoke(request: Mapping[str, Any], options: InvokeOptions) -> Invocation:
    logs: list[LogLine] = []
    async with TelnyxStub() as telnyx:
        stack = LocalStack(
            options.template,
            parameters=options.parameters,
            telnyx_base_url=telnyx.url,
            built=options.built,
            patience=patience(),
        )
        stack.on_log = logs.append
        async with running(stack, options.template, built=options.built):
            function_id = function_for(stack, request, options.function)
            result = await stack.invoke(function_id, dict(request))
    return Invocation(function_id=function_id, result=result, commands=telnyx.commands, logs=logs)


def function_for(stack: LocalStack, request: Mapping[str, Any], named: str | None) -> str:
    """The named function, by logical id, folder or event type; else the one that the request's route leads to.

    Raises CliError when it does not exist.
    """
    functions = stack.template.functions()
    if named is not None:
        module = named.replace(".", "_").removesuffix("/").lower()
        for name, function in functions.items():
            if named == name or function.handler.partition(".")[0] == module:
                return name
        raise CliError(f"the template has no function {named}", f"It has {', '.join(functions)}.", code=USAGE)
    method = request.get("requestContext", {}).get("http", {}).get("method", "POST")
    path = request.get("rawPath", "")
    router = Router(stack.template.routes())
    found = router.find(method, path) or router.find("POST", "/webhooks")
    if found is None:
        raise CliError(f"no route of the template matches {method} {path}", "Name one with --function.", code=USAGE)
    return found.function_id


def _status(payload: Any) -> int:
    status = payload.get("statusCode", 200) if isinstance(payload, dict) else 200
    return status if isinstance(status, int) else 500


def _show(screen: Screen, invocation: Invocation) -> None:
    milliseconds, error = invocation.result.milliseconds, invocation.result.error
    screen.heading(f"{invocation.function_id} returned after {milliseconds:.0f} ms, its cold start included")
    if error is not None:
        screen.paragraph(f"  {error.get('errorType')}: {error.get('errorMessage')}", "red")
    else:
        response = invocation.payload
        if isinstance(response, dict) and isinstance(response.get("body"), str):
            response = {**response, "body": _readable(response["body"])}
        screen.paragraph("  " + json.dumps(response, indent=2, ensure_ascii=False).replace("\n", "\n  "))
    screen.heading("Commands to Telnyx" if invocation.commands else "No commands to Telnyx")
    for command in invocation.commands:
        screen.field(
            f"{command['method']} {command['path'].rpartition('/')[2]}",
            json.dumps(_decoded(command["params"]), ensure_ascii=False),
            width=26,
        )


def _readable(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _decoded(params: Mapping[str, Any]) -> dict[str, Any]:
    """With client_state decoded."""
    shown = dict(params)
    if isinstance(shown.get("client_state"), str):
        with contextlib.suppress(ValueError):
            shown["client_state"] = json.loads(base64.b64decode(shown["client_state"]))
    return shown
