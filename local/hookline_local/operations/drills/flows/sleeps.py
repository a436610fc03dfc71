"""sleeps: a flow that blocks longer than a webhook should take."""

import time

from hookline import Call, Command, Event

SECONDS = 1.6


def call_initiated(event: Event, call: Call) -> list[Command]:
    """Nothing, late."""
    time.sleep(SECONDS)
    return []
