"""Reading: what is normal is read, what is not is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.errors import Unreadable
from hookline.events import UNKNOWN_TIME, normalise_timestamp, parse_event
from tests.support.world import sample, sample_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("2026-09-09T21:10:18.025270Z", "2026-09-09T21:10:18.025270Z"),
        ("2026-09-09T21:10:18Z", "2026-09-09T21:10:18.000000Z"),
        ("2026-09-09T21:10:18.5Z", "2026-09-09T21:10:18.500000Z"),
        ("2026-09-09T23:10:18.025270+02:00", "2026-09-09T21:10:18.025270Z"),
        ("2026-09-09T21:10:18", "2026-09-09T21:10:18.000000Z"),
        ("0001-01-01T00:00:00+09:00", UNKNOWN_TIME),
        ("yesterday", UNKNOWN_TIME),
        ("", UNKNOWN_TIME),
        (None, UNKNOWN_TIME),
        (1788271387, UNKNOWN_TIME),
    ],
)
def test_moments_compare_as_text(given_: object, stored: str) -> None:
    assert normalise_timestamp(given_) == stored


@given(st.datetimes().map(lambda time: time.isoformat()))
def test_a_moment_always_has_the_same_width(time: str) -> None:
    assert len(normalise_timestamp(time)) == len(UNKNOWN_TIME)


@given(JSON, JSON, JSON)
def test_reading_gives_an_event_or_says_why_not_whatever_it_is_given(
    payload: object, meta: object, time: object
) -> None:
    data = {"id": "x", "event_type": "call.answered", "occurred_at": time, "payload": payload}
    event = parse_event(json.dumps({"data": data, "meta": meta}).encode())
    assert event.id == "x"
    assert event.identity.partition
    assert event.client_state is None or isinstance(payload, dict)


@given(JSON)
def test_json_that_is_no_event_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        parse_event(json.dumps(value).encode())


@pytest.mark.parametrize("identifier", [None, "", 5, [], {}, "x" * 513, "ünï", "a\nb", "\ud800"])
def test_an_event_without_a_usable_id_is_unreadable(identifier: object) -> None:
    with pytest.raises(Unreadable, match=r"data\.id"):
        parse_event(json.dumps({"data": {"id": identifier, "event_type": "call.answered", "payload": {}}}).encode())


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("quarantine/v1-body", "webhook_api_version to 2"),
        ("quarantine/portal-debugger", "portal's debugger"),
        ("quarantine/not-json", "not JSON"),
        ("quarantine/json-but-no-event", "without a data object"),
    ],
)
def test_a_look_alike_is_named_for_what_it_is(name: str, cause: str) -> None:
    with pytest.raises(Unreadable, match=cause):
        parse_event(sample(name)["body"].encode())


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"[" * 100_000, b"", b"1" * 5000, b'{"data":' + b"9" * 5000 + b"}"])
def test_bytes_that_cannot_be_read_are_unreadable_and_nothing_else(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_event(body)


def test_a_texml_callback_is_named() -> None:
    with pytest.raises(Unreadable, match="TeXML"):
        parse_event(b"CallSid=v3%3Aabc&From=%2B12025550147")


@pytest.mark.parametrize(
    ("ids", "partition"),
    [
        ({"call_leg_id": "L", "call_control_id": "C", "call_session_id": "S"}, "LEG#L"),
        ({"call_control_id": "C", "call_session_id": "S"}, "CONTROL#C"),
        ({"call_session_id": "S"}, "SESSION#S"),
        ({}, "EVENT#E"),
        ({"call_leg_id": "", "call_control_id": None, "call_session_id": 7}, "EVENT#E"),
        ({"call_leg_id": "x" * 600, "call_control_id": "C"}, "CONTROL#C"),
    ],
)
def test_an_event_is_filed_under_the_best_id_it_has(ids: dict[str, object], partition: str) -> None:
    event = parse_event(json.dumps({"data": {"id": "E", "event_type": "x", "payload": ids}}).encode())
    assert event.identity.partition == partition


@pytest.mark.parametrize(
    "kind", ["client-state-null", "client-state-empty", "client-state-absent", "client-state-foreign-bytes"]
)
def test_a_client_state_that_is_not_ours_is_none(kind: str) -> None:
    assert sample_event(f"call.speak.ended.{kind}").client_state is None
