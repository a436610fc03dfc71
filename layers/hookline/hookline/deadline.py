"""How long a webhook may still take: one budget, handed down to everything that it waits for.

A timeout of boto3 bounds one read of one try, not their sum, and a peer that sends a byte now and then is never late.
So the whole of a request to AWS is bounded here, by the timer of the process: it costs two system calls, where a thread
to wait for would cost as much as verifying a signature.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SHORTEST_SECONDS = 0.02
"""With less time than this left a request is not begun."""


AGAIN_SECONDS = 0.1
"""The timer goes off again after this time: an exception that is raised in a finalizer is swallowed by Python."""


class DeadlineExceeded(BaseException):
    """The timer has gone off. Not an Exception: nothing between here and the request may take it for its own."""


class Deadline:
    """The time by which the caller must have its answer. seconds: from now on."""

    def __init__(self, seconds: float) -> None:
        """Start counting."""
        self._ends = time.monotonic() + seconds

    def left(self, *, reserve: float = 0.0) -> float:
        """Seconds that are left, less those to be set aside for what comes afterwards; negative when it has passed."""
        return self._ends - time.monotonic() - reserve

    def less(self, seconds: float) -> "Deadline":
        """A deadline that is earlier by these seconds, to leave them for what comes afterwards."""
        return Deadline(self.left(reserve=seconds))

    @contextlib.contextmanager
    def enforced(self) -> Iterator[None]:
        """Raise DeadlineExceeded inside the block when the time is up, and at once when there is none left.

        Outside the main thread, where Python handles no signals, only the beginning is checked. Lambda's runtime client
        calls handlers in the main thread.
        """
        left = self.left()
        if left < SHORTEST_SECONDS:
            raise DeadlineExceeded
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if signal.getsignal(signal.SIGALRM) is not _on_alarm:
            signal.signal(signal.SIGALRM, _on_alarm)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, left, AGAIN_SECONDS)
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # once more: the alarm may go off just before the timer is stopped
            signal.setitimer(signal.ITIMER_REAL, 0)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function as in a block of enforced(), at half its price: every decision of a flow is called so."""
        left = self.left()
        if threading.current_thread() is not threading.main_thread():
            return function(*arguments)
        if signal.getsignal(signal.SIGALRM) is not _on_alarm:
            signal.signal(signal.SIGALRM, _on_alarm)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, max(left, SHORTEST_SECONDS), AGAIN_SECONDS)
                return function(*arguments)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # once more, as in enforced()
            signal.setitimer(signal.ITIMER_REAL, 0)


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise DeadlineExceeded("it took longer than there was time for")
