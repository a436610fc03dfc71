"""Findings about a recording: a code with figures. Metrics, deletions and exit codes depend on codes, never on words.

Values only; the standard library is all it needs. `describe` renders the sentence, and only where one is shown.

* HooklineError
  - RecordingError      a file that cannot be archived; carries its findings. Each subclass lives where it is raised
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

from hookline.errors import ApiKeyUnreadable, HooklineError, TelnyxRefused

Figure = int | float | str | None


class Severity(IntEnum):
    """How much a finding matters."""

    INFO = 0
    """Nothing has to be done."""
    WARNING = 1
    """Archived as it came, and odd: counted, and Telnyx's copy is not deleted."""
    ERROR = 2
    """Something of the call is not in the bucket: `hookline recordings verify` fails."""


class Code(StrEnum):
    """Everything that can be found, as the journal and JSON write it."""

    # An archived file, as it came from Telnyx.
    NO_AUDIO = "no_audio"
    FORMAT_DIFFERS = "format_differs"
    CHANNELS_DIFFER = "channels_differ"
    LONGER_THAN_REPORTED = "longer_than_reported"
    SHORTER_THAN_REPORTED = "shorter_than_reported"
    HEADER_ANNOUNCES_MORE = "header_announces_more"
    TRUNCATED = "truncated"
    UNREADABLE_BYTES = "unreadable_bytes"

    # A file that could not be archived.
    NO_LINK = "no_link"
    LINK_EXPIRED = "link_expired"
    LINK_FORBIDDEN = "link_forbidden"
    NO_FRESH_LINK = "no_fresh_link"
    DOWNLOAD_FAILED = "download_failed"
    CONTENT_CHANGED = "content_changed"
    TOO_LARGE = "too_large"
    OUT_OF_TIME = "out_of_time"
    NOT_A_RECORDING = "not_a_recording"
    OBJECT_DIFFERS = "object_differs"
    NO_TRANSCRIPTION = "no_transcription"
    TELNYX_REFUSED = "telnyx_refused"
    TELNYX_UNAVAILABLE = "telnyx_unavailable"
    API_KEY_UNREADABLE = "api_key_unreadable"

    # The bucket against the journal.
    IN_EXTERNAL_STORAGE = "in_external_storage"
    EXPIRED = "expired"
    NOT_ARCHIVED = "not_archived"
    MISSING = "missing"
    TRANSCRIPTION_MISSING = "transcription_missing"
    PEAKS_MISSING = "peaks_missing"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"
    NOT_IN_JOURNAL = "not_in_journal"
    EVENT_MISSING = "event_missing"
    EVENT_UNREADABLE = "event_unreadable"

    UNKNOWN = "unknown"
    """Written by another release."""


_INFO = {Code.IN_EXTERNAL_STORAGE, Code.EXPIRED}
_WARNING = {
    Code.NO_AUDIO,
    Code.FORMAT_DIFFERS,
    Code.CHANNELS_DIFFER,
    Code.LONGER_THAN_REPORTED,
    Code.UNREADABLE_BYTES,
    Code.PEAKS_MISSING,
}

