"""`hookline serve`: the stack and the Telnyx simulator, running until they are told to stop.

Owns which settings come from where, the signals, and what is said at the start.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hookline_local.cli.live_view import Watch
from hookline_local.cli.screen import Screen
from hookline_local.cli.starting import explained, started, taken
from hookline_local.emulator.gateway import Exchange
from hookline_local.emulator.runtime import LogLine
from hookline_local.errors import TYPED_WRONG, Problem
from hookline_local.simulator import Config, TelnyxSimulator
from hookline_local.simulator.webhooks import USER_AGENT
from hookline_local.stacks.local import API_KEY, Stack
from hookline_local.stacks.resources import Place
from hookline_local.stacks.running import HIDDEN, Running, announced
from hookline_local.urls import checked_url


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What may be asked of `serve`. Ports: 0 picks a free one. None: as the environment says, or our own."""

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

    def telnyx(self) -> str | None:
        """TELNYX_API_BASE_URL: another Telnyx than the simulator. Raises Problem for what is no URL."""
        url = os.environ.get("TELNYX_API_BASE_URL", "").rstrip("/")
        return checked_url(url, "TELNYX_API_BASE_URL=https://api.telnyx.com/v2") if url else None

    def aws(self) -> str | None:
        """--aws-endpoint, else AWS_ENDPOINT_URL: another AWS than moto. Raises Problem for what is no URL."""
        url = self.aws_endpoint or os.environ.get("AWS_ENDPOINT_URL")
        return checked_url(url, "--aws-endpoint http://127.0.0.1:4566, or AWS_ENDPOINT_URL.") if url else None

    def check(self) -> None:
        """Raise Problem for what would have no effect: it is about something that is not started."""
        if self.telnyx() is not None:
            simulator = {"--telnyx-port": self.telnyx_port, "--speed": self.speed != 1.0, "--seed": self.seed}
            _refuse(simulator, "TELNYX_API_BASE_URL names another Telnyx than the simulator")
        if self.aws() is not None:
            _refuse({"--aws-port": self.aws_port}, "another AWS than moto is named")
        if "TelnyxApiBaseUrl" in self.parameters:
            advice = "TELNYX_API_BASE_URL=https://api.telnyx.com/v2 hookline serve takes another than the simulator."
            raise Problem("serve decides TelnyxApiBaseUrl", advice, code=TYPED_WRONG)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value:
            raise Problem(f"{option} has no effect: {why}", "Leave one of the two out.", code=TYPED_WRONG)


async def run(wishes: Wishes, screen: Screen) -> None:
    """Start, say so, and serve until SIGINT or SIGTERM. Leaves no process.

    Raises Problem when it cannot start, and BrokenPipeError when nobody reads what it shows any more.
    """
    wishes.check()
    stopping = asyncio.Event()
    screen.on_unread = stopping.set
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(_serve(wishes, screen, stopping))
    told_to_stop = asyncio.create_task(stopping.wait())
    # CommandReceived to stop while starting: what has been started by then is stopped again.
    await asyncio.wait([serving, told_to_stop], return_when=asyncio.FIRST_COMPLETED)
    told_to_stop.cancel()
    if not serving.done():
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    if screen.unread:
        raise BrokenPipeError


async def _serve(wishes: Wishes, screen: Screen, stopping: asyncio.Event) -> None:
    api_key = os.environ.get("TELNYX_API_KEY") or API_KEY
    async with contextlib.AsyncExitStack() as closing:
        elsewhere = wishes.telnyx()
        simulator: TelnyxSimulator | None = None
        if elsewhere is None:
            simulator = TelnyxSimulator(
                Config(api_key=api_key, port=wishes.telnyx_port, speed=wishes.speed, seed=wishes.seed)
            )
            try:
                await simulator.start()
            except OSError as error:
                raise taken("--telnyx-port", wishes.telnyx_port, error) from error
            closing.push_async_callback(simulator.close)
        stack = Stack(
            wishes.template,
            parameters=wishes.parameters,
            port=wishes.port,
            aws_endpoint=wishes.aws(),
            aws_port=wishes.aws_port,
            telnyx_base_url=elsewhere or (simulator.api_base_url if simulator else None),
            api_key=api_key,
            public_key=os.environ.get("TELNYX_PUBLIC_KEY") or None,
            built=wishes.built,
        )
        stack.on_log = _Logs(screen, shown=wishes.logs).take
        await closing.enter_async_context(started(stack, wishes.template, built=wishes.built, port=wishes.port))
        with explained(wishes.template):
            running = _running(stack, simulator, elsewhere)
        if simulator is not None:
            simulator.send_webhooks_to(stack.webhook_url)
            simulator.observe(Watch(screen).see)
        stack.on_exchange = _Others(screen, simulator is not None).take
        with announced(running):
            _ready(screen, stack, running, wishes)
            await stopping.wait()
            screen.say("Stopping ...", "dim")


