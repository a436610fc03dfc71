"""The parts of `make rehearse`. The rehearsal itself takes most of a minute, and is a step of its own in .ci/run."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from hookline_local.base.processes import is_running
from rehearsal.emulator import EmulatorFailed, running_emulator
from rehearsal.sam import CommandFailed, run, take_away
from tests.support.processes import started
from tests.support.world import PROJECT


def test_a_permission_is_taken_away_wherever_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    document = """{"Statement": [{"Sid": "ReadApiKey"}, {"Sid": "Log"}]}"""
    role = f"""{{"Properties": {{"Policies": [{{"PolicyDocument": {document}}}]}}}}"""
    policy = f"""{{"Properties": {{"PolicyDocument": {document}}}}}"""
    path.write_text(f"Resources: {{A: {role}, B: {policy}, C: {role}}}")
    assert take_away("ReadApiKey", path) == 3
    assert take_away("ReadApiKey", path) == 0
    assert "ReadApiKey" not in path.read_text()
    assert path.read_text().count("Log") == 3


def test_a_command_that_fails_is_reported_with_its_output() -> None:
    with pytest.raises(CommandFailed, match=r"exit status 3\nthe reason"):
        run(["sh", "-c", "echo the reason; exit 3"], {"PATH": "/usr/bin:/bin"})


def test_an_emulator_that_does_not_start_is_reported_with_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ministack"
    program.write_text("#!/bin/sh\necho out of order\n")
    program.chmod(0o700)
    monkeypatch.setattr("rehearsal.emulator.MINISTACK", program)
    with pytest.raises(EmulatorFailed, match="out of order"), running_emulator(tmp_path):
        pass


def test_a_rehearsal_that_is_ended_ends_the_emulator_and_leaves_nothing_behind(tmp_path: Path) -> None:
    program, started_at, scratch = tmp_path / "ministack", tmp_path / "pid", tmp_path / "scratch"
    program.write_text(f"#!/bin/sh\necho $$ > {started_at}.new && mv {started_at}.new {started_at} && exec sleep 600\n")
    program.chmod(0o700)
    scratch.mkdir()
    rehearse = (
        "import sys; from pathlib import Path; import rehearsal.emulator as emulator\n"
        "emulator.MINISTACK = Path(sys.argv[1])\n"
        "from rehearsal.__main__ import main; sys.exit(main([]))"
    )
    path = os.pathsep.join(map(str, (PROJECT, PROJECT / "local", PROJECT / "layers" / "hookline")))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "TMPDIR": str(scratch)}
    with started([sys.executable, "-c", rehearse, str(program)], env=environment) as process:
        while not started_at.exists():
            assert process.poll() is None
            time.sleep(0.01)
        emulator = int(started_at.read_text())
        assert is_running(emulator)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM
    assert not is_running(emulator)
    assert not list(scratch.iterdir())


def test_continuous_integration_rehearses() -> None:
    assert "make rehearse" in (PROJECT / ".ci" / "run").read_text().splitlines()
