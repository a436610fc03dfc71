"""The stack and the Telnyx simulator, running until stopped.

Owns where settings come from, the signals, and the output at the start.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.base.urls import checked_url
from hookline_local.cli.file_watch import FileWatch
from hookline_local.cli.live_view import LiveView, clock, label_of
from hookline_local.cli.screen import Screen
from hookline_local.cli.stack_start import explain_start_errors, patience, port_unavailable, running
from hookline_local.cli.stopping import run_until_stopped
from hookline_local.emulator.gateway import Exchange
from hookline_local.emulator.runtime import LogLine
from hookline_local.simulator import Config, TelnyxSimulator
from hookline_local.simulator.webhooks import USER_AGENT
from hookline_local.stacks.announcement import announcement
from hookline_local.stacks.local import API_KEY, LocalStack
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import MASKED, RunningStack, announced
from hookline_local.stacks.state import StateFolder


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of `serve`. Ports: 0 picks a free one. aws_endpoint: None for that of the environment, or moto."""

    template: Path
    port: int = 0
    telnyx_port: int = 0
    aws_port: int = 0
    built: bool = False
    aws_endpoint: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    speed: float = 1.0
    seed: int = 0
    logs: bool = False
    keep: Path | None = None

    def telnyx(self) -> str | None:
        """TELNYX_API_BASE_URL: another Telnyx than the simulator. Raises CliError for an invalid URL."""
        url = os.environ.get("TELNYX_API_BASE_URL", "").rstrip("/")
        return checked_url(url, "TELNYX_API_BASE_URL=https://api.telnyx.com/v2") if url else None

    def aws(self) -> str | None:
        """--aws-endpoint, else AWS_ENDPOINT_URL: another AWS than moto. Raises CliError for an invalid URL."""
        url = self.aws_endpoint or os.environ.get("AWS_ENDPOINT_URL")
        return checked_url(url, "--aws-endpoint http://127.0.0.1:4566, or AWS_ENDPOINT_URL") if url else None

    def check(self) -> None:
        """Raise CliError for options without effect: of something that is not started."""
        if self.telnyx() is not None:
            simulator = {"--telnyx-port": self.telnyx_port, "--speed": self.speed != 1.0, "--seed": self.seed}
            _refuse(simulator, "TELNYX_API_BASE_URL names another Telnyx")
        if self.aws() is not None:
            _refuse({"--aws-port": self.aws_port, "--keep": self.keep}, "another AWS than moto is used")
        if "TelnyxApiBaseUrl" in self.parameters:
            advice = (
                "TELNYX_API_BASE_URL=https://api.telnyx.com/v2 hookline serve uses another Telnyx than the simulator."
            )
            raise CliError("serve sets TelnyxApiBaseUrl itself", advice, code=USAGE)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value:
            raise CliError(f"{option} has no effect: {why}", "Leave one of the two out.", code=USAGE)


async def run(options: ServeOptions, screen: Screen) -> None:
    """Start, report it, and serve until SIGINT or SIGTERM. Leaves no process.

    Raises CliError when it cannot start, and BrokenPipeError when standard output has been closed.
    """
    options.check()
    await run_until_stopped(screen, lambda stopping: _serve(options, screen, stopping))


async def _serve(options: ServeOptions, screen: Screen, stopping: asyncio.Event) -> None:
    api_key = os.environ.get("TELNYX_API_KEY") or API_KEY
    async with contextlib.AsyncExitStack() as closing:
        telnyx_url = options.telnyx()
        simulator: TelnyxSimulator | None = None
        if telnyx_url is None:
            simulator = await _start_simulator(options, api_key)
            closing.push_async_callback(simulator.close)
            telnyx_url = simulator.api_base_url
        stack = LocalStack(
            options.template,
            parameters=options.parameters,
            port=options.port,
            aws_endpoint=options.aws(),
            aws_port=options.aws_port,
            telnyx_base_url=telnyx_url,
            control_url=f"{simulator.url}/_simulator" if simulator else None,
            api_key=api_key,
            public_key=os.environ.get("TELNYX_PUBLIC_KEY") or None,
            built=options.built,
            patience=patience(),
        )
        stack.on_log = _Logs(screen, shown=options.logs).show
        starting = running(stack, options.template, built=options.built, port=options.port)
        await closing.enter_async_context(starting)
        with explain_start_errors(options.template):
            started = announcement(stack, simulator.url if simulator else None, telnyx_url)
        if simulator is not None:
            simulator.send_webhooks_to(stack.webhook_url)
            simulator.observe(LiveView(screen, when=clock).on_observation)
        stack.on_exchange = _OtherRequests(screen, simulated=simulator is not None).show
        if options.keep is not None:
            await closing.enter_async_context(_stored(StateFolder(options.keep), stack, screen))
        with announced(started):
            _ready(screen, stack, started, options)
            watch = FileWatch(screen, stack.template_path, None if options.built else stack.flows_folder)
            watching = asyncio.create_task(watch.run())
            await stopping.wait()
            watching.cancel()
            screen.paragraph("Stopping ...", "dim")


