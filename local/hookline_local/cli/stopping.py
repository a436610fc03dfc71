"""Work that runs until SIGINT, SIGTERM or SIGHUP, or until standard output is closed."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine

from hookline_local.cli.screen import Screen


async def run_until_stopped(screen: Screen, work: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run the work, which gets the event that is set when it is to end. Raises what it raises, and BrokenPipeError when
    standard output has been closed.
    """
    stopping = asyncio.Event()
    screen.on_closed = stopping.set
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    working = asyncio.create_task(work(stopping))
    stopped = asyncio.create_task(stopping.wait())
    # Stopped while starting: what has been started by then is stopped again.
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    if screen.closed:
        raise BrokenPipeError
