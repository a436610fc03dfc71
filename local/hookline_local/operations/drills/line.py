"""The stack of the drills, with a simulator of Telnyx: one of its own, that no other command finds."""

import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from hookline_local.base.errors import UNAVAILABLE, USAGE, CliError
from hookline_local.base.signing import sign
from hookline_local.emulator.runtime import Function
from hookline_local.operations.drills.observed import Observed
from hookline_local.operations.drills.subscriber import TAKES, Subscriber, subscriber
from hookline_local.samples import catalog
from hookline_local.simulator import Config, SimulatorInThread, simulator_in_thread
from hookline_local.stacks.announcement import announcement
from hookline_local.stacks.local import API_KEY, LocalStackInThread
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import announced

FLOWS = Path(__file__).with_name("flows")
PARAMETERS = {
    "DialAllow": "+1202",
    "PerEventRouting": "off",
    "WebhooksExpectedFrom": "0",
    "WebhooksExpectedUntil": "23",
    "PublishEvents": "on",
    "EventWebhookTypes": "call.bridged",
}
"""Of the stack. One function answers all webhooks, which starts few processes. Posted is what no other drill sends."""

NUMBER = "+12025550123"
PATIENCE = 30.0
"""Factor on every time limit of AWS and Telnyx: a drill is not about time."""

HANG_SECONDS = 120.0
"""Only a hang takes longer."""

CONSUMED = ("CommandQueue", "DeferredQueue", "RecordingQueue", "SummaryQueue", "EventWebhookQueue")
ROUTER = "WebhookRouterFunction"


