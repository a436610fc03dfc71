"""Keyed digits are blanked before anything is stored: in the journal, in every queue, in quarantine."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookline import Call, Command, Event, client_state_update, dial, hangup, send_dtmf, speak
from hookline.client_state import encode_for_flow
from hookline.keyed_digits import DIGIT_NAMES
from hookline.redaction import AMBIGUOUS_NAMES, parse, redact
from tests.support.conditions import deciding, unavailable
from tests.support.world import (
    QUEUES,
    ROUTER,
    Clock,
    World,
    handler,
    overloaded,
    refused,
    request_of,
    sample_data,
    start_cold,
)

CARD = "4929481372065831"
PARTS = (CARD[:8], CARD[8:])
BLANKED = "x" * len(CARD)
AI_GATHER = "call.ai_gather.ended"


def redacted(envelope: Any, event_type: str = "call.gather.ended", **more: str) -> Any:
    """The envelope as it is stored."""
    body = json.dumps(envelope).encode()
    stored = redact(parse(body), event_type=event_type, **more)
    return json.loads(body if stored is None else stored)


def post(body: bytes | dict[str, Any]) -> int:
    """Deliver a body to the router; the status."""
    status: int = handler(ROUTER)(request_of(body, age=10.0), Clock())["statusCode"]
    return status


def stored(world: World) -> str:
    """Everything that is stored anywhere, as one text; what a message holds in base64 decoded."""
    messages = [message for queue in QUEUES for message in world.messages(queue)]
    bodies = [base64.b64decode(message["body"]).decode() for message in world.messages("QUARANTINE")]
    text = json.dumps([world.items, messages, bodies])
    return text + "".join(map(_inside, re.findall(r"[A-Za-z0-9+/]{20,}={0,2}", text)))


def _inside(text: str) -> str:
    """The inside of a text in base64, a client_state for example."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""


def data_of(event_type: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": "an-event",
        "event_type": event_type,
        "occurred_at": "2026-09-01T14:00:00.000000Z",
        "payload": payload,
        **more,
    }


# Which values are blanked


@pytest.mark.parametrize("name", sorted(DIGIT_NAMES))
def test_a_name_of_keyed_digits_is_blanked_in_every_event_at_any_depth_and_in_any_case(name: str) -> None:
    for spelled in (name, name.upper(), name.title()):
        for event_type in ("call.gather.ended", "call.hangup", "conference.ended", "", "gather_ended"):
            shape = {"data": {"payload": {"list": [{}, {"deep": [[{spelled: CARD, "other": "a word"}]]}]}}}
            blanked = {"data": {"payload": {"list": [{}, {"deep": [[{spelled: BLANKED, "other": "a word"}]]}]}}}
            assert redacted(shape, event_type) == blanked
            assert redacted({spelled: CARD}, event_type) == {spelled: BLANKED}
            assert redacted([{"meta": {spelled: CARD}}], event_type) == [{"meta": {spelled: BLANKED}}]


@pytest.mark.parametrize(
    ("value", "blanked"),
    [
        ("4711", "xxxx"),
        (4711, "xxxx"),
        (47.5, "xxxx"),
        (["4", "7"], ["x", "x"]),
        ({"first": "47", "rest": [{"last": 11}]}, {"first": "xx", "rest": [{"last": "xx"}]}),
        ("", ""),
        (None, None),
        ([None, ""], [None, ""]),
    ],
)
def test_a_value_is_blanked_and_its_shape_stays(value: object, blanked: object) -> None:
    assert redacted({"payload": {"digits": value}}) == {"payload": {"digits": blanked}}


