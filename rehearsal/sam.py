"""The commands of SAM: build, deploy, delete, as `make` calls them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]
PYTHON = PROJECT / ".venv" / "bin" / "python"
SAM = PROJECT / ".venv-sam" / "bin" / "sam"
CONFIG = PROJECT / "samconfig.toml"
LONGEST_VISIBILITY_SECONDS = 43_200
"""Source: SQS's limits."""
LIMIT_SECONDS = 240
"""Of one command: only a hang takes longer."""


class CommandFailed(Exception):
    """A command has ended with another status than 0."""


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """The standard output of a command of the project. Raises CommandFailed."""
    words = list(map(str, command))
    try:
        done = subprocess.run(
            words,
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(words)}: no end after {LIMIT_SECONDS} s") from error
    if done.returncode:
        raise CommandFailed(
            f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def build(folder: Path, environment: Mapping[str, str]) -> Path:
    """Build the stack for this machine, outside .aws-sam, where a later `sam deploy` would find it; the template."""
    native = {
        "LAYER_ARCH": "native",  # the emulator runs functions with its own interpreter
        "LAYER_INTERPRETER": str(PYTHON),
        "WHEELS": str(PROJECT / ".cache" / "wheels"),
        "PATH": f"{PYTHON.parent}{os.pathsep}{environment['PATH']}",
    }
    made = {name: value for name, value in environment.items() if not name.startswith("MAKE")}
    run([SAM, "build", "--build-dir", folder / "build"], made | native)
    return folder / "build" / "template.yaml"


def deploy(template: Path, parameters: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """`sam deploy` with the first table of samconfig.toml, which asks nothing here."""
    overrides = [f'{name}="{value}"' for name, value in parameters.items()]
    command: list[str | Path] = [
        SAM,
        "deploy",
        "--config-file",
        CONFIG,
        "--template",
        template,
        "--no-confirm-changeset",
    ]
    run([*command, "--parameter-overrides", " ".join(overrides)], environment)


def with_an_invalid_queue(template: Path) -> Path:
    """A copy of a built template whose deployment fails, at AWS and at the emulator."""
    content = yaml.safe_load(template.read_text(encoding="utf-8"))
    content["Resources"]["QuarantineQueue"]["Properties"]["VisibilityTimeout"] = LONGEST_VISIBILITY_SECONDS + 1
    broken = template.with_name("broken.yaml")
    broken.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return broken


def delete(environment: Mapping[str, str]) -> None:
    """`sam delete`."""
    run([SAM, "delete", "--config-file", CONFIG, "--no-prompts"], environment)


def take_away(sid: str, template: Path) -> int:
    """Remove every policy statement of this Sid from a built template; how many there were."""
    content = yaml.safe_load(template.read_text(encoding="utf-8"))
    taken = _without(content["Resources"], sid)
    template.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return taken


def _without(node: object, sid: str) -> int:
    taken = 0
    if isinstance(node, list):
        for entry in [entry for entry in node if isinstance(entry, dict) and entry.get("Sid") == sid]:
            node.remove(entry)
            taken += 1
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return taken + sum(_without(child, sid) for child in list(children))
