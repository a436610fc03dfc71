"""Queues: legs that wait to be bridged."""

from dataclasses import dataclass, field

from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.calls.activity import Activity
from hookline_local.simulator.calls.legs import Leg


@dataclass(kw_only=True)
class Queue:
    """Legs that wait, the first in line first."""

    name: str
    max_size: int
    legs: list[Leg] = field(default_factory=list)


class Queues:
    """The queues that exist: made by the first leg that enters, gone with the last that leaves."""

    def __init__(self) -> None:
        self._queues: dict[str, Queue] = {}

    def first(self, name: str) -> Leg | None:
        """The leg that is next in this queue, if there is one."""
        queue = self._queues.get(name)
        return queue.legs[0] if queue is not None else None

    def enqueue(
        self, leg: Leg, name: str, *, max_size: int | None, max_wait_seconds: int | None, keep_after_hangup: bool
    ) -> None:
        """call.enqueued. Raises ApiError: 90036 full, 90037 made with another size, 90038 in one already."""
        if leg.find(Queueing) is not None:
            raise ApiError("90038")
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = Queue(name=name, max_size=max_size or 100)
        elif max_size is not None and max_size != queue.max_size:
            raise ApiError("90037", pointer="/max_size")
        if len(queue.legs) >= queue.max_size:
            raise ApiError("90036")
        leg.unbridge()
        queue.legs.append(leg)
        queueing = Queueing(self._queues, queue, leg, keep_after_hangup=keep_after_hangup)
        leg.emit("call.enqueued", {"queue": name, "current_position": len(queue.legs), "queue_avg_wait_time_secs": 0})
        if max_wait_seconds is not None:
            leg.spawn(queueing.time_out(max_wait_seconds))

    def dequeue(self, leg: Leg, reason: str) -> None:
        """call.dequeued. reason: bridged, leave, ... Raises ApiError 90035 when the leg is in no queue."""
        queueing = leg.find(Queueing)
        if queueing is None:
            raise ApiError("90035")
        queueing.leave(reason)


class Queueing(Activity):
    """One leg in one queue."""

    def __init__(self, queues: dict[str, Queue], queue: Queue, leg: Leg, *, keep_after_hangup: bool) -> None:
        self._queues = queues
        self._queue = queue
        self._leg = leg
        self._keep_after_hangup = keep_after_hangup
        self._since = leg.clock.elapsed()
        leg.start(self)

    def leave(self, reason: str) -> None:
        """call.dequeued. Idempotent."""
        if not self._leg.finish(self):
            return
        position = self._queue.legs.index(self._leg) + 1
        self._queue.legs.remove(self._leg)
        if not self._queue.legs:
            del self._queues[self._queue.name]
        self._leg.emit(
            "call.dequeued",
            {
                "queue": self._queue.name,
                "queue_position": position,
                "reason": reason,
                "wait_time_secs": int(self._leg.clock.elapsed() - self._since),
            },
        )

    async def time_out(self, seconds: float) -> None:
        """Leave when the leg has waited that many call seconds in vain."""
        await self._leg.clock.sleep(seconds)
        self.leave("timeout")

    def on_hangup(self) -> None:
        """A caller who has hung up waits no longer, unless asked to."""
        if not self._keep_after_hangup:
            self.leave("hangup")
