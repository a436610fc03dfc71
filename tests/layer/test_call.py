"""A call is the fold of its events, the same for every order and every repetition of them."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline import Call, Event
from tests.support.world import sample_event

STORY = [
    sample_event(name)
    for name in (
        "call.initiated",
        "call.answered",
        "streaming.started",
        "call.speak.started",
        "call.speak.ended",
        "call.dtmf.received",
        "streaming.failed",
        "call.dtmf.received.pound",
        "call.hangup",
        "call.recording.saved",
    )
]

TYPES = st.sampled_from(
    [
        "call.initiated",
        "call.answered",
        "call.hangup",
        "streaming.started",
        "streaming.stopped",
        "call.fork.started",
        "x",
    ]
)
ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
FIELDS = st.sampled_from(
    ["call_leg_id", "call_control_id", "direction", "from", "to", "client_state", "hangup_cause", "status", "result"]
)
EVENTS = st.builds(
    Event,
    id=st.sampled_from("abcdef"),
    type=TYPES,
    occurred_at=st.sampled_from([f"2026-09-01T10:00:0{second}.000000Z" for second in range(4)]),
    payload=st.dictionaries(FIELDS, ANYTHING | st.sampled_from(["eyJzdGVwIjoiYW5zd2VyIn0=", "incoming"]), max_size=4),
    attempt=st.none() | st.integers(1, 3),
)


@given(st.lists(EVENTS, max_size=8), st.randoms(use_true_random=False))
def test_every_order_and_every_repetition_gives_the_same_call(events: list[Event], chance: object) -> None:
    call = Call.of(events)
    again = events * 2 + events[::2]
    chance.shuffle(again)  # type: ignore[attr-defined]
    assert Call.of(again) == call


def test_every_permutation_of_five_events_gives_the_same_call() -> None:
    calls = {str(Call.of(order)) for order in permutations([STORY[0], STORY[1], STORY[2], STORY[6], STORY[8]])}
    assert len(calls) == 1


def test_a_whole_call_holds_what_its_events_reported() -> None:
    call = Call.of(reversed(STORY))
    assert (call.direction, call.status, call.ended) == ("incoming", "ended", True)
    assert (call.from_, call.to) == (STORY[0].payload["from"], STORY[0].payload["to"])
    assert (call.started_at, call.answered_at, call.ended_at) == tuple(STORY[n].occurred_at for n in (0, 1, 8))
    assert (call.hangup_cause, call.hangup_source) == ("normal_clearing", "callee")
    assert call.client_state == {"step": "goodbye"}
    assert not call.streaming
    assert call.count("call.dtmf.received") == 2
    assert call.count("call.dtmf.received", before=STORY[7]) == 1


def test_a_late_answer_does_not_revive_a_call_that_has_ended() -> None:
    initiated, answered, hangup = STORY[0], STORY[1], STORY[8]
    assert Call.of([initiated, hangup]).status == "ended"
    late = Event(id="late", type="call.answered", occurred_at="2027-01-01T00:00:00.000000Z", payload=answered.payload)
    assert Call.of([initiated, hangup, late]).status == "ended"


@pytest.mark.parametrize("upto", range(len(STORY)))
def test_the_status_of_a_call_follows_its_events(upto: int) -> None:
    expected = ["ringing", "answered", "answered", "answered", "answered", "answered", "answered", "answered", "ended"]
    assert Call.of(STORY[: upto + 1]).status == [*expected, "ended"][upto]
    assert Call.of([]).status == "unknown"


def test_a_call_streams_or_forks_until_that_stops_fails_or_the_call_ends() -> None:
    for start, ends in (
        ("streaming.started", ("streaming.stopped", "streaming.failed", "call.hangup")),
        ("call.fork.started", ("call.fork.stopped", "call.hangup")),
    ):
        began = Event(id="1", type=start, occurred_at="2026-09-01T14:00:00.000000Z", payload={})
        assert Call.of([began]).streaming or Call.of([began]).forking
        for end in ends:
            ended = Event(id="2", type=end, occurred_at="2026-09-01T14:00:01.000000Z", payload={})
            call = Call.of([ended, began])
            assert (call.streaming, call.forking) == (False, False), end
