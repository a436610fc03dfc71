"""The console for everybody: the rules of accessibility, a narrow screen, dark, the keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from hookline_local.simulator import Leg
from tests.console.conftest import DESK, PHONE, Desk, violations
from tests.support.live_line import LiveLine, wait_for

PAGES = {
    "#/calls": "Calls",
    "#/dial": "Place a call",
    "#/health": "Line health",
    "#/phone": "Phone",
}


@pytest.fixture(scope="module")
def leg(line: LiveLine) -> Leg:
    leg = line.ring("+12025550188")
    wait_for(lambda: line.running(leg).get("recording") == "on")
    return leg


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_or_is_wider_than_a_phone(
    line: LiveLine, desks: Callable[..., Desk], leg: Leg, scheme: str
) -> None:
    desk = desks(color_scheme=scheme, viewport=PHONE)
    page = desk.open(line.console)
    for hash_, title in {**PAGES, f"#/calls/{leg.call_leg_id}": leg.from_number}.items():
        page.evaluate("hash => { location.hash = hash }", hash_)
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        expect(page.get_by_text("Loading …")).to_have_count(0)
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            assert violations(page) == [], (hash_, size)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= size["width"], (hash_, size)


def test_a_call_is_commanded_by_the_keyboard_alone(line: LiveLine, desk: Desk, leg: Leg) -> None:
    page = desk.open(line.console)
    expect(page.get_by_role("link", name=leg.from_number).first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    reach(page, lambda: page.get_by_role("link", name=leg.from_number).first)
    page.keyboard.press("Enter")
    expect(page.locator(".facts")).to_contain_text("recording")
    reach(page, lambda: page.get_by_role("button", name="Hang up …"))
    page.keyboard.press("Enter")
    form = page.locator(".actions form")
    expect(form.get_by_role("button", name="Hang up")).to_be_focused()
    page.keyboard.press("Tab")
    expect(form.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(form).to_have_count(0)
    assert line.running(leg).get("recording") == "on"


def reach(page: Page, found: Callable[[], Locator]) -> None:
    """Press Tab until it is focused."""
    for _ in range(60):
        if found().evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("it is not reached by the keyboard")
