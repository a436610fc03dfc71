"""Calls that were saved with `hookline replay ID --save`: today's flow still sends the same commands.

When one is red because the flow was changed on purpose: `hookline replay tests/flows/calls/NAME.json --save` accepts
the commands of today.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from flows import reception
from hookline import Call, Command, Event
from hookline.client_state import encode_for_flow
from hookline_local.deciding import replay

FOLDER = Path(__file__).parent / "calls"
CALLS = sorted(FOLDER.glob("*.json"))


def replayed(content: dict[str, Any]) -> list[replay.Replayed]:
    case = replay.of_json(content)
    return replay.replay(case, replay.decisions(case.line, case.facts, flow=case.flow))


def saved_call() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "streaming-fails-three-times.json").read_text())
    return content


def different(content: dict[str, Any]) -> list[str]:
    """The types of the events that are decided otherwise today."""
    return [each.event.type for each in replayed(content) if not each.same]


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_a_saved_call_has_the_same_commands_today(path: Path) -> None:
    results = replayed(json.loads(path.read_text()))
    decided = [each for each in results if not each.is_undecidable]
    assert [(each.event.type, each.fault, each.now) for each in decided] == [
        (each.event.type, "", each.then) for each in decided
    ]
    assert any(each.then for each in results)


def test_there_is_a_saved_call_of_every_flow_that_ships() -> None:
    assert {"reception", "menu", "voicemail", "forward", "notice"} <= {
        json.loads(path.read_text()).get("flow", "reception") for path in CALLS
    }


def test_under_other_settings_the_commands_differ() -> None:
    content = saved_call()
    content["line"]["LINE_GREETING"] = "Something else."
    assert different(content) == ["call.answered"]
    assert different(saved_call()) == [], "the settings of one call are not those of the next"


def test_what_is_changed_on_purpose_can_be_accepted(tmp_path: Path) -> None:
    content = saved_call()
    content["line"]["LINE_GREETING"] = "Something else."
    case, path = replay.of_json(content), tmp_path / "call.json"
    replay.accept(case, replay.replay(case, replay.decisions(case.line)), path)
    accepted = json.loads(path.read_text())
    assert different(accepted) == []
    assert "Something else." in str(accepted["events"])


def test_a_flow_that_raises_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(event: Event, call: Call) -> list[Command]:
        raise LookupError("no such thing")

    monkeypatch.setattr(reception, "call_initiated", broken)
    first = replayed(saved_call())[0]
    assert (first.same, first.fault) == (False, "LookupError: no such thing")


def test_a_flow_that_is_gone_is_a_difference() -> None:
    content = saved_call()
    for event in content["events"]:
        if event["data"]["payload"].get("client_state"):
            event["data"]["payload"]["client_state"] = encode_for_flow("gone", None)
    faults = {each.fault for each in replayed(content) if each.event.type != "call.initiated"}
    assert faults == {"ModuleNotFoundError: No module named 'flows.gone'"}


def test_on_a_leg_that_no_flow_has_named_nothing_is_decided() -> None:
    content = saved_call()
    for event in content["events"]:
        event["data"]["payload"]["client_state"] = None
    assert {each.event.type for each in replayed(content) if each.now} == {"call.initiated"}


def test_a_saved_call_holds_no_number_no_name_and_no_transcript() -> None:
    content = saved_call()
    for event in content["events"]:
        event["data"]["payload"] |= {"from": "+4930123456", "caller_id_name": "Maria Lopez"}
        if event["data"]["event_type"] == "call.transcription":
            event["data"]["payload"]["transcription_data"]["transcript"] = "My number is 12345678"
    text = json.dumps(replay.as_json(replay.of_json(content), "again"))
    assert "+4930123456" not in text
    assert "Maria" not in text
    assert "12345678" not in text
    assert different(json.loads(text)) == []
