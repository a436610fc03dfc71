"""Calls play out on the simulator as they do at Telnyx: the events, their order, their fields."""

import json
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import telnyx as sdk

from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.simulator import Callee, InvalidScenario, Scenario, Step, as_scenario, read_scenario
from tests.support.flow_server import KEY, CallApplication, Received, answered_call, answers, app_and_telnyx

SPEAK = {"payload": "x" * 45, "voice": "female"}
ENDLESS = {"payload": "Hello.", "voice": "female", "loop": "infinity"}
DIAL = {"connection_id": "1494404757140276705", "from": "+12025550199", "to": "+12025550100"}


def silent(app: CallApplication, received: Received) -> None:
    """An application that sends nothing by itself."""


def greeting(app: CallApplication, received: Received) -> None:
    """Answers, greets, and hangs up when # is pressed."""
    answers(app, received)
    ccid = received.payload["call_control_id"]
    if received.type == "call.answered":
        app.send(ccid, "speak", **SPEAK)
    if received.type == "call.dtmf.received" and received.payload["digit"] == "#":
        app.send(ccid, "hangup")


def seconds_between(first: Received, second: Received) -> float:
    from datetime import datetime

    times = [datetime.fromisoformat(one.data["occurred_at"]) for one in (first, second)]
    return (times[1] - times[0]).total_seconds()


@pytest.mark.parametrize("speed", [0, 20])
def test_an_inbound_call_from_ring_to_hangup(speed: float) -> None:
    steps = (Step(when="call.speak.ended", after=1.5, press="12"), Step(press="#"))
    with app_and_telnyx(greeting, speed=speed) as (app, telnyx):
        leg = telnyx.place_inbound_call("+12025550142", "+12025550143", Scenario(steps=steps))
        telnyx.settle(leg)
        happened = sorted(app.received, key=lambda one: str(one.data["occurred_at"]))
        assert [one.type for one in happened] == [
            "call.initiated",
            "call.answered",
            "call.speak.started",
            "call.speak.ended",
            *["call.dtmf.received"] * 3,
            "call.hangup",
        ]
        assert speed or happened == app.received
        initiated, answered, started, ended, one, _two, _hash, hangup = happened
        assert initiated.payload["direction"] == "incoming"
        assert initiated.payload["client_state"] is None
        assert (initiated.payload["from"], initiated.payload["to"]) == ("+12025550142", "+12025550143")
        assert "direction" not in answered.payload
        assert "state" not in answered.payload
        assert ended.payload["status"] == "completed"
        assert ended.payload["speak_id"] == started.payload["speak_id"]
        for seconds, first, second in ((3.0, started, ended), (1.5, ended, one)):
            between = seconds_between(first, second)  # at a speed of its own the call waits for a busy machine
            assert between > seconds - 0.01 if speed else between == pytest.approx(seconds, abs=0.01)
        assert [one.payload["digit"] for one in happened[4:7]] == ["1", "2", "#"]
        assert hangup.payload["hangup_cause"] == "normal_clearing"
        assert hangup.payload["hangup_source"] == "callee"
        assert hangup.payload["sip_hangup_cause"] == "200"
        packets = hangup.payload["call_quality_stats"]["inbound"]["packet_count"]
        assert isinstance(packets, str)
        for received in app.received:
            assert {"call_control_id", "call_leg_id", "call_session_id", "connection_id"} <= set(received.payload)
            assert received.data["record_type"] == "event"


def test_at_speed_0_no_time_passes_while_the_application_thinks() -> None:
    thought = 0.15

    def slow(app: CallApplication, received: Received) -> None:
        greeting(app, received)
        if received.type in ("call.answered", "call.speak.started"):
            time.sleep(thought)

    with app_and_telnyx(slow) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        ended = app.wait_for("call.speak.ended")
        started = app.wait_for("call.speak.started")
        assert seconds_between(started, ended) == pytest.approx(3.0, abs=0.01)
        telnyx.hang_up(leg)