@contextlib.asynccontextmanager
async def _stored(state: StateFolder, stack: LocalStack, screen: Screen) -> AsyncIterator[None]:
    """Load the state before the block, store it afterwards."""
    resources = StackResources.of_template(stack.template, stack.aws_endpoint)
    loaded = await asyncio.to_thread(state.load, resources)
    if loaded:
        screen.paragraph(f"Loaded {loaded} items and objects from {state.folder}.", "dim")
    try:
        yield
    finally:
        saving = asyncio.create_task(asyncio.to_thread(state.save, resources))
        while not saving.done():
            with contextlib.suppress(
                asyncio.CancelledError
            ):  # by the signal that stops us: what it reads from goes next
                await asyncio.wait([saving])
        saving.result()


async def _start_simulator(options: ServeOptions, api_key: str) -> TelnyxSimulator:
    config = Config(
        api_key=api_key,
        port=options.telnyx_port,
        speed=options.speed,
        seed=options.seed,
        patience=patience(),
    )
    simulator = TelnyxSimulator(config)
    try:
        await simulator.start()
    except OSError as error:
        raise port_unavailable("--telnyx-port", options.telnyx_port, error) from error
    return simulator


def _ready(screen: Screen, stack: LocalStack, started: RunningStack, options: ServeOptions) -> None:
    fields = asdict(started)
    fields.pop("parameters")
    control = f"{started.telnyx_url}/_simulator" if started.telnyx_url else None
    keys = {
        "control_url": control,
        "api_key": MASKED if os.environ.get("TELNYX_API_KEY") else API_KEY,
        "public_key": os.environ.get("TELNYX_PUBLIC_KEY") or DEVELOPMENT_PUBLIC_KEY,
    }
    screen.row(
        {
            "ready": True,
            **fields,
            **keys,
            "seed": options.seed,
            "functions": list(stack.template.functions()),
            "unsupported": stack.unsupported,
        }
    )
    screen.heading("Running")
    telnyx = started.telnyx_url or f"{started.telnyx_api_base_url} (TELNYX_API_BASE_URL)"
    aws = stack.aws_endpoint if options.aws() is None else f"{stack.aws_endpoint} (not ours)"
    calls_api = f"{started.api_url}/calls" if started.api_url else "off (CallsApi)"
    console = started.console_url or f"off ({'CallsApiClientId' if started.api_url else 'CallsApi'})"
    screen.fields((("console", console), ("webhooks", started.webhook_url)), width=19)
    urls = (("calls API", calls_api), ("Telnyx", telnyx), ("AWS", aws))
    screen.fields((*urls, ("Lambda API", started.url)), width=19)
    screen.fields((("control API", control or "off"), ("API key", str(keys["api_key"]))), width=19)
    screen.fields((("public key", str(keys["public_key"])),), width=19)
    if stack.unsupported:
        number = f"{len(stack.unsupported)} thing{'s are' if len(stack.unsupported) > 1 else ' is'}"
        screen.paragraph(f"\n{number} not emulated here; hookline serve --json lists them.", "dim")
    call = "hookline call" if started.telnyx_url else "hookline trigger call.initiated"
    screen.paragraph(f"\nIn another terminal: {call}, then hookline calls. Ctrl-C stops everything.\n", "dim")


class _Logs:
    """Shows the functions' logs: errors and what flows print or log always, everything when requested."""

    def __init__(self, screen: Screen, *, shown: bool) -> None:
        self._screen = screen
        self._shown = shown

    def show(self, line: LogLine) -> None:
        if self._shown or line.fault or line.of_flow:
            for text in line.text.rstrip().splitlines():
                self._screen.log(f"{line.function_id}: {text}")


class _OtherRequests:
    """Shows the requests that the simulator does not show: those of `trigger`, curl, a tunnel."""

    def __init__(self, screen: Screen, *, simulated: bool) -> None:
        self._screen = screen
        self._simulated = simulated

    def show(self, exchange: Exchange) -> None:
        if self._simulated and exchange.headers.get("user-agent") == USER_AGENT:
            return
        key, data = str(id(exchange)), _data_of(exchange.body)
        event_type, leg_id = data.get("event_type"), (data.get("payload") or {}).get("call_leg_id")
        label = label_of(str(leg_id or ""))
        self._screen.request_received(f"{exchange.method} {exchange.path}", key=key, when=clock(), label=label)
        self._screen.response_sent(
            event_type if isinstance(event_type, str) else exchange.path,
            key=key,
            label=label,
            status=exchange.status,
            milliseconds=exchange.milliseconds,
            answer=_json(exchange.response),
            problem=None,
        )


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _data_of(body: bytes) -> dict[str, Any]:
    """The `data` of a webhook; empty for anything else."""
    content = _json(body)
    data = content.get("data") if isinstance(content, dict) else None
    return data if isinstance(data, dict) and isinstance(data.get("payload", {}), dict) else {}
