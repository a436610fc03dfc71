"""Pipes and rules on a laptop: which events match, and what a pipe makes of a record."""

import asyncio
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from hookline_local.emulator.event_bus import EventBus, rules_of
from hookline_local.emulator.event_patterns import check_pattern, matches
from hookline_local.emulator.pipe import Pipe, pipes_of
from hookline_local.emulator.template import UnsupportedTemplate, load_template
from tests.support.world import A_PUBLIC_KEY, PROJECT

GIVEN = {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": "KEY0", "PublishEvents": "on"}
EVENT = {"source": "hookline", "detail": {"flow": "menu", "tags": ["a", "b"], "count": 3, "empty": None}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["hookline"]}, True),
        ({"source": ["other", "hookline"]}, True),
        ({"source": ["other"]}, False),
        ({"detail": {"flow": ["menu"]}, "source": ["other"]}, False),
        ({"detail": {"tags": ["b"]}}, True),
        ({"detail": {"count": [3]}}, True),
        ({"detail": {"count": ["3"]}}, False),
        ({"detail": {"flow": [{"exists": True}]}}, True),
        ({"detail": {"gone": [{"exists": False}]}}, True),
        ({"gone": {"deep": [{"exists": True}]}}, False),
        ({"detail": {"flow": [{"prefix": "me"}]}}, True),
        ({"detail": {"flow": [{"suffix": "me"}]}}, False),
        ({"detail": {"flow": [{"anything-but": "menu"}]}}, False),
        ({"detail": {"flow": [{"anything-but": ["notice", "forward"]}]}}, True),
        ({"detail": {"flow": [{"anything-but": {"prefix": "me"}}]}}, False),
        ({"detail": {"gone": [{"anything-but": "x"}]}}, False),
    ],
)
def test_a_pattern_matches_as_on_aws(pattern: dict[str, Any], expected: bool) -> None:
    check_pattern(pattern)
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        ["hookline"],
        {"source": "hookline"},
        {"$or": [{"source": ["a"]}]},
        {"count": [{"numeric": [">", 1]}]},
        {"flow": [{"anything-but": {"wildcard": "a*"}}]},
    ],
)
def test_a_pattern_that_is_not_understood_is_refused(pattern: Any) -> None:
    with pytest.raises(UnsupportedTemplate):
        check_pattern(pattern)


@pytest.mark.parametrize("alternative", [{"anything-but": {"prefix": "STALE#"}}, {"suffix": ".png"}])
def test_a_pattern_that_a_rule_takes_and_a_pipe_does_not_is_refused_for_a_pipe(alternative: dict[str, Any]) -> None:
    check_pattern({"sk": [alternative]})
    with pytest.raises(UnsupportedTemplate):
        check_pattern({"deep": {"sk": [alternative]}}, of_pipe=True)


@pytest.fixture(scope="module")
def pipe() -> Pipe:
    (found,) = pipes_of(load_template(PROJECT / "template.yaml", GIVEN))
    return found


def record(name: str = "INSERT", **image: str) -> dict[str, Any]:
    return {"eventName": name, "dynamodb": {"NewImage": {key: {"S": value} for key, value in image.items()}}}


def test_the_pipe_publishes_an_event_with_its_body_as_text(pipe: Pipe) -> None:
    body = '{"data": {"text": "a \\"quoted\\" word\\n\\u00e9"}}'
    event = pipe.event_of(record(sk="EVENT#1#e", event_type="call.hangup", event_id="e", body=body))
    assert event is not None
    source, detail_type, detail = event
    assert (source, detail_type, detail["event_id"]) == ("hookline", "call.hangup", "e")
    assert (detail["body"], detail["body_uri"]) == (body, "")


@pytest.mark.parametrize("key", ["CALL#1#e", "EVENT#1#e", "KEY#1#e", "TRANSCRIPT#1#e", "SUMMARY"])
def test_the_pipe_publishes_every_kind_of_event(key: str, pipe: Pipe) -> None:
    assert pipe.event_of(record(sk=key, event_type="call.hangup", event_id="e", body="{}")) is not None


@pytest.mark.parametrize(
    "dropped",
    [
        record(sk="EVENT#1#e#RESULT#c", command_id="c"),
        record(sk="CALL_FACTS#e", attributes="{}"),
        record(sk="RECORDING#a.mp3", attributes="{}"),
        record(pk="LIVE", sk="2026"),
        record(sk="STALE#2026#e", event_type="call.hangup"),
        record("REMOVE", sk="EVENT#1#e", event_type="call.hangup"),
        record("MODIFY", sk="EVENT#1#e", event_type="call.hangup"),
    ],
)
def test_the_pipe_drops_what_is_no_new_event(pipe: Pipe, dropped: dict[str, Any]) -> None:
    assert pipe.event_of(dropped) is None


def fragment(folder: Path, resources: dict[str, Any]) -> Path:
    path = folder / "template.yaml"
    path.write_text(json.dumps({"Resources": {"Bus": {"Type": "AWS::Events::EventBus"}, **resources}}))
    return path


@pytest.mark.parametrize(
    "target", [{"Arn": "arn:aws:sns:us-east-1:123456789012:topic"}, {"Arn": {"Fn::GetAtt": "Q.Arn"}, "InputPath": "$"}]
)
def test_a_target_that_is_not_emulated_is_refused(target: dict[str, Any], tmp_path: Path) -> None:
    rule = {"EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "t", **target}]}
    resources = {"Q": {"Type": "AWS::SQS::Queue"}, "Rule": {"Type": "AWS::Events::Rule", "Properties": rule}}
    with pytest.raises(UnsupportedTemplate):
        rules_of(load_template(fragment(tmp_path, resources)), "Bus")


@mock_aws
@pytest.mark.parametrize("has_dead_letters", [True, False])
def test_what_a_queue_that_is_gone_was_to_get_is_a_dead_letter_or_dropped(
    has_dead_letters: bool, tmp_path: Path
) -> None:
    dead_letters = {"DeadLetterConfig": {"Arn": {"Fn::GetAtt": "Dead.Arn"}}} if has_dead_letters else {}
    targets = [{"Id": "t", "Arn": {"Fn::GetAtt": "Gone.Arn"}, **dead_letters}]
    rule = {"EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["a"]}, "Targets": targets}
    queues = {name: {"Type": "AWS::SQS::Queue"} for name in ("Gone", "Dead")}
    resources = {**queues, "Rule": {"Type": "AWS::Events::Rule", "Properties": rule}}
    template = load_template(fragment(tmp_path, resources))
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=template.physical_id("Dead").rpartition("/")[2])["QueueUrl"]
    rules = rules_of(template, "Bus")
    bus = EventBus(rules, sqs=sqs, submit=lambda *_: "", region="us-east-1", account="123456789012")
    asyncio.run(bus.publish("a", "call.hangup", {"event_id": "e"}))
    found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    assert [json.loads(message["Body"])["detail"] for message in found] == [{"event_id": "e"}] * has_dead_letters
    codes = [message["MessageAttributes"]["ERROR_CODE"]["StringValue"] for message in found]
    assert codes == ["NO_RESOURCE"] * has_dead_letters


def test_a_pipe_of_another_kind_is_refused(tmp_path: Path) -> None:
    pipe = {"Source": "arn", "Target": "arn", "SourceParameters": {"SqsQueueParameters": {}}}
    with pytest.raises(UnsupportedTemplate):
        pipes_of(load_template(fragment(tmp_path, {"P": {"Type": "AWS::Pipes::Pipe", "Properties": pipe}})))