@dataclass
class Line:
    """A running stack. leg: of the drill's call. aws_endpoint: of its AWS."""

    stack: LocalStackInThread
    telnyx: SimulatorInThread
    resources: StackResources
    observed: Observed
    subscriber: Subscriber
    leg: str = ""
    _before: dict[str, Function] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget the drill before: its calls, its log, its figures."""
        table, dynamodb = self.resources.table, self.resources.dynamodb
        for pk, sk in self.resources.item_keys():
            dynamodb.delete_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
        self.observed.forget()
        self.leg = f"drill-{uuid.uuid4()}"

    def post(
        self,
        event_type: str = "call.initiated",
        *,
        to: str = NUMBER,
        ago: float = 0.0,
        signed_ago: int = 0,
        **more: Any,
    ) -> int:
        """A signed webhook of the drill's call; the status. ago, signed_ago: seconds since it happened, was signed."""
        leg = {"call_leg_id": self.leg, "call_session_id": f"session-{self.leg}", "call_control_id": f"v3:{self.leg}"}
        payload = {**leg, "to": to, "client_state": None, **more}
        changes: dict[str, object] = {f"data.payload.{name}": value for name, value in payload.items()}
        if ago:
            changes["data.occurred_at"] = _text(time.time() - ago)
        return self.send(catalog.sample(event_type).now(changes).body, signed_ago=signed_ago)

    def send(self, body: bytes, *, signed_ago: int = 0, seed: bytes | None = None) -> int:
        """A body to the URL that Telnyx has; the status. seed: of another key than Telnyx's."""
        at = int(time.time()) - signed_ago
        headers = sign(body, at) if seed is None else sign(body, at, seed)
        return self._request("POST", self.stack.webhook_url, content=body, headers=headers)

    def get(self, path: str) -> int:
        """A request to the calls API; the status."""
        return self._request("GET", f"{self.stack.url}{path}")

    def _request(self, method: str, url: str, **more: Any) -> int:
        with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as http:
            return http.request(method, url, **more).status_code

    def deploy(self, function_id: str, *, environment: Mapping[str, str | None] | None = None, **changes: Any) -> None:
        """Change a function until `mend`. environment: over its own; None takes a variable away."""
        before = self.stack.stack.runtime.functions[function_id]
        self._before.setdefault(function_id, before)
        if environment is not None:
            merged = {**before.environment, **environment}
            changes["environment"] = {name: value for name, value in merged.items() if value is not None}
        self._change(function_id, changes)

    def _change(self, function_id: str, changes: Mapping[str, Any]) -> None:
        self.stack.call(lambda stack: stack.runtime.change(function_id, **changes))

    def mend(self) -> None:
        """Deploy every function as it was, and let Telnyx, API Gateway and the subscriber take everything."""
        for function_id, before in self._before.items():
            self._change(function_id, vars(before))
        self._before.clear()
        self.throttle(False)
        self.inject(api_429=0)
        self.subscriber.status = TAKES

    def throttle(self, on: bool) -> None:
        """Let API Gateway answer 429."""

        def change(stack: Any) -> None:
            stack.throttles_requests = on

        self.stack.call(change)

    def inject(self, **faults: float) -> None:
        """Set faults of Telnyx."""
        self.telnyx.call(lambda telnyx: telnyx.switch.account.injector.change(faults))

    def receives(self, queue: str, most: int) -> None:
        """Set how often a message is received before it is a dead letter."""
        written = self.stack.template.properties(queue)["RedrivePolicy"]
        policy = {"deadLetterTargetArn": written["deadLetterTargetArn"], "maxReceiveCount": most}
        self._set(queue, RedrivePolicy=json.dumps(policy))

    def hasten(self) -> None:
        """Let what failed in a consumer be received again after a second, and not after the consumer's timeout."""
        for queue in CONSUMED:
            self._set(queue, VisibilityTimeout="1", DelaySeconds="0")
            self.receives(queue, 1000)

    def _set(self, queue: str, **attributes: Any) -> None:
        sqs: Any = self.resources.sqs  # its type lists the names of attributes
        sqs.set_queue_attributes(QueueUrl=self.resources.queues[queue], Attributes=attributes)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition. Raises CliError when only a hang can be the reason that it does not come."""
        until = time.monotonic() + HANG_SECONDS
        while not condition():
            if time.monotonic() > until:
                raise CliError(
                    f"the drill waited in vain: {what}", "Run it again; it leaves nothing.", code=UNAVAILABLE
                )
            time.sleep(0.1)

    def wait_for_messages(self, queue: str, at_least: int = 1) -> None:
        """Wait until this many messages are in a queue, whatever their state."""
        self.wait_until(lambda: self.messages(queue) >= at_least, f"{queue} has no message")

    def wait_until_empty(self) -> None:
        """Wait until no queue holds anything."""
        self.wait_until(lambda: not any(self.resources.waiting().values()), "a queue is not empty")

    def wait_for_line(self, message: str) -> None:
        """Wait for a line of the log."""
        quoted = message.replace('"', '\\"')
        self.wait_until(lambda: bool(self.observed.search(f'filter message = "{quoted}"')), f"no line: {message}")

    def saved_query(self, name: str) -> str:
        """The text of a query that the template saves. Raises CliError for another name."""
        template = self.stack.template
        for query in map(template.properties, template.resources("AWS::Logs::QueryDefinition")):
            if query["Name"] == f"{template.stack_name}/{name}":
                return str(query["QueryString"])
        raise CliError(f"{name}: not a saved query of the template", code=USAGE)

    def messages(self, queue: str) -> int:
        """The messages of a queue, whatever their state."""
        return self.resources.messages_in(self.resources.queues[queue])


@contextlib.contextmanager
def line(template: Path) -> Iterator[Line]:
    """A stack for drills; nothing of it is left. Raises what starting a stack raises."""
    with contextlib.ExitStack() as closing:
        closing.enter_context(_own_temporary_folder())
        config = Config(api_key=API_KEY, speed=0, patience=PATIENCE, phone_numbers=(NUMBER,))
        telnyx = closing.enter_context(simulator_in_thread(config))
        events = closing.enter_context(subscriber())
        parameters = {**PARAMETERS, "EventWebhookUrl": events.url}
        options = {"parameters": parameters, "telnyx_base_url": telnyx.api_base_url, "api_key": API_KEY}
        stack = closing.enter_context(
            LocalStackInThread(template, **options, flows=FLOWS, patience=PATIENCE, process_limit=8)
        )
        telnyx.call(lambda simulator: simulator.send_webhooks_to(stack.webhook_url))
        started = announcement(stack.stack, telnyx.url, telnyx.api_base_url)
        closing.enter_context(announced(started))
        resources = StackResources.of_template(stack.template, stack.aws_endpoint)
        observed = Observed(stack.template, resources)
        stack.stack.on_log = observed.on_log
        stack.stack.on_exchange = observed.on_exchange
        stack.stack.on_count = observed.on_count
        ready = Line(stack, telnyx, resources, observed, events)
        ready.hasten()
        yield ready


@contextlib.contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Where the stack is announced: no other command of this machine finds it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="hookline-drill-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _text(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(at))
