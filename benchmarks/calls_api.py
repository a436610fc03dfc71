"""The calls API on the local stack: how soon an action is at Telnyx, and how long reading takes with 200 calls.

The stack's functions are processes, AWS is moto and Telnyx the simulator: what is measured is all that is ours, and
moto, which sorts a whole table for each query. Figures of the reads are shown and have no bar for that reason.
"""

import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT / folder) for folder in ("", "functions", "layers/hookline", "local")]

ACTIONS = 20
CALLS = 200


def measure() -> dict[str, float]:
    """Seconds from the request of an action to its command at Telnyx, the median of a warm function."""
    from tests.support.live_line import live_line, wait_for

    with live_line() as line:
        arrived: list[float] = []
        line.telnyx.call(lambda simulator: simulator.observe(lambda seen: _note(arrived, seen)))
        leg = line.ring()
        wait_for(lambda: line.running(leg).get("recording") == "on")
        seconds = [_action(line.http, leg.call_leg_id, number, arrived) for number in range(ACTIONS + 1)]
        print(f"first, cold {seconds[0] * 1000:.0f} ms", flush=True)
        warm = sorted(seconds[1:])
        print(f"then {warm[0] * 1000:.0f} to {warm[-1] * 1000:.0f} ms", flush=True)
        _fill(line.stack.webhook_url)
        for path in ("/calls", "/calls?status=answered", f"/calls/{leg.call_leg_id}", "/calls/last/timeline"):
            took = min(_seconds(line.http, path) for _ in range(5))
            print(f"GET {path.replace(leg.call_leg_id, '{id}')} with {CALLS} calls {took * 1000:.0f} ms", flush=True)
    return {"click": statistics.median(warm)}


def _note(arrived: list[float], seen: object) -> None:
    if getattr(seen, "action", "") in ("record_pause", "record_resume"):
        arrived.append(time.perf_counter())


def _action(http: httpx.Client, leg: str, number: int, arrived: list[float]) -> float:
    """Pause and resume in turn; until Telnyx has executed it."""
    known = len(arrived)
    began = time.perf_counter()
    answer = http.post(f"/calls/{leg}/actions/{('record_pause', 'record_resume')[number % 2]}", json={})
    assert answer.status_code == 200, answer.text
    return arrived[known] - began


def _fill(webhook_url: str) -> None:
    """Calls of today, by their webhooks."""
    from hookline.journal import timestamp
    from hookline_local.base.signing import sign
    from tests.support.world import sample_data

    with httpx.Client(timeout=60, trust_env=False) as http:
        for number in range(CALLS):
            data: dict[str, Any] = sample_data("call.hangup")
            ids: Mapping[str, str] = {"call_leg_id": f"leg-{number}", "call_control_id": f"v3:{number}"}
            data |= {"id": f"event-{number}", "occurred_at": timestamp(time.time())}
            data["payload"] |= {**ids, "call_session_id": f"session-{number}"}
            body = json.dumps({"data": data}).encode()
            http.post(webhook_url, content=body, headers=sign(body, int(time.time()))).raise_for_status()


def _seconds(http: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    assert http.get(path).status_code == 200
    return time.perf_counter() - began
