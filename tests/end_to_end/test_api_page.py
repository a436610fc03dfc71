"""The examples of docs/api.md, run as they stand there against a call that goes on."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hookline_local.simulator import Leg
from tests.project.test_docs import DOCS, blocks
from tests.support.live_line import LiveLine, live_line, wait_for
from tests.support.world import PROJECT

PAGE = DOCS / "api.md"


@pytest.fixture(scope="module")
def line() -> Iterator[LiveLine]:
    with live_line(flows=PROJECT / "tests" / "support" / "flows") as running:
        yield running


@pytest.fixture(scope="module")
def leg(line: LiveLine) -> Leg:
    """Of a call that is recorded now."""
    leg = line.ring()
    wait_for(lambda: line.running(leg).get("recording") == "on")
    return leg


@pytest.fixture
def shell(line: LiveLine, leg: Leg, tmp_path: Path) -> Callable[[str], Any]:
    """Runs a command; its output, JSON where it is that."""

    def run(command: str) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "API": line.url,
            "LEG": leg.call_leg_id,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
        }
        bash = shutil.which("bash") or "bash"
        done = subprocess.run(
            [bash, "-e", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    return run


def commands() -> list[str]:
    """Each command of the page's shell blocks."""
    joined = "\n".join(blocks(PAGE, "sh")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("curl")]


def test_each_request_by_curl_is_answered(shell: Callable[[str], Any], leg: Leg) -> None:
    answers = [shell(command) for command in commands()]
    assert len(answers) == 6
    lists = [answer for answer in answers if "calls" in answer and not isinstance(answer, str)]
    assert [leg.call_leg_id in [call["call_leg_id"] for call in found["calls"]] for found in lists] == [True, True]
    assert [answer["result"] for answer in answers if "result" in answer and not isinstance(answer, str)] == [
        "accepted",
        "accepted",
    ]


def test_the_request_by_httpx_is_answered(line: LiveLine, leg: Leg) -> None:
    names: dict[str, Any] = {}
    (code,) = blocks(PAGE, "python")
    exec(code, names)  # noqa: S102 - the example as it stands
    assert names["pause"](line.url, "a-token", leg.call_leg_id, "k1") == "accepted"
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        names["pause"](line.url, "a-token", "nowhere", "k2")
