"""A late event yields to what is newer, and every command has a lifetime."""

import inspect
import json
import time
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hookline
from hookline import (
    Command,
    ai_assistant_stop,
    answer,
    bridge,
    client_state_update,
    dial,
    fork_start,
    gather_using_ai,
    hangup,
    playback_stop,
    record_pause,
    record_resume,
    record_start,
    record_stop,
    send_dtmf,
    speak,
    streaming_start,
    streaming_stop,
    transcription_start,
    transcription_stop,
    transfer,
)
from hookline.client_state import decode
from hookline.journal import timestamp
from hookline.precedence import (
    ENDING,
    LONG_LIFETIME_SECONDS,
    LONG_LIVED,
    SHORT_LIFETIME_SECONDS,
    SUBJECTS,
    TURNS_ON,
    is_contradicted,
    lifetimes,
    subjects_of,
    yields_to,
)
from tests.support.conditions import deciding
from tests.support.world import ROUTER, Clock, World, handler, ok, overloaded, refused, request_of, sample_data

ACTIONS = [name for name in hookline.__all__ if inspect.isfunction(getattr(hookline, name))]
GREETING = speak(payload="Hello.", voice="female")
RECORDING = record_start(channels="dual", format="mp3")
TRANSCRIPTION = transcription_start(transcription_engine="Telnyx")
STREAM = streaming_start(stream_url="wss://media.example.com")
UDP = "udp:192.0.2.1:9000"


def command_of(action: str) -> Command:
    return Command(action, {}, None)


def post(second: int | None, *, name: str = "call.hold", **payload: Any) -> list[str]:
    """Deliver an event of the samples' leg that occurred at this second of a minute; its commands and their results."""
    data = sample_data(name) | {"id": f"event-{second}"}
    data["occurred_at"] = None if second is None else f"2026-09-01T15:00:{second:02}.000000Z"
    state = sample_data("call.answered")["payload"]["client_state"]
    data["payload"] |= {"client_state": state, **payload}
    result = handler(ROUTER)(request_of(data, age=10.0), Clock())
    assert result["statusCode"] == 200
    commands: list[str] = json.loads(result["body"])["commands"]
    return commands


def post_late(late: Command | list[Command], *, newer: Command | list[Command]) -> list[str]:
    """Deliver an event after a newer one of its leg; the commands of the late one and their results."""
    with deciding(call_hold=newer):
        post(30)
    with deciding(call_hold=late):
        return post(10)


# The rule


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_known_to_the_rule_or_yields_to_the_end_of_the_leg_alone(action: str) -> None:
    apart = {"client_state_update", "dial", "send_dtmf", "send_sip_info", "switch_supervisor_role"}
    assert (action in SUBJECTS) != (action in apart)
    assert yields_to(command_of(action), {"hangup"})
    assert yields_to(command_of(action), {"reject"})
    assert not yields_to(command_of(action), set())


@given(st.sampled_from(ACTIONS), st.frozensets(st.sampled_from(ACTIONS)))
def test_a_command_yields_to_its_own_subject_and_to_the_end_of_the_leg(action: str, newer: frozenset[str]) -> None:
    same_subject = not subjects_of([action]).isdisjoint(subjects_of(newer))
    assert yields_to(command_of(action), newer) == (same_subject or bool(newer & ENDING))


@given(st.sampled_from(ACTIONS), st.frozensets(st.sampled_from(ACTIONS)))
def test_where_the_order_is_not_known_only_what_turns_something_on_yields(
    action: str, unordered: frozenset[str]
) -> None:
    expected = action in TURNS_ON and yields_to(command_of(action), unordered)
    assert yields_to(command_of(action), (), unordered) == expected


@given(st.sampled_from(ACTIONS), st.frozensets(st.sampled_from(ACTIONS)))
def test_what_contradicts_a_queued_command_is_something_that_a_late_one_yields_to(
    action: str, newer: frozenset[str]
) -> None:
    if is_contradicted(command_of(action), newer):
        assert yields_to(command_of(action), newer)


