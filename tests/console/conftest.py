"""One browser, one line, and for each test pages whose errors and requests to other hosts are mistakes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from hookline_local.simulator import Config
from hookline_local.stacks.local import API_KEY
from tests.console.browser import FLAGS, found
from tests.support.live_line import LONGEST_SECONDS, LiveLine, live_line

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"

QUICK = Config(api_key=API_KEY, patience=5.0, characters_per_second=100, save_seconds=0.2)
"""At speed 1: any other, and the events of calls lie in the future of what is done at the desk."""

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def line() -> Iterator[LiveLine]:
    """A line that asks for no tokens. People and the line speak fast in its calls; its recordings have peaks."""
    with live_line(QUICK, parameters={"LineRecordFormat": "wav"}) as running:
        yield running


class Desk:
    """A person's browser. errors: of the scripts of its pages, and what their policy forbade."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.errors: list[str] = []
        self.requests: list[str] = []
        context.set_default_timeout(LONGEST_SECONDS * 1000)

    def open(self, url: str) -> Page:
        """A page in a tab of its own."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        return page

    def _note(self, message: Any) -> None:
        # A browser logs each answer of 400 and above, and each request without an answer: not a mistake of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)


@pytest.fixture
def desks(browser: Browser) -> Iterator[Callable[..., Desk]]:
    """Makes desks; at the end none may have seen an error or asked another host."""
    made: list[Desk] = []

    def make(**options: Any) -> Desk:
        made.append(Desk(browser.new_context(**{"viewport": DESK, **options})))
        return made[-1]

    expect.set_options(timeout=LONGEST_SECONDS * 1000)
    yield make
    for desk in made:
        desk.context.close()
        assert desk.errors == []
        assert [url for url in desk.requests if not url.startswith(("http://127.0.0.1:", "data:"))] == []


@pytest.fixture
def desk(desks: Callable[..., Desk]) -> Desk:
    return desks()


def violations(page: Page) -> list[str]:
    """The rules of accessibility that a page breaks, with the first place of each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]
