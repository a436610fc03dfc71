"""The findings of an examination: codes with figures. The sentences are made where they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    UNKNOWN = "unknown"
    """Could not be looked at, and why."""
    WARNING = "warning"
    """Works today."""
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """code: of the sentence. facts: what the sentence mentions, no secrets among it."""

    code: str
    level: Level
    facts: Mapping[str, object] = field(default_factory=dict)


def ok(code: str, **facts: object) -> Finding:
    """As it should be."""
    return Finding(code, Level.OK, facts)


def unknown(code: str, **facts: object) -> Finding:
    """Could not be looked at."""
    return Finding(code, Level.UNKNOWN, facts)


def warning(code: str, **facts: object) -> Finding:
    """Works, and should be mended."""
    return Finding(code, Level.WARNING, facts)


def fault(code: str, **facts: object) -> Finding:
    """Does not work."""
    return Finding(code, Level.FAULT, facts)