@pytest.mark.parametrize(
    ("action", "newer", "contradicted"),
    [
        ("record_start", "record_stop", True),
        ("record_stop", "record_start", True),
        ("record_pause", "record_resume", True),
        ("record_pause", "record_pause", False),
        ("record_start", "record_pause", False),
        ("speak", "playback_stop", True),
        ("speak", "speak", False),
        ("playback_start", "playback_stop", True),
        ("transcription_start", "transcription_stop", True),
        ("streaming_start", "fork_start", False),
        ("streaming_stop", "streaming_start", True),
        ("send_dtmf", "speak", False),
        ("speak", "hangup", True),
        ("dial", "hangup", True),
        ("pay", "gather_stop", True),
        ("enqueue", "leave_queue", True),
        ("leave_queue", "enqueue", True),
    ],
)
def test_a_queued_command_is_dropped_only_for_what_contradicts_it(action: str, newer: str, contradicted: bool) -> None:
    assert is_contradicted(command_of(action), {newer}) is contradicted


@given(st.sampled_from(ACTIONS), st.frozensets(st.sampled_from([*ACTIONS, "client_state"])))
def test_what_is_sent_only_if_idle_yields_to_any_newer_command(action: str, newer: frozenset[str]) -> None:
    command = command_of(action)._replace(only_if_idle=True)
    assert is_contradicted(command, newer) is yields_to(command, newer) is bool(newer)


def test_a_hang_up_for_an_idle_leg_of_an_event_without_a_time_ends_no_call_that_has_gone_on(world: World) -> None:
    with deciding(call_hold=hangup().if_idle(1)):
        assert post(None) == ["hangup: queued"]
    with deciding(call_hold=GREETING):
        post(30)
    request = world.records("COMMAND")
    for record in request["Records"]:
        message = json.loads(record["body"])
        message["commands"][0]["not_before"] = 1.0
        record["body"] = json.dumps(message)
    assert world.consume("COMMAND", "command_sender", request) == []
    assert world.actions == ["speak"]


def test_a_hang_up_for_an_idle_leg_ends_nothing_that_is_older(world: World) -> None:
    older, newer = speak(payload="Hello.", voice="female"), hangup().if_idle(20)
    assert post_late(older, newer=newer) == ["speak: accepted"]


def test_a_hang_up_for_an_idle_leg_is_not_even_queued_when_something_newer_was_commanded(world: World) -> None:
    assert post_late(hangup().if_idle(20), newer=record_pause()) == ["hangup: superseded"]


# Lifetimes


@pytest.mark.parametrize("action", ACTIONS)
def test_what_stops_pauses_resumes_or_ends_is_worth_sending_longer(action: str) -> None:
    ends = action in LONG_LIVED
    assert ends == (action.endswith(("_stop", "_pause", "_resume")) or action in ENDING)
    if action != "record_resume":
        assert lifetimes([command_of(action)]) == [LONG_LIFETIME_SECONDS if ends else SHORT_LIFETIME_SECONDS]


def test_a_command_is_not_sent_after_telnyx_has_forgotten_its_id() -> None:
    assert SHORT_LIFETIME_SECONDS < 60 < LONG_LIFETIME_SECONDS


def test_what_one_event_turns_on_shares_the_shorter_lifetime() -> None:
    assert lifetimes([record_resume(), TRANSCRIPTION]) == [SHORT_LIFETIME_SECONDS] * 2
    assert lifetimes([record_pause(), transcription_stop()]) == [LONG_LIFETIME_SECONDS] * 2
    assert lifetimes([record_resume(), playback_stop()]) == [LONG_LIFETIME_SECONDS] * 2


def test_the_delay_of_a_command_does_not_shorten_its_lifetime() -> None:
    assert lifetimes([hangup().after(20)]) == [LONG_LIFETIME_SECONDS + 20]
    assert lifetimes([GREETING.after(100), GREETING]) == [SHORT_LIFETIME_SECONDS + 100, SHORT_LIFETIME_SECONDS]


@given(st.lists(st.sampled_from(ACTIONS)))
def test_every_command_has_one_of_two_lifetimes(actions: list[str]) -> None:
    seconds = lifetimes([command_of(action) for action in actions])
    assert len(seconds) == len(actions)
    assert set(seconds) <= {SHORT_LIFETIME_SECONDS, LONG_LIFETIME_SECONDS}


