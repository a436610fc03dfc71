"""Words to write away: `make lint` refuses them. One word for one thing, and it is the word the field uses.

    python -m tests.project.words        names each place; exits 1 when there is one

A quotation stands in backquotes or is marked `# quoted` at the end of its line.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SUFFIXES = {".py", ".md", ".yaml", ".toml", ".mk", ".example", ""}
LEFT_OUT = {"tests/project/words.py", "CHANGELOG.md", "LICENSE"}

PHRASES = {
    r"\b(?:it|that|this|which|value|body|key|text) is no (?!longer|more|such|other|need|way|harm)": "is not a",
    r"\btold\b|\btelling\b|\btells\b": "sent; reported; distinguishes",
    r"\bsaid\b|\bsays\b|\bsaying\b": "sent; printed; spoken; in the text",
    r"\bwanted\b": "expected; requested",
    r"\bkept\b|\bkeeping\b": "stored; archived",
    r"\bmoments?\b": "timestamp; time",
    r"\bsomebody\b|\bnobody\b|\bwhoever\b": "the caller; no one; the client",
    r", please": "(leave it out)",
    r"\bso (?:many|long) (?:seconds|bytes|days|calls|times)\b": "name the parameter",
    r"\banew\b": "again",
    r"wall's clock": "wall-clock time",
    r"[Tt]wice is once": "Idempotent.",
    r"\bstand-in\b": "simulator",
    r'"""What ': "begin a docstring with a verb or a noun",
}
IDENTIFIERS = (
    "Told Verdict Postponed LISTED waits_until PRESSED KEYED COUNTED LargeBodies Deposit LinkDead ChangedMeanwhile "
    "ENDINGS_LAST_LONGER NotNow OneCallAtATime Wishes TYPED_WRONG NOT_THERE Courier MEANINGS Misbehaviour Dice "
    "opening_words last_words instead_of_audio step_of kept_at noted_at as_fact RECORDING_TEXT in_order fixed_width "
    "lay_over hangs_up far_end far_ends misbehave beyond_doubt bearable remarkable"
).split()

_PATTERNS = {re.compile(pattern): advice for pattern, advice in PHRASES.items()}
_PATTERNS[re.compile(rf"\b(?:{'|'.join(IDENTIFIERS)})\b")] = "its new name"
_QUOTED = re.compile(r"`[^`\n]*`")


def findings() -> Iterator[str]:
    """Each place as `file:line: what stands there (what to write)`."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in tracked.stdout.splitlines():
        path = PROJECT / name
        if name in LEFT_OUT or path.suffix not in SUFFIXES or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.rstrip().endswith("# quoted"):
                continue
            plain = _QUOTED.sub("", line)
            for pattern, advice in _PATTERNS.items():
                if found := pattern.search(plain):
                    yield f"{name}:{number}: {found[0]!r} ({advice})"


def main() -> int:
    """Print every finding; 1 when there is one."""
    found = list(findings())
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
