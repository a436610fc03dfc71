"""The local gateway asks for tokens, and answers pages of other origins, as an HTTP API does."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from hookline_local.emulator.authorizer import KEYS_SECONDS, DeniedError, JwtAuthorizer, JwtSettings
from hookline_local.emulator.cors import Cors
from hookline_local.emulator.gateway import HttpApi
from hookline_local.emulator.runtime import InvokeResult
from hookline_local.emulator.template import Route
from tests.support.oidc import AUDIENCE, SUBJECT, Issuer, oidc_issuer

PAGE = "https://desk.example.com"
READ = ("hookline/read",)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with oidc_issuer() as running:
        yield running


class Api:
    """A gateway in front of one function that answers its request context, and of an open one."""

    def __init__(self, issuer_url: str) -> None:
        authorizer = JwtAuthorizer(JwtSettings(issuer_url, (AUDIENCE, "another")))
        self._app = HttpApi(
            [Route("GET", "/calls", "Calls"), Route("GET", "/any", "Calls"), Route("GET", "/open", "Webhook")],
            self._invoke,
            private={"Calls"},
            tokens={"GET /calls": (authorizer, READ), "GET /any": (authorizer, ())},
            cors=Cors((PAGE,), ("GET", "POST"), ("authorization",), ("etag",), 600),
        )

    async def _invoke(self, function_id: str, payload: bytes, trace_id: str) -> InvokeResult:
        headers = {"access-control-allow-origin": "*", "etag": '"1"'}
        answer = {"statusCode": 200, "headers": headers, "body": json.dumps(json.loads(payload)["requestContext"])}
        raw = json.dumps(answer).encode()
        return InvokeResult(raw=raw, error=None, log_tail="", milliseconds=1, cold=False, request_id="r")

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://calls.example.com") as client:
                named: dict[bytes, bytes] = {
                    name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()
                }
                return await client.request(method, path, headers=named)

        return asyncio.run(ask())

    def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        return self.request("GET", path, **({"authorization": f"Bearer {token}"} if token else {}), **headers)


@pytest.fixture(scope="module")
def api(issuer: Issuer) -> Api:
    return Api(issuer.url)


def test_a_token_lets_in_and_the_function_reads_its_claims_as_text(api: Api, issuer: Issuer) -> None:
    token = issuer.token("openid hookline/read", groups=["a", "b"], verified=True, nothing=None, address={"city": "X"})
    for authorization in (f"Bearer {token}", f"bearer {token}", token):
        response = api.request("GET", "/calls", authorization=authorization)
        assert response.status_code == 200
        granted = response.json()["authorizer"]["jwt"]
        assert granted["scopes"] == ["openid", "hookline/read"]
        assert granted["claims"]["sub"] == SUBJECT
        assert granted["claims"]["groups"] == "[a b]"
        assert granted["claims"]["verified"] == "true"
        assert granted["claims"]["address"] == '{"city":"X"}'
        assert granted["claims"]["exp"].isdecimal()
    assert api.get("/any", token).json()["authorizer"]["jwt"]["scopes"] is None


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": None, "client_id": AUDIENCE},
        {"aud": ["x", "another"]},
        {"scope": None, "scp": ["hookline/read"]},
        {"aud": AUDIENCE, "client_id": "x"},
    ],
)
def test_the_claims_of_other_issuers_are_read(api: Api, issuer: Issuer, claims: dict[str, Any]) -> None:
    assert api.get("/calls", issuer.token(**claims)).status_code == 200


REFUSED: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 1),
    "without an end": lambda issuer: issuer.token(exp=None),
    "not valid yet": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + 600),
    "for another audience": lambda issuer: issuer.token(aud="another-desk"),
    "for no audience": lambda issuer: issuer.token(aud=None),
    "for a client while the audience is another": lambda issuer: issuer.token(aud="x", client_id=AUDIENCE),
    "of another issuer": lambda issuer: issuer.token(iss="https://id.example.com"),
    "of no issuer": lambda issuer: issuer.token(iss=None),
    "signed by another key": lambda issuer: issuer.token(key=RSAKey.generate_key(2048, {"kid": "key-1"})),
    "naming an unknown key": lambda issuer: issuer.token(header={"kid": "key-2"}),
    "naming no key": lambda issuer: issuer.token(header={"kid": None}),
    "not signed": lambda issuer: issuer.unsigned(),
    "signed with the public key as a secret": lambda issuer: issuer.signed_with_the_public_key(),
    "changed": lambda issuer: issuer.token()[:-20] + "A" * 20,
    "not a token": lambda issuer: "a.b.c",
    "not even text": lambda issuer: "\x80.\xff",
    "five parts": lambda issuer: "a.b.c.d.e",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_token_is_refused_and_the_function_is_not_asked(api: Api, issuer: Issuer, reason: str) -> None:
    response = api.get("/calls", REFUSED[reason](issuer))
    assert (response.status_code, response.text) == (401, '{"message":"Unauthorized"}')
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_a_request_without_a_token_is_refused(api: Api) -> None:
    for headers in ({}, {"authorization": ""}, {"authorization": "Bearer "}):
        assert api.request("GET", "/calls", **headers).status_code == 401


def test_a_token_without_the_scope_of_the_route_is_forbidden(api: Api, issuer: Issuer) -> None:
    for scope in ("hookline/listen", "hookline/reader", ""):
        response = api.get("/calls", issuer.token(scope))
        assert (response.status_code, response.text) == (403, '{"message":"Forbidden"}')
    assert api.get("/calls", issuer.token(scope=None)).status_code == 403


def test_with_a_token_a_request_may_come_from_anywhere(api: Api, issuer: Issuer) -> None:
    response = api.get("/calls", issuer.token(), x_forwarded_for="203.0.113.7", origin="https://elsewhere.example.com")
    assert response.status_code == 200


def test_an_issuer_that_is_away_lets_no_one_in(issuer: Issuer) -> None:
    for url in (f"{issuer.url}/nowhere", "http://127.0.0.1:9"):
        assert Api(url).get("/calls", issuer.token(iss=url)).status_code == 401


def test_the_keys_are_fetched_again_after_two_hours() -> None:
    with oidc_issuer() as issuer:
        now = time.time()
        authorizer = JwtAuthorizer(JwtSettings(issuer.url, (AUDIENCE,)), now=lambda: now)
        issuer.lifetime = 3 * KEYS_SECONDS
        old = issuer.token()
        asyncio.run(authorizer.authorize(old, READ))
        issuer.key = RSAKey.generate_key(2048, {"kid": "key-1", "alg": "RS256"})
        asyncio.run(authorizer.authorize(old, READ))
        now += KEYS_SECONDS
        with pytest.raises(DeniedError):
            asyncio.run(authorizer.authorize(old, READ))
        asyncio.run(authorizer.authorize(issuer.token(), READ))
        assert issuer.requests.count(("GET", "/keys")) == 2


# Pages of other origins


def test_a_preflight_of_a_page_that_is_named_is_answered_without_a_token(api: Api) -> None:
    response = api.request("OPTIONS", "/calls", origin=PAGE, access_control_request_method="GET")
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-methods"] == "GET,POST"
    assert response.headers["access-control-allow-headers"] == "authorization"
    assert response.headers["access-control-max-age"] == "600"


def test_a_preflight_of_another_page_allows_nothing(api: Api) -> None:
    response = api.request("OPTIONS", "/calls", origin="https://x.example.com", access_control_request_method="GET")
    assert response.status_code == 204
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_what_is_not_a_preflight_of_this_api_has_no_route(api: Api) -> None:
    assert api.request("OPTIONS", "/calls", origin=PAGE).status_code == 404
    assert api.request("OPTIONS", "/calls").status_code == 404
    assert api.request("OPTIONS", "/open", origin=PAGE, access_control_request_method="GET").status_code == 404


def test_the_headers_of_the_gateway_replace_those_of_the_function(api: Api, issuer: Issuer) -> None:
    answered = api.get("/calls", issuer.token(), origin=PAGE)
    assert answered.headers.get_list("access-control-allow-origin") == [PAGE]
    assert answered.headers["access-control-expose-headers"] == "etag"
    other = api.get("/calls", issuer.token(), origin="https://x.example.com")
    assert "access-control-allow-origin" not in other.headers
    assert api.get("/open", origin=PAGE).headers["access-control-allow-origin"] == "*"
