"""Data out, by its doors: webhooks go in over HTTP, and the consumers of docs/data-out.md get what was journalled."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from hookline_local.base.signing import sign
from hookline_local.emulator.moto_server import local_session
from hookline_local.stacks.local import LocalStackInThread
from tests.support.world import PROJECT, sample_data

PAGE = (PROJECT / "docs" / "data-out.md").read_text(encoding="utf-8")
LIMIT_SECONDS = 60.0
"""Only something that hangs takes so long."""


def project(folder: Path) -> Path:
    """The project with the consumers of the page in its template."""
    for name in ("functions", "layers", "flows", "console"):
        (folder / name).symlink_to(PROJECT / name)
    (resources,) = re.findall(r"```yaml\n(  CrmQueue:.+?)```", PAGE, re.DOTALL)
    ((path, code),) = re.findall(r"```python\n# (trouble/trouble.py)\n(.+?)```", PAGE, re.DOTALL)
    (folder / path).parent.mkdir()
    (folder / path).write_text(code)
    template = (PROJECT / "template.yaml").read_text(encoding="utf-8")
    (folder / "template.yaml").write_text(template.replace("\nOutputs:\n", f"\n{resources}\nOutputs:\n"))
    return folder / "template.yaml"


class DataOut:
    """A stack that publishes, and its consumers."""

    def __init__(self, stack: LocalStackInThread) -> None:
        self.stack = stack
        self.sqs = local_session("us-east-1").client("sqs", endpoint_url=stack.aws_endpoint)

    def deliver(self, name: str, **payload: Any) -> dict[str, Any]:
        """A signed webhook, over HTTP; what was posted."""
        data = sample_data(name)
        data["payload"].update(payload)
        body = json.dumps({"data": data, "meta": {"attempt": 1}}).encode()
        answer = httpx.post(self.stack.webhook_url, content=body, headers=sign(body, int(time.time())), timeout=60)
        assert answer.status_code == 200, answer.text
        return data

    def received(self, queue: str) -> list[dict[str, Any]]:
        """The messages of a queue, which are taken out."""
        url = self.stack.template.physical_id(queue)
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The JSON lines of functions with this message."""
        lines = [line.text for line in list(self.stack.logs) if line.text.startswith("{")]
        return [line for line in map(json.loads, lines) if line.get("message") == message]


def until(find: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Wait for something to be found."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (found := find()):
        assert time.monotonic() < end, "nothing has come"
        time.sleep(0.05)
    return found


class Refusing(BaseHTTPRequestHandler):
    """A Telnyx that refuses every command."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"errors": [{"code": "90012", "title": "refused"}]}'
        self.send_response(422)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture(scope="module")
def data_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataOut]:
    template = project(tmp_path_factory.mktemp("project"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    telnyx = f"http://127.0.0.1:{server.server_port}/v2"
    with LocalStackInThread(template, parameters={"PublishEvents": "on"}, telnyx_base_url=telnyx, patience=30) as stack:
        yield DataOut(stack)
    server.shutdown()
    server.server_close()


def detail_of(event: Mapping[str, Any], event_type: str) -> dict[str, Any]:
    assert (event["source"], event["detail-type"]) == ("hookline", event_type)
    detail: dict[str, Any] = event["detail"]
    return detail


def test_a_queue_and_a_function_get_what_their_rules_ask_for(data_out: DataOut) -> None:
    data_out.deliver("call.dtmf.received", digit="7")
    hangup = data_out.deliver("call.hangup")
    (event,) = until(lambda: data_out.received("CrmQueue"))
    detail = detail_of(event, "call.hangup")
    assert (detail["event_id"], detail["occurred_at"]) == (hangup["id"], hangup["occurred_at"])
    assert detail["call_leg_id"] == hangup["payload"]["call_leg_id"]
    assert json.loads(detail["body"])["data"] == hangup
    assert data_out.logged("in trouble") == []
    answered = data_out.deliver("call.initiated", call_leg_id="another", call_control_id="v3:another")
    (line,) = until(lambda: data_out.logged("in trouble"))
    assert (line["event_id"], line["type"]) == (answered["id"], "call.initiated")


def test_the_stack_lists_what_it_does_not_emulate(data_out: DataOut) -> None:
    listed = " ".join(data_out.stack.unsupported)
    for name in ("EventArchive", "EventPipe", "EventBus", "HangupRule"):
        assert name in listed
    assert "not emulated" not in listed