# Through the door: a late event after a newer one of its leg


def test_a_late_command_of_the_same_subject_is_superseded_and_not_sent(world: World) -> None:
    assert post_late([RECORDING, GREETING], newer=record_stop()) == ["record_start: superseded", "speak: accepted"]
    assert world.actions == ["record_stop", "speak"]


@pytest.mark.parametrize("late", [GREETING, RECORDING, STREAM, answer(), send_dtmf(digits="1"), hangup()])
def test_after_a_newer_hang_up_a_late_event_sends_nothing(world: World, late: Command) -> None:
    assert post_late(late, newer=hangup()) == [f"{late.action}: superseded"]
    assert world.actions == ["hangup"]


def test_an_older_event_takes_nothing_from_a_newer_one(world: World) -> None:
    with deciding(call_hold=hangup()):
        post(10)
    with deciding(call_hold=GREETING):
        assert post(30) == ["speak: accepted"]


def test_what_was_superseded_supersedes_nothing(world: World) -> None:
    with deciding(call_hold=record_stop()):
        post(30)
    with deciding(call_hold=[RECORDING]):
        assert post(20) == ["record_start: superseded"]
    with deciding(call_hold=[GREETING, record_pause()]):
        assert post(10) == ["speak: accepted", "record_pause: superseded"]


def test_a_hang_up_that_was_refused_supersedes_nothing(world: World) -> None:
    world.replies = lambda request: refused(422, "10015") if "hangup" in request.url.path else ok()
    assert post_late(GREETING, newer=hangup()) == ["speak: accepted"]


def test_a_command_of_another_leg_yields_to_nothing_of_this_one(world: World) -> None:
    other = GREETING._replace(call_control_id="v3:other")
    assert post_late(other, newer=hangup()) == ["speak: accepted"]
    with deciding(call_hold=GREETING):
        assert post(20) == ["speak: superseded"]


def test_what_another_leg_was_commanded_supersedes_nothing_of_this_one(world: World) -> None:
    assert post_late(GREETING, newer=hangup(on="v3:other")) == ["speak: accepted"]


def test_a_call_that_was_placed_supersedes_nothing_of_this_one(world: World) -> None:
    placed = dial(to="+12025550101", from_="+12025550102", connection_id="1")
    assert post_late([GREETING, answer()], newer=placed) == ["speak: accepted", "answer: accepted"]


def test_a_command_of_another_leg_yields_to_what_the_same_flow_has_commanded_it_since(world: World) -> None:
    other = "v3:other"
    assert post_late([record_resume(on=other), GREETING], newer=record_pause(on=other)) == [
        "record_resume: superseded",
        "speak: accepted",
    ]
    with deciding(call_hold=record_resume(on="v3:a-third")):
        assert post(20) == ["record_resume: accepted"]


def test_a_queued_command_of_another_leg_is_dropped_for_what_contradicts_it(world: World) -> None:
    other = "v3:other"
    world.replies = lambda request: overloaded()
    with deciding(call_hold=record_resume(on=other)):
        post(20)
    world.replies = lambda request: ok()
    with deciding(call_hold=record_pause(on=other)):
        post(30)
    world.sent.clear()
    assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert world.actions == ["record_pause"]


@pytest.mark.parametrize("late", [bridge, transfer, answer])
def test_a_late_command_starts_no_recording_besides_that_a_newer_event_has_paused(
    world: World, late: Callable[..., Command]
) -> None:
    to = {bridge: {"call_control_id": "v3:other"}, transfer: {"to": "+12025550101"}}.get(late, {})
    late_command = late(**to, record="record-from-answer", record_channels="dual")
    post_late(late_command, newer=record_pause())
    assert not {"record", "record_channels"} & world.sent[-1]["body"].keys()
    world.empty()
    post_late(late_command, newer=transcription_stop())
    assert world.sent[-1]["body"]["record_channels"] == "dual"


