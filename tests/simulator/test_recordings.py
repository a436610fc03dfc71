"""Recordings of the simulator are real files behind links that expire."""

import io
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from hookline_local.simulator import Faults, Scenario, Step
from hookline_local.simulator.calls import recording_store
from hookline_local.simulator.sound import seconds_of, sound_file
from tests.support.flow_server import CallApplication, Received, answers, app_and_telnyx


@contextmanager
def recorded(
    body: dict[str, Any], *steps: Step, **config: Any
) -> Iterator[tuple[CallApplication, Any, list[Received]]]:
    """A call that is recorded from its answer; what the caller does; all webhooks about recordings."""

    def record(app: CallApplication, received: Received) -> None:
        answers(app, received)
        if received.type == "call.answered":
            app.send(received.payload["call_control_id"], "record_start", **body)
        if received.type == "call.dtmf.received":
            action = {"1": "record_pause", "2": "record_resume", "3": "record_stop"}[received.payload["digit"]]
            app.send(received.payload["call_control_id"], action)

    with app_and_telnyx(record, **config) as (app, telnyx):
        scenario = Scenario(steps=(Step(when="record_start"), *steps, Step(hangup=True)))
        telnyx.settle(telnyx.place_inbound_call(scenario=scenario))
        yield app, telnyx, [one for one in app.received if one.type.startswith("call.recording.")]


def link_of(saved: Received) -> str:
    (link,) = saved.payload["recording_urls"].values()
    return str(link)


def get(link: str, **headers: str) -> httpx.Response:
    with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501  # plain HTTP
        return client.get(link, headers=headers)


def walk(content: bytes) -> list[tuple[int, int]]:
    """Every MP3 frame: where it is, and how many channels it has. ISO 11172-3, 2.4.1.3, for 32 kHz Layer III."""
    frames, place = [], 0
    while place < len(content):
        assert content[place] == 0xFF
        assert content[place + 1] == 0xFB  # MPEG-1, Layer III, no CRC
        rate = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[content[place + 2] >> 4]
        assert content[place + 2] >> 2 & 3 == 2  # 32 kHz
        frames.append((place, 1 if content[place + 3] >> 6 == 3 else 2))
        place += 144 * rate * 1000 // 32_000
    assert place == len(content)
    return frames


