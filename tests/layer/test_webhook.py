"""The way of a webhook: read, decide, tell, remember, answer; through the door that Lambda uses."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from hookline import Call, Command, Event, dial, hangup, playback_start, speak
from hookline.call_report import call_document
from hookline.environment import environment
from hookline.recordings.storage import Bucket
from hookline.routing import ROUTED_EVENTS
from hookline.telnyx import Telnyx
from tests.support.flows import reception
from tests.support.world import (
    ROUTER,
    Clock,
    World,
    deliver,
    handler,
    ok,
    overloaded,
    refused,
    request_of,
    sample,
    sample_data,
    start_cold,
)

OPENING = ["speak", "record_start", "transcription_start"]


@pytest.fixture
def dynamodb_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every DynamoDB request from here on, as boto3 sends it."""
    calls: list[str] = []
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def note(self: Any, operation: str, arguments: Any) -> Any:
        if self.meta.service_model.service_name == "dynamodb" and operation != "Scan":
            calls.append(operation)
        return send(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", note)
    return calls


def breaking(monkeypatch: pytest.MonkeyPatch, service: str, error: Exception) -> None:
    """From here on every request to an AWS service raises this."""
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def refuse(self: Any, operation: str, arguments: Any) -> Any:
        if self.meta.service_model.service_name == service:
            raise error
        return send(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refuse)


def client_error(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutItem")


Deciding = Callable[..., None]


@pytest.fixture
def deciding(monkeypatch: pytest.MonkeyPatch) -> Deciding:
    """Let the flow of the tests answer every event of a type with these commands."""

    def answer_with(event_type: str, *commands: Command) -> None:
        def decide(event: Event, call: Call) -> list[Command]:
            return list(commands)

        monkeypatch.setattr(reception, event_type.replace(".", "_"), decide, raising=False)

    return answer_with


# Deciding and appending


@pytest.mark.parametrize("event_type", ROUTED_EVENTS)
def test_every_event_is_journalled_once_however_often_it_is_delivered(world: World, event_type: str) -> None:
    first = deliver(event_type)
    sent = len(world.sent)
    for _ in range(3):
        again = deliver(event_type)
        assert (again["status"], again["commands"], again["duplicate"]) == (200, [], True)
    assert first["status"] == 200
    assert len(world.sent) == sent
    assert [item["event_type"] for item in world.items] == [event_type]


@pytest.mark.parametrize("event_type", ROUTED_EVENTS)
def test_the_router_decides_as_the_event_s_own_function(world: World, event_type: str) -> None:
    own = deliver(event_type)
    results = list(world.sent)
    world.dynamodb.delete_item(TableName=world.settings["TABLE_NAME"], Key=world.keys()[0])
    world.sent.clear()
    assert deliver(event_type, function=ROUTER) == own
    assert [sent["body"] for sent in world.sent] == [sent["body"] for sent in results]


def test_an_event_without_a_command_costs_one_request_to_dynamodb(world: World, dynamodb_calls: list[str]) -> None:
    for event_type in ("call.hangup", "call.speak.started", "streaming.started", "call.transcription"):
        dynamodb_calls.clear()
        assert deliver(event_type)["commands"] == []
        assert dynamodb_calls == ["PutItem"], event_type


def test_an_event_with_commands_costs_two(world: World, dynamodb_calls: list[str]) -> None:
    assert len(deliver("call.answered")["commands"]) == 3
    assert dynamodb_calls == ["Query", "PutItem"]


def test_an_interim_transcript_is_answered_and_dropped_unless_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, dynamodb_calls: list[str]
) -> None:
    assert deliver("call.transcription.interim", function="call.transcription")["status"] == 200
    assert dynamodb_calls == []
    monkeypatch.setenv("KEEP_INTERIM_TRANSCRIPTS", "on")
    start_cold()
    deliver("call.transcription.interim", function="call.transcription")
    assert [item["sk"].partition("#")[0] for item in world.items] == ["TRANSCRIPT"]


@pytest.mark.parametrize("function", ROUTED_EVENTS)
def test_an_event_on_the_wrong_route_is_handed_on_and_consumed_nowhere(world: World, function: str) -> None:
    other = "call.hangup" if function != "call.hangup" else "call.bridged"
    answer = deliver(other, function=function)
    assert (answer["status"], answer["deferred"]) == (200, "WrongRoute")
    assert (world.items, world.sent) == ([], [])
    (message,) = world.messages("DEFERRED")
    assert json.loads(message["body"])["data"]["id"] == answer["event"]


def test_an_audible_event_on_the_wrong_route_silences_no_one(world: World) -> None:
    assert deliver("call.answered", function="call.hangup")["status"] == 503
    assert (world.items, world.messages("DEFERRED")) == ([], [])
    assert deliver("call.answered")["commands"] == [f"{name}: accepted" for name in OPENING]


def test_an_answer_503_says_why_and_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deliver("call.answered", function="call.hangup")["status"] == 503
    breaking(monkeypatch, "sqs", client_error("InternalError", 500))
    assert deliver("call.recording.saved")["status"] == 503
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = [(line["message"], line["event_type"], line["reason"]) for line in lines if line.get("level") == "ERROR"]
    assert errors == [
        ("wrong route, answering 503", "call.answered", "call.answered came to the route of call.hangup"),
        ("dependency unavailable, answering 503", "call.recording.saved", "SQS answered InternalError"),
    ]
    assert [line["WrongRoute"] for line in lines if "WrongRoute" in line] == [[1.0]]
    assert [line["DependencyUnavailable"] for line in lines if "DependencyUnavailable" in line] == [[1.0]]


def test_an_event_type_that_no_one_has_heard_of_is_journalled(world: World) -> None:
    assert deliver("call.unheard.of", function=ROUTER)["status"] == 200
    assert deliver("call.unheard.of.alone", function=ROUTER)["status"] == 200
    assert sorted(item["pk"].partition("#")[0] for item in world.items) == ["EVENT", "SESSION"]
    assert world.sent == []


def test_the_journal_keeps_the_event_as_it_was_received(world: World) -> None:
    request = request_of(sample_data("call.hangup"))
    handler("call.hangup")(request, Clock())
    (item,) = world.items
    assert item["body"] == request["body"]
    assert item["received_at"].startswith(time.strftime("%Y-%m-%dT", time.gmtime()))
    assert item["day"] == "2026-09-01"
    assert "expires_at" not in item or int(item["expires_at"]) > time.time()


def test_what_was_told_is_journalled_with_the_event(world: World) -> None:
    deliver("call.answered")
    (item,) = world.items
    results = json.loads(item["commands"])
    assert [(one["action"], one["result"], one["status"]) for one in results] == [
        (name, "accepted", 200) for name in OPENING
    ]
    assert [one["command_id"] for one in results] == [sent["body"]["command_id"] for sent in world.sent]


@pytest.mark.parametrize(
    ("name", "key", "given_", "stored"),
    [
        ("call.dtmf.received", "digit", "7", "x"),
        ("call.dtmf.received", "digit", "1", "1"),
        ("call.dtmf.received", "digit", 7, "x"),
        ("call.gather.ended", "digits", "4111111111111111", "x" * 16),
        ("call.gather.ended", "digits", "", ""),
        ("call.gather.ended", "digits", None, None),
    ],
)
def test_keyed_digits_are_blanked_unless_the_line_acts_on_them(
    world: World, name: str, key: str, given_: object, stored: object
) -> None:
    payload: dict[str, Any] = {key: given_}
    deliver(name, **payload)
    assert json.loads(world.items[0]["body"])["data"]["payload"][key] == stored


def test_gathered_digits_are_blanked_whatever_is_decided_on_them(deciding: Deciding, world: World) -> None:
    data = sample_data("call.gather.ended")
    data["payload"]["digits"] = "4111111111111111"
    deciding("call.gather.ended", speak(payload="Thank you", voice="female"))
    assert handler("call.gather.ended")(request_of(data, age=10.0), Clock())["statusCode"] == 200
    assert world.actions == ["speak"]
    assert "41111111" not in json.dumps(world.items)


def test_a_parameter_keeps_the_digits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_DIGITS", "on")
    start_cold()
    deliver("call.gather.ended", digits="4711")
    assert json.loads(world.items[0]["body"])["data"]["payload"]["digits"] == "4711"


def test_nothing_personal_is_ever_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for event_type in ROUTED_EVENTS:
        deliver(event_type, digit="7", digits="47#11")  # no time or id has a #
    deliver("call.transcription", transcription_data={"transcript": "my secret", "is_final": True})
    world.replies = lambda request: refused(422, "10015")
    deliver("call.initiated", call_leg_id="another")
    logged = capsys.readouterr().out
    for secret in (
        "+1202555",
        "47#11",
        '"7"',
        "my secret",
        "KEY-of-a-test",
        "eyJ",
        "Hello",
        "telnyx-signature",
        "amazonaws",
    ):
        assert secret not in logged, secret
    assert len(logged.splitlines()) >= len(ROUTED_EVENTS)


def test_items_expire_when_a_retention_is_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "30")
    start_cold()
    deliver("call.hangup")
    assert abs(int(world.items[0]["expires_at"]) - time.time() - 30 * 86_400) < 60


