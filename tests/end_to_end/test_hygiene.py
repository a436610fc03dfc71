"""The stack leaves nothing behind: no process, no directory, no port, however it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import boto3
import httpx
import pytest
import yaml

from hookline_local.emulator.template import InvalidParameter
from hookline_local.stacks.local import LocalStack, LocalStackInThread

PROJECT = Path(__file__).parents[2]
FIXTURE = PROJECT / "tests" / "emulator" / "fixture"

PROGRAM = """
import sys, threading, time
from hookline_local.stacks.local import LocalStackInThread

stack = LocalStackInThread(sys.argv[1])
stack.start()
for name in ("EchoFunction", "SlowFunction", "AnswerFunction"):
    stack.invoke(name, {"body": "1"})
threading.Thread(target=stack.invoke, args=("OneAtATimeFunction", {"seconds": 60}), daemon=True).start()
while not any(line.text == "before" for line in list(stack.logs)):
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


def children_of(pid: int) -> set[int]:
    """The processes that this one has started and that are still there, zombies included."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread may end while its neighbours are read
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files that no one else uses."""
    found = tmp_path / "scratch"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux_only
def test_starts_and_stops_leave_nothing_behind(scratch: Path) -> None:
    processes, files = children_of(os.getpid()), len(os.listdir("/proc/self/fd"))

    async def start_and_stop() -> None:
        # With a busy function: no one waits for it.
        async with LocalStack(FIXTURE / "template.yaml") as stack:
            busy = asyncio.create_task(stack.invoke("OneAtATimeFunction", {"seconds": 60}))
            await stack.invoke("EchoFunction", {})
            assert children_of(os.getpid()) > processes
            assert os.listdir(scratch)
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)

    async def two() -> None:
        await asyncio.gather(start_and_stop(), start_and_stop())

    for _ in range(2):
        asyncio.run(two())
        assert children_of(os.getpid()) == processes
    assert not os.listdir(scratch)
    assert len(os.listdir("/proc/self/fd")) <= files + 2


@linux_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stack_that_is_killed_takes_its_processes_with_it(number: signal.Signals, scratch: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "local"), "TMPDIR": str(scratch)}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(FIXTURE / "template.yaml")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert program.stdout is not None
    with program.stdout:
        try:
            assert program.stdout.readline() == "ready\n"
            children = children_of(program.pid)
            assert len(children) == 5  # moto and four functions, one of them at work
        finally:
            program.send_signal(number)
            program.wait()
    deadline = time.monotonic() + 60
    while left := [pid for pid in children if is_running(pid)]:
        assert time.monotonic() < deadline, f"{left} live on"
        time.sleep(0.01)


def test_a_port_can_be_chosen_and_is_free_again_afterwards() -> None:
    with LocalStackInThread(FIXTURE / "template.yaml") as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            LocalStackInThread(FIXTURE / "template.yaml", port=port).start()
        assert httpx.get(first.url).status_code == 404
    with LocalStackInThread(FIXTURE / "template.yaml", port=port) as second:
        assert second.url == first.url
        assert second.webhook_url == f"{second.url}/webhooks"


@linux_only
def test_a_stack_that_cannot_start_gives_the_reason_and_leaves_nothing_behind(scratch: Path) -> None:
    processes = children_of(os.getpid())
    with pytest.raises(InvalidParameter, match="Nonsense"):
        LocalStackInThread(FIXTURE / "template.yaml", parameters={"Nonsense": "1"}).start()
    with pytest.raises(FileNotFoundError):
        LocalStackInThread(FIXTURE / "nowhere.yaml").start()
    assert children_of(os.getpid()) == processes
    assert not os.listdir(scratch)


def test_another_aws_can_be_used_and_is_left_running() -> None:
    with LocalStackInThread(FIXTURE / "template.yaml") as first:
        with LocalStackInThread(FIXTURE / "template.yaml", aws_endpoint=first.aws_endpoint) as second:
            assert second.aws_endpoint == first.aws_endpoint
            seen = second.invoke("EchoFunction", {}).payload["environment"]
            assert seen["AWS_ENDPOINT_URL"] == first.aws_endpoint
        sqs = boto3.client("sqs", endpoint_url=first.aws_endpoint, region_name="us-east-1")
        assert len(sqs.list_queues()["QueueUrls"]) == 5
        sqs.close()


def test_settings_of_the_caller_win_and_reach_only_who_asks_for_them(tmp_path: Path) -> None:
    text = (FIXTURE / "template.yaml").read_text().replace("GREETING: hello", "TELNYX_API_BASE_URL: https://far.away")
    path = tmp_path / "template.yaml"
    for name in ("functions", "layer", "overlay", "wheels"):
        (tmp_path / name).symlink_to(FIXTURE / name)
    path.write_text(text)
    options = {"telnyx_base_url": "http://127.0.0.1:9/v2", "environment": {"FOR_ALL": "1"}}
    with LocalStackInThread(path, **options) as stack:
        seen = stack.invoke("EchoFunction", {}).payload["environment"]
        assert seen["TELNYX_API_BASE_URL"] == "http://127.0.0.1:9/v2"
        assert seen["FOR_ALL"] == "1"
        other = stack.invoke("TickFunction", {}).payload
        assert other["errorType"] == "Runtime.ImportModuleError"  # it has no layer
        assert "TELNYX_API_BASE_URL" not in stack.stack.runtime.functions["TickFunction"].environment


def test_what_sam_has_built_is_run_from_where_it_was_built(tmp_path: Path) -> None:
    """`sam build` writes a template with absolute meaning into .aws-sam/build, and layers with their python/ inside."""
    build = tmp_path / ".aws-sam" / "build"
    (build / "PlainLayer" / "python").mkdir(parents=True)
    (build / "PlainLayer" / "python" / "greeting.py").write_text('TEXT = "from the built layer"\n')
    (build / "PlainLayer" / "python" / "season.py").write_text('TEXT = "winter"\n')
    (build / "EchoFunction").mkdir()
    (build / "EchoFunction" / "echo.py").write_text((FIXTURE / "functions" / "echo.py").read_text())
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    resources = {
        "PlainLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "PlainLayer"}},
        "EchoFunction": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "echo.handler",
                "CodeUri": "EchoFunction",
                "Layers": [{"Ref": "PlainLayer"}],
            },
        },
    }
    (build / "template.yaml").write_text(yaml.safe_dump({"Resources": resources}))
    with LocalStackInThread(tmp_path / "template.yaml", built=True) as stack:
        seen = stack.invoke("EchoFunction", {}).payload
        assert seen["greeting"] == "from the built layer"
        assert seen["modules"] == ["boto3"]
        assert not list(build.rglob("__pycache__")), "a package is not written into"
