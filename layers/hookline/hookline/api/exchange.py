"""A request to the calls API, and its response, as API Gateway's payload format 2.0 has them. Values only."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hookline.api.problem import Fault, Problem

JSON = "application/json"
LARGEST_BODY_BYTES = 256_000
"""Of a request: a command holds a text of 5,000 characters, or a short file in base64."""

LOCAL_CALLER = "local"
"""Who steers a call on a laptop, where no one signs in."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request. query: as API Gateway gives it. headers: by their names in lower case.

    caller: an IAM principal's ARN, `<issuer>#<subject>` of a token, or LOCAL_CALLER. scopes: of a token, None where the
    permission does not come from a token. domain_name: that the request came in on. received_at: seconds since
    1970 UTC, when API Gateway had it.
    """

    route: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: str
    scopes: frozenset[str] | None
    domain_name: str
    received_at: float

    def json(self) -> dict[str, Any]:
        """The body, a JSON object; {} for an empty one. Raises Problem."""
        if len(self.body) > LARGEST_BODY_BYTES:
            raise Problem("body_too_large", errors=[Fault("", f"must have at most {LARGEST_BODY_BYTES} bytes")])
        if not self.body:
            return {}
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem("not_json", errors=[Fault("", f"must be sent with content-type: {JSON}")])
        try:
            value = json.loads(self.body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Problem("not_json", errors=[Fault("", "must be JSON in UTF-8")]) from error
        if not isinstance(value, dict):
            raise Problem("not_json", errors=[Fault("", "must be a JSON object")])
        return value


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One response. body: text; every answer of the API is text."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As API Gateway takes it. Nothing is stored by a cache unless a header allows it."""
        return {
            "statusCode": self.status,
            "headers": {"cache-control": "no-store", "x-content-type-options": "nosniff", **self.headers},
            "body": self.body,
        }

    def tagged(self, request: ApiRequest) -> "ApiResponse":
        """The same with an ETag of its body; 304 without a body when the client has that already."""
        tag = f'"{hashlib.sha256(self.body.encode()).hexdigest()[:32]}"'
        headers = {**self.headers, "etag": tag, "cache-control": "private, no-cache"}
        known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
        if tag in known or "*" in known:
            return ApiResponse(304, "", {name: value for name, value in headers.items() if name != "content-type"})
        return replace(self, headers=headers)


def json_response(value: Any, status: int = 200, **headers: str) -> ApiResponse:
    """A value as JSON."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    body = body.encode("utf-8", "replace").decode()  # half a character of a stranger's text
    return ApiResponse(status, body, {"content-type": JSON, **headers})


def problem_response(problem: Problem, **headers: str) -> ApiResponse:
    """A problem as RFC 9457 writes it."""
    body = json.dumps(problem.to_dict(), separators=(",", ":"))
    return ApiResponse(
        problem.status, body, {"content-type": "application/problem+json", **problem.headers(), **headers}
    )


def request_of(event: Mapping[str, Any], *, is_local: bool) -> ApiRequest:
    """The request in an event of API Gateway. Raises Problem when no authorizer has let it in.

    is_local: on a laptop, where the gateway lets only the machine itself in and there is no one to sign in to.
    """
    context = event.get("requestContext", {})
    body = event.get("body") or ""
    content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "replace")
    caller, scopes = _authorized(context.get("authorizer") or {}, is_local=is_local)
    return ApiRequest(
        route=event.get("routeKey", ""),
        path_parameters=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=content,
        caller=caller,
        scopes=scopes,
        domain_name=context.get("domainName", ""),
        received_at=context["timeEpoch"] / 1000,
    )


def _authorized(authorizer: Mapping[str, Any], *, is_local: bool) -> tuple[str, frozenset[str] | None]:
    """Who sent a request, and a token's scopes: as API Gateway's authorizer reports it. Raises Problem without one."""
    if arn := (authorizer.get("iam") or {}).get("userArn"):
        return str(arn), None
    if token := authorizer.get("jwt"):
        claims = token.get("claims") or {}
        scopes = token.get("scopes") or str(claims.get("scope", "")).split()
        return f"{claims.get('iss', '')}#{claims.get('sub') or claims.get('client_id', '')}", frozenset(scopes)
    if is_local:
        return LOCAL_CALLER, None
    raise Problem("not_authorized")


def _no_constant(text: str) -> float:
    raise ValueError(text)
