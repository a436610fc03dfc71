"""Legs that a flow places with dial and transfer: which flow decides on them, and how their events come here."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from hookline import Command, answer, bridge, dial, hangup, speak, transfer
from hookline.client_state import encode, encode_for_flow
from hookline.journal import Entry
from hookline.routing import ROUTED_EVENTS
from tests.support.conditions import deciding, requests_to_aws
from tests.support.world import World, deliver, ok, overloaded, refused, sample_data

AGENT = "+12025550177"
STATE = {"step": "whisper", "caller": "v3:caller"}


def dialled(**more: Any) -> Command:
    return dial(connection_id="1", from_="+12025550123", to=AGENT, **more)


def inside(client_state: object) -> Any:
    """The name and the value in a client_state of ours, without the key of a placed leg."""
    assert isinstance(client_state, str)
    found = json.loads(base64.b64decode(client_state))
    found.pop("placed", None)
    return found


def commanded(world: World, command: Command, event: str = "call.answered", **payload: Any) -> dict[str, Any]:
    """The body that Telnyx is sent when the flow of the tests decides this."""
    with deciding(**{event.replace(".", "_"): command}):
        assert deliver(event, **payload)["status"] == 200
    body: dict[str, Any] = world.sent[-1]["body"]
    return body


def only_entry(world: World, leg: str) -> Entry:
    record = world.journal.read(leg)
    assert record is not None
    (found,) = record.entries
    return found


def test_a_dialled_leg_carries_the_name_of_its_flow_beside_its_own_state(world: World) -> None:
    body = commanded(world, dialled(flow="reception", client_state=STATE))
    assert inside(body["client_state"]) == {"flow": "reception", "state": STATE}
    assert "flow" not in body


def test_a_dialled_leg_without_a_state_still_carries_the_name_of_its_flow(world: World) -> None:
    assert inside(commanded(world, dialled(flow="reception"))["client_state"]) == {"flow": "reception", "state": None}


def test_a_transfer_gives_each_leg_its_own_flow_and_state(world: World) -> None:
    both = transfer(to=AGENT, target_flow="reception", target_leg_client_state=STATE, client_state={"step": "waiting"})
    body = commanded(world, both)
    assert inside(body["target_leg_client_state"]) == {"flow": "reception", "state": STATE}
    assert inside(body["client_state"]) == {"flow": "reception", "state": {"step": "waiting"}}
    assert "target_flow" not in body


def test_a_transfer_leaves_the_state_of_its_own_leg_alone(world: World) -> None:
    assert "client_state" not in commanded(world, transfer(to=AGENT, target_flow="reception"))


@pytest.mark.parametrize(
    "command, name",
    [
        (dialled(), "client_state"),
        (dialled(link_to="v3:caller"), "client_state"),
        (transfer(to=AGENT), "target_leg_client_state"),
    ],
)
def test_a_leg_that_is_placed_without_a_flow_says_so(world: World, command: Command, name: str) -> None:
    assert inside(commanded(world, command)[name]) == {"flow": "", "state": None}


@pytest.mark.parametrize(
    "command, name",
    [
        (dialled(client_state={"flow": "reception", "state": 1}), "client_state"),
        (
            transfer(to=AGENT, target_leg_client_state={"flow": "reception", "state": 1}),
            "target_leg_client_state",
        ),
    ],
)
def test_the_far_end_of_a_plain_transfer_is_journalled_and_decided_by_no_one(
    world: World, command: Command, name: str
) -> None:
    state = commanded(world, command)[name]
    world.sent.clear()
    for event in ("call.initiated", "call.answered", "call.bridged", "call.dtmf.received", "call.hangup"):
        with requests_to_aws("PutItem", "Query", "GetItem") as requests:
            far = {"call_leg_id": f"far-{event}", "direction": "outgoing", "client_state": state}
            assert deliver(event, **far)["commands"] == []
        assert len(requests) == 1  # nothing is looked up for it
        found = only_entry(world, f"far-{event}")
        assert (found.flow, found.error) == (None, None)
    assert world.sent == []


def test_the_flow_of_a_placed_leg_decides_on_its_events(world: World) -> None:
    state = commanded(world, dialled(flow="reception", client_state={"step": "answer"}))["client_state"]
    assert deliver("call.answered", call_leg_id="placed", client_state=state)["commands"] == [
        "speak: accepted",
        "record_start: accepted",
        "transcription_start: accepted",
    ]
    assert only_entry(world, "placed").flow == "reception"


@pytest.mark.parametrize("command", [dialled(flow="reception"), transfer(to=AGENT, target_flow="reception")])
def test_the_events_of_a_placed_leg_are_routed_and_retried_like_those_of_an_answered_one(
    world: World, command: Command
) -> None:
    placed, answered = commanded(world, command), commanded(world, answer(), "call.initiated")
    for name in ("webhook_urls", "webhook_retries_policies"):
        assert placed[name] == answered[name]
        assert placed[name].keys() == set(ROUTED_EVENTS)


def test_a_leg_that_is_placed_in_place_of_a_refused_command_is_routed_as_well(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if "transfer" in request.url.path else ok()
    body = commanded(world, transfer(to=AGENT).otherwise(dialled(flow="reception", client_state=STATE)))
    assert inside(body["client_state"]) == {"flow": "reception", "state": STATE}
    assert body["webhook_urls"].keys() == set(ROUTED_EVENTS)


@pytest.mark.parametrize("is_queued", [False, True])
def test_what_is_sent_in_place_of_a_refused_dial_commands_the_leg_of_the_event(world: World, is_queued: bool) -> None:
    dial_answer = overloaded() if is_queued else refused(422, "10032")
    world.replies = lambda request: dial_answer if request.url.path.endswith("/calls") else refused(422, "90012")
    leg = sample_data("call.answered")["payload"]["call_control_id"]
    sorry = speak(payload="Sorry.", voice="female", service_level="basic").otherwise(hangup())
    commanded(world, dialled().otherwise(sorry))
    if is_queued:
        dial_answer = refused(422, "10032")
        assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert [sent["path"] for sent in world.sent[-2:]] == [
        f"/v2/calls/{quote(leg, safe='')}/actions/speak",
        f"/v2/calls/{quote(leg, safe='')}/actions/hangup",
    ]


def test_a_placed_leg_keeps_its_state_when_the_event_is_late(world: World) -> None:
    newer = speak(payload="Hello.", voice="AWS.Polly.Joanna-Neural", client_state={"step": "newer"})
    commanded(world, newer, "call.speak.ended")
    leg = sample_data("call.speak.ended")["payload"]["call_leg_id"]
    body = commanded(world, dialled(flow="reception", client_state=STATE), "call.initiated", call_leg_id=leg)
    assert inside(body["client_state"]) == {"flow": "reception", "state": STATE}


def test_a_placed_leg_that_has_to_wait_in_the_queue_keeps_its_flow(world: World) -> None:
    world.replies = lambda request: overloaded()
    commanded(world, dialled(flow="reception", client_state=STATE))
    (queued,) = world.queued_commands
    assert inside(queued["command"]["params"]["client_state"]) == {"flow": "reception", "state": STATE}


@pytest.mark.parametrize(
    "command",
    [
        dialled(flow="agnet"),
        transfer(to=AGENT, target_flow="agnet"),
        speak(payload="Hello.", voice="female").otherwise(dialled(flow="agnet")),
    ],
)
def test_no_leg_is_placed_for_a_flow_that_does_not_exist(world: World, command: Command) -> None:
    with deciding(call_answered=command):
        assert deliver("call.answered")["commands"] == ["speak: accepted", "hangup: queued"]
    assert world.actions == ["speak"]
    (item,) = world.items
    assert "'agnet', which does not exist" in item["error"]


@pytest.mark.parametrize("flow", ["", "two words", "a.b", "../x", 7, ["reception"]])
def test_the_flow_of_a_placed_leg_is_the_name_of_a_module(flow: Any) -> None:
    with pytest.raises(ValueError, match="dial: flow must be the name of a flow"):
        dialled(flow=flow)
    with pytest.raises(ValueError, match="transfer: target_flow must be the name of a flow"):
        transfer(to=AGENT, target_flow=flow)


def test_two_placed_legs_of_different_flows_are_different_commands() -> None:
    assert dialled(flow="sales") != dialled(flow="support")
    assert "sales" in repr(dialled(flow="sales"))


def test_a_bridge_to_a_leg_that_has_ended_is_replaced(world: World) -> None:
    ended = {"bridge": refused(422, "90018")}
    world.replies = lambda request: ended.get(request.url.path.rsplit("/", 1)[-1], ok())
    with deciding(call_answered=bridge(call_control_id="v3:caller").otherwise(hangup())):
        assert deliver("call.answered")["commands"] == ["bridge: call_ended", "hangup: accepted"]


FOREIGN = [
    {"flow": "checkout"},
    {"flow": "checkout", "step": 3},
    {"flow": "checkout", "state": 1, "version": 2},
    {"flow": 7, "state": None},
    {"flow": None, "state": None},
    {"state": {"step": "answer"}},
    [{"flow": "reception", "state": None}],
    "reception",
]


@pytest.mark.parametrize("state", FOREIGN)
def test_the_client_state_of_another_application_names_no_flow(world: World, state: object) -> None:
    answered = deliver("call.answered", client_state=encode(state))
    assert (answered["status"], answered["commands"]) == (200, [])
    assert world.sent == []


def test_an_incoming_call_that_already_carries_a_foreign_state_runs_the_flow_of_its_number(world: World) -> None:
    assert deliver("call.initiated", client_state=encode({"flow": "checkout"}))["commands"] == ["answer: accepted"]


def test_a_leg_of_no_flow_is_not_taken_over_by_its_number(world: World) -> None:
    state = encode_for_flow("", None)
    outgoing = deliver("call.initiated", direction="outgoing", client_state=state)
    assert outgoing["commands"] == []