def test_the_sdk_accepts_every_webhook_and_knows_its_class() -> None:
    steps = (Step(when="call.speak.ended", speak="Good morning to you all"), Step(press="#"))

    def everything(app: CallApplication, received: Received) -> None:
        greeting(app, received)
        if received.type == "call.answered":
            ccid = received.payload["call_control_id"]
            app.send(ccid, "record_start", channels="single", format="wav", transcription=True)
            app.send(ccid, "transcription_start", transcription_tracks="both")
            app.send(ccid, "fork_start", rx="udp:127.0.0.1:9", tx="udp:127.0.0.1:9")
            app.send(ccid, "playback_start", media_name="jingle")
            app.send(ccid, "gather", maximum_digits=1)

    with app_and_telnyx(everything) as (app, telnyx):
        telnyx.settle(telnyx.place_inbound_call(scenario=Scenario(steps=steps)))
        client = sdk.Telnyx(api_key=KEY, public_key=DEVELOPMENT_PUBLIC_KEY)
        seen = set()
        for received in app.received:
            event: Any = client.webhooks.unwrap(received.raw.decode(), headers=received.headers)
            assert event.data.event_type == received.type
            seen.add(type(event.data).__name__)
        assert seen == {
            "CallAnswered",
            "CallDtmfReceived",
            "CallForkStarted",
            "CallForkStopped",
            "CallGatherEnded",
            "CallHangup",
            "CallInitiated",
            "CallPlaybackEnded",
            "CallPlaybackStarted",
            "CallRecordingSaved",
            "CallRecordingTranscriptionSaved",
            "CallSpeakEnded",
            "CallSpeakStarted",
            "Transcription",
        }


def test_the_official_sdk_drives_a_call() -> None:
    with app_and_telnyx(silent) as (app, telnyx):
        client = sdk.Telnyx(api_key=KEY, base_url=telnyx.api_base_url, max_retries=0)
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        ccid = leg.call_control_id
        with pytest.raises(sdk.UnprocessableEntityError, match="90034"):
            client.calls.actions.speak(ccid, payload="Hello.", voice="female")
        answered = client.calls.actions.answer(ccid, webhook_urls={"call.answered": [f"{app.url}/mine"]})
        assert answered.data is not None
        assert answered.data.result == "ok"
        app.wait_for("call.answered")
        client.calls.actions.start_recording(ccid, channels="dual", format="mp3")
        client.calls.actions.speak(ccid, payload="Hello.", voice="AWS.Polly.Joanna-Neural")
        app.wait_for("call.speak.ended")
        client.calls.actions.update_client_state(ccid, client_state="aGk=")
        status = client.calls.retrieve_status(ccid).data
        assert status is not None
        assert status.is_alive
        client.calls.actions.hangup(ccid)
        saved = app.wait_for("call.recording.saved")

        recording = client.recordings.retrieve(saved.payload["recording_id"]).data
        assert recording is not None
        assert recording.download_urls is not None
        assert recording.from_ == "+12025550147"
        assert recording.duration_millis
        listed = list(client.recordings.list(filter={"call_leg_id": leg.call_leg_id}))
        assert [one.id for one in listed] == [recording.id]
        assert list(client.recordings.list(filter={"call_leg_id": "other"})) == []
        telnyx.settle(leg)
        delivered = list(client.webhook_deliveries.list(filter={"event_type": "call.answered"}))
        assert [one.status for one in delivered] == ["delivered"]
        found = client.webhook_deliveries.retrieve(str(delivered[0].id)).data
        assert found is not None
        assert found.webhook is not None
        assert found.webhook.event_type == "call.answered"
        events = list(client.call_events.list(filter={"leg_id": leg.call_leg_id}))
        named = [(event.type, event.name) for event in events]
        assert ("command", "answer") in named
        assert ("webhook", "call.hangup") in named
        client.recordings.delete(str(recording.id))
        with pytest.raises(sdk.NotFoundError):
            client.recordings.retrieve(str(recording.id))

        dialled = client.calls.dial(connection_id=DIAL["connection_id"], from_="+12025550199", to="+12025550100").data
        assert dialled is not None
        assert not dialled.is_alive
        assert app.wait_for("call.answered", 2).payload["call_control_id"] == dialled.call_control_id
        client.calls.actions.hangup(dialled.call_control_id)
        with pytest.raises(sdk.UnprocessableEntityError, match="90018"):
            client.calls.actions.hangup(dialled.call_control_id)

        applications = list(client.call_control_applications.list())
        assert [one.webhook_api_version for one in applications] == ["2"]
        made = client.call_control_applications.create(application_name="new", webhook_event_url=app.url).data
        assert made is not None
        assert made.webhook_api_version == "1"

        (number,) = client.phone_numbers.list(filter={"phone_number": "2025550123"})
        assert number.connection_id == DIAL["connection_id"]
        assert list(client.phone_numbers.list(filter={"phone_number": "+12025550123"})) == []
        moved = client.phone_numbers.update(str(number.id), connection_id=str(made.id)).data
        assert moved is not None
        assert moved.connection_id == made.id
        assert telnyx.place_inbound_call(to_number="+12025550123").connection_id == made.id
        client.close()


