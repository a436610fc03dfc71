"""Actions over the calls API: what reaches Telnyx, once, in order with the call's own flow, and what is answered."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hookline.api.steering import FUNCTION_SECONDS
from hookline.client_state import decode_for_flow
from tests.functions.test_calls_api import Line, incoming
from tests.support.calls_api import CallsApi
from tests.support.world import World, ok, refused, start_cold

PAUSE = "/calls/leg-one/actions/record_pause"
SPEAK = "/calls/leg-one/actions/speak"
HELLO = {"payload": "Hello.", "voice": "AWS.Polly.Joanna-Neural"}
DIAL = {"connection_id": "1494404757140276705", "to": "+12025550177", "from": "+12025550199"}


@pytest.fixture
def api(world: World) -> CallsApi:
    return CallsApi(world.template)


@pytest.fixture
def line(world: World, api: CallsApi) -> Line:
    """A call that is answered and recorded, some seconds ago; Telnyx has forgotten its commands."""
    found = incoming("one", at=datetime.now(UTC) - timedelta(seconds=20))
    found.event("call.answered")
    world.sent.clear()
    return found


def action_items(world: World) -> list[dict[str, Any]]:
    return [item for item in world.items if item.get("event_type") == "hookline.action"]


def test_an_action_is_journalled_with_who_asked_for_it_sent_and_its_result_recorded(
    world: World, api: CallsApi, line: Line
) -> None:
    api.authorizer = {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}}
    answer = api.post(PAUSE, idempotency_key="k1")
    assert (answer.status, answer.json()["result"], world.actions) == (200, "accepted", ["record_pause"])
    assert world.sent[0]["body"]["command_id"] == answer.json()["command_id"]
    (item,) = action_items(world)
    payload = json.loads(item["body"])["data"]["payload"]
    assert (payload["caller"], payload["idempotency_key"]) == ("arn:aws:iam::123456789012:user/ann", "k1")
    assert api.get("/calls/leg-one").json()["running"]["recording"] == "paused"
    entry = api.get("/calls/leg-one/timeline").json()["entries"][-1]
    assert (entry["event_type"], entry["commands"][0]["final"]["result"]) == ("hookline.action", "accepted")


def test_a_call_stays_with_its_flow_when_an_action_changes_its_client_state(
    world: World, api: CallsApi, line: Line
) -> None:
    assert api.post(SPEAK, {**HELLO, "client_state": {"step": "held"}}).status == 200
    assert decode_for_flow(world.sent[0]["body"]["client_state"])[:2] == ("reception", {"step": "held"})


def test_a_key_that_is_delivered_late_does_not_undo_the_pause_of_an_operator(
    world: World, api: CallsApi, line: Line
) -> None:
    pressed = datetime.now(UTC) - timedelta(seconds=5)
    api.post(PAUSE)
    line.event("call.dtmf.received", digit="2", occurred_at=pressed)
    assert "record_resume" not in world.actions
    line.event("call.dtmf.received", digit="2", occurred_at=datetime.now(UTC) + timedelta(seconds=5))
    assert "record_resume" in world.actions  # the caller has pressed it since


def test_an_action_is_newer_than_all_that_is_journalled_also_when_telnyx_s_clock_is_ahead(
    world: World, api: CallsApi, line: Line
) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=30)
    line.event("call.dtmf.received", digit="2", occurred_at=ahead)
    assert api.post(PAUSE, idempotency_key="k1").json()["result"] == "accepted"
    assert api.post(PAUSE, idempotency_key="k1").json()["result"] == "accepted"
    world.sent.clear()
    line.event("call.dtmf.received", digit="2", occurred_at=ahead - timedelta(seconds=1))
    assert world.actions == []
    line.event("call.dtmf.received", digit="2", occurred_at=ahead + timedelta(seconds=1))
    assert "record_resume" in world.actions


def test_an_event_of_the_far_future_does_not_take_the_actions_with_it(world: World, api: CallsApi, line: Line) -> None:
    line.event("call.speak.ended", occurred_at=datetime.now(UTC) + timedelta(days=900))
    api.post(PAUSE)
    assert action_items(world)[0]["occurred_at"] < (datetime.now(UTC) + timedelta(minutes=1)).isoformat()


def test_a_webhook_that_is_handled_while_the_action_is_sent_yields_to_it(
    world: World, api: CallsApi, line: Line
) -> None:
    pressed = datetime.now(UTC) - timedelta(seconds=5)

    def press_meanwhile(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("record_pause"):
            line.event("call.dtmf.received", digit="2", occurred_at=pressed)
        return ok()

    world.replies = press_meanwhile
    assert api.post(PAUSE).status == 200
    assert "record_resume" not in world.actions


def test_the_same_key_and_body_have_one_effect_and_the_same_answer(world: World, api: CallsApi, line: Line) -> None:
    first = api.post(SPEAK, HELLO, idempotency_key="k1")
    again = api.post(SPEAK, HELLO, idempotency_key="k1")
    assert (again.status, again.body) == (first.status, first.body)
    assert world.actions == ["speak"]
    other = api.post(SPEAK, {**HELLO, "payload": "Goodbye."}, idempotency_key="k1")
    assert (other.status, other.problem) == (422, "key-reused")
    assert api.post(SPEAK, HELLO, idempotency_key="k2").status == 200
    assert world.actions == ["speak", "speak"]


@pytest.mark.parametrize("key", ["", "k" * 201, "k\u00e9", "k\n"])
def test_a_key_that_cannot_be_one_is_refused_and_nothing_is_sent(
    world: World, api: CallsApi, line: Line, key: str
) -> None:
    """An empty one is what is left of a key that a script has failed to make: its request would have no key."""
    answer = api.post(PAUSE, idempotency_key=key)
    assert (answer.status, answer.problem, world.actions) == (422, "key-invalid", [])
    assert not action_items(world)


def test_two_callers_may_use_the_same_key(world: World, api: CallsApi, line: Line) -> None:
    for name in ("ann", "ben"):
        api.authorizer = {"iam": {"userArn": f"arn:aws:iam::123456789012:user/{name}"}}
        assert api.post(SPEAK, HELLO, idempotency_key="k1").status == 200
    assert world.actions == ["speak", "speak"]


def test_an_action_is_queued_behind_what_waits_and_the_webhooks_behind_it(
    world: World, api: CallsApi, line: Line
) -> None:
    world.replies = lambda request: refused(422, "90034")
    queued = api.post(PAUSE, idempotency_key="k1")
    assert (queued.status, queued.json()["result"]) == (202, "queued")
    assert api.post(PAUSE, idempotency_key="k1").problem == "outcome-unknown"
    world.replies = lambda request: ok()
    world.sent.clear()
    assert api.post(SPEAK, HELLO).json()["result"] == "queued"
    assert world.actions == []
    world.consume("COMMAND", "command_sender", world.records("COMMAND"))
    assert world.actions == ["record_pause", "speak"]
    known = api.post(PAUSE, idempotency_key="k1")
    assert (known.status, known.json()["result"]) == (200, "accepted")


class FunctionEnded(BaseException):
    """Lambda ends a function in the middle, as at its time limit."""


def end_before_sending(world: World, api: CallsApi, path: str, body: Any = None) -> None:
    """The first request with the key k1: its function ends when Telnyx is to be asked."""

    def end(request: httpx.Request) -> httpx.Response:
        raise FunctionEnded

    world.replies = end
    with pytest.raises(FunctionEnded):
        api.post(path, body, idempotency_key="k1")
    world.replies = lambda request: ok()
    world.sent.clear()


def go_on(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let time pass."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)


def test_an_action_whose_function_ended_before_it_was_sent_is_queued_when_it_is_asked_for_again(
    world: World, api: CallsApi, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_before_sending(world, api, PAUSE)
    under_way = api.post(PAUSE, idempotency_key="k1")
    assert (under_way.problem, under_way.headers["retry-after"]) == ("outcome-unknown", "15")
    go_on(monkeypatch, FUNCTION_SECONDS)
    answer, again = (api.post(PAUSE, idempotency_key="k1") for _ in range(2))
    assert (answer.status, answer.json()["result"], again.body) == (202, "queued", answer.body)
    world.consume("COMMAND", "command_sender", world.records("COMMAND"))
    assert world.actions == ["record_pause"]
    assert world.sent[0]["body"]["command_id"] == answer.json()["command_id"]
    known = api.post(PAUSE, idempotency_key="k1")
    assert (known.status, known.json()["result"], world.actions) == (200, "accepted", ["record_pause"])


def test_an_action_that_is_too_old_to_be_sent_again_is_lost_and_a_new_key_sends_it(
    world: World, api: CallsApi, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_before_sending(world, api, SPEAK, HELLO)
    go_on(monkeypatch, 60.0)
    assert api.post(SPEAK, HELLO, idempotency_key="k1").problem == "outcome-lost"
    assert (world.actions, world.queued_commands) == ([], [])
    assert api.post(SPEAK, HELLO, idempotency_key="k2").status == 200


@pytest.mark.parametrize("problem", ["superseded", "call-ended"])
def test_an_action_without_a_result_yields_to_a_newer_one_and_to_the_end_of_the_call(
    world: World, api: CallsApi, line: Line, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    end_before_sending(world, api, PAUSE)
    go_on(monkeypatch, FUNCTION_SECONDS)
    if problem == "superseded":
        assert api.post("/calls/leg-one/actions/record_resume", idempotency_key="k2").status == 202
    else:
        line.event("call.hangup", occurred_at=datetime.now(UTC))
    queued = world.queued_commands
    assert api.post(PAUSE, idempotency_key="k1").problem == problem
    assert (world.queued_commands, world.actions) == (queued, [])


def test_the_time_for_which_a_request_is_under_way_is_the_time_limit_of_its_function(world: World) -> None:
    assert world.template.source["Resources"]["CallsApiFunction"]["Properties"]["Timeout"] == FUNCTION_SECONDS


def test_last_an_unknown_action_and_an_unknown_call_are_refused_and_nothing_is_written(
    world: World, api: CallsApi, line: Line
) -> None:
    before = len(world.items)
    assert api.post("/calls/last/actions/record_pause").problem == "last-refused"
    for name in ("dial", "Command", "command_id", "__init__", "x"):
        assert api.post(f"/calls/leg-one/actions/{name}").problem == "action-unknown"
    assert api.post("/calls/nowhere/actions/hangup").problem == "call-not-found"
    assert (len(world.items), world.sent) == (before, [])


@pytest.mark.parametrize(
    ("action", "body", "pointers"),
    [
        ("speak", {"payload": "Hello."}, ["/voice"]),
        ("speak", {**HELLO, "volume": 11}, ["/volume"]),
        ("speak", {**HELLO, "stop": "later"}, ["/stop"]),
        ("speak", {**HELLO, "on": "v3:another"}, ["/on"]),
        ("record_start", {"channels": "dual", "format": "ogg"}, ["/format"]),
        ("transfer", {"to": "+12025550177", "from_": "+1"}, ["/from_"]),
        ("transfer", {"to": "+12025550177", "target_flow": "nowhere"}, ["/target_flow"]),
        ("transfer", {"to": "+12025550177", "custom_headers": [{"name": 1, "value": "x"}]}, ["/custom_headers/0/name"]),
    ],
)
def test_a_mistake_is_refused_before_the_network_with_a_pointer(
    world: World, api: CallsApi, line: Line, action: str, body: Any, pointers: list[str]
) -> None:
    answer = api.post(f"/calls/leg-one/actions/{action}", body)
    assert (answer.status, answer.problem) == (422, "invalid-parameter")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers
    assert world.sent == []


@pytest.mark.parametrize("content", [b"[]", b"{", b'"x"', b"\xff", b'{"payload": NaN}', b"null"])
def test_a_body_that_is_not_a_json_object_is_400(world: World, api: CallsApi, line: Line, content: bytes) -> None:
    answer = api.request("POST", SPEAK, content=content, headers={"content-type": "application/json"})
    assert (answer.status, answer.problem) == (400, "not-json")
    plain = api.request("POST", SPEAK, content=json.dumps(HELLO).encode(), headers={"content-type": "text/plain"})
    assert plain.problem == "not-json"


@pytest.mark.parametrize(
    ("reply", "status", "problem"),
    [
        (refused(422, "90018"), 409, "call-ended"),
        (refused(422, "90015", "/payload"), 422, "refused"),
        (refused(401, "10009"), 502, "api-key-refused"),
        (refused(429, "10011", **{"retry-after": "70"}), 429, "too-many-requests"),
    ],
)
def test_what_telnyx_refuses_is_answered_by_its_meaning_with_its_code(
    world: World, api: CallsApi, line: Line, reply: httpx.Response, status: int, problem: str
) -> None:
    world.replies = lambda request: reply
    answer = api.post(SPEAK, HELLO, idempotency_key="k1")
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.json()["telnyx_code"] == reply.json()["errors"][0]["code"]
    if problem == "refused":
        assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/payload"]
    if problem == "too-many-requests":
        assert answer.headers["retry-after"] == "70"
        world.replies = lambda request: ok()
        assert api.post(SPEAK, HELLO, idempotency_key="k1").json()["result"] == "accepted"


def test_an_ended_call_takes_no_action_and_telnyx_is_not_asked(world: World, api: CallsApi, line: Line) -> None:
    line.event("call.hangup", occurred_at=datetime.now(UTC))
    world.sent.clear()
    answer = api.post(PAUSE)
    assert (answer.problem, answer.json()["title"]) == ("call-ended", "The call has already ended")
    assert world.sent == []


# Placing calls


def test_a_call_is_placed_for_a_flow_with_routing_and_its_ids_are_answered(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_BASE_URL", "https://voice.example.com")
    start_cold(world)
    ids = {"call_control_id": "v3:new", "call_leg_id": "leg-new", "call_session_id": "session-new"}
    world.replies = lambda request: httpx.Response(200, json={"data": {**ids, "is_alive": False}})
    answer = api.post("/calls", {**DIAL, "flow": "reception"}, idempotency_key="k1")
    assert (answer.status, answer.json()["result"]) == (200, "accepted")
    assert answer.json().items() >= ids.items()
    (sent,) = world.sent
    assert (sent["method"], sent["path"]) == ("POST", "/v2/calls")
    assert sent["body"]["webhook_urls"]["call.answered"] == ["https://voice.example.com/webhooks/call.answered"]
    assert "webhook_retries_policies" in sent["body"]
    assert api.post("/calls", {**DIAL, "flow": "reception"}, idempotency_key="k1").body == answer.body
    assert len(world.sent) == 1


def test_a_dial_without_an_answer_is_never_sent_again(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came", request=request)

    world.replies = hang
    for _ in range(3):
        assert api.post("/calls", DIAL, idempotency_key="k1").problem == "outcome-unknown"
    go_on(monkeypatch, FUNCTION_SECONDS)
    assert api.post("/calls", DIAL, idempotency_key="k1").problem == "outcome-lost"
    assert len({sent["body"]["command_id"] for sent in world.sent}) == 1
    assert world.queued_commands == []


def test_the_limits_of_the_stack_hold_for_a_call_from_outside(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.post("/calls", {**DIAL, "to": "+4930123456"}).problem == "dial-not-allowed"
    monkeypatch.setenv("MAX_LIVE_CALLS", "1")
    start_cold(world)
    assert api.post("/calls", DIAL).status == 200
    assert api.post("/calls", DIAL).problem == "too-many-live-calls"
    assert len(world.sent) == 1


def test_a_call_is_not_placed_for_a_flow_that_does_not_exist(world: World, api: CallsApi) -> None:
    answer = api.post("/calls", {**DIAL, "flow": "nowhere"})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/flow"]
    assert world.nothing_has_changed()
