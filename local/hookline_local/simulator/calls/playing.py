"""Sound towards the person on a leg: speak and playback in one queue, overlays beside it, each as long as it is."""

import asyncio
import base64
import re
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import httpx

from hookline_local.simulator.calls.activity import Activity, Utterance
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.sound import seconds_of

LATENCY_SECONDS = 0.1
"""Between two sounds, and before the first."""
DOWNLOAD_SECONDS = 5.0
"""Wall-clock time: how long a file may take to arrive."""
DOWNLOAD_LIMIT = 100 * 1024 * 1024


class Length(NamedTuple):
    """How long a sound lasts. status and detail: why it cannot be played, if it cannot."""

    seconds: float
    status: str | None = None
    detail: str | None = None


class Sound:
    """Something to be played once or several times."""

    kind: Literal["speak", "playback"]

    def __init__(self, leg: Leg, *, loop: int | str = 1, quiet: bool = False) -> None:
        """loop: times, or "infinity". quiet: no events, as for the prompt of gather_using_speak."""
        self.leg = leg
        self.id = str(uuid.uuid4())
        self.loop = loop
        self.quiet = quiet
        self.started = False
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Set to its status when it has ended."""

    async def length(self) -> Length:
        """Of one round, in call seconds."""
        raise NotImplementedError

    def attributes(self) -> dict[str, object]:
        """The keys of its events beside the identity of the leg."""
        raise NotImplementedError

    def begin(self) -> None:
        """It is audible from now on."""
        self.started = True
        if not self.quiet:
            self.leg.emit(f"call.{self.kind}.started", self.attributes())

    def end(self, status: str, detail: str | None = None) -> None:
        """It is not audible any more. Idempotent; one that never began ends without an event."""
        if self.over.done():
            return
        self.over.set_result(status)
        if not self.quiet and (self.started or detail is not None):
            more: dict[str, object] = {"status": status}
            if self.kind == "playback":
                more["status_detail"] = detail
            self.leg.emit(f"call.{self.kind}.ended", {**self.attributes(), **more})

    async def play(self) -> None:
        """From beginning to end, or until `end` is called."""
        clock = self.leg.clock
        await clock.sleep(LATENCY_SECONDS)
        with clock.hold():
            length = await self.length()
        if self.over.done():
            return
        if length.status is not None:
            self.end(length.status, length.detail)
            return
        self.begin()
        self.leg.report_audio()
        if self.loop == "infinity":
            await self.over
        elif not await clock.wait(self.over, length.seconds * int(self.loop)):
            self.leg.report_audio()
            self.end("completed")


class Speech(Sound):
    """Text to speech."""

    kind = "speak"

    def __init__(self, leg: Leg, body: Mapping[str, Any], *, quiet: bool = False) -> None:
        super().__init__(leg, loop=body.get("loop", 1), quiet=quiet)
        self.text = re.sub(r"<[^>]*>", "", body["payload"]).strip()

    async def length(self) -> Length:
        return Length(max(len(self.text) / self.leg.account.config.characters_per_second, 0.2))

    def attributes(self) -> dict[str, object]:
        return {"calling_party_type": "pstn", "speak_id": self.id}

    def end(self, status: str, detail: str | None = None) -> None:
        running = not self.over.done()
        super().end(status, detail)
        if running and self.started and status == "completed":
            self.leg.report_utterance(Utterance(text=self.text, track="outbound", final=True))


class File(Sound):
    """A playback."""

    kind = "playback"

    def __init__(self, leg: Leg, body: Mapping[str, Any]) -> None:
        super().__init__(leg, loop=body.get("loop", 1))
        self.url: str | None = body.get("audio_url")
        self.name: str | None = body.get("media_name")
        self.content: str | None = body.get("playback_content")
        self.overlay: bool = body.get("overlay", False)

    def attributes(self) -> dict[str, object]:
        return {
            "calling_party_type": "pstn",
            "media_name": self.name or "",
            "media_url": self.url or "",
            "overlay": self.overlay,
            "playback_id": self.id,
        }

    async def length(self) -> Length:
        """A file on loopback is fetched and measured; others are not: the simulator never leaves the machine."""
        config = self.leg.account.config
        if (self.url or self.name) in config.missing_media:
            return Length(0, "file_not_found", "The file does not exist.")
        if self.content is not None:
            return _measured(base64.b64decode(self.content))
        if self.url is not None and urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost"):
            return await _fetched(self.leg.account.http, self.url)
        return Length(config.remote_audio_seconds)


def _measured(content: bytes) -> Length:
    seconds = seconds_of(content)
    if seconds is None:
        return Length(0, "failed", "Neither WAV nor MP3.")
    return Length(seconds)


async def _fetched(http: httpx.AsyncClient, url: str) -> Length:
    try:
        async with asyncio.timeout(DOWNLOAD_SECONDS), http.stream("GET", url) as response:
            if response.status_code != 200:
                return Length(0, "file_not_found", f"HTTP {response.status_code}")
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > DOWNLOAD_LIMIT:
                    return Length(0, "failed", "Too large.")
    except TimeoutError:
        return Length(0, "failed", "90040: download timed out")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Length(0, "file_not_found", type(error).__name__)
    return _measured(content)


class Player(Activity):
    """The queue of a leg, and what is mixed over it."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.current: Sound | None = None
        self._queue: deque[Sound] = deque()
        self._overlays: list[Sound] = []
        self._task: asyncio.Task[None] | None = None
        leg.start(self)

    @property
    def playing(self) -> bool:
        """Whether a sound is audible just now."""
        return (self.current is not None and self.current.started) or bool(self._overlays)

    def add(self, sound: Sound) -> None:
        """After everything that is queued already."""
        self._queue.append(sound)
        if self._task is None or self._task.done():
            self._task = self.leg.spawn(self._play())

    def overlay(self, sound: Sound) -> None:
        """At once, on top of what is playing."""
        self._overlays.append(sound)
        self.leg.spawn(self._play_over(sound))

    def stop(self, which: str, status: str = "cancelled") -> None:
        """which: "current" only, "all" with what is queued, "overlay" what is mixed on top."""
        if which == "overlay":
            for sound in list(self._overlays):
                sound.end(status)
            return
        if which == "all":
            while self._queue:
                self._queue.popleft().end(status)
        if self.current is not None:
            self.current.end(status)

    def on_hangup(self) -> None:
        """End every sound."""
        self.stop("all", "call_hangup")
        self.stop("overlay", "call_hangup")

    async def _play(self) -> None:
        while self._queue:
            self.current = self._queue.popleft()
            await self.current.play()
            self.current = None

    async def _play_over(self, sound: Sound) -> None:
        try:
            await sound.play()
        finally:
            self._overlays.remove(sound)


def player_of(leg: Leg) -> Player:
    """The one player of a leg; made for its first sound."""
    return leg.find(Player) or Player(leg)
