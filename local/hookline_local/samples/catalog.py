"""The sample events as something to name, change, sign and send. Their files are made by sample_events.py.

A name is a file in events/ without its ending: `call.dtmf.received`, `quarantine/v1-body`.
"""

import json
import time
from base64 import b64decode
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from nacl.signing import SigningKey

from hookline_local.errors import TYPED_WRONG, Problem
from hookline_local.samples.generate import EVENTS
from hookline_local.signing import DEVELOPMENT_SEED, api_gateway_request, body_of, fresh


class Sample(NamedTuple):
    """path: the route that it was made for. content_type: of its body."""

    name: str
    body: bytes
    path: str
    content_type: str

    @property
    def event_type(self) -> str:
        """As the body says; the sample's name when it says none."""
        try:
            found = json.loads(self.body)["data"]["event_type"]
        except (ValueError, TypeError, KeyError):
            return self.name
        return found if isinstance(found, str) else self.name

    def now(self, changes: Mapping[str, object] | None = None, *, renew: bool = True) -> "Sample":
        """As if it happened just now, with these changes. renew: a new id and time; those for the quarantine have none.

        Raises Problem when a change leads nowhere.
        """
        try:
            return self._replace(body=fresh(self.body, now=time.time(), overrides=changes) if renew else self.body)
        except ValueError as error:
            if not changes:
                return self
            raise Problem(
                str(error), "Paths look like this: --set digit=# or --set data.payload.digit=#", code=TYPED_WRONG
            ) from error

    def lacks(self, changes: Mapping[str, object]) -> list[str]:
        """Of the paths of these changes those that the body does not have, as they are typed."""
        try:
            event = json.loads(self.body)
        except ValueError:
            return []
        return [path.removeprefix("data.payload.") for path in changes if not _has(event, path)]

    def request(self, *, seed: bytes = DEVELOPMENT_SEED, at: float) -> dict[str, Any]:
        """As API Gateway would have handed it to a function at that moment, in seconds since 1970 UTC."""
        return api_gateway_request(
            self.body,
            path=self.path,
            time_epoch_ms=int(at * 1000),
            seed=seed,
            headers={"content-type": self.content_type},
        )


def names() -> list[str]:
    """All samples there are."""
    return sorted(
        path.relative_to(EVENTS).with_suffix("").as_posix()
        for path in EVENTS.rglob("*.json")
        if "bodies" not in path.parts
    )


def sample(name: str) -> Sample:
    """The sample of that name. Raises Problem, with names that are like it, when there is none."""
    path = EVENTS / f"{name}.json"
    if name not in names():
        like = get_close_matches(name, names(), n=3, cutoff=0.4)
        advice = f"Did you mean {' or '.join(like)}?" if like else "hookline trigger --list names them all."
        raise Problem(f"there is no sample event {name}", advice, code=TYPED_WRONG)
    return _of_request(name, json.loads(path.read_text(encoding="utf-8")))


def named(event: str) -> tuple[Sample, dict[str, Any] | None]:
    """What is meant on a command line: a file (see of_file), or the name of a sample. Raises Problem."""
    path = Path(event)
    if event not in names() and (event == "-" or "/" in event or path.suffix == ".json" or path.exists()):
        return of_file(path)
    return sample(event), None


def of_file(path: Path) -> tuple[Sample, dict[str, Any] | None]:
    """A file that holds an API Gateway request (given back as it is, too) or the plain body of a webhook.

    Raises Problem when there is no such file, or when it holds half a request.
    """
    content = read_bytes(path)
    try:
        request = json.loads(content)
    except ValueError:
        request = None
    if isinstance(request, dict) and "requestContext" in request:
        if fault := _fault_of(request):
            advice = "hookline sign --request BODY.json makes one."
            raise Problem(f"{path} is no request of API Gateway's: {fault}", advice, code=TYPED_WRONG)
        return _of_request(path.stem, request), request
    event_type = Sample(path.stem, content, "", "").event_type
    return Sample(path.stem, content, f"/webhooks/{event_type}", "application/json"), None


def read_bytes(path: Path) -> bytes:
    """A file, or standard input for "-". Raises Problem when it cannot be read."""
    if str(path) == "-":
        import sys

        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}", code=TYPED_WRONG) from error


def _fault_of(request: Mapping[str, Any]) -> str:
    """What keeps an object from being read as a request of payload format 2.0; empty when nothing does."""
    for name, value, kind in (
        ("headers", request.get("headers", {}), dict),
        ("requestContext", request["requestContext"], dict),
        ("rawPath", request.get("rawPath", ""), str),
        ("body", "" if request.get("body") is None else request["body"], str),
    ):
        if not isinstance(value, kind):
            return f"its {name} is no {'object' if kind is dict else 'text'}"
    http = request["requestContext"].get("http", {})
    if not (isinstance(http, dict) and isinstance(http.get("method", ""), str)):
        return "its requestContext.http is no object with a method"
    try:
        body_of(request)
    except ValueError as error:
        return f"its body is not what it says: {error}"
    return ""


def _of_request(name: str, request: Mapping[str, Any]) -> Sample:
    content_type = request.get("headers", {}).get("content-type", "application/json")
    return Sample(name, body_of(request), request.get("rawPath", "/webhooks"), content_type)


def changes(assignments: Iterable[str]) -> dict[str, object]:
    """`digit=#` and `data.payload.digit=#` as {path: value}. A value that is JSON is that value; all else is text.

    Raises Problem for one without "=".
    """
    found: dict[str, object] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not (path and equals):
            raise Problem(f"--set {assignment}: there is no =", "Say --set path=value.", code=TYPED_WRONG)
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
    except ValueError:
        return text


def seed_of(text: str | None) -> bytes:
    """A private key as `hookline keys new` prints it, base64 of 32 bytes; None: the development key. Raises Problem."""
    if text is None:
        return DEVELOPMENT_SEED
    try:
        seed = b64decode(text, validate=True)
        SigningKey(seed)
    except ValueError as error:
        raise Problem(
            "--key is no private key: base64 of 32 bytes, please", "hookline keys new makes one.", code=TYPED_WRONG
        ) from error
    return seed