def test_speak_and_playback_take_their_turns() -> None:
    with app_and_telnyx(missing_media=frozenset({"gone"})) as (app, telnyx):
        ccid = answered_call(app, telnyx).call_control_id
        with telnyx_stands_still(app, telnyx):
            app.send(ccid, "speak", **SPEAK)
            app.send(ccid, "playback_start", media_name="jingle", loop=2)
            app.send(ccid, "playback_start", media_name="gone")
            app.send(ccid, "playback_start", audio_url="http://example.test/a.mp3")
        last = app.wait_for("call.playback.ended", 3)
        assert app.types[2:] == [
            "call.speak.started",
            "call.speak.ended",
            "call.playback.started",
            "call.playback.ended",
            "call.playback.ended",
            "call.playback.started",
            "call.playback.ended",
        ]
        started, ended, missing = app.received[4], app.received[5], app.received[6]
        assert seconds_between(started, ended) == pytest.approx(8.0, abs=0.05)
        assert (started.payload["media_name"], started.payload["media_url"]) == ("jingle", "")
        assert started.payload["playback_id"] == ended.payload["playback_id"]
        assert missing.payload["status"] == "file_not_found"
        assert last.payload["media_url"] == "http://example.test/a.mp3"


@contextmanager
def telnyx_stands_still(app: CallApplication, telnyx: Any) -> Iterator[None]:
    """At speed 0 no time passes while anyone is busy with the call."""
    clocks = telnyx.call(lambda simulator: [session.clock for session in simulator.switch.sessions])
    telnyx.call(lambda simulator: [clock.busy() for clock in clocks])
    yield
    telnyx.call(lambda simulator: [clock.done() for clock in clocks])


