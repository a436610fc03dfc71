"""Checks that the output of `sam build` runs on this machine, and not on another processor only."""

import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from hookline_local.base.errors import CliError
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.emulator.template import load_template

_ELF = b"\x7fELF"
_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
"""e_machine of an ELF file, as platform.machine() names it. Source: the ELF specification, e_machine."""


def check_built(template: Path) -> None:
    """Raise CliError when the template was built for another machine. A missing build is reported when it runs."""
    built = template.parent / ".aws-sam" / "build" / "template.yaml"
    if not built.is_file():
        return
    ours = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": "none"}
    functions = load_template(built, filled_in=ours).functions().values()
    layers = {layer.python_path for function in functions for layer in function.layers}
    if foreign := foreign_machines(layers):
        raise CliError(
            f"the output of `sam build` is for {', '.join(sorted(foreign))}, and this machine is {_here()}",
            "Build it for this machine: LAYER_ARCH=native make build",
        )


def foreign_machines(folders: Iterable[Path]) -> set[str]:
    """The processors, other than this machine's, that extension modules in these folders are for."""
    found = {_machine(path) for folder in folders for path in folder.rglob("*.so")}
    return found - {_here()}


def _here() -> str:
    name = platform.machine().lower()
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)
    return name if sys.platform == "linux" else f"{sys.platform} {name}"


def _machine(path: Path) -> str:
    """Of an extension module. Other files than Linux libraries are assumed to run here."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != _ELF:
        return _here()
    number = int.from_bytes(head[18:20], "little")
    return _MACHINES.get(number, f"processor {number:#x}")
