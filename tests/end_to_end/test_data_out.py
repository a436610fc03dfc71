"""Data out, by its doors: webhooks go in over HTTP, and the consumers of docs/data-out.md get what was journalled."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest

from hookline_local.base.signing import sign
from hookline_local.emulator.moto_server import local_session
from hookline_local.stacks.local import LocalStackInThread
from tests.support.world import PROJECT, sample_data

PAGE = (PROJECT / "docs" / "data-out.md").read_text(encoding="utf-8")
WHOLE = b"session-whole"
"""In every post about the one call that is summarized here."""

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


Found = TypeVar("Found")


class DataOut:
    """A stack that publishes, and its consumers."""

    def __init__(self, stack: LocalStackInThread, posts: list[tuple[dict[str, str], bytes]]) -> None:
        self.stack = stack
        self.posts = posts
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


def until(find: Callable[[], list[Found]]) -> list[Found]:
    """Wait for something to be found."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (found := find()):
        assert time.monotonic() < end, "nothing has come"
        time.sleep(0.05)
    return found


class Others(BaseHTTPRequestHandler):
    """A Telnyx that refuses every command; and a customer who takes every other post, at the second try."""

    posts: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        posted = self.rfile.read(int(self.headers["content-length"]))
        body = b'{"errors": [{"code": "90012", "title": "refused"}]}'
        status = 422
        if self.path == "/hooks":
            self.posts.append(({name.lower(): value for name, value in self.headers.items()}, posted))
            status = 503 if len([post for post in self.posts if WHOLE in post[1]]) == 1 else 200
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture(scope="module")
def data_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataOut]:
    template = project(tmp_path_factory.mktemp("project"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Others)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    given = {"PublishEvents": "on", "EventWebhookUrl": f"{here}/hooks"}
    with LocalStackInThread(template, parameters=given, telnyx_base_url=f"{here}/v2", patience=30) as stack:
        yield DataOut(stack, Others.posts)
    server.shutdown()
    server.server_close()


def check(name: str, document: Any) -> None:
    """Compare what is really published with its schema."""
    schema = json.loads((PROJECT / "docs" / "events" / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)


def detail_of(event: Mapping[str, Any], event_type: str) -> dict[str, Any]:
    check("event", event)
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
    answered = data_out.deliver("call.initiated", call_leg_id="another", call_session_id="other")
    (line,) = until(lambda: data_out.logged("in trouble"))
    assert (line["event_id"], line["type"]) == (answered["id"], "call.initiated")


def test_the_stack_lists_what_it_does_not_emulate(data_out: DataOut) -> None:
    listed = " ".join(data_out.stack.unsupported)
    for name in ("EventArchive", "EventPipe", "EventBus", "CrmRule"):
        assert name in listed
    assert "not emulated" not in listed


def test_a_url_gets_one_summary_of_each_call_signed_and_again_until_it_takes_it(data_out: DataOut) -> None:
    ids = {"call_leg_id": "whole", "call_control_id": "v3:whole", "call_session_id": "session-whole"}
    for name in ("call.answered", "call.cost", "call.hangup"):
        data_out.deliver(name, **ids)
    until(lambda: [post for post in data_out.posts if WHOLE in post[1]][1:])
    (first, refused_body), (headers, body) = [post for post in data_out.posts if WHOLE in post[1]]
    assert (first["webhook-id"], refused_body) == (headers["webhook-id"], body)
    secrets = local_session("us-east-1").client("secretsmanager", endpoint_url=data_out.stack.aws_endpoint)
    name = data_out.stack.template.physical_id("EventWebhookSecret")
    key = base64.b64decode(secrets.get_secret_value(SecretId=name)["SecretString"], validate=True)
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    check_of_the_page: dict[str, Any] = {}
    exec(re.findall(r"```python\n(import base64.+?)```", PAGE, re.DOTALL)[0], check_of_the_page)  # noqa: S102 - our page
    is_genuine, secret = check_of_the_page["is_genuine"], f"whsec_{base64.b64encode(key).decode()}"
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    document = json.loads(body)
    check("webhook", document)
    check("call.completed", {"data": document["data"]})
    payload = document["data"]["payload"]
    assert (document["type"], document["id"]) == ("call.completed", headers["webhook-id"])
    assert (payload["call_session_id"], payload["flow"]) == ("session-whole", "reception")
    (leg,) = payload["legs"]
    assert (leg["call_leg_id"], leg["cost"]["total_cost"]) == ("whole", "0.0110")
