"""`hookline serve`, and the commands that talk to a stack that runs: one stack for all tests here, as at a desk."""

import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from hookline.events import Event, Identity
from hookline.journal import Journal
from tests.support import command
from tests.support.processes import started

PROJECT = Path(__file__).parents[2]


SILENT = """
from hookline import answer

def call_initiated(event, call):
    return [answer()]
"""


CONNECTION = "1494404757140276705"  # the simulator's


class Desk:
    """A machine on which a developer works: its environment, and the stacks that run there."""

    def __init__(self, home: Path) -> None:
        path = f"{PROJECT / 'local'}:{PROJECT / 'layers' / 'hookline'}"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": path}
        self.environment["HOOKLINE_PATIENCE"] = "30"  # no test here is about a deadline
        self.environment["HOOKLINE_FLOWS"] = str(PROJECT / "tests" / "support" / "flows")
        self.home = home

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> command.Done:
        return command.run(*arguments, environment={**self.environment, **environment}, stdin=stdin)

    def run_alone(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """In a process of its own: what it imports, or still writes later, is no matter of others."""
        return subprocess.run(
            [sys.executable, "-m", "hookline_local", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def json(self, *arguments: str, **more: str) -> Any:
        done = self.run(*arguments, "--json", **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def serve(self, *arguments: str, **environment: str) -> "Serving":
        return Serving(self, arguments, environment)


class Serving:
    """`hookline serve --json`, from its one line to its end."""

    def __init__(self, desk: Desk, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hookline_local", "serve", "--json", *arguments],
            env={**desk.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.ready: dict[str, Any] = json.loads(line) if line else {}

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self._process.send_signal(number)
        try:
            stdout, stderr = self._process.communicate(timeout=60)
        finally:
            self._process.kill()
            self._process.wait()
        return self._process.returncode, stdout, stderr

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def children(self) -> list[str]:
        listed = subprocess.run(["/bin/ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if re.search(rf"child\.py {self._process.pid} ", line)]


def client(service: Any, serving: Serving) -> Any:
    """Of the AWS of a stack that runs."""
    return boto3.client(
        service,
        endpoint_url=serving.ready["aws_endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def read_until(stream: IO[str], expected: str) -> str:
    """The lines of a stream up to the one that holds this text; its end is an error."""
    shown = ""
    for line in stream:
        shown += line
        if expected in line:
            return shown
    raise AssertionError(shown)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def serving(desk: Desk) -> Iterator[Serving]:
    with desk.serve("--speed", "0") as serving:
        yield serving
        assert serving.stop()[:2] == (0, "")


@pytest.fixture(scope="module")
def call(desk: Desk, serving: Serving) -> Any:
    """One call that is over, as `hookline call --json` gave it."""
    return desk.json("call", "hello")


def test_one_line_lists_all_urls_and_each_answers(serving: Serving) -> None:
    import httpx

    ready = serving.ready
    assert ready["ready"] is True
    assert ready["seed"] == 0
    assert httpx.get(ready["webhook_url"]).status_code == 404  # API Gateway's answer for a method without a route
    assert httpx.get(f"{ready['telnyx_url']}/_simulator").status_code == 200
    assert httpx.get(f"{ready['telnyx_api_base_url']}/calls/x").status_code in (401, 404, 422)
    assert httpx.get(f"{ready['aws_endpoint_url']}/moto-api/").status_code == 200
    assert "CallAnsweredFunction" in ready["functions"]
    assert any("not enforced" in sentence for sentence in ready["unsupported"])


def test_the_simulator_alone_serves_another_application(desk: Desk, serving: Serving) -> None:
    """Here the application is the stack that runs, which has a Telnyx of its own."""
    import httpx

    command = [sys.executable, "-m", "hookline_local", "simulator", "--json", "--speed", "0"]
    command += ["--webhook-url", serving.ready["webhook_url"]]
    with started(command, env=desk.environment, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        ready = json.loads(simulator.stdout.readline())
        assert ready["public_key"] == serving.ready["public_key"]
        assert ready["api_key"] == serving.ready["api_key"]
        recordings = f"{ready['telnyx_api_base_url']}/recordings"
        keys = (ready["api_key"], "another")
        answers = [httpx.get(recordings, headers={"authorization": f"Bearer {key}"}).status_code for key in keys]
        assert answers == [200, 401]
        with httpx.stream("GET", f"{ready['control_url']}/observe", timeout=60) as stream:
            lines = stream.iter_lines()
            next(lines)
            leg = httpx.post(f"{ready['control_url']}/calls", json={"to": ready["numbers"][0]}).json()
            answer = next(seen for seen in map(json.loads, filter(None, lines)) if seen["kind"] == "answered")
        assert (answer["call_leg_id"], answer["status"]) == (leg["call_leg_id"], 200)
        simulator.terminate()
        assert simulator.wait(60) == 0


def test_a_call_goes_from_ring_to_archived_recording(call: Any) -> None:
    assert call["ok"] is True
    assert call["call"]["status"] == "ended"
    types = [event["event_type"] for event in call["events"]]
    assert types[0] == "call.initiated"
    assert {"call.answered", "call.dtmf.received", "call.hangup", "call.recording.saved"} <= set(types)
    assert len(call["recordings"]) == 1
    assert len(call["recordings"][0]["sha256"]) == 64


def test_any_id_of_a_call_or_the_beginning_of_one_finds_the_same_four_parts(desk: Desk, call: Any) -> None:
    expected = {name: call[name] for name in ("call", "events", "transcript", "recordings")}
    ids = [call["call"][kind] for kind in ("call_leg_id", "call_session_id", "call_control_id")]
    for any_id in (*ids, ids[0][:8], ids[1][:12]):
        shown = desk.json("calls", "show", any_id)
        assert {name: shown[name] for name in expected} == expected


def test_last_is_the_newest_call_and_too_short_a_beginning_is_none(desk: Desk, call: Any) -> None:
    newest = desk.json("calls")["calls"][-1]["call_leg_id"]
    assert desk.json("calls", "show", "last")["call"]["call_leg_id"] == newest
    assert desk.run("calls", "show", newest[:3]).returncode == 3


def test_the_beginning_of_several_calls_is_no_call_and_a_session_shows_its_legs(desk: Desk, serving: Serving) -> None:
    """Two legs of one session, whose ids begin alike, and that of a caller with a long address."""
    ids = [f"77777777-e86d-11f1-a4ef-00005e00530{end}" for end in "ab"]
    for number, leg in enumerate(ids):
        changes = (
            f"call_leg_id={leg}",
            f"call_control_id=v3:{leg}",
            "call_session_id=55555555-s",
            f"to=+1202555017{number}",
        )
        caller = "from=sip:alice.smith@pbx.example.com"
        assert (
            desk.run("trigger", "call.initiated", *(f"--set={change}" for change in (*changes, caller))).returncode == 0
        )
    done = desk.run("calls", "show", "7777777")
    assert (done.returncode, done.stdout) == (2, "")
    assert "2 calls begin with 7777777" in done.stderr
    shown = desk.json("calls", "show", "55555555")
    assert shown["call"]["call_leg_id"] == ids[0]
    assert [(leg["call_leg_id"], leg["to"]) for leg in shown["legs"]] == [
        (ids[0], "+12025550170"),
        (ids[1], "+12025550171"),
    ]
    text = desk.run("calls", "show", ids[1]).stdout
    legs = text[text.index("Legs of its session") :].splitlines()
    assert [line.split()[-1] for line in legs[2:]] == ids
    assert all("sip:alice.sm" in line and len(line) <= 80 for line in legs[2:])


def test_an_unknown_id_is_reported(desk: Desk, serving: Serving) -> None:
    done = desk.run("calls", "show", "unknown")
    assert (done.returncode, done.stdout) == (3, "")
    assert "has no call unknown" in done.stderr
    assert "hookline calls --day" in done.stderr


def test_the_calls_of_today_are_listed(desk: Desk, call: Any) -> None:
    listed = desk.json("calls", "--day", call["call"]["started_at"][:10])
    assert call["call"]["call_leg_id"] in [one["call_leg_id"] for one in listed["calls"]]
    assert desk.json("calls", "--day", "2001-01-01")["calls"] == []


def test_a_call_is_listed_and_shown_by_the_api_alone_as_by_the_table(desk: Desk, serving: Serving, call: Any) -> None:
    api, leg = serving.ready["api_url"], call["call"]["call_leg_id"]
    shown, expected = desk.json("calls", "show", leg, "--api", api), desk.json("calls", "show", leg)
    (recording,), (noted,) = shown.pop("recordings"), expected.pop("recordings")
    assert recording.items() >= noted.items()
    assert shown == {**expected, "cost": None}
    listed = desk.json("calls", "--api", f"{api}/", "--day", call["call"]["started_at"][:10], "--limit", "1")
    assert len(listed["calls"]) == 1
    assert "call.recording.saved" in desk.run("calls", "show", leg, "--api", api).stdout
    last = [desk.json("calls", "show", "last", *of)["call"]["call_leg_id"] for of in ((), ("--api", api))]
    assert last[0] == last[1]
    done = desk.run("calls", "show", "unknown", "--api", api)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No such call" in done.stderr


def test_the_journal_of_the_stack_that_runs_is_read_past_proxy_and_profile(desk: Desk, call: Any) -> None:
    listed = desk.json("calls", HTTP_PROXY="http://127.0.0.1:9", AWS_PROFILE="unknown")["calls"]
    assert call["call"]["call_leg_id"] in [one["call_leg_id"] for one in listed]


def test_a_call_is_shown_within_80_columns(desk: Desk, call: Any) -> None:
    shown = desk.run("calls", "show", call["call"]["call_leg_id"], COLUMNS="80").stdout
    listed = desk.run("calls", COLUMNS="80").stdout
    key = call["recordings"][0]["key"]
    assert key in shown  # whole, to be copied, however long it is
    assert max(len(line) for line in (shown + listed).splitlines() if key not in line) <= 80
    assert call["call"]["call_leg_id"] in listed
    assert "call.recording.saved" in shown


SPOKEN = "5d1d1c1e-0000-11f1-9d3e-02420a0d7c68"


@pytest.fixture(scope="module")
def spoken(desk: Desk, serving: Serving) -> str:
    """A call with two utterances, the second of them too long for an item of the journal; its leg."""
    for second, track, confidence, text in (
        ("03.2", "inbound", "0.87", "Hello, who is this?"),
        ("08.9", "outbound", "null", "long " * 14_000),
    ):
        output = {"transcript": text, "confidence": confidence, "transcription_track": track, "is_final": "true"}
        settings = {f"data.payload.transcription_data.{name}": value for name, value in output.items()}
        settings["data.occurred_at"] = f"2026-11-20T09:00:{second}00000Z"
        settings["call_leg_id"] = SPOKEN
        arguments = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        desk.json("trigger", "call.transcription", *arguments)
    return SPOKEN


def test_a_call_s_whole_transcript_is_one_readable_document(desk: Desk, spoken: str) -> None:
    done = desk.run("calls", "transcript", spoken, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Transcript from 2026-11-20 09:00:03 UTC\n"
        "\n"
        "00:00:00  inbound    87%  Hello, who is this?\n"
        f"00:00:05  outbound        {('long ' * 14_000).strip()}\n"
    )
    as_json = desk.json("calls", "transcript", spoken)
    shown = desk.json("calls", "show", spoken)
    assert as_json == {"call_leg_id": spoken, "transcript": shown["transcript"], "gone": []}
    assert [segment["confidence"] for segment in as_json["transcript"]] == [0.87, None]


def test_a_missing_part_of_a_transcript_is_reported(desk: Desk, serving: Serving, spoken: str) -> None:
    s3, bucket = client("s3", serving), serving.ready["bucket"]
    (key,) = [
        urlsplit(item["body_uri"]["S"]).path.removeprefix("/")
        for item in client("dynamodb", serving).scan(TableName=serving.ready["table"])["Items"]
        if item["pk"]["S"] == f"LEG#{spoken}" and "body_uri" in item
    ]
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        for broken in (b"junk", None):
            if broken is None:
                s3.delete_object(Bucket=bucket, Key=key)
            else:
                s3.put_object(Bucket=bucket, Key=key, Body=broken)
            done = desk.run("calls", "transcript", spoken)
            assert done.returncode == 1
            assert f"s3://{bucket}/{key}" in "".join(done.stderr.split())
            assert done.stdout.endswith("00:00:00  inbound   87%  Hello, who is this?\n")
            gone = desk.run("calls", "transcript", spoken, "--json")
            assert json.loads(gone.stdout)["gone"] == [f"s3://{bucket}/{key}"]
            assert len(desk.json("calls", "show", spoken)["transcript"]) == 1
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=content)


def test_a_call_is_shown_with_speakers_and_times(desk: Desk, spoken: str) -> None:
    shown = desk.run("calls", "show", spoken, COLUMNS="80").stdout
    lines = shown.partition("\nTranscript\n")[2].splitlines()
    assert lines[0].split() == ["0.0", "s", "inbound", "87%", "Hello,", "who", "is", "this?"]
    assert lines[1].split()[:4] == ["5.7", "s", "outbound", "long"]
    assert max(len(line) for line in lines) <= 80


def test_a_silent_call_has_an_empty_transcript(desk: Desk, serving: Serving) -> None:
    leg = "6d1d1c1e-0000-11f1-9d3e-02420a0d7c68"
    desk.json("trigger", "call.hangup", "--set", f"call_leg_id={leg}")
    done = desk.run("calls", "transcript", leg)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing was transcribed.\n", "")
    unknown = desk.run("calls", "transcript", "unknown")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "has no call unknown" in unknown.stderr


def test_every_transcript_of_a_recording_is_shown(desk: Desk, serving: Serving) -> None:
    leg = Identity("9d1d1c1e-0000-11f1-9d3e-02420a0d7c68", None, None, "")
    journal = Journal(client("dynamodb", serving), serving.ready["table"])
    sound = {"recording_id": "r1", "key": "r1.mp3", "size": 1, "sha256": "0" * 64}
    journal.put_note(leg, "RECORDING", "r1.mp3", sound, at=0)
    journal.put_note(leg, "RECORDING", "r1.wav", sound | {"key": "r1.wav"}, at=0)
    keys = ["recordings/1.txt", "recordings/2.txt", "recordings/3.txt", "recordings/4.txt"]
    for number, (recording, key) in enumerate(zip(["r1", "r1", None, None], keys, strict=True)):
        journal.put_note(leg, "TRANSCRIPTION", f"{recording}.t{number}", {"recording_id": recording, "key": key}, at=0)
    recordings = desk.json("calls", "show", str(leg.call_leg_id))["recordings"]
    assert [one["key"] for one in recordings if "key" in one] == ["r1.mp3", "r1.wav"]
    texts = [one["transcript"]["key"] for one in recordings if "transcript" in one]
    assert sorted(texts) == keys
    shown = desk.run("calls", "show", str(leg.call_leg_id)).stdout
    assert all(shown.count(key) == 1 for key in keys)


def test_keys_and_words_from_a_pipe_are_pressed_and_spoken(desk: Desk, serving: Serving) -> None:
    done = desk.run("call", "--from", "+12025550177", "--json", stdin="wait 1\n1\nwait 0.4\n2\nspeak Hello you\n#\n")
    document = json.loads(done.stdout)
    assert done.returncode == 0, (document["scenario_failed"], document["refused"], document["unfinished"])
    digits = [e["payload"]["digit"] for e in document["events"] if e["event_type"] == "call.dtmf.received"]
    assert digits == ["1", "2", "#"]
    assert document["call"]["from"] == "+12025550177"
    assert document["call"]["status"] == "ended"


@pytest.mark.parametrize("arguments, stdin", [((), "1"), (("--keys", "1"), "")], ids=["a pipe", "--keys"])
def test_when_there_are_no_more_keys_the_caller_hangs_up(
    arguments: tuple[str, ...], stdin: str, desk: Desk, serving: Serving
) -> None:
    done = desk.run("call", *arguments, "--json", stdin=stdin)
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    types = [event["event_type"] for event in document["events"]]
    assert types.count("call.dtmf.received") == 1
    assert types.index("call.dtmf.received") < types.index("call.hangup")
    assert document["call"]["status"] == "ended"
    assert (document["call"]["from"], document["call"]["to"]) == ("+12025550147", "+12025550123")


def test_hanging_up_after_the_call_s_end_is_no_failure(desk: Desk, serving: Serving) -> None:
    document = desk.json("call", "--keys", "2#")
    assert (document["ok"], document["scenario_failed"]) == (True, None)


def test_a_call_that_is_terminated_hangs_up(desk: Desk, serving: Serving) -> None:
    import httpx

    calls = f"{serving.ready['telnyx_url']}/_simulator/calls"
    deliveries = f"{serving.ready['telnyx_url']}/_simulator/deliveries"
    before = len(httpx.get(calls).json())
    with started(
        [sys.executable, "-m", "hookline_local", "call", "--json"],
        env=desk.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as ringing:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            # Of a recording that is empty nothing can be archived: words have to be spoken first.
            sessions = [one["call_session_id"] for one in httpx.get(calls).json()[before:]]
            sent = [one["webhook"] for one in httpx.get(deliveries).json()]
            spoken = [one["payload"]["call_session_id"] for one in sent if one["event_type"] == "call.speak.ended"]
            if sessions and sessions[0] in spoken:
                break
            time.sleep(0.05)
        ringing.terminate()
        stdout, _ = ringing.communicate(timeout=300)
    assert json.loads(stdout)["call"]["status"] == "ended"
    assert httpx.get(calls).json()[before]["legs"][0]["state"] == "ended"


def test_a_stormy_call_ends_well_and_the_next_one_has_fair_weather(desk: Desk, serving: Serving) -> None:
    import httpx

    before = httpx.get(f"{serving.ready['telnyx_url']}/_simulator/faults").json()
    document = desk.json("call", "storm")
    assert document["call"]["status"] == "ended"
    assert httpx.get(f"{serving.ready['telnyx_url']}/_simulator/faults").json() == before


def test_a_call_leaves_the_faults_of_others_alone_and_does_not_wait_for_dead_letters(
    desk: Desk, serving: Serving
) -> None:
    import httpx

    simulator = f"{serving.ready['telnyx_url']}/_simulator"
    sqs = client("sqs", serving)
    dead = serving.ready["queues"]["RecordingDeadLetterQueue"]
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    before = len(httpx.get(f"{simulator}/deliveries").json())
    assert httpx.post(f"{simulator}/faults", json={"drop": 1}).is_success  # the next one, and no other
    patient = (  # it would wait for ever, if it waited for dead letters
        "import sys; from hookline_local.cli import app as cli, inbound_call as calling; "
        "calling.ARCHIVED_WITHIN_SECONDS = 1e9; "
        "sys.argv = ['hookline', 'call', 'impatient', '--json']; sys.exit(cli.main())"
    )
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", patient], env=desk.environment, capture_output=True, check=True, timeout=300
        )
    attempts = [
        one for delivery in httpx.get(f"{simulator}/deliveries").json()[before:] for one in delivery["attempts"]
    ]
    assert [one["http"]["response"]["body"] for one in attempts].count("lost on the way") == 1
    httpx.post(f"{simulator}/faults", json={"drop": 0})
    sqs.purge_queue(QueueUrl=dead)


def test_a_call_without_its_recording_did_not_go_well_nor_one_that_was_refused_at_the_end(
    desk: Desk, serving: Serving
) -> None:
    """It need not wait a quarter of a minute for a recording that cannot come; and it is slow to see what happens."""
    import httpx

    faults = f"{serving.ready['telnyx_url']}/_simulator/faults"
    impatient = (
        "import sys, time; from hookline_local.cli import app as cli, inbound_call as calling; "
        "calling.ARCHIVED_WITHIN_SECONDS = 0.0; "
        "see = calling.CallView.on_observation; "
        "slow = lambda what: type(what).__name__ == 'Sending' and what.event_type == 'call.hangup'; "
        "calling.CallView.on_observation = lambda self, what: (time.sleep(3.0 * slow(what)), see(self, what)); "
        "sys.argv = ['hookline', 'call', 'hello', '--json']; sys.exit(cli.main())"
    )
    httpx.post(faults, json={"cut_downloads": 1.0, "wrong_signature": {"call.hangup": 1}})
    done = subprocess.run([sys.executable, "-c", impatient], env=desk.environment, stdout=subprocess.PIPE, check=False)
    httpx.post(faults, json={"cut_downloads": 0})
    client("sqs", serving).purge_queue(QueueUrl=serving.ready["queues"]["RecordingQueue"])
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"], document["recordings"]) == (1, False, [])
    assert "it was announced and has not been archived" in document["unfinished"][0]
    assert document["refused"] == ["call.hangup 401"]


def test_an_ended_call_does_not_wait_for_the_writer_of_a_pipe(desk: Desk, serving: Serving) -> None:
    with started(
        [sys.executable, "-m", "hookline_local", "call", "--json"],
        env=desk.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as ringing:
        assert ringing.stdin is not None
        assert ringing.stdout is not None
        ringing.stdin.write(b"speak caf\xe9\n#\n")
        ringing.stdin.flush()
        document = json.loads(ringing.stdout.read())
        assert ringing.wait(60) == 0  # with its standard input still open
    assert document["call"]["status"] == "ended"


def test_what_is_spoken_and_pressed_is_shown_with_time_and_call(desk: Desk, serving: Serving) -> None:
    shown = desk.run("call", "--keys", "1").stdout
    label = desk.json("calls")["calls"][-1]["call_leg_id"][:8]
    assert re.search(rf"^ +\d+\.\d s {label} --> call.answered$", shown, re.MULTILINE)
    for line in ("speak: Hello.", "the caller presses 1", "the caller hangs up"):
        assert f"\n{'':9}{label} {line}\n" in "\n".join(line.rstrip() for line in shown.splitlines())


def test_an_invalid_line_hangs_up(desk: Desk, serving: Serving) -> None:
    import httpx

    done = desk.run("call", stdin="wait inf\n")
    assert done.returncode == 2
    assert "expected seconds, as in `wait 2`" in done.stderr
    calls = httpx.get(f"{serving.ready['telnyx_url']}/_simulator/calls").json()
    assert {leg["state"] for session in calls for leg in session["legs"]} == {"ended"}


def test_serve_ends_when_its_output_is_closed(tmp_path: Path) -> None:
    """And a flow without a word takes keys all the same."""
    alone = Desk(tmp_path)
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "numbers.toml").write_text('default = "silent"')
    (flows / "silent.py").write_text(SILENT)
    alone.environment["HOOKLINE_FLOWS"] = str(flows)
    with started(
        [sys.executable, "-m", "hookline_local", "serve", "--speed", "0", "--logs"],
        env=alone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as serve:
        assert serve.stdout is not None
        assert serve.stderr is not None
        shown = b"".join(iter(serve.stdout.readline, b"\n"))
        shown += b"".join(serve.stdout.readline() for _ in range(12))
        assert b"webhooks" in shown
        assert b"things are not emulated here; hookline serve --json lists them." in shown
        document = alone.json("call", "--keys", "1")
        assert "call.dtmf.received" in [event["event_type"] for event in document["events"]]
        assert "call.speak.started" not in [event["event_type"] for event in document["events"]]
        serve.stdout.close()
        alone.run("trigger", "call.hangup")
        assert serve.wait(60) == 141
        assert serve.stderr.read() == b""


def test_a_triggered_event_is_journalled_once_however_often_it_comes(desk: Desk, serving: Serving) -> None:
    leg = "7c1d1c1e-0000-11f1-9d3e-02420a0d7c68"
    done = desk.run("trigger", "call.hangup", "--set", f"call_leg_id={leg}", "--duplicate", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("--> call.hangup") == 3
    assert done.stdout.count("<-- 200") == 3
    assert done.stdout.count("duplicate webhook") == 2
    events = desk.json("calls", "show", leg)["events"]
    assert [event["event_type"] for event in events] == ["call.hangup"]


def test_each_triggered_event_is_of_a_new_call_and_a_refused_command_has_its_reason(
    desk: Desk, serving: Serving
) -> None:
    first, second = (desk.json("trigger", "call.answered")["call_leg_id"] for _ in range(2))
    assert first != second
    assert len(desk.json("calls", "show", first)["events"]) == 1
    shown = " ".join(desk.run("trigger", "call.answered").stdout.split())
    assert "speak was refused: 90015: the call control id is not valid" in shown
    assert "hookline call, then --call last" in shown


def test_an_event_of_a_call_that_exists_carries_what_its_events_carry(desk: Desk, serving: Serving) -> None:
    call = desk.json("call", "impatient")
    leg = call["call"]["call_leg_id"]
    assert desk.json("trigger", "call.cost", "--call", leg[:12])["call_leg_id"] == leg
    shown = desk.json("calls", "show", leg)
    (event,) = [e for e in shown["events"] if e["event_type"] == "call.cost"]
    expected = {name: call["call"][name] for name in ("call_control_id", "call_session_id")}
    assert {name: event["payload"][name] for name in expected} == expected
    assert (shown["cost"]["total_cost"], shown["cost"]["currency"]) == ("0.0110", "USD")
    assert "0.0110 USD (success)" in desk.run("calls", "show", leg).stdout
    assert desk.run("trigger", "call.cost", "--call", "unknown").returncode == 3


def test_an_event_signed_with_a_stranger_s_key_is_refused(desk: Desk, serving: Serving) -> None:
    pair = desk.json("keys", "new")
    done = desk.run("trigger", "call.hangup", "--key", pair["private_key"])
    assert done.returncode == 1
    assert "<-- 401" in done.stdout


def test_tail_shows_events_as_they_arrive(desk: Desk, serving: Serving) -> None:
    yesterday = {"call_leg_id": "8d1d1c1e-0001-11f1-9d3e-02420a0d7c68", "call_control_id": "y", "call_session_id": "y"}
    settings = [part for name, value in yesterday.items() for part in ("--set", f"{name}={value}")]
    began = datetime.now(UTC) - timedelta(days=1)
    desk.json("trigger", "call.initiated", *settings, "--set", f"data.occurred_at={began:%Y-%m-%dT%H:%M:%S.000000Z}")
    with started(
        [sys.executable, "-m", "hookline_local", "tail", "--json", "--every", "0.2"],
        env=desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        stdout = tail.stdout

        def listen() -> None:
            for line in stdout:
                lines.put(line)

        threading.Thread(target=listen, daemon=True).start()
        desk.json("trigger", "call.hangup", "--set", "call_leg_id=it-has-begun")
        while lines.empty():  # it shows what arrives after it has begun
            desk.json("trigger", "call.hangup", "--set", "call_leg_id=it-has-begun", "--set", f"data.id={uuid4()}")

        def shown() -> Any:
            """The next line that is not about the beginning."""
            while (line := json.loads(lines.get(timeout=60)))["call_leg_id"] == "it-has-begun":
                pass
            return line

        leg = "8d1d1c1e-0000-11f1-9d3e-02420a0d7c68"
        desk.json("trigger", "call.hangup", "--set", f"call_leg_id={leg}")
        event = shown()
        desk.json("trigger", "call.speak.ended", *settings)
        late = shown()
        long = ("--set", f"data.payload.transcription_data.transcript={'long ' * 14_000}")  # too long for the journal
        desk.json("trigger", "call.transcription", "--set", f"call_leg_id={leg}", *long)
        output = shown()
        desk.json("trigger", "call.hangup", "--set", f"call_leg_id={leg}", "--set", "data.id=the-end")
        end = shown()
        tail.send_signal(signal.SIGINT)
    assert (event["call_leg_id"], event["event_type"]) == (leg, "call.hangup")
    assert (late["call_leg_id"], late["event_type"]) == (yesterday["call_leg_id"], "call.speak.ended")
    assert (output["call_leg_id"], output["text"]) == (leg, f"inbound: {'long ' * 14_000}".strip())
    assert end["id"] == "the-end"  # and nothing is shown twice
    before = [desk.json("trigger", "call.hangup", "--set", f"call_leg_id={leg}", "--set", f"data.id={n}") for n in "ab"]
    assert len(before) == 2
    with started(
        [sys.executable, "-m", "hookline_local", "tail", "--json", "--since", end["cursor"]],
        env=desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as again:
        assert again.stdout is not None
        assert [json.loads(again.stdout.readline())["id"] for _ in range(2)] == ["a", "b"]
        again.send_signal(signal.SIGINT)
    assert tail.returncode == 130


def test_replay_sends_the_same_commands_and_saves_a_test_case(desk: Desk, call: Any, tmp_path: Path) -> None:
    leg = call["call"]["call_leg_id"]
    done = desk.run_alone("replay", leg[:8], "--save", "--into", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"same commands for all {len(call['events']) + len(call['transcript'])} events" in done.stdout
    (saved,) = tmp_path.glob("*.json")
    assert leg.startswith(saved.stem[len("2026-11-25-") :]), "named after the call, however it was named"
    assert call["call"]["to"] not in saved.read_text()


def test_replay_shows_commands_that_differ_today(desk: Desk, serving: Serving) -> None:
    """The journal is changed: the commands sent then are those in it."""
    call = desk.json("call", "impatient")
    dynamodb = client("dynamodb", serving)
    answered = next(event for event in call["events"] if event["event_type"] == "call.answered")
    key = {
        "pk": {"S": f"LEG#{call['call']['call_leg_id']}"},
        "sk": {"S": f"CALL#{answered['occurred_at']}#{answered['id']}"},
    }
    sent = [one for one in answered["commands"] if one["action"] != "speak"]
    dynamodb.update_item(
        TableName=serving.ready["table"],
        Key=key,
        UpdateExpression="SET commands = :t",
        ExpressionAttributeValues={":t": {"S": json.dumps(sent)}},
    )
    done = desk.run_alone("replay", call["call"]["call_leg_id"], "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["same"]) == (1, False)
    (difference,) = document["differences"]
    assert sorted(one["action"] for one in difference["then"]) == ["record_start", "transcription_start"]
    assert sorted(one["action"] for one in difference["now"]) == ["record_start", "speak", "transcription_start"]


def test_the_recordings_of_a_call_and_of_a_day_are_listed(desk: Desk, call: Any) -> None:
    leg, archived = call["call"]["call_leg_id"], call["recordings"][0]
    nameless = [part for key in ("leg", "control", "session") for part in ("--set", f"call_{key}_id=")]
    assert desk.run("trigger", "call.initiated", *nameless).returncode == 0
    for arguments in ((leg,), ("--day", call["call"]["started_at"][:10]), ()):
        listed = desk.json("recordings", "list", *arguments)["recordings"]
        (found,) = [one for one in listed if one["key"] == archived["key"]]
        assert (found["call"], found["sha256"]) == (leg, archived["sha256"])
        assert found["id"] in desk.run("recordings", "list", *arguments).stdout
    assert desk.json("recordings", "list", "--day", "2001-01-01")["recordings"] == []
    assert desk.run("recordings", "list", "unknown").returncode == 1
    assert desk.run("recordings", "list", leg, "--day", "2001-01-01").returncode == 2


def test_a_recording_is_saved_whole_under_the_name_that_a_person_expects_and_never_over_another_file(
    desk: Desk, call: Any, tmp_path: Path
) -> None:
    leg, archived = call["call"]["call_leg_id"], call["recordings"][0]
    saved = desk.json("recordings", "get", leg, "--output", str(tmp_path))
    path = Path(saved["path"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == archived["sha256"] == saved["sha256"]
    assert path.name.startswith(archived["started_at"][:10])
    assert call["call"]["from"] in path.name
    assert desk.json("recordings", "get", leg, "--output", str(tmp_path))["was_there"] is True
    path.write_bytes(b"mine")
    done = desk.run("recordings", "get", leg, "--output", str(tmp_path))
    assert (done.returncode, path.read_bytes()) == (2, b"mine")
    assert "--output" in done.stderr
    assert desk.run("recordings", "get", leg, "--output", str(tmp_path / "no" / "such")).returncode == 2
    done = desk.run("recordings", "get", leg, "--output", str(tmp_path / ("x" * 300)))
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_recording_is_played_by_a_player_that_is_installed(desk: Desk, call: Any, tmp_path: Path) -> None:
    leg, played = call["call"]["call_leg_id"], tmp_path / "played"
    done = desk.run("recordings", "play", leg, PATH=str(tmp_path))
    assert done.returncode == 3
    assert "hookline recordings get" in done.stderr
    for name, status in (("ffplay", 0), ("afplay", 4)):
        player = tmp_path / name
        player.write_text(f'#!/bin/sh\nfor file; do :; done\n/bin/cat "$file" > "{played}"\nexit {status}\n')
        player.chmod(0o755)
        done = desk.run("recordings", "play", leg, PATH=str(tmp_path))
        assert done.returncode == (3 if status else 0), done.stderr
        assert hashlib.sha256(played.read_bytes()).hexdigest() == call["recordings"][0]["sha256"]
    assert "afplay ended with 4" in done.stderr


def test_a_recording_that_was_overwritten_is_found(desk: Desk, serving: Serving) -> None:
    key = desk.json("call", "hello")["recordings"][0]["key"]

    def found(*arguments: str) -> tuple[int, list[str]]:
        done = desk.run("recordings", "verify", *arguments, "--json")
        (findings,) = [result["findings"] for result in json.loads(done.stdout)["results"] if result["key"] == key]
        return done.returncode, [finding["code"] for finding in findings]

    assert found("--read-all")[1] == []  # another call of the day may have lost its recording
    client("s3", serving).put_object(Bucket=serving.ready["bucket"], Key=key, Body=b"something else")
    assert found() == (1, ["size_differs"])


def deploy(serving: Serving, name: str, **parameters: int) -> dict[str, str]:
    """A deployed stack that has the table and the bucket of the one that runs; the environment in which it is found."""
    outputs = {"CallsTableName": serving.ready["table"], "RecordingsBucketName": serving.ready["bucket"]}
    template = {
        "Parameters": {name: {"Type": "Number", "Default": value} for name, value in parameters.items()},
        "Resources": {"AlarmTopic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client("cloudformation", serving).create_stack(StackName=name, TemplateBody=json.dumps(template))
    return {
        "AWS_ENDPOINT_URL": serving.ready["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def test_a_deployed_stack_is_found_by_its_outputs(desk: Desk, serving: Serving, call: Any) -> None:
    aws = deploy(serving, "deployed")
    leg = call["call"]["call_leg_id"]
    found = desk.json("calls", "show", leg, "--stack", "deployed", "--region", "us-east-1", **aws)
    assert found["call"] == call["call"]
    done = desk.run("calls", "--stack", "unknown", "--region", "us-east-1", **aws)
    assert done.returncode == 3
    assert "unknown" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_deployed_stack_has_deleted_after_its_days_is_not_missed(desk: Desk, serving: Serving) -> None:
    """Its parameters are those of its deployment, defaults included."""
    ago = time.time() - 31 * 86_400
    key = "recordings/2026/01/05/session/leg/r1.wav"
    event = Event("long-ago", "call.hangup", "2026-01-05T09:00:00.000000Z", {"call_leg_id": "leg-of-january"})
    journal = Journal(client("dynamodb", serving), serving.ready["table"])
    journal.append_event(event, body=json.dumps({"data": {"id": event.id, "event_type": event.type}}), received_at=ago)
    journal.put_note(event.identity, "RECORDING", "r1.wav", {"key": key, "size": 1, "sha256": "0" * 64}, at=ago)
    for name, days, status, state in (("stored-30-days", 30, 0, "expired"), ("stored-for-ever", 0, 1, "missing")):
        aws = deploy(serving, name, RecordingRetentionDays=days)
        asked = ("recordings", "verify", "--day", "2026-01-05", "--stack", name, "--region", "us-east-1", "--json")
        done = desk.run(*asked, **aws)
        results = json.loads(done.stdout)["results"]
        found = [(result["key"], result["findings"][0]["code"]) for result in results]
        assert (done.returncode, found) == (status, [(key, state)])


def test_serve_obeys_the_environment_and_ends_without_a_trace(desk: Desk, serving: Serving) -> None:
    """Another key, another Telnyx, another AWS: those of the environment; its proxy and profile are not for these."""
    pair = desk.json("keys", "new")
    url = "http://127.0.0.1:9/v2"  # no server is there, and nothing is sent
    with desk.serve(
        TELNYX_PUBLIC_KEY=f"{pair['public_key']}",
        TELNYX_API_BASE_URL=url,
        AWS_ENDPOINT_URL=serving.ready["aws_endpoint_url"],
        HTTP_PROXY="http://127.0.0.1:9",
        AWS_PROFILE="unknown",
    ) as other:
        assert other.ready["telnyx_api_base_url"] == url
        assert other.ready["telnyx_url"] is None
        assert other.ready["aws_endpoint_url"] == serving.ready["aws_endpoint_url"]
        signed = ("--url", other.ready["url"], "--key", pair["private_key"])
        done = desk.run("trigger", "call.hangup", *signed)
        assert done.returncode == 0, done.stdout + done.stderr
        refused = desk.run("call", "hello", "--url", other.ready["url"])
        assert refused.returncode == 3
        assert "uses another Telnyx" in refused.stderr
        assert other.children()
        status, stdout, _ = other.stop(signal.SIGINT)
        assert (status, stdout, other.children()) == (0, "", [])
    announced = [json.loads(path.read_text())["pid"] for path in desk.home.glob("hookline-*/*.json")]
    assert announced == [serving.ready["pid"]]


def test_a_stack_that_is_started_again_has_its_journal_and_its_bucket(tmp_path: Path) -> None:
    """Also after a run that was killed: what the run before has stored is still there."""
    alone, state = Desk(tmp_path), str(tmp_path / "state")
    with alone.serve("--keep", state) as first:
        alone.json("trigger", "call.initiated", "--set", "call_leg_id=stored")
        place = {"Bucket": first.ready["bucket"], "Key": "recordings/a.wav"}
        client("s3", first).put_object(**place, Body=b"sound", ContentType="audio/wav", Metadata={"sha256": "a"})
        refused = alone.serve("--keep", state)
        assert refused.ready == {}
        assert "is in use by a stack that runs" in refused.stop()[2]
        events = alone.json("calls", "show", "stored")["events"]
        assert first.stop()[0] == 0
    with alone.serve("--keep", state) as second:
        alone.json("trigger", "call.initiated", "--set", "call_leg_id=not-stored")
        second.stop(signal.SIGKILL)
    with alone.serve("--keep", state) as third:
        assert alone.json("calls", "show", "stored")["events"] == events
        assert alone.run("calls", "show", "not-stored").returncode == 3
        stored = client("s3", third).get_object(**place)
        assert (stored["Body"].read(), stored["ContentType"], stored["Metadata"]) == (
            b"sound",
            "audio/wav",
            {"sha256": "a"},
        )


def test_a_crash_of_a_function_and_a_changed_template_are_shown_by_serve(tmp_path: Path) -> None:
    """Also without --logs: otherwise there is a 500 and no word about it."""
    functions = tmp_path / "functions"
    shutil.copytree(PROJECT / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "template.yaml", tmp_path)
    (tmp_path / "layers").symlink_to(PROJECT / "layers")
    flows = tmp_path / "flows"
    shutil.copytree(PROJECT / "tests" / "support" / "flows", flows)
    (functions / "webhook.py").write_text("import os\n\nprint('as a flow', flush=True)\nos._exit(3)\n")
    alone = Desk(tmp_path)
    del alone.environment["HOOKLINE_FLOWS"]
    command = [sys.executable, "-m", "hookline_local", "serve", "--template", str(tmp_path / "template.yaml")]
    with started(command, env=alone.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("In another terminal"):
            assert process.poll() is None
        assert alone.run("trigger", "call.hangup", "--set", "call_leg_id=12345678-9").returncode == 1
        (tmp_path / "template.yaml").write_text((tmp_path / "template.yaml").read_text() + "# changed")
        shown = read_until(process.stdout, "template.yaml has changed. Restart serve to use it.")
        (flows / "reception.py").write_text("def call_answred(event, call):\n    return []\n")
        shown += read_until(process.stdout, "call_answred")
        shutil.copy(PROJECT / "tests" / "support" / "flows" / "reception.py", flows)
        shown += read_until(process.stdout, "The flows have changed. The next event is decided by them.")
        process.terminate()
        output = shown + process.stdout.read()
    assert re.search(r"^\d\d:\d\d:\d\d 12345678 --> POST /webhooks/call.hangup$", output, re.MULTILINE)
    assert re.search(r"^ {9}12345678 <-- 500 ", output, re.MULTILINE)
    assert "CallHangupFunction: Error: Runtime exited with error: exit status 3" in output
    assert "CallHangupFunction: as a flow" in output
    assert "REPORT" not in output


def test_a_stack_that_was_killed_is_no_longer_found_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    alone = Desk(tmp_path)
    with alone.serve() as killed:
        killed.stop(signal.SIGKILL)
        ends = time.monotonic() + 60
        while killed.children() and time.monotonic() < ends:
            time.sleep(0.1)
        assert killed.children() == []
    (left,) = tmp_path.glob("hookline-stack-*")
    assert (left / "home").is_dir()
    alone.run("invoke", "call.hangup")
    assert list(tmp_path.glob("hookline-stack-*")) == []
    done = alone.run("calls")
    assert done.returncode == 3
    assert "no stack is running" in done.stderr


# The calls API by command


def test_a_call_is_placed_and_steered_from_outside(desk: Desk, serving: Serving) -> None:
    import httpx

    assert httpx.get(f"{serving.ready['api_url']}/calls").status_code == 200
    placed = desk.json("dial", "+12025550177", "--from", "+12025550123", "--connection", CONNECTION)
    assert placed["result"] == "accepted"
    leg = placed["call_leg_id"]
    ends = time.monotonic() + 60
    while desk.run("calls", "show", leg).returncode != 0:  # until its first webhook is journalled
        assert time.monotonic() < ends
        time.sleep(0.1)
    key = ("--idempotency-key", "k1")
    first = desk.json("send", leg, "send_dtmf", "--param", "digits=12", *key)
    assert first["result"] == "accepted"
    assert desk.json("send", leg, "send_dtmf", "--param", "digits=12", *key) == first
    assert desk.json("send", leg, "hangup")["result"] == "accepted"


def test_a_mistake_in_an_action_is_named_with_what_to_do(desk: Desk, serving: Serving, call: Any) -> None:
    leg = call["call"]["call_leg_id"]
    over = desk.run("send", leg, "record_pause")
    assert (over.returncode, "The call has already ended" in over.stderr) == (1, True)
    wrong = desk.run("send", leg, "speak", "--param", "payload=Hello.")
    assert (wrong.returncode, "/voice is required" in wrong.stderr) == (1, True)
    assert desk.run("send", leg, "dance").returncode == 2
    assert desk.run("send", leg, "speak", "--param", "payload").returncode == 2
