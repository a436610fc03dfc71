"""The local stack's times, as wall-clock time and processor time: for the person in front of it."""

import contextlib
import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

PROJECT = Path(__file__).parents[1]
FIXTURE = PROJECT / "tests" / "emulator" / "fixture" / "template.yaml"


def measure() -> dict[str, float]:
    """Each figure and how it came about."""
    return {"gateway": _gateway(), "rest": _rest(), "help": _help(), "hanging": _hanging()}


def _gateway() -> float:
    """The best of fifty: Nagle's algorithm alone would make each of them 40 ms."""
    from hookline_local.stacks.local import LocalStackInThread

    began = time.perf_counter()
    with LocalStackInThread(FIXTURE) as stack, httpx.Client(base_url=stack.url, timeout=60) as http:
        print(f"ready after {time.perf_counter() - began:.2f} s", flush=True)
        result = stack.invoke("EchoFunction", {})
        print(f"first, cold invocation {result.milliseconds:.0f} ms", flush=True)

        def once() -> float:
            began = time.perf_counter()
            http.get("/echo")
            return time.perf_counter() - began

        best = min(once() for _ in range(50))
    print(f"warm request {best * 1000:.1f} ms", flush=True)
    return best


def _rest() -> float:
    """Processor time of the simulator's thread in a second in which nothing happens in a call."""
    from tests.support.flow_server import answers, app_and_telnyx

    with app_and_telnyx(answers, speed=1) as (app, telnyx):
        telnyx.place_inbound_call()
        app.wait_for("call.answered")
        before = telnyx.call(lambda simulator: time.thread_time())
        time.sleep(1.0)
        spent = telnyx.call(lambda simulator: time.thread_time()) - before
    print(f"the simulator at rest {spent * 1000:.1f} ms of processor time a second", flush=True)
    return spent


def _help() -> float:
    """--help beside an interpreter that imports what it is written with."""

    def seconds(*command: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True, cwd=PROJECT)
        return time.perf_counter() - began

    bare = min(seconds("-c", "import rich.console, typer") for _ in range(3))
    whole = min(seconds("-m", "hookline_local", "--help") for _ in range(3))
    print(f"hookline --help {whole:.2f} s, its libraries alone {bare:.2f} s", flush=True)
    return whole - bare


def _hanging() -> float:
    """The webhook of an answered call, while no one answers at Telnyx's."""
    import pytest
    from moto import mock_aws

    from hookline_local.emulator.provisioning import create_resources
    from hookline_local.emulator.template import load_template
    from tests.support import world as conftest
    from tests.support.world import World, deliver, start_cold

    keys = {"TelnyxPublicKeys": conftest.A_PUBLIC_KEY, "TelnyxApiKey": conftest.API_KEY}
    over = threading.Event()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        template = load_template(PROJECT / "template.yaml", keys)
        create_resources(template)
        world = World(template)
        for name, value in {**world.settings, "AWS_SAM_LOCAL": "true"}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(io.StringIO()):  # the log keeps the standard output of its time
            start_cold(world)
            deliver("call.hangup", call_leg_id="warm")

        def hang(request: httpx.Request) -> httpx.Response:
            over.wait(60)
            return conftest.ok()

        world.replies = hang
        with contextlib.redirect_stdout(io.StringIO()):
            began = time.perf_counter()
            answer = deliver("call.answered", age=0.0)
            seconds = time.perf_counter() - began
        over.set()
        assert answer["status"] == 200
        assert all(command.endswith("queued") for command in answer["commands"]), answer
        start_cold()
    print(f"answered after {seconds:.2f} s while Telnyx hangs, everything queued", flush=True)
    return seconds
