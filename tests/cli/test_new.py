"""`hookline new flow`, in a checkout of its own: what it writes and what it refuses; the tests of a copy run."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hookline_local.deciding.flow_check import problems
from tests.support.checkout import make_checkout
from tests.support.command import Done, run

NUMBERS = 'default = "reception"\n\n[numbers]\n# "+12025550123" = "reception"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the flows that ship."""
    make_checkout(tmp_path)
    (tmp_path / "flows" / "numbers.toml").write_text(NUMBERS)
    return tmp_path


def new(checkout: Path, *arguments: str) -> Done:
    return run("new", "flow", *arguments, "--into", str(checkout), environment={"PATH": os.environ["PATH"]})


def files(checkout: Path) -> dict[str, str]:
    """The files that the command could write."""
    folders = (checkout / "flows", checkout / "tests" / "flows")
    return {str(path): path.read_text() for folder in folders for path in sorted(folder.glob("*.*"))}


def scenario(checkout: Path, flow: str) -> dict[str, Any]:
    return tomllib.loads((checkout / "tests" / "flows" / f"{flow}.toml").read_text())


def results(done: Done) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return {file["path"]: file["result"] for file in document["files"]}


def test_a_copy_has_a_module_tests_a_scenario_and_an_entry(checkout: Path) -> None:
    done = new(checkout, "front_desk", "--like", "menu", "--json")
    assert results(done) == {
        "flows/front_desk.py": "new",
        "tests/flows/test_front_desk.py": "new",
        "tests/flows/front_desk.toml": "new",
        "flows/numbers.toml": "changed",
    }
    assert (checkout / "flows" / "front_desk.py").read_text().startswith('"""front_desk: 1 reaches sales')
    numbers = (checkout / "flows" / "numbers.toml").read_text()
    assert numbers == NUMBERS.replace("[numbers]\n", '[numbers]\n# "+12025550124" = "front_desk"\n')
    assert problems(checkout / "flows") == []


def test_the_tests_of_a_copy_run(checkout: Path) -> None:
    copies = (("goodbye", "menu"), ("recording", "voicemail"), ("agent", "forward"), ("announcement", "notice"))
    for name, like in copies:  # some are names that the copies use themselves
        assert new(checkout, name, "--like", like).returncode == 0
    broken = (checkout / "flows" / "recording.py").read_text().replace("transcription=True", "transcription=False")
    (checkout / "flows" / "recording.py").write_text(broken)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "scenario or incoming"]
    tests = [f"tests/flows/test_{name}.py" for name, _ in copies]
    done = subprocess.run([*command, *tests], cwd=checkout, capture_output=True, text=True, check=False)
    failed = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed == ["FAILED tests/flows/test_recording.py::test_the_scenario"], done.stdout


def test_a_number_is_given_to_the_flow(checkout: Path) -> None:
    assert new(checkout, "front_desk", "--number", "+12025550188").returncode == 0
    numbers = (checkout / "flows" / "numbers.toml").read_text()
    assert numbers == NUMBERS.replace("[numbers]\n", '[numbers]\n"+12025550188" = "front_desk"\n')
    assert scenario(checkout, "front_desk")["to"] == "+12025550188"


def test_the_scenario_calls_the_number_of_the_entry(checkout: Path) -> None:
    assert new(checkout, "front_desk").returncode == 0
    assert scenario(checkout, "front_desk")["to"] == "+12025550124"
    assert new(checkout, "reminder", "--like", "notice", "--number", "+12025550188").returncode == 0
    placed = scenario(checkout, "reminder")
    assert (placed["from"], placed["to"]) == ("+12025550188", "+12025550147")
    assert new(checkout, "second_desk", "--like", "front_desk").returncode == 0
    assert scenario(checkout, "second_desk")["to"] == "+12025550125"


def test_without_a_table_of_numbers_there_is_one_afterwards(checkout: Path) -> None:
    (checkout / "flows" / "numbers.toml").write_text('default = "reception"\n')
    assert new(checkout, "front_desk", "--number", "+12025550188").returncode == 0
    numbers = (checkout / "flows" / "numbers.toml").read_text()
    assert numbers == 'default = "reception"\n\n[numbers]\n"+12025550188" = "front_desk"\n'


