"""The time of a call that runs as fast as it can."""

import asyncio
import time

import pytest

from hookline_local.simulator.clock import CallClock


@pytest.mark.parametrize("background", [True, False])
def test_time_does_not_jump_past_what_a_slow_machine_has_yet_to_begin(background: bool) -> None:
    """A recording that has reached its limit is saved before the caller hangs up, however late the processor is."""
    woken: list[str] = []

    async def saves_at_its_limit(clock: CallClock) -> None:
        await clock.sleep(120.0, background=background)
        for _ in range(4):
            time.sleep(0.003)  # the machine has other things to do
            await asyncio.sleep(0)
        await clock.sleep(2.0)
        woken.append("saved")

    async def ends_the_call(clock: CallClock) -> None:
        await clock.sleep(200.0)
        woken.append("hung up")

    async def play() -> None:
        clock = CallClock(0, grace_seconds=0.001)
        await asyncio.gather(saves_at_its_limit(clock), ends_the_call(clock))

    asyncio.run(play())
    assert woken == ["saved", "hung up"]
