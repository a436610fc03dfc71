"""The time of one call: wall-clock time, faster, or as fast as everything else allows.

A call's time starts at wall-clock time when the call is placed and runs `speed` times as fast. At speed 0 it stands
still while the call is being worked on (a webhook is out, a command is being handled) and then jumps to whatever
is due next. So nothing in a call depends on how fast the machine is.
"""

import asyncio
import heapq
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_BACKGROUND_SECONDS = 0.0005
"""Of wall-clock time, before the next jump after waking what waited in the background."""

_TURNS = 8
"""Of the event loop, before each jump: what was woken takes fewer to begin its next wait, on a busy machine too."""


@dataclass(order=True, slots=True)
class _Sleeper:
    due: float
    number: int
    background: bool = field(compare=False)
    woken: "asyncio.Future[None]" = field(compare=False)


def format_timestamp(timestamp: datetime) -> str:
    """As Telnyx writes a time: UTC, microseconds, trailing Z."""
    return timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class CallClock:
    """The clock of one call session."""

    def __init__(self, speed: float, *, grace_seconds: float) -> None:
        """speed: call seconds per second, 0 for as fast as it can.

        grace_seconds: at speed 0, wall-clock seconds without work before time jumps.
        """
        self.speed = speed
        self._grace_seconds = grace_seconds
        self._origin = datetime.now(UTC)
        self._started = time.monotonic()
        self._jumped = 0.0
        self._last_stamp = self._origin
        self._sleepers: list[_Sleeper] = []
        self._numbers = 0
        self._holds = 0
        self._turn: asyncio.Handle | None = None

    def elapsed(self) -> float:
        """Call seconds since the call was placed."""
        return self._jumped if self.speed == 0 else (time.monotonic() - self._started) * self.speed

    def now(self) -> datetime:
        """The call's time."""
        return self._origin + timedelta(seconds=self.elapsed())

    def stamp(self) -> str:
        """The call's time as Telnyx writes it, later than every stamp before."""
        self._last_stamp = max(self.now(), self._last_stamp + timedelta(microseconds=1))
        return format_timestamp(self._last_stamp)

    async def sleep(self, seconds: float, *, background: bool = False) -> None:
        """Wait that many call seconds.

        background: at speed 0, waiting for this does not make time pass (the next audio frame, a limit of
        hours); it wakes when something else has made the time pass.
        """
        if self.speed > 0:
            await asyncio.sleep(max(seconds, 0.0) / self.speed)
            return
        self._numbers += 1
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, _Sleeper(self._jumped + max(seconds, 0.0), self._numbers, background, woken))
        self._consider()
        await woken

    async def wait(self, event: "asyncio.Future[Any]", seconds: float) -> bool:
        """Wait for a future at most `seconds` of call time; False when the time is up first."""
        sleeping = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait((event, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
        return event.done()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The call is being worked on: at speed 0 its time stands still meanwhile."""
        self.busy()
        try:
            yield
        finally:
            self.done()

    def busy(self) -> None:
        """Begin what `done` ends, where `hold` cannot be used."""
        self._holds += 1
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def done(self) -> None:
        """End what `busy` began."""
        self._holds -= 1
        self._consider()

    def stop(self) -> None:
        """Cancel everything in the event loop."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._sleepers.clear()

    def _consider(self) -> None:
        if self.speed == 0 and self._holds == 0 and self._turn is None and self._sleepers:
            self._jump_after(self._grace_seconds)

    def _jump_after(self, seconds: float) -> None:
        self._turn = asyncio.get_running_loop().call_later(seconds, self._settle, _TURNS)

    def _settle(self, turns: int) -> None:
        """Give what was woken a few turns of the event loop, however long each takes, to begin its next wait."""
        if turns:
            self._turn = asyncio.get_running_loop().call_soon(self._settle, turns - 1)
        else:
            self._jump()

    def _jump(self) -> None:
        """Wake the sleeper that is due next, provided that one waits in the foreground."""
        self._turn = None
        while self._sleepers and self._sleepers[0].woken.done():
            heapq.heappop(self._sleepers)
        if not any(not sleeper.background and not sleeper.woken.done() for sleeper in self._sleepers):
            return
        sleeper = heapq.heappop(self._sleepers)
        self._jumped = max(self._jumped, sleeper.due)
        sleeper.woken.set_result(None)
        if sleeper.background:
            self._jump_after(_BACKGROUND_SECONDS)
        else:
            self._consider()
