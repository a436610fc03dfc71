"""The simulator delivers webhooks as Telnyx does, and as badly as it is asked to."""

import json
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import telnyx as sdk

from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.simulator import Answered, CommandReceived, Faults, Remark, Sending
from tests.support.flow_server import KEY, CallApplication, Received, answers, app_and_telnyx, webhook


def accepted(received: Received) -> bool:
    """Does the official SDK believe it?"""
    client = sdk.Telnyx(api_key=KEY, public_key=DEVELOPMENT_PUBLIC_KEY)
    try:
        client.webhooks.unwrap(received.raw.decode(errors="replace"), headers=received.headers)
    except ValueError:
        return False
    finally:
        client.close()
    return True


def answering(*statuses: int) -> Callable[[CallApplication, Received], int]:
    """The first so many webhooks are answered with these statuses, the rest with 200."""
    left = list(statuses)
    return lambda app, received: left.pop(0) if left else 200


def one_call(decide: Callable[[CallApplication, Received], int | None] = answers, **config: Any) -> list[Received]:
    """Everything that came about one call that no one answers."""
    with app_and_telnyx(decide, **config) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        return app.received


def test_a_webhook_looks_like_telnyx_s_own() -> None:
    initiated, *_ = one_call(answering())
    assert initiated.headers["content-type"] == "application/json"
    assert initiated.headers["user-agent"] == "telnyx-webhooks"
    assert accepted(initiated)
    assert set(initiated.body) == {"data", "meta"}
    assert set(initiated.data) == {"event_type", "id", "occurred_at", "payload", "record_type"}
    assert initiated.data["occurred_at"].endswith("Z")
    assert len(initiated.data["occurred_at"]) == len("2026-09-09T21:10:18.025270Z")
    assert initiated.body["meta"]["attempt"] == 1


@pytest.mark.parametrize("status", [500, 503, 408, 429, 301])
def test_a_failed_delivery_is_retried_with_a_new_signature(status: int) -> None:
    first, second = (one for one in one_call(answering(status)) if one.type == "call.initiated")
    assert first.data == second.data
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.headers["telnyx-signature-ed25519"] != second.headers["telnyx-signature-ed25519"]
    assert accepted(first)
    assert accepted(second)


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 422])
def test_a_delivery_that_was_accepted_or_refused_for_good_is_not_repeated(status: int) -> None:
    assert [one.type for one in one_call(answering(status))] == ["call.initiated", "call.hangup"]


def test_after_two_failures_in_a_row_the_failover_url_is_used() -> None:
    failed: list[Received] = []

    def primary(received: Received) -> int:
        failed.append(received)
        return 500

    with (
        webhook(primary) as first_url,
        app_and_telnyx(answering(500, 200), webhook_url=first_url + "/primary") as (app, telnyx),
    ):
        application = app.request("GET", "/call_control_applications").json()["data"][0]
        expected = {"webhook_event_failover_url": f"{app.url}/failover"}
        patched = app.request("PATCH", f"/call_control_applications/{application['id']}", expected)
        assert patched.json()["data"]["webhook_event_failover_url"] == f"{app.url}/failover"
        telnyx.place_inbound_call()
        app.wait_for("call.initiated", 2)
        assert [one.attempt for one in failed] == [1, 2]
        assert [one.attempt for one in app.received] == [3, 4]
        assert app.received[0].body["meta"]["delivered_to"] == f"{app.url}/failover"


@pytest.mark.parametrize(
    "wish",
    [
        {"webhook_event_url": 5},
        {"webhook_event_url": "http://["},
        {"webhook_event_url": None},
        {"webhook_event_failover_url": "x.test"},
    ],
    ids=str,
)
def test_an_unreachable_webhook_url_of_an_application_is_refused(wish: dict[str, object]) -> None:
    with app_and_telnyx(answering()) as (app, telnyx):
        path = f"/call_control_applications/{telnyx.simulator.config.connection_id}"
        refused = app.request("PATCH", path, wish)
        (pointer,) = wish
        assert (refused.status_code, refused.json()["errors"][0]["source"]["pointer"]) == (422, f"/{pointer}")
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        telnyx.hang_up(leg)
        telnyx.settle(leg)


def test_retries_are_used_up_and_logged() -> None:
    with app_and_telnyx(lambda app, received: 500, retry_delays_seconds=(1.0, 2.0)) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated", 3)
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        assert app.types.count("call.initiated") == 3
        (logged,) = app.request("GET", "/webhook_deliveries?filter[event_type]=call.initiated").json()["data"]
        assert logged["status"] == "failed"
        assert [attempt["http"]["response"]["status"] for attempt in logged["attempts"]] == [500, 500, 500]
        assert app.request("GET", "/webhook_deliveries?filter[status][eq]=delivered").json()["data"] == []


