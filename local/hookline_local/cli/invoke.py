"""`hookline invoke`: one function, one request, under AWS's own runtime client, and what it tells Telnyx.

No server is left running: moto and a Telnyx that takes every command are there for as long as the function runs.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookline_local.cli.screen import Screen
from hookline_local.cli.starting import started
from hookline_local.emulator.gateway import Router
from hookline_local.emulator.runtime import LogLine
from hookline_local.errors import TYPED_WRONG, Problem
from hookline_local.loopback import LoopbackServer, Receive, Response, Scope, Send, read_body, reply
from hookline_local.stacks.local import Stack

_LARGEST_COMMAND_BYTES = 10_000_000


class Ear:
    """Takes whatever it is told, as Telnyx takes a command, and writes it down."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._server = LoopbackServer()
        self.url = f"{self._server.url}/v2"

    async def start(self) -> None:
        """Listen."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            body = await read_body(scope, receive, _LARGEST_COMMAND_BYTES)
            path = scope["path"].removeprefix("/v2")
            params = json.loads(body) if body else {}
            self.told.append({"method": scope["method"], "path": path, "params": params})
            answer = {"data": {"result": "ok"}}
            await reply(send, Response(200, json.dumps(answer).encode(), (("content-type", "application/json"),)))

        await self._server.start(application)

    async def stop(self) -> None:
        """Listen no more."""
        await self._server.stop()


def run(
    template: Path,
    request: Mapping[str, Any],
    screen: Screen,
    *,
    function: str | None,
    built: bool,
    parameters: Mapping[str, str],
    logs: bool,
) -> bool:
    """Run it and show it; whether the function returned and its answer was no error. Raises Problem."""
    return asyncio.run(
        _run(template, request, screen, function=function, built=built, parameters=parameters, logs=logs)
    )


async def _run(
    template: Path,
    request: Mapping[str, Any],
    screen: Screen,
    *,
    function: str | None,
    built: bool,
    parameters: Mapping[str, str],
    logs: bool,
) -> bool:
    ear = Ear()
    await ear.start()
    lines: list[LogLine] = []
    try:
        stack = Stack(template, parameters=parameters, telnyx_base_url=ear.url, built=built)
        stack.on_log = lines.append
        async with started(stack, template, built=built):
            wanted = function_for(stack, request, function)
            result = await stack.invoke(wanted, dict(request))
    finally:
        await ear.stop()
    payload = None if result.error is not None else result.payload
    good = result.error is None and _status(payload) < 400
    screen.document(
        {
            "ok": good,
            "function": wanted,
            "response": payload,
            "error": result.error,
            "commands": ear.told,
            "milliseconds": round(result.milliseconds, 1),
            "init_milliseconds": None if result.init_milliseconds is None else round(result.init_milliseconds, 1),
            "logs": [line.text for line in lines],
        }
    )
    _show(screen, wanted, payload, result.error, ear.told, result.milliseconds)
    if logs or not good:
        screen.heading("Its log")
        for line in lines:
            for text in line.text.rstrip().splitlines():
                screen.say(f"  {text}", "dim")
    return good


def function_for(stack: Stack, request: Mapping[str, Any], named: str | None) -> str:
    """The named function, by logical id, folder or event type; else the one that the request's route leads to.

    Raises Problem when there is none.
    """
    functions = stack.template.functions()
    if named is not None:
        wanted = named.replace(".", "_").removesuffix("/").lower()
        for name, one in functions.items():
            if named == name or one.handler.partition(".")[0] == wanted:
                return name
        raise Problem(f"the template has no function {named}", f"It has {', '.join(functions)}.", code=TYPED_WRONG)
    method = request.get("requestContext", {}).get("http", {}).get("method", "POST")
    path = request.get("rawPath", "")
    router = Router(stack.template.routes())
    found = router.find(method, path) or router.find("POST", "/webhooks")
    if found is None:
        raise Problem(f"no route of the template takes {method} {path}", "Name one with --function.", code=TYPED_WRONG)
    return found.function_id


def _status(payload: Any) -> int:
    status = payload.get("statusCode", 200) if isinstance(payload, dict) else 200
    return status if isinstance(status, int) else 500


def _show(
    screen: Screen,
    function: str,
    payload: Any,
    error: Mapping[str, Any] | None,
    told: list[dict[str, Any]],
    milliseconds: float,
) -> None:
    screen.heading(f"{function} returned after {milliseconds:.0f} ms, its cold start included")
    if error is not None:
        screen.say(f"  {error.get('errorType')}: {error.get('errorMessage')}", "red")
    else:
        shown = dict(payload) if isinstance(payload, dict) else payload
        if isinstance(shown, dict) and isinstance(shown.get("body"), str):
            shown["body"] = _readable(shown["body"])
        screen.say("  " + json.dumps(shown, indent=2, ensure_ascii=False).replace("\n", "\n  "))
    screen.heading("It told Telnyx" if told else "It told Telnyx nothing")
    for one in told:
        screen.fact(
            f"{one['method']} {one['path'].rpartition('/')[2]}",
            json.dumps(_decoded(one["params"]), ensure_ascii=False),
            width=26,
        )


def _readable(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _decoded(params: Mapping[str, Any]) -> dict[str, Any]:
    """With client_state as the value that it stands for."""
    shown = dict(params)
    if isinstance(shown.get("client_state"), str):
        with contextlib.suppress(ValueError):
            shown["client_state"] = json.loads(base64.b64decode(shown["client_state"]))
    return shown
