"""Calls that were saved with `hookline replay ID --save`: today's decisions still tell what was told then.

When one is red because the line was changed on purpose: `hookline replay tests/calls/NAME.json --save` accepts what is
told today.
"""

import json
from pathlib import Path

import pytest

from hookline_local import replay

CALLS = sorted((Path(__file__).parent / "calls").glob("*.json"))


def replayed(path: Path) -> list[replay.Replayed]:
    case = replay.of_json(json.loads(path.read_text()))
    return replay.replay(case, replay.decisions(case.line))


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_a_saved_call_is_told_the_same_today(path: Path) -> None:
    results = replayed(path)
    assert [(one.event.type, one.fault, one.now) for one in results] == [
        (one.event.type, "", one.then) for one in results
    ]
    assert any(one.then for one in results)


def test_there_is_a_saved_call_to_test() -> None:
    assert CALLS


def test_a_line_with_other_settings_is_told_apart() -> None:
    content = json.loads(CALLS[0].read_text())
    content["line"]["LINE_GREETING"] = "Something else."
    case = replay.of_json(content)
    different = [one.event.type for one in replay.replay(case, replay.decisions(case.line)) if not one.same]
    assert different == ["call.answered"]


def test_what_is_told_on_purpose_today_can_be_accepted(tmp_path: Path) -> None:
    content = json.loads(CALLS[0].read_text())
    content["line"]["LINE_GREETING"] = "Something else."
    case, path = replay.of_json(content), tmp_path / "call.json"
    replay.accept(case, replay.replay(case, replay.decisions(case.line)), path)
    assert all(one.same for one in replayed(path))
    assert "Something else." in str(json.loads(path.read_text())["events"])


def test_a_decision_that_raises_is_a_difference() -> None:
    def broken(event: object, call: object) -> list[object]:
        raise LookupError("no such thing")

    case = replay.of_json(json.loads(CALLS[0].read_text()))
    decisions = {**replay.decisions(case.line), "call.initiated": broken}
    first = replay.replay(case, decisions)[0]  # type: ignore[arg-type]  # what a broken decision gives
    assert (first.same, first.fault) == (False, "LookupError: no such thing")


def test_what_is_saved_holds_no_number_and_nothing_that_was_said() -> None:
    content = json.loads(CALLS[0].read_text())
    for event in content["events"]:
        event["data"]["payload"] |= {"from": "+4930123456", "caller_id_name": "Maria Lopez"}
        if event["data"]["event_type"] == "call.transcription":
            event["data"]["payload"]["transcription_data"]["transcript"] = "My number is 12345"
    text = json.dumps(replay.as_json(replay.of_json(content), "again"))
    assert "+4930123456" not in text
    assert "Maria" not in text
    assert "12345" not in text
    again = replay.of_json(json.loads(text))
    assert all(one.same for one in replay.replay(again, replay.decisions(again.line)))
