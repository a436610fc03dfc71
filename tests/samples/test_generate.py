"""The sample events: made by the script, signed, of the right shape, and understood by Telnyx's own SDK."""

import base64
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pydantic import BaseModel
from telnyx import Telnyx
from telnyx.types.unwrap_webhook_event import UnwrapWebhookEvent

from hookline.client_state import decode_for_flow
from hookline.errors import Unreadable
from hookline.events import parse_event
from hookline.routing import ROUTED_EVENTS
from hookline.signature import DEVELOPMENT_PUBLIC_KEY
from hookline_local.base import signing
from hookline_local.samples import generate as sample_events

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))}
QUARANTINED = {path.stem: json.loads(path.read_text()) for path in sorted(EVENTS.glob("quarantine/*.json"))}

UNKNOWN_TO_THE_SDK = {"call.unheard.of"}

SEEN = "seen in captures, not in schema"
DOCUMENTED = "in the documentation, not in schema"
BEYOND_THE_SCHEMA = {
    "call.initiated": {"calling_party_type": SEEN, "flow_destination": SEEN},
    "call.answered": {"calling_party_type": SEEN, "flow_destination": SEEN, "codec": SEEN, "sampling_rate": SEEN},
    "call.bridged": {"calling_party_type": SEEN, "start_time": SEEN},
    "call.hangup": {"calling_party_type": SEEN, "end_time": SEEN, "telnyx_error": SEEN},
    "call.speak.started": {"calling_party_type": SEEN, "speak_id": SEEN},
    "call.speak.ended": {"calling_party_type": SEEN, "speak_id": SEEN},
    "call.recording.saved": {
        "call_control_id": SEEN,
        "recording_id": SEEN,
        "format": SEEN,
        "start_time": SEEN,
        "end_time": SEEN,
    },
    "call.recording.error": {"result": DOCUMENTED},
    "call.gather.ended": {"gather_id": DOCUMENTED},
    "streaming.failed": {"stream_params.stream_track": DOCUMENTED},
}

every_sample = pytest.mark.parametrize("name", SAMPLES)
every_request = pytest.mark.parametrize(
    "request_", [*SAMPLES.values(), *QUARANTINED.values()], ids=[*SAMPLES, *QUARANTINED]
)


def raw(request: Mapping[str, Any]) -> bytes:
    """The bytes that were signed, decoded here on its own and not by the code under test."""
    return base64.b64decode(request["body"]) if request["isBase64Encoded"] else request["body"].encode()