def test_what_was_said_may_be_answered_and_is_answered_once(deciding: Deciding, world: World) -> None:
    request = request_of(sample_data("call.transcription"), age=10.0)
    deciding("call.transcription", speak(payload="I heard you", voice="female"))
    results = [json.loads(handler("call.transcription")(request, Clock())["body"])["commands"] for _ in range(2)]
    assert results == [["speak: accepted"], []]
    assert world.actions == ["speak"]
    (item,) = world.items
    record = world.journal.read(item["call_leg_id"])
    assert record
    assert [entry.commands[0]["action"] for entry in record.entries] == ["speak"]
    assert [entry.event_type for entry in record.transcript] == ["call.transcription"]


def test_a_body_too_large_for_an_item_lies_in_s3_and_the_item_points_there(world: World) -> None:
    text = "word " * 100_000
    answer = deliver("call.transcription", transcription_data={"transcript": text, "is_final": True})
    assert answer["status"] == 200
    (item,) = world.items
    bucket, _, key = item["body_uri"].removeprefix("s3://").partition("/")
    stored = json.loads(world.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert stored["data"]["payload"]["transcription_data"]["transcript"] == text


# Quarantine


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("v1-body", "webhook_api_version to 2"),
        ("portal-debugger", "portal's debugger"),
        ("json-but-no-event", "without a data object"),
        ("json-but-no-object", "not an object"),
        ("not-json", "not JSON"),
        ("event-without-type", "data.event_type"),
        ("texml-callback", "TeXML"),
        ("call-events-entry", "without a data object"),
    ],
)
def test_a_signed_body_that_cannot_be_read_is_kept_named_and_answered(
    world: World, capsys: pytest.CaptureFixture[str], name: str, cause: str
) -> None:
    request = sample(f"quarantine/{name}")
    for function in (ROUTER, "call.hangup", "call.initiated"):
        capsys.readouterr()
        answer = handler(function)(request, Clock())
        assert answer["statusCode"] == 200
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert cause in lines[0]["reason"]
        assert [line["Quarantined"] for line in lines if "Quarantined" in line] == [[1.0]]
    stored = world.messages("QUARANTINE")
    assert len(stored) == 3
    raw = base64.b64decode(stored[0]["body"])
    assert raw.decode() == request["body"] or base64.b64encode(raw).decode() == request["body"]
    assert "signature" not in json.dumps(stored[0])
    assert cause in stored[0]["reason"]
    assert world.items == []


