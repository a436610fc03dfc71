"""The simulator can be started, driven and stopped from a program and over HTTP, and rests when nothing happens."""

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from hookline_local.simulator import Config, Faults, Observation, serve, simulator_in_thread
from tests.support.flow_server import KEY, CallApplication, Received, answers, app_and_telnyx


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive() or "AnyIO" in thread.name, thread


def test_a_call_can_be_placed_and_played_over_http() -> None:
    with app_and_telnyx(answers) as (app, telnyx):
        http, calls = app.http, telnyx.url + "/_simulator/calls"
        placed = http.post(calls, json={"from": "+12025550111", "to": "+12025550112"}).json()
        app.wait_for("call.answered")
        call = f"{calls}/{placed['call_control_id']}"
        app.send(placed["call_control_id"], "transcription_start")
        assert http.post(f"{call}/press", json={"digits": "1#"}).status_code == 200
        assert http.post(f"{call}/press", json={"digits": "x"}).status_code == 422
        assert http.post(f"{call}/speak", json={"text": "Hello there"}).status_code == 200
        app.wait_for("call.dtmf.received", 2)
        app.wait_for("call.transcription")
        assert http.get(call).json()["ended"] is False
        by_session = http.post(f"{calls}/{placed['call_session_id']}/hangup").json()
        assert by_session["hangup_cause"] == "normal_clearing"
        app.wait_for("call.hangup")
        assert http.post(f"{call}/hangup").status_code == 409
        assert http.post(f"{calls}/unknown/hangup").status_code == 404
        assert [one["call_session_id"] for one in http.get(calls).json()] == [placed["call_session_id"]]
        assert http.post(calls, json={"steps": [{"pres": 1}]}).status_code == 422
        deliveries = http.get(telnyx.url + "/_simulator/deliveries").json()
        assert deliveries[0]["webhook"]["event_type"] == "call.initiated"
        sent = http.get(telnyx.url + "/_simulator/commands").json()
        assert [(one["kind"], one["action"]) for one in sent] == [
            ("command", "answer"),
            ("command", "transcription_start"),
        ]


def test_a_call_that_the_application_places_can_come_over_http() -> None:
    with app_and_telnyx() as (app, telnyx):
        scenario = {
            "from": "+12025550123",
            "to": "+12025550111",
            "dial": {"answering_machine_detection": "detect", "client_state": {"flow": "notice"}},
            "steps": [{"when": "call.machine.detection.ended", "press": "7"}, {"hangup": True}],
        }
        placed = app.http.post(telnyx.url + "/_simulator/calls", json=scenario).json()
        assert (placed["direction"], placed["to"]) == ("outgoing", "+12025550111")
        ended = app.wait_for("call.hangup").payload
        assert ended["hangup_source"] == "callee"
        assert json.loads(base64.b64decode(ended["client_state"])) == {"flow": "notice"}
        assert app.wait_for("call.dtmf.received").payload["digit"] == "7"
        unknown = {**scenario, "connection_id": "7"}
        assert app.http.post(telnyx.url + "/_simulator/calls", json=unknown).status_code == 422


def test_a_scenario_and_far_ends_can_come_over_http() -> None:
    with app_and_telnyx(answers) as (app, telnyx):
        ends = {"+12025550177": {"answers": "busy", "after": 0}}
        assert app.http.post(telnyx.url + "/_simulator/callees", json=ends).status_code == 200
        scenario = {"steps": [{"when": "call.answered", "press": "7"}, {"hangup": True}]}
        app.http.post(telnyx.url + "/_simulator/calls", json={"scenario": scenario, "from": "+12025550111"})
        assert app.wait_for("call.hangup").payload["hangup_source"] == "caller"
        dialled = {"connection_id": "1494404757140276705", "from": "+12025550199", "to": "+12025550177"}
        app.request("POST", "/calls", dialled)
        assert app.wait_for("call.hangup", 2).payload["hangup_cause"] == "user_busy"