@contextmanager
def files(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_on_loopback_is_fetched_and_plays_as_long_as_it_is(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "two.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 2))
    (tmp_path / "no.mp3").write_text("This is no sound.")
    with files(tmp_path) as url, app_and_telnyx() as (app, telnyx):
        ccid = answered_call(app, telnyx).call_control_id
        for name in ("two.wav", "gone.wav", "no.mp3"):
            app.send(ccid, "playback_start", audio_url=f"{url}/{name}")
        app.wait_for("call.playback.ended", 3)
        started, *ended = app.all("call.playback.started") + app.all("call.playback.ended")
        assert seconds_between(started, ended[0]) == pytest.approx(2.0, abs=0.01)
        assert [one.payload["status"] for one in ended] == ["completed", "file_not_found", "failed"]


def test_playback_stop_ends_speak_too_and_what_is_queued() -> None:
    with app_and_telnyx() as (app, telnyx):
        ccid = answered_call(app, telnyx).call_control_id
        app.send(ccid, "speak", **ENDLESS)
        app.send(ccid, "playback_start", media_name="never")
        app.wait_for("call.speak.started")
        app.send(ccid, "playback_stop")
        assert app.wait_for("call.speak.ended").payload["status"] == "cancelled"
        app.send(ccid, "speak", **ENDLESS)
        app.wait_for("call.speak.started", 2)
        app.send(ccid, "playback_start", media_name="now", stop="current")
        app.wait_for("call.playback.ended")
        assert app.types[2:] == [
            "call.speak.started",
            "call.speak.ended",
            "call.speak.started",
            "call.speak.ended",
            "call.playback.started",
            "call.playback.ended",
        ]


def test_a_hangup_in_mid_sentence_ends_everything_that_runs() -> None:
    with app_and_telnyx(speed=1, save_seconds=0.1) as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "speak", **ENDLESS)
        app.send(leg.call_control_id, "gather")
        app.send(leg.call_control_id, "record_start", channels="single", format="wav")
        app.wait_for("call.speak.started")
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        happened = sorted(app.received, key=lambda one: str(one.data["occurred_at"]))[3:]
        assert [(one.type, one.payload.get("status")) for one in happened] == [
            ("call.speak.ended", "call_hangup"),
            ("call.gather.ended", "call_hangup"),
            ("call.hangup", None),
            ("call.recording.saved", None),
        ]
        assert happened[2].payload["hangup_source"] == "caller"


def test_a_caller_who_is_not_answered_gives_up() -> None:
    with app_and_telnyx(silent, speed=100, ring_seconds=5) as (app, telnyx):
        telnyx.settle(telnyx.place_inbound_call())
        payload = app.wait_for("call.hangup").payload
        assert (payload["hangup_cause"], payload["sip_hangup_cause"]) == ("originator_cancel", "487")
        assert payload["call_quality_stats"] is None


@pytest.mark.parametrize(
    "cause, hangup_cause, sip",
    [
        ("CALL_REJECTED", "call_rejected", "603"),
        ("USER_BUSY", "user_busy", "486"),
        ("NOT_FOUND", "not_found", "404"),
        ("TEMPORARILY_UNAVAILABLE", "unspecified", "480"),
    ],
)
def test_a_rejected_call(cause: str, hangup_cause: str, sip: str) -> None:
    with app_and_telnyx(silent) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.send(leg.call_control_id, "reject", cause=cause)
        payload = app.wait_for("call.hangup").payload
        assert (payload["hangup_cause"], payload["sip_hangup_cause"]) == (hangup_cause, sip)


@pytest.mark.parametrize(
    "body, keys, digits, status",
    [
        ({"maximum_digits": 3}, "123", "123", "valid"),
        ({"maximum_digits": 3}, "12#", "12", "valid"),
        ({"minimum_digits": 3}, "12#", "12", "invalid"),
        ({"valid_digits": "123"}, "14", "14", "invalid"),
        ({"maximum_digits": 3}, "1", "1", "valid"),
        ({"minimum_digits": 2}, "1", "1", "invalid"),
        ({}, "", "", "timeout"),
    ],
)
def test_digits_are_gathered(body: dict[str, Any], keys: str, digits: str, status: str) -> None:
    with app_and_telnyx() as (app, telnyx):
        steps = (Step(when="gather", press=keys),) if keys else ()
        leg = answered_call(app, telnyx, Scenario(steps=steps))
        app.send(leg.call_control_id, "gather", gather_id="mine", **body)
        ended = app.wait_for("call.gather.ended").payload
        assert (ended["digits"], ended["status"], ended["gather_id"]) == (digits, status, "mine")
        assert app.types.count("call.dtmf.received") == len(keys)


def test_a_spoken_menu_is_repeated_without_events_of_its_prompt() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "gather_using_speak", **SPEAK, maximum_tries=2, timeout_millis=4000)
        ended = app.wait_for("call.gather.ended")
        assert ended.payload["status"] == "timeout"
        assert seconds_between(app.received[1], ended) == pytest.approx(2 * (0.1 + 3 + 4), abs=0.2)
        app.send(leg.call_control_id, "gather_using_audio", media_name="menu", maximum_digits=1)
        app.wait_for("call.playback.started")
        telnyx.press(leg, "7")
        assert app.wait_for("call.gather.ended", 2).payload["digits"] == "7"
        assert "call.speak.started" not in app.types


