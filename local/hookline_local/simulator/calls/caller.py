"""The person on the phone, played from a scenario's steps."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hookline_local.simulator.observations import Remark
from hookline_local.simulator.scenario import Step

if TYPE_CHECKING:
    from hookline_local.simulator.calls.legs import Leg

KEY_SECONDS = 0.3
"""After each key."""


async def play(leg: "Leg", steps: Sequence[Step], *, patience_seconds: float) -> None:
    """Take the steps in order; when one waits longer than patience_seconds (wall's clock), give up and hang up."""
    place = 0
    for number, step in enumerate(steps, start=1):
        if step.when is not None:
            try:
                async with asyncio.timeout(patience_seconds):
                    place = await leg.session.next(place, step.when, step.where)
            except TimeoutError:
                waited = f"step {number}: no {step.when} within {patience_seconds:g} s"
                leg.session.scenario_failed = waited
                leg.exchange.observers(Remark(text=waited, call_session_id=leg.session.id))
                leg.hangs_up()
                return
        if step.after:
            await leg.clock.sleep(step.after)
        await _take(leg, step)


async def _take(leg: "Leg", step: Step) -> None:
    if step.misbehave is not None:
        leg.exchange.dice.change(step.misbehave)
    if step.press is not None:
        _remark(leg, f"the caller presses {step.press}")
        await press(leg, step.press)
    if step.say is not None:
        _remark(leg, f"the caller says: {step.say}")
        await leg.says(step.say)
    if step.hangup:
        _remark(leg, "the caller hangs up")
        leg.hangs_up()


async def press(leg: "Leg", digits: str) -> None:
    """One key after another."""
    for digit in digits:
        leg.press(digit)
        await leg.clock.sleep(KEY_SECONDS)


def _remark(leg: "Leg", text: str) -> None:
    leg.exchange.observers(Remark(text=text, call_session_id=leg.session.id))
