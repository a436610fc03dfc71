"""Makes the fault of each alarm of publishing, and mends it as its runbook asks."""

from collections.abc import Mapping

from hookline_local.emulator.event_bus import QueueTarget, Rule
from hookline_local.operations.drills.fault import NO_JOURNAL, Fault, counted, delete_messages, settled
from hookline_local.operations.drills.line import Line

SUMMARY, POSTS = "CallSummaryFunction", "EventWebhookFunction"


def _ended(line: Line) -> None:
    """A call that is to be summarized."""
    line.post("call.hangup")
    line.wait_for_messages("SummaryQueue")


def _posted(line: Line) -> None:
    """An event that is to be posted."""
    line.post("call.bridged")
    line.wait_for_messages("EventWebhookQueue")


def _not_summarized(line: Line) -> None:
    line.deploy(SUMMARY, environment=NO_JOURNAL)
    line.post("call.hangup")
    line.wait_for_line("call not summarized yet")


def _never_summarized(line: Line) -> None:
    line.receives("SummaryQueue", 1)
    _not_summarized(line)
    line.wait_for_messages("SummaryDeadLetterQueue")


def _summary_throttled(line: Line) -> None:
    line.deploy(SUMMARY, reserved_concurrency=0)
    _ended(line)
    line.wait_until(lambda: counted(line, SUMMARY, "Throttles"), "the summary is not throttled")


def _summary_fails(line: Line) -> None:
    line.deploy(SUMMARY, environment={"TABLE_NAME": None})
    _ended(line)
    line.wait_until(lambda: counted(line, SUMMARY, "Errors"), "the summary does not fail")


def _not_posted(line: Line) -> None:
    line.subscriber.status = 401
    line.post("call.bridged")
    line.wait_for_line("event not posted")


def _never_posted(line: Line) -> None:
    line.receives("EventWebhookQueue", 1)
    _not_posted(line)
    line.wait_for_messages("EventWebhookDeadLetterQueue")


def _posts_throttled(line: Line) -> None:
    line.deploy(POSTS, reserved_concurrency=0)
    _posted(line)
    line.wait_until(lambda: counted(line, POSTS, "Throttles"), "the posts are not throttled")


def _posts_fail(line: Line) -> None:
    line.deploy(POSTS, environment={"EVENT_WEBHOOK_URL": None})
    _posted(line)
    line.wait_until(lambda: counted(line, POSTS, "Errors"), "the posts do not fail")


def _consumer_gone(line: Line) -> None:
    """A rule of a consumer whose queue was deleted."""
    gone = QueueTarget(
        url=f"{line.resources.queues['SummaryQueue']}-gone",
        arn="arn:aws:sqs:us-east-1:123456789012:crm",
        dead_letters=line.resources.queues["EventDeadLetterQueue"],
    )
    _rules(line).append(Rule({"source": ["hookline"]}, [gone]))
    line.post("call.speak.started")
    line.wait_for_messages("EventDeadLetterQueue")


def _rule_deleted(line: Line) -> None:
    _rules(line).pop()
    delete_messages(line, "EventDeadLetterQueue")


def _rules(line: Line) -> list[Rule]:
    return line.stack.stack.buses["EventBus"].rules


PUBLISHING: Mapping[str, Fault] = {
    "EventDeadLetter": Fault("the queue of a consumer is gone", _consumer_gone, _rule_deleted),
    "SummaryQueueAge": Fault(
        "DynamoDB is out of reach for the summary of a call", _not_summarized, settled, after_seconds=1800
    ),
    "SummaryDeadLetter": Fault("the same, for too long", _never_summarized, settled),
    "CallSummaryErrors": Fault("the summary is deployed without the name of its table", _summary_fails, settled),
    "CallSummaryThrottles": Fault("no concurrency is left for the summary", _summary_throttled, settled),
    "EventWebhookQueueAge": Fault(
        "the program behind EventWebhookUrl refuses the posts", _not_posted, settled, after_seconds=3600
    ),
    "EventWebhookDeadLetter": Fault("it refuses them for too long", _never_posted, settled),
    "EventWebhookErrors": Fault("the posts are deployed without their URL", _posts_fail, settled),
    "EventWebhookThrottles": Fault("no concurrency is left for the posts", _posts_throttled, settled),
}
"""By page."""
