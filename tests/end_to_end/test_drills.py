"""`hookline drill`: all drills in one stack. Each makes the fault of a runbook; only then the page's own commands and
queries show what it promises, and the alarm of template.yaml would be on.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hookline_local.cli import drill_view
from hookline_local.emulator.template import load_template
from hookline_local.operations.drills.faults import FAULTS
from hookline_local.operations.drills.page import Step, is_seen, names, read
from tests.support.command import Done, run
from tests.support.world import PROJECT

RUNBOOKS = PROJECT / "docs" / "runbooks"
PAGES = sorted(FAULTS)


def hookline(*arguments: str) -> Done:
    return run(*arguments, environment={name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ})


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, Any]]:
    """Every drill, by page."""
    done = hookline("drill", "--all", "--json")
    assert done.stdout, done.stderr
    return {drill["name"]: drill for drill in json.loads(done.stdout)["drills"]}


def problems(drill: dict[str, Any]) -> list[str]:
    return [f"{check['part']}: {check['what']} {check['problem']}" for check in drill["checks"] if check["problem"]]


def test_every_alarm_has_a_drill() -> None:
    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"})
    resources = template.source["Resources"].items()
    alarms = {name for name, resource in resources if resource["Type"] == "AWS::CloudWatch::Alarm"}
    assert {f"{name}Alarm" for name in FAULTS} == alarms
    assert names(RUNBOOKS) == PAGES
    listed = json.loads(hookline("drill", "--list", "--json").stdout)
    assert [drill["name"] for drill in listed["drills"]] == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_runbook_find_its_fault_and_see_its_end(name: str, played: dict[str, dict[str, Any]]) -> None:
    drill = played[name]
    assert problems(drill) == []
    assert drill["ok"]
    alarm = [check["what"] for check in drill["checks"] if check["part"] == "alarm"]
    assert alarm == [f"{name}Alarm is {state}" for state in ("off", "on", "off")]


@pytest.mark.parametrize("name", PAGES)
def test_a_runbook_says_what_one_sees(name: str) -> None:
    page = read(RUNBOOKS / f"{name}.md")
    assert [step for step in page.look if step.sees]
    assert page.over


def test_a_drill_fails_when_its_page_does_not_find_the_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ways: it looks for something else, at something that is always there, and believes too early in the end."""
    (tmp_path / "SignaturesRejected.md").write_text(
        "## What to look at\n\n"
        '* `filter message = "webhook journalled"`: you see `message`.\n'
        "* `hookline queues --stack hookline`: you see `CommandQueue`.\n\n"
        "## What to do\n\n* Nothing.\n\n"
        "## How to know that it is over\n\n* `hookline queues --stack hookline`: you no longer see `CommandQueue`.\n"
    )
    monkeypatch.setattr(drill_view, "RUNBOOKS", tmp_path)
    done = hookline("drill", "SignaturesRejected", "--json")
    assert done.returncode == 1
    (drill,) = json.loads(done.stdout)["drills"]
    not_found, always, not_over = problems(drill)
    assert "does not show message" in not_found
    assert "shows the same without the fault" in always
    assert "still shows CommandQueue" in not_over


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["drill"], "expected NAME, --all or --list"),
        (["drill", "--all", "--list"], "expected NAME, --all or --list"),
        (["drill", "FlowFailure"], "Did you mean FlowFailed"),
        (["drill", "--all", "--stack", "hookline"], "No such option: --stack"),
    ],
)
def test_a_mistyped_drill_starts_nothing(arguments: list[str], expected: str) -> None:
    done = hookline(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("bullet", "expected"),
    [
        (
            "`hookline queues --stack hookline`: you see `A N` and `B`.",
            Step("command", "queues --stack hookline", ("A N", "B")),
        ),
        ("`hookline queues`: you see `A N` or `A 0 N`.", Step("command", "queues", ("A N | A 0 N",))),
        ('Logs Insights: `filter a = "b"`. You see `b`.', Step("query", 'filter a = "b"', ("b",))),
        (
            'Logs Insights on AccessLogGroupName, `filter a = "b"`; you no longer see `b`.',
            Step("access log", 'filter a = "b"', (), ("b",)),
        ),
        ("The saved query `hookline/crashes`: you see `x`, `y`.", Step("saved query", "crashes", ("x", "y"))),
        ("The dashboard, *Webhooks*: how many?", Step("dashboard", "Webhooks")),
        ("Wait, and see `nothing`.", Step("text", "Wait, and see `nothing`.")),
    ],
)
def test_a_bullet_of_a_runbook_is_read(bullet: str, expected: Step, tmp_path: Path) -> None:
    page = tmp_path / "Page.md"
    page.write_text(f"## What to look at\n\n* {bullet}\n\n## How to know that it is over\n\n* Never.\n")
    assert read(page).look == (expected,)


@pytest.mark.parametrize(
    ("text", "output", "expected"),
    [
        ("Queue N", "Queue   12  0", True),
        ("Queue N", "Queue  0  12", False),
        ("Queue N | Queue 0 N", "Queue  0  12", True),
        ("flow <NAME> failed", "the flow reception\n   failed: KeyError", True),
        ("(refused <CODE>)", "answer (refused 90015)", True),
        ("(refused <CODE>)", "answer (accepted)", False),
        ("a.b", "a+b", False),
    ],
)
def test_what_one_sees_is_found_in_an_output(text: str, output: str, expected: bool) -> None:
    assert is_seen(text, output) is expected