def test_an_event_without_the_envelope_of_the_voice_api_is_put_down_to_another_product(world: World) -> None:
    assert handler(ROUTER)(request_of(b'{"event_type": "fax.queued", "payload": {}}'), Clock())["statusCode"] == 200
    (message,) = world.messages("QUARANTINE")
    assert "another Telnyx product" in message["reason"]


def test_a_huge_unreadable_body_is_kept_in_s3_and_the_message_points_there(world: World) -> None:
    body = b"x" * 1_000_000
    assert handler(ROUTER)(request_of(body), Clock())["statusCode"] == 200
    (message,) = world.messages("QUARANTINE")
    bucket, _, key = message["body_uri"].removeprefix("s3://").partition("/")
    assert world.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body


@pytest.mark.parametrize("value", [None, "", 0, -1, 1.5, True, [], {}, "x" * 2000, [[]], {"a": {"b": 1}}, "\ud800"])
def test_any_type_in_any_field_that_is_read_is_answered_200(world: World, value: object) -> None:
    fields = (
        "call_control_id call_leg_id call_session_id connection_id client_state direction state from to digit digits "
        "status result reason stream_params transcription_data recording_urls public_recording_urls recording_id "
        "channels format recording_started_at recording_ended_at transcription_text recording_transcription_id"
    ).split()
    for event_type in ROUTED_EVENTS:
        data = sample_data(event_type)
        stored = {key: data["payload"].get(key) for key in ("call_leg_id", "call_control_id", "client_state")}
        wrong = dict.fromkeys(fields, value)
        for number, payload in enumerate((wrong, {**wrong, **stored}, value)):
            request = request_of({**data, "id": f"{event_type}-{number}", "payload": payload})
            assert handler(event_type)(request, Clock())["statusCode"] == 200, (event_type, payload)


# Telling


def test_commands_go_to_the_call_with_its_id_percent_encoded(world: World) -> None:
    deliver("call.initiated", call_control_id="v3:a_b-c/d?e=")
    assert world.sent[0]["path"] == "/v2/calls/v3%3Aa_b-c%2Fd%3Fe%3D/actions/answer"
    assert world.sent[0]["method"] == "POST"
    assert world.sent[0]["authorization"] == "Bearer KEY-of-a-test"


