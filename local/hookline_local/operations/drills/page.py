"""Reads a runbook: what it has one type, and what one sees then.

A bullet of "What to look at" and of "How to know that it is over" names one command (`hookline ...`), one query of Logs
Insights (`filter ...`), one saved query (`hookline/crashes`) or one widget of the dashboard (*Title*), and then what
one sees: "you see `text`", "you see `text` or `text`", or "you no longer see `text`". In such a text N is any number
from 1, and a word of capitals in angle brackets is any word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ALARM, LOOK, DO, OVER = "What it means", "What to look at", "What to do", "How to know that it is over"
STACK = "--stack hookline"
OR = " | "

_SEEN = re.compile(r"[Yy]ou (no longer )?see ((?:`[^`]+`(?:, | and | or )?)+)")


@dataclass(frozen=True)
class Step:
    """One bullet.

    kind: command, query, access log, saved query, dashboard; or text, for what is not run here. typed: the command or
    query itself, or a name. sees: texts of its output. no_longer: texts that are not there any more.
    """

    kind: str
    typed: str
    sees: tuple[str, ...] = ()
    no_longer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A runbook. do: the commands that mend."""

    name: str
    look: tuple[Step, ...]
    do: tuple[str, ...]
    over: tuple[Step, ...]


def read(path: Path) -> Page:
    """The page in a file."""
    text = path.read_text(encoding="utf-8")
    do = [step.typed for bullet in _bullets(text, DO) for step in [_step(bullet)] if step.kind == "command"]
    look = tuple(_step(bullet) for bullet in _bullets(text, LOOK))
    over = tuple(_step(bullet) for bullet in _bullets(text, OVER))
    return Page(path.stem, look, tuple(do), over)


def names(folder: Path) -> list[str]:
    """The pages of a folder."""
    return sorted(path.stem for path in folder.glob("*.md") if path.stem != "README")


def is_seen(expected: str, output: str) -> bool:
    """Whether a text of a page, or one of several, is in an output, however that is wrapped."""
    patterns = (r"\s+".join(map(_word, text.split())) for text in expected.split(OR))
    return any(re.search(pattern, output) for pattern in patterns)


def _word(word: str) -> str:
    if word == "N":
        return r"[1-9]\d*"
    return r"\S+".join(re.escape(part) for part in re.split(r"<[A-Z]+>", word))


def _bullets(text: str, part: str) -> Iterator[str]:
    section = text.partition(f"## {part}\n")[2].partition("\n## ")[0]
    for bullet in re.split(r"^\* ", section, flags=re.MULTILINE)[1:]:
        yield " ".join(bullet.split())


def _step(bullet: str) -> Step:
    kind, typed = _typed(bullet)
    sees: list[str] = []
    no_longer: list[str] = []
    for found in _SEEN.finditer(bullet):
        texts = re.findall(r"`([^`]+)`", found[2])
        (no_longer if found[1] else sees).extend([OR.join(texts)] if "` or `" in found[2] else texts)
    return Step(kind, typed, tuple(sees), tuple(no_longer))


def _typed(bullet: str) -> tuple[str, str]:
    if found := re.search(r"`hookline/([^`]+)`", bullet):
        return "saved query", found[1]
    if found := re.search(r"`(filter [^`]+)`", bullet):
        return "access log" if "AccessLogGroupName" in bullet else "query", found[1]
    if found := re.search(r"dashboard, \*([^*]+)\*", bullet):
        return "dashboard", found[1]
    if found := re.search(r"`hookline ([a-z][^`]*)`", bullet):
        return "command", found[1]
    return "text", bullet
