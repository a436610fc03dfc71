"""Collecting digits: gather, gather_using_speak, gather_using_audio."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hookline_local.simulator.calls.activity import Activity
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.playing import Sound, player_of


class Gathering(Activity):
    """One gather on one leg, from its command to call.gather.ended."""

    def __init__(self, leg: Leg, body: Mapping[str, Any], *, prompt: Callable[[bool], Sound] | None = None) -> None:
        """prompt: makes the sound before each try; its argument: whether the try before was invalid."""
        self._leg = leg
        self._prompt = prompt
        self._id = body.get("gather_id") or (str(uuid.uuid4()) if prompt is None else None)
        self._minimum: int = body.get("minimum_digits", 1)
        self._maximum: int = body.get("maximum_digits", 128)
        self._valid: str = body.get("valid_digits", "0123456789#*")
        self._terminating: str = body.get("terminating_digit", "#")
        self._tries: int = 1 if prompt is None else body.get("maximum_tries", 3)
        self._total_seconds = body.get("timeout_millis", 60_000) / 1000
        self._first_seconds = self._total_seconds if prompt else body.get("initial_timeout_millis", 5000) / 1000
        self._next_seconds = body.get("inter_digit_timeout_millis", 5000) / 1000
        self._keys: deque[str] = deque()
        self._key_pressed: asyncio.Future[None] | None = None
        self._digits = ""
        self._sound: Sound | None = None
        leg.start(self)
        self._task = leg.spawn(self._run())

    def on_key(self, digit: str) -> None:
        """Collect it."""
        self._keys.append(digit)
        if self._key_pressed is not None and not self._key_pressed.done():
            self._key_pressed.set_result(None)

    def on_hangup(self) -> None:
        """The digits up to now are reported."""
        self.end("call_hangup")

    def end(self, status: str) -> None:
        """call.gather.ended. Idempotent."""
        if not self._leg.finish(self):
            return
        if self._sound is not None:
            self._sound.end("cancelled" if status != "call_hangup" else status)
        if self._task is not asyncio.current_task():
            self._task.cancel()
        payload: dict[str, object] = {**self._leg.numbers(), "digits": self._digits, "status": status}
        if self._id is not None:
            payload["gather_id"] = self._id
        self._leg.emit("call.gather.ended", payload)

    async def _run(self) -> None:
        status = "timeout"
        for _attempt in range(self._tries):
            self._digits = ""
            if self._prompt is not None:
                self._sound = self._prompt(status == "invalid")
                player_of(self._leg).add(self._sound)
                await self._play(self._sound)
            status = await self._collect()
            if status == "valid":
                break
        self.end(status)

    async def _play(self, sound: Sound) -> None:
        """Until the prompt is over, or a key cuts it short."""
        if not self._keys:
            self._key_pressed = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._key_pressed, sound.over), return_when=asyncio.FIRST_COMPLETED)
        sound.end("cancelled")

    async def _collect(self) -> str:
        """valid, invalid or timeout."""
        clock = self._leg.clock
        deadline = clock.elapsed() + (self._total_seconds if self._prompt is None else float("inf"))
        while len(self._digits) < self._maximum:
            seconds = self._next_seconds if self._digits else self._first_seconds
            if not await self._key_within(min(seconds, deadline - clock.elapsed())):
                if self._digits:
                    return self._complete()
                return "valid" if self._minimum == 0 else "timeout"
            digit = self._keys.popleft()
            if digit == self._terminating:
                return self._complete()
            self._digits += digit
            if digit not in self._valid:
                return "invalid"
        return "valid"

    def _complete(self) -> str:
        return "valid" if len(self._digits) >= self._minimum else "invalid"

    async def _key_within(self, seconds: float) -> bool:
        """Wait that many call seconds for a key; whether there is one."""
        if not self._keys:
            self._key_pressed = asyncio.get_running_loop().create_future()
            return await self._leg.clock.wait(self._key_pressed, seconds)
        return True
