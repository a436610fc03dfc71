"""The local gateway answers as an HTTP API with payload format 2.0 does."""

import asyncio
import base64
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hookline_local.base.http_event import is_text
from hookline_local.base.loopback import Response, TooLargeError, read_body
from hookline_local.emulator.gateway import (
    BODY_LIMIT_BYTES,
    HttpApi,
    Router,
    response_of,
)
from hookline_local.emulator.runtime import InvokeResult
from hookline_local.emulator.template import Route
from hookline_local.stacks.local import LocalStackInThread

FIXTURE = Path(__file__).parent / "fixture"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStackInThread]:
    with LocalStackInThread(FIXTURE / "template.yaml") as running:
        yield running


@pytest.fixture
def http(stack: LocalStackInThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        yield client


def event_of(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["event"]


def test_a_request_arrives_with_every_field_that_aws_documents_and_no_other(
    http: httpx.Client, stack: LocalStackInThread
) -> None:
    before = time.time()
    response = http.post(
        "/echo?a=1&b=%20x&a=2&empty=",
        content=b'{"k": "\xc3\xbc"}',
        headers=[
            ("Content-Type", "application/json"),
            ("X-Twice", "one"),
            ("x-twice", "two"),
            ("Cookie", "a=1; b=2"),
            ("User-Agent", "tester/1"),
        ],
    )
    event = event_of(response)
    assert set(event) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "cookies",
        "headers",
        "queryStringParameters",
        "requestContext",
        "body",
        "isBase64Encoded",
    }
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /echo"
    assert event["rawPath"] == "/echo"
    assert event["rawQueryString"] == "a=1&b=%20x&a=2&empty="
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x", "empty": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["body"] == '{"k": "ü"}'
    assert event["isBase64Encoded"] is False

    headers = event["headers"]
    assert all(name == name.lower() for name in headers)
    assert headers["x-twice"] == "one,two"
    assert headers["content-length"] == "11"
    assert "cookie" not in headers
    assert "connection" not in headers
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])

    context = event["requestContext"]
    assert set(context) == {
        "accountId",
        "apiId",
        "domainName",
        "domainPrefix",
        "http",
        "requestId",
        "routeKey",
        "stage",
        "time",
        "timeEpoch",
    }
    assert context["accountId"] == "123456789012"
    assert context["domainName"] == stack.url.removeprefix("http://")
    assert context["domainPrefix"] == "127"
    assert context["http"] == {
        "method": "POST",
        "path": "/echo",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tester/1",
    }
    assert context["routeKey"] == "POST /echo"
    assert context["stage"] == "$default"
    assert before * 1000 - 1 <= context["timeEpoch"] <= time.time() * 1000
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert response.headers["apigw-requestid"] == context["requestId"]


def test_an_empty_body_is_no_body(http: httpx.Client) -> None:
    event = event_of(http.get("/echo"))
    assert "body" not in event
    assert "queryStringParameters" not in event
    assert "cookies" not in event
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    "content_type,text",
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("APPLICATION/JSON", True),
        ("text/plain", True),
        ("text/csv; header=present", True),
        ("application/xml", True),
        ("application/javascript", True),
        ("application/vnd.api+json", False),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        ("audio/wav", False),
        ("", False),
        (None, False),
    ],
)
def test_only_text_arrives_as_text_and_every_byte_arrives(
    http: httpx.Client, content_type: str | None, text: bool
) -> None:
    body = b'{"digit": "1"}'
    headers = {} if content_type is None else {"content-type": content_type}
    event = event_of(http.post("/echo", content=body, headers=headers))
    assert event["isBase64Encoded"] is not text
    assert (event["body"].encode() if text else base64.b64decode(event["body"])) == body
    assert is_text(content_type) is text


def test_bytes_that_are_no_text_survive(http: httpx.Client) -> None:
    body = bytes(range(256)) * 40
    event = event_of(http.post("/echo", content=body, headers={"content-type": "audio/wav"}))
    assert base64.b64decode(event["body"]) == body


@pytest.mark.parametrize(
    "method,path,route_key,parameters",
    [
        ("POST", "/webhooks/call.answered", "POST /webhooks/call.answered", None),
        ("GET", "/calls/v3%3Aabc%20d/events", "GET /calls/{id}/events", {"id": "v3:abc d"}),
        ("DELETE", "/files/a/b/c.wav", "ANY /files/{proxy+}", {"proxy": "a/b/c.wav"}),
    ],
)
def test_the_route_and_its_parameters_are_found(
    http: httpx.Client, method: str, path: str, route_key: str, parameters: dict[str, str] | None
) -> None:
    event = event_of(http.request(method, path))
    assert event["routeKey"] == event["requestContext"]["routeKey"] == route_key
    assert event.get("pathParameters") == parameters
    assert "%" not in event["rawPath"]


