"""The files of a new call flow, made of those of another: what each holds, and whether it may be written."""

import difflib
import keyword
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hookline_local.base.errors import CHECK_FAILED, USAGE, CliError

SCENARIOS = ("tests/flows", "local/hookline_local/scenarios")
"""Where the scenario of a flow is: your own, or one that comes with the command."""

NUMBERS = "flows/numbers.toml"

_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_TABLE = re.compile(r"^\[numbers\][^\n]*\n", re.MULTILINE)

_EXAMPLES = [f"+120255501{number:02}" for number in range(23, 100)]
"""Numbers of no one, for the comments: of 555-0100 to 555-0199, which are set aside for examples."""


@dataclass(frozen=True)
class NewFile:
    """A file of the flow. path: in the checkout. before: what is there now, None for nothing."""

    checkout: Path
    path: str
    before: str | None
    content: str

    @property
    def is_new(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.content


def files_of(name: str, *, like: str, number: str | None, checkout: Path) -> list[NewFile]:
    """The files of the flow `name`, copied from the flow `like`. Raises CliError for whatever is in the way."""
    _check_name(name)
    if number is not None and not _E164.fullmatch(number):
        raise CliError(f"--number {number}: invalid number", "Expected E.164, for example +12025550123.", code=USAGE)
    sources = _sources(like, name, checkout)
    before = _known_number(name, checkout)
    own = number or before or _free_number(checkout)
    copies = [
        NewFile(checkout, path, _content(checkout / path), _copied(source, like, name, own))
        for path, source in sources.items()
    ]
    for copy in copies:
        unedited = _copied(sources[copy.path], like, name, before) if before else None
        if copy.is_new and copy.before not in (None, unedited):
            raise CliError(
                f"{copy.path} exists with other content; nothing was written",
                f"Choose another name than {name}, or move that file away.",
                code=CHECK_FAILED,
            )
    return [*copies, _numbers(name, number, own, checkout)]


def write(files: Sequence[NewFile]) -> None:
    """Write those that are new. Raises CliError for a file that cannot be written."""
    for file in files:
        if not file.is_new:
            continue
        try:
            (file.checkout / file.path).write_text(file.content, encoding="utf-8")
        except OSError as error:
            raise CliError(f"{file.path} cannot be written: {error.strerror}", "Run the command again.") from error


def _check_name(name: str) -> None:
    if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) and not keyword.iskeyword(name):
        return
    nearest = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    nearest = f"flow_{nearest}" if not nearest or nearest[0].isdigit() or keyword.iskeyword(nearest) else nearest
    raise CliError(
        f"{name}: invalid name of a flow",
        f"Use at most 64 lower-case letters, digits and underscores, for example {nearest[:64]}.",
        code=USAGE,
    )


def _sources(like: str, name: str, checkout: Path) -> dict[str, Path]:
    """By the path of each new file, the file that it is a copy of."""
    known = sorted(path.stem for path in (checkout / "flows").glob("[!_]*.py") if _scenario(path.stem, checkout))
    if not known:
        raise CliError(f"{checkout}: there is no flow to copy here", "Name a checkout of Hookline: --into DIR.")
    scenario = _scenario(like, checkout)
    if like not in known or scenario is None:
        nearest = difflib.get_close_matches(like, known, n=1, cutoff=0.0)[0]
        raise CliError(
            f"--like {like}: there is no such flow to copy",
            f"The nearest is {nearest}; there are {', '.join(known)}.",
            code=USAGE,
        )
    return {
        f"flows/{name}.py": checkout / "flows" / f"{like}.py",
        f"tests/flows/test_{name}.py": checkout / "tests" / "flows" / f"test_{like}.py",
        f"tests/flows/{name}.toml": scenario,
    }


def _scenario(flow: str, checkout: Path) -> Path | None:
    """The scenario of a flow that has tests too; a flow without both is not one to copy."""
    if not (checkout / "tests" / "flows" / f"test_{flow}.py").exists():
        return None
    paths = [checkout / folder / f"{flow}.toml" for folder in SCENARIOS]
    return next((path for path in paths if path.exists()), None)


def _copied(source: Path, like: str, name: str, number: str) -> str:
    """The text of a file as one about the flow `name`; a scenario calls this number, or is called from it."""
    text = re.sub(rf"\b{re.escape(like)}\b", name, source.read_text(encoding="utf-8"))
    if source.suffix != ".toml":
        return text
    scenario = tomllib.loads(text)
    there = scenario.get("from" if "dial" in scenario else "to")
    return text.replace(f'"{there}"', f'"{number}"')


def _known_number(name: str, checkout: Path) -> str | None:
    """The number that numbers.toml names for a flow, be it in a comment."""
    text = _content(checkout / NUMBERS) or ""
    found = re.search(rf'^(?:# )?"(\+\d+)" = "{name}"$', text, re.MULTILINE)
    return found[1] if found else None


def _free_number(checkout: Path) -> str:
    """An example that numbers.toml does not name: each comment may lose its # later."""
    text = _content(checkout / NUMBERS) or ""
    return next((number for number in _EXAMPLES if f'"{number}"' not in text), _EXAMPLES[-1])


def _numbers(name: str, number: str | None, own: str, checkout: Path) -> NewFile:
    """numbers.toml with the flow's entry: of its number, or a comment. Raises CliError when the number is taken."""
    before = _content(checkout / NUMBERS)
    text = before or ""
    try:
        numbers = tomllib.loads(text).get("numbers", {})
    except tomllib.TOMLDecodeError as error:
        raise CliError(f"{NUMBERS}: not valid TOML: {error}", "Correct the file first.", code=CHECK_FAILED) from error
    taken = numbers.get(number) if number else None
    if taken not in (None, name):
        raise CliError(
            f"{NUMBERS}: {number} runs the flow {taken}; nothing was written",
            "Change that line yourself, or leave out --number.",
            code=CHECK_FAILED,
        )
    if number and taken is None:
        text = _with_line(_without_examples(text, name), f'"{number}" = "{name}"\n')
    elif number is None and re.search(rf'= "{name}"$', text, re.MULTILINE) is None:
        text = _with_line(text, f'# "{own}" = "{name}"\n')
    return NewFile(checkout, NUMBERS, before, text)


def _without_examples(text: str, name: str) -> str:
    """The file without the comment of an earlier run for the same flow."""
    return re.sub(rf'^# "\+120255501\d\d" = "{name}"\n', "", text, flags=re.MULTILINE)


def _with_line(text: str, line: str) -> str:
    """The file with a line more, first in its table [numbers]."""
    if table := _TABLE.search(text):
        return text[: table.end()] + line + text[table.end() :]
    return f"{text.rstrip()}\n\n[numbers]\n{line}".lstrip()


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