def test_what_a_command_starts_besides_supersedes_what_is_older(world: World) -> None:
    newer = answer(record="record-from-answer", stream_url="wss://media.example.com")
    assert post_late([RECORDING, STREAM, TRANSCRIPTION], newer=newer) == [
        "record_start: superseded",
        "streaming_start: superseded",
        "transcription_start: accepted",
    ]


def test_a_late_gather_by_an_assistant_yields_to_a_stop_of_the_assistant(world: World) -> None:
    late = gather_using_ai(parameters={"type": "object", "properties": {}})
    assert post_late(late, newer=ai_assistant_stop()) == ["gather_using_ai: superseded"]


@pytest.mark.parametrize("is_queued", [False, True])
def test_a_hang_up_does_not_yield_to_a_transfer_that_was_refused(world: World, is_queued: bool) -> None:
    if is_queued:
        world.replies = lambda request: overloaded()
    else:
        world.replies = lambda request: refused(422, "10016")
    with deciding(call_hold=transfer(to="+12025550101")):
        post(30)
    if is_queued:
        world.replies = lambda request: refused(422, "10016")
        world.consume("COMMAND", "command_sender", world.records("COMMAND"))
    world.replies = lambda request: ok()
    with deciding(call_hold=hangup()):
        assert post(20) == ["hangup: accepted"]


def test_a_delayed_recording_yields_to_a_pause_that_came_before_its_time(world: World) -> None:
    with deciding(call_hold=RECORDING.after(1)):
        post(10)
    with deciding(call_hold=record_pause()):
        post(20)
    request = world.records("COMMAND")
    for record in request["Records"]:
        message = json.loads(record["body"])
        message["commands"][0]["not_before"] = 1.0
        record["body"] = json.dumps(message)
    assert world.consume("COMMAND", "command_sender", request) == []
    assert world.actions == ["record_pause"]


def post_by_control_id(second: int, **decided: Command) -> list[str]:
    """Deliver an event that names its leg by the call_control_id alone; its commands and their results."""
    (name,) = decided
    known = sample_data("call.answered")["payload"]
    data = sample_data("streaming.started.control-id-only") | {"id": f"event-{second}"}
    data |= {"event_type": name.replace("_", "."), "occurred_at": f"2026-09-01T15:00:{second:02}.000000Z"}
    data["payload"] |= {key: known[key] for key in ("call_control_id", "client_state")}
    with deciding(**decided):
        result = handler(ROUTER)(request_of(data, age=10.0), Clock())
    commands: list[str] = json.loads(result["body"])["commands"]
    return commands


def test_a_late_event_without_a_leg_id_yields_to_the_newer_ones_of_its_leg(world: World) -> None:
    with deciding(call_hold=streaming_stop()):
        post(30)
    assert post_by_control_id(20, streaming_failed=STREAM) == ["streaming_start: superseded"]
    assert post_by_control_id(40, streaming_failed=STREAM) == ["streaming_start: accepted"]


def test_a_queued_command_of_an_event_without_a_leg_id_is_dropped_for_what_contradicts_it(world: World) -> None:
    world.replies = lambda request: overloaded()
    post_by_control_id(20, streaming_failed=STREAM)
    world.replies = lambda request: ok()
    with deciding(call_hold=streaming_stop()):
        post(30)
    world.sent.clear()
    assert world.consume("COMMAND", "command_sender", world.records("COMMAND")) == []
    assert world.actions == []


@pytest.mark.parametrize(
    ("newer", "results"), [([], ["speak: expired", "hangup: accepted"]), ([record_pause()], ["speak: expired"])]
)
def test_a_call_that_has_gone_on_is_not_hung_up_for_a_greeting_that_is_too_old(
    world: World, newer: list[Command], results: list[str]
) -> None:
    data = sample_data("call.hold") | {"id": "late", "occurred_at": timestamp(time.time() - 70)}
    data["payload"]["client_state"] = sample_data("call.answered")["payload"]["client_state"]
    with deciding(call_hold=newer):
        body = json.dumps({"data": data | {"id": "newer", "occurred_at": timestamp(time.time() - 20)}}).encode()
        handler(ROUTER)(request_of(body, age=10.0), Clock())
    with deciding(call_hold=GREETING.otherwise(hangup())):
        body = json.dumps({"data": data, "meta": {"attempt": 2}}).encode()
        answer_ = handler(ROUTER)(request_of(body, age=10.0), Clock())
    assert json.loads(answer_["body"])["commands"] == results