@pytest.mark.parametrize("channels, count", [("single", 1), ("dual", 2)])
def test_a_wav_recording_is_as_long_as_what_was_recorded(channels: str, count: int) -> None:
    with recorded({"channels": channels, "format": "wav"}, Step(after=12.5)) as (_, _, (saved,)):
        answer = get(link_of(saved))
        assert answer.headers["content-length"] == str(len(answer.content))
        with wave.open(io.BytesIO(answer.content)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (count, 2, 8000)
            assert sound.getnframes() / 8000 == pytest.approx(12.5, abs=0.1)
            assert max(sound.readframes(8000)) > 0  # there is sound in it


@pytest.mark.parametrize("channels, count", [("single", 1), ("dual", 2)])
def test_an_mp3_recording_is_a_stream_of_whole_frames(channels: str, count: int) -> None:
    with recorded({"channels": channels, "format": "mp3"}, Step(after=12.5)) as (_, _, (saved,)):
        frames = walk(get(link_of(saved)).content)
        assert {channels for _, channels in frames} == {count}
        assert len(frames) * 1152 / 32_000 == pytest.approx(12.5, abs=0.1)


def test_the_sound_of_an_mp3_is_in_its_side_information() -> None:
    """A frame of silence would have part2_3_length 0; ours has Huffman bits, and room for them."""
    file = sound_file("mp3", channels=1, seconds=1)
    frame = file.read(0, 144)
    side = int.from_bytes(frame[4:21], "big")
    lengths = [side >> (17 * 8 - 18 - 12 - 59 * granule) & 0xFFF for granule in (0, 1)]
    big_values = [side >> (17 * 8 - 18 - 12 - 9 - 59 * granule) & 0x1FF for granule in (0, 1)]
    assert lengths[0] == lengths[1] > 0
    assert 0 < big_values[0] <= 288
    assert sum(lengths) <= (144 - 21) * 8
    assert seconds_of(file.read(0, file.size)) == pytest.approx(file.seconds) == pytest.approx(1, abs=0.02)


def test_pauses_are_left_out() -> None:
    steps = (Step(after=4, press="1"), Step(after=30, press="2"), Step(after=5.7, press="3"), Step(after=50))
    with recorded({"channels": "single", "format": "wav"}, *steps) as (app, _, (saved,)):
        with wave.open(io.BytesIO(get(link_of(saved)).content)) as sound:
            assert sound.getnframes() / 8000 == pytest.approx(10, abs=0.2)
        data = app.request("GET", f"/recordings/{saved.payload['recording_id']}").json()["data"]
        assert data["duration_millis"] / 1000 == pytest.approx(10, abs=0.2)
        assert app.types[-2:] == ["call.recording.saved", "call.hangup"]


def test_a_recording_is_described_as_by_telnyx() -> None:
    with recorded({"channels": "dual", "format": "mp3"}, Step(after=3)) as (app, _, (saved,)):
        assert set(saved.payload) == {
            "call_control_id",
            "call_leg_id",
            "call_session_id",
            "channels",
            "client_state",
            "connection_id",
            "end_time",
            "format",
            "public_recording_urls",
            "recording_ended_at",
            "recording_id",
            "recording_started_at",
            "recording_urls",
            "start_time",
        }
        assert saved.payload["public_recording_urls"] == {}
        assert list(saved.payload["recording_urls"]) == ["mp3"]
        assert "/telephony-recorder-prod/" in link_of(saved)
        assert "X-Amz-Expires=600" in link_of(saved)
        assert app.types[-2:] == ["call.hangup", "call.recording.saved"]


def test_recordings_stop_by_themselves_at_their_limit_and_at_silence() -> None:
    with recorded({"channels": "single", "format": "wav", "max_length": 5}, Step(after=60)) as (_, _, (saved,)):
        assert seconds_of(get(link_of(saved)).content) == pytest.approx(5, abs=0.1)
    steps = (Step(after=3, speak="x" * 30), Step(after=60))
    body = {"channels": "single", "format": "wav", "timeout_secs": 4}
    with recorded(body, *steps) as (_, _, (saved,)):
        assert seconds_of(get(link_of(saved)).content) == pytest.approx(3 + 2 + 4, abs=0.2)


def test_a_recording_can_be_transcribed() -> None:
    body = {"channels": "single", "format": "wav", "transcription": True}
    with recorded(body, Step(speak="Good morning."), Step(speak="And goodbye.")) as (app, _, (saved, transcribed)):
        assert transcribed.type == "call.recording.transcription.saved"
        assert transcribed.payload["transcription_text"] == "Good morning. And goodbye."
        assert transcribed.payload["recording_id"] == saved.payload["recording_id"]
        expected = f"/recording_transcriptions?filter[recording_id]={saved.payload['recording_id']}"
        (listed,) = app.request("GET", expected).json()["data"]
        assert listed["id"] == transcribed.payload["recording_transcription_id"]
        assert app.request("GET", f"/recording_transcriptions/{listed['id']}").json()["data"] == listed
        assert app.request("GET", "/recording_transcriptions?filter[recording_id]=other").json()["data"] == []


def test_a_link_dies_and_a_fresh_one_can_be_had() -> None:
    wishes = Faults(expire_links=1)
    body = {"channels": "single", "format": "wav"}
    with recorded(body, Step(after=3), faults=wishes) as (app, _, (saved,)):
        dead = get(link_of(saved))
        assert dead.status_code == 403
        assert dead.headers["content-type"].startswith("application/xml")
        assert "<Message>Request has expired</Message>" in dead.text
        path = f"/recordings/{saved.payload['recording_id']}"
        first, second = (app.request("GET", path).json()["data"]["download_urls"]["wav"] for _ in range(2))
        assert get(first).status_code == get(second).status_code == 200
        app.request("DELETE", path)
        assert get(first).status_code == 404
        assert app.request("GET", path).status_code == 404


def test_links_expire_after_the_configured_time(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"channels": "single", "format": "wav"}
    with recorded(body, Step(after=3), links_expire_after_seconds=3600) as (app, _, (saved,)):
        path = f"/recordings/{saved.payload['recording_id']}"
        fresh = app.request("GET", path).json()["data"]["download_urls"]["wav"]
        assert get(fresh).status_code == 200
        then = time.time() + 3601
        monkeypatch.setattr(recording_store, "time", SimpleNamespace(time=lambda: then, time_ns=time.time_ns))
        assert get(fresh).status_code == 403


def test_a_link_is_as_particular_as_one_of_s3() -> None:
    with recorded({"channels": "single", "format": "wav"}, Step(after=3)) as (_, _, (saved,)):
        link = link_of(saved)
        both = get(link, authorization="Bearer KEY")
        assert both.status_code == 400
        assert "Only one auth mechanism allowed" in both.text
        assert get(link[:-1] + ("0" if link[-1] != "0" else "1")).status_code == 403
        assert get(link.replace("X-Amz-Expires=600", "X-Amz-Expires=6000")).status_code == 403
        assert get(link.partition("?")[0]).status_code == 403
        assert httpx.head(link).status_code == 403
        whole = get(link).content
        part = get(link, range="bytes=1000-1999")
        assert (part.status_code, part.content) == (206, whole[1000:2000])
        assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
        assert get(link, range="bytes=-10").content == whole[-10:]
        assert get(link, range=f"bytes={len(whole) - 5}-").content == whole[-5:]
        assert get(link, range=f"bytes={len(whole)}-").status_code == 416


def test_a_download_can_break_off_in_the_middle() -> None:
    body = {"channels": "single", "format": "wav"}
    with recorded(body, Step(after=60), faults=Faults(cut_downloads=1)) as (_, _, (saved,)):
        with pytest.raises(httpx.RemoteProtocolError):
            get(link_of(saved))
        assert seconds_of(get(link_of(saved)).content) == pytest.approx(60, abs=0.2)


def test_a_recording_can_fail() -> None:
    body = {"channels": "single", "format": "wav"}
    with recorded(body, Step(after=3), faults=Faults(fail_recording=1)) as (app, _, (failed,)):
        assert failed.type == "call.recording.error"
        assert failed.payload["reason"] == "Internal server error"
        assert "call_control_id" not in failed.payload
        assert app.request("GET", "/recordings").json()["data"] == []


def test_the_longest_recording_takes_no_memory() -> None:
    """Four hours, dual: 460 MB that are made while they are read."""
    file = sound_file("wav", channels=2, seconds=14_400)
    assert file.size == 44 + 14_400 * 8000 * 4
    assert len(file.read(file.size - 100, file.size + 100)) == 100
    assert file.read(44 + 32_000 * 7, 44 + 32_000 * 8) == file.read(44, 44 + 32_000)