@pytest.mark.parametrize("number", [[], ["--number", "+12025550188"]])
def test_twice_is_once(checkout: Path, number: list[str]) -> None:
    new(checkout, "front_desk", *number)
    before = files(checkout)
    assert set(results(new(checkout, "front_desk", *number, "--json")).values()) == {"unchanged"}
    assert files(checkout) == before


def test_every_comment_may_become_a_line(checkout: Path) -> None:
    new(checkout, "front_desk")
    new(checkout, "back_desk", "--number", "+12025550125")
    new(checkout, "side_desk")
    path = checkout / "flows" / "numbers.toml"
    path.write_text(path.read_text().replace('# "', '"'))
    assert tomllib.loads(path.read_text())["numbers"] == {
        "+12025550123": "reception",
        "+12025550124": "front_desk",
        "+12025550125": "back_desk",
        "+12025550126": "side_desk",
    }
    assert problems(checkout / "flows") == []


def test_a_number_replaces_the_comment_of_an_earlier_run(checkout: Path) -> None:
    new(checkout, "front_desk")
    assert results(new(checkout, "front_desk", "--number", "+12025550188", "--json"))["flows/numbers.toml"] == "changed"
    numbers = (checkout / "flows" / "numbers.toml").read_text()
    assert numbers == NUMBERS.replace("[numbers]\n", '[numbers]\n"+12025550188" = "front_desk"\n')
    assert scenario(checkout, "front_desk")["to"] == "+12025550188"
    assert set(results(new(checkout, "front_desk", "--json")).values()) == {"unchanged"}


def test_a_dry_run_writes_nothing(checkout: Path) -> None:
    before = files(checkout)
    done = new(checkout, "front_desk", "--dry-run")
    assert done.returncode == 0
    assert "flows/front_desk.py" in done.stdout
    assert "Nothing was written" in done.stdout
    assert files(checkout) == before


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["front-desk"], 2, "for example front_desk."),
        (["class"], 2, "for example flow_class."),
        (["1st"], 2, "for example flow_1st."),
        (["_hidden"], 2, "for example hidden."),
        (["Front"], 2, "for example front."),
        (["x" * 65], 2, "at most 64"),
        (["x" * 5000], 2, "at most 64"),
        (["../front"], 2, "for example front."),
        (["front_desk", "--like", "voicemial"], 2, "The nearest is voicemail; there are"),
        (["front_desk", "--like", "numbers"], 2, "there is no such flow to copy"),
        (["front_desk", "--number", "2025550123"], 2, "invalid number"),
        (["reception", "--like", "menu"], 1, "flows/reception.py exists with other content"),
    ],
)
def test_a_mistake_changes_nothing(checkout: Path, arguments: list[str], status: int, text: str) -> None:
    before = files(checkout)
    done = new(checkout, *arguments)
    assert done.returncode == status
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert files(checkout) == before


def test_a_file_that_was_edited_and_a_number_that_is_taken_are_left_alone(checkout: Path) -> None:
    new(checkout, "front_desk", "--number", "+12025550188")
    taken = new(checkout, "back_desk", "--number", "+12025550188")
    assert taken.returncode == 1
    assert "+12025550188 runs the flow front_desk; nothing was written" in " ".join(taken.stderr.split())
    assert not (checkout / "flows" / "back_desk.py").exists()
    edited = checkout / "tests" / "flows" / "front_desk.toml"
    edited.write_text("# mine\n")
    assert "exists with other content" in " ".join(new(checkout, "front_desk").stderr.split())
    assert edited.read_text() == "# mine\n"


def test_a_folder_without_flows_and_numbers_that_cannot_be_read_are_named(checkout: Path) -> None:
    (checkout / "flows" / "numbers.toml").write_text("default = \n")
    assert "not valid TOML" in new(checkout, "front_desk").stderr
    assert not (checkout / "flows" / "front_desk.py").exists()
    assert "--into DIR" in " ".join(new(checkout / "events", "front_desk").stderr.split())
