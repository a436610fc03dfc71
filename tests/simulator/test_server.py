"""The stand-in can be started, driven and stopped from a program and over HTTP, and rests when nothing happens."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from hookline_local.simulator import Config, Misbehaviour, Observation, serve, standin_in_thread
from tests.support.flow_server import Line, Received, answers, line_and_telnyx


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive() or "AnyIO" in thread.name, thread


def test_a_call_can_be_placed_and_played_over_http() -> None:
    with line_and_telnyx(answers) as (line, telnyx):
        http, calls = line.http, telnyx.url + "/_standin/calls"
        placed = http.post(calls, json={"from": "+12025550111", "to": "+12025550112"}).json()
        line.wait_for("call.answered")
        call = f"{calls}/{placed['call_control_id']}"
        line.tell(placed["call_control_id"], "transcription_start")
        assert http.post(f"{call}/press", json={"digits": "1#"}).status_code == 200
        assert http.post(f"{call}/press", json={"digits": "x"}).status_code == 422
        assert http.post(f"{call}/say", json={"text": "Hello there"}).status_code == 200
        line.wait_for("call.dtmf.received", 2)
        line.wait_for("call.transcription")
        assert http.get(call).json()["over"] is False
        by_session = http.post(f"{calls}/{placed['call_session_id']}/hangup").json()
        assert by_session["hangup_cause"] == "normal_clearing"
        line.wait_for("call.hangup")
        assert http.post(f"{call}/hangup").status_code == 409
        assert http.post(f"{calls}/unknown/hangup").status_code == 404
        assert [one["call_session_id"] for one in http.get(calls).json()] == [placed["call_session_id"]]
        assert http.post(calls, json={"steps": [{"pres": 1}]}).status_code == 422
        deliveries = http.get(telnyx.url + "/_standin/deliveries").json()
        assert deliveries[0]["webhook"]["event_type"] == "call.initiated"
        told = http.get(telnyx.url + "/_standin/commands").json()
        assert [(one["kind"], one["action"]) for one in told] == [("told", "answer"), ("told", "transcription_start")]


def test_a_scenario_and_far_ends_can_come_over_http() -> None:
    with line_and_telnyx(answers) as (line, telnyx):
        ends = {"+12025550177": {"answers": "busy", "after": 0}}
        assert line.http.post(telnyx.url + "/_standin/far_ends", json=ends).status_code == 200
        scenario = {"steps": [{"when": "call.answered", "press": "7"}, {"hangup": True}]}
        line.http.post(telnyx.url + "/_standin/calls", json={"scenario": scenario, "from": "+12025550111"})
        assert line.wait_for("call.hangup").payload["hangup_source"] == "caller"
        dialled = {"connection_id": "1494404757140276705", "from": "+12025550199", "to": "+12025550177"}
        line.ask("POST", "/calls", dialled)
        assert line.wait_for("call.hangup", 2).payload["hangup_cause"] == "user_busy"


def test_what_happens_can_be_watched_over_http() -> None:
    with line_and_telnyx(answers) as (line, telnyx), line.http.stream("GET", telnyx.url + "/_standin/observe") as seen:
        lines = seen.iter_lines()
        next(lines)
        leg = telnyx.place_inbound_call()
        kinds = []
        for text in lines:
            if text:
                seen_one = json.loads(text)
                kinds.append((seen_one["kind"], seen_one.get("event_type") or seen_one.get("action")))
            if kinds and kinds[-1] == ("answered", "call.answered"):
                break
        assert set(kinds) == {
            ("remark", None),
            ("sending", "call.initiated"),
            ("told", "answer"),
            ("answered", "call.initiated"),
            ("sending", "call.answered"),
            ("answered", "call.answered"),
        }
        telnyx.hang_up(leg)


def test_it_stops_in_the_middle_of_everything_without_a_word() -> None:
    """pytest turns every warning about a task or socket left behind into a failure."""

    hanging = Misbehaviour(api_hang={"speak": 2})

    async def run() -> None:
        async with serve(Config(webhook_url="http://127.0.0.1:9/webhooks", misbehaviour=hanging)) as telnyx:
            seen: list[Observation] = []
            telnyx.observe(seen.append)

            async def heard(times: int) -> None:
                while [getattr(one, "action", "") for one in seen].count("speak") < times:
                    await asyncio.sleep(0.01)

            legs = [telnyx.place_inbound_call() for _ in range(3)]
            async with httpx.AsyncClient(base_url=telnyx.api_base_url, headers={"authorization": "Bearer k"}) as http:
                ccid = legs[0].call_control_id
                await http.post(f"/calls/{ccid}/actions/answer", json={})
                while legs[0].state != "answered":
                    await asyncio.sleep(0.01)
                await http.post(f"/calls/{ccid}/actions/streaming_start", json={"stream_url": "ws://127.0.0.1:9/"})
                await http.post(f"/calls/{ccid}/actions/record_start", json={"channels": "dual", "format": "wav"})
                left = asyncio.create_task(http.post(f"/calls/{ccid}/actions/speak", json={}, timeout=None))
                await heard(1)
                left.cancel()
                hung = asyncio.create_task(http.post(f"/calls/{ccid}/actions/speak", json={}, timeout=None))
                await heard(2)
                await telnyx.close()  # and does not wait for those who wait
                with contextlib.suppress(httpx.HTTPError):
                    await hung
                with contextlib.suppress(asyncio.CancelledError):
                    await left

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):  # noqa: SIM117
        with standin_in_thread(Config(port=taken.getsockname()[1])):
            pass


def test_thirty_calls_at_once_all_end() -> None:
    def hang_up(line: Line, received: Received) -> None:
        answers(line, received)
        if received.type == "call.answered":
            line.tell(received.payload["call_control_id"], "hangup")

    with line_and_telnyx(hang_up) as (line, telnyx):
        legs = [telnyx.place_inbound_call() for _ in range(30)]
        for leg in legs:
            telnyx.settle(leg)
        assert line.types.count("call.hangup") == 30


def test_what_is_no_json_object_is_refused() -> None:
    with line_and_telnyx(answers) as (line, telnyx):
        leg = telnyx.place_inbound_call()
        call = f"calls/{leg.call_control_id}"
        for where in ("misbehave", "far_ends", "calls", f"{call}/press", f"{call}/say", f"{call}/hangup"):
            for body in (b"drop=1", b"[1]"):
                refused = line.http.post(f"{telnyx.url}/_standin/{where}", content=body)
                assert (refused.status_code, "JSON object" in refused.json()["error"]) == (422, True), where
        assert line.http.post(f"{telnyx.url}/_standin/{call}/hangup").status_code == 200


def test_the_person_can_be_told_to_hang_up_when_all_is_said() -> None:
    with line_and_telnyx(answers) as (line, telnyx):
        leg = telnyx.place_inbound_call()
        line.wait_for("call.answered")
        call = f"{telnyx.url}/_standin/calls/{leg.call_control_id}"
        line.http.post(f"{call}/press", json={"digits": "123"})
        for after in ("-1", "1e999", "1" + "0" * 400):
            assert line.http.post(f"{call}/hangup", content=f'{{"after": {after}}}').status_code == 422
        assert line.http.post(f"{call}/hangup", json={"after": 0}).json()["state"] == "answered"
        line.wait_for("call.hangup")
        line.wait_for("call.dtmf.received", 3)