def test_a_redelivery_after_a_crash_repeats_the_same_ids(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as crash:
        breaking_put = environment().journal
        crash.setattr(breaking_put._client, "put_item", _raise(client_error("InternalServerError", 500)))  # noqa: SLF001
        assert deliver("call.answered")["status"] == 503
    first = [sent["body"]["command_id"] for sent in world.sent]
    assert len(first) == 3
    assert deliver("call.answered")["status"] == 200
    assert [sent["body"]["command_id"] for sent in world.sent[3:]] == first
    assert len(set(first)) == 3


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(**_: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("code", ["90018", "90031", "90048", "90054"])
def test_a_command_with_nothing_left_to_do_counts_as_done(world: World, code: str) -> None:
    world.replies = lambda request: refused(422, code)
    assert deliver("call.initiated")["commands"] == [f"answer: {'call_ended' if code == '90018' else 'already_done'}"]
    assert world.queued_commands == []


def test_once_the_call_has_ended_nothing_more_is_said_to_it(world: World) -> None:
    world.replies = lambda request: refused(422, "90018")
    assert deliver("call.answered")["commands"] == [f"{name}: call_ended" for name in OPENING]
    assert world.actions == ["speak"]


@pytest.mark.parametrize("code", ["90034", "90020"])
def test_a_command_that_comes_too_early_waits_in_the_queue_and_so_do_all_behind_it(world: World, code: str) -> None:
    world.replies = lambda request: refused(422, code)
    answer = deliver("call.answered")
    assert (answer["status"], answer["commands"]) == (200, [f"{name}: queued" for name in OPENING])
    assert world.actions == ["speak"]
    queued = world.queued_commands
    assert [message["command"]["action"] for message in queued] == OPENING
    results = json.loads(world.items[0]["commands"])
    assert [message["command_id"] for message in queued] == [one["command_id"] for one in results]
    assert {message["command"]["call_control_id"] for message in queued} == {
        sample_data("call.answered")["payload"]["call_control_id"]
    }
    assert all(0 < message["expires_at"] - time.time() <= 55 for message in queued), "Telnyx remembers an id for 60 s"


def test_a_command_that_only_waits_in_the_queue_is_no_trouble(world: World) -> None:
    world.replies = lambda request: refused(422, "90034")
    assert deliver("call.initiated")["commands"] == ["answer: queued"]
    assert "trouble" not in world.items[0]


def test_the_shortest_delay_is_a_delay(world: World, deciding: Deciding) -> None:
    deciding("call.answered", hangup().after(1), speak(payload="Hello.", voice="female"))
    assert deliver("call.answered")["commands"] == ["hangup: queued", "speak: accepted"]
    assert world.actions == ["speak"]
    delayed, at_once = json.loads(world.items[0]["commands"])
    assert (delayed["status"], delayed["milliseconds"], delayed["delay_seconds"]) == (None, 0, 1)
    assert "delay_seconds" not in at_once


def test_a_refused_command_is_journalled_and_the_next_one_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.replies = lambda request: refused(422, "10032") if request.url.path.endswith("record_start") else ok()
    answer = deliver("call.answered")
    assert answer["commands"] == ["speak: accepted", "record_start: refused", "transcription_start: accepted"]
    assert json.loads(world.items[0]["commands"])[1]["code"] == "10032"
    assert '"CommandRefused":[1.0]' in capsys.readouterr().out.replace(" ", "")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_passing_fault_is_tried_again_with_the_identical_command(world: World, status: int) -> None:
    answers = iter([refused(status), refused(status), ok()])
    world.replies = lambda request: next(answers)
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]
    assert len({json.dumps(sent["body"]) for sent in world.sent}) == 1
    assert len(world.sent) == 3


def test_a_connection_that_breaks_is_tried_again(world: World) -> None:
    broken = iter([httpx.ConnectError("no"), httpx.ReadError("no"), httpx.RemoteProtocolError("no")])

    def reply(request: httpx.Request) -> httpx.Response:
        if error := next(broken, None):
            raise error
        return ok()

    world.replies = reply
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]


@pytest.mark.parametrize(
    ("header", "value"), [("x-ratelimit-reset", "300"), ("x-ratelimit-reset", "{epoch}"), ("retry-after", "300")]
)
def test_a_rate_limit_that_outlasts_the_deadline_goes_to_the_queue_at_once(
    world: World, header: str, value: str
) -> None:
    reset = value.format(epoch=int(time.time()) + 300)
    world.replies = lambda request: refused(429, "10011", **{header: reset})
    slept: list[float] = []
    environment().telnyx._sleep = slept.append  # noqa: SLF001
    assert deliver("call.initiated")["commands"] == ["answer: queued"]
    assert slept == []
    assert len(world.sent) == 1


def test_a_key_that_was_replaced_is_read_again(world: World) -> None:
    deliver("call.initiated")
    secret = world.settings["TELNYX_API_KEY_SECRET_ARN"]
    world.secrets.put_secret_value(SecretId=secret, SecretString="KEY-of-tomorrow")
    world.replies = lambda request: (
        ok() if request.headers["authorization"] == "Bearer KEY-of-tomorrow" else refused(401, "10009")
    )
    assert deliver("call.answered")["commands"] == [f"{name}: accepted" for name in OPENING]


