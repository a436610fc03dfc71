"""Requests as API Gateway hands them to a function: HTTP APIs, payload format 2.0.

Sources: docs.aws.amazon.com/apigateway/latest/developerguide, http-api-develop-integrations-lambda (the shape).
rawPath is decoded and rawQueryString is not: captures of live HTTP APIs, github.com/middleapi/standard-server/pull/93.
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

# Not documented; established on live AWS: github.com/ministackorg/ministack/pull/766.
_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")

CONNECTION_HEADERS = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}
)
"""Belong to one connection, not to the message (RFC 9110, 7.6.1)."""


def is_text(content_type: str | None) -> bool:
    """Whether a body of this type is handed to the function as text; every other one, and without a type, is base64."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def join_headers(headers: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Headers with repeated ones joined by commas, without those of the connection; and the cookies."""
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        elif name not in CONNECTION_HEADERS:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined, cookies


def http_event(
    *,
    route_key: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    source_ip: str,
    request_id: str,
    received_ms: int,
    query: str = "",
    cookies: Iterable[str] = (),
    path_parameters: Mapping[str, str] | None = None,
    protocol: str = "HTTP/1.1",
    account: str = "123456789012",
    api_id: str = "local",
    as_base64: bool | None = None,
) -> dict[str, Any]:
    """One request.

    path: decoded. query: as sent. headers: names in lower case. received_ms: milliseconds since 1970 UTC.
    as_base64: None decides by the content type, as API Gateway does; bytes that are not UTF-8 are replaced then.
    """
    domain_name = headers.get("host", "")
    event: dict[str, Any] = {"version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": query}
    if cookies := list(cookies):
        event["cookies"] = cookies
    event["headers"] = dict(sorted(headers.items()))
    if parameters := _query_parameters(query):
        event["queryStringParameters"] = parameters
    event["requestContext"] = {
        "accountId": account,
        "apiId": api_id,
        "domainName": domain_name,
        "domainPrefix": domain_name.partition(".")[0],
        "http": {
            "method": method,
            "path": path,
            "protocol": protocol,
            "sourceIp": source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": datetime.fromtimestamp(received_ms // 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": received_ms,
    }
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    encode = not is_text(headers.get("content-type")) if as_base64 is None else as_base64
    if body:
        event["body"] = base64.b64encode(body).decode("ascii") if encode else body.decode("utf-8", "replace")
    event["isBase64Encoded"] = bool(body) and encode
    return event


def _query_parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters
