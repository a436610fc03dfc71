"""An event bus, its rules and their targets. Owns what an event looks like on the bus.

Source: docs.aws.amazon.com/eventbridge/latest/ref/events-structure. Targets are queues and functions of the template.
An event goes to each target at least once on AWS; here once, or again with its whole page when a queue was away. What
a queue that does not exist was to get goes to the target's dead letters at once, as on AWS: .../userguide/rule-dlq.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hookline_local.emulator.event_patterns import check_pattern, matches
from hookline_local.emulator.template import Template, UnsupportedTemplate

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NO_RESOURCE = "NO_RESOURCE"
"""The code of a target that does not exist."""


@dataclass(frozen=True)
class QueueTarget:
    """A queue that a rule leads to. dead_letters: URL of the queue for what it cannot take; None: that is dropped."""

    url: str
    arn: str
    dead_letters: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of a bus. functions: logical ids."""

    pattern: Mapping[str, Any]
    queues: Sequence[QueueTarget] = ()
    functions: Sequence[str] = ()


def rules_of(template: Template, bus: str) -> list[Rule]:
    """The rules of a bus of the template, by its logical id. Raises UnsupportedTemplate."""
    found = []
    for name in template.resources("AWS::Events::Rule"):
        properties = template.properties(name)
        if properties.get("EventBusName") != template.physical_id(bus) or properties.get("State") == "DISABLED":
            continue
        check_pattern(properties.get("EventPattern"))
        found.append(_rule(template, name, properties))
    return found


def _rule(template: Template, name: str, properties: Mapping[str, Any]) -> Rule:
    queues = {
        template.resolve({"Fn::GetAtt": [queue, "Arn"]}): queue for queue in template.resources("AWS::SQS::Queue")
    }
    functions = {template.resolve({"Fn::GetAtt": [one, "Arn"]}): one for one in template.functions()}
    chosen_queues, chosen_functions = [], []
    for target in properties.get("Targets", []):
        if target.keys() & {"Input", "InputPath", "InputTransformer"}:
            raise UnsupportedTemplate(f"{name}: a target is given the whole event here, without a transformation")
        if target["Arn"] in queues:
            dead_letters = queues.get(target.get("DeadLetterConfig", {}).get("Arn"))
            chosen_queues.append(
                QueueTarget(
                    template.physical_id(queues[target["Arn"]]),
                    target["Arn"],
                    template.physical_id(dead_letters) if dead_letters else None,
                )
            )
        elif target["Arn"] in functions:
            chosen_functions.append(functions[target["Arn"]])
        else:
            raise UnsupportedTemplate(f"{name}: the target {target['Arn']} is no queue and no function of the template")
    return Rule(properties["EventPattern"], chosen_queues, chosen_functions)


class EventBus:
    """One bus. submit: invokes a function asynchronously, by its logical id. Rules may be added and removed."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        sqs: "SQSClient",
        submit: Callable[[str, bytes], str],
        region: str,
        account: str,
    ) -> None:
        self.rules = list(rules)
        self._sqs = sqs
        self._submit = submit
        self._region = region
        self._account = account

    async def publish(self, source: str, detail_type: str, detail: Any) -> None:
        """Give an event to the targets of every rule that matches it."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": [],
            "detail": detail,
        }
        body = json.dumps(event, separators=(",", ":"))
        for rule in self.rules:
            if matches(rule.pattern, event):
                for function in rule.functions:
                    self._submit(function, body.encode())
                for target in rule.queues:
                    await asyncio.to_thread(self._send, target, body)

    def _send(self, target: QueueTarget, body: str) -> None:
        try:
            self._sqs.send_message(QueueUrl=target.url, MessageBody=body)
        except self._sqs.exceptions.QueueDoesNotExist:
            if target.dead_letters is not None:
                attributes: Any = {
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in (("ERROR_CODE", NO_RESOURCE), ("TARGET_ARN", target.arn))
                }
                self._sqs.send_message(QueueUrl=target.dead_letters, MessageBody=body, MessageAttributes=attributes)
