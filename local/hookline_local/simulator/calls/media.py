"""Sound that leaves Telnyx: a WebSocket per streaming, RTP packets per fork, one 20 ms frame at a time.

Sources: Telnyx's "Media streaming over WebSockets" and "Stream call media over WebSocket". What the sources leave open
is decided so: a socket that the application closes properly ends the streaming (streaming.stopped), one that breaks
fails it (streaming.failed, connection_lost). The interval of inbound frames is the usual 20 ms.
"""

import asyncio
import base64
import binascii
import json
import random
import struct
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidURI

from hookline_local.simulator.calls.activity import Activity, Track
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.playing import Player
from hookline_local.simulator.sound import seconds_of
from hookline_local.simulator.stream_codecs import StreamCodec, seconds_of_reply, stream_codec
from hookline_local.simulator.webhooks import USER_ID

FRAME_SECONDS = 0.02
CONNECT_SECONDS = 2.0
"""Wall-clock time. Telnyx's own is not documented."""
TOKEN_HEADER = "x-telnyx-streaming-auth-token"  # noqa: S105  # a header's name


class _TrackSound:
    """20 ms frames of what one track sounds like: a tone while something is on it, else silence."""

    def __init__(self, leg: Leg, track: Track, codec: StreamCodec) -> None:
        self._leg = leg
        self._track = track
        self._codec = codec
        self._index = 0

    def frame(self) -> bytes:
        if not self._audible():
            return self._codec.silence
        frames = self._codec.tone
        self._index = (self._index + 1) % len(frames)
        return frames[self._index]

    def _audible(self) -> bool:
        if self._track == "inbound":
            return self._leg.speaking
        player = self._leg.find(Player)
        return player is not None and player.playing


class _Pace:
    """Every 20 ms of the call's time, without drifting."""

    def __init__(self, leg: Leg) -> None:
        self._clock = leg.clock
        self._due = leg.clock.elapsed()

    async def next(self) -> None:
        self._due += FRAME_SECONDS
        await self._clock.sleep(self._due - self._clock.elapsed(), background=True)


