"""The Telnyx simulator without a stack, running until stopped."""

import asyncio
import os
from dataclasses import replace

from hookline_local.base.signing import public_key_of
from hookline_local.cli.live_view import LiveView, clock
from hookline_local.cli.screen import Screen
from hookline_local.cli.stack_start import patience, port_unavailable
from hookline_local.cli.stopping import run_until_stopped
from hookline_local.simulator import Config, TelnyxSimulator
from hookline_local.stacks.local import API_KEY
from hookline_local.stacks.running import MASKED


async def run(config: Config, screen: Screen) -> None:
    """Start it, report it, and serve until a signal. Raises CliError when it cannot start."""
    own_key = os.environ.get("TELNYX_API_KEY")
    simulator = TelnyxSimulator(replace(config, api_key=own_key or API_KEY, patience=patience()))

    async def serve(stopping: asyncio.Event) -> None:
        try:
            await simulator.start()
        except OSError as error:
            raise port_unavailable("--port", config.port, error) from error
        try:
            simulator.observe(LiveView(screen, when=clock).on_observation)
            _ready(screen, simulator, MASKED if own_key else API_KEY)
            await stopping.wait()
        finally:
            await simulator.close()

    await run_until_stopped(screen, serve)


def _ready(screen: Screen, simulator: TelnyxSimulator, api_key: str) -> None:
    config = simulator.config
    fields = {
        "telnyx_url": simulator.url,
        "telnyx_api_base_url": simulator.api_base_url,
        "control_url": f"{simulator.url}/_simulator",
        "api_key": api_key,
        "public_key": public_key_of(config.signing_seed),
        "webhook_url": config.webhook_url,
        "numbers": list(config.phone_numbers),
    }
    screen.row({"ready": True, **fields})
    screen.heading("Running")
    names = ("API base URL", "control API", "API key", "public key", "webhooks", "numbers")
    values = [fields[name] for name in list(fields)[1:]]
    screen.fields(zip(names, (", ".join(v) if isinstance(v, list) else v or "nowhere" for v in values), strict=True))
    screen.paragraph("\nCtrl-C stops it.\n", "dim")