@pytest.mark.parametrize("name", sorted(AMBIGUOUS_NAMES))
@pytest.mark.parametrize(
    "event_type",
    [
        AI_GATHER,
        "call.ai_gather.partial_results",
        "call.payment.completed",
        "call.analyzed",
        "call_ai_gather_ended",
        "call.conversation.ended",
    ],
)
def test_an_ambiguous_name_is_blanked_where_it_holds_what_was_keyed(event_type: str, name: str) -> None:
    assert redacted({"data": {"payload": {name: {"card": CARD}}}}, event_type) == {
        "data": {"payload": {name: {"card": BLANKED}}}
    }


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("call.machine.detection.ended", {"result": "machine"}),
        ("call.machine.premium.detection.ended", {"result": "human_residence"}),
        ("call.recording.error", {"message": "no audio", "result": "failed"}),
        ("call.speak.ended", {"status": "completed", "digitally": "signed", "credit_card": "no"}),
    ],
)
def test_an_ambiguous_name_of_another_event_is_stored_as_received(event_type: str, payload: dict[str, str]) -> None:
    body = json.dumps({"data": {"event_type": event_type, "payload": payload}}).encode()
    assert redact(parse(body), event_type=event_type) is None


@pytest.mark.parametrize(("digit", "blanked"), [("1", "1"), ("#", "#"), ("7", "x"), ("12", "xx"), (1, "x"), ("", "")])
def test_a_single_key_that_the_flow_acts_on_is_stored_as_pressed(digit: object, blanked: object) -> None:
    envelope = {"data": {"payload": {"digit": digit}}}
    assert redacted(envelope, "call.dtmf.received", acting_digits="12*#") == {"data": {"payload": {"digit": blanked}}}


def test_a_key_that_the_flow_acts_on_is_blanked_everywhere_else() -> None:
    for envelope in ({"digits": "1"}, {"digit": ["1"]}, {"digit": "1", "deep": {"digits": CARD}}):
        assert "1" not in str(redacted(envelope, "call.dtmf.received", acting_digits="12*#"))
    assert redacted({"digit": "1"}, "call.gather.ended", acting_digits="12*#") == {"digit": "x"}


@pytest.mark.parametrize(
    "payload",
    [
        {"dtmfDigits": CARD},
        {"cardNumber": CARD},
        {"card-number": CARD},
        {"entered_digits": CARD},
        {"credit_card_number": CARD},
        {"cvv2": CARD},
        {"pan": CARD},
        {"dtmf": CARD},
        {"custom_headers": [{"name": "X-Digits", "value": CARD}]},
        {"sip_headers": [{"name": "X-Card-Number", "value": [CARD]}]},
        {"arguments": json.dumps({"card_number": CARD})},
        {"deep": [json.dumps([{"a": json.dumps({"digits": CARD})}])]},
        {"url": f"https://example.com/?a=1&digits={CARD}&b=2"},
        {"url": f"https://example.com/?card_number={CARD}"},
        {"content_type": "application/dtmf-relay", "body": f"Signal={CARD}\r\nDuration=160"},
        {"tags": [f"digits:{CARD}", "other"]},
        {"client_state": encode_for_flow("reception", {"step": "x", "digits": CARD})},
        {"client_state": encode_for_flow("reception", {"digits": CARD}), "other": encode_for_flow("a", {"pin": CARD})},
        {"other": encode_for_flow("a", {"pin": CARD}), "client_state": encode_for_flow("reception", "x")},
    ],
    ids=lambda payload: "-".join(payload),
)
def test_in_whatever_spelling_or_wrapping_a_name_stands_its_digits_are_blanked(world: World, payload: Any) -> None:
    assert post(data_of("call.unheard.of", {"call_leg_id": "L", **payload})) == 200
    assert not any(part in stored(world) for part in PARTS)
    assert "an-event" in stored(world)


