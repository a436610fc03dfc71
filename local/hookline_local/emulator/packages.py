"""The installed packages that a function may import: folders of links to the named ones and their requirements.

Lambda gives a function boto3 and its runtime client, and nothing else that happens to be installed on a laptop. A
function that imports another package must fail here as it would fail there.
"""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# In the Python runtimes of Lambda.
LAMBDA_PACKAGES = ("boto3", "awslambdaric")


def closure(names: Iterable[str]) -> dict[str, Distribution]:
    """The named distributions and all that they require here (markers honoured, extras not), by canonical name.

    Raises PackageNotFoundError for one that is not installed where the stack runs.
    """
    found: dict[str, Distribution] = {}
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return found


def link(names: Iterable[str], directory: Path) -> Path:
    """Fill `directory` with links to the named distributions and to what they require; return it."""
    directory.mkdir(parents=True, exist_ok=True)
    for package in closure(names).values():
        for entry in {file.parts[0] for file in package.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            target = directory / entry
            if not target.exists():
                target.symlink_to(Path(str(package.locate_file(entry))).resolve())
    return directory


def named_in(requirements: Path) -> list[str]:
    """The names in a requirements file; hashes, options and comments are skipped."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in lines)
    return [match[1] for match in found if match]


def missing(names: Iterable[str]) -> list[str]:
    """Those of the names that are not installed where the stack runs."""
    absent = []
    for name in names:
        try:
            distribution(name)
        except PackageNotFoundError:
            absent.append(name)
    return absent
