"""The command without a stack: what it prints of itself, what it refuses, and what it does alone."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from hookline.call_report import call_document
from hookline.errors import SignatureRejected
from hookline.events import Identity, parse_event
from hookline.journal import CallRecord, Entry
from hookline.recordings.storage import Bucket
from hookline.signature import public_keys, verify
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.cli.screen import Screen, command_text
from tests.support import command

PROJECT = Path(__file__).parents[2]
COMMANDS = [
    "serve",
    "simulator",
    "demo",
    "call",
    "trigger",
    "invoke",
    "calls",
    "calls show",
    "calls transcript",
    "queues",
    "queues show",
    "queues redrive",
    "recordings list",
    "recordings get",
    "recordings play",
    "recordings verify",
    "tail",
    "replay",
    "sign",
    "keys new",
    "connect",
    "doctor",
    "cost",
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the person who runs the tests; no stack runs in this temporary directory."""
    path = f"{PROJECT / 'local'}:{PROJECT / 'layers' / 'hookline'}"
    flows = str(PROJECT / "tests" / "support" / "flows")
    own = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": path, "HOOKLINE_FLOWS": flows}
    return {"PATH": os.environ["PATH"], "HOOKLINE_PATIENCE": "30", **own}  # no test here is about a deadline


class Hookline:
    """The command in this environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def __call__(self, *arguments: str, stdin: str = "") -> command.Done:
        return command.run(*arguments, environment=self.environment, stdin=stdin)


@pytest.fixture
def hookline(environment: dict[str, str]) -> Hookline:
    return Hookline(environment)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str, hookline: Hookline) -> None:
    done = hookline(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: hookline {command}" in done.stdout or f"hookline {command} --json" in done.stdout


def test_every_command_is_listed(hookline: Hookline) -> None:
    listed = hookline("--help").stdout
    assert all(f"  {command.split()[0]} " in listed for command in COMMANDS)


def test_help_loads_neither_aws_nor_a_server(hookline: Hookline) -> None:
    """That is why it is there at once; how soon is measured in benchmarks/."""
    look = (
        "import sys, contextlib; from hookline_local.cli import app as cli; sys.argv = ['hookline', '--help']\n"
        "with contextlib.suppress(SystemExit): cli.main()\n"
        "print('loaded', *sorted({'boto3', 'moto', 'uvicorn', 'starlette', 'nacl'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", look], env=hookline.environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize(
    "arguments, status, output, advice",
    [
        (["calls"], 3, "no stack is running", "hookline serve"),
        (["call"], 3, "no stack is running", "hookline serve"),
        (["tail"], 3, "no stack is running", "hookline serve"),
        (["doctor"], 3, "no stack is running", "hookline serve"),
        (["connect"], 2, "expected either --stack or --url", "tunnel"),
        (["trigger", "call.answered"], 3, "no stack is running", "hookline serve"),
        (["trigger", "call.answered", "--url", "http://127.0.0.1:9"], 3, "cannot connect to", "hookline serve"),
        (["trigger", "call.answered", "--url", "elsewhere"], 2, "elsewhere: invalid URL", "--url http"),
        (["trigger", "call.anserwed"], 2, "call.anserwed: unknown sample event", "Did you mean call.answered"),
        (["trigger", "call.answered", "--set", "digit"], 2, "expected PATH=VALUE", ""),
        (["trigger", "call.answered", "--set", "from.x=1"], 2, "leads through something", "--set digit=#"),
        (["trigger", "call.answered", "--key", "x"], 2, "invalid private key", "hookline keys new"),
        (["call", "no-such-scenario"], 2, "no-such-scenario: unknown scenario", "hello"),
        (["call", "--keys", "1z"], 2, "z is not a valid key", "0-9"),
        (["calls", "--day", "yesterday"], 2, "invalid date", "2026-11-21"),
        (["calls", "--profile", "x"], 2, "require --stack", "--stack NAME"),
        (["calls", "--url", "http://127.0.0.1:9"], 3, "no stack is running at", "hookline serve"),
        (["serve", "--parameter", "LineGreeting"], 2, "expected NAME=VALUE", ""),
        (["serve", "--parameter", "NoSuch=1"], 2, "NoSuch is not a parameter", "--parameter"),
        (["serve", "--parameter", "LineGreting=Hi"], 2, "LineGreting is not a parameter", "Did you mean LineGreeting"),
        (["serve", "--parameter", "LineRecord=perhaps"], 2, "not one of on, off", "--parameter"),
        (["demo", "--template", "/no/such.yaml"], 3, "/no/such.yaml: file not found", "--template"),
        (["serve", "--template", "/no/such.yaml"], 3, "/no/such.yaml: file not found", "--template"),
        (["invoke", "call.answered", "--function", "unknown"], 2, "no function unknown", "CallAnsweredFunction"),
        (["serve", "--aws-endpoint", "nowhere"], 2, "nowhere: invalid URL", "--aws-endpoint http"),
        (["serve", "--aws-endpoint", "http://127.0.0.1:9"], 3, "AWS cannot be used", "--aws-endpoint answer?"),
        (["serve", "--aws-endpoint", "http://127.0.0.1:9", "--aws-port", "1"], 2, "--aws-port has no effect", "Leave"),
        (["serve", "--parameter", "TelnyxApiBaseUrl=https://x.test"], 2, "serve sets", "TELNYX_API_BASE_URL="),
        (["sign", "/no/such.json"], 2, "cannot be read", ""),
        (["sign", "events/bodies/call.hangup.json", "--timestamp", "abc"], 2, "--timestamp", "--help"),
        (["serve", "--port", "100000"], 2, "--port", "--help"),
        (["no-such-command"], 2, "no-such-command", "--help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_answered_with_what_to_do_next(
    arguments: list[str], status: int, output: str, advice: str, hookline: Hookline
) -> None:
    done = hookline(*arguments)
    message = " ".join(done.stderr.split())
    assert done.returncode == status
    assert output in message
    assert advice in message
    assert "Traceback" not in done.stdout + message


def test_a_taken_port_is_named_with_its_option(hookline: Hookline) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option in ("--port", "--telnyx-port"):
            done = hookline("serve", option, port)
            assert done.returncode == 3
            assert f"port {port} cannot be used" in done.stderr
            assert option in done.stderr


def test_what_is_signed_with_a_new_key_is_proven_by_it_alone(hookline: Hookline, tmp_path: Path) -> None:
    pair = json.loads(hookline("keys", "new", "--json").stdout)
    body = b'{"data": {"id": "1"}}\n'
    (tmp_path / "body.json").write_bytes(body)
    headers = json.loads(hookline("sign", str(tmp_path / "body.json"), "--key", pair["private_key"], "--json").stdout)
    assert len(base64.b64decode(pair["public_key"])) == 32
    prove(body, headers, pair["public_key"])
    with pytest.raises(SignatureRejected):
        prove(body, headers, DEVELOPMENT_PUBLIC_KEY)


def prove(body: bytes, headers: dict[str, str], key: str) -> None:
    verify(
        body,
        signature=headers["telnyx-signature-ed25519"],
        timestamp=headers["telnyx-timestamp"],
        keys=public_keys(key, development=True)[0][:1],
        now=time.time(),
    )


def test_two_key_pairs_are_two(hookline: Hookline) -> None:
    assert hookline("keys", "new", "--json").stdout != hookline("keys", "new", "--json").stdout


def test_a_signed_request_is_one_that_a_function_takes(hookline: Hookline, tmp_path: Path) -> None:
    body, request = tmp_path / "body.json", tmp_path / "request.json"
    body.write_text(json.loads((PROJECT / "events" / "call.hangup.json").read_text())["body"])
    request.write_text(hookline("sign", str(body), "--request").stdout)
    done = hookline("invoke", str(request), "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["function"], document["commands"]) == (0, "CallHangupFunction", [])
    assert document["response"]["statusCode"] == 200


def test_invoke_shows_the_commands_of_the_function(hookline: Hookline) -> None:
    done = hookline("invoke", "call.dtmf.received", "--set", "digit=2", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["function"]) == (0, "CallDtmfReceivedFunction")
    assert [one["path"].rpartition("/")[2] for one in document["commands"]] == ["record_resume", "transcription_start"]


def test_a_proxy_and_a_profile_of_the_person_s_own_are_not_for_what_runs_here(hookline: Hookline) -> None:
    hookline.environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "AWS_PROFILE": "unknown"}
    done = hookline("invoke", "call.dtmf.received", "--set", "digit=2", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["commands"]) == 2


def test_invoke_runs_the_function_that_is_named_with_the_parameters_given(hookline: Hookline) -> None:
    done = hookline(
        "invoke", "call.initiated", "--function", "WebhookRouterFunction", "--parameter", "PerEventRouting=off"
    )
    assert done.returncode == 0, done.stderr
    assert "WebhookRouterFunction returned" in done.stdout
    assert "webhook_retries_policies" in done.stdout
    assert "webhook_urls" not in done.stdout


@pytest.mark.parametrize("option", ["--telnyx-port=1", "--speed=2", "--seed=3"])
def test_options_of_a_simulator_that_is_not_started_are_refused(option: str, hookline: Hookline) -> None:
    hookline.environment["TELNYX_API_BASE_URL"] = "http://127.0.0.1:9/v2"
    done = hookline("serve", option)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option.partition('=')[0]} has no effect" in done.stderr


def test_webhooks_are_requested_at_the_url_of_the_parameter(hookline: Hookline) -> None:
    base = "https://voice.example.com"
    (sent,) = json.loads(
        hookline("invoke", "call.initiated", "--parameter", f"WebhookBaseUrl={base}", "--json").stdout
    )["commands"]
    assert sent["params"]["webhook_urls"]["call.answered"] == [f"{base}/webhooks/call.answered"]


def test_the_samples_that_trigger_lists_are_the_files(hookline: Hookline) -> None:
    listed = hookline("trigger", "--list").stdout.split()
    assert "call.answered" in listed
    assert all((PROJECT / "events" / f"{name}.json").is_file() for name in listed)


@pytest.mark.parametrize("command", [["serve"], ["invoke", "call.answered"]], ids=lambda command: command[0])
def test_a_build_for_another_machine_is_refused_at_once(command: list[str], hookline: Hookline, tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam" / "build"
    python = built / "layers" / "dependencies" / "python"
    python.mkdir(parents=True)
    template = str(shutil.copy(PROJECT / "template.yaml", tmp_path))
    shutil.copy(template, built)
    (python / "_sodium.so").write_bytes(b"\x7fELF".ljust(18, b"\0") + b"\xf3\0")  # RISC-V
    done = hookline(*command, "--built", "--template", template)
    assert done.returncode == 3
    assert "is for processor 0xf3" in done.stderr
    assert "LAYER_ARCH=native make build" in done.stderr


def test_later_results_and_failed_recordings_are_in_the_document() -> None:
    body = {"data": {"id": "e1", "event_type": "call.answered", "occurred_at": "2026-11-21T10:00:00.000000Z"}}
    sent = {"action": "speak", "command_id": "c1", "params": {}, "result": "queued", "code": "10011"}
    entry = Entry(
        event=parse_event(json.dumps(body).encode()),
        event_id="e1",
        event_type="call.answered",
        occurred_at="2026-11-21T10:00:00.000000Z",
        received_at="2026-11-21T10:00:00.100000Z",
        commands=[sent],
    )
    expired: dict[str, Any] = {"code": "link_expired", "figures": {"http_status": 403}}
    notes: dict[str, list[dict[str, Any]]] = {
        "RECORDING": [{"name": "r1.mp3", "recording_id": "r1", "key": "k"}],
        "TRANSCRIPTION": [{"name": "r1.t1", "recording_id": "r1", "key": "k.txt"}],
        "RECORDING_FAILURE": [{"name": name, **expired, "causes": []} for name in ("r1.mp3", "r2.mp3")],
    }
    result = {"command_id": "c1", "result": "accepted"}
    record = CallRecord(Identity("leg", None, None, ""), entries=[entry], notes=notes, command_results={"c1": result})
    document = call_document(record, Bucket(boto3.client("s3"), "not asked"))
    assert document["events"][0]["commands"] == [{**sent, "final": result}]
    assert command_text(document["events"][0]["commands"][0]) == "speak (queued 10011, then accepted)"
    stored, failure = document["recordings"]
    assert (stored["key"], stored["transcript"]["key"]) == ("k", "k.txt")
    assert (failure["name"], failure["failure"]) == ("r2.mp3", [expired])
    assert (document["call"]["call_leg_id"], document["call"]["status"]) == ("leg", "answered")


def test_colours_are_for_terminals_and_not_with_no_color(hookline: Hookline) -> None:
    hookline.environment["FORCE_COLOR"] = "1"
    coloured = hookline("calls").stderr
    hookline.environment["NO_COLOR"] = "1"
    plain = hookline("calls").stderr
    assert "\x1b[1;31m" in coloured
    assert "\x1b[1;31m" not in plain
    assert "\x1b[31m" not in plain


@pytest.mark.parametrize("group", ["keys", "recordings"])
def test_a_group_explains_itself_with_an_example(group: str, hookline: Hookline) -> None:
    assert f"Example: hookline {group} " in hookline(group, "--help").stdout


def test_the_help_of_serve_explains_how_to_inject_faults(hookline: Hookline) -> None:
    output = " ".join(hookline("serve", "--help").stdout.split())
    assert "/_simulator/faults" in output
    assert "curl" in output
    assert "KEY_of_the_local_stack" in output


@pytest.mark.parametrize("command", [["serve"], ["invoke", "call.answered"], ["demo"]], ids=lambda command: command[0])
def test_a_template_that_is_not_understood_is_no_trace_back(
    command: list[str], hookline: Hookline, tmp_path: Path
) -> None:
    text = (PROJECT / "template.yaml").read_text()
    assert text.count("Queue: !GetAtt CommandQueue.Arn") == 1
    template = tmp_path / "template.yaml"
    template.write_text(text.replace("Queue: !GetAtt CommandQueue.Arn", "Queue: !GetAtt CommandQueue.NoSuch"))
    done = hookline(*command, "--template", str(template))
    assert done.returncode == 3
    assert "GetAtt CommandQueue.NoSuch" in done.stderr
    assert "template" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_of_the_environment_is_blamed_on_the_environment(hookline: Hookline) -> None:
    hookline.environment["TELNYX_PUBLIC_KEY"] = "nonsense"
    done = hookline("serve")
    assert done.returncode == 2
    assert "Set TELNYX_PUBLIC_KEY to" in done.stderr


def test_what_is_no_template_at_all_is_no_trace_back(hookline: Hookline, tmp_path: Path) -> None:
    done = hookline("serve", "--template", str(tmp_path))
    assert done.returncode == 3
    assert "Is a directory" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "port" not in done.stderr


def test_a_build_is_looked_into_also_when_its_template_is_not_ours(hookline: Hookline, tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam" / "build"
    built.mkdir(parents=True)
    (built / "template.yaml").write_text("Resources: {Inbox: {Type: AWS::SQS::Queue}}")
    done = hookline("invoke", "call.answered", "--built", "--template", str(tmp_path / "template.yaml"))
    assert done.returncode == 2
    assert "no route of the template matches POST" in done.stderr


def test_a_closed_output_has_an_exit_code_of_its_own(hookline: Hookline) -> None:
    for arguments in (["trigger", "--list"], ["trigger", "--list", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "hookline_local", *arguments]
        done = subprocess.run(
            command, env=hookline.environment, stdout=writing, stderr=subprocess.PIPE, timeout=300, check=False
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, b"")


def test_a_field_that_the_sample_does_not_have_is_reported(hookline: Hookline) -> None:
    done = hookline("invoke", "call.dtmf.received", "--set", "foo.bar=1", "--set", "digit=2", "--json")
    assert done.returncode == 0
    assert done.stderr == "hookline: the sample has no foo.bar; added\n"


def test_lines_in_a_file_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """`hookline tail > file`, `serve --logs | grep`: no one reads them at the width of a terminal."""
    text = "x" * 200
    for terminal, cut in ((False, False), (True, True)):
        screen = Screen(console=Console(width=80, highlight=False, force_terminal=terminal, color_system=None))
        screen.line(text)
        assert (text not in capsys.readouterr().out) == cut
        screen.log(text)
        assert text in capsys.readouterr().out


def test_a_key_of_s3_can_be_copied_from_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    key = f"recordings/2026/11/21/{'5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68' * 2}/dual.mp3"
    screen = Screen(console=Console(width=80, highlight=False))
    screen.recording({"key": key, "size": 1, "sha256": "0" * 64})
    screen.unwrapped(("whole ", "green"), key)
    assert capsys.readouterr().out.count(key) == 2