def test_the_policy_of_the_call_decides_when_it_is_tried_again() -> None:
    tried: list[float] = []

    def answered_late(app: CallApplication, received: Received) -> int:
        if received.type == "call.initiated":
            policies = {"call.answered": {"retries_ms": [300, 300]}}
            app.send(received.payload["call_control_id"], "answer", webhook_retries_policies=policies)
            return 200
        if received.type == "call.answered":
            tried.append(telnyx.call(lambda simulator: next(iter(simulator.switch.sessions)).clock.elapsed()))
            return 500
        return 200

    with app_and_telnyx(answered_late) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.answered", 3)
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        assert [later - earlier for earlier, later in pairwise(tried)] == pytest.approx([0.3, 0.3])


def test_an_answer_that_comes_too_late_is_no_answer() -> None:
    again = threading.Event()

    def slow(app: CallApplication, received: Received) -> int:
        if received.type == "call.initiated" and received.attempt == 1:
            assert again.wait(60)
        again.set()
        return 200

    received = one_call(slow, webhook_timeout_seconds=0.2, patience=1)
    first, second, *_ = (one for one in received if one.type == "call.initiated")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.data["id"] == second.data["id"]


def test_version_1_webhooks_are_flat() -> None:
    initiated = json.loads(one_call_raw(webhook_api_version="1")[0])
    assert initiated["event_type"] == "call_initiated"
    assert "data" not in initiated
    assert initiated["payload"]["occurred_at"]


def one_call_raw(**config: Any) -> list[bytes]:
    raw: list[bytes] = []

    def take(received: Received) -> int:
        raw.append(received.raw)
        return 200

    with webhook(take) as url, app_and_telnyx(webhook_url=url, **config) as (_, telnyx):
        leg = telnyx.place_inbound_call()
        while not raw:
            time.sleep(0.01)
        telnyx.hang_up(leg)
        telnyx.settle(leg)
    return raw


def test_duplicates_come_at_once_and_mean_the_same() -> None:
    received = one_call(answering(), faults=Faults(duplicate={"call.initiated": 1.0}))
    assert [one.type for one in received] == ["call.initiated", "call.initiated", "call.hangup"]
    assert received[0].data == received[1].data
    assert accepted(received[1])


def test_a_dropped_webhook_comes_with_the_second_attempt() -> None:
    received = one_call(answering(), faults=Faults(drop=1))
    assert [(one.type, one.attempt) for one in received] == [("call.initiated", 2), ("call.hangup", 1)]


def test_a_lost_webhook_never_comes() -> None:
    with app_and_telnyx(faults=Faults(lose={"call.initiated": 1})) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        assert app.types == ["call.hangup"]


def test_a_forged_webhook_comes_before_the_genuine_one() -> None:
    forged, genuine, _ = one_call(answering(401), faults=Faults(forge=1))
    assert not accepted(forged)
    assert accepted(genuine)
    assert forged.data["id"] != genuine.data["id"]


def test_signatures_and_clocks_can_be_wrong() -> None:
    wrong, _ = one_call(answering(401), faults=Faults(wrong_signature=1))
    assert not accepted(wrong)
    before = int(time.time())
    late, _ = one_call(answering(401), faults=Faults(clock_skew_seconds=-400))
    assert not accepted(late)
    assert before <= int(late.headers["telnyx-timestamp"]) + 400 <= time.time()


def test_a_corrupted_webhook_differs_by_one_bit_from_what_was_signed() -> None:
    with app_and_telnyx(lambda app, received: 500, faults=Faults(corrupt=1)) as (app, telnyx):
        telnyx.place_inbound_call()
        first = app.wait_for_any(1)
        assert not accepted(first)
        middle = len(first.raw) // 2
        mended = first.raw[:middle] + bytes([first.raw[middle] ^ 1]) + first.raw[middle + 1 :]
        assert accepted(Received(mended, first.headers, first.path, first.at))


def test_webhooks_overtake_each_other_and_come_late() -> None:
    def greeting(app: CallApplication, received: Received) -> None:
        answers(app, received)
        if received.type == "call.answered":
            app.send(received.payload["call_control_id"], "speak", payload="Hello.", voice="male")

    for fault in ({"reorder": {"call.speak.started": 1}}, {"delay": {"call.speak.started": 1}, "delay_seconds": 3.0}):
        with app_and_telnyx(greeting, faults=Faults().changed(fault)) as (app, telnyx):
            leg = telnyx.place_inbound_call()
            app.wait_for("call.speak.started")
            assert app.types == ["call.initiated", "call.answered", "call.speak.ended", "call.speak.started"]
            telnyx.hang_up(leg)


def test_the_same_seed_injects_the_same_faults() -> None:
    def bad_run(seed: int) -> list[tuple[str, int]]:
        with app_and_telnyx(answering(), seed=seed, faults=Faults(drop=0.5, duplicate=0.5)) as (
            app,
            telnyx,
        ):
            for _ in range(5):
                leg = telnyx.place_inbound_call()
                telnyx.hang_up(leg)
                telnyx.settle(leg)
            return sorted((one.type, one.attempt) for one in app.received)

    first, again, other = bad_run(1), bad_run(1), bad_run(2)
    assert first == again != other
    assert len(first) > 10


