"""`hookline cost`: the estimate by service, and the page that shows it for three sizes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hookline_local.emulator.template import load_template
from hookline_local.operations.cost import ALARMS, METRICS, POLLS_PER_MONTH, PRICES
from tests.support import command

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cost.md"
SIZES = (100, 10_000, 1_000_000)


def estimated(calls_per_day: int, minutes: float = 3) -> dict[str, Any]:
    arguments = ("--calls-per-day", str(calls_per_day), "--minutes", str(minutes), "--json")
    document: dict[str, Any] = json.loads(command.run("cost", *arguments, environment={}).stdout)
    return document


def test_the_page_shows_what_the_command_computes() -> None:
    rows = {
        cells[0]: cells[1:]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if "$" in line and (cells := [cell.strip(" *") for cell in line.strip("|").split("|")])
    }
    documents = [estimated(size) for size in SIZES]
    for at, service in enumerate(documents[0]["services"]):
        months = [f"${document['services'][at]['per_month']:,.2f}" for document in documents]
        assert rows[service["service"]] == [f"${service['per_call']:.6f}", *months, service["basis"]]
    sums = [f"${document['dollars_per_month']:,.2f}" for document in documents]
    assert rows["all"][:4] == [f"${documents[0]['dollars_per_call']:.6f}", *sums]


def test_without_calls_only_what_is_always_there_is_billed() -> None:
    document = estimated(0)
    monthly = {service["service"]: service["per_month"] for service in document["services"] if service["per_month"]}
    assert monthly == {
        "SQS": pytest.approx(POLLS_PER_MONTH * PRICES["sqs_request"]),
        "CloudWatch": pytest.approx(ALARMS * 0.10 + METRICS * 0.30),
        "Secrets Manager": 0.40,
    }


def test_a_longer_call_costs_more_and_twice_the_calls_cost_twice() -> None:
    assert estimated(100, 6)["dollars_per_call"] > estimated(100, 3)["dollars_per_call"]
    fixed = estimated(0)["dollars_per_month"]
    once, twice = (estimated(size)["dollars_per_month"] - fixed for size in (100, 200))
    assert twice == pytest.approx(2 * once)


def test_the_alarms_and_metrics_of_the_estimate_are_those_of_the_template() -> None:
    template = load_template(ROOT / "template.yaml", {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"})
    assert len(template.resources("AWS::CloudWatch::Alarm")) == ALARMS
    body = template.source["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert len(set(re.findall(r'"Hookline", "([^"]+)"', body))) == METRICS


def test_for_people_it_is_a_table_with_its_region_and_date() -> None:
    shown = command.run("cost", environment={"COLUMNS": "110"}).stdout
    assert "us-east-1" in shown
    assert "2026-11-25" in shown
    assert "all " in shown