def test_gather_stop_ends_it_early() -> None:
    with app_and_telnyx(speed=1) as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "gather")
        app.send(leg.call_control_id, "gather_stop")
        assert app.wait_for("call.gather.ended").payload["status"] == "cancelled"


def test_speech_is_transcribed_while_transcription_runs() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        telnyx.speak(leg, "no one listens yet")
        app.send(leg.call_control_id, "transcription_start")
        telnyx.speak(leg, "one two three four five six")
        final = app.wait_for("call.transcription", 3).payload["transcription_data"]
        output = [one.payload["transcription_data"] for one in app.all("call.transcription")]
        assert [one["is_final"] for one in output] == [False, False, True]
        assert final == {
            "confidence": 0.97,
            "is_final": True,
            "transcript": "one two three four five six",
            "transcription_track": "inbound",
        }
        app.send(leg.call_control_id, "transcription_stop")
        app.send(
            leg.call_control_id,
            "transcription_start",
            transcription_engine="Deepgram",
            transcription_tracks="outbound",
            transcription_engine_config={"transcription_engine": "Deepgram", "interim_results": False},
        )
        telnyx.speak(leg, "not this track")
        app.send(leg.call_control_id, "speak", payload="This is the app.", voice="female")
        spoken = app.wait_for("call.transcription", 4).payload["transcription_data"]
        assert (spoken["transcript"], spoken["transcription_track"]) == ("This is the app.", "outbound")


@pytest.mark.parametrize(
    "answers_as, cause, sip",
    [
        ("busy", "user_busy", "486"),
        ("rejected", "call_rejected", "603"),
        ("not_found", "not_found", "404"),
        ("no_answer", "timeout", "487"),
    ],
)
def test_a_dialled_number_that_does_not_answer(answers_as: Any, cause: str, sip: str) -> None:
    with app_and_telnyx(silent, callees={"+12025550100": Callee(answers=answers_as)}) as (app, _):
        app.request("POST", "/calls", DIAL)
        hangup = app.wait_for("call.hangup").payload
        assert (hangup["hangup_cause"], hangup["sip_hangup_cause"]) == (cause, sip)
        assert app.types == ["call.initiated", "call.hangup"]
        rang = 30 if answers_as == "no_answer" else 1
        assert seconds_between(app.received[0], app.received[1]) == pytest.approx(rang, abs=0.1)


@pytest.mark.parametrize(
    "who, detection, events",
    [
        ("human", "detect", [("call.machine.detection.ended", "human")]),
        ("not_sure", "detect", [("call.machine.detection.ended", "not_sure")]),
        (
            "machine",
            "greeting_end",
            [("call.machine.detection.ended", "machine"), ("call.machine.greeting.ended", "beep_detected")],
        ),
        (
            "machine",
            "premium",
            [
                ("call.machine.premium.detection.ended", "machine"),
                ("call.machine.premium.greeting.ended", "beep_detected"),
            ],
        ),
        ("human", "premium", [("call.machine.premium.detection.ended", "human_residence")]),
    ],
)
def test_answering_machines_are_detected(who: Any, detection: str, events: list[tuple[str, str]]) -> None:
    with app_and_telnyx(silent, callee=Callee(answers=who)) as (app, _):
        app.request("POST", "/calls", DIAL | {"answering_machine_detection": detection, "client_state": "aGk="})
        app.wait_for(events[-1][0])
        assert [(one.type, one.payload["result"]) for one in app.received[2:]] == events
        assert {one.payload["client_state"] for one in app.received} == {"aGk="}
        assert app.received[0].payload["direction"] == "outgoing"


