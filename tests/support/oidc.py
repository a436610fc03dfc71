"""An issuer of tokens on loopback: discovery, keys (JWKS), authorization code with PKCE. It signs `ann` in."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

AUDIENCE = "desk"
"""The client, and the audience of its tokens."""

SUBJECT = "ann"
ALL_SCOPES = "hookline/read hookline/listen hookline/steer hookline/dial"


class Issuer:
    """lifetime: seconds of the tokens that it hands out. withheld: scopes that are not granted, though asked for.

    requests: of each request its method and path, in order.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.lifetime = 3600
        self.withheld: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.key = RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig", "alg": "RS256"})
        self._codes: dict[str, dict[str, str]] = {}

    def token(
        self,
        scope: str | None = ALL_SCOPES,
        *,
        header: Mapping[str, Any] | None = None,
        key: RSAKey | None = None,
        **claims: Any,
    ) -> str:
        """A token. claims: in place of the right ones; None leaves one out. header: the same."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + self.lifetime,
            "scope": scope,
        }
        return jwt.encode(
            _given({"alg": "RS256", "kid": "key-1", **(header or {})}), _given(whole | claims), key or self.key
        )

    def unsigned(self) -> str:
        """A token of the algorithm `none`."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "exp": now + 60, "scope": ALL_SCOPES}
        return f"{_encoded({'alg': 'none', 'kid': 'key-1'})}.{_encoded(claims)}."

    def signed_with_the_public_key(self) -> str:
        """A token of the algorithm HS256, whose secret is the issuer's public key."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "exp": now + 60, "scope": ALL_SCOPES}
        secret = OctKey.import_key(base64.b64encode(self.key.as_pem(private=False)))
        return jwt.encode({"alg": "HS256", "kid": "key-1"}, claims, secret)

    def document(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }

    def code_for(self, asked: Mapping[str, str]) -> str:
        """A code that buys one token for this request. Raises KeyError for an incomplete one."""
        if (
            asked["response_type"] != "code"
            or asked["client_id"] != AUDIENCE
            or asked["code_challenge_method"] != "S256"
        ):
            raise KeyError("not a request for a code with PKCE")
        code = secrets.token_urlsafe(16)
        self._codes[code] = {name: asked[name] for name in ("redirect_uri", "code_challenge", "scope", "state")}
        return code

    def bought(self, given: Mapping[str, str]) -> dict[str, Any] | None:
        """The token for a code, once; None for a wrong code, verifier or redirect_uri."""
        asked = self._codes.pop(given.get("code", ""), None)
        verifier = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"] or given.get("redirect_uri") != asked["redirect_uri"]:
            return None
        scope = " ".join(one for one in asked["scope"].split() if one not in self.withheld)
        return {"access_token": self.token(scope), "token_type": "Bearer", "expires_in": self.lifetime, "scope": scope}


@contextmanager
def oidc_issuer() -> Iterator[Issuer]:
    """An issuer for the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.issuer = Issuer(server.server_port)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.issuer  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Pages of any origin may read it, as an issuer's for public clients may be."""

    def do_GET(self) -> None:
        issuer, url = self._issuer(), urlsplit(self.path)
        issuer.requests.append(("GET", url.path))
        if url.path == "/.well-known/openid-configuration":
            self._json(200, issuer.document())
        elif url.path == "/keys":
            self._json(200, {"keys": [issuer.key.as_dict(private=False)]})
        elif url.path == "/authorize":
            self._authorize(dict(parse_qsl(url.query)))
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        issuer = self._issuer()
        issuer.requests.append(("POST", self.path))
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        token = issuer.bought(dict(parse_qsl(body))) if self.path == "/token" else None
        self._json(*((200, token) if token else (400, {"error": "invalid_grant"})))

    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self._cors()
        self.end_headers()

    def _authorize(self, asked: Mapping[str, str]) -> None:
        try:
            answer = {"code": self._issuer().code_for(asked), "state": asked["state"]}
        except KeyError:
            self._json(400, {"error": "invalid_request"})
            return
        self.send_response(302)
        self.send_header("location", f"{asked['redirect_uri']}?{urlencode(answer)}")
        self.end_headers()

    def _issuer(self) -> Issuer:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]
        return issuer

    def _json(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self._cors()
        self.end_headers()
        self.wfile.write(content)

    def _cors(self) -> None:
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-headers", "content-type")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
