"""The simulator streams sound over WebSockets and forks it as RTP."""

import base64
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hookline_local.simulator import Leg, SimulatorInThread
from hookline_local.simulator.sound import sound_file
from hookline_local.simulator.stream_codecs import seconds_of_reply, stream_codec
from tests.support.flow_server import CallApplication, answered_call, app_and_telnyx
from tests.support.media_server import MediaServer, media_server

SILENCE = stream_codec("PCMU").silence


@contextmanager
def streaming(**body: object) -> Iterator[tuple[CallApplication, SimulatorInThread, Leg, MediaServer]]:
    with media_server() as listening, app_and_telnyx(speed=1, save_seconds=0.1) as (app, telnyx):
        leg = answered_call(app, telnyx)
        sent = app.send(leg.call_control_id, "streaming_start", stream_url=listening.url, **body)
        assert sent.status_code == 200
        yield app, telnyx, leg, listening


def test_a_stream_begins_goes_on_every_20_ms_and_ends_before_the_call() -> None:
    body = {
        "stream_track": "both_tracks",
        "stream_auth_token": "one-use",
        "custom_parameters": [{"name": "a", "value": "b"}],
        "client_state": "aGk=",
    }
    with streaming(**body) as (app, telnyx, leg, listening):
        listening.wait_for("media", 40)
        telnyx.press(leg, "5")
        listening.wait_for("dtmf")
        telnyx.hang_up(leg)
        listening.wait_for("stop")
        telnyx.settle(leg)

        connected, start = listening.messages[:2]
        assert (connected["event"], connected["version"]) == ("connected", "1.0.0")
        assert listening.tokens == ["one-use"]
        stream_id = start["stream_id"]
        assert start["sequence_number"] == "1"
        assert "stream_id" not in start["start"]
        assert start["start"]["custom_parameters"] == {"a": "b"}
        assert start["start"]["client_state"] == "aGk="
        assert start["start"]["call_control_id"] == leg.call_control_id
        assert start["start"]["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}

        media = listening.all("media")
        inbound = [one["media"] for one in media if one["media"]["track"] == "inbound"]
        assert [one["chunk"] for one in inbound[:3]] == ["1", "2", "3"]
        assert [one["timestamp"] for one in inbound[:3]] == ["0", "20", "40"]
        assert {one["media"]["track"] for one in media} == {"inbound", "outbound"}
        assert all(len(base64.b64decode(one["media"]["payload"])) == 160 for one in media)
        assert listening.all("dtmf")[0]["dtmf"] == {"digit": "5"}
        numbers = [int(one["sequence_number"]) for one in listening.messages[1:]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert listening.messages[-1]["stop"]["call_control_id"] == leg.call_control_id
        assert {one["stream_id"] for one in listening.messages[1:]} == {stream_id}

        happened = [one.type for one in sorted(app.received, key=lambda one: str(one.data["occurred_at"]))]
        assert happened[2:] == ["streaming.started", "call.dtmf.received", "streaming.stopped", "call.hangup"]
        assert app.all("streaming.started")[0].payload["stream_url"] == listening.url


def test_the_caller_s_speech_is_audible_on_the_stream() -> None:
    with streaming() as (_, telnyx, leg, listening):
        listening.wait_for("media", 3)
        telnyx.speak(leg, "x" * 8)
        sounds = [base64.b64decode(one["media"]["payload"]) for one in listening.all("media")]
        assert SILENCE in sounds
        assert any(sound != SILENCE for sound in sounds)


def test_a_stream_can_be_stopped_and_is_one_at_a_time() -> None:
    with streaming() as (app, _, leg, listening):
        app.wait_for("streaming.started")
        again = app.send(leg.call_control_id, "streaming_start", stream_url=listening.url)
        assert again.json()["errors"][0]["code"] == "90045"
        assert app.send(leg.call_control_id, "streaming_stop", stream_id="other").status_code == 422
        assert app.send(leg.call_control_id, "streaming_stop").status_code == 200
        listening.wait_for("stop")
        app.wait_for("streaming.stopped")
        assert app.send(leg.call_control_id, "streaming_stop").json()["errors"][0]["code"] == "90048"


def test_a_fork_takes_the_place_of_a_stream() -> None:
    with streaming() as (app, _, leg, _):
        app.wait_for("streaming.started")
        app.send(leg.call_control_id, "fork_start", rx="udp:127.0.0.1:9", tx="udp:127.0.0.1:9")
        app.wait_for("streaming.stopped")
        app.wait_for("call.fork.started")


def test_a_socket_that_cannot_be_opened_fails_the_streaming() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"ws://127.0.0.1:{closed.getsockname()[1]}/media"
        for number in (1, 2):  # a failed one is in no one's way
            sent = app.send(leg.call_control_id, "streaming_start", stream_url=url, stream_track="both_tracks")
            assert sent.status_code == 200
            app.wait_for("streaming.failed", number)
        failed = app.all("streaming.failed")[0].payload
        assert failed["failure_reason"] == "connection_failed"
        assert failed["stream_params"] == {"stream_url": url, "track": "both_tracks"}
        assert failed["stream_type"] == "websocket"
        assert "streaming.started" not in app.types
        not_websocket = f"ws{app.url.removeprefix('http')}/nothing"
        app.send(leg.call_control_id, "streaming_start", stream_url=not_websocket)
        app.wait_for("streaming.failed", 3)


@pytest.mark.parametrize("code, event", [(1000, "streaming.stopped"), (1011, "streaming.failed")])
def test_a_socket_that_the_application_closes(code: int, event: str) -> None:
    with streaming() as (app, _, leg, listening):
        listening.wait_for("media")
        listening.sockets[0].close(code)
        app.wait_for(event)
        assert app.send(leg.call_control_id, "streaming_start", stream_url=listening.url).status_code == 200
        app.wait_for("streaming.started", 2)


def test_a_mark_comes_back_when_the_sound_before_it_has_been_played() -> None:
    with streaming(stream_bidirectional_mode="rtp") as (_, _, leg, listening):
        listening.wait_for("start")
        listening.send(event="mark", mark={"name": "at once"})
        listening.wait_for("mark")
        began = leg.clock.elapsed()
        listening.send(event="media", media={"payload": base64.b64encode(SILENCE * 25).decode()})
        listening.send(event="mark", mark={"name": "after half a second"})
        assert listening.wait_for("mark", 2)["mark"] == {"name": "after half a second"}
        assert leg.clock.elapsed() - began >= 0.5
        for _ in range(10):  # five minutes of sound
            listening.send(event="media", media={"payload": base64.b64encode(SILENCE * 1500).decode()})
        listening.send(event="mark", mark={"name": "one"})
        listening.send(event="mark", mark={"name": "two"})
        listening.send(event="clear")
        listening.wait_for("mark", 4)
        assert [one["mark"]["name"] for one in listening.all("mark")[2:]] == ["one", "two"]


def linear_of_a_law(coded: int) -> int:
    """G.711 A-law, decoded as the recommendation has it."""
    bits = coded ^ 0x55
    exponent, mantissa = bits >> 4 & 7, bits & 0x0F
    magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << exponent - 1
    return magnitude if bits & 0x80 else -magnitude


@pytest.mark.parametrize(
    "name, encoding, rate, size",
    [
        ("default", "PCMU", 8000, 160),
        ("PCMU", "PCMU", 8000, 160),
        ("PCMA", "PCMA", 8000, 160),
        ("L16", "L16", 16_000, 640),
    ],
)
def test_a_frame_of_every_codec_lasts_20_ms(name: str, encoding: str, rate: int, size: int) -> None:
    codec = stream_codec(name)
    assert codec.media_format == {"encoding": encoding, "sample_rate": rate, "channels": 1}
    assert {len(frame) for frame in (codec.silence, *codec.tone)} == {size}
    assert len(codec.tone) == 50


def test_the_tone_is_the_same_in_a_law_as_in_linear_samples() -> None:
    a_law = b"".join(stream_codec("PCMA").tone)
    linear = struct.unpack(">16000h", b"".join(stream_codec("L16").tone))
    assert {linear_of_a_law(coded) for coded in stream_codec("PCMA").silence} == {8}
    for coded, sample in zip(a_law, linear[::2], strict=True):
        assert abs(linear_of_a_law(coded) - sample) <= max(abs(sample) / 16, 16)


@pytest.mark.parametrize(
    "codec, rate, payload, seconds",
    [
        ("PCMU", 8000, bytes(8000), 1),
        ("PCMA", 8000, bytes(160), 0.02),
        ("G722", 16_000, bytes(8000), 1),
        ("L16", 8000, bytes(16_000), 1),
        ("L16", 16_000, bytes(32_000), 1),
        ("L16", 24_000, bytes(6 * 48_000), 6),
        ("L16", 16_000, bytes(3), 0),
        ("OPUS", 48_000, bytes([0b00001_000]) + bytes(59), 0.02),  # one frame of SILK, 20 ms
        ("OPUS", 48_000, bytes([0b00011_001]) + bytes(59), 0.12),  # two of 60 ms
        ("OPUS", 48_000, bytes([0b11111_011, 3]) + bytes(59), 0.06),  # three of CELT, 20 ms
        ("OPUS", 48_000, b"", 0),
    ],
)
def test_sound_of_the_application_lasts_as_long_as_its_codec_and_rate_make_it(
    codec: str, rate: int, payload: bytes, seconds: float
) -> None:
    assert seconds_of_reply(codec, rate, payload) == pytest.approx(seconds)


def test_a_stream_is_in_the_codec_that_was_asked_for_and_marks_count_its_sound() -> None:
    body = {
        "stream_codec": "L16",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "L16",
        "stream_bidirectional_sampling_rate": 24_000,
    }
    with streaming(**body) as (_, _, leg, listening):
        start = listening.wait_for("start")["start"]
        assert start["media_format"] == {"encoding": "L16", "sample_rate": 16_000, "channels": 1}
        payload = base64.b64decode(listening.wait_for("media")["media"]["payload"])
        assert payload == bytes(640)
        began = leg.clock.elapsed()
        listening.send(event="media", media={"payload": base64.b64encode(bytes(24_000)).decode()})
        listening.send(event="mark", mark={"name": "half a second"})
        assert listening.wait_for("mark")["mark"] == {"name": "half a second"}
        assert leg.clock.elapsed() - began >= 0.5
        listening.send(event="media", media={"payload": base64.b64encode(bytes(31 * 48_000)).decode()})
        assert listening.wait_for("error")["payload"]["code"] == 100004  # over 30 s


@pytest.mark.parametrize(
    "parameter, codec",
    [
        ("stream_codec", "G722"),
        ("stream_codec", "OPUS"),
        ("stream_codec", "AMR-WB"),
        ("stream_bidirectional_codec", "AMR-WB"),
    ],
)
def test_a_codec_that_is_not_simulated_is_refused_by_name(parameter: str, codec: str) -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        body = {"stream_url": "ws://127.0.0.1:9", "stream_bidirectional_mode": "rtp", parameter: codec}
        (refusal,) = app.send(leg.call_control_id, "answer", **body).json()["errors"]
        assert (refusal["code"], refusal["source"]) == ("not_simulated", {"pointer": f"/{parameter}"})
        assert codec in refusal["detail"]


def test_a_stream_to_dialogflow_begins_and_ends_and_takes_the_place_of_any_other() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        assert app.send(leg.call_control_id, "streaming_start", enable_dialogflow=True).status_code == 200
        app.wait_for("streaming.started")
        again = app.send(leg.call_control_id, "streaming_start", stream_url="ws://127.0.0.1:9")
        assert again.json()["errors"][0]["code"] == "90045"
        assert app.send(leg.call_control_id, "streaming_stop").status_code == 200
        app.wait_for("streaming.stopped")


def test_what_telnyx_would_not_understand_is_complained_about() -> None:
    with streaming() as (_, _, _, listening):
        listening.wait_for("start")
        listening.sockets[0].send("no JSON")
        assert listening.wait_for("error")["payload"]["code"] == 100003
        listening.send(event="media", media={"payload": "%%%"})
        assert listening.wait_for("error", 2)["payload"]["code"] == 100004
        mp3 = sound_file("mp3", channels=1, seconds=0.5)
        for _ in range(10):  # two of them in one second, however busy the machine is
            listening.send(event="media", media={"payload": base64.b64encode(mp3.read(0, mp3.size)).decode()})
        assert listening.wait_for("error", 3)["payload"] == {
            "code": 100005,
            "title": "rate_limit_reached",
            "detail": "One message per second.",
        }


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_fork_sends_rtp_to_both_targets(family: socket.AddressFamily, address: str) -> None:
    with (
        socket.socket(family, socket.SOCK_DGRAM) as rx,
        socket.socket(family, socket.SOCK_DGRAM) as tx,
        app_and_telnyx(speed=1) as (app, telnyx),
    ):
        for target in (rx, tx):
            target.bind((address, 0))
            target.settimeout(60)
        leg = answered_call(app, telnyx)
        host = f"[{address}]" if ":" in address else address
        ports = {"rx": f"udp:{host}:{rx.getsockname()[1]}", "tx": f"udp:{host}:{tx.getsockname()[1]}"}
        app.send(leg.call_control_id, "fork_start", **ports)
        assert app.wait_for("call.fork.started").payload["stream_type"] == "decrypted"
        sources = set()
        for target in (rx, tx):
            packets = [struct.unpack("!BBHII160s", target.recv(2048)) for _ in range(10)]
            assert {(packet[0], packet[1]) for packet in packets} == {(0x80, 0)}
            assert [packet[2] for packet in packets] == list(range(10))
            assert [packet[3] for packet in packets] == list(range(0, 1600, 160))
            assert len({packet[4] for packet in packets}) == 1
            sources.add(packets[0][4])
        assert len(sources) == 2
        app.send(leg.call_control_id, "fork_stop", stream_type="decrypted")
        app.wait_for("call.fork.stopped")
