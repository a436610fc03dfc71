"""Limits: who may be called from here, how many calls at once, for how long; and how a refused call is reported."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hookline import Command, answer, dial, speak, transfer
from hookline.client_state import encode_for_flow
from hookline.environment import environment
from hookline.errors import JournalUnavailable
from hookline.journal import Journal
from hookline.limits import Limits
from tests.support.conditions import deciding, requests_to_aws
from tests.support.world import (
    Clock,
    World,
    deliver,
    handler,
    ok,
    overloaded,
    refused,
    request_of,
    sample_data,
    start_cold,
)

NUMBER = "+12025550177"
FLOW = "reception"


def dialled(to: Any = NUMBER, **more: Any) -> Command:
    return dial(connection_id="1", from_="+12025550123", to=to, **more)


def commanded(world: World, *commands: Command, leg: str = "L", event: str = "call.answered") -> list[str]:
    """The results of commands that the flow of the tests decides, on an event that has just occurred."""
    data = sample_data(event)
    data |= {"id": f"event of {leg}", "occurred_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    data["payload"]["call_leg_id"] = leg
    return redelivered(data, *commands)


def redelivered(data: dict[str, Any], *commands: Command) -> list[str]:
    with deciding(**{data["event_type"].replace(".", "_"): list(commands)}):
        answered = handler(data["event_type"])(request_of(data, age=10), Clock())
    assert answered["statusCode"] == 200
    results: list[str] = json.loads(answered["body"])["commands"]
    return results


def set_up(world: World, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    start_cold(world)


def live(world: World) -> list[str]:
    return sorted(item["sk"] for item in world.items if item["pk"] == "LIVE")


def events(world: World) -> list[dict[str, Any]]:
    return [item for item in world.items if item["pk"] != "LIVE"]


# Who may be called


@pytest.mark.parametrize("command", [dialled(), transfer(to=NUMBER), dialled([NUMBER, NUMBER])])
def test_without_a_list_no_one_is_called(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    set_up(world, monkeypatch, DIAL_ALLOW="")
    assert commanded(world, command) == [f"{command.action}: refused"]
    assert world.sent == []
    (item,) = world.items
    assert item["trouble"] == "dial_refused"
    (sent,) = json.loads(item["commands"])
    assert (sent["result"], sent["code"], sent["status"]) == ("refused", "dial_not_allowed", None)
    logged = capsys.readouterr().out
    assert logged.count('"DialRefused":[1.0]') == 1
    assert "CommandRefused" not in logged
    assert NUMBER not in logged


ALLOWED = [
    ("+", NUMBER, True),
    ("+1202", NUMBER, True),
    ("+44,+1202", NUMBER, True),
    ("+1202", "+12025550177,2w#", True),
    ("+1203", NUMBER, False),
    ("+1202", "+442079460000", False),
    ("+1202", "+1876", False),
    ("@", NUMBER, False),
    ("+", "sip:agent@sip.example.com", False),
    ("@sip.example.com", "sip:agent@sip.example.com", True),
    ("@SIP.example.com", "sips:agent@SIP.Example.com:5061;transport=tls", True),
    ("@sip.example.com", "sip:sip.example.com", True),
    ("@", "sip:agent@sip.telnyx.com", True),
    ("@example.com", "sip:agent@sip.example.com", False),
    ("@sip.example.com", "sip:a@evil.example.org?x=@sip.example.com", False),
    ("@sip.example.com", "sip:a@evil.example.org;x=@sip.example.com", False),
    ("@sip.example.com", "sip:sip.example.com;x@evil.example.org", False),
    ("@sip.example.com", "sip:sip.example.com?x@evil.example.org", False),
    ("+,@", "", False),
    ("+,@", "tel:+12025550177", False),
    ("+,@", "12025550177", False),
    ("+,@", "+12025550177\n+44", False),
    ("+,@", "+\uff11\uff12", False),
    ("+1202", ["+12025550177", "+442079460000"], False),
    ("+1202,+44", ["+12025550177", "+442079460000"], True),
]


@pytest.mark.parametrize("listed, to, allowed", ALLOWED)
def test_the_list_holds_beginnings_of_numbers_and_hosts_of_sip_uris(listed: str, to: object, allowed: bool) -> None:
    limits = Limits(allowed=tuple(listed.lower().split(",")))
    assert limits.allow(Command("dial", {"to": to})) is allowed
    assert limits.allow(Command("transfer", {"to": to})) is allowed
    assert limits.allow(Command("refer", {"sip_address": to})) is allowed


def test_what_is_not_allowed_is_refused_in_place_of_a_refused_command_as_well(world: World) -> None:
    world.replies = lambda request: refused(422, "10032")
    hello = speak(payload="Hello.", voice="female")
    assert commanded(world, hello.otherwise(transfer(to="+442079460000").otherwise(dialled()))) == [
        "speak: refused",
        "transfer: refused",
        "dial: refused",
    ]
    assert "transfer" not in world.actions


def test_a_call_that_is_not_allowed_is_not_sent_by_the_command_queue_either(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.replies = lambda request: overloaded()
    assert commanded(world, dialled()) == ["dial: queued"]
    world.replies, world.sent = lambda request: ok(), []
    set_up(world, monkeypatch, DIAL_ALLOW="+44")
    capsys.readouterr()
    assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert world.sent == []
    logged = capsys.readouterr().out
    assert '"DialRefused":[1.0]' in logged
    assert "CommandRefused" not in logged


# How many at once


def test_no_more_calls_are_placed_than_may_be_live(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=2)
    assert commanded(world, dialled(), dialled(), dialled()) == ["dial: accepted", "dial: accepted", "dial: refused"]
    assert commanded(world, transfer(to=NUMBER), leg="M", event="call.initiated") == ["transfer: refused"]
    assert len(world.sent) == len(live(world)) == 2
    codes = [json.loads(item["commands"])[-1]["code"] for item in events(world)]
    assert codes == ["too_many_live_calls"] * 2


def test_none_at_all_may_be_live(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=0)
    assert commanded(world, dialled()) == ["dial: refused"]
    assert (world.sent, live(world)) == ([], [])


@pytest.mark.parametrize("command", [dialled(flow=FLOW), dialled(), transfer(to=NUMBER, target_flow=FLOW)])
def test_a_call_that_has_ended_makes_room_for_another(
    world: World, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=1)
    commanded(world, command)
    body = world.sent[0]["body"]
    state = body.get("target_leg_client_state") or body["client_state"]
    assert commanded(world, command, leg="M") == [f"{command.action}: refused"]
    deliver("call.hangup", call_leg_id="placed", client_state=state)
    assert live(world) == []
    assert commanded(world, command, leg="N") == [f"{command.action}: accepted"]


def test_a_state_that_a_flow_sets_on_a_placed_leg_does_not_lose_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=1)
    commanded(world, dialled(flow=FLOW))
    with deciding(call_answered=speak(payload="Hello.", voice="female", client_state={"step": "whisper"})):
        deliver("call.answered", call_leg_id="placed", client_state=world.sent[0]["body"]["client_state"])
    deliver("call.hangup", call_leg_id="placed", client_state=world.sent[1]["body"]["client_state"])
    assert live(world) == []


def test_the_hang_up_of_any_other_leg_makes_no_room(world: World) -> None:
    commanded(world, dialled())
    with requests_to_aws("DeleteItem") as deleted:
        deliver("call.hangup", call_leg_id="L")
        deliver("call.hangup", call_leg_id="M", client_state=encode_for_flow(FLOW, None))
    assert deleted == []
    assert len(live(world)) == 1


def test_a_redelivered_event_counts_its_call_once(world: World) -> None:
    data = sample_data("call.answered")
    data["occurred_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    redelivered(data, dialled())
    (key,) = (key for key in world.keys() if key["pk"] != {"S": "LIVE"})  # noqa: SIM118  not a dict
    world.dynamodb.delete_item(TableName=world.settings["TABLE_NAME"], Key=key)  # it had died before the append
    redelivered(data, dialled())
    assert len(world.sent) == 2
    assert len(live(world)) == 1


def test_a_call_that_telnyx_refuses_is_not_live(world: World) -> None:
    world.replies = lambda request: refused(422, "10032")
    assert commanded(world, dialled()) == ["dial: refused"]
    assert live(world) == []


def test_a_call_whose_hang_up_was_never_reported_counts_until_it_must_have_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=1, MAX_CALL_SECONDS=60)
    commanded(world, dialled())
    (key,) = live(world)
    journal, at = environment().journal, datetime.fromisoformat(key.partition("#")[0]).timestamp()
    assert journal.count_placed("9", at=at + 659, longest_seconds=660, most=5) == 2
    assert journal.count_placed("9", at=at + 661, longest_seconds=660, most=5) == 1


def test_counting_reads_no_more_than_the_limit_and_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(world, monkeypatch, MAX_LIVE_CALLS=3)
    with requests_to_aws("Query", "Scan") as read:
        commanded(world, dialled())
    (counted,) = [request for request in read if request["ExpressionAttributeValues"][":p"] == {"S": "LIVE"}]
    assert (counted["Limit"], counted["Select"]) == (4, "COUNT")


def test_a_webhook_that_places_no_call_counts_none(world: World) -> None:
    with requests_to_aws("PutItem", "Query", "DeleteItem") as made:
        commanded(world, speak(payload="Hello.", voice="female"))
    assert len(made) == 2


def test_a_call_that_cannot_be_counted_waits_in_the_queue(world: World) -> None:
    def away(*_: object, **__: object) -> int:
        raise JournalUnavailable("DynamoDB: throttled")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "count_placed", away)
        assert commanded(world, dialled()) == ["dial: queued"]
    assert world.sent == []
    assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert len(world.sent) == len(live(world)) == 1


# For how long


@pytest.mark.parametrize("given, sent", [(None, 600), (7200, 600), (300, 300)])
def test_a_call_ends_after_the_shorter_of_the_two_limits(
    world: World, monkeypatch: pytest.MonkeyPatch, given: int | None, sent: int
) -> None:
    set_up(world, monkeypatch, MAX_CALL_SECONDS=600)
    commanded(world, dialled(time_limit_secs=given), transfer(to=NUMBER, time_limit_secs=given))
    assert [body["body"]["time_limit_secs"] for body in world.sent] == [sent, sent]


def test_the_limit_of_telnyx_is_not_repeated(world: World) -> None:
    commanded(world, dialled(), transfer(to=NUMBER), answer())
    assert not any("time_limit_secs" in sent["body"] for sent in world.sent)


def test_the_time_limit_holds_for_a_call_that_was_queued(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(world, monkeypatch, MAX_CALL_SECONDS=600)
    world.replies = lambda request: overloaded()
    commanded(world, dialled())
    world.replies, world.sent = lambda request: ok(), []
    assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert world.sent[0]["body"]["time_limit_secs"] == 600
