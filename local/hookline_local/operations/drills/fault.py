"""A fault of a drill, and what making and mending several of them have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from hookline_local.operations.drills.line import Line

NOWHERE = "http://127.0.0.1:9"
NO_JOURNAL = {"AWS_ENDPOINT_URL_DYNAMODB": NOWHERE}


def _nothing(line: Line) -> None:
    """Mending the line is all."""


def _webhook(line: Line) -> None:
    """A webhook that nothing is wrong with."""
    line.post("call.speak.started")


@dataclass(frozen=True)
class Fault:
    """A fault.

    story: for who watches. mend: after the line itself is as it was. after_seconds: how long it lasts until the alarm
    is due. at: a time at which the alarm is due, instead of now. traffic: on the mended line. restore: after the drill.
    """

    story: str
    make: Callable[[Line], None]
    mend: Callable[[Line], None] = _nothing
    after_seconds: float = 0.0
    at: Callable[[], float] | None = None
    traffic: Callable[[Line], None] = _webhook
    restore: Callable[[Line], None] = _nothing


def counted(line: Line, function_id: str, metric: str) -> bool:
    return line.observed.counted(function_id, metric) > 0


def settled(line: Line) -> None:
    """Wait until all that waited, or was dead and fed again, is worked on."""
    line.wait_until_empty()


def delete_messages(line: Line, queue: str) -> None:
    url = line.resources.queues[queue]
    while found := line.resources.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            line.resources.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