@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "/nowhere"),
        ("GET", "/"),
        ("PUT", "/echo"),
        ("GET", "/webhooks/call.answered"),
        ("POST", "/echo/"),
        ("POST", "/webhooks/callXanswered"),
        ("GET", "/calls//events"),
        ("GET", "/files/"),
    ],
)
def test_what_has_no_route_is_not_found_whatever_is_missing(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path)
    assert response.status_code == 404
    assert response.json() == {"message": "Not Found"}
    assert response.headers["content-type"] == "application/json"
    assert "apigw-requestid" in response.headers


def test_the_most_specific_route_wins() -> None:
    routes = [
        Route("ANY", "$default", "Rest"),
        Route("ANY", "/a/{x}", "AnyVariable"),
        Route("GET", "/a/{proxy+}", "Greedy"),
        Route("GET", "/a/{x}", "Variable"),
        Route("GET", "/a/b", "Literal"),
        Route("ANY", "/a/b", "AnyLiteral"),
    ]
    router = Router(routes)
    found = {
        (method, path): router.find(method, path)
        for method, path in [("GET", "/a/b"), ("POST", "/a/b"), ("GET", "/a/c"), ("PUT", "/a/c"), ("GET", "/a/c/d")]
    }
    assert {key: match and match.function_id for key, match in found.items()} == {
        ("GET", "/a/b"): "Literal",
        ("POST", "/a/b"): "AnyLiteral",
        ("GET", "/a/c"): "Variable",
        ("PUT", "/a/c"): "AnyVariable",
        ("GET", "/a/c/d"): "Greedy",
    }
    rest = router.find("GET", "/z")
    assert rest is not None
    assert rest.key == "$default"


def test_ten_megabytes_are_too_much(http: httpx.Client) -> None:
    response = http.post("/echo", content=bytes(BODY_LIMIT_BYTES + 1))
    assert response.status_code == 413
    assert response.json() == {"message": "Request Entity Too Large"}


def test_ten_megabytes_that_come_in_pieces_are_too_much(http: httpx.Client) -> None:
    pieces = (bytes(1024 * 1024) for _ in range(11))
    assert http.post("/echo", content=pieces).status_code == 413


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(1024), "more_body": read < 1000}

    with pytest.raises(TooLargeError):
        asyncio.run(read_body({"headers": []}, receive, 10 * 1024))
    assert read == 11


@pytest.mark.parametrize("path", ["/echo", "/2015-03-31/functions/EchoFunction/invocations"])
def test_half_a_request_is_no_request(stack: LocalStackInThread, http: httpx.Client, path: str) -> None:
    stack.logs.clear()
    with socket.create_connection(("127.0.0.1", http.base_url.port or 80)) as half:
        half.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n12345".encode())
    assert http.post("/echo").status_code == 200
    assert sum(line.text.startswith("START") for line in stack.logs) == 1


def test_more_than_lambda_takes_is_too_much(http: httpx.Client) -> None:
    assert http.post("/echo", content=bytes(5 * 1024 * 1024)).status_code == 413


def test_one_megabyte_passes(http: httpx.Client) -> None:
    body = b"n" * 1024 * 1024
    event = event_of(http.post("/echo", content=body, headers={"content-type": "text/plain"}))
    assert event["body"] == body.decode()


def test_headers_of_more_than_10240_bytes_are_refused(http: httpx.Client) -> None:
    assert http.post("/echo", headers={"x-long": "y" * 9_500}).status_code == 200
    assert http.post("/echo", headers={"x-long": "y" * 10_200}).status_code == 431


@pytest.mark.parametrize(
    "value,status,body,content_type",
    [
        ({"statusCode": 201, "body": "made"}, 201, b"made", "text/plain;charset=UTF-8"),
        ({"statusCode": "204"}, 204, b"", "text/plain;charset=UTF-8"),
        (
            {"statusCode": 200, "headers": {"Content-Type": "audio/wav"}, "body": "AAEC", "isBase64Encoded": True},
            200,
            b"\x00\x01\x02",
            "audio/wav",
        ),
        ({"hello": "wörld"}, 200, '{"hello":"wörld"}'.encode(), "application/json"),
        ("plain", 200, b"plain", "application/json"),
        ([1, 2], 200, b"[1,2]", "application/json"),
        (None, 200, b"null", "application/json"),
    ],
)
def test_what_a_function_returns_becomes_a_response(
    http: httpx.Client, value: Any, status: int, body: bytes, content_type: str
) -> None:
    response = http.post("/answer", content=json.dumps(value), headers={"content-type": "application/json"})
    assert (response.status_code, response.content) == (status, body)
    assert response.headers["content-type"] == content_type