SENTENCES: Mapping[Code, str] = {
    Code.NO_AUDIO: "it holds no audio",
    Code.FORMAT_DIFFERS: "it is {actual} under the name of {expected}",
    Code.CHANNELS_DIFFER: "it has {actual} channel and should have {expected}",
    Code.LONGER_THAN_REPORTED: "it lasts {seconds:.1f} s longer than Telnyx reports",
    Code.SHORTER_THAN_REPORTED: "it lasts {seconds:.1f} s shorter than Telnyx reports",
    Code.HEADER_ANNOUNCES_MORE: "its header announces {bytes:,} more bytes",
    Code.TRUNCATED: "it is cut: {bytes:,} bytes of its last frame or tag are missing",
    Code.UNREADABLE_BYTES: "{bytes:,} bytes of it are not audio",
    Code.NO_LINK: "the event carries no link",
    Code.LINK_EXPIRED: "the link has expired (HTTP {http_status})",
    Code.LINK_FORBIDDEN: "the link is not allowed: {reason}",
    Code.NO_FRESH_LINK: "Telnyx gives no fresh link",
    Code.DOWNLOAD_FAILED: "the download failed: {reason}",
    Code.CONTENT_CHANGED: "the content changed during the download: {reason}",
    Code.TOO_LARGE: "it has {bytes:,} bytes or more, and {limit_bytes:,} are allowed",
    Code.OUT_OF_TIME: "the function's time is nearly over: {reason}",
    Code.NOT_A_RECORDING: "it is not a recording: {reason}",
    Code.OBJECT_DIFFERS: "the object in the bucket is not the one that was archived",
    Code.NO_TRANSCRIPTION: "neither the journal nor Telnyx has the text",
    Code.TELNYX_REFUSED: "Telnyx refused with HTTP {http_status}, code {telnyx_code}",
    Code.TELNYX_UNAVAILABLE: "Telnyx is unavailable",
    Code.API_KEY_UNREADABLE: "the API key cannot be read",
    Code.IN_EXTERNAL_STORAGE: "it is in the customer's own storage",
    Code.EXPIRED: "its retention in the {store} is over",
    Code.NOT_ARCHIVED: "it was announced and has not been archived",
    Code.MISSING: "it was archived and is missing",
    Code.TRANSCRIPTION_MISSING: "the transcription was archived and is missing",
    Code.PEAKS_MISSING: "the peaks for drawing it were archived and are missing",
    Code.SIZE_DIFFERS: "it has {actual_bytes:,} bytes and should have {expected_bytes:,}",
    Code.CHECKSUM_DIFFERS: "its checksum is not the one that was archived",
    Code.NOT_IN_JOURNAL: "it is in the bucket and not in the journal",
    Code.EVENT_MISSING: "the event that announced it is missing",
    Code.EVENT_UNREADABLE: "the event that announced it cannot be read",
    Code.UNKNOWN: "unknown code {code}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is true of a recording. figures: by name, with the unit in the name."""

    code: Code
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How much it matters, by its code alone."""
        if self.code in _INFO:
            return Severity.INFO
        return Severity.WARNING if self.code in _WARNING else Severity.ERROR

    def to_dict(self) -> dict[str, Any]:
        """As the journal and JSON take it."""
        return {"code": self.code.value, "figures": dict(self.figures)}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Finding":
        """Read what to_dict wrote, in this release or another."""
        try:
            return cls(Code(written["code"]), written["figures"])
        except (KeyError, ValueError):
            return cls(Code.UNKNOWN, {"code": str(written.get("code"))})


def findings_of(note: Mapping[str, Any]) -> list[Finding]:
    """Read the findings that a note of the journal carries."""
    return [Finding.from_dict(written) for written in note.get("findings", ())]


def failure_of(note: Mapping[str, Any]) -> list[Finding]:
    """Read a RECORDING_FAILURE note: the failure, then its causes."""
    return [Finding.from_dict(written) for written in (note, *note.get("causes", ()))]


def describe(finding: Finding) -> str:
    """Render the sentence. Reasons are codes too: their underscores become blanks."""
    figures = {
        name: figure.replace("_", " ") if name == "reason" and isinstance(figure, str) else figure
        for name, figure in finding.figures.items()
    }
    try:
        return SENTENCES[finding.code].format(**figures)
    except (KeyError, ValueError, TypeError):
        return finding.code.replace("_", " ")


def describe_all(findings: Iterable[Finding]) -> str:
    """Render one line for all of them, "" for none."""
    return "; ".join(map(describe, findings))


class RecordingError(HooklineError):
    """A file cannot be archived. findings: the failure itself, then what else is known about it."""

    code: ClassVar[Code]

    def __init__(self, *causes: Finding, **figures: Figure) -> None:
        """figures: those of the failure."""
        self.findings = (Finding(self.code, figures), *causes)
        super().__init__(describe_all(self.findings))


def failure_findings(error: HooklineError) -> tuple[Finding, ...]:
    """Return the findings of an error that ends the archiving of a file."""
    if isinstance(error, RecordingError):
        return error.findings
    if isinstance(error, TelnyxRefused):
        return (Finding(Code.TELNYX_REFUSED, {"http_status": error.status, "telnyx_code": error.code}),)
    if isinstance(error, ApiKeyUnreadable):
        return (Finding(Code.API_KEY_UNREADABLE),)
    return (Finding(Code.TELNYX_UNAVAILABLE),)