class Streaming(Activity):
    """One WebSocket to the application's stream_url."""

    def __init__(self, leg: Leg, body: Mapping[str, Any]) -> None:
        self.id = str(uuid.uuid4())
        self._leg = leg
        self._url: str = body["stream_url"]
        self._track: str = body.get("stream_track", "inbound_track")
        self._token: str | None = body.get("stream_auth_token")
        self._codec = stream_codec(body.get("stream_codec", "default"))
        self._mode: str = body.get("stream_bidirectional_mode", "mp3")
        self._reply_codec: str = body.get("stream_bidirectional_codec", "PCMU")
        self._reply_rate: int = body.get("stream_bidirectional_sampling_rate", 8000)
        self._custom = {row["name"]: row["value"] for row in body.get("custom_parameters", [])}
        self._sequence = 0
        self._chunks: dict[str, int] = {}
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._queued: deque[tuple[str, Any]] = deque()  # ("sound", call seconds) and ("mark", name)
        self._more = asyncio.Event()
        self._last_mp3 = float("-inf")
        self._last_error = ""
        self._connected = False
        leg.start(self)
        # Of the session, not of the leg: it still sends `stop` when the leg has ended.
        self._task = leg.session.spawn(self._run())
        self._tasks: list[asyncio.Task[None]] = []

    def on_key(self, digit: str) -> None:
        """Send it on the socket too."""
        if self._connected:
            self._send("dtmf", occurred_at=self._leg.clock.stamp(), dtmf={"digit": digit})

    def on_hangup(self) -> None:
        """The end of the call ends the streaming."""
        self.stop()

    def stop(self) -> None:
        """Send `stop` on the socket, then streaming.stopped. Idempotent."""
        if not self._leg.finish(self):
            return
        self._cancel_tasks()
        if not self._connected:
            self._task.cancel()
            return
        self._send("stop", stop={"user_id": USER_ID, "call_control_id": self._leg.call_control_id})
        self._outgoing.put_nowait(None)
        self._leg.emit("streaming.stopped", {"stream_url": self._url})

    def _fail(self, reason: str) -> None:
        if not self._leg.finish(self):
            return
        self._cancel_tasks()
        self._leg.emit(
            "streaming.failed",
            {
                "failure_reason": reason,
                "stream_id": self.id,
                "stream_params": {"stream_url": self._url, "track": self._track},
                "stream_type": "websocket",
            },
        )

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _send(self, event: str, **content: object) -> None:
        self._sequence += 1
        message = {"event": event, "sequence_number": str(self._sequence), "stream_id": self.id, **content}
        self._outgoing.put_nowait(json.dumps(message))

    async def _run(self) -> None:
        headers = {TOKEN_HEADER: self._token} if self._token else {}
        try:
            with self._leg.clock.hold():
                socket = await connect(
                    self._url,
                    additional_headers=headers,
                    open_timeout=CONNECT_SECONDS,
                    ping_interval=None,
                    close_timeout=1,
                    proxy=None,
                    max_size=2**22,
                )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI):
            self._fail("connection_failed")
            return
        try:
            await self._talk(socket)
        finally:
            self._cancel_tasks()
            await socket.close()

    async def _talk(self, socket: ClientConnection) -> None:
        leg = self._leg
        if self not in leg.activities:
            return
        self._connected = True
        greeting: dict[str, object] = {"event": "connected", "version": "1.0.0"}
        if self._token:
            greeting[TOKEN_HEADER] = self._token
        self._outgoing.put_nowait(json.dumps(greeting))
        start: dict[str, object] = {
            "user_id": USER_ID,
            "call_control_id": leg.call_control_id,
            "call_session_id": leg.session.id,
            "from": leg.from_number,
            "to": leg.to_number,
            "tags": [],
            "client_state": leg.client_state,
            "custom_parameters": self._custom,
            "media_format": self._codec.media_format,
        }
        self._send("start", start=start)
        leg.emit("streaming.started", {"stream_url": self._url})
        self._tasks = [
            leg.session.spawn(self._send_frames()),
            leg.session.spawn(self._receive(socket)),
            leg.session.spawn(self._play_queued()),
        ]
        try:
            while (message := await self._outgoing.get()) is not None:
                await socket.send(message)
        except ConnectionClosedOK:
            self._closed()
        except ConnectionClosed:
            self._fail("connection_lost")

    def _closed(self) -> None:
        """The application has closed the socket properly."""
        if self._leg.finish(self):
            self._leg.emit("streaming.stopped", {"stream_url": self._url})

    async def _send_frames(self) -> None:
        tracks: list[Track] = ["inbound", "outbound"]
        if self._track != "both_tracks":
            tracks = [track for track in tracks if self._track == f"{track}_track"]
        sounds = {track: _TrackSound(self._leg, track, self._codec) for track in tracks}
        pace = _Pace(self._leg)
        while True:
            await pace.next()
            for track, sound in sounds.items():
                chunk = self._chunks[track] = self._chunks.get(track, 0) + 1
                media = {
                    "track": track,
                    "chunk": str(chunk),
                    "timestamp": str((chunk - 1) * 20),
                    "payload": base64.b64encode(sound.frame()).decode(),
                }
                self._send("media", media=media)

    async def _receive(self, socket: ClientConnection) -> None:
        """Handle the messages of the application."""
        try:
            async for message in socket:
                self._handle(message)
        except ConnectionClosed:
            self._fail("connection_lost")
        else:
            self._closed()
        self._outgoing.put_nowait(None)

    def _handle(self, message: str | bytes) -> None:
        try:
            content = json.loads(message)
            event = content["event"]
        except (ValueError, KeyError, TypeError):
            self._send_error(100003, "malformed_frame", "Must be a JSON object with an event.")
            return
        if event == "media":
            self._enqueue_sound(content.get("media"))
        elif event == "mark" and isinstance(content.get("mark"), dict):
            self._queued.append(("mark", content["mark"].get("name")))
        elif event == "clear":
            marks = [entry for entry in self._queued if entry[0] == "mark"]
            self._queued = deque([("clear", None), *marks])
        else:
            self._send_error(100003, "malformed_frame", f"{event} is not a valid event.")
        self._more.set()

    def _enqueue_sound(self, media: object) -> None:
        """Sound for the person on the phone."""
        try:
            sound = base64.b64decode(media["payload"] if isinstance(media, dict) else "*", validate=True)
        except (binascii.Error, KeyError, TypeError, ValueError):
            self._send_error(100004, "invalid_media", "The payload is not base64.")
            return
        seconds = self._rtp_seconds(sound) if self._mode == "rtp" else self._mp3_seconds(sound)
        if seconds is not None:
            self._queued.append(("sound", seconds))

    def _rtp_seconds(self, sound: bytes) -> float | None:
        """None: an error has been sent."""
        seconds = seconds_of_reply(self._reply_codec, self._reply_rate, sound)
        if 0.02 <= seconds <= 30:
            return seconds
        self._send_error(100004, "invalid_media", "Must be 20 ms to 30 s of sound.")
        return None

    def _mp3_seconds(self, sound: bytes) -> float | None:
        """None: an error has been sent."""
        now = self._leg.clock.elapsed()
        if now - self._last_mp3 < 1:
            self._send_error(100005, "rate_limit_reached", "One message per second.")
            return None
        self._last_mp3 = now
        seconds = seconds_of(sound)
        if not seconds:
            self._send_error(100004, "invalid_media", "The payload is not mp3.")
        return seconds

    def _send_error(self, code: int, title: str, detail: str) -> None:
        self._send("error", payload={"code": code, "title": title, "detail": detail})
        text = f"error in the stream: {code} {title}: {detail}"
        if text != self._last_error:  # a stream may make the same mistake fifty times a second
            self._leg.remark(text)
        self._last_error = text

    async def _play_queued(self) -> None:
        """Play what the application has sent; echo a mark when everything before it has been played."""
        while True:
            while not self._queued:
                self._more.clear()
                await self._more.wait()
            kind, content = self._queued.popleft()
            if kind == "mark":
                self._send("mark", mark={"name": content})
            elif kind == "sound":
                await self._play(content)

    async def _play(self, seconds: float) -> None:
        """Until that many call seconds have passed, or `clear` is at the head of the queue."""
        until = self._leg.clock.elapsed() + seconds
        while (left := until - self._leg.clock.elapsed()) > 0:
            self._more.clear()
            changed = asyncio.ensure_future(self._more.wait())
            try:
                if not await self._leg.clock.wait(changed, left):
                    return
            finally:
                changed.cancel()
            if self._queued and self._queued[0][0] == "clear":
                return