def _running(stack: Stack, simulator: TelnyxSimulator | None, elsewhere: str | None) -> Running:
    template = stack.template
    place = Place.of_template(template, stack.aws_endpoint)
    declared = template.source.get("Parameters", {})
    parameters = {
        name: HIDDEN if value and declared.get(name, {}).get("NoEcho") else value
        for name, value in template.parameters.items()
    }
    return Running(
        pid=os.getpid(),
        url=stack.url,
        webhook_url=stack.webhook_url,
        telnyx_url=simulator.url if simulator else None,
        telnyx_api_base_url=elsewhere or (simulator.api_base_url if simulator else ""),
        aws_endpoint_url=stack.aws_endpoint,
        region=template.region,
        table=place.table,
        bucket=place.bucket,
        queues=dict(place.queues),
        template=str(stack.template_path),
        parameters=parameters,
    )


def _ready(screen: Screen, stack: Stack, running: Running, wishes: Wishes) -> None:
    facts = asdict(running)
    facts.pop("parameters")
    screen.row(
        {
            "ready": True,
            **facts,
            "seed": wishes.seed,
            "functions": list(stack.template.functions()),
            "unsupported": stack.unsupported,
        }
    )
    screen.heading("Running")
    telnyx = running.telnyx_url or f"{running.telnyx_api_base_url} (TELNYX_API_BASE_URL)"
    aws = stack.aws_endpoint if wishes.aws() is None else f"{stack.aws_endpoint} (not ours)"
    screen.facts(
        (("webhooks", running.webhook_url), ("Telnyx", telnyx), ("AWS", aws), ("Lambda API", running.url)),
        width=19,
    )
    if stack.unsupported:
        number = f"{len(stack.unsupported)} thing{'s are' if len(stack.unsupported) > 1 else ' is'}"
        screen.say(f"\n{number} not emulated here; hookline serve --json lists them.", "dim")
    place_one = "hookline call" if running.telnyx_url else "hookline trigger call.initiated"
    screen.say(f"\nIn another terminal: {place_one}, then hookline calls. Ctrl-C stops all of it.\n", "dim")


class _Logs:
    """Shows what the functions log, when asked to; always what tells of a failure."""

    def __init__(self, screen: Screen, *, shown: bool) -> None:
        self._screen = screen
        self._shown = shown

    def take(self, line: LogLine) -> None:
        if self._shown or line.fault:
            for text in line.text.rstrip().splitlines():
                self._screen.log(f"{line.function_id}: {text}")


class _Others:
    """Shows the requests that the simulator does not show itself: those of `trigger`, curl, a tunnel."""

    def __init__(self, screen: Screen, simulator: bool) -> None:
        self._screen = screen
        self._simulator = simulator

    def take(self, exchange: Exchange) -> None:
        if self._simulator and exchange.headers.get("user-agent") == USER_AGENT:
            return
        key = str(id(exchange))
        self._screen.comes(f"{exchange.method} {exchange.path}", key=key)
        answer, event_type = _json(exchange.response), _type_of(exchange.body)
        self._screen.goes(
            event_type or exchange.path,
            key=key,
            status=exchange.status,
            milliseconds=exchange.milliseconds,
            answer=answer,
            problem=None,
        )


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _type_of(body: bytes) -> str | None:
    content = _json(body)
    data = content.get("data") if isinstance(content, dict) else None
    event_type = data.get("event_type") if isinstance(data, dict) else None
    return event_type if isinstance(event_type, str) else None
