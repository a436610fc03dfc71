"""deciding.replay and deciding.anonymous: a call of a flow with numbers and digits of its own, saved."""

import json
from pathlib import Path
from typing import Any

import pytest

from hookline.client_state import decode, encode_for_flow
from hookline.events import Event, parse_event
from hookline.telnyx import OPTIONAL_ROUTING
from hookline_local.deciding import replay
from hookline_local.deciding.anonymous import decoded
from tests.support import command

SALES, CALLER, NAME = "+12025550102", "+4930123456", "Maria Lopez"
"""SALES is a number that would also be made up for a caller."""

DESK = f"""
from hookline import answer, gather_using_speak, hangup, speak, transfer

VOICE = "AWS.Polly.Joanna-Neural"

def call_initiated(event, call):
    return [answer()]

def call_answered(event, call):
    text = f"Hello {{event.payload['caller_id_name']}} at {{event.payload['from']}}."
    state = {{"caller": event.payload["from"]}}
    return [gather_using_speak(payload=text, voice=VOICE, maximum_digits=1, client_state=state)]

def call_gather_ended(event, call):
    if event.payload["digits"] == "1":
        return [transfer(to="{SALES}")]
    return [speak(payload=f"Goodbye {{event.client_state['caller']}}.", voice=VOICE)]
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of flows under a name of its own: a module is imported once."""
    folder = tmp_path / f"flows_{tmp_path.name}".replace("-", "_")
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "numbers.toml").write_text('default = "desk"')
    (folder / "desk.py").write_text(DESK)
    monkeypatch.setenv("HOOKLINE_FLOWS", str(folder))
    return str(folder)


def event(number: int, event_type: str, **payload: Any) -> Event:
    base = {"call_leg_id": "leg", "call_control_id": "v3:leg", "call_session_id": "session", "direction": "incoming"}
    data = {"id": f"e{number}", "event_type": event_type, "occurred_at": f"2026-11-25T10:00:0{number}.000000Z"}
    content = {**base, "from": CALLER, "to": "+12025550123", "caller_id_name": NAME, **payload}
    return parse_event(json.dumps({"data": {**data, "payload": content}}).encode())


def case(digits: str = "1", *, decided_on: str | None = None) -> replay.Case:
    """A call as the flow has decided it then; digits: as the journal has them."""
    state = encode_for_flow("desk", {"caller": CALLER})
    decide = replay.decisions({})

    def ended(keyed: str) -> Event:
        return event(3, "call.gather.ended", digits=keyed, client_state=state)

    known = [event(1, "call.initiated"), event(2, "call.answered", client_state=encode_for_flow("desk", None))]
    bridged = event(4, "call.bridged", to=SALES)
    events = [(each, each) for each in (*known, bridged)] + [(ended(digits), ended(decided_on or digits))]
    return replay.Case(
        events=[
            replay.ReplayEvent(
                event=journalled,
                received_at=journalled.occurred_at,
                commands=[
                    {"action": sent.action, "params": dict(sent.redacted_params(leave_out=OPTIONAL_ROUTING))}
                    for sent in decide(received, []).commands
                ],
            )
            for journalled, received in events
        ]
    )


def verdicts(content: dict[str, Any]) -> list[str]:
    saved = replay.of_json(content)
    results = replay.replay(saved, replay.decisions(saved.line))
    return ["same" if each.same else "not decidable" if each.is_undecidable else "different" for each in results]


@pytest.mark.parametrize("digits", ["1", "2"])
def test_a_saved_call_passes_whatever_numbers_and_texts_its_flow_has(digits: str, flows: str) -> None:
    content = replay.as_json(case(digits), "a call")
    text = json.dumps(content)
    assert (CALLER in text, NAME in text, SALES in text) == (False, False, True)
    states = [each["data"]["payload"].get("client_state") for each in content["events"]]
    assert not any(CALLER in str(decode(state)) for state in states)
    assert verdicts(content) == ["same"] * 4


def test_a_saved_call_that_is_saved_again_is_the_same(flows: str) -> None:
    content = replay.as_json(case("2"), "a call")
    assert replay.as_json(replay.of_json(content), "a call") == content


def test_what_was_decided_on_blanked_digits_is_not_decidable_and_is_no_difference(flows: str, tmp_path: Path) -> None:
    blanked = replay.as_json(case("x", decided_on="1"), "a call")
    assert verdicts(blanked) == ["same", "same", "not decidable", "same"]
    path = tmp_path / "call.json"
    path.write_text(json.dumps(blanked))
    environment = {"TMPDIR": str(tmp_path), "HOOKLINE_FLOWS": flows}
    done = command.run("replay", str(path), environment=environment)
    assert (done.returncode, "Not decidable: 1 event" in done.stdout) == (0, True)
    assert command.run("replay", str(path), "--save", environment=environment).returncode == 0
    assert json.loads(path.read_text()) == blanked, "what cannot be decided stays as it was sent"


def test_a_difference_shows_what_is_in_a_client_state(flows: str, tmp_path: Path) -> None:
    content = replay.as_json(case(), "a call")
    content["events"][1]["commands"][0]["params"]["payload"] = "Something else."
    path = tmp_path / "call.json"
    path.write_text(json.dumps(content))
    environment = {"TMPDIR": str(tmp_path), "HOOKLINE_FLOWS": flows}
    done = command.run("replay", str(path), "--json", environment=environment)
    (difference,) = json.loads(done.stdout)["differences"]
    assert done.returncode == 1
    state = {"flow": "desk", "state": {"caller": "+12025550100"}}
    assert [each["params"]["client_state"] for each in (*difference["then"], *difference["now"])] == [state, state]
    shown = command.run("replay", str(path), environment=environment).stdout
    assert '"flow": "desk"' in " ".join(shown.split())
    assert decoded({"client_state": "not ours"}) == {"client_state": "not ours"}
