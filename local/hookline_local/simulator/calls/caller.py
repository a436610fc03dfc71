"""The person on the phone, played from a scenario's steps."""

import asyncio
from collections.abc import Sequence

from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.scenario import Step

KEY_SECONDS = 0.3
"""After each key."""


async def play(leg: Leg, steps: Sequence[Step], *, patience_seconds: float) -> None:
    """Take the steps in order; hang up when one waits longer than patience_seconds (wall-clock time)."""
    index = 0
    for number, step in enumerate(steps, start=1):
        if step.when is not None:
            try:
                async with asyncio.timeout(patience_seconds):
                    index = await leg.session.next(index, step.when, step.where)
            except TimeoutError:
                error = f"step {number}: no {step.when} within {patience_seconds:g} s"
                leg.session.scenario_failed = error
                leg.remark(error)
                leg.hang_up()
                return
        if step.after:
            await leg.clock.sleep(step.after)
        await _execute(leg, step)


async def _execute(leg: Leg, step: Step) -> None:
    if step.faults is not None:
        leg.account.injector.change(step.faults)
    if step.press is not None:
        await press(leg, step.press)
    if step.speak is not None:
        await speak(leg, step.speak)
    if step.hangup:
        hang_up(leg)


async def press(leg: Leg, digits: str) -> None:
    """One key after another."""
    leg.remark(f"the caller presses {digits}")
    for digit in digits:
        leg.press(digit)
        await leg.clock.sleep(KEY_SECONDS)


async def speak(leg: Leg, text: str) -> None:
    """Say these words."""
    leg.remark(f"the caller speaks: {text}")
    await leg.speak(text)


def hang_up(leg: Leg) -> None:
    """End the call as the person on the phone does."""
    leg.remark("the caller hangs up")
    leg.hang_up()
