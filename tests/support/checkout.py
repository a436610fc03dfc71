"""A checkout of its own, in which a test may add and change flows: what is yours is copied, what is ours is linked."""

import shutil
from pathlib import Path

from tests.support.world import PROJECT

COPIED = ("flows", "tests/__init__.py", "tests/conftest.py", "tests/support", "tests/flows", "pyproject.toml")
LINKED = ("events", "functions", "layers", "local", "template.yaml")


def make_checkout(folder: Path) -> None:
    """Make it in an empty folder."""
    for name in COPIED:
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for name in LINKED:
        (folder / name).symlink_to(PROJECT / name)
