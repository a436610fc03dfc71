"""`hookline calls --trouble`: each kind of trouble is found, with its reason in words, and nothing else is."""

import time
from typing import Any

import pytest

from hookline.journal import timestamp
from hookline.trouble import ARCHIVE_SECONDS, Code
from hookline_local.cli.trouble_view import SENTENCES
from hookline_local.operations.telnyx_codes import COMMAND_ERRORS
from hookline_local.simulator.api_errors import ERROR_CODES
from tests.support.deployed import Leg, announce, hookline, hookline_json
from tests.support.world import ROUTER, Clock, World, handler, refused, request_of, sample_data


@pytest.fixture(scope="module")
def announced(deployed: World) -> None:
    announce(deployed)


@pytest.fixture
def line(announced: None, world: World) -> World:
    return world


@pytest.fixture
def happen(line: World) -> Leg:
    return Leg()


def trouble() -> list[dict[str, Any]]:
    """The trouble of the one call of today, or of yesterday around midnight; empty without any."""
    found = []
    for day in {timestamp(time.time() - ago)[:10] for ago in (0, 20_000)}:
        found += hookline_json("calls", "--trouble", "--day", day)["calls"]
    assert {each["call_leg_id"] for each in found} <= {Leg.ID}
    return found[0]["trouble"] if found else []


def codes() -> list[str]:
    return [each["code"] for each in trouble()]


def test_a_call_that_went_well_is_not_listed(happen: Leg) -> None:
    happen("call.initiated", ago=40)
    happen("call.answered", ago=35)
    happen("call.hangup", ago=10)
    assert codes() == []
    assert "No trouble on" in hookline("calls", "--trouble").stdout


def test_a_reason_that_is_not_a_text_is_not_shown(happen: Leg) -> None:
    happen("call.answered", ago=20)
    happen("streaming.failed", failure_reason=["not a text"])
    happen("call.recording.error", reason="")
    assert {each["code"]: each["figures"]["reason"] for each in trouble()} == {
        "streaming_failed": None,
        "recording_error": None,
    }


def test_a_refused_command_is_explained_by_telnyx_s_code(line: World, happen: Leg) -> None:
    line.replies = lambda request: refused(422, "90012")
    happen("call.answered")
    found = trouble()
    assert {each["code"] for each in found} == {"command_refused"}
    assert found[0]["sentence"].endswith("90012: the voice is not known to Telnyx; change LineVoice or the flow")
    assert found[0]["sentence"] in " ".join(hookline("calls", "--trouble").stdout.split())


def test_a_refused_key_is_found_while_its_commands_wait(line: World, happen: Leg) -> None:
    line.replies = lambda request: refused(401, "10009")
    happen("call.answered")
    found = trouble()
    assert {each["code"] for each in found} == {"api_key_refused"}
    assert "put a valid one into the secret" in found[0]["sentence"]


def test_commands_that_expire_or_come_late_are_found(line: World, happen: Leg) -> None:
    line.replies = lambda request: refused(401)
    happen("call.answered")
    for item in line.records("COMMAND")["Records"]:
        expired = item["body"].replace('"expires_at":', '"expires_at":1,"was":')
        line.consume("COMMAND", "command_sender", {"Records": [{**item, "body": expired}]})
    assert set(codes()) == {"command_expired"}


def test_a_command_that_the_queue_sends_at_last_is_late(line: World, happen: Leg) -> None:
    line.replies = lambda request: refused(401)
    happen("call.answered")
    request = line.records("COMMAND")
    line.replies = lambda request: refused(200)
    assert line.consume("COMMAND", "command_sender", request) == []
    assert set(codes()) == {"command_late"}


def test_a_webhook_that_was_late_or_too_late_is_found(line: World, happen: Leg) -> None:
    happen("call.initiated", ago=70)
    happen("call.dtmf.received", ago=60, received_after=30, digit="5")
    assert codes() == ["webhook_late"]
    line.empty()
    happen("call.initiated", ago=20)
    happen("call.answered", ago=19)
    data = sample_data("call.hangup")
    data["payload"] |= {"call_leg_id": Leg.ID}
    data |= {"occurred_at": timestamp(time.time() - 900)}
    stale = request_of(data, timestamp=int(time.time()) - 900)
    assert handler(ROUTER)(stale, Clock())["statusCode"] == 401
    assert codes() == ["webhook_stale"]


def test_an_unanswered_call_is_found_with_its_cause(happen: Leg) -> None:
    happen("call.initiated", ago=40, direction="outgoing")
    happen("call.hangup", ago=10, hangup_cause="user_busy")
    (found,) = trouble()
    assert (found["code"], found["figures"]["rang_seconds"]) == ("unanswered", 30.0)
    assert found["sentence"] == "outgoing call, never answered: the line was busy (user_busy)"


def test_a_call_without_a_hang_up_is_found_once_it_must_have_ended(happen: Leg) -> None:
    happen("call.initiated", ago=1000, direction="outgoing")
    assert codes() == []
    happen("call.initiated", ago=16_000, direction="outgoing")
    assert codes() == ["hangup_missing"]


def test_a_recording_is_missed_when_its_link_is_about_to_expire(line: World, happen: Leg) -> None:
    happen("call.recording.saved", ago=ARCHIVE_SECONDS - 60)
    assert codes() == []
    line.empty()
    happen("call.recording.saved", ago=ARCHIVE_SECONDS + 1)
    (found,) = trouble()
    assert found["code"] == "recording_not_archived"
    assert "it was announced and has not been archived" in found["sentence"]


def test_media_that_failed_is_found(happen: Leg) -> None:
    happen("call.answered", ago=20)
    happen("streaming.failed", failure_reason="connection_failed")
    happen("call.recording.error", reason="internal_error")
    assert sorted(codes()) == ["recording_error", "streaming_failed"]


def test_no_more_calls_than_the_limit_are_shown(happen: Leg) -> None:
    happen("streaming.failed")
    happen("call.hangup")
    assert hookline_json("calls", "--trouble", "--limit", "1")["is_cut"] is False
    assert len(hookline_json("calls", "--trouble", "--limit", "1")["calls"]) == 1


def test_every_kind_of_trouble_has_a_sentence_and_every_code_of_telnyx_an_explanation() -> None:
    assert SENTENCES.keys() == set(Code)
    assert ERROR_CODES.keys() <= COMMAND_ERRORS.keys()
