"""`hookline cost`: the estimate by service, and the page that shows it for three sizes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hookline_local.emulator.template import load_template
from hookline_local.operations.cost import ALARMS, METRICS, POLLS_PER_MONTH, POSTS_ALARMS, PRICES, PUBLISHING_ALARMS
from tests.support import command

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cost.md"
SIZES = (100, 10_000, 1_000_000)


def estimated(calls_per_day: int, minutes: float = 3, *more: str) -> dict[str, Any]:
    arguments = ("--calls-per-day", str(calls_per_day), "--minutes", str(minutes), *more, "--json")
    document: dict[str, Any] = json.loads(command.run("cost", *arguments, environment={}).stdout)
    return document


def test_the_page_shows_what_the_command_computes() -> None:
    rows = {
        cells[0]: cells[1:]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if "$" in line and (cells := [cell.strip(" *") for cell in line.strip("|").split("|")])
    }
    documents = [estimated(size, 3, "--publish-events", "--posts", "1") for size in SIZES]
    for at, service in enumerate(documents[0]["services"]):
        months = [f"${document['services'][at]['per_month']:,.2f}" for document in documents]
        assert rows[service["service"]] == [f"${service['per_call']:.6f}", *months, service["basis"]]
    for name, chosen in (("all", [estimated(size) for size in SIZES]), ("all, published and posted", documents)):
        sums = [f"${document['dollars_per_month']:,.2f}" for document in chosen]
        assert rows[name][:4] == [f"${chosen[0]['dollars_per_call']:.6f}", *sums]


def test_without_calls_only_what_is_always_there_is_billed() -> None:
    document = estimated(0)
    monthly = {service["service"]: service["per_month"] for service in document["services"] if service["per_month"]}
    assert monthly == {
        "SQS": pytest.approx(POLLS_PER_MONTH * PRICES["sqs_request"].dollars),
        "CloudWatch": pytest.approx(ALARMS * 0.10 + METRICS * 0.30 + 3.00),
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
    given = {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0", "PublishEvents": "on"}
    posts = {"EventWebhookUrl": "https://crm.example.com/hooks"}
    for more, alarms in (({}, PUBLISHING_ALARMS), (posts, PUBLISHING_ALARMS + POSTS_ALARMS)):
        published = load_template(ROOT / "template.yaml", {**given, **more})
        assert len(published.resources("AWS::CloudWatch::Alarm")) == ALARMS + alarms
    body = template.source["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert len(set(re.findall(r'"Hookline", "([^"]+)"', body))) == METRICS


def test_for_people_it_is_a_table_with_its_region_and_date() -> None:
    shown = command.run("cost", environment={"COLUMNS": "110"}).stdout
    assert "us-east-1" in shown
    assert "2026-11-25" in shown
    assert "all " in shown


def test_a_price_without_a_source_is_marked_in_the_output_and_on_the_page() -> None:
    prices = estimated(100)["prices"]
    remembered = {name for name, price in prices.items() if not price["source"]}
    shown = " ".join(command.run("cost", environment={"COLUMNS": "200"}).stdout.split())
    listed = shown.partition("no source was found: ")[2].partition(". ")[0]
    assert remembered == set(listed.split(", "))
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in remembered)


def test_the_sum_of_a_hundred_calls_a_day_is_that_of_a_calculation_by_hand() -> None:
    """A call of three minutes: 9 webhooks and 18 transcript segments."""
    calls = 100 * 30
    lambda_ = 28 * 0.20e-6 + (23 * 0.03 + 4 * 0.3 + 5) * 0.5 * 0.0000133334
    dynamodb = 98 * 0.625e-6 + 16 * 0.125e-6 + 98e-6 * (0.25 + 0.20)
    s3 = 0.005 / 1000 + 180 * 8_000 / 1e9 * 0.023
    call = 27 * 1e-6 + lambda_ + dynamodb + 3 * 0.5e-6 + s3 + 27e-6 * 0.50
    month = ALARMS * 0.10 + METRICS * 0.30 + 3 + 0.40 + 45 * 60 * 24 * 30 * 0.5e-6
    assert estimated(100)["dollars_per_month"] == pytest.approx(calls * call + month)


def test_what_publishing_adds_is_that_of_a_calculation_by_hand() -> None:
    """28 events of 2 KB, the archive for 14 of 30 days; reads of the stream, polls of two queues, alarms, a secret."""
    calls, polls = 100 * 30, 15 * 60 * 24 * 30 * 0.5e-6
    events = 28 * 1.4e-6 + 56e-6 * (0.10 + 0.023 * 14 / 30)
    function = 0.20e-6 + 0.3 * 0.5 * 0.0000133334 + 3 * 0.5e-6
    summary = function + 3 * 0.625e-6 + 16 * 0.125e-6
    always = 4 * 3600 * 24 * 30 * 0.02e-5 + 2 * polls + 9 * 0.10 + 0.40
    added = estimated(100, 3, "--publish-events", "--posts", "2")["dollars_per_month"]
    added -= estimated(100)["dollars_per_month"]
    assert added == pytest.approx(calls * (events + summary + 2 * function) + always)


def test_posts_without_publishing_are_refused() -> None:
    done = command.run("cost", "--posts", "1", environment={})
    assert (done.returncode, "--posts requires --publish-events" in done.stderr) == (2, True)