class Dialogflow(Activity):
    """A streaming to Dialogflow: its beginning and its end are simulated, the agent is not."""

    def __init__(self, leg: Leg) -> None:
        self.id = str(uuid.uuid4())
        self._leg = leg
        leg.start(self)
        leg.emit("streaming.started", {})

    def on_hangup(self) -> None:
        """The end of the call ends the streaming."""
        self.stop()

    def stop(self) -> None:
        """streaming.stopped. Idempotent."""
        if self._leg.finish(self):
            self._leg.emit("streaming.stopped", {})


class Forking(Activity):
    """RTP to two UDP targets: what Telnyx receives on the call, and what it sends."""

    def __init__(self, leg: Leg, *, rx: str, tx: str) -> None:
        """rx, tx: `udp:ip:port`, for incoming and outgoing sound."""
        self._leg = leg
        self._targets: dict[Track, tuple[str, int]] = {"inbound": _target(rx), "outbound": _target(tx)}
        leg.start(self)
        self._task = leg.spawn(self._run())
        leg.emit("call.fork.started", {"stream_type": "decrypted"})

    def on_hangup(self) -> None:
        """The end of the call ends the fork."""
        self.stop()

    def stop(self) -> None:
        """call.fork.stopped. Idempotent."""
        if not self._leg.finish(self):
            return
        self._task.cancel()
        self._leg.emit("call.fork.stopped", {"stream_type": "decrypted"})

    async def _run(self) -> None:
        loop, codec = asyncio.get_running_loop(), stream_codec("PCMU")
        transports: dict[Track, asyncio.DatagramTransport] = {}
        try:
            for track, target in self._targets.items():
                anywhere = "::" if ":" in target[0] else "0.0.0.0"  # noqa: S104  # to any target
                transports[track], _ = await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=(anywhere, 0)
                )
            sounds = {track: _TrackSound(self._leg, track, codec) for track in self._targets}
            sources = {track: random.getrandbits(32) for track in self._targets}
            pace, number = _Pace(self._leg), 0
            while True:
                await pace.next()
                for track, transport in transports.items():
                    # Version 2, payload type 0 (PCMU): RFC 3550, section 5.1.
                    head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, sources[track])
                    transport.sendto(head + sounds[track].frame(), self._targets[track])
                number += 1
        finally:
            for transport in transports.values():
                transport.close()


def _target(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("udp:").rpartition(":")
    return host.strip("[]"), int(port)
