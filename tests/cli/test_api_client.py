"""Requests to a deployed calls API are signed for API Gateway, or carry a token."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hookline_local.base.errors import CliError
from hookline_local.cli.api_client import action_path, body_of, get, post
from hookline_local.cli.api_views import api_at
from hookline_local.stacks.resources import StackResources


class Gateway(HTTPServer):
    """A server that remembers the path and the headers of a request."""

    seen: tuple[str, dict[str, str]]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            server.seen = (self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"result": "accepted"}).encode())

        do_GET = do_POST  # noqa: N815 - http.server's own name

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = Gateway(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def deployed(gateway: Gateway, **parameters: str) -> StackResources:
    url = f"http://127.0.0.1:{gateway.server_port}"
    return StackResources(
        "line-1", "table", "bucket", parameters=parameters, outputs={"CallsApiUrl": url}, region="eu-west-1"
    )


def test_a_request_with_iam_is_signed_for_its_region_with_its_key(gateway: Gateway) -> None:
    answer = post(deployed(gateway, CallsApi="iam"), action_path("v3:a/b", "hangup"), {}, key="k1")
    path, headers = gateway.seen
    assert (answer, path) == ({"result": "accepted"}, "/calls/v3%3Aa%2Fb/actions/hangup")
    assert "/eu-west-1/execute-api/aws4_request" in headers["authorization"]
    assert "SignedHeaders=content-type;host;idempotency-key;x-amz-date" in headers["authorization"]
    assert headers["idempotency-key"] == "k1"


def test_reading_is_signed_too_with_its_query(gateway: Gateway) -> None:
    stack = deployed(gateway, CallsApi="iam")
    assert get(stack, "/calls", {"day": "2026-11-21", "cursor": "a+b"}) == {"result": "accepted"}
    path, headers = gateway.seen
    assert path == "/calls?day=2026-11-21&cursor=a%2Bb"
    sent = AWSRequest("GET", f"{stack.outputs['CallsApiUrl']}{path}", headers={"X-Amz-Date": headers["x-amz-date"]})
    sent.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("testing", "testing"), "execute-api", "eu-west-1")
    signature = signer.signature(signer.string_to_sign(sent, signer.canonical_request(sent)), sent)
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_a_stack_with_tokens_is_given_one(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = deployed(gateway, CallsApi="token")
    with pytest.raises(CliError, match="asks for a token"):
        post(stack, "/calls", {}, key=None)
    monkeypatch.setenv("HOOKLINE_API_TOKEN", "a.b.c")
    post(stack, "/calls", {}, key=None)
    assert gateway.seen[1]["authorization"] == "Bearer a.b.c"


def test_a_stack_on_this_machine_is_given_a_token_only_where_it_asks_for_tokens(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKLINE_API_TOKEN", "a.b.c")
    post(replace(deployed(gateway, CallsApi="iam"), endpoint_url="http://127.0.0.1:9"), "/calls", {}, key=None)
    assert "authorization" not in gateway.seen[1]
    post(replace(deployed(gateway, CallsApi="token"), endpoint_url="http://127.0.0.1:9"), "/calls", {}, key=None)
    assert gateway.seen[1]["authorization"] == "Bearer a.b.c"


def test_a_stack_without_the_api_is_named_with_the_parameter() -> None:
    with pytest.raises(CliError, match="has no calls API"):
        post(StackResources("line-1", "table", "bucket"), "/calls", {}, key=None)


def test_parameters_are_json_where_they_are_not_text() -> None:
    given = ["digits=0012", "duration_millis=200", 'client_state={"step": 1}']
    assert body_of("send_dtmf", given) == {"digits": "0012", "duration_millis": 200, "client_state": {"step": 1}}
    assert body_of("speak", ["payload=12", "stop=all"]) == {"payload": "12", "stop": "all"}


def test_an_api_by_its_url_is_signed_for_the_region_in_it_or_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/"
    found = api_at(url, profile=None, region=None)
    assert (found.outputs["CallsApiUrl"], found.region, found.endpoint_url) == (url.rstrip("/"), "eu-west-1", None)
    assert api_at("https://calls.example.com", profile=None, region="eu-west-2").region == "eu-west-2"
    monkeypatch.setenv("HOOKLINE_API_TOKEN", "t0")
    assert api_at("https://calls.example.com", profile=None, region=None).parameters == {"CallsApi": "token"}
