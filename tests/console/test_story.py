"""A call from ring to playback, as the person at the desk sees it while it goes on."""

import re
import time

import httpx
from playwright.sync_api import expect

from tests.console.conftest import Desk
from tests.support.live_line import LiveLine, wait_for

COLUMNS = """node => {
    const dots = node.getContext("2d").getImageData(0, 0, node.width, node.height).data;
    const dot = (x, y) => dots[(y * node.width + x) * 4 + 3];
    const isPainted = (x) => Array.from({length: node.height}, (_, y) => dot(x, y)).some(Boolean);
    return Array.from({length: node.width}, (_, x) => isPainted(x)).filter(Boolean).length;
}"""
"""The columns of a canvas that have some color."""


def test_a_call_from_ring_to_playback(line: LiveLine, desk: Desk) -> None:
    page = desk.open(line.console)
    expect(page.get_by_role("heading", name="Calls")).to_be_visible()

    # The phone of this console rings the line, and the call shows among the live ones.
    page.get_by_role("link", name="Phone").click()
    page.get_by_label("From").fill("+12025550171")
    page.get_by_role("button", name="Ring").click()
    expect(page.get_by_role("link", name="This call in the console")).to_be_visible()
    wait_for(lambda: line.http.get("/calls", params={"number": "+12025550171"}).json()["calls"])
    page.get_by_role("link", name="Calls").click()
    row = page.get_by_role("link", name=re.compile(r"\+12025550171"))
    expect(row.first).to_contain_text("live")
    row.first.click()
    expect(page.locator(".facts")).to_contain_text("recording")
    leg = page.url.rpartition("/")[2]

    # What the caller speaks comes as it is transcribed.
    spoken = {"text": "I would like a table for two."}
    assert httpx.post(f"{line.telnyx.url}/_simulator/calls/{leg}/speak", json=spoken).status_code == 200
    expect(page.locator(".transcript")).to_contain_text("I would like a table for two.")

    # The recording is paused, and resumed.
    page.get_by_role("button", name="Pause the recording").click()
    expect(page.locator(".facts")).to_contain_text("recording, paused")
    page.get_by_role("button", name="Resume the recording").click()
    expect(page.get_by_role("button", name="Pause the recording")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("From outside")

    # It is heard while the call goes on.
    assert line.http.post(f"/calls/{leg}/actions/record_stop", json={}).status_code == 200
    player = page.locator(".player")
    player.get_by_role("button", name="Play").click()
    audio = player.locator("audio")
    wait_for(lambda: audio.evaluate("node => node.currentTime > 0 && node.duration > 0"))
    assert player.locator("canvas").evaluate(COLUMNS) > 200  # the peaks; the marks alone are a few
    expect(page.locator(".facts")).to_contain_text("live")

    # To hang up is asked for twice.
    page.get_by_role("button", name="Hang up …").click()
    expect(page.locator(".actions form")).to_contain_text("This cannot be undone")
    page.locator(".actions form").get_by_role("button", name="Hang up").click()
    expect(page.locator(".facts")).to_contain_text("ended")
    expect(page.get_by_role("button", name="Hang up …")).to_have_count(0)


def test_a_link_that_dies_while_it_is_played_is_replaced_and_the_sound_goes_on(line: LiveLine, desk: Desk) -> None:
    leg = line.ring("+12025550172")
    wait_for(lambda: line.running(leg).get("recording") == "on")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() > began + 4)  # a recording of as many seconds
    assert line.http.post(f"/calls/{leg.call_leg_id}/actions/record_stop", json={}).status_code == 200
    page = desk.open(f"{line.console}#/calls/{leg.call_leg_id}")
    page.get_by_role("button", name="Play").click()
    audio = page.locator(".player audio")
    wait_for(lambda: audio.evaluate("node => node.currentTime > 1"))
    audio.evaluate("node => { node.onseeked = () => { window.soughtTo = node.currentTime; }; }")
    link = audio.get_attribute("src")
    # A browser finds a link dead when it needs bytes that it has not read yet: of a short recording it has read all.
    died_at = audio.evaluate("node => (node.dispatchEvent(new Event('error')), node.currentTime)")
    wait_for(lambda: audio.get_attribute("src") != link and audio.evaluate("node => node.ended"))
    assert audio.get_attribute("src") != link
    assert page.evaluate("() => window.soughtTo") >= died_at
    assert page.locator(".player [role=alert]").text_content() == ""
    assert sum(url.endswith("/audio") for url in desk.requests) == 2  # each link is journalled
