"""`hookline connect` shows the difference and writes it, through the API that the simulator has of Telnyx."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.app import app
from hookline_local.stacks import running
from hookline_local.stacks.running import RunningStack
from tests.support.operated import API_KEY, NAME, NUMBER, Operated, Outside, Setup, operated, outside

TUNNEL = "https://abc.example-tunnel.com"
WRONG = Setup(
    application={"webhook_event_url": TUNNEL, "webhook_api_version": "1", "webhook_timeout_secs": 30},
    number_elsewhere=True,
)
UNTOUCHED = {"application_name": NAME, "active": True, "dtmf_type": "RFC 2833"}


@pytest.fixture(scope="module")
def around() -> Iterator[Outside]:
    """The function's port and two Telnyx accounts, for all tests."""
    with outside() as servers:
        yield servers


def connect(*options: str) -> dict[str, Any]:
    """The JSON document. Raises CliError."""
    result = CliRunner().invoke(app, ["connect", "--json", *options])
    if result.exception is not None:
        raise result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def changed(document: dict[str, Any]) -> dict[str, tuple[object, object]]:
    return {change["setting"]: (change["before"], change["after"]) for change in document["changes"]}


def settings_of(stack: Operated) -> dict[str, Any]:
    return {name: stack.application[name] for name in stack.application if name.startswith("webhook_")}


def test_everything_that_differs_is_written_and_nothing_else(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, WRONG, monkeypatch) as stack:
        document = connect("--stack", NAME, "--number", NUMBER, "--yes")
        assert changed(document) == {
            "webhook_event_url": (TUNNEL, stack.webhook_url),
            "webhook_api_version": ("1", "2"),
            "webhook_timeout_secs": (30, 2),
            NUMBER: ("1494404757140276705", NAME),
        }
        assert document["written"] is True
        assert document["application"] == {"id": stack.application["id"], "name": NAME}
        assert settings_of(stack) == {
            "webhook_event_url": stack.webhook_url,
            "webhook_event_failover_url": stack.webhook_url,
            "webhook_api_version": "2",
            "webhook_timeout_secs": 2,
        }
        assert stack.number() == stack.application["id"]
        assert UNTOUCHED.items() <= stack.application.items()
        again = connect("--stack", NAME, "--number", NUMBER, "--yes")
        assert (again["changes"], again["written"]) == ([], False)


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_without_a_yes_nothing_is_written(options: list[str], around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, WRONG, monkeypatch) as stack:
        before = (settings_of(stack), stack.number())
        if options:
            assert len(connect("--stack", NAME, "--number", NUMBER, *options)["changes"]) == 4
        else:
            with pytest.raises(CliError, match="no one can be asked") as refused:
                connect("--stack", NAME, "--number", NUMBER)
            assert refused.value.code == USAGE
        assert (settings_of(stack), stack.number()) == before


def test_an_application_for_a_tunnel_is_created(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(), monkeypatch) as stack:
        monkeypatch.setenv("TELNYX_API_KEY", API_KEY)
        monkeypatch.setenv("TELNYX_API_BASE_URL", stack.telnyx.api_base_url)
        before = stack.number()
        document = connect("--url", TUNNEL, "--application", "laptop", "--yes")
        found = stack.telnyx.call(lambda telnyx: telnyx.switch.account.applications[document["application"]["id"]])
        assert found["application_name"] == "laptop"
        assert found["webhook_event_url"] == found["webhook_event_failover_url"] == f"{TUNNEL}/webhooks"
        assert found["webhook_api_version"] == "2"
        assert stack.number() == before


def test_for_people_the_difference_stands_above_the_question(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, WRONG, monkeypatch) as stack:
        result = CliRunner().invoke(app, ["connect", "--stack", NAME, "--dry-run"])
        assert f"  - webhook_event_url: {TUNNEL}\n  + webhook_event_url: {stack.webhook_url}\n" in result.stdout
        assert "KEY_of" not in result.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--number", "+12025550199"], "the account has no number"),
        (["--number", "12025550123"], "not in E.164 form"),
        (["--application", "99"], "the account has no application 99"),
        (["--url", TUNNEL], "expected either --stack or --url"),
        (["--failover-url", "ftp://example.com"], "invalid URL"),
        (["--failover-url", "http://example.com/webhooks"], "is not https"),
        (["--failover-url", f"{TUNNEL}/webhooks?a=b"], "has more than a path"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_cannot_be_done_changes_nothing(
    options: list[str], reason: str, around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, WRONG, monkeypatch) as stack:
        before = (settings_of(stack), stack.number())
        with pytest.raises(CliError, match=reason):
            connect("--stack", NAME, "--yes", *options)
        assert (settings_of(stack), stack.number()) == before


def test_a_wrong_key_and_an_unencrypted_tunnel_are_refused(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(secret="KEY_that_is_wrong"), monkeypatch):
        with pytest.raises(CliError, match="Telnyx refuses the API key: 10009"):
            connect("--stack", NAME, "--yes")
        with pytest.raises(CliError, match="is not https"):
            connect("--url", "http://example.com", "--yes")
        with pytest.raises(CliError, match="TELNYX_API_KEY is not set"):
            connect("--url", TUNNEL, "--yes")


def test_a_slash_at_the_end_of_a_url_is_left_out_and_a_missing_path_added(
    around: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated(around, Setup(), monkeypatch) as stack:
        monkeypatch.setenv("TELNYX_API_KEY", API_KEY)
        monkeypatch.setenv("TELNYX_API_BASE_URL", stack.telnyx.api_base_url)
        document = connect("--url", f"{TUNNEL}/webhooks/", "--failover-url", "https://b.example.com/", "--dry-run")
    assert changed(document)["webhook_event_url"][1] == f"{TUNNEL}/webhooks"
    assert changed(document)["webhook_event_failover_url"][1] == "https://b.example.com/webhooks"


def test_the_address_of_telnyx_is_checked(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, Setup(), monkeypatch):
        monkeypatch.setenv("TELNYX_API_BASE_URL", "api.telnyx.com/v2")
        with pytest.raises(CliError, match=r"api\.telnyx\.com/v2: invalid URL"):
            connect("--stack", NAME, "--yes")


def test_a_stack_that_runs_here_is_connected_at_its_simulator(around: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    with operated(around, WRONG, monkeypatch) as stack:
        monkeypatch.setattr(running, "all_running", lambda: [running_here(stack)])
        monkeypatch.setenv("TELNYX_API_KEY", API_KEY)
        document = connect("--url", stack.webhook_url, "--dry-run")
    assert document["application"]["name"] == "simulator"
    assert changed(document)["webhook_event_url"] == (None, stack.webhook_url)


def running_here(stack: Operated) -> RunningStack:
    """A stack on this machine whose Telnyx is the simulator of the test."""
    api = stack.telnyx.api_base_url
    return RunningStack(
        pid=os.getpid(),
        url=stack.webhook_url.removesuffix("/webhooks"),
        webhook_url=stack.webhook_url,
        telnyx_url=api.removesuffix("/v2"),
        telnyx_api_base_url=api,
        aws_endpoint_url="",
        region="",
        table="",
        bucket="",
        template="",
    )
