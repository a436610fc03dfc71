"""Sound that leaves the exchange: a WebSocket per streaming, RTP packets per fork, one 20 ms frame at a time.

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
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidURI

from hookline_local.simulator.sound import SILENCE, seconds_of, tone_frames
from hookline_local.simulator.webhooks import USER_ID

if TYPE_CHECKING:
    from hookline_local.simulator.calls.legs import Leg

FRAME_SECONDS = 0.02
CONNECT_SECONDS = 2.0
"""On the wall's clock. Telnyx's own is not documented."""
TOKEN_HEADER = "x-telnyx-streaming-auth-token"  # noqa: S105  # a header's name


class _Sound:
    """20 ms frames of what one track sounds like: a tone while something is on it, else silence."""

    def __init__(self, leg: "Leg", track: str) -> None:
        self._leg = leg
        self._track = track
        self._place = 0

    def frame(self) -> bytes:
        sounding = self._leg.speaking if self._track == "inbound" else self._leg.player.playing
        if not sounding:
            return SILENCE
        frames = tone_frames()
        self._place = (self._place + 1) % len(frames)
        return frames[self._place]


class _Pace:
    """Every 20 ms of the call's time, without drifting."""

    def __init__(self, leg: "Leg") -> None:
        self._clock = leg.clock
        self._due = leg.clock.elapsed()

    async def next(self) -> None:
        self._due += FRAME_SECONDS
        await self._clock.sleep(self._due - self._clock.elapsed(), background=True)