@pytest.mark.parametrize("name", sorted({*DIGIT_NAMES, "cvc2", "cvv_2", "pan", "pincode"}))
def test_each_name_is_found_inside_a_text_in_each_spelling(name: str) -> None:
    for spelled in (name, name.replace("_", "-").title(), name.title().replace("_", "")):
        for text in (f"https://example.com/?{spelled}={CARD}", json.dumps({spelled: CARD}), f"{spelled}: {CARD}"):
            assert CARD not in json.dumps(redacted({"note": text}, "call.unheard.of")), text


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("call.dtmf.received", {"key": CARD}),
        ("call.dtmf.received", {"pressed_now": "4", "all": CARD}),
        ("call.gather.ended", {"result": CARD}),
        ("call.gather.ended", {"collected": [CARD, f"{CARD}#"]}),
        ("call.gather.partial", {"input": f"{CARD[:4]} {CARD[4:]}"}),
        ("call.payment.progress", {"value": CARD}),
        ("call.assistant.tool.called", {"result": CARD}),
        ("conversation_insight_result", {"results": [{"result": CARD}]}),
        (AI_GATHER, {"transcript": f"My card is {CARD}"}),
        ("gather_ended", {"entered": CARD}),
    ],
)
def test_in_an_event_about_keys_they_are_blanked_under_any_name(
    world: World, event_type: str, payload: dict[str, Any]
) -> None:
    ids = {"call_leg_id": "4711", "connection_id": "1494404757140276705", "from": "12025550147", "to": "12025550123"}
    for shape in (_event, _v1, _debugger):
        world.empty()
        body = shape(event_type, payload)
        body["planted"] = ids
        assert post(json.dumps(body).encode()) == 200
        assert not any(part in stored(world) for part in (*PARTS, CARD[4:8]))
        assert all(value in stored(world) for value in ids.values())


@pytest.mark.parametrize(
    "payload", [{"maximum_digits": 16}, {"valid_digits": "0123456789"}, {"dtmf_type": "RFC 2833"}, {"spinning": "10"}]
)
def test_a_setting_about_digits_is_stored_as_received(payload: dict[str, Any]) -> None:
    body = json.dumps({"data": {"payload": payload}}).encode()
    assert redact(parse(body), event_type="call.unheard.of") is None


# What a flow does with them


def deciding_on_digits(decide: Callable[[str], Command]) -> Any:
    return deciding(call_gather_ended=lambda event, call: [decide(event.payload["digits"])])