def test_headers_and_cookies_of_a_function_are_sent(http: httpx.Client) -> None:
    value = {
        "statusCode": 200,
        "headers": {"X-Number": 3, "X-True": True, "Connection": "close", "Content-Length": "999"},
        "cookies": ["a=1; Path=/", "b=2"],
    }
    response = http.post("/answer", json=value)
    assert response.headers["x-number"] == "3"
    assert response.headers["x-true"] == "true"
    assert response.headers["content-length"] == "0"
    assert response.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]


@pytest.mark.parametrize(
    "value",
    [
        "raise",
        {"statusCode": "two hundred"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"not": "a string"}},
        {"statusCode": 200, "body": "###", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["no map"]},
        {"statusCode": 200, "headers": {"x": ["no text"]}},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
def test_what_api_gateway_cannot_send_is_an_internal_server_error(http: httpx.Client, value: Any) -> None:
    response = http.post("/answer", json=value)
    assert response.status_code == 500
    assert response.json() == {"message": "Internal Server Error"}


def test_a_function_that_cannot_start_is_an_internal_server_error(http: httpx.Client) -> None:
    assert http.post("/broken").status_code == 500


def test_a_throttled_function_is_unavailable(stack: LocalStackInThread, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"

    async def both() -> list[int]:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            wish = {"until": str(go_on)}
            asked = [asyncio.create_task(client.post("/one", json=wish)) for _ in range(2)]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)  # the one that was refused
            go_on.touch()
            responses = await asyncio.gather(*asked)
        return sorted(response.status_code for response in responses)

    assert asyncio.run(both()) == [200, 503]


def test_a_function_that_takes_longer_than_the_gateway_waits_is_unavailable_and_goes_on() -> None:
    answered, finished = asyncio.Event(), asyncio.Event()

    async def invoke(function_id: str, payload: bytes, trace_id: str) -> InvokeResult:
        await answered.wait()
        finished.set()
        return InvokeResult(raw=b'"late"', error=None, log_tail="", milliseconds=200, cold=False, request_id="r")

    async def ask() -> int:
        api = HttpApi([Route("GET", "/late", "Late")], invoke, integration_timeout_seconds=0.05)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://gateway") as client:
            response = await client.get("/late")
        assert response.json() == {"message": "Service Unavailable"}
        answered.set()
        await asyncio.wait_for(finished.wait(), 60)
        return response.status_code

    assert asyncio.run(ask()) == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8080"}, 200),
        ({"origin": "http://127.0.0.1:8080"}, 200),
        ({"host": "voice.example.com"}, 403),
        ({"host": "[::1"}, 403),
        ({"origin": "https://elsewhere.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"x-forwarded-for": "203.0.113.7"}, 403),
    ],
)
def test_a_private_function_answers_this_machine_alone(headers: dict[str, str], status: int) -> None:
    async def invoke(function_id: str, payload: bytes, trace_id: str) -> InvokeResult:
        return InvokeResult(raw=b'"calls"', error=None, log_tail="", milliseconds=1, cold=False, request_id="r")

    async def ask() -> list[int]:
        routes = [Route("GET", "/calls", "CallsApi"), Route("GET", "/open", "Webhook")]
        api = HttpApi(routes, invoke, private={"CallsApi"})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
            return [(await client.get(path, headers=headers)).status_code for path in ("/calls", "/open")]

    assert asyncio.run(ask()) == [status, 200]


def test_an_exchange_holds_request_and_response(stack: LocalStackInThread, http: httpx.Client) -> None:
    seen: list[Any] = []
    stack.stack.on_exchange = seen.append
    http.post("/echo?a=1", content=b"{}")
    http.get("/nowhere")
    ends = time.monotonic() + 60
    while len(seen) < 2 and time.monotonic() < ends:  # it is seen after it was answered
        time.sleep(0.01)
    stack.stack.on_exchange = lambda exchange: None
    assert [(each.method, each.path, each.status, each.function_id) for each in seen] == [
        ("POST", "/echo?a=1", 200, "EchoFunction"),
        ("GET", "/nowhere", 404, None),
    ]
    assert seen[0].body == b"{}"
    assert json.loads(seen[0].response)["event"]["rawPath"] == "/echo"
    assert seen[0].milliseconds > 0


def test_a_response_without_a_status_is_the_value_itself() -> None:
    assert response_of({"body": "x"}) == Response(200, b'{"body":"x"}')


def test_what_the_stack_does_not_do_is_named_at_start(stack: LocalStackInThread) -> None:
    output = "\n".join(stack.unsupported)
    for words in (
        "Permissions are not enforced",
        "Api: its CorsConfiguration has no effect here",
        "TickFunction: event AtMidnight: only rate() schedules run here",
        "TickFunction: event Stream: sources of the type DynamoDB are not emulated",
    ):
        assert words in output
    assert "EveryHour" not in output
