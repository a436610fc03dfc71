"""The imports of hookline_local point down, and none of them go in a circle: wherever they are written."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[2] / "local"
PACKAGE = LOCAL / "hookline_local"

LAYERS = (
    {"cli"},
    {"deciding", "operations"},
    {"stacks"},
    {"emulator", "simulator", "samples"},
    {"base"},
)
"""From the top. Packages of one layer do not import each other."""

CALLS = (
    {"commands"},
    {"switch"},
    {"caller", "gathering", "media"},
    {"playing", "recording", "transcribing", "queueing"},
    {"legs"},
    {"account"},
    {"activity", "recording_store"},
)
"""The modules of hookline_local.simulator.calls, from the top."""

MODULES = {
    ".".join(path.relative_to(LOCAL).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
}


def imports_of(module: str) -> Iterator[str]:
    """The modules of hookline_local that a module imports: at its top, in functions, under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports are not read here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            found = name if name in MODULES else name.rpartition(".")[0]
            if found in MODULES and found != module:
                yield found


def height(name: str, layers: tuple[set[str], ...]) -> int:
    """How many layers lie below."""
    (index,) = (index for index, names in enumerate(layers) if name in names)
    return len(layers) - 1 - index


def part_of(module: str) -> str:
    return module.split(".")[1]


def test_every_module_has_a_layer() -> None:
    parts = {part_of(module) for module in MODULES if "." in module}
    assert parts == set().union(*LAYERS)
    prefix = "hookline_local.simulator.calls."
    calls = {module.removeprefix(prefix) for module in MODULES if module.startswith(prefix)}
    assert calls == set().union(*CALLS)


@pytest.mark.parametrize("module", sorted(module for module in MODULES if "." in module))
def test_imports_point_down(module: str) -> None:
    part = part_of(module)
    for imported in imports_of(module):
        if imported == "hookline_local" or part_of(imported) == part:
            continue
        above, below = height(part, LAYERS), height(part_of(imported), LAYERS)
        assert above > below, f"{module} imports {imported}"


def test_the_modules_of_a_call_point_down() -> None:
    prefix = "hookline_local.simulator.calls."
    for module in (module for module in MODULES if module.startswith(prefix)):
        for imported in imports_of(module):
            if imported.startswith(prefix):
                above = height(module.removeprefix(prefix), CALLS)
                assert above > height(imported.removeprefix(prefix), CALLS), f"{module} imports {imported}"


def test_no_imports_go_in_a_circle() -> None:
    imports = {module: set(imports_of(module)) for module in MODULES}
    # A package's own name is what its __init__ imports; a module inside does not import itself through it.
    while leaves := {module for module, imported in imports.items() if not imported & imports.keys()}:
        for module in leaves:
            del imports[module]
    assert not imports, f"in a circle, or above one: {sorted(imports)}"
