"""Mistakes at the command line, or in a file that is given: one sentence, what to do next, and no traceback.

The command runs in this process, from `main` on: hundreds of mistakes cost no more than one Python.
"""

import json
import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from hookline_local.cli import app as cli
from hookline_local.stacks import running

PROJECT = Path(__file__).parents[2]


class Done(NamedTuple):
    status: int
    stdout: str
    stderr: str


class Hookline(Protocol):
    def __call__(self, *arguments: str) -> Done: ...


@pytest.fixture
def hookline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Hookline:
    """The command, where no stack runs; the folder that it is run in is empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back afterwards
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["hookline", *arguments])
        try:
            status = cli.main()
        except SystemExit as ending:
            status = int(ending.code or 0)
        return Done(status, *capsys.readouterr())

    return run


def a_running_stack(tmp_path: Path, **facts: object) -> None:
    """The file that `hookline serve` writes, of a stack that does not answer: only this process has to exist."""
    urls = {"url": "http://127.0.0.1:9", "webhook_url": "http://127.0.0.1:9/webhooks", "telnyx_url": None}
    names = {"telnyx_api_base_url": "", "region": "us-east-1", "table": "t", "bucket": "b", "template": ""}
    fields: dict[str, Any] = {"pid": os.getpid(), "aws_endpoint_url": "http://127.0.0.1:9", **urls, **names, **facts}
    stack = running.RunningStack(**fields)
    (running.folder() / "1.json").write_text(json.dumps(vars(stack)))


@pytest.mark.parametrize(
    "arguments, output, advice",
    [
        (["calls", "--stack", "prod", "show", "x"], "--stack precedes show", "calls show ... --stack"),
        (["calls", "--json", "show", "x"], "--json precedes show", "calls show ... --json"),
        (["calls", "--api", "http://127.0.0.1:9", "--stack", "x"], "--api and --stack are mutually exclusive", "table"),
        (["calls", "--api", "http://127.0.0.1:9", "--failed"], "--api and --failed are mutually exclusive", "table"),
        (["calls", "--api", "https://calls.example.com"], "the URL names no region", "--region"),
        (["calls", "show", "x", "--api", "nowhere"], "nowhere: invalid URL", "--api https://a1b2"),
        (["calls", "--day", "0001-01-01"], "--day 0001-01-01: before the first call", "2026-11-21"),
        (["calls", "--url", "http://["], "http://[: invalid URL", "--url http"),
        (["trigger", "call.answered", "--url", "http://[::1"], "http://[::1: invalid URL", "--url http"),
        (["trigger", "call.answered", "--url", "http://a:99999"], "http://a:99999: invalid URL", "--url http"),
        (["serve", "--aws-endpoint", "http://["], "http://[: invalid URL", "--aws-endpoint http"),
        (["dial", "2025550177", "--from", "+12025550123", "--connection", "1"], "2025550177: invalid number", "E.164"),
        (["serve", "--speed", "inf"], "--speed", "--help"),
        (["serve", "--speed", "nan"], "--speed", "--help"),
        (["tail", "--every", "inf"], "--every", "--help"),
        (["tail", "--every", "nan"], "--every", "--help"),
        (["recordings", "verify", "--days", "10000000"], "--days", "--help"),
        (["invoke", "call.answerd"], "call.answerd: unknown sample event", "Did you mean call.answered"),
        (["invoke", "no/such.json"], "no/such.json cannot be read", ""),
        (["invoke", "."], "cannot be read: Is a directory", ""),
        (["sign", "--curl", "--json", "x"], "--curl and --json", ""),
        (["sign", "--curl", "--request", "x"], "--curl and --request", ""),
        (["sign", "--timestamp", "9999999999999", "x"], "--timestamp", "--help"),
        (
            ["call", "demo"],
            "demo: unknown scenario",
            "card, forward, hello, impatient, menu, notice, reception, storm, voicemail.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_answered_with_what_to_do_next(
    arguments: list[str], output: str, advice: str, hookline: Hookline
) -> None:
    done = hookline(*arguments)
    assert done.status == 2
    assert output in done.stderr
    assert advice in done.stderr


@pytest.mark.parametrize(
    "name, command", [("AWS_ENDPOINT_URL", "calls"), ("AWS_ENDPOINT_URL", "serve"), ("TELNYX_API_BASE_URL", "serve")]
)
def test_a_url_of_the_environment_is_checked_as_one_that_is_typed(
    name: str, command: str, hookline: Hookline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "nonsense")
    done = hookline(command)
    assert done.status == 2
    assert "nonsense: invalid URL" in done.stderr
    assert name in done.stderr


ID = "the id"
BROKEN_REQUESTS = [
    ({"requestContext": {}, "headers": None}, "its headers is not an object"),
    ({"requestContext": 5}, "its requestContext is not an object"),
    ({"requestContext": {"http": {"method": 5}}}, "its requestContext.http"),
    ({"requestContext": {}, "rawPath": 5}, "its rawPath is not a text"),
    ({"requestContext": {}, "body": {}}, "its body is not a text"),
    ({"requestContext": {}, "body": "x", "isBase64Encoded": True}, "its body is not base64"),
]


@pytest.mark.parametrize("request_, output", BROKEN_REQUESTS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("command", [["invoke"], ["sign", "--request"]], ids=lambda command: command[0])
def test_half_a_request_is_named(command: list[str], request_: object, output: str, hookline: Hookline) -> None:
    Path("request.json").write_text(json.dumps(request_))
    done = hookline(*command, "request.json")
    assert done.status == 2
    assert f"request.json is not an API Gateway request: {output}" in done.stderr


@pytest.mark.parametrize("command", ["invoke", "sign"])
def test_the_source_of_a_sample_is_not_taken_for_a_webhook(command: str, hookline: Hookline) -> None:
    done = hookline(command, str(PROJECT / "events" / "bodies" / "call.hangup.json"))
    assert done.status == 2
    assert "is the source of a sample" in done.stderr
    assert "Name the sample, call.hangup" in done.stderr


def test_an_aws_that_does_not_answer_is_not_a_missing_region(
    hookline: Hookline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = hookline("calls", "--stack", "hookline", "--region", "us-east-1")
    assert done.status == 3
    assert "AWS_ENDPOINT_URL" in done.stderr
    assert "--region" not in done.stderr


@pytest.mark.parametrize("region", ["", "a b", "\x1b[2J"])
def test_a_region_that_makes_no_url_is_named(region: str, hookline: Hookline, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    done = hookline("calls", "--stack", "hookline", "--region", region)
    assert done.status == 3
    assert "region" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("command", ["show", "transcript"])
@pytest.mark.parametrize("typed", ["", " "])
def test_an_empty_id_is_no_question_for_aws(command: str, typed: str, hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path)
    done = hookline("calls", command, typed)
    assert done.status == 2
    assert "ID is empty" in done.stderr
    assert "last" in done.stderr


@pytest.mark.parametrize("command", ["call", "invoke", "trigger", "sign", "replay"])
def test_a_name_that_no_file_can_have_is_no_traceback(command: str, hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path)
    done = hookline(command, "x" * 5000 + (".json" if command == "replay" else ""))
    assert done.status == 2
    assert "x" * 150 in done.stderr


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_number_that_is_no_text_is_named(option: str, hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path, telnyx_url="http://127.0.0.1:9")
    done = hookline("call", option, "\udcff", "--keys", "1")
    assert done.status == 2
    assert option in done.stderr


@pytest.mark.parametrize("command", ["call", "replay"])
def test_a_file_that_is_nested_too_deeply_is_named(command: str, hookline: Hookline) -> None:
    Path("deep.json").write_text("[" * 200_000)
    done = hookline(command, "deep.json")
    assert done.status == 2
    assert "deep.json" in done.stderr


def test_a_signed_request_commands_no_terminal_and_means_the_same(hookline: Hookline) -> None:
    body = '{"from": "\ufeff\x9b2J\u202e\u200b\x7f"}'
    Path("body.json").write_text(body)
    shown = hookline("sign", "--request", "body.json").stdout
    assert json.loads(shown)["body"] == body
    assert not set("\ufeff\x9b\u202e\u200b\x7f") & set(shown)


@pytest.mark.parametrize("typed", ["a\udcff", "x" * 100_000])
@pytest.mark.parametrize("command", [["recordings", "list", ID], ["recordings", "get", ID], ["send", ID, "hangup"]])
def test_an_id_that_no_url_can_hold_is_no_traceback(
    command: list[str], typed: str, hookline: Hookline, tmp_path: Path
) -> None:
    a_running_stack(tmp_path)
    done = hookline(*(typed if part == ID else part for part in command))
    assert done.status in (2, 3)
    assert done.stderr.startswith("hookline: ")


def test_a_body_that_is_no_text_travels_as_base64(hookline: Hookline) -> None:
    Path("x.bin").write_bytes(b"\xff\xfe")
    request = json.loads(hookline("sign", "--request", "--timestamp", "5", "x.bin").stdout)
    assert (request["body"], request["isBase64Encoded"]) == ("//4=", True)
    assert request["headers"]["telnyx-timestamp"] == "5"
    assert request["requestContext"]["timeEpoch"] == 5000


@pytest.mark.parametrize(
    "content",
    ["[]", '{"line": {}, "events": [{"data": {}, "received_at": "", "commands": []}]}', '{"line": {}, "events": [5]}'],
)
def test_what_is_no_saved_call_is_not_replayed(content: str, hookline: Hookline) -> None:
    Path("call.json").write_text(content)
    done = hookline("replay", "call.json")
    assert done.status == 2
    assert "call.json is not a saved call" in done.stderr


def test_a_folder_that_cannot_be_is_named(hookline: Hookline, tmp_path: Path) -> None:
    (tmp_path / f"hookline-{os.getuid()}").write_text("")
    done = hookline("calls")
    assert done.status == 3
    assert "is not a folder" in done.stderr
    assert "TMPDIR" in done.stderr


def test_the_stack_of_another_checkout_is_named(hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path, checkout="/home/elsewhere")
    done = hookline("call", "hello")
    assert "this is the stack at http://127.0.0.1:9; it runs the code in /home/elsewhere" in done.stderr
    assert "Choose another with --url." in done.stderr


def test_localhost_is_this_machine(hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path, url="http://127.0.0.1:18080")
    done = hookline("call", "hello", "--url", "http://localhost:18080/webhooks")
    assert "the stack at http://127.0.0.1:18080 uses another Telnyx" in done.stderr


@pytest.mark.parametrize(
    "name, content, output",
    [
        ("a.toml", b"[[steps]]\nwhere = { at = 2026-11-21 }\n", "a value that no webhook has"),
        ("a.toml", b"[[steps]]\nafter = inf\n", "steps[0].after: expected seconds"),
        ("a.toml", b"patience_seconds = nan\n", "patience_seconds: expected seconds"),
        ("a.toml", b"from = '\xff'\n", "can't decode byte 0xff"),
        ("a.json", b'{"from": "\\ud800"}', "a value that no webhook has"),
        ("a.yaml", b"steps: {", "a.yaml: while parsing"),
        ("a.txt", b"", "expected a file in .toml, .json or .yaml"),
    ],
    ids=lambda value: value.decode("latin-1") if isinstance(value, bytes) else "",
)
def test_a_scenario_that_cannot_be_played_is_named(name: str, content: bytes, output: str, hookline: Hookline) -> None:
    Path(name).write_bytes(content)
    done = hookline("call", name)
    assert done.status == 2
    assert f"{name}: " in done.stderr
    assert output in done.stderr


def test_a_call_without_standard_input_is_refused(
    hookline: Hookline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_running_stack(tmp_path, telnyx_url="http://127.0.0.1:9")
    monkeypatch.setattr(sys, "stdin", None)  # as `<&-` makes it
    done = hookline("call")
    assert done.status == 2
    assert "standard input is closed" in done.stderr
    assert "--keys" in done.stderr


def test_a_simulator_that_has_gone_is_an_unavailable_dependency(hookline: Hookline, tmp_path: Path) -> None:
    a_running_stack(tmp_path, telnyx_url="http://127.0.0.1:9")
    done = hookline("call", "hello")
    assert done.status == 3
    assert "cannot connect to the Telnyx simulator" in done.stderr


@pytest.mark.parametrize("status, code, output", [(500, 3, "failed: HTTP 500"), (404, 3, "HTTP 404"), (422, 2, "no!")])
def test_a_failing_simulator_is_not_a_usage_error(
    status: int, code: int, output: str, hookline: Hookline, tmp_path: Path
) -> None:
    class Failing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"error": "no!"}' if status == 422 else b"Internal Server Error")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        a_running_stack(tmp_path, telnyx_url=f"http://127.0.0.1:{server.server_port}")
        done = hookline("call", "storm")
    assert done.status == code
    assert output in done.stderr


def test_the_scenarios_that_help_names_are_those_that_there_are(hookline: Hookline) -> None:
    there = sorted(path.stem for path in (PROJECT / "local" / "hookline_local" / "scenarios").glob("*.toml"))
    shown = " ".join(hookline("call", "--help").stdout.split())
    assert f"A scenario: a file, or {', '.join(there)}." in shown


def test_each_command_is_named_in_one_whole_sentence(hookline: Hookline) -> None:
    for arguments in ((), ("calls",), ("recordings",), ("keys",)):
        listed = hookline(*arguments, "--help").stdout.partition("Commands:")[2].partition("\n\n")[0]
        lines = [line for line in listed.splitlines() if line.strip()]
        assert lines
        assert all(line.endswith((".", "?")) and not line.endswith("...") for line in lines), listed


def test_the_example_of_new_keys_keeps_both_halves(hookline: Hookline) -> None:
    shown = hookline("keys", "new", "--help").stdout
    assert ".public_key" in shown
    assert ".private_key" in shown


def test_every_exit_code_is_named_in_help_and_in_the_manual(hookline: Hookline) -> None:
    for text in (hookline("--help").stdout, (PROJECT / "docs" / "local-stack.md").read_text()):
        assert all(f" {code} " in " ".join(text.split()) for code in (1, 2, 3, 70, 130, 141))


def test_a_bug_is_no_verdict(hookline: Hookline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A future Python, a library changed: whatever no one has foreseen keeps its trace, and is not 1."""

    def broken(url: object) -> None:
        raise LookupError("no one has foreseen this")

    monkeypatch.setattr(running, "find", broken)
    with pytest.raises(LookupError) as raised:
        hookline("call", "hello")
    with pytest.raises(SystemExit) as ending:
        sys.excepthook(raised.type, raised.value, raised.tb)
    assert ending.value.code == 70
