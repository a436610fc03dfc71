"""The console's files, and what its page must know of the stack. Public: nothing about a call is in them.

The page uses the calls API, with the token of the person who has signed in. Its server has no permissions.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = "index.html"
CONFIG = "config.json"
FOLDER = "/opt/console"
"""Where Lambda unpacks the layer."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
}
"""Of the files that are served, by their suffix."""


@dataclass(frozen=True, kw_only=True)
class Console:
    """The console of one stack. local: on a laptop, where no one signs in.

    issuer, client_id, audience, scope_prefix: of the tokens. token_origins: to which the page may send its sign-in,
    besides the issuer's own. media_origins: where recordings are heard from.
    """

    folder: str = FOLDER
    local: bool = False
    issuer: str = ""
    client_id: str = ""
    audience: str = ""
    scope_prefix: str = ""
    token_origins: tuple[str, ...] = ()
    media_origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "Console":
        """The console of these environment variables."""
        return cls(
            issuer=settings["CALLS_API_ISSUER"],
            client_id=settings["CALLS_API_CLIENT_ID"],
            audience=settings["CALLS_API_AUDIENCE"],
            scope_prefix=settings["CALLS_API_SCOPE_PREFIX"],
            token_origins=tuple(one for one in settings["CALLS_API_TOKEN_ORIGINS"].split(",") if one),
            media_origins=tuple(settings["MEDIA_ORIGINS"].split()),
            folder=settings["CONSOLE_FOLDER"],
        )

    def answer(self, name: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
        """The response, in payload format 2.0, for a file; None leads to the page, so that its files lie beside it.

        headers: of the request, in lower case.
        """
        if name is None:
            return _response(302, {"location": f"/console/{PAGE}"})
        if name == CONFIG:
            content = json.dumps(self._config()).encode()
            return self._file(content, "application/json", headers)
        path = files(self.folder).get(name)
        if path is None:
            return _response(404, {"content-type": "text/plain; charset=utf-8"}, "No such file; or run: make console\n")
        found = self._file(path.read_bytes(), _TYPES[path.suffix], headers)
        if name == PAGE:
            found["headers"] |= {"content-security-policy": self.policy, "referrer-policy": "no-referrer"}
        return found

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: itself, the issuer of tokens, and sound of the bucket; nothing inline."""
        issuer = [_origin(self.issuer)] if self.issuer else []
        asked = " ".join(["'self'", *issuer, *self.token_origins])
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
            f"connect-src {asked}; media-src {' '.join(self.media_origins)}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def _config(self) -> dict[str, Any]:
        names = ("local", "issuer", "client_id", "audience", "scope_prefix")
        return {name: getattr(self, name) for name in names}

    def _file(self, content: bytes, content_type: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """A file, unless the browser has this one already; compressed where it takes that."""
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        own = {"content-type": content_type, "etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if headers.get("if-none-match") == tag:
            return _response(304, own)
        if "gzip" not in headers.get("accept-encoding", ""):
            return _response(200, own, content.decode())
        body = base64.b64encode(compressed(content)).decode()
        return {**_response(200, {**own, "content-encoding": "gzip"}, body), "isBase64Encoded": True}


def files(folder: str) -> dict[str, Path]:
    """The files of the page by their names in URLs. Without those of vendor/ where `make console` was not run."""
    root = Path(folder)
    found = [*root.glob("*"), *root.glob("vendor/*")]
    return {path.relative_to(root).as_posix(): path for path in found if path.suffix in _TYPES and path.is_file()}


@cache
def compressed(content: bytes) -> bytes:
    """As it travels."""
    return gzip.compress(content, mtime=0)


def _response(status: int, headers: Mapping[str, str], body: str = "") -> dict[str, Any]:
    return {"statusCode": status, "headers": {"x-content-type-options": "nosniff", **headers}, "body": body}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