def test_faults_can_be_changed_while_it_runs_and_a_wrong_one_is_refused() -> None:
    with app_and_telnyx(answering()) as (app, telnyx):
        control = telnyx.url + "/_simulator/faults"
        refused = app.http.post(control, json={"dorp": 1})
        assert refused.status_code == 422
        assert "dorp" in refused.json()["error"]
        assert app.http.post(control, json={"refuse_webhook_urls": 1}).status_code == 422
        assert app.http.post(control, json={"drop": "often"}).status_code == 422
        for number in ("1e999", "NaN", "1" + "0" * 400):  # as JSON, which Python reads
            for wish in ('{"clock_skew_seconds": %s}', '{"slow_seconds": %s}', '{"drop": {"call.initiated": %s}}'):
                assert app.http.post(control, content=wish % number).status_code == 422, wish % number
        assert app.http.post(control, json={"drop": 1}).json()["drop"] == 1
        for attempts in ([2], [2, 1]):
            telnyx.place_inbound_call()
            app.wait_for("call.initiated", len(attempts))
            assert [one.attempt for one in app.all("call.initiated")] == attempts


@pytest.mark.parametrize(
    "fault, status, code", [("api_429", 429, "10011"), ("api_500", 500, "10007"), ("api_503", 503, "10037")]
)
def test_the_api_can_fail_for_the_next_command_of_a_kind(fault: str, status: int, code: str) -> None:
    faults = Faults().changed({fault: {"answer": 1}, "rate_limit_reset_seconds": 7})
    with app_and_telnyx(answering(), faults=faults) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        failed = app.send(leg.call_control_id, "answer", command_id="one")
        assert failed.status_code == status
        assert failed.json()["errors"][0]["code"] == code
        if status == 429:
            assert (failed.headers["x-ratelimit-remaining"], failed.headers["x-ratelimit-reset"]) == ("0", "7")
        assert app.send(leg.call_control_id, "answer", command_id="one").status_code == 200


def test_the_api_can_be_slow_swallow_a_command_or_lose_its_answer() -> None:
    import httpx

    wishes = {
        "api_slow": {"answer": 1},
        "slow_seconds": 0.1,
        "api_hang": {"speak": 1},
        "api_lose_answer": {"hangup": 1},
    }
    with app_and_telnyx(answering(), faults=Faults().changed(wishes)) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        assert app.send(leg.call_control_id, "answer").status_code == 200
        app.wait_for("call.answered")
        (sent,) = app.http.get(telnyx.url + "/_simulator/commands").json()
        assert (sent["action"], sent["fault"]) == ("answer", "api_slow")
        generous, hasty = app.http.timeout, httpx.Timeout(60, read=1.0)
        app.http.timeout = hasty
        speak = {"payload": "Hello.", "voice": "female", "command_id": "one"}
        with pytest.raises(httpx.ReadTimeout):
            app.send(leg.call_control_id, "speak", **speak)
        app.http.timeout = generous
        assert "call.speak.started" not in app.types
        assert app.send(leg.call_control_id, "speak", **speak).status_code == 200
        app.wait_for("call.speak.ended")
        app.http.timeout = hasty
        with pytest.raises(httpx.ReadTimeout):
            app.send(leg.call_control_id, "hangup", command_id="two")
        app.http.timeout = generous
        app.wait_for("call.hangup")
        assert app.send(leg.call_control_id, "hangup", command_id="two").status_code == 200
        assert app.types.count("call.hangup") == 1


def test_an_observer_sees_every_webhook_and_every_command() -> None:
    seen: list[Any] = []
    with app_and_telnyx(answers, faults=Faults(duplicate={"call.hangup": 1})) as (app, telnyx):
        telnyx.observe(seen.append)
        leg = telnyx.place_inbound_call()
        app.wait_for("call.answered")
        app.send(leg.call_control_id, "speak", payload="", voice="female")
        app.send(leg.call_control_id, "hangup", client_state="aGk=", command_id="bye")
        app.send(leg.call_control_id, "hangup", client_state="aGk=", command_id="bye")
        telnyx.settle(leg)
        sent = [one for one in seen if isinstance(one, CommandReceived)]
        assert [(one.action, one.status, one.code, one.repeated) for one in sent] == [
            ("answer", 200, None, False),
            ("speak", 422, "90010", False),
            ("hangup", 200, None, False),
            ("hangup", 200, None, True),
        ]
        assert sent[2].params == {"client_state": "aGk="}
        assert sent[2].command_id == "bye"
        assert {one.call_control_id for one in sent} == {leg.call_control_id}
        assert len([one for one in seen if isinstance(one, Sending)]) == 4
        webhooks = [(one.event_type, one.status, one.fault) for one in seen if isinstance(one, Answered)]
        assert sorted(webhooks, key=str) == [
            ("call.answered", 200, None),
            ("call.hangup", 200, "duplicate"),
            ("call.hangup", 200, None),
            ("call.initiated", 200, None),
        ]
        assert all(one.answer == {"commands": []} for one in seen if isinstance(one, Answered))
        assert isinstance(seen[0], Remark)
