"""A local stack whose calls API asks for tokens: the whole way from an issuer to the journal."""

from collections.abc import Iterator

import httpx
import pytest

from hookline_local.stacks.local import LocalStackInThread
from tests.support.oidc import AUDIENCE, Issuer, oidc_issuer
from tests.support.world import PROJECT

PAGE = "https://desk.example.com"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with oidc_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def api(issuer: Issuer) -> Iterator[httpx.Client]:
    parameters = {
        "CallsApi": "token",
        "CallsApiIssuer": issuer.url,
        "CallsApiAudience": AUDIENCE,
        "CallsApiOrigins": PAGE,
    }
    with LocalStackInThread(PROJECT / "template.yaml", parameters=parameters) as stack:
        assert stack.stack.api_url
        assert stack.stack.console_url is None  # there is no client that its users sign in by
        with httpx.Client(base_url=stack.stack.api_url, timeout=60) as client:
            yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_each_permission_is_a_scope_of_its_own(api: httpx.Client, issuer: Issuer) -> None:
    requests = {
        "hookline/read": ("GET", "/calls", 200),
        "hookline/listen": ("GET", "/recordings/none/audio", 404),
        "hookline/steer": ("POST", "/calls/none/actions/hangup", 404),
        "hookline/dial": ("POST", "/calls", 422),
    }
    for granted in requests:
        headers = bearer(issuer.token(f"openid {granted}"))
        for needed, (method, path, status) in requests.items():
            answer = api.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert answer.status_code == (status if granted == needed else 403), (granted, needed, answer.text)


def test_nothing_is_answered_without_a_token(api: httpx.Client, issuer: Issuer) -> None:
    assert api.get("/calls").status_code == 401
    assert api.get("/calls", headers=bearer(issuer.token(exp=1))).status_code == 401
    assert api.post("/calls", json={}, headers=bearer(issuer.unsigned())).status_code == 401
    assert api.get("/console/index.html").status_code == 404


def test_a_page_of_a_named_origin_reads_the_api_and_another_does_not(api: httpx.Client, issuer: Issuer) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = api.options("/calls/none/actions/hangup", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"]
    read = api.get("/calls", headers={**bearer(issuer.token()), "origin": PAGE})
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, PAGE)
    other = api.get("/calls", headers={**bearer(issuer.token()), "origin": "https://elsewhere.example.com"})
    assert "access-control-allow-origin" not in other.headers