def test_what_happens_can_be_watched_over_http() -> None:
    with app_and_telnyx(answers) as (app, telnyx), app.http.stream("GET", telnyx.url + "/_simulator/observe") as seen:
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
            ("command", "answer"),
            ("answered", "call.initiated"),
            ("sending", "call.answered"),
            ("answered", "call.answered"),
        }
        telnyx.hang_up(leg)


def test_it_stops_in_the_middle_of_everything_without_a_word() -> None:
    """pytest turns every warning about a task or socket left behind into a failure."""

    hanging = Faults(api_hang={"speak": 2})

    async def run() -> None:
        async with serve(Config(webhook_url="http://127.0.0.1:9/webhooks", faults=hanging)) as telnyx:
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


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):  # noqa: SIM117
        with simulator_in_thread(Config(port=taken.getsockname()[1])):
            pass


def test_thirty_calls_at_once_all_end() -> None:
    def hang_up(app: CallApplication, received: Received) -> None:
        answers(app, received)
        if received.type == "call.answered":
            app.send(received.payload["call_control_id"], "hangup")

    with app_and_telnyx(hang_up) as (app, telnyx):
        legs = [telnyx.place_inbound_call() for _ in range(30)]
        for leg in legs:
            telnyx.settle(leg)
        assert app.types.count("call.hangup") == 30


def test_what_is_no_json_object_is_refused() -> None:
    with app_and_telnyx(answers) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        call = f"calls/{leg.call_control_id}"
        for where in ("faults", "callees", "calls", f"{call}/press", f"{call}/speak", f"{call}/hangup"):
            for body in (b"drop=1", b"[1]"):
                refused = app.http.post(f"{telnyx.url}/_simulator/{where}", content=body)
                assert (refused.status_code, "JSON object" in refused.json()["error"]) == (422, True), where
        assert app.http.post(f"{telnyx.url}/_simulator/{call}/hangup").status_code == 200


UNWRITABLE = [
    '{"to": NaN}',
    '{"to": -1e999}',
    '{"to": "\\ud83d"}',
    '{"to": ' + "[" * 100_000,
    '{"to": "\\udc00\\ud83d"}',
]


@pytest.mark.parametrize("body", UNWRITABLE, ids=lambda body: body[:20])
def test_a_body_that_could_not_be_written_again_is_refused_and_hurts_no_observer(body: str) -> None:
    with app_and_telnyx(answers) as (app, telnyx):
        key = {"authorization": f"Bearer {KEY}"}
        for fault in ({}, {"api_hang": {"dial": 1}}, {"api_500": {"dial": 1}}):
            app.http.post(f"{telnyx.url}/_simulator/faults", json=fault)
            if "api_hang" in fault:
                with pytest.raises(httpx.TimeoutException):
                    app.http.post(f"{telnyx.url}/v2/calls", content=body, headers=key, timeout=0.5)
                continue
            refused = app.http.post(f"{telnyx.url}/v2/calls", content=body, headers=key)
            assert refused.json()["errors"][0]["code"] in ("10023", "10007")
        assert app.http.post(f"{telnyx.url}/_simulator/calls", content=body).status_code == 422
        assert len(app.http.get(f"{telnyx.url}/_simulator/commands").json()) == 3


def test_the_person_can_hang_up_after_the_last_word() -> None:
    with app_and_telnyx(answers) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.answered")
        call = f"{telnyx.url}/_simulator/calls/{leg.call_control_id}"
        app.http.post(f"{call}/press", json={"digits": "123"})
        for after in ("-1", "1e999", "1" + "0" * 400):
            assert app.http.post(f"{call}/hangup", content=f'{{"after": {after}}}').status_code == 422
        assert app.http.post(f"{call}/hangup", json={"after": 0}).json()["state"] == "answered"
        app.wait_for("call.hangup")
        app.wait_for("call.dtmf.received", 3)