def test_an_api_key_in_the_environment_needs_no_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELNYX_API_KEY", "KEY-of-a-laptop")
    breaking(monkeypatch, "secretsmanager", client_error("AccessDeniedException", 400))
    start_cold(world)
    deliver("call.answered")
    assert {sent["authorization"] for sent in world.sent} == {"Bearer KEY-of-a-laptop"}


@pytest.mark.parametrize("pointer", ["/webhook_urls", "/webhook_retries_policies/call.answered"])
def test_an_answer_refused_for_its_routing_is_said_again_without_it(world: World, pointer: str) -> None:
    blamed = pointer.split("/")[1].encode()
    world.replies = lambda request: refused(422, "90057", pointer) if blamed in request.content else ok()
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]
    first, second = (sent["body"] for sent in world.sent)
    assert pointer.split("/")[1] not in second
    assert {"webhook_urls", "webhook_retries_policies"} - second.keys() == {pointer.split("/")[1]}
    assert second["client_state"] == first["client_state"]
    assert second["command_id"] != first["command_id"]


@pytest.mark.parametrize("code", ["90057", "10015", None])
def test_an_answer_refused_without_a_reason_is_said_again_without_its_routing(world: World, code: str | None) -> None:
    world.replies = lambda request: refused(422, code) if b"webhook_urls" in request.content else ok()
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]
    assert len(world.sent) == 2


def test_an_answer_refused_for_something_else_is_said_once(world: World) -> None:
    world.replies = lambda request: refused(422, "10032", "/client_state")
    assert deliver("call.initiated")["commands"] == ["answer: refused"]
    assert len(world.sent) == 1


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_refusal_that_is_not_about_parameters_is_not_put_down_to_the_routing(world: World, status: int) -> None:
    world.replies = lambda request: refused(status, "10038")
    assert deliver("call.initiated")["commands"] == ["answer: refused"]
    assert len(world.sent) == 1


def test_the_routes_are_below_the_domain_that_the_request_came_in_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sample_data("call.initiated")
    handler(ROUTER)(request_of(data, domain_name="abc.execute-api.eu-central-1.amazonaws.com"), Clock())
    base = "https://abc.execute-api.eu-central-1.amazonaws.com/webhooks"
    assert world.sent[0]["body"]["webhook_urls"] == {name: [f"{base}/{name}"] for name in ROUTED_EVENTS}
    policies = world.sent[0]["body"]["webhook_retries_policies"]
    assert policies["call.answered"]["retries_ms"][0] < 1000
    assert all(len(policy["retries_ms"]) <= 5 and sum(policy["retries_ms"]) <= 60_000 for policy in policies.values())

    monkeypatch.setenv("WEBHOOK_BASE_URL", "https://calls.example.com/v1/")
    start_cold(world)
    deliver("call.initiated", call_leg_id="another")
    assert world.sent[1]["body"]["webhook_urls"]["call.hangup"] == ["https://calls.example.com/v1/webhooks/call.hangup"]

    monkeypatch.setenv("PER_EVENT_ROUTING", "off")
    start_cold(world)
    deliver("call.initiated", call_leg_id="a third")
    assert "webhook_urls" not in world.sent[2]["body"]


def test_a_command_for_a_call_without_a_control_id_uses_the_one_known_from_before(world: World) -> None:
    deliver("call.initiated")
    leg = sample_data("call.initiated")["payload"]
    state = sample_data("call.recording.error")["payload"]["client_state"]
    answer = deliver("call.recording.error.documented", call_leg_id=leg["call_leg_id"], client_state=state)
    assert answer["commands"] == ["record_start: accepted"]
    assert leg["call_control_id"].replace(":", "%3A") in world.sent[-1]["path"]


def test_a_new_call_is_placed_whether_or_not_the_event_has_a_leg_of_its_own(world: World, deciding: Deciding) -> None:
    deciding("call.answered", dial(connection_id="1", from_="+12025550123", to="+12025550147"))
    for control_id in (sample_data("call.answered")["payload"]["call_control_id"], None):
        answer = deliver("call.answered", call_leg_id=f"leg-{control_id}", call_control_id=control_id)
        assert answer["commands"] == ["dial: accepted"]
    assert [sent["path"] for sent in world.sent] == ["/v2/calls"] * 2


def test_a_command_that_no_one_can_be_told_is_journalled_as_refused(world: World) -> None:
    state = sample_data("call.recording.error")["payload"]["client_state"]
    assert deliver("call.recording.error.documented", client_state=state)["commands"] == ["record_start: refused"]
    assert world.sent == []


def test_a_recording_is_queued_for_copying(world: World) -> None:
    assert deliver("call.recording.saved")["status"] == 200
    (message,) = world.messages("RECORDING")
    assert message["recording"]["recording_urls"] == sample_data("call.recording.saved")["payload"]["recording_urls"]
    assert deliver("call.recording.saved")["duplicate"]


