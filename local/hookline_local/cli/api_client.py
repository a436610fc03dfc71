"""A client of a stack's calls API: plain on a laptop; signed, or with a token, for a deployed stack."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from hookline.api.openapi import body_schema
from hookline_local.base.errors import CHECK_FAILED, UNAVAILABLE, USAGE, CliError
from hookline_local.stacks.resources import StackResources

TOKEN = "HOOKLINE_API_TOKEN"  # noqa: S105 - the name of the variable
_SECONDS = 30.0


def post(resources: StackResources, path: str, body: Mapping[str, Any], *, key: str | None) -> dict[str, Any]:
    """Send an action; the answer. Raises CliError with what the API answers to a mistake. key: its Idempotency-Key."""
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    content = json.dumps(body).encode()
    return _answer(resources, _request("POST", f"{_base(resources)}{path}", content=content, headers=headers))


def get(resources: StackResources, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read something; the answer. Raises CliError as post does."""
    headers = {"accept": "application/json"}
    return _answer(resources, _request("GET", f"{_base(resources)}{path}", params=query or {}, headers=headers))


def _request(method: str, url: str, **options: Any) -> httpx.Request:
    try:
        return httpx.Request(method, url, **options)
    except httpx.InvalidURL as error:
        advice = "Give an id as hookline calls shows it."
        raise CliError(f"the request is not possible: {error}", advice, code=USAGE) from error


def _base(resources: StackResources) -> str:
    base = resources.outputs.get("CallsApiUrl")
    if not base:
        raise CliError(f"{resources.name} has no calls API", "Deploy it with the parameter CallsApi=iam, or token.")
    return base


def _answer(resources: StackResources, request: httpx.Request) -> dict[str, Any]:
    request.headers.update(_credentials(resources, request))
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=resources.endpoint_url is None) as client:
            response = client.send(request)
    except httpx.HTTPError as error:
        raise CliError(
            f"cannot connect to {_base(resources)}", "Does the stack still run?", code=UNAVAILABLE
        ) from error
    document = _json(response)
    if response.status_code >= 300:
        raise _refused(response.status_code, document)
    return document


def path_of(*parts: str) -> str:
    """A path of the API of parts that may hold anything; bytes that are not text become question marks."""
    return "".join(f"/{quote(part.encode('utf-8', 'replace'), safe='')}" for part in parts)


def action_path(any_id: str, action: str) -> str:
    """The path of an action on a call."""
    return path_of("calls", any_id, "actions", action)


def body_of(action: str, assignments: Sequence[str]) -> dict[str, Any]:
    """--param as the body of an action: JSON where the parameter is not a text. Raises CliError."""
    properties = body_schema(action)["properties"]
    body: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not (name and equals):
            raise CliError(f"--param {assignment}: expected NAME=VALUE", code=USAGE)
        body[name] = _value(properties.get(name, {}), text)
    return body


def _value(schema: Mapping[str, Any], text: str) -> Any:
    words = schema.get("enum", ())
    if schema.get("type") == "string" or text in words:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _credentials(resources: StackResources, request: httpx.Request) -> dict[str, str]:
    """The headers that authorize a request; none on a laptop, unless its stack asks for tokens."""
    if resources.parameters.get("CallsApi") == "token":
        token = os.environ.get(TOKEN)
        if not token:
            raise CliError(f"{resources.name} asks for a token", f"Set {TOKEN} to one of its issuer.", code=USAGE)
        return {"authorization": f"Bearer {token}"}
    if resources.endpoint_url is not None:
        return {}
    try:
        session = resources.session()
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise CliError(str(error), "Sign in (aws sso login) or name a --profile.") from error
    if credentials is None:
        raise CliError("no AWS credentials", "Sign in (aws sso login) or name a --profile.")
    headers = {name: request.headers[name] for name in ("content-type", "idempotency-key") if name in request.headers}
    signed = AWSRequest(request.method, str(request.url), headers=headers, data=request.content)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", session.region_name).add_auth(signed)
    return dict(signed.headers.items())


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refused(status: int, document: Mapping[str, Any]) -> CliError:
    """An error in the words of the API."""
    lines = [str(document.get("title") or document.get("message") or f"HTTP {status}")]
    lines += [f"{fault.get('pointer', '')} {fault.get('detail', '')}".strip() for fault in document.get("errors", ())]
    if code := document.get("telnyx_code"):
        lines.append(f"Telnyx's code: {code}")
    advice = str(document.get("advice") or "Do your credentials allow it? docs/api.md has the permissions.")
    return CliError("\n".join(lines), advice, code=UNAVAILABLE if status >= 500 else CHECK_FAILED)
