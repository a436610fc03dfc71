"""Collecting digits: gather, gather_using_speak, gather_using_audio."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hookline_local.simulator.calls.playing import Sound

if TYPE_CHECKING:
    from hookline_local.simulator.calls.legs import Leg


class Gathering:
    """One gather on one leg, from its command to call.gather.ended."""

    def __init__(self, leg: "Leg", body: Mapping[str, Any], *, prompt: Callable[[bool], Sound] | None = None) -> None:
        """prompt: makes what is to be heard before each try; its argument: was the try before invalid?"""
        self._leg = leg
        self._prompt = prompt
        self._id = body.get("gather_id") or (str(uuid.uuid4()) if prompt is None else None)
        self._least: int = body.get("minimum_digits", 1)
        self._most: int = body.get("maximum_digits", 128)
        self._valid: str = body.get("valid_digits", "0123456789#*")
        self._terminating: str = body.get("terminating_digit", "#")
        self._tries: int = 1 if prompt is None else body.get("maximum_tries", 3)
        self._whole_seconds = body.get("timeout_millis", 60_000) / 1000
        self._first_seconds = self._whole_seconds if prompt else body.get("initial_timeout_millis", 5000) / 1000
        self._next_seconds = body.get("inter_digit_timeout_millis", 5000) / 1000
        self._pressed: deque[str] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self.digits = ""
        self._sound: Sound | None = None
        self._task = leg.spawn(self._run())

    def pressed(self, digit: str) -> None:
        """A key was pressed on the leg."""
        self._pressed.append(digit)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def end(self, status: str) -> None:
        """It is over: call.gather.ended."""
        if self._leg.gathering is not self:
            return
        self._leg.gathering = None
        if self._sound is not None:
            self._sound.end("cancelled" if status != "call_hangup" else status)
        if self._task is not asyncio.current_task():
            self._task.cancel()
        payload: dict[str, object] = {**self._leg.ends(), "digits": self.digits, "status": status}
        if self._id is not None:
            payload["gather_id"] = self._id
        self._leg.emit("call.gather.ended", payload)

    async def _run(self) -> None:
        status = "timeout"
        for _attempt in range(self._tries):
            self.digits = ""
            if self._prompt is not None:
                self._sound = self._prompt(status == "invalid")
                self._leg.player.add(self._sound)
                await self._heard(self._sound)
            status = await self._collect()
            if status == "valid":
                break
        self.end(status)

    async def _heard(self, sound: Sound) -> None:
        """Until the prompt is over, or a key cuts it short."""
        if not self._pressed:
            self._waiting = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._waiting, sound.over), return_when=asyncio.FIRST_COMPLETED)
        sound.end("cancelled")

    async def _collect(self) -> str:
        """valid, invalid or timeout."""
        clock = self._leg.clock
        deadline = clock.elapsed() + (self._whole_seconds if self._prompt is None else float("inf"))
        while len(self.digits) < self._most:
            patience = self._next_seconds if self.digits else self._first_seconds
            if not self._pressed:
                self._waiting = asyncio.get_running_loop().create_future()
                if not await clock.wait(self._waiting, min(patience, deadline - clock.elapsed())):
                    if len(self.digits) >= self._least:
                        return "valid"
                    return "invalid" if self.digits else "timeout"
            digit = self._pressed.popleft()
            if digit == self._terminating:
                return "valid" if len(self.digits) >= self._least else "invalid"
            self.digits += digit
            if digit not in self._valid:
                return "invalid"
        return "valid"