def event(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(raw(SAMPLES[name]))
    return read


def type_of(name: str) -> str:
    kind: str = event(name)["data"]["event_type"]
    return kind


def compact(body: bytes) -> bytes:
    """The same JSON without blanks and escapes that need not be, which is how Telnyx writes it; other bodies as is."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        return body


def model(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model in an annotation such as Optional[List[Model]], if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model, get_args(annotation))), None)


def field_model(owner: type[BaseModel], field: str) -> type[BaseModel]:
    """The model of a field that is known to be one, such as `data` of an event or `payload` of a `data`."""
    found = model(owner.model_fields[field].annotation)
    assert found is not None
    return found


def sdk_classes() -> dict[str, type[BaseModel]]:
    """The SDK's class of each event type that it knows: those whose data.event_type is that literal."""
    classes: dict[str, type[BaseModel]] = {}
    for member in get_args(UnwrapWebhookEvent):
        data = model(member.model_fields["data"].annotation) if "data" in member.model_fields else None
        kind = data.model_fields.get("event_type") if data else None
        for literal in get_args(kind.annotation) if kind else ():
            classes |= dict.fromkeys(get_args(literal), member)
    return classes


SDK_CLASSES = sdk_classes()


def unwrap(request: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, *, seconds_later: int = 0) -> Any:
    """The SDK's reading of a request, at the time that it was signed (or some seconds later)."""
    client = Telnyx(api_key="x", public_key=DEVELOPMENT_PUBLIC_KEY)
    with monkeypatch.context() as patched:
        now = int(request["headers"]["telnyx-timestamp"]) + seconds_later
        patched.setattr(time, "time", lambda: float(now))
        return client.webhooks.unwrap(raw(request).decode(), headers=request["headers"])


def unknown_keys(payload: Mapping[str, Any], known: type[BaseModel], path: str = "") -> Iterator[str]:
    """The dotted names of the keys that the SDK's model does not declare, however deep."""
    fields = {field.alias or name: field.annotation for name, field in known.model_fields.items()}
    for key, value in payload.items():
        if key not in fields:
            yield path + key
            continue
        inner = model(fields[key])
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and inner:
                yield from unknown_keys(item, inner, f"{path}{key}.")


# How they are made


def test_the_files_are_what_the_script_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert sample_events.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_check_names_a_changed_a_missing_and_an_unexplained_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events"
    shutil.copytree(EVENTS, events)
    changed, missing, unexplained = (events / f"{name}.json" for name in ("call.answered", "call.hangup", "call.mine"))
    changed.write_text(changed.read_text().replace("POST", "PUT"))
    missing.unlink()
    unexplained.write_text("{}")
    (events / "quarantine" / "not-json.json").write_text("{}")

    assert sample_events.main(["--check", "--events", str(events)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "events/call.answered.json",
        "events/call.hangup.json",
        "events/call.mine.json",
        "events/quarantine/not-json.json",
    ]


def test_making_them_again_from_the_bodies_alone_gives_the_same_bytes(tmp_path: Path) -> None:
    events = tmp_path / "events"
    shutil.copytree(EVENTS / "bodies", events / "bodies")
    assert sample_events.main(["--events", str(events)]) == 0
    made = {path.relative_to(events): path.read_bytes() for path in events.rglob("*") if path.is_file()}
    assert made == {
        path.relative_to(EVENTS): path.read_bytes()
        for path in EVENTS.rglob("*")
        if path.is_file() and path.name != "README.md"
    }


def test_a_name_without_a_value_is_refused_with_the_body_that_has_it(tmp_path: Path) -> None:
    bodies = tmp_path / "events" / "bodies"
    bodies.mkdir(parents=True)
    (bodies / "call.mine.json").write_text('{"data": {"payload": {"call_leg_id": "${call_legid}"}}}')
    with pytest.raises(ValueError, match=r"bodies/call\.mine: unknown name \$\{call_legid\}"):
        sample_events.main(["--events", str(bodies.parent)])


def test_the_readme_lists_every_variant_and_nothing_else() -> None:
    table = (EVENTS / "README.md").read_text().split("**Variants**")[1].split("**`quarantine/`**")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`([^`]*)`", row)]
    assert sorted(listed) == sorted(name for name in SAMPLES if type_of(name) != name)


# What is in them


def test_every_event_with_a_function_has_a_sample_of_its_name() -> None:
    assert len(ROUTED_EVENTS) == 20
    assert [kind for kind in ROUTED_EVENTS if kind not in SAMPLES or type_of(kind) != kind] == []


@every_sample
def test_a_sample_is_named_after_its_event_type_and_sent_to_its_route(name: str) -> None:
    kind = type_of(name)
    assert name == kind or name.startswith(f"{kind}.")
    own_route = kind in ROUTED_EVENTS and kind != "call.initiated"
    path = f"/webhooks/{kind}" if own_route else "/webhooks"
    assert SAMPLES[name]["rawPath"] == path
    assert event(name)["meta"] == {
        "attempt": 2 if name.endswith(".redelivered") else 1,
        "delivered_to": f"https://hookline.example.com{path}",
    }


def test_no_two_samples_are_the_same_event_but_a_redelivery() -> None:
    ids = [event(name)["data"]["id"] for name in SAMPLES if name != "call.answered.redelivered"]
    assert len(ids) == len(set(ids))
    first, second = event("call.answered"), event("call.answered.redelivered")
    assert first["data"] == second["data"]
    assert raw(SAMPLES["call.answered"]) != raw(SAMPLES["call.answered.redelivered"])


def test_all_samples_are_of_the_same_few_calls() -> None:
    legs: dict[str, set[tuple[str, str, str]]] = {}
    for name in SAMPLES:
        payload = event(name)["data"]["payload"]
        for key in ("call_control_id", "call_leg_id", "call_session_id", "connection_id"):
            if key in payload:
                legs.setdefault(key, set()).add(payload[key])
    counted = {key: len(values) for key, values in legs.items()}
    assert counted == {"call_control_id": 3, "call_leg_id": 3, "call_session_id": 2, "connection_id": 1}


def test_the_call_happens_in_a_believable_order() -> None:
    story = [
        "call.initiated",
        "call.answered",
        "call.speak.started",
        "streaming.failed",
        "streaming.started",
        "call.speak.ended",
        "call.playback.started",
        "call.playback.ended",
        "call.transcription.interim",
        "call.transcription",
        "streaming.stopped",
        "call.fork.started",
        "call.dtmf.received",
        "call.dtmf.received.2",
        "call.dtmf.received.star",
        "call.enqueued",
        "call.dequeued",
        "call.gather.ended",
        "call.bridged",
        "call.dtmf.received.pound",
        "call.fork.stopped",
        "call.speak.started.goodbye",
        "call.recording.saved",
        "call.speak.ended.goodbye",
        "call.hangup",
        "call.recording.transcription.saved",
        "call.cost",
    ]
    times = [event(name)["data"]["occurred_at"] for name in story]
    assert times == sorted(set(times))
    assert all(re.fullmatch(r"2026-09-01T14:0\d:\d\d\.\d{6}Z", time) for time in times)


@every_request
def test_everything_in_it_is_made_up(request_: dict[str, Any]) -> None:
    text = raw(request_).decode()
    numbers = re.findall(r"(?:\+|%2B)1?\d{10}", text)
    assert all(re.fullmatch(r"(?:\+|%2B)120255501\d\d", number) for number in numbers)
    hosts = set(re.findall(r"(?:https?|wss?)://([^/\"]+)", text))
    assert hosts <= {"hookline.example.com", "media.example.com", "s3.amazonaws.com"}
    assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{12,}", text)


def test_the_client_states_are_what_the_flow_sends_or_deliberately_not() -> None:
    other: dict[str, object] = {}
    for name in SAMPLES:
        text = event(name)["data"]["payload"].get("client_state", "absent")
        flow, state, _ = decode_for_flow(text)
        if flow != "reception" or state not in sample_events.CLIENT_STATES.values():
            other[name] = text
    foreign = {name: text for name, text in other.items() if text not in (None, "absent", "")}
    assert set(foreign) == {
        "call.speak.ended.client-state-foreign-bytes",
        "call.speak.ended.client-state-foreign-json",
        "call.speak.ended.client-state-foreign-text",
    }
    assert all(base64.b64decode(str(text), validate=True) for text in foreign.values())
    payloads = {name: event(name)["data"]["payload"] for name in SAMPLES}
    assert payloads["call.speak.ended.client-state-null"]["client_state"] is None
    assert payloads["call.speak.ended.client-state-empty"]["client_state"] == ""
    assert "client_state" not in payloads["call.speak.ended.client-state-absent"]


@every_sample
def test_a_sample_is_read_as_the_event_it_is_named_after(name: str) -> None:
    understood = parse_event(raw(SAMPLES[name]))
    assert name == understood.type or name.startswith(f"{understood.type}.")
    assert understood.occurred_at == event(name)["data"]["occurred_at"]


@pytest.mark.parametrize("name", QUARANTINED)
def test_what_is_for_the_quarantine_cannot_be_read(name: str) -> None:
    with pytest.raises(Unreadable):
        parse_event(raw(QUARANTINED[name]))


# Signature and shape


@every_request
def test_it_is_signed_with_the_development_key(request_: dict[str, Any]) -> None:
    key = VerifyKey(base64.b64decode(DEVELOPMENT_PUBLIC_KEY))
    headers = request_["headers"]
    signature = base64.b64decode(headers["telnyx-signature-ed25519"], validate=True)
    signed = headers["telnyx-timestamp"].encode() + b"|" + raw(request_)
    assert key.verify(signed, signature) == signed
    with pytest.raises(BadSignatureError):
        key.verify(signed + b" ", signature)


@every_request
def test_it_has_the_shape_of_payload_format_2(request_: dict[str, Any]) -> None:
    assert set(request_) == {
        *("version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded")
    }
    context, headers = request_["requestContext"], request_["headers"]
    assert set(context) == {
        *("accountId", "apiId", "domainName", "domainPrefix", "http", "requestId", "routeKey", "stage", "time"),
        "timeEpoch",
    }
    assert set(context["http"]) == {"method", "path", "protocol", "sourceIp", "userAgent"}
    assert request_["version"] == "2.0"
    assert request_["routeKey"] == context["routeKey"] == f"POST {request_['rawPath']}"
    assert context["http"]["path"] == request_["rawPath"]
    assert context["stage"] == "$default"
    assert context["domainName"] == headers["host"] == "hookline.example.com"
    assert context["domainPrefix"] == "hookline"
    assert context["http"]["userAgent"] == headers["user-agent"] == "telnyx-webhooks"
    assert context["http"]["sourceIp"] == headers["x-forwarded-for"]
    assert raw(request_) == compact(raw(request_))
    assert headers["content-length"] == str(len(raw(request_)))
    assert all(name == name.lower() and isinstance(value, str) for name, value in headers.items())
    assert request_["isBase64Encoded"] is (headers["content-type"] != "application/json")
    assert isinstance(context["timeEpoch"], int)
    received = datetime.fromtimestamp(context["timeEpoch"] // 1000, UTC)
    assert datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z") == received
    assert 0 <= context["timeEpoch"] - 1000 * int(headers["telnyx-timestamp"]) < 2000


@every_sample
def test_it_arrives_just_after_it_happened(name: str) -> None:
    happened = datetime.fromisoformat(event(name)["data"]["occurred_at"]).timestamp()
    late = SAMPLES[name]["requestContext"]["timeEpoch"] / 1000 - happened
    assert (2 if name.endswith(".redelivered") else 0) < late < (3 if name.endswith(".redelivered") else 1)


# Telnyx's SDK


@every_sample
def test_the_sdk_accepts_it_and_knows_its_class(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unwrapped: Any = unwrap(SAMPLES[name], monkeypatch)
    kind = type_of(name)
    if kind in UNKNOWN_TO_THE_SDK:
        assert kind not in SDK_CLASSES
        return
    assert (type(unwrapped).__name__, unwrapped.data.event_type) == (SDK_CLASSES[kind].__name__, kind)
    # strict about values too: an enum or a time that the schema does not allow is an error here
    SDK_CLASSES[kind].model_validate_json(raw(SAMPLES[name]))


@every_sample
def test_every_key_is_in_the_schema_or_was_seen_in_reality(name: str) -> None:
    if type_of(name) in UNKNOWN_TO_THE_SDK:
        return
    data = field_model(SDK_CLASSES[type_of(name)], "data")
    envelope = {key for key in event(name)["data"] if key != "payload"}
    assert envelope == {"record_type", "event_type", "id", "occurred_at"} <= set(data.model_fields)
    known = field_model(data, "payload")
    unknown = set(unknown_keys(event(name)["data"]["payload"], known))
    assert unknown - set(BEYOND_THE_SCHEMA.get(type_of(name), {})) == set()


def test_the_list_of_keys_beyond_the_schema_has_no_dead_entries() -> None:
    for kind, keys in BEYOND_THE_SCHEMA.items():
        known = field_model(field_model(SDK_CLASSES[kind], "data"), "payload")
        names = [name for name in SAMPLES if type_of(name) == kind]
        used = {key for name in names for key in unknown_keys(event(name)["data"]["payload"], known)}
        assert used == set(keys)


def test_the_sdk_refuses_a_sample_when_the_time_is_not_that_of_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    unwrap(SAMPLES["call.answered"], monkeypatch, seconds_later=299)
    with pytest.raises(ValueError, match="too old or too new"):
        unwrap(SAMPLES["call.answered"], monkeypatch, seconds_later=301)


def test_the_sdk_refuses_a_sample_that_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = {
        **SAMPLES["call.answered"],
        "body": SAMPLES["call.answered"]["body"].replace("+12025550147", "+12025550148"),
    }
    with pytest.raises(ValueError, match="signature does not match"):
        unwrap(forged, monkeypatch)


# Making one of one's own


def test_a_webhook_signed_with_another_key_does_not_pass_for_telnyx(monkeypatch: pytest.MonkeyPatch) -> None:
    body = raw(SAMPLES["call.answered"])
    unwrap(signing.api_gateway_request(body, time_epoch_ms=1788271388000), monkeypatch)
    with pytest.raises(ValueError, match="signature does not match"):
        unwrap(signing.api_gateway_request(body, time_epoch_ms=1788271388000, seed=bytes(32)), monkeypatch)


def test_headers_given_win_over_the_usual_ones() -> None:
    request = signing.api_gateway_request(
        b"{}", time_epoch_ms=1788271388000, timestamp="soon", headers={"user-agent": "curl", "x-mine": "1"}
    )
    assert request["headers"]["user-agent"] == request["requestContext"]["http"]["userAgent"] == "curl"
    assert request["headers"]["x-mine"] == "1"
    assert request["headers"]["telnyx-timestamp"] == "soon"


def test_a_body_is_read_back_as_it_was_signed_whether_text_or_base64() -> None:
    body = '{"word": "café"}\n'.encode()
    for as_base64 in (False, True):
        request = signing.api_gateway_request(body, time_epoch_ms=1788271388000, base64=as_base64)
        assert request["isBase64Encoded"] is as_base64
        assert signing.body_of(request) == raw(request) == body


def test_a_fresh_webhook_is_a_new_event_of_the_same_call() -> None:
    old = raw(SAMPLES["call.dtmf.received"])
    first, second = (
        json.loads(signing.fresh(old, now=1800000000.25, overrides={"data.payload.digit": "#", "data.payload.a.b": 1}))
        for _ in range(2)
    )
    assert first["data"]["id"] not in (second["data"]["id"], json.loads(old)["data"]["id"])
    assert first["data"]["occurred_at"] == "2027-01-15T08:00:00.250000Z"
    assert first["data"]["payload"] == {**json.loads(old)["data"]["payload"], "digit": "#", "a": {"b": 1}}
    assert first["meta"] == json.loads(old)["meta"]


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"data": []}', b"{}"])
def test_what_is_no_event_cannot_be_made_fresh(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a v2 event"):
        signing.fresh(body, now=0.0)


@pytest.mark.parametrize("path", ["data.id.x", "data.payload.tags.0", "data.payload.client_state.step.x"])
def test_a_value_cannot_be_set_inside_something_that_is_no_object(path: str) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(path)} leads through something"):
        signing.fresh(raw(SAMPLES["call.answered"]), now=0.0, overrides={path: 1})