MENU: dict[str, Any] = {}
COMMANDS: dict[str, Callable[[str], Command]] = {
    "sent": lambda digits: send_dtmf(digits=digits),
    "sent on answer": lambda digits: dial(
        to=f"+12025550101,{digits}", from_="+12025550123", connection_id="1", send_digits_on_answer=digits
    ),
    "spoken": lambda digits: speak(payload=f"You have entered {digits}.", voice="female"),
    "spoken key by key": lambda digits: speak(payload=", ".join(digits), voice="female"),
    "in a header": lambda digits: hangup(custom_headers=[{"name": "X-Entered", "value": digits}]),
    "in a client_state": lambda digits: client_state_update(client_state={"step": "x", "entered": digits}),
    "in a client_state by name": lambda digits: client_state_update(client_state={"digits": digits}),
    "in place of a command": lambda digits: hangup().otherwise(speak(payload=digits, voice="female")),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("is_queued", [False, True])
def test_what_a_flow_does_with_digits_is_journalled_without_them(world: World, name: str, is_queued: bool) -> None:
    world.replies = lambda request: overloaded() if is_queued else refused(422, "10015")
    payload = {**sample_data("call.answered")["payload"], "digits": CARD}
    with deciding_on_digits(COMMANDS[name]):
        assert post(data_of("call.gather.ended", payload)) == 200
    if is_queued:
        world.replies = lambda request: refused(422, "10015")
        assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert [item for item in world.items if "commands" in item]
    assert not any(part in stored(world) for part in (*PARTS, ", ".join(PARTS[0])))


@pytest.mark.parametrize(
    "broken",
    [
        lambda digits: MENU[digits],
        lambda digits: MENU[str(int(f"{digits}#"))],
        lambda digits: MENU[" ".join(digits)],
        lambda digits: MENU[f"/{digits[:-1]}{digits[-1]}/"],
    ],
)
def test_the_text_of_a_flows_error_is_journalled_without_them(world: World, broken: Callable[[str], Command]) -> None:
    payload = {**sample_data("call.answered")["payload"], "digits": CARD}
    with deciding_on_digits(broken):
        assert post(data_of("call.gather.ended", payload)) == 200
    assert [item for item in world.items if "error" in item]
    assert not any(part in stored(world) for part in (*PARTS, " ".join(PARTS[0])))


def test_long_texts_that_an_assistant_heard_are_blanked_where_a_flow_repeats_them(world: World) -> None:
    texts = [f"My {number} " + "very " * 40 + f"secret word is {CARD}" for number in range(300)]
    payload = {**sample_data("call.answered")["payload"], "message_history": [{"content": text} for text in texts]}
    repeated = [speak(payload=f"You texts: {texts[7]}", voice="female"), hangup(custom_headers=[])]
    with deciding(call_ai_gather_ended=repeated):
        assert post(data_of(AI_GATHER, payload)) == 200
    assert not any(part in stored(world) for part in (*PARTS, "secret word"))
    assert "You texts: xxx" in stored(world)


def test_a_key_that_no_flow_knows_is_not_in_the_text_of_its_error(world: World) -> None:
    payload = {**sample_data("call.answered")["payload"], "digit": "7"}
    with deciding(call_dtmf_received=lambda event, call: MENU[event.payload["digit"]]):
        assert post(data_of("call.dtmf.received", payload)) == 200
    assert [item["error"] for item in world.items if "error" in item] == ["KeyError: 'x'"]


# What is stored as received


@pytest.mark.parametrize("event_type", ["call.hangup", "call.machine.detection.ended"])
def test_a_body_with_nothing_to_blank_is_stored_byte_for_byte(world: World, event_type: str) -> None:
    body = json.dumps({"data": sample_data(event_type)}, indent=3).encode()
    assert post(body) == 200
    assert [item["body"].encode() for item in world.items] == [body]


def test_a_key_that_stands_there_twice_is_stored_once_and_blanked(world: World) -> None:
    body = json.dumps({"data": sample_data("call.dtmf.received")})
    twice = body.replace('"digit": ', f'"digit": "{CARD}", "digit": ', 1)
    assert post(twice.encode()) == 200
    assert PARTS[0] not in stored(world)


def test_a_name_written_with_an_escape_is_blanked_as_well(world: World) -> None:
    body = json.dumps({"data": data_of("call.gather.ended", {"digits": CARD})}).replace('"digits"', '"di\\u0067its"')
    assert post(body.encode()) == 200
    assert PARTS[0] not in stored(world)


def test_a_parameter_keeps_the_digits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_DIGITS", "on")
    start_cold(world)
    assert post(data_of("call.gather.ended", {"digits": CARD})) == 200
    assert CARD in stored(world)


@pytest.mark.parametrize("depth", [3, 100, 900])
def test_a_deep_value_is_blanked(world: World, depth: int) -> None:
    body = json.dumps({"data": data_of("call.gather.ended", {"digits": 0})})
    assert post(body.replace('"digits": 0', f'"digits": {"[" * depth}"{CARD}"{"]" * depth}').encode()) == 200
    assert PARTS[0] not in stored(world)


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_a_value_too_deep_to_blank_is_answered_and_never_stored(world: World, depth: int) -> None:
    """How deep it may be to be read at all depends on the version of Python."""
    body = json.dumps({"data": data_of("call.gather.ended", {"digits": 0})})
    assert post(body.replace('"digits": 0', f'"digits": {"[" * depth}"{CARD}"{"]" * depth}').encode()) == 200
    assert PARTS[0] not in stored(world)


# What is decided


@pytest.mark.parametrize(
    ("event_type", "name"), [("call.gather.ended", "digits"), ("call.dtmf.received", "digit"), (AI_GATHER, "result")]
)
def test_a_flow_decides_on_what_was_keyed(world: World, event_type: str, name: str) -> None:
    given_to_the_flow: list[Any] = []

    def decide(event: Event, call: Call) -> list[Command]:
        given_to_the_flow.append(event.payload[name])
        return [speak(payload="Thank you.", voice="female")]

    state = sample_data("call.answered")["payload"]["client_state"]
    payload = {**sample_data("call.gather.ended")["payload"], "client_state": state, name: "47"}
    with deciding(**{event_type.replace(".", "_"): decide}):
        assert post(data_of(event_type, payload)) == 200
    assert given_to_the_flow
    assert set(given_to_the_flow) == {"47"}
    assert '"47"' not in stored(world).replace("\\", "")


# Nothing survives anywhere

SPELLED = st.sampled_from(sorted(DIGIT_NAMES)).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.title(), name.swapcase()])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([CARD, int(CARD), " ".join(PARTS), f"{CARD}#"]) | st.just(list(PARTS)),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
STEPS = st.sampled_from(["payload", "deep", "list", "é", "Digitally", "", "\ud83d\ude00", "\\"])


