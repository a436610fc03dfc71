"""Checks the names that the code of a flow uses, without running it: Python looks for them only when a call comes.

Looked up are what is imported, global names, the parameters of commands, the flows of legs that are placed, and the
attributes of `hookline`, of an Event and of a Call.
"""

import ast
import builtins
import difflib
import dis
import inspect
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType

import hookline
from hookline import Call, Event
from hookline.event_types import BY_FUNCTION_NAME
from hookline.flows import Flows
from hookline_local.emulator.packages import LAMBDA_PACKAGES, closure, missing, named_in

COMMANDS = {name: value for name, value in vars(hookline).items() if inspect.isfunction(value)}
FLOW_PARAMETERS = frozenset({"flow", "target_flow"})
DECISIONS = frozenset({*BY_FUNCTION_NAME, "lookup"})

_REQUIREMENTS = Path(hookline.__file__).parents[2] / "dependencies" / "requirements.in"
_UNKNOWN = object()


def import_problems(source: str) -> Iterator[str]:
    """Names that `hookline` does not have, and packages that are on this machine and not where a flow is deployed."""
    for node in _imports(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "hookline":
            for alias in node.names:
                if alias.name != "*" and not hasattr(hookline, alias.name):
                    yield f"line {node.lineno}: {_unknown_in_hookline(alias.name)}"
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for package in {module.partition(".")[0] for module in modules} - deployed_packages():
            yield (
                f"line {node.lineno}: {package} is not deployed. A flow imports hookline, the standard library "
                f"and what layers/dependencies/requirements.in lists"
            )


def use_problems(source: str, module: ModuleType, flows: Collection[str]) -> Iterator[str]:
    """Names in the functions of an imported module that nothing has. flows: the names of all flows."""
    tree = ast.parse(source)
    yield from _defined_twice(tree)
    yield from _unknown_globals(compile(tree, module.__name__, "exec"), vars(module))
    local = _local_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (command := _command(node.func, vars(module), local)):
            yield from (
                f"line {node.lineno}: {problem}" for problem in _in_command(command, node, module, flows, local)
            )
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if vars(module).get(node.value.id) is hookline and not hasattr(hookline, node.attr):
                yield f"line {node.lineno}: {_unknown_in_hookline(node.attr)}"
        elif isinstance(node, ast.FunctionDef):
            yield from _in_arguments(node, module)


@cache
def deployed_packages() -> frozenset[str]:
    """The packages that a deployed flow may import, by the names that they are imported by."""
    named = named_in(_REQUIREMENTS)  # without those that this version of Python does not need
    found = closure([*(set(named) - set(missing(named))), *LAMBDA_PACKAGES]).values()
    files = {file.parts[0].removesuffix(".py") for package in found for file in package.files or []}
    return sys.stdlib_module_names | files | {"hookline", "flows", ""}


def _imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of absolute names, without those that may fail (try) or that only a type checker reads (if)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import) or (isinstance(child, ast.ImportFrom) and child.level == 0):
            yield child
        elif not isinstance(child, ast.Try | ast.If):
            yield from _imports(child)


def _unknown_in_hookline(name: str) -> str:
    return f"hookline has no {name!r}; the nearest is {_nearest(name, hookline.__all__)}"


def _defined_twice(tree: ast.Module) -> Iterator[str]:
    lines: dict[str, int] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name in lines:
            yield f"line {node.lineno}: {node.name} is defined in line {lines[node.name]} already; rename one"
        lines[node.name] = node.lineno


def _unknown_globals(code: CodeType, known: Mapping[str, object]) -> Iterator[str]:
    """Global names that functions read and that are defined nowhere. Those that functions define are known as well."""
    codes = list(_codes(code))
    instructions = [instruction for each in codes for instruction in dis.get_instructions(each)]
    names = {*known, *vars(builtins)} | {each.argval for each in instructions if each.opname == "STORE_GLOBAL"}
    reported = set()
    for instruction in instructions:
        name = instruction.argval
        if instruction.opname != "LOAD_GLOBAL" or name in names or name in reported:
            continue
        reported.add(name)
        line = instruction.positions.lineno if instruction.positions else None
        if name in hookline.__all__:
            yield f"line {line}: {name} is not imported: from hookline import {name}"
        else:
            yield f"line {line}: {name} is not defined; the nearest is {_nearest(name, {*names, *hookline.__all__})}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _local_names(tree: ast.Module) -> set[str]:
    """Arguments and variables of functions: a name among them may be anything where it is used."""
    names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            stored = (node for node in ast.walk(function) if isinstance(node, ast.Name))
            names |= {node.id for node in stored if isinstance(node.ctx, ast.Store)}
    return names