def test_a_transferred_call_has_two_legs_in_one_session() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "transfer", to="+12025550100", target_leg_client_state="bmV3")
        app.wait_for("call.bridged", 2)
        assert app.types == [
            "call.initiated",
            "call.answered",
            "call.initiated",
            "call.answered",
            "call.bridged",
            "call.bridged",
        ]
        new = app.received[2].payload
        assert new["call_session_id"] == leg.session.id
        assert new["call_leg_id"] != leg.call_leg_id
        assert (new["client_state"], new["from"], new["to"]) == ("bmV3", "+12025550123", "+12025550100")
        telnyx.hang_up(leg)
        telnyx.settle(leg)
        assert len({one.payload["call_leg_id"] for one in app.all("call.hangup")}) == 2


def test_an_unanswered_transfer_leaves_the_caller_connected() -> None:
    with app_and_telnyx(callee=Callee(answers="busy")) as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "transfer", to="+12025550100")
        assert app.wait_for("call.hangup").payload["call_leg_id"] != leg.call_leg_id
        assert app.request("GET", f"/calls/{leg.call_control_id}").json()["data"]["is_alive"] is True


def test_two_calls_can_be_bridged_and_queued() -> None:
    with app_and_telnyx() as (app, telnyx):
        one, two = answered_call(app, telnyx), answered_call(app, telnyx)
        app.send(one.call_control_id, "enqueue", queue_name="support", max_size=1)
        queued = app.wait_for("call.enqueued").payload
        assert (queued["queue"], queued["current_position"]) == ("support", 1)

        def refused(ccid: str, action: str, **body: object) -> str:
            return str(app.send(ccid, action, **body).json()["errors"][0]["code"])

        assert refused(one.call_control_id, "enqueue", queue_name="support") == "90038"
        assert refused(two.call_control_id, "enqueue", queue_name="support") == "90036"
        assert refused(two.call_control_id, "enqueue", queue_name="support", max_size=2) == "90037"
        app.send(two.call_control_id, "bridge", queue="support")
        app.wait_for("call.bridged", 2)
        assert app.wait_for("call.dequeued").payload["reason"] == "bridged"
        assert {received.payload["call_leg_id"] for received in app.all("call.bridged")} == {
            one.call_leg_id,
            two.call_leg_id,
        }
        app.send(one.call_control_id, "enqueue", queue_name="support", max_wait_time_secs=5)
        assert app.wait_for("call.dequeued", 2).payload["reason"] == "timeout"
        app.send(two.call_control_id, "bridge", call_control_id=one.call_control_id)
        app.wait_for("call.bridged", 4)
        app.send(two.call_control_id, "hangup")
        app.wait_for("call.hangup", 2)


def test_a_bridge_that_is_refused_leaves_the_queue_as_it_was() -> None:
    with app_and_telnyx() as (app, telnyx):
        one, two, waiting = (answered_call(app, telnyx) for _ in range(3))

        def refused(action: str, **body: object) -> str:
            return str(app.send(one.call_control_id, action, **body).json()["errors"][0]["code"])

        app.send(one.call_control_id, "bridge", call_control_id=two.call_control_id)
        app.send(waiting.call_control_id, "enqueue", queue_name="support", max_size=1)
        assert refused("bridge", queue="support", prevent_double_bridge=True) == "10027"
        assert refused("enqueue", queue_name="support", keep_after_hangup=True) == "90036"
        assert app.send(waiting.call_control_id, "leave_queue").status_code == 200

        app.send(one.call_control_id, "enqueue", queue_name="support")
        assert refused("bridge", queue="support") == "10027"
        assert refused("enqueue", queue_name="other", keep_after_hangup=True) == "90038"
        app.send(one.call_control_id, "hangup")
        app.wait_for("call.dequeued", 2)

        app.send(waiting.call_control_id, "enqueue", queue_name="support", keep_after_hangup=True)
        telnyx.hang_up(waiting)
        assert app.send(two.call_control_id, "bridge", queue="support").json()["errors"][0]["code"] == "90018"
        telnyx.hang_up(two)
        for leg in (one, two, waiting):
            telnyx.settle(leg)
        assert sorted(received.payload["reason"] for received in app.all("call.dequeued")) == ["hangup", "leave"]


