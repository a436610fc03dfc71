"""The fixtures: the outside world in moto, a stack whose recordings are archived, and a guard against real hosts."""

import functools
import gc
import os
import signal
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import certifi
import pytest
from moto import mock_aws

from hookline.environment import Environment, environment
from hookline_local.emulator.child import answer_plain_values_at_once, look_names_up_once
from hookline_local.emulator.moto_server import running_moto
from hookline_local.emulator.provisioning import create_resources
from hookline_local.emulator.template import load_template
from tests.support.link_server import LinkServer, link_server
from tests.support.recording_stack import Deployment, Stack, a_stack
from tests.support.world import A_PUBLIC_KEY, API_KEY, FLOWS, LOOPBACK, PATIENCE, PROJECT, World, start_cold

collect_ignore = [] if find_spec("playwright") else ["console"]
"""`make test-console` brings the driver of the browser; the other tests need neither."""

PEM_END = "-----END CERTIFICATE-----\n"


def pytest_configure() -> None:
    """A shell that runs the suite in the background has it ignore Ctrl-C, and what a test starts would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


WAIT_MOST = ("tests/emulator/test_event_sources.py", "tests/functions/test_log.py", "tests/layer/test_webhook.py")
"""Files that wait for minutes of queues and for timeouts: begun last, they would keep one worker after all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits most."""
    items.sort(key=lambda item: item.location[0] not in WAIT_MOST)


def pytest_collection_finish() -> None:
    """Collect no garbage among what is loaded by now: it stays until the end."""
    answer_plain_values_at_once()
    look_names_up_once()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let thousands of clients cost little: botocore reads each service once, and one certificate is all to trust.

    Without a host to reach, no one here needs the others.
    """
    authorities = Path(certifi.where()).read_text(encoding="utf-8")
    one = tmp_path_factory.mktemp("trusted") / "authority.pem"
    one.write_text(authorities[authorities.index("-----BEGIN") : authorities.index("-----END")] + PEM_END)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(one))
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can reach a real account or a real host: credentials are made up, and only loopback can be connected."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "TELNYX_", "LINE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    connect = socket.socket.connect

    def connect_to_loopback(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture(scope="module")
def deployed(request: pytest.FixtureRequest) -> Iterator[World]:
    """The stack's table, bucket, queues and secret as template.yaml describes them, in moto.

    A module of tests may have PARAMETERS, which are given besides.
    """
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        given = {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY, "DialAllow": "+1202,@sip.example.com"}
        given |= getattr(request.module, "PARAMETERS", {})
        template = load_template(PROJECT / "template.yaml", given)
        create_resources(template)
        yield World(template)


@pytest.fixture
def world(deployed: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A stack that has just been deployed, and the functions in this process, cold."""
    world = deployed
    world.empty()
    for name, value in world.settings.items():
        if not name.startswith("LINE_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    monkeypatch.setenv("FLOWS_PACKAGE", FLOWS)
    monkeypatch.setenv("HOOKLINE_PATIENCE", PATIENCE)
    start_cold(world)
    yield world
    start_cold()


@pytest.fixture
def env(world: World) -> Environment:
    """The functions' own view of the world."""
    return environment()


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """AWS in another process; its URL."""
    with running_moto() as url:
        yield url


@pytest.fixture
def links() -> Iterator[LinkServer]:
    """The servers behind the links that events carry, and Telnyx's API."""
    with link_server() as server:
        yield server


@pytest.fixture(scope="session")
def deployment(aws: str) -> Deployment:
    """A stack's table, bucket, queues and secret in that AWS."""
    return Deployment(aws)


@pytest.fixture
def stack(deployment: Deployment, links: LinkServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A deployed stack, and the functions in this process."""
    with a_stack(deployment, links, monkeypatch) as stack:
        yield stack


@pytest.fixture
def deleting(deployment: Deployment, links: LinkServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The same, set to delete Telnyx's copy."""
    with a_stack(deployment, links, monkeypatch, {"DELETE_AT_TELNYX": "on"}) as stack:
        yield stack
