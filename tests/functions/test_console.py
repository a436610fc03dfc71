"""The console's files, by its handler and by the local stack's door: what is served, to whom, by which policy."""

import asyncio
import base64
import gzip
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import httpx
import pytest

from hookline.console import Console, files
from hookline_local.base.loopback import Application, LoopbackServer
from hookline_local.stacks.console_door import ConsoleDoor, PhoneDoor

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "console"
LARGEST_BYTES = 40_000
"""Of all files together, as they travel."""

SETTINGS = {
    "CALLS_API_ISSUER": "https://login.example.com/pool",
    "CALLS_API_CLIENT_ID": "console",
    "CALLS_API_AUDIENCE": "calls",
    "CALLS_API_SCOPE_PREFIX": "hookline/",
    "CALLS_API_TOKEN_ORIGINS": "https://token.example.com",
    "MEDIA_ORIGINS": "https://bucket.s3.example.com https://bucket.s3.eu.example.com",
    "CONSOLE_FOLDER": str(FOLDER),
}


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, Any]]]:
    """The function's handler, with the environment that the template gives it."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(ROOT / "functions"))
    sys.modules.pop("console", None)
    function = importlib.import_module("console")

    def call(name: str | None, **headers: str) -> dict[str, Any]:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        found: dict[str, Any] = function.lambda_handler({"pathParameters": {"file": name}, "headers": sent}, None)
        return found

    yield call
    sys.modules.pop("console", None)


def test_the_console_leads_to_its_page(handle: Callable[..., dict[str, Any]]) -> None:
    answer = handle(None)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, "/console/index.html")


def test_the_page_may_load_its_own_files_and_nothing_inline(handle: Callable[..., dict[str, Any]]) -> None:
    answer = handle("index.html")
    policy = dict(part.strip().split(" ", 1) for part in answer["headers"]["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "data:",
        "connect-src": "'self' https://login.example.com https://token.example.com",
        "media-src": "https://bucket.s3.example.com https://bucket.s3.eu.example.com",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert answer["headers"]["referrer-policy"] == "no-referrer"


def test_a_file_travels_compressed_and_once(handle: Callable[..., dict[str, Any]]) -> None:
    plain = handle("app.js")
    assert plain["headers"]["content-type"].startswith("text/javascript")
    answer = handle("app.js", accept_encoding="gzip, br")
    assert gzip.decompress(base64.b64decode(answer["body"])).decode() == plain["body"]
    assert answer["headers"]["content-encoding"] == "gzip"
    unchanged = handle("app.js", if_none_match=answer["headers"]["etag"])
    assert (unchanged["statusCode"], unchanged["body"]) == (304, "")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../template.yaml",
        "Makefile",
        "package.json",
        "vendor",
        "vendor/../app.js",
        "node_modules/x.js",
        "/etc/passwd",
    ],
)
def test_nothing_else_of_the_folder_is_served(handle: Callable[..., dict[str, Any]], name: str) -> None:
    assert handle(name)["statusCode"] == 404


def test_all_of_it_is_small_and_asks_no_other_host() -> None:
    found = files(str(FOLDER))
    assert {"index.html", "app.js", "style.css", "vendor/preact.mjs", "vendor/htm.mjs"} <= found.keys(), "make console"
    assert sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in found.values()) <= LARGEST_BYTES
    for name, path in found.items():
        if not name.startswith("vendor/"):
            text = path.read_text(encoding="utf-8")
            assert "http://" not in text, name
            assert "https://" not in text, name
            assert "innerHTML" not in text, name


@pytest.mark.parametrize("local", [True, False])
def test_the_page_is_told_who_signs_its_users_in(local: bool) -> None:
    console = Console(folder=str(FOLDER), local=True) if local else Console.of(SETTINGS)
    (config,) = [console.answer("config.json", {})]
    assert config["headers"]["content-type"] == "application/json"
    assert httpx.Response(200, content=config["body"]).json() == {
        "local": local,
        "issuer": "" if local else "https://login.example.com/pool",
        "client_id": "" if local else "console",
        "audience": "" if local else "calls",
        "scope_prefix": "" if local else "hookline/",
    }


# On a laptop


def ask(door: Application, method: str, path: str, **headers: str) -> httpx.Response:
    """The answer of a door over real HTTP."""

    async def exchange() -> httpx.Response:
        server = LoopbackServer()
        try:
            await server.start(door)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
                return await client.request(method, path, headers=named, content=b"{}" if method == "POST" else None)
        finally:
            await server.stop()

    return asyncio.run(exchange())


@pytest.mark.parametrize("headers", [{"host": "rebound.example.com"}, {"x_forwarded_for": "192.0.2.1"}])
def test_the_console_of_a_laptop_is_for_this_machine_alone(headers: dict[str, str]) -> None:
    door = ConsoleDoor(FOLDER, media_origin="http://127.0.0.1:5000")
    assert (ask(door, "GET", "/console/index.html", **headers)).status_code == 403
    assert (ask(door, "GET", "/console/index.html")).status_code == 200


def test_a_page_of_a_strangers_cannot_use_the_phone() -> None:
    door = PhoneDoor("http://127.0.0.1:9/_simulator")
    json_type = {"content_type": "application/json"}
    assert (ask(door, "POST", "/_phone/calls", origin="https://example.com", **json_type)).status_code == 403
    assert (ask(door, "POST", "/_phone/calls", content_type="text/plain")).status_code == 415
    assert (ask(door, "POST", "/_phone/calls", **json_type)).status_code == 502


@pytest.mark.parametrize("request_", ["POST faults", "GET deliveries", "POST callees", "GET calls/a/b", "DELETE calls"])
def test_the_phone_can_do_only_what_a_person_on_it_can(request_: str) -> None:
    method, path = request_.split(" ")
    door = PhoneDoor("http://127.0.0.1:9/_simulator")
    assert (ask(door, method, f"/_phone/{path}", content_type="application/json")).status_code == 404
    without = PhoneDoor(None)
    assert (ask(without, "GET", "/_phone/observe")).status_code == 404


def test_no_files_import_each_other_in_a_circle() -> None:
    imports = {
        path.name: re.findall(r'from "\./(.+?)"', path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.js")
    }
    assert "state.js" in imports["app.js"]
    TopologicalSorter(imports).prepare()  # raises CycleError
