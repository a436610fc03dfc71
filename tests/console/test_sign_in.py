"""The console of a line that asks for tokens: signing in at the issuer, an expired token, a token without a scope."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from hookline_local.simulator import Leg
from tests.console.conftest import QUICK, Desk, violations
from tests.support.live_line import NUMBER, LiveLine, live_line
from tests.support.oidc import AUDIENCE, Issuer, oidc_issuer


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LiveLine, Issuer]]:
    """A line whose calls API and console ask for tokens of an issuer, and the issuer."""
    with oidc_issuer() as issuer:
        tokens = {"CallsApi": "token", "CallsApiIssuer": issuer.url, "CallsApiAudience": AUDIENCE}
        with live_line(QUICK, parameters={**tokens, "CallsApiClientId": AUDIENCE}) as line:
            yield line, issuer


@pytest.fixture
def line(running: tuple[LiveLine, Issuer]) -> LiveLine:
    return running[0]


@pytest.fixture
def issuer(running: tuple[LiveLine, Issuer]) -> Iterator[Issuer]:
    issuer = running[1]
    yield issuer
    issuer.lifetime, issuer.withheld = 3600, set()


@pytest.fixture(scope="module")
def leg(running: tuple[LiveLine, Issuer]) -> Leg:
    return running[0].ring()


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_and_the_token_stays_in_memory(line: LiveLine, issuer: Issuer, desk: Desk, leg: Leg) -> None:
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    assert violations(page) == []
    sign_in(page)
    expect(page.locator(".facts")).to_contain_text("recording")  # the page that was asked for
    assert "code=" not in page.url
    assert page.evaluate("() => [{...localStorage}, {...sessionStorage}, document.cookie]") == [{}, {}, ""]
    page.get_by_role("button", name="Pause the recording").click()
    expect(page.locator(".timeline")).to_contain_text(f"Pause recording, by {issuer.url}#ann")
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.get_by_role("link", name="Phone").count() == 0


def test_an_expired_token_ends_the_sign_in_and_a_new_one_leads_back(
    line: LiveLine, issuer: Issuer, desk: Desk, leg: Leg
) -> None:
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    issuer.lifetime = 2
    sign_in(page)
    expect(page.get_by_role("alert")).to_have_text("Your sign-in has ended.")
    issuer.lifetime = 3600
    sign_in(page)
    expect(page.get_by_role("heading", name=leg.from_number)).to_be_visible()


def test_an_action_with_an_expired_token_ends_the_sign_in_as_well(
    line: LiveLine, issuer: Issuer, desk: Desk, leg: Leg
) -> None:
    page = desk.open(f"{line.console}#/dial")  # a page that asks for nothing by itself
    issuer.lifetime = 1
    sign_in(page)
    expect(page.get_by_role("heading", name="Place a call")).to_be_visible()
    page.wait_for_function("began => Date.now() > began + 2000", arg=page.evaluate("() => Date.now()"))
    for label, value in {"to call": "+12025550177", "that is shown": NUMBER, "connection id": "1"}.items():
        page.get_by_label(re.compile(label)).fill(value)
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("alert")).to_have_text("Your sign-in has ended.")


def test_a_sign_in_that_ends_in_the_middle_of_an_action_leaves_the_call_as_it_was(
    line: LiveLine, issuer: Issuer, desk: Desk, leg: Leg
) -> None:
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    issuer.lifetime = 3
    sign_in(page)
    page.get_by_role("button", name="Hang up …").click()
    expect(page.get_by_role("alert")).to_have_text("Your sign-in has ended.")
    assert page.get_by_role("button", name="Hang up").count() == 0
    issuer.lifetime = 3600
    sign_in(page)
    expect(page.get_by_role("button", name="Hang up …")).to_be_visible()  # the call that was open, and lives
    assert page.locator(".actions form").count() == 0  # nothing is done that was asked for before
    page.get_by_role("button", name=re.compile("(Pause|Resume) the recording")).click()
    expect(page.locator(".actions + [role=status]")).to_contain_text("accepted")


def test_what_a_token_may_not_do_is_off(line: LiveLine, issuer: Issuer, desk: Desk, leg: Leg) -> None:
    issuer.withheld = {"hookline/steer", "hookline/dial"}
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    sign_in(page)
    expect(page.get_by_text("Your token may not steer calls")).to_be_visible()
    buttons = page.locator(".actions > li > button")
    assert buttons.count() > 0
    assert all(button.is_disabled() for button in buttons.all())
    page.get_by_role("link", name="Place a call").click()
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()
    assert violations(page) == []


def test_a_token_that_may_not_read_is_named_as_the_reason(line: LiveLine, issuer: Issuer, desk: Desk) -> None:
    issuer.withheld = {"hookline/read"}
    page = desk.open(line.console)
    sign_in(page)
    expect(page.get_by_role("status").first).to_contain_text("it lacks the scope")


def test_a_sign_in_that_was_not_begun_here_is_refused(line: LiveLine, issuer: Issuer, desk: Desk) -> None:
    before = len(issuer.requests)
    page = desk.open(f"{line.console}?code=stolen&state=x")
    expect(page.get_by_role("alert")).to_contain_text("was not begun here")
    assert ("POST", "/token") not in issuer.requests[before:]