# Where the order is not known, nothing is turned on


def test_an_event_without_a_time_turns_nothing_on_that_its_leg_was_commanded(world: World) -> None:
    with deciding(call_hold=[record_stop(), playback_stop(), transcription_stop()]):
        post(30)
    with deciding(call_hold=[GREETING, RECORDING, transcription_stop(), STREAM]):
        assert post(None) == [
            "speak: accepted",
            "record_start: superseded",
            "transcription_stop: accepted",
            "streaming_start: accepted",
        ]


def test_the_time_of_an_event_without_one_is_when_it_was_received(world: World) -> None:
    with deciding(call_hold=record_pause()):
        post(None)
    with deciding(call_hold=record_resume()):
        assert post(30) == ["record_resume: superseded"]


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_events_at_the_same_time_the_one_that_turns_off_is_obeyed(
    world: World, ids: tuple[str, str], order: tuple[int, int]
) -> None:
    commands = (record_pause(), record_resume())
    for number in order:
        data = sample_data("call.hold") | {"id": ids[number], "occurred_at": "2026-09-01T15:00:20.000000Z"}
        data["payload"]["client_state"] = sample_data("call.answered")["payload"]["client_state"]
        with deciding(call_hold=commands[number]):
            assert handler(ROUTER)(request_of(data, age=10.0), Clock())["statusCode"] == 200
    assert world.actions[-1] == "record_pause"


def test_a_late_event_behind_more_keys_than_are_read_turns_nothing_on(world: World) -> None:
    ids = {name: sample_data("call.answered")["payload"][name] for name in ("call_leg_id", "call_control_id")}
    with deciding(call_dtmf_received=record_pause()):
        post(5, name="call.dtmf.received", **ids)
    with deciding(call_dtmf_received=[]):
        for second in range(6, 60):
            post(second, name="call.dtmf.received", **ids)
    with (
        pytest.MonkeyPatch.context() as patch,
        deciding(call_dtmf_received=[record_resume(), transcription_stop()]),
    ):
        patch.setattr("hookline.journal.HISTORY_ITEMS", 40)
        late = post(4, name="call.dtmf.received", **ids)
    assert late == ["record_resume: superseded", "transcription_stop: accepted"]


def test_a_late_event_leaves_the_newer_client_state_of_its_leg(world: World) -> None:
    first, second = ({"step": step} for step in ("old", "new"))
    late = [replace_state(RECORDING, first), replace_state(TRANSCRIPTION, first)]
    assert post_late(late, newer=replace_state(GREETING, second)) == [
        "record_start: accepted",
        "transcription_start: accepted",
    ]
    states = [decode(sent["body"].get("client_state")) for sent in world.sent]
    assert states == [{"flow": "reception", "state": second}, None, None]


def test_a_late_client_state_update_yields_to_a_newer_client_state(world: World) -> None:
    late = client_state_update(client_state={"step": "old"})
    assert post_late(late, newer=replace_state(GREETING, {"step": "new"})) == ["client_state_update: superseded"]
    assert world.actions == ["speak"]


def replace_state(command: Command, state: object) -> Command:
    return command._replace(params={**command.params, **client_state_update(client_state=state).params})


MEDIA = {10: STREAM, 20: streaming_stop(), 30: fork_start(rx=UDP, tx=UDP), 40: record_stop()}


@pytest.mark.parametrize("order", [*permutations(MEDIA)], ids=lambda order: "-".join(map(str, order)))
def test_in_any_order_of_arrival_the_newest_command_of_a_subject_is_its_last(
    world: World, order: tuple[int, ...]
) -> None:
    for second in order:
        with deciding(call_hold=MEDIA[second]):
            post(second)
    media = [action for action in world.actions if SUBJECTS[action] == "media"]
    seconds = [next(second for second, command in MEDIA.items() if command.action == action) for action in media]
    assert seconds == sorted(seconds)
    assert seconds[-1] == 30
