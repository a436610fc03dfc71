"""docs/migrating.md: its two applications, called by the simulator, do what their flows do."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import flows
import hookline
from hookline_local.base.signing import public_key_of
from hookline_local.simulator import Config, Scenario, Step, simulator_in_thread
from hookline_local.simulator.observations import CommandReceived, Observation
from tests.project.test_docs import DOCS, blocks, cells, codes, executed, section
from tests.support.flow_server import KEY, Received, webhook
from tests.support.played import line_with
from tests.support.world import sample_event

PAGE = DOCS / "migrating.md"
SEED = bytes(range(32))
CALLS = {
    "1": ["answer", "gather_using_speak", "speak", "hangup"],
    "2": ["answer", "gather_using_speak", "hangup"],
}


def block(name: str) -> str:
    """The block of Python that begins with this file's name."""
    return next(code for code in blocks(PAGE, "python") if code.startswith(f"# {name}\n"))


def scenario(key: str) -> Scenario:
    return Scenario(steps=(Step(when="gather_using_speak", press=key),))


@pytest.fixture
def flow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A flow of the page, as if it was in the folder; its name."""
    name = str(request.param)
    module = executed(block(f"flows/{name}.py"), f"flows.{name}")
    monkeypatch.setitem(sys.modules, f"flows.{name}", module)
    monkeypatch.setattr(flows, name, module, raising=False)
    return name


@pytest.fixture
def flask_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any, list[str]]]:
    """The application, the simulator that calls it, and the commands that Telnyx has executed."""
    commands: list[str] = []
    client: Any = None

    def receive(received: Received) -> int:
        return int(client.post(received.path, data=received.raw, headers=dict(received.headers)).status_code)

    def observe(seen: Observation) -> None:
        if isinstance(seen, CommandReceived) and seen.status == 200:
            commands.append(seen.action)

    config = Config(api_key=KEY, signing_seed=SEED, speed=0, patience=30)
    with webhook(receive) as url, simulator_in_thread(config) as telnyx:
        telnyx.call(lambda simulator: simulator.send_webhooks_to(f"{url}/webhooks"))
        telnyx.observe(observe)
        monkeypatch.setenv("TELNYX_API_KEY", KEY)
        monkeypatch.setenv("TELNYX_PUBLIC_KEY", public_key_of(SEED))
        monkeypatch.setenv("TELNYX_BASE_URL", telnyx.api_base_url)
        client = executed(block("app.py"), "app").app.test_client()
        yield client, telnyx, commands


@pytest.mark.parametrize("key", CALLS)
def test_the_flask_application_sends_these_commands(flask_app: tuple[Any, Any, list[str]], key: str) -> None:
    client, telnyx, commands = flask_app
    leg = telnyx.place_inbound_call(scenario=scenario(key))
    telnyx.settle(leg, timeout_seconds=60)
    assert commands == CALLS[key]
    assert client.post("/webhooks", data=b"{}").status_code == 401


@pytest.mark.parametrize("flow", ["hours"], indirect=True)
def test_its_flow_sends_the_same(flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with line_with(flow, monkeypatch) as line:
        for key, commands in CALLS.items():
            line.play(scenario(key))
            assert line.commands == commands


def invocation(kind: str, **more: object) -> dict[str, object]:
    participant = {"CallId": "call-1", "ParticipantTag": "LEG-A", "Direction": "Inbound", "Status": "Connected"}
    return {"InvocationEventType": kind, "CallDetails": {"Participants": [participant]}, **more}


def test_the_chime_handler_and_its_flow_decide_alike() -> None:
    handler = executed(block("handler.py"), "handler").lambda_handler
    flow = executed(block("flows/sales.py"), "flows.sales")

    def types(event: dict[str, object]) -> list[str]:
        return [action["Type"] for action in handler(event, None)["Actions"]]

    def actions(event_type: str, **payload: object) -> list[str]:
        event = sample_event(event_type)
        event = hookline.Event(event.id, event.type, event.occurred_at, {**event.payload, **payload})
        function = getattr(flow, event_type.replace(".", "_"))
        return [command.action for command in function(event, hookline.Call.of([event]))]

    assert types(invocation("NEW_INBOUND_CALL")) == ["SpeakAndGetDigits"]
    assert actions("call.initiated") + actions("call.answered") == ["answer", "gather_using_speak"]
    for digits, there, here in (("1", "CallAndBridge", "transfer"), ("2", "Hangup", "hangup")):
        assert types(invocation("ACTION_SUCCESSFUL", ActionData={"ReceivedDigits": digits})) == [there]
        assert actions("call.gather.ended", digits=digits) == [here]
    assert types(invocation("ACTION_FAILED")) == ["Hangup"]
    assert types(invocation("HANGUP")) == []
    assert json.dumps(handler(invocation("HANGUP"), None))


def test_every_command_and_event_in_the_tables_exists() -> None:
    text = PAGE.read_text()
    events = {path.stem for path in (DOCS.parent / "events").glob("*.json")}
    for row in cells(section(text, "Event by event")):
        assert {code for code in codes(row[1]) if re.fullmatch(r"(call|streaming)\.[a-z.]+", code)} - {
            "call.legs"
        } <= events
    for row in cells(section(text, "Action by action"))[1:]:
        named = {code for code in codes(row[1]) if re.fullmatch(r"[a-z]+(_[a-z]+)*", code)}
        parameters = {"max_length", "play_beep", "timeout_secs"}
        assert named - parameters - {"call_dtmf_received"} <= set(hookline.__all__), row
