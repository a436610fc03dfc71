"""The sample events: found by name, changed, signed. Their files are made by generate.py.

A name is a file in events/ without its ending: `call.dtmf.received`, `quarantine/v1-body`.
"""

import json
import os
import time
from base64 import b64decode
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from nacl.signing import SigningKey

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.signing import DEVELOPMENT_SEED, api_gateway_request, body_of, fresh
from hookline_local.samples.generate import EVENTS


class Sample(NamedTuple):
    """path: the route that it was made for. content_type: of its body."""

    name: str
    body: bytes
    path: str
    content_type: str

    @property
    def event_type(self) -> str:
        """Of the body; the sample's name when it has none."""
        try:
            found = json.loads(self.body)["data"]["event_type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return self.name
        return found if isinstance(found, str) else self.name

    def now(self, changes: Mapping[str, object] | None = None, *, renew: bool = True) -> "Sample":
        """As if it happened just now, with these changes. renew: a new id and time; those for the quarantine have none.

        Raises CliError when the path of a change leads through something else than objects.
        """
        try:
            return self._replace(body=fresh(self.body, now=time.time(), overrides=changes) if renew else self.body)
        except (ValueError, RecursionError) as error:
            if not changes:
                return self
            raise CliError(
                str(error), "Examples of paths: --set digit=# or --set data.payload.digit=#", code=USAGE
            ) from error

    def lacks(self, changes: Mapping[str, object]) -> list[str]:
        """The paths of these changes that the body does not have, as they are typed."""
        try:
            event = json.loads(self.body)
        except (ValueError, RecursionError):
            return []
        return [path.removeprefix("data.payload.") for path in changes if not _has(event, path)]

    def request(self, *, seed: bytes = DEVELOPMENT_SEED, at: float) -> dict[str, Any]:
        """As API Gateway would have handed it to a function. at: seconds since 1970 UTC."""
        return api_gateway_request(
            self.body,
            path=self.path,
            time_epoch_ms=int(at * 1000),
            seed=seed,
            headers={"content-type": self.content_type},
        )


def names() -> list[str]:
    """All samples."""
    return sorted(
        path.relative_to(EVENTS).with_suffix("").as_posix()
        for path in EVENTS.rglob("*.json")
        if "bodies" not in path.parts
    )


def sample(name: str) -> Sample:
    """The sample of that name. Raises CliError, with similar names, when it does not exist."""
    path = EVENTS / f"{name}.json"
    if name not in names():
        similar = get_close_matches(name, names(), n=3, cutoff=0.4)
        advice = f"Did you mean {' or '.join(similar)}?" if similar else "hookline trigger --list lists them."
        raise CliError(f"{name}: unknown sample event", advice, code=USAGE)
    return _of_request(name, json.loads(path.read_text(encoding="utf-8")))


def named(event: str) -> tuple[Sample, dict[str, Any] | None]:
    """An argument's sample, and its request if it has one: a file (see of_file) or a sample's name. Raises CliError."""
    path = Path(event)
    if event not in names() and (event == "-" or "/" in event or path.suffix == ".json" or os.path.exists(path)):
        return of_file(path)
    return sample(event), None


def of_file(path: Path) -> tuple[Sample, dict[str, Any] | None]:
    """A file with an API Gateway request (also returned as it is) or the plain body of a webhook.

    Raises CliError when it cannot be read, or holds a malformed request.
    """
    content = read_bytes(path)
    try:
        request = json.loads(content)
    except (ValueError, RecursionError):
        request = None
    if isinstance(request, dict) and "requestContext" in request:
        if fault := _fault_of(request):
            advice = "hookline sign --request BODY.json makes one."
            raise CliError(f"{path} is not an API Gateway request: {fault}", advice, code=USAGE)
        return _of_request(path.stem, request), request
    event_type = Sample(path.stem, content, "", "").event_type
    return Sample(path.stem, content, f"/webhooks/{event_type}", "application/json"), None


def read_bytes(path: Path) -> bytes:
    """A file, or standard input for "-". Raises CliError when it cannot be read, or is only the source of a sample."""
    if str(path) == "-":
        import sys

        return sys.stdin.buffer.read()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}", code=USAGE) from error
    if b'"${id}"' in content:
        advice = f"Name the sample, {path.stem}, or the request in events/ that was made of it."
        raise CliError(f"{path} is the source of a sample: its ${{...}} have no values", advice, code=USAGE)
    return content


def _fault_of(request: Mapping[str, Any]) -> str:
    """Why an object is not a request of payload format 2.0; empty when it is one."""
    for name, value, kind in (
        ("headers", request.get("headers", {}), dict),
        ("requestContext", request["requestContext"], dict),
        ("rawPath", request.get("rawPath", ""), str),
        ("body", "" if request.get("body") is None else request["body"], str),
    ):
        if not isinstance(value, kind):
            return f"its {name} is not {'an object' if kind is dict else 'a text'}"
    http = request["requestContext"].get("http", {})
    if not (isinstance(http, dict) and isinstance(http.get("method", ""), str)):
        return "its requestContext.http is not an object with a method"
    try:
        body_of(request)
    except ValueError as error:
        return f"its body is not base64: {error}"
    return ""


def _of_request(name: str, request: Mapping[str, Any]) -> Sample:
    content_type = request.get("headers", {}).get("content-type", "application/json")
    return Sample(name, body_of(request), request.get("rawPath", "/webhooks"), content_type)


def changes(assignments: Iterable[str]) -> dict[str, object]:
    """`digit=#` and `data.payload.digit=#` as {path: value}. A value that is JSON is parsed; everything else is text.

    Raises CliError for one without "=".
    """
    found: dict[str, object] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not (path and equals):
            raise CliError(f"--set {assignment}: expected PATH=VALUE", code=USAGE)
        if path.partition(".")[0] not in ("data", "meta"):
            path = f"data.payload.{path}"
        found[path] = _value(path, text)
    return found


def _has(content: Any, path: str) -> bool:
    for name in path.split("."):
        if not (isinstance(content, dict) and name in content):
            return False
        content = content[name]
    return True


def _value(path: str, text: str) -> object:
    # A digit is text for Telnyx, also when it looks like a number.
    if path.endswith((".digit", ".digits", ".from", ".to")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def seed_of(text: str | None) -> bytes:
    """A private key as `hookline keys new` prints it (base64); None: the development key. Raises CliError."""
    if text is None:
        return DEVELOPMENT_SEED
    try:
        seed = b64decode(text, validate=True)
        SigningKey(seed)
    except ValueError as error:
        raise CliError(
            "--key: invalid private key, expected base64 of 32 bytes", "hookline keys new makes one.", code=USAGE
        ) from error
    return seed
