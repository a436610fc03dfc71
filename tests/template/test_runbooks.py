"""docs/runbooks/: a page for every alarm and an alarm for every page, and nothing in them that does not exist."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from hookline.webhook import METRIC_BY_RESULT
from hookline_local.cli.app import app
from hookline_local.emulator.template import Template, load_template

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
PARTS = ["What it means", "What to look at", "What to do", "How to know that it is over"]
MOST_METRICS = 30
"""Each is billed by the month (aws.amazon.com/cloudwatch/pricing)."""


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template(ROOT / "template.yaml", {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"})


def deployed_source() -> str:
    sources = [*ROOT.glob("layers/hookline/hookline/**/*.py"), *ROOT.glob("functions/*.py")]
    return "".join(source.read_text(encoding="utf-8") for source in sources)


def declared(template: Template, kind: str) -> dict[str, Any]:
    """The resources of a type, also those that a parameter switches on."""
    resources: dict[str, Any] = template.source["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and what is left of them."""
    command: Any = typer.main.get_command(app)
    left = list(words)
    while left and hasattr(command, "commands") and left[0] in command.commands:
        command = command.commands[left.pop(0)]
    return command, left


def test_every_alarm_has_a_page_and_every_page_an_alarm(template: Template) -> None:
    alarms = declared(template, "AWS::CloudWatch::Alarm")
    assert sorted(f"{page.stem}Alarm" for page in PAGES) == sorted(alarms)
    for alarm in alarms:
        text = alarms[alarm]["Properties"]["AlarmDescription"]["Fn::Sub"]
        assert text.split()[-2:] == ["Runbook:", f"${{RunbookUrl}}{alarm.removesuffix('Alarm')}.md"]
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \|", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(page.stem for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_four_parts_and_its_commands_are_typed_right(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    typed = re.findall(r"`hookline ([a-z][^`]*)`", " ".join(text.split()))
    for words in map(str.split, typed):
        command, left = command_of(words)
        assert words != left, f"hookline {' '.join(words)}"
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in left if word.startswith("--")} <= options, f"hookline {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_what_exists(page: Path, template: Template) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    known = {*template.source["Parameters"], *template.source["Resources"], *template.source["Outputs"]}
    kinds = "Queue|Function|Alarm|Concurrency|Limit|Hosts|MaxBytes|Keys|Arn|Text|Allow|LiveCalls|Name"
    named = set(re.findall(rf"\b[A-Z][a-z]+[A-Z]\w*(?:{kinds})\b", text)) - {"AccessDenied"}
    assert named - known == set()
    source = deployed_source()
    for message in re.findall(r'filter message = "([^"]+)"', text):
        assert f'"{message}"' in source, message
    queries = {
        query["Properties"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}/")
        for query in declared(template, "AWS::Logs::QueryDefinition").values()
    }
    assert set(re.findall(r"`hookline/([^`]+)`", text)) <= queries


def test_the_dashboard_shows_every_alarm_and_only_metrics_that_are_emitted(template: Template) -> None:
    body = template.source["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    # What is deployed only sometimes cannot be named here: the dashboard could not be deployed without it.
    always = {
        name: alarm for name, alarm in declared(template, "AWS::CloudWatch::Alarm").items() if "Condition" not in alarm
    }
    alarms = {f"${{{alarm}.Arn}}" for alarm in always}
    assert set(widgets[0]["properties"]["alarms"]) == alarms
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    own = {metric[1] for metric in metrics if metric[0] == "Hookline"}
    counted = {name for name in own if not name.startswith("${AWS::StackName}-")}
    source = deployed_source()
    assert {name for name in counted if f'"{name}"' not in source} == set()
    filtered = {
        transformation["MetricName"]["Fn::Sub"]
        for name in template.resources("AWS::Logs::MetricFilter")
        for transformation in template.source["Resources"][name]["Properties"]["MetricTransformations"]
    }
    assert own - counted == filtered
    queues = {metric[3] for metric in metrics if metric[0] == "AWS/SQS"}
    assert {re.sub(r"\$\{(\w+)\.QueueName\}", r"\1", queue) for queue in queues} <= set(
        template.resources("AWS::SQS::Queue")
    )


def test_there_are_few_enough_metrics_and_the_dashboard_shows_all_of_them(template: Template) -> None:
    """The one dimension is the stack's name, so a metric of ours is one metric on the bill."""
    calls = re.findall(r"(?:count|measure)\(([^()]*)", deployed_source())
    counted = {name for arguments in calls for name in re.findall(r'"([A-Z]\w+)"', arguments)}
    counted |= set(METRIC_BY_RESULT.values())
    filtered = template.resources("AWS::Logs::MetricFilter")
    assert {"FlowFailed", "CommandQueued", "RecordingArchived", "RecordingLag", "WrongRoute"} <= counted
    assert len(counted) + len(filtered) <= MOST_METRICS
    body = template.source["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert {name for name in counted if f'"{name}"' not in body} == set()


def test_only_hours_that_usually_have_webhooks_are_expected_to_have_some() -> None:
    given = {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"}
    path = ROOT / "template.yaml"
    assert not load_template(path, given).condition("ExpectsWebhooks")
    hours = {"WebhooksExpectedFrom": "8", "WebhooksExpectedUntil": "17"}
    assert load_template(path, given | hours).condition("ExpectsWebhooks")