def test_a_recording_is_queued_for_copying_without_asking_the_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, "dynamodb", client_error("InternalServerError", 500))
    assert deliver("call.recording.saved")["deferred"] == "JournalUnavailable"
    assert len(world.messages("RECORDING")) == 1


# The deadline


class Time:
    """Stands still, unless a test moves it: no deadline depends on how busy the machine is."""

    def __init__(self) -> None:
        self.began = self.now = time.time()

    def time(self) -> float:
        return self.now

    monotonic = perf_counter = time

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def elapsed(self) -> float:
        return self.now - self.began

    def rules(self, telnyx: Telnyx) -> None:
        """Also over the client, which is built again at every cold start."""
        telnyx._clock, telnyx._sleep = self.time, self.pass_by  # noqa: SLF001

    def hanging(self, request: httpx.Request) -> httpx.Response:
        """As long as it is waited for, nothing comes."""
        self.pass_by(request.extensions["timeout"]["read"])
        raise httpx.ReadTimeout("nothing came", request=request)


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setenv("HOOKLINE_PATIENCE", "1")
    start_cold(world)
    monkeypatch.setattr("hookline.webhook.time", clock)
    monkeypatch.setattr("hookline.dispatch.time", clock)
    monkeypatch.setattr("hookline.deadline.time", clock)
    clock.rules(environment().telnyx)
    return clock


def test_the_webhook_is_answered_in_time_while_telnyx_hangs(world: World, clock: Time) -> None:
    world.replies = clock.hanging
    answer = deliver("call.answered", age=0.0)
    assert 1.0 < clock.elapsed() < 2.0
    assert (answer["status"], answer["commands"]) == (200, [f"{name}: queued" for name in OPENING])
    assert [message["command"]["action"] for message in world.queued_commands] == OPENING
    assert len({sent["body"]["command_id"] for sent in world.sent}) == 1