def _command(function: ast.expr, names: Mapping[str, object], local: Collection[str]) -> str | None:
    """The name of the command that is called here, as `speak(...)` or `hookline.speak(...)`; None for all else."""
    if isinstance(function, ast.Name) and function.id not in local:
        value = names.get(function.id)
    elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        value = COMMANDS.get(function.attr) if names.get(function.value.id) is hookline else None
    else:
        return None
    return next((name for name, command in COMMANDS.items() if command is value), None)


def _in_command(
    command: str, call: ast.Call, module: ModuleType, flows: Collection[str], local: Collection[str]
) -> Iterator[str]:
    if call.args:
        yield f"{command} takes its parameters by name, for example {command}({_first_parameter(command)}=...)"
        return
    parameters = inspect.signature(COMMANDS[command]).parameters
    unknown = [keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg not in parameters]
    for name in unknown:
        yield f"{command} has no parameter {name!r}; the nearest is {_nearest(name, parameters)}"
    given = {keyword.arg: _value(keyword.value, vars(module), local) for keyword in call.keywords if keyword.arg}
    for name in FLOW_PARAMETERS & given.keys():
        if isinstance(flow := given[name], str) and flow not in flows:
            yield f"{command}: there is no flow {flow!r} ({flow}.py); the nearest is {_nearest(flow, flows)!r}"
    is_known = len(given) == len(call.keywords) and _UNKNOWN not in given.values()
    if is_known and not unknown and (error := Flows.call(partial(COMMANDS[command], **given)).error):
        yield error


def _first_parameter(command: str) -> str:
    return next(iter(inspect.signature(COMMANDS[command]).parameters))


def _value(node: ast.expr, names: Mapping[str, object], local: Collection[str]) -> object:
    """A value that is written down: a constant, or the name of one at the top of the module; else _UNKNOWN."""
    if isinstance(node, ast.Constant):
        return node.value
    if (
        isinstance(node, ast.Name)
        and node.id not in local
        and isinstance(value := names.get(node.id), str | int | float)
    ):
        return value
    return _UNKNOWN


def _in_arguments(function: ast.FunctionDef, module: ModuleType) -> Iterator[str]:
    """Attributes that the Event and the Call of a function do not have, or that the module has not asked for."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    kinds = {
        argument.arg: argument.annotation.id for argument in arguments if isinstance(argument.annotation, ast.Name)
    }
    if function.name in DECISIONS:
        kinds |= dict(zip([argument.arg for argument in arguments], ("Event", "Call"), strict=False))
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            kinds.pop(node.id, None)
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            kind = kinds.get(node.value.id, "")
            if problem := _in_attribute(kind, node.attr, module):
                yield f"line {node.lineno}: {node.value.id}.{node.attr}: {problem}"


def _in_attribute(kind: str, name: str, module: ModuleType) -> str | None:
    owner = {"Event": Event, "Call": Call}.get(kind)
    if owner is None:
        return None
    if not hasattr(owner, name):
        known = [each for each in dir(owner) if not each.startswith("_")]
        hint = "; what Telnyx has sent is in event.payload" if owner is Event else ""
        return f"{kind} has no such attribute; the nearest is {_nearest(name, known)}{hint}"
    if (owner, name) == (Call, "facts") and not hasattr(module, "lookup"):
        return "always None in a flow without a lookup"
    if (owner, name) == (Call, "legs") and getattr(module, "OTHER_LEGS", False) is not True:
        return "always empty in a flow without OTHER_LEGS = True"
    return None


def _nearest(name: str, known: Collection[str]) -> str:
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
