"""Calls that the reception handles, webhook by webhook, with AWS in memory: in any order, and with refusals."""

import base64
import random
from collections.abc import Sequence

import pytest

from flows import reception
from flows.reception import DEFAULT_VOICE, CallFlow
from hookline_local.simulator import Scenario
from tests.support.deliveries import Call, Happening, webhooks
from tests.support.media_server import media_server
from tests.support.played import line_with

ORDERS = 100
SEED = 20261125


def key(digit: str, step: str = "greeting") -> Happening:
    return ("call.dtmf.received", step, {"digit": digit})


INITIATED: Happening = ("call.initiated", "", {"direction": "incoming", "state": "parked", "from": "+1", "to": "+2"})
ANSWERED: Happening = ("call.answered", "answer", {})
STARTED: Happening = ("call.speak.started", "greeting", {})
ENDED: Happening = ("call.speak.ended", "greeting", {"status": "completed"})
CUT_SHORT: Happening = ("call.speak.ended", "goodbye", {"status": "completed"})
GOODBYE_STARTED: Happening = ("call.speak.started", "goodbye", {})

STORIES: dict[str, Sequence[Happening]] = {
    "a card number follows the second 1": [INITIATED, ANSWERED, STARTED, key("1"), key("2"), key("1")],
    "the caller finishes in the greeting": [ANSWERED, STARTED, key("#"), CUT_SHORT, GOODBYE_STARTED, CUT_SHORT],
    "the music is stopped": [ANSWERED, STARTED, ENDED, key("*", "music"), key("1", "listening"), key("2", "listening")],
    "a file is missing": [ANSWERED, ENDED, ("call.playback.ended", "music", {"status": "file_not_found"}), key("1")],
    "a stream fails around the end": [
        *(ANSWERED, ("streaming.failed", "greeting", {}), key("2"), key("#")),
        *(("streaming.failed", "goodbye", {}), CUT_SHORT),
    ],
    "a recording fails around a pause": [
        *(ANSWERED, ("call.recording.error", "greeting", {}), key("1")),
        *(("call.recording.error", "greeting", {}), key("2"), STARTED),
    ],
}


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    settings = CallFlow(stream_url="wss://media.example.com/calls", audio_url="https://audio.example.com/a.mp3")
    monkeypatch.setattr(reception, "SETTINGS", settings)
    return Call(monkeypatch, flows="flows")


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_its_webhooks_ends_a_call_as_the_ordered_one_or_stricter(call: Call, name: str) -> None:
    story = webhooks(STORIES[name])
    ordered = call.run(story)
    chance = random.Random(SEED)
    for _ in range(ORDERS):
        order = story + chance.sample(story, 2)
        chance.shuffle(order)
        call.again()
        leg = call.run(order)
        delivered = [data["id"] for data in order]
        assert leg.hung_up == ordered.hung_up, delivered
        assert leg.is_at_least_as_strict_as(ordered), (delivered, leg)
        if not ordered.hung_up:
            assert (leg.step, leg.plays) == (ordered.step, ordered.plays), delivered


def test_a_refused_goodbye_still_hangs_up(call: Call) -> None:
    initiated, answered, finish = webhooks([INITIATED, ANSWERED, key("#")])
    for data in (initiated, answered):
        call.deliver(data)
    call.leg.refusing["speak"] = "90012"
    call.deliver(finish)
    assert call.leg.hung_up


@pytest.mark.parametrize("last", [[], [CUT_SHORT]], ids=["its end is never reported", "only the greeting's end is"])
def test_a_goodbye_whose_end_is_not_reported_still_hangs_up(call: Call, last: list[Happening]) -> None:
    for data in webhooks([INITIATED, ANSWERED, STARTED, key("#"), *last]):
        call.deliver(data)
    assert not call.leg.hung_up
    call.drain()  # the delayed hang-up
    assert call.leg.hung_up


def test_a_greeting_in_a_voice_that_telnyx_refuses_is_spoken_in_the_default_voice(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "SETTINGS", CallFlow(voice="Rime.Arcana.cove"))
    call.leg.refusing["Rime.Arcana.cove"] = "90012"
    call.run(webhooks([INITIATED, ANSWERED]))
    assert call.leg.plays == CallFlow().greeting
    assert (call.leg.step, call.leg.hung_up) == ("greeting", False)


def test_a_greeting_that_is_refused_in_every_voice_ends_the_call(call: Call) -> None:
    call.leg.refusing[DEFAULT_VOICE] = "90012"
    call.run(webhooks([INITIATED, ANSWERED]))
    assert call.leg.hung_up


def test_an_agent_at_the_other_end_of_the_stream_is_heard_on_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with media_server() as agent:
        settings = CallFlow(stream_url=agent.url, stream_reply="rtp,L16,16000,self")
        monkeypatch.setattr(reception, "SETTINGS", settings)
        with line_with("reception", monkeypatch) as line:
            leg = line.place(Scenario())
            agent.wait_for("start")
            second_of_sound = base64.b64encode(bytes(2 * 16_000)).decode()
            agent.send(event="media", media={"payload": second_of_sound})
            agent.send(event="mark", mark={"name": "spoken"})
            assert agent.wait_for("mark")["mark"] == {"name": "spoken"}, "it comes back when the sound has been played"
            line.telnyx.hang_up(leg)
            line.settle(leg)
            assert line.commands.count("streaming_start") == 1
