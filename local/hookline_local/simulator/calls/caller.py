"""The person on the phone, played from a scenario's steps."""

import asyncio
from collections.abc import Sequence

from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.observations import Remark
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
                _remark(leg, error)
                leg.hang_up()
                return
        if step.after:
            await leg.clock.sleep(step.after)
        await _execute(leg, step)


async def _execute(leg: Leg, step: Step) -> None:
    if step.faults is not None:
        leg.account.injector.change(step.faults)
    if step.press is not None:
        _remark(leg, f"the caller presses {step.press}")
        await press(leg, step.press)
    if step.speak is not None:
        _remark(leg, f"the caller speaks: {step.speak}")
        await leg.speak(step.speak)
    if step.hangup:
        _remark(leg, "the caller hangs up")
        leg.hang_up()


async def press(leg: Leg, digits: str) -> None:
    """One key after another."""
    for digit in digits:
        leg.press(digit)
        await leg.clock.sleep(KEY_SECONDS)


def _remark(leg: Leg, text: str) -> None:
    leg.account.observers(Remark(text=text, call_session_id=leg.session.id))
