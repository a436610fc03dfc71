"""The browser that `make test-console` finds, or how it is got."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.console import browser
from tests.support.world import PROJECT


def find(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.console.browser"]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_browser_that_is_named_comes_before_one_that_is_found(tmp_path: Path) -> None:
    named, chromium = program(tmp_path, "mine"), program(tmp_path, "chromium")
    assert find(PATH=str(tmp_path)).stdout == f"{chromium}\n"
    assert find(PATH=str(tmp_path), CHROMIUM=str(named)).stdout == f"{named}\n"


def test_a_browser_that_does_not_exist_is_named(tmp_path: Path) -> None:
    done = find(PATH=str(tmp_path), CHROMIUM="/nowhere/chrome")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "CHROMIUM=/nowhere/chrome is not a program.\n")


def test_without_a_browser_one_sentence_has_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "APPLICATIONS", ())
    assert browser.main() == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "apt install chromium" in shown
    assert "CHROMIUM=/path/to/chrome" in shown


def test_where_it_may_debians_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chromium = tmp_path / "chromium"
    install = f'printf "#!/bin/sh\\n" > {chromium}; /bin/chmod 755 {chromium}'
    program(tmp_path, "apt-get").write_text(f'#!/bin/sh\ncase "$*" in *chromium) {install};; esac\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "APPLICATIONS", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert browser.installed() is None
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert browser.installed() == str(chromium)
