"""The demo shows a whole call, and reports when anything about it is not as it should be."""

import asyncio
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from hookline_local.cli.demo_call import Played, play, show
from hookline_local.cli.demo_checks import DUPLICATED, Evidence, checks, slow
from hookline_local.cli.screen import Screen
from tests.support.processes import started

PROJECT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "hookline_local", "demo"]


class Done(NamedTuple):
    status: int
    stdout: str
    stderr: str
    left_behind: list[str]


def demo(*arguments: str, **environment: str) -> Done:
    """The command, as a person runs it whose terminal is a pipe."""
    path = f"{PROJECT / 'local'}:{PROJECT / 'layers' / 'hookline'}"
    stored = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with started(
        [*COMMAND, *arguments],
        env={**stored, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        stdout, stderr = process.communicate(timeout=600)
    return Done(process.returncode, stdout, stderr, children_of(process.pid))


def children_of(pid: int) -> list[str]:
    """The command lines of what the process has started: each of our children is given its parent's number."""
    listed = subprocess.run(["/bin/ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if re.search(rf"child\.py {pid} ", line)]


class Shown(NamedTuple):
    evidence: Evidence
    text: str
    left_behind: list[str]


@pytest.fixture(scope="module")
def shown() -> Shown:
    """One run of the demo in which all is well: what it saw, and what it wrote on a terminal of 80 columns."""
    paper = io.StringIO()
    console = Console(
        file=paper, width=80, highlight=False, markup=False, emoji=False, force_terminal=True, color_system=None
    )
    screen = Screen(console=console)
    before = children_of(os.getpid())
    played = asyncio.run(play(PROJECT / "template.yaml", screen))
    show(screen, played, list(checks(played.evidence)))
    left_behind = [child for child in children_of(os.getpid()) if child not in before]
    return Shown(played.evidence, paper.getvalue(), left_behind)


@pytest.fixture(scope="module")
def evidence(shown: Shown) -> Evidence:
    return shown.evidence


def red(seen: Evidence) -> set[str]:
    return {check.sentence for check in checks(seen) if not check.holds}


def test_a_demo_in_which_all_is_well_passes_every_check(evidence: Evidence) -> None:
    assert [(check.sentence, check.seen) for check in checks(evidence) if not check.holds] == []


def without_event(seen: Evidence, event_type: str) -> Evidence:
    document: Any = seen.document
    return replace(
        seen, document={**document, "events": [e for e in document["events"] if e["event_type"] != event_type]}
    )


def with_call(seen: Evidence, **facts: object) -> Evidence:
    document: Any = seen.document
    return replace(seen, document={**document, "call": {**document["call"], **facts}})


def executed_twice(seen: Evidence) -> Evidence:
    pause = next(command for command in seen.commands_received if command.action == "record_pause")
    return replace(seen, commands_received=[*seen.commands_received, pause])


def another_file(seen: Evidence) -> Evidence:
    return replace(seen, objects=[{**one, "sha256": "0" * 64} for one in seen.objects])


def operator_refused(seen: Evidence) -> Evidence:
    return replace(seen, operator=[seen.operator[0]._replace(status=409, result="superseded"), *seen.operator[1:]])


WRONG: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "a webhook answered 500": (
        "Every webhook of Telnyx's was answered 200.",
        lambda seen: replace(seen, answers=[replace(seen.answers[0], status=500), *seen.answers[1:]]),
    ),
    "an operator who was refused": (
        "The operator paused the recording from outside, and resumed it.",
        operator_refused,
    ),
    "a forged webhook believed": (
        "The forged webhook was answered 401.",
        lambda seen: replace(
            seen, answers=[replace(one, status=200) if one.fault == "forge" else one for one in seen.answers]
        ),
    ),
    "a duplicate journalled twice": (
        f"The duplicate of {DUPLICATED} was journalled once.",
        lambda seen: without_event(seen, DUPLICATED),
    ),
    "a late webhook lost": (
        "The late call.speak.started is in order in the journal.",
        lambda seen: without_event(seen, "call.speak.started"),
    ),
    "an item too many": (
        "The table holds every event once, and no forged one.",
        lambda seen: replace(seen, item_keys=[*seen.item_keys, ("LEG#x", "EVENT#2026#stranger")]),
    ),
    "an item lost": (
        "The table holds every event once, and no forged one.",
        lambda seen: replace(seen, item_keys=[key for key in seen.item_keys if not key[1].startswith("CALL#")]),
    ),
    "a command missing": (
        "Every command of the call flow was executed.",
        lambda seen: replace(
            seen,
            commands_received=[command for command in seen.commands_received if command.action != "record_resume"],
        ),
    ),
    "a command executed twice": ("No command was executed twice.", executed_twice),
    "a command refused": (
        "Telnyx refused nothing.",
        lambda seen: replace(
            seen,
            commands_received=[
                *seen.commands_received,
                replace(seen.commands_received[0], status=422, code="10027"),
            ],
        ),
    ),
    "streaming not tried again": (
        "Streaming failed once and was retried.",
        lambda seen: without_event(seen, "streaming.started"),
    ),
    "no sound": (
        "Streaming failed once and was retried.",
        lambda seen: replace(seen, stream={"start": 1, "stop": 1}),
    ),
    "the call still answered": (
        "The call has ended, hung up by us after the goodbye.",
        lambda seen: with_call(seen, status="answered"),
    ),
    "a sentence missing": (
        "The transcript holds every sentence, once.",
        lambda seen: replace(seen, utterances=[*seen.utterances, "One more thing."]),
    ),
    "other bytes in the bucket": (
        "The recording is in the bucket, byte for byte as at Telnyx.",
        another_file,
    ),
    "nothing in the bucket": (
        "The recording is in the bucket, byte for byte as at Telnyx.",
        lambda seen: replace(seen, objects=[]),
    ),
    "a dead letter": (
        "Nothing that is due is left in a queue, nothing at all in a dead-letter queue.",
        lambda seen: replace(seen, waiting={"RecordingDeadLetterQueue": 1}),
    ),
    "a function that failed": (
        "No function failed or logged an error.",
        lambda seen: replace(seen, faults=["CallHangupFunction: Traceback"]),
    ),
    "a caller who gave up": (
        "The caller played the whole scenario.",
        lambda seen: replace(seen, scenario_failed="step 2: no call.playback.started within 20 s"),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_demo_notices(what: str, evidence: Evidence) -> None:
    sentence, spoil = WRONG[what]
    assert sentence in red(spoil(evidence))


def test_a_slow_answer_is_reported_and_is_not_a_failure(evidence: Evidence) -> None:
    quick = [replace(one, milliseconds=10.0) for one in evidence.answers]
    assert slow(replace(evidence, answers=quick)) == []
    late = replace(evidence, answers=[replace(quick[0], milliseconds=2001.0), *quick[1:]])
    assert red(late) == set()
    (sentence,) = slow(late)
    assert sentence.startswith(f"{quick[0].event_type} was answered after 2001 ms")
    paper = io.StringIO()
    screen = Screen(console=Console(file=paper, width=80, color_system=None))
    resources: Any = SimpleNamespace(table="t", bucket="b")
    played = Played(evidence=late, resources=resources, content={}, ready_seconds=1.0, seconds=2.0)
    show(screen, played, list(checks(late)))
    assert f"\nslow: {quick[0].event_type} was answered after 2001 ms" in paper.getvalue()


def test_the_demo_is_readable_at_80_columns_and_leaves_no_process(shown: Shown) -> None:
    assert shown.left_behind == []
    wide = [line for line in shown.text.splitlines() if len(line) > 80]
    assert {line.split()[0] for line in wide} == {"key"}, "only the keys in the bucket, which are there to be copied"
    assert "\x1b" not in shown.text
    assert "--> call.answered\n" in shown.text
    assert re.search(r"<-- 200 \d+ ms +sent: answer *\n", shown.text)
    assert "sha256  " in shown.text
    assert "All 16 checks hold" in shown.text


def test_a_broken_function_makes_the_demo_fail_and_name_the_check(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "template.yaml", tmp_path)
    for folder in ("layers", "flows"):
        (tmp_path / folder).symlink_to(PROJECT / folder)
    handler = tmp_path / "functions" / "webhook.py"
    crash = '    if "streaming.stopped" in request["rawPath"]:\n        __import__("os")._exit(3)\n    return receive'
    handler.write_text(handler.read_text().replace("    return receive", crash))
    done = demo("--json", "--template", str(tmp_path / "template.yaml"))
    assert done.status == 1, done.stdout + done.stderr
    document = json.loads(done.stdout)
    wrong = {check["check"]: check["seen"] for check in document["checks"] if not check["ok"]}
    assert document["ok"] is False
    assert done.left_behind == []
    assert "Every webhook of Telnyx's was answered 200." in wrong
    assert "Runtime exited with error: exit status 3" in wrong["No function failed or logged an error."]
    assert "Every command of the call flow was executed." not in wrong
