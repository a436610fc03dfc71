"""The part of Lambda's own API that `aws lambda invoke` and boto3 call: Invoke. Owns its statuses and headers.

Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. It shares the gateway's port: no route of an HTTP API may
begin with /2015-03-31/functions.
"""

import base64
import json
import re
import uuid
from urllib.parse import parse_qs, unquote

from hookline_local.base.loopback import CutOffError, Receive, Response, Scope, Send, TooLargeError, read_body, reply
from hookline_local.emulator.runtime import (
    ASYNCHRONOUS_PAYLOAD_LIMIT_BYTES,
    PAYLOAD_LIMIT_BYTES,
    LambdaRuntime,
    ThrottledError,
)

PREFIX = "/2015-03-31/functions/"

_ARN = re.compile(r"(?:arn:aws[\w-]*:lambda:[^:]*:[^:]*:)?(?:\d{12}:)?(?:function:)?([\w-]+)(?::(\$LATEST))?")


class LambdaApi:
    """An ASGI application for paths that begin with PREFIX. Functions go by logical id, by name and by ARN."""

    def __init__(self, runtime: LambdaRuntime, *, region: str, account: str) -> None:
        self._runtime = runtime
        self._arn = f"arn:aws:lambda:{region}:{account}:function:"
        self._ids = {function.name: function.id for function in runtime.functions.values()}
        self._ids |= {function.id: function.id for function in runtime.functions.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        limit = ASYNCHRONOUS_PAYLOAD_LIMIT_BYTES if kind == "Event" else PAYLOAD_LIMIT_BYTES
        try:
            body = await read_body(scope, receive, limit)
        except TooLargeError:
            message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            await reply(send, _error(413, "RequestTooLargeException", message))
            return
        except CutOffError:
            return
        path = unquote(scope["path"])
        await reply(send, await self._answer(scope["method"], path, query, headers, kind, body))

    async def _answer(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], kind: str, body: bytes
    ) -> Response:
        name, _, rest = path.removeprefix(PREFIX).rpartition("/")
        if method != "POST" or rest != "invocations":
            return _error(404, "UnknownOperationException", "Only Invoke is served here.")
        qualifier = query.get("Qualifier", ["$LATEST"])[0]
        function_id = self._function_id(name) if qualifier == "$LATEST" else None
        if function_id is None:
            return self._not_found(name, qualifier)
        payload = body or b"{}"
        try:
            json.loads(payload)
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            return _error(400, "InvalidRequestContentException", message)
        try:
            client_context = _client_context(headers)
        except ValueError:
            return _error(400, "InvalidRequestContentException", "Client context must be base64 of JSON")
        if kind == "DryRun":
            return _done(204, b"")
        if kind == "Event":
            self._runtime.submit(function_id, payload, client_context=client_context)
            return _done(202, b"")
        if kind != "RequestResponse":
            return _error(400, "InvalidParameterValueException", f"Unsupported invocation type {kind}")
        return await self._invoke(
            function_id, payload, client_context, log_tail=headers.get("x-amz-log-type") == "Tail"
        )

    async def _invoke(
        self, function_id: str, payload: bytes, client_context: str | None, *, log_tail: bool
    ) -> Response:
        try:
            result = await self._runtime.invoke(function_id, payload, client_context=client_context)
        except ThrottledError:
            return _error(429, "TooManyRequestsException", "Rate Exceeded.")
        more = [("x-amz-executed-version", "$LATEST")]
        if result.error is not None:
            more.append(("x-amz-function-error", "Unhandled"))
        if log_tail:
            more.append(("x-amz-log-result", base64.b64encode(result.log_tail.encode()).decode()))
        return _done(200, result.raw, result.request_id, more)

    def _function_id(self, name: str) -> str | None:
        found = _ARN.fullmatch(name)
        return self._ids.get(found[1]) if found else None

    def _not_found(self, name: str, qualifier: str) -> Response:
        found = _ARN.fullmatch(name)
        suffix = "" if qualifier == "$LATEST" else f":{qualifier}"
        message = f"Function not found: {self._arn}{found[1] if found else name}{suffix}"
        return _error(404, "ResourceNotFoundException", message)


def _client_context(headers: dict[str, str]) -> str | None:
    """Raises ValueError when it is not base64 of UTF-8."""
    context = headers.get("x-amz-client-context")
    return base64.b64decode(context, validate=True).decode() if context else None


def _done(status: int, body: bytes, request_id: str = "", more: list[tuple[str, str]] | None = None) -> Response:
    named = [("content-type", "application/json"), ("x-amzn-requestid", request_id or str(uuid.uuid4()))]
    return Response(status, body, (*named, *(more or [])))


def _error(status: int, kind: str, message: str) -> Response:
    body = json.dumps({"Type": "User", "Message": message, "message": message}).encode()
    return _done(status, body, more=[("x-amzn-errortype", kind)])