def test_a_scenario_is_the_same_from_toml_json_and_yaml(tmp_path: Path) -> None:
    toml = """
        from = "+12025550111"
        patience_seconds = 5
        [[steps]]
        when = "call.speak.ended"
        where = { status = "completed" }
        after = 0.5
        press = "1#"
        [callees."+12025550177"]
        answers = "machine"
    """
    content = {
        "from": "+12025550111",
        "patience_seconds": 5,
        "steps": [{"when": "call.speak.ended", "where": {"status": "completed"}, "after": 0.5, "press": "1#"}],
        "callees": {"+12025550177": {"answers": "machine"}},
    }
    (tmp_path / "card.toml").write_text(toml)
    (tmp_path / "card.json").write_text(json.dumps(content))
    (tmp_path / "card.yaml").write_text(json.dumps(content))  # JSON is YAML
    scenarios = [read_scenario(tmp_path / f"card.{kind}") for kind in ("toml", "json", "yaml")]
    assert scenarios[0] == scenarios[1] == scenarios[2]
    with app_and_telnyx(greeting) as (app, telnyx):
        telnyx.settle(telnyx.place_inbound_call(scenario=scenarios[0]))
        assert [one.payload["digit"] for one in app.all("call.dtmf.received")] == ["1", "#"]
        assert app.received[0].payload["from"] == "+12025550111"


@pytest.mark.parametrize(
    "content, message",
    [
        ([], "the scenario: expected a table"),
        ({"step": []}, "step is not known"),
        ({"steps": [{"pres": "1"}]}, r"steps\[0\]: pres is not known"),
        ({"steps": [{"press": "x"}]}, r"steps\[0\].press"),
        ({"steps": [{"after": -1}]}, r"steps\[0\].after"),
        ({"steps": [{"hangup": "yes"}]}, r"steps\[0\].hangup"),
        ({"steps": [{"faults": {"explode": 1}}]}, "explode: unknown fault"),
        ({"callees": {"+1": {"answers": "maybe"}}}, "answers: expected one of"),
        ({"dial": {"flow": "notice"}}, "dial: flow is not known"),
        ({"dial": {"answering_machine_detection": "yes"}}, "dial.answering_machine_detection: expected one of"),
        ({"dial": {"timeout_secs": "30"}}, "dial.timeout_secs: expected seconds"),
    ],
)
def test_an_invalid_scenario_is_refused_with_the_reason(content: object, message: str) -> None:
    with pytest.raises(InvalidScenario, match=message):
        as_scenario(content)


def test_a_scenario_can_wait_until_the_application_has_answered_a_webhook() -> None:
    """Not only until the event has occurred: then a key comes after the commands that the event brings."""

    def slow(app: CallApplication, received: Received) -> None:
        if received.type == "call.answered":
            time.sleep(0.3)
            app.send(received.payload["call_control_id"], "gather", maximum_digits=1)
        elif received.type == "call.initiated":
            app.send(received.payload["call_control_id"], "answer")

    with app_and_telnyx(slow, patience=1) as (app, telnyx):
        steps = (Step(when="call.answered delivered", press="5"), Step(hangup=True))
        telnyx.settle(telnyx.place_inbound_call(scenario=Scenario(steps=steps)))
        assert [one.payload["digits"] for one in app.all("call.gather.ended")] == ["5"]


def test_a_scenario_can_wait_for_a_command_and_gives_up_in_time() -> None:
    with app_and_telnyx(greeting, patience=1) as (app, telnyx):
        steps = (Step(when="speak", press="1"), Step(hangup=True))
        leg = telnyx.place_inbound_call(scenario=Scenario(steps=steps, patience_seconds=60))
        telnyx.settle(leg)
        assert [one.payload["digit"] for one in app.all("call.dtmf.received")] == ["1"]
        assert leg.session.scenario_failed is None
        vain = Scenario(steps=(Step(when="record_start", press="2"),), patience_seconds=0.5)
        leg = telnyx.place_inbound_call(scenario=vain)
        telnyx.settle(leg)
        assert len(app.all("call.dtmf.received")) == 1
        assert app.types[-1] == "call.hangup"
        assert leg.session.scenario_failed == "step 1: no record_start within 0.5 s"