class Streaming:
    """One WebSocket to the application's stream_url."""

    def __init__(self, leg: "Leg", body: Mapping[str, Any]) -> None:
        self.id = str(uuid.uuid4())
        self._leg = leg
        self._url: str = body["stream_url"]
        self._track: str = body.get("stream_track", "inbound_track")
        self._token: str | None = body.get("stream_auth_token")
        self._mode: str = body.get("stream_bidirectional_mode", "mp3")
        self._custom = {row["name"]: row["value"] for row in body.get("custom_parameters", [])}
        self._sequence = 0
        self._chunks: dict[str, int] = {}
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._queued: deque[tuple[str, Any]] = deque()  # ("sound", call seconds) and ("mark", name)
        self._more = asyncio.Event()
        self._last_mp3 = float("-inf")
        self._connected = False
        # Of the session, not of the leg: it still says `stop` when the leg has ended.
        self._task = leg.session.spawn(self._run())
        self._beside: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """`stop` goes out on the socket, then streaming.stopped. Twice is once."""
        if self._leg.streaming is not self:
            return
        self._leg.streaming = None
        for task in self._beside:
            task.cancel()
        if not self._connected:
            self._task.cancel()
            return
        self._send("stop", stop={"user_id": USER_ID, "call_control_id": self._leg.call_control_id})
        self._outgoing.put_nowait(None)
        self._leg.emit("streaming.stopped", {"stream_url": self._url})

    def pressed(self, digit: str) -> None:
        """A key, told on the socket too."""
        if self._connected:
            self._send("dtmf", occurred_at=self._leg.clock.stamp(), dtmf={"digit": digit})

    def _fail(self, reason: str) -> None:
        if self._leg.streaming is not self:
            return
        self._leg.streaming = None
        for task in self._beside:
            task.cancel()
        self._leg.emit(
            "streaming.failed",
            {
                "failure_reason": reason,
                "stream_id": self.id,
                "stream_params": {"stream_url": self._url, "track": self._track},
                "stream_type": "websocket",
            },
        )

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
            for task in self._beside:
                task.cancel()
            await socket.close()

    async def _talk(self, socket: ClientConnection) -> None:
        if self._leg.streaming is not self:
            return
        self._connected = True
        leg = self._leg
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
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        self._send("start", start=start)
        leg.emit("streaming.started", {"stream_url": self._url})
        self._beside = [
            leg.session.spawn(self._frames()),
            leg.session.spawn(self._listen(socket)),
            leg.session.spawn(self._hear()),
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
        if self._leg.streaming is self:
            self._leg.streaming = None
            self._leg.emit("streaming.stopped", {"stream_url": self._url})

    async def _frames(self) -> None:
        tracks = ["inbound", "outbound"] if self._track == "both_tracks" else [self._track.removesuffix("_track")]
        sounds = {track: _Sound(self._leg, track) for track in tracks}
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

    async def _listen(self, socket: ClientConnection) -> None:
        """What the application says on the socket."""
        try:
            async for message in socket:
                self._told(message)
        except ConnectionClosed:
            self._fail("connection_lost")
        else:
            self._closed()
        self._outgoing.put_nowait(None)

    def _told(self, message: str | bytes) -> None:
        try:
            content = json.loads(message)
            event = content["event"]
        except (ValueError, KeyError, TypeError):
            self._complain(100003, "malformed_frame", "A JSON object with an event, please.")
            return
        if event == "media":
            self._take(content.get("media"))
        elif event == "mark" and isinstance(content.get("mark"), dict):
            self._queued.append(("mark", content["mark"].get("name")))
        elif event == "clear":
            marks = [thing for thing in self._queued if thing[0] == "mark"]
            self._queued = deque([("clear", None), *marks])
        else:
            self._complain(100003, "malformed_frame", f"{event} is no event.")
        self._more.set()

    def _take(self, media: object) -> None:
        """Sound for the person on the phone."""
        try:
            sound = base64.b64decode(media["payload"] if isinstance(media, dict) else "*", validate=True)
        except (binascii.Error, KeyError, TypeError, ValueError):
            self._complain(100004, "invalid_media", "The payload is not base64.")
            return
        if self._mode == "rtp":
            seconds = len(sound) / 8000
            if not 0.02 <= seconds <= 30:
                self._complain(100004, "invalid_media", "20 ms to 30 s of sound, please.")
                return
        else:
            now = self._leg.clock.elapsed()
            if now - self._last_mp3 < 1:
                self._complain(100005, "rate_limit_reached", "One message per second.")
                return
            self._last_mp3 = now
            seconds = seconds_of(sound) or 0.0
            if not seconds:
                self._complain(100004, "invalid_media", "The payload is not mp3.")
                return
        self._queued.append(("sound", seconds))

    def _complain(self, code: int, title: str, detail: str) -> None:
        self._send("error", payload={"code": code, "title": title, "detail": detail})

    async def _hear(self) -> None:
        """Play what the application has sent; a mark is echoed when what stood before it has been played."""
        while True:
            while not self._queued:
                self._more.clear()
                await self._more.wait()
            kind, what = self._queued.popleft()
            if kind == "mark":
                self._send("mark", mark={"name": what})
            elif kind == "sound":
                await self._play(what)

    async def _play(self, seconds: float) -> None:
        """Until it has been heard, or `clear` stands at the head of the queue."""
        until = self._leg.clock.elapsed() + seconds
        while (left := until - self._leg.clock.elapsed()) > 0:
            self._more.clear()
            told = asyncio.ensure_future(self._more.wait())
            try:
                if not await self._leg.clock.wait(told, left):
                    return
            finally:
                told.cancel()
            if self._queued and self._queued[0][0] == "clear":
                return


class Forking:
    """RTP to two UDP targets: what the exchange receives on the call, and what it sends."""

    def __init__(self, leg: "Leg", *, rx: str, tx: str) -> None:
        """rx, tx: `udp:ip:port`, for incoming and outgoing sound."""
        self._leg = leg
        self._targets = {"inbound": _target(rx), "outbound": _target(tx)}
        self._task = leg.spawn(self._run())
        leg.emit("call.fork.started", {"stream_type": "decrypted"})

    def stop(self) -> None:
        """Twice is once."""
        if self._leg.forking is not self:
            return
        self._leg.forking = None
        self._task.cancel()
        self._leg.emit("call.fork.stopped", {"stream_type": "decrypted"})

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0))  # noqa: S104  # to any target
        try:
            sounds = {track: _Sound(self._leg, track) for track in self._targets}
            sources = {track: random.getrandbits(32) for track in self._targets}
            pace, number = _Pace(self._leg), 0
            while True:
                await pace.next()
                for track, target in self._targets.items():
                    # Version 2, payload type 0 (PCMU): RFC 3550, section 5.1.
                    head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, sources[track])
                    transport.sendto(head + sounds[track].frame(), target)
                number += 1
        finally:
            transport.close()


def _target(address: str) -> tuple[str, int]:
    _, host, port = address.split(":")
    return host, int(port)