def _wrapped(path: list[str], inner: Any) -> Any:
    for step in path:
        inner = [{"other": 1}, inner] if step == "list" else {step: inner, "other": "\\" if step == "\\" else True}
    return inner


PLANTED = st.builds(
    _wrapped, st.lists(STEPS, max_size=4), st.builds(lambda name, value: {name: value}, SPELLED, VALUES)
)
EVENT_TYPES = st.sampled_from(
    ["call.gather.ended", "call.dtmf.received", "call.hangup", "call.unheard.of", AI_GATHER, "call.payment.ended"]
)


def _event(event_type: str, planted: Any) -> Any:
    state = sample_data("call.answered")["payload"]["client_state"]
    return {"data": data_of(event_type, {"call_leg_id": "L", "client_state": state, "planted": planted}), "meta": {}}


def _beside(event_type: str, planted: Any) -> Any:
    return {"data": data_of(event_type, {"call_leg_id": "L"}), "meta": planted, "planted": [planted]}


def _v1(event_type: str, planted: Any) -> Any:
    return {"event_type": event_type.replace(".", "_"), "created_at": "2026-09-01T14:00:00Z", "payload": planted}


def _debugger(event_type: str, planted: Any) -> Any:
    return {"event_type": event_type, "webhook_id": "w", "payload": planted}


def _without_id(event_type: str, planted: Any) -> Any:
    return {"data": {"event_type": event_type, "payload": planted}}


def _no_object(event_type: str, planted: Any) -> Any:
    return [planted, event_type]


SHAPES = st.sampled_from([_event, _beside, _v1, _debugger, _without_id, _no_object])


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SHAPES, EVENT_TYPES, PLANTED, st.sampled_from([None, 2]), st.booleans(), st.booleans())
def test_no_digit_of_a_card_number_survives_anywhere(
    world: World, shape: Any, event_type: str, planted: Any, indent: int | None, ascii_only: bool, journal_away: bool
) -> None:
    world.empty()
    body = json.dumps(shape(event_type, planted), indent=indent, ensure_ascii=ascii_only)
    request = request_of(body.encode(errors="replace"), age=10.0)
    if journal_away:
        with unavailable("dynamodb"):
            status = handler(ROUTER)(request, Clock())["statusCode"]
        assert status in (200, 503)
    else:
        assert handler(ROUTER)(request, Clock())["statusCode"] == 200
    everything = stored(world)
    assert not any(part in everything for part in PARTS)
    assert journal_away or world.items or world.messages("QUARANTINE")


def _spoken(name: str, value: Any) -> Any:
    return {name: [{"role": "user", "content": value}]}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([_event, _v1, _debugger]),
    st.sampled_from([AI_GATHER, "call.ai_gather.partial_results", "call.payment.ended"]),
    st.builds(_spoken, st.sampled_from(sorted(AMBIGUOUS_NAMES)), VALUES),
)
def test_nothing_that_was_spelled_out_to_an_assistant_survives(
    world: World, shape: Any, event_type: str, planted: Any
) -> None:
    world.empty()
    assert post(json.dumps(shape(event_type, planted)).encode()) == 200
    assert not any(part in stored(world) for part in PARTS)


def test_nothing_that_was_spelled_out_survives_in_an_event_without_an_id(world: World) -> None:
    assert post(json.dumps(_without_id(AI_GATHER, _spoken("message_history", CARD))).encode()) == 200
    assert len(world.messages("QUARANTINE")) == 1
    assert PARTS[0] not in stored(world)
