"""The pages of the console under what happens to a page: two tabs, a lost connection, strangers' text, a long call."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from hookline.journal import newest_first
from hookline_local.emulator.moto_server import local_session
from hookline_local.simulator import Leg, Scenario
from tests.console.conftest import Desk
from tests.support.live_line import NUMBER, LiveLine, wait_for

HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=2</script>"


@pytest.fixture(scope="module")
def leg(line: LiveLine) -> Leg:
    """Of a call that is recorded now."""
    leg = line.ring()
    wait_for(lambda: line.running(leg).get("recording") == "on")
    return leg


def open_call(desk: Desk, line: LiveLine, leg: Leg) -> Page:
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    expect(page.locator(".facts")).to_contain_text("recording")
    return page


def test_two_tabs_show_the_same_call(line: LiveLine, desk: Desk, leg: Leg) -> None:
    first, second = open_call(desk, line, leg), open_call(desk, line, leg)
    first.get_by_role("button", name="Pause the recording").click()
    second.get_by_role("button", name="Resume the recording").click()
    expect(first.get_by_role("button", name="Pause the recording")).to_be_visible()


def test_a_lost_connection_is_shown_until_it_is_back(line: LiveLine, desk: Desk, leg: Leg) -> None:
    page = open_call(desk, line, leg)
    desk.context.set_offline(True)
    expect(page.get_by_role("status").first).to_contain_text("The connection is lost")
    expect(page.locator(".facts")).to_contain_text("recording")  # what was known is still there
    page.get_by_role("button", name="Speak …").click()
    page.get_by_label("The words").fill("Hello.")
    page.locator(".actions form").get_by_role("button", name="Speak").click()
    expect(page.get_by_text("Speak: The API does not answer.")).to_be_visible()
    desk.context.set_offline(False)
    expect(page.get_by_text("The connection is lost")).to_have_count(0)


def test_a_page_asks_each_second_while_a_call_is_live_and_never_while_it_is_hidden(
    line: LiveLine, desks: Callable[..., Desk], leg: Leg
) -> None:
    page = desks().context.new_page()
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{line.console}#/calls/{leg.call_leg_id}")
    expect(page.locator(".facts")).to_contain_text("recording")
    for _ in range(3):
        with page.expect_response(lambda response: "/timeline" in response.url):
            page.clock.run_for(1_000)
    show(page, is_hidden=True)
    asked.clear()
    for _ in range(5):  # what is asked meanwhile is answered before this is, and then its timer runs
        page.clock.run_for(10_000)
        page.evaluate("() => fetch('/calls?limit=1').then((response) => response.text())")
    assert {url.rpartition("/")[2] for url in asked} == {"calls?limit=1"}
    with page.expect_response(lambda response: "/timeline" in response.url):
        show(page, is_hidden=False)


def show(page: Page, *, is_hidden: bool) -> None:
    """Put the page behind another tab, or in front again."""
    page.evaluate(
        """isHidden => {
            Object.defineProperty(document, "hidden", {get: () => isHidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_the_text_of_strangers_is_only_ever_text(line: LiveLine, desk: Desk) -> None:
    scenario = Scenario(from_number=HOSTILE, to_number=NUMBER, caller_id_name=HOSTILE)
    leg = line.telnyx.place_inbound_call(HOSTILE, NUMBER, scenario)
    wait_for(lambda: line.running(leg).get("transcription"))
    spoken = {"text": HOSTILE}
    httpx.post(f"{line.telnyx.url}/_simulator/calls/{leg.call_leg_id}/speak", json=spoken).raise_for_status()
    page = desk.open(line.console)
    row = page.get_by_role("link", name=re.compile("onerror"))
    expect(row.first).to_contain_text(HOSTILE)
    row.first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    expect(page.locator(".transcript")).to_contain_text(HOSTILE)
    page.locator(".timeline summary").first.click()
    expect(page.locator(".timeline pre").first).to_contain_text("onerror")
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("() => window.hit") is None


def test_a_call_of_a_thousand_events_is_shown_whole(line: LiveLine, desk: Desk, leg: Leg) -> None:
    add_keys(line, leg, 1_000)
    page = open_call(desk, line, leg)
    keys = page.locator(".timeline li", has_text="Key pressed")
    expect(keys).to_have_count(1_000)
    assert asked_for_timeline(desk) >= 5
    before = asked_for_timeline(desk)
    page.get_by_role("button", name="Pause the recording").click()
    expect(page.get_by_role("button", name="Resume the recording")).to_be_visible()
    expect(page.locator(".timeline li").last).to_contain_text("From outside")
    assert asked_for_timeline(desk) > before


def asked_for_timeline(desk: Desk) -> int:
    return sum("/timeline" in url for url in desk.requests)


def add_keys(line: LiveLine, leg: Leg, number: int) -> None:
    """Put keys into the journal as webhooks would have, in the seconds after the call began: none of them commands."""
    table = line.stack.template.physical_id("CallsTable")
    client = local_session("us-east-1").client("dynamodb", endpoint_url=line.stack.aws_endpoint)
    found = client.query(
        TableName=table,
        KeyConditionExpression="pk = :leg AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":leg": {"S": f"LEG#{leg.call_leg_id}"}, ":kind": {"S": "CALL#"}},
        Limit=1,
    )
    (item,) = found["Items"]
    began = datetime.fromisoformat(item["occurred_at"]["S"].replace("Z", "+00:00")).astimezone(UTC)
    for start in range(0, number, 25):
        items = [key_item(item, began + timedelta(milliseconds=one)) for one in range(start, start + 25)]
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": each}} for each in items]})


def key_item(item: dict[str, Any], at: datetime) -> dict[str, Any]:
    event_id, occurred_at = str(uuid.uuid4()), at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = json.loads(item["body"]["S"])
    payload = {name: body["data"]["payload"][name] for name in ("call_leg_id", "call_session_id", "call_control_id")}
    body["data"] |= {"id": event_id, "event_type": "call.dtmf.received", "occurred_at": occurred_at}
    body["data"]["payload"] = payload | {"digit": "7"}
    texts = {
        "sk": f"KEY#{newest_first(occurred_at)}#{event_id}",
        "event_id": event_id,
        "event_type": "call.dtmf.received",
        "occurred_at": occurred_at,
        "body": json.dumps(body),
    }
    rest = {name: value for name, value in item.items() if name not in ("day", "from_number", "to_number", "commands")}
    return rest | {name: {"S": text} for name, text in texts.items()}
