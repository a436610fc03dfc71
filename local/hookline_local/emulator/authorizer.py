"""API Gateway's JWT authorizer on a laptop: which requests a bearer token lets in, and what the function reads of it.

Sources: docs.aws.amazon.com/apigateway/latest/developerguide, http-api-jwt-authorizer (what is checked, and that keys
are cached for two hours) and http-api-troubleshooting-jwt (401 and its header). Claims arrive as text, lists as
"[a b]", null not at all: measured on live AWS, github.com/floci-io/floci/pull/2011.

Not documented, and here so that a client may rely on neither: the texts of `error_description` but for the audience's,
and whether `scopes` holds the token's or the route's (here the token's).
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import GuestProtocol, Key, KeySet

from hookline_local.base.loopback import Response

ALGORITHMS = ("RS256", "RS384", "RS512")
"""Of RSA alone, as API Gateway takes them."""

KEYS_SECONDS = 2 * 60 * 60
_FETCH_SECONDS = 5.0


class JwtSettings(NamedTuple):
    """Of an authorizer: the issuer's URL, and the audiences of which a token must have one."""

    issuer: str
    audience: tuple[str, ...]


class DeniedError(Exception):
    """A request that the authorizer does not let in. response: API Gateway's answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class JwtAuthorizer:
    """Checks tokens against the keys of one issuer, which are fetched when the first token comes.

    now: seconds since 1970 UTC.
    """

    def __init__(self, settings: JwtSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._keys: KeySet | None = None
        self._keys_until = 0.0

    async def authorize(self, authorization: str | None, scopes: Sequence[str]) -> dict[str, Any]:
        """`requestContext.authorizer` for a token, which may stand behind `Bearer`. Raises DeniedError.

        scopes: of the route; the token must have one of them, unless there are none.
        """
        token = (authorization or "").strip()
        if token[:7].lower() == "bearer ":
            token = token[7:].strip()
        if not token:
            raise _unauthorized("Bearer")
        claims = self._checked(token, await self._current_keys())
        granted = _scopes_of(claims)
        if scopes and not set(scopes) & set(granted):
            raise _denied(403, "Forbidden", f'Bearer scope="{" ".join(scopes)}" error="insufficient_scope"')
        texts = {name: _as_text(value) for name, value in claims.items() if value is not None}
        return {"jwt": {"claims": texts, "scopes": granted if scopes else None}}

    def _checked(self, token: str, keys: KeySet) -> dict[str, Any]:
        """The claims of a token. Raises DeniedError."""
        try:
            claims: dict[str, Any] = jwt.decode(token, lambda guest: _key_of(guest, keys), algorithms=ALGORITHMS).claims
            required = {"iss": {"essential": True, "value": self._settings.issuer}, "exp": {"essential": True}}
            jwt.JWTClaimsRegistry(now=int(self._now()), **required).validate(claims)  # type: ignore[arg-type]
        except ExpiredTokenError as error:
            raise _invalid("the token has expired") from error
        except (JoseError, ValueError) as error:
            raise _invalid("the token is not valid") from error
        audience = claims.get("aud", claims.get("client_id"))
        if not set(audience if isinstance(audience, list) else [audience]) & set(self._settings.audience):
            raise _invalid("the token does not have a valid audience")
        return claims

    async def _current_keys(self) -> KeySet:
        """The issuer's keys, as old as API Gateway's may be. Raises DeniedError."""
        if self._keys is None or self._now() >= self._keys_until:
            try:
                self._keys = await _fetch_keys(self._settings.issuer)
            except (httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError, KeyError, TypeError) as error:
                raise _invalid("the keys of the issuer cannot be read") from error
            self._keys_until = self._now() + KEYS_SECONDS
        return self._keys


async def _fetch_keys(issuer: str) -> KeySet:
    async with httpx.AsyncClient(timeout=_FETCH_SECONDS) as client:
        discovery = await client.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        keys = await client.get(str(discovery.raise_for_status().json()["jwks_uri"]))
        return KeySet.import_key_set(keys.raise_for_status().json())


def _key_of(guest: GuestProtocol, keys: KeySet) -> Key:
    """The key that a token names. Raises ValueError: a token that names none is refused."""
    kid = guest.headers().get("kid")
    for key in keys:
        if kid is not None and key.kid == kid:
            return key
    raise ValueError("unknown kid")


def _scopes_of(claims: Mapping[str, Any]) -> list[str]:
    given = claims.get("scope", claims.get("scp"))
    return given.split() if isinstance(given, str) else [str(each) for each in given or ()]


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{' '.join(map(_as_text, value))}]"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _invalid(description: str) -> DeniedError:
    return _unauthorized(f'Bearer scope="" error="invalid_token" error_description="{description}"')


def _unauthorized(challenge: str) -> DeniedError:
    return _denied(401, "Unauthorized", challenge)


def _denied(status: int, text: str, challenge: str) -> DeniedError:
    headers = (("content-type", "application/json"), ("www-authenticate", challenge))
    return DeniedError(Response(status, json.dumps({"message": text}, separators=(",", ":")).encode(), headers))