def test_the_webhook_is_answered_in_time_on_a_day_on_which_aws_is_slow_as_well(
    world: World, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = boto3.Session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    for service in ("dynamodb", "sqs"):
        session.events.register(f"before-call.{service}", lambda **_: clock.pass_by(0.35))
    start_cold(world)
    clock.rules(environment().telnyx)
    world.replies = clock.hanging
    clock.began = clock.now = time.time()
    answer = deliver("call.answered", age=0.0)
    assert 1.0 < clock.elapsed() < 2.0
    assert (answer["status"], answer["commands"]) == (200, [f"{name}: queued" for name in OPENING])


def test_a_cold_start_that_ate_the_deadline_queues_everything_and_says_nothing(world: World, clock: Time) -> None:
    assert deliver("call.answered", age=1.6)["commands"] == [f"{name}: queued" for name in OPENING]
    assert world.sent == []


def test_a_request_that_no_one_waits_for_has_the_function_s_own_time(world: World) -> None:
    assert handler("call.answered")(sample("call.answered"), Clock(9_000))["statusCode"] == 200
    assert world.actions == OPENING


def test_without_time_of_its_own_even_a_sample_is_only_queued(world: World, clock: Time) -> None:
    handler("call.answered")(sample("call.answered"), Clock(900))
    assert world.actions == []
    assert len(world.queued_commands) == 3


def test_a_name_that_is_found_too_late_is_not_said_anything_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is left behind must not say late, perhaps a minute late, what the queue has by then."""
    answered = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        find = socket.getaddrinfo

        def find_slowly(*arguments: Any, **named: Any) -> Any:
            assert answered.wait(60)
            return find(*arguments, **named)

        monkeypatch.setenv("TELNYX_API_BASE_URL", f"http://localhost:{server.getsockname()[1]}/v2")
        start_cold()
        environment().journal  # noqa: B018 - DynamoDB is in this process, but its client looks for a name as well
        monkeypatch.setattr(socket, "getaddrinfo", find_slowly)
        try:
            assert deliver("call.initiated", age=0.0)["commands"] == ["answer: queued"]
        finally:
            answered.set()
        with server.accept()[0] as connection:
            connection.settimeout(60)
            assert connection.recv(1000) == b""  # hung up on without a word


def test_hanging_for_a_while_does_not_hold_up_the_calls_after_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKLINE_PATIENCE", "2")
    start_cold(world)
    over = threading.Event()

    def hang(request: httpx.Request) -> httpx.Response:
        assert over.wait(60)
        return ok()

    world.replies = hang
    for number in range(3):
        assert deliver("call.initiated", age=0.0, call_leg_id=f"{number}")["commands"] == ["answer: queued"]
    world.replies = lambda request: ok()
    assert deliver("call.initiated", call_leg_id="next")["commands"] == ["answer: accepted"]
    over.set()  # those before it have hung until now


def test_a_later_webhook_does_not_overtake_what_waits_in_the_queue(world: World) -> None:
    world.replies = lambda request: refused(422, "90034")
    deliver("call.answered")
    world.replies = lambda request: ok()
    world.sent.clear()
    assert deliver("call.dtmf.received.pound", function="call.dtmf.received")["commands"][0] == "record_stop: queued"
    assert world.sent == []
    assert [message["command"]["action"] for message in world.queued_commands] == [
        *OPENING,
        *("record_stop", "transcription_stop", "speak", "hangup"),
    ]


def test_a_later_webhook_waits_as_long_as_the_last_command_before_it_may(
    world: World, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMAND_MAX_AGE_SECONDS", "1")
    start_cold(world)
    clock.rules(environment().telnyx)
    world.replies = lambda request: refused(503)
    deliver("call.dtmf.received", digit="1")
    world.replies = lambda request: ok()
    world.sent.clear()
    clock.pass_by(1.1)  # record_pause has expired by now, transcription_stop has not
    assert deliver("call.dtmf.received.pound", digit="2")["commands"] == [
        "record_resume: queued",
        "transcription_start: queued",
    ]
    assert world.sent == []


def test_another_leg_s_end_does_not_silence_this_one(
    deciding: Deciding, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [hangup(on="v3:other"), speak(payload="Hello", voice="female")]
    world.replies = lambda request: refused(422, "90018") if "other" in request.url.path else ok()
    request = request_of(sample_data("call.answered"), age=10.0)
    deciding("call.answered", *two)
    answer = handler("call.answered")(request, Clock())
    assert json.loads(answer["body"])["commands"] == ["hangup: call_ended", "speak: accepted"]


def test_an_audio_file_in_a_command_is_told_queued_and_not_journalled(deciding: Deciding, world: World) -> None:
    sound = base64.b64encode(b"x" * 300_000).decode()
    plays = [playback_start(playback_content=sound, audio_type="wav") for _ in range(3)]
    request = request_of(sample_data("call.answered"), age=10.0)
    world.replies = lambda request: refused(422, "90034")
    deciding("call.answered", *plays)
    answer = handler("call.answered")(request, Clock())
    assert json.loads(answer["body"])["commands"] == ["playback_start: queued"] * 3
    assert [message["command"]["params"]["playback_content"] for message in world.queued_commands] == [sound] * 3
    assert json.loads(world.items[0]["commands"])[0]["params"]["playback_content"] == "(400000 characters)"

    huge = [playback_start(playback_content="QUJD" * 300_000, audio_type="wav")]
    request = request_of({**sample_data("call.answered"), "id": "another"}, age=10.0)
    deciding("call.answered", *huge)
    answer = handler("call.answered")(request, Clock())
    assert json.loads(answer["body"])["commands"] == ["playback_start: refused"], (
        "no queue takes it, and no redelivery helps"
    )


@pytest.mark.parametrize("control_id", [".", ".."])
def test_a_control_id_that_is_a_path_is_no_id(world: World, control_id: str) -> None:
    assert deliver("call.initiated", call_control_id=control_id)["commands"] == ["answer: refused"]


def test_a_link_of_a_megabyte_is_no_link(world: World) -> None:
    link = "https://s3.amazonaws.com/" + "x" * 1_100_000
    assert deliver("call.recording.saved", recording_urls={"mp3": link})["status"] == 200
    assert world.messages("RECORDING")[0]["recording"]["recording_urls"] == {}


def test_a_digit_that_stands_there_twice_is_blanked_too(world: World) -> None:
    body = json.dumps({"data": sample_data("call.gather.ended")})
    body = body.replace('"payload": {', '"payload": {"digits": "47#11"}, "payload": {', 1)
    handler("call.gather.ended")(request_of(body.encode()), Clock())
    assert "47#11" not in world.items[0]["body"]


# What is out of reach


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        client_error("ProvisionedThroughputExceededException", 400),
        client_error("InternalServerError", 500),
        client_error("ThrottlingException", 400),
    ],
)
def test_without_the_journal_an_audible_event_is_delivered_again_and_any_other_deferred(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    breaking(monkeypatch, "dynamodb", error)
    assert deliver("call.answered")["status"] == 503
    answer = deliver("call.hangup")
    assert (answer["status"], answer["deferred"]) == (200, "JournalUnavailable")
    assert [json.loads(message["body"])["data"]["id"] for message in world.messages("DEFERRED")] == [answer["event"]]
    assert world.sent == []


def test_without_the_queue_the_answer_is_503_and_nothing_is_journalled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.replies = lambda request: refused(422, "90034")
    with monkeypatch.context() as broken:
        breaking(broken, "sqs", EndpointConnectionError(endpoint_url="x"))
        assert deliver("call.answered")["status"] == 503
        assert handler("call.hangup")(sample("quarantine/not-json"), Clock())["statusCode"] == 503
    assert world.items == []


def test_a_wrong_setting_is_no_passing_fault_and_fails_loudly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, "dynamodb", client_error("AccessDeniedException", 400))
    with pytest.raises(ClientError):
        deliver("call.hangup")


@pytest.mark.parametrize("response", [refused(401, "10009"), refused(403, "10010"), refused(401), refused(403)])
def test_a_refused_api_key_queues_the_commands_and_calls_for_a_person_at_once(
    world: World, capsys: pytest.CaptureFixture[str], response: httpx.Response
) -> None:
    world.replies = lambda request: response
    answer = deliver("call.answered")
    assert (answer["status"], answer["commands"]) == (200, [f"{name}: queued" for name in OPENING])
    assert [queued["command"]["action"] for queued in world.queued_commands] == OPENING
    (item,) = world.items
    assert (item["event_type"], item["trouble"]) == ("call.answered", "api_key_refused")
    out = capsys.readouterr().out
    (line,) = [json.loads(line) for line in out.splitlines() if '"level":"ERROR"' in line]
    assert "put a valid key into its secret" in line["message"]
    assert line["call_leg_id"] == item["call_leg_id"]
    assert '"ApiKeyRefused":[1.0]' in out


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "DecryptionFailure"])
def test_an_unreadable_api_key_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    breaking(monkeypatch, "secretsmanager", client_error(code, 400))
    assert deliver("call.initiated")["commands"] == ["answer: queued"]
    assert [(item["event_type"], item["trouble"]) for item in world.items] == [("call.initiated", "api_key_refused")]
    assert '"ApiKeyRefused":[1.0]' in capsys.readouterr().out
    assert world.sent == []


def test_a_refresh_of_the_api_key_that_fails_leaves_the_old_one_in_use(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("call.initiated")
    environment()._api_key_read_at -= 301  # noqa: SLF001 - five minutes later
    breaking(monkeypatch, "secretsmanager", client_error("InternalServiceError", 500))
    assert deliver("call.answered")["commands"] == [f"{name}: accepted" for name in OPENING]


def test_command_results_too_large_for_an_item_lie_in_s3(deciding: Deciding, world: World) -> None:
    deciding("call.answered", *[speak(payload="x" * 5_000, voice="female")] * 90)
    assert len(deliver("call.answered")["commands"]) == 90
    (item,) = world.items
    assert "commands" not in item
    bucket, _, key = item["commands_uri"].removeprefix("s3://").partition("/")
    assert len(json.loads(world.s3.get_object(Bucket=bucket, Key=key)["Body"].read())) == 90
    record = world.journal.read(item["call_leg_id"])
    assert record
    document = call_document(record, Bucket(world.s3, bucket))
    assert [command["result"] for command in document["events"][0]["commands"]] == ["accepted"] * 90


def test_the_commands_of_a_webhook_are_queued_in_one_message_and_in_order(world: World) -> None:
    world.replies = lambda request: overloaded()
    deliver("call.answered")
    (message,) = world.messages("COMMAND")
    assert [queued["command"]["action"] for queued in message["commands"]] == OPENING


def test_every_retry_of_ours_ends_before_telnyx_forgets_an_id(world: World) -> None:
    deliver("call.initiated")
    policies = world.sent[0]["body"]["webhook_retries_policies"]
    assert policies.keys() == set(ROUTED_EVENTS)
    for policy in policies.values():
        last_begins = sum(policy["retries_ms"]) / 1000 + 2.0 * len(policy["retries_ms"])  # each try may take 2 s
        assert last_begins <= 55


def test_the_retry_policy_is_sent_with_routing_off_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PER_EVENT_ROUTING", "off")
    start_cold(world)
    deliver("call.initiated")
    body = world.sent[0]["body"]
    assert "webhook_urls" not in body
    assert body["webhook_retries_policies"]["call.answered"]["retries_ms"][0] == 250


def test_without_the_secret_the_commands_wait_in_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, "secretsmanager", client_error("InternalServiceError", 500))
    assert deliver("call.initiated", age=0.0)["commands"] == ["answer: queued"]
    assert world.sent == []


@pytest.mark.parametrize("is_queued", [False, True])
def test_the_parameters_of_a_command_that_no_item_holds_are_journalled_by_their_length(
    world: World, deciding: Deciding, is_queued: bool
) -> None:
    headers = [{"name": f"X-{number}", "value": "v" * 1_000} for number in range(500)]
    world.replies = (lambda request: overloaded()) if is_queued else (lambda request: ok())
    deciding("call.answered", speak(payload="Hello.", voice="female"), hangup(custom_headers=headers))
    assert deliver("call.answered")["status"] == 200
    world.replies = lambda request: ok()
    if is_queued:
        assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert world.sent[-1]["body"]["custom_headers"] == headers
    (item,) = [item for item in world.items if "commands" in item]
    assert re.fullmatch(r"\(\d{6} characters\)", json.loads(item["commands"])[1]["params"]["custom_headers"])
    assert len([item for item in world.items if "command_id" in item]) == (2 if is_queued else 0)
