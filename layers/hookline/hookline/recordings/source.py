"""Telnyx's side of recordings: fresh links, the record of a recording, its text, and deleting it.

Source: developers.telnyx.com, the API's recordings and recording_transcriptions.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from hookline.errors import ApiKeyUnreadable, TelnyxRefused, TelnyxUnavailable
from hookline.events import identifier, normalise_timestamp, seconds_between
from hookline.recordings.findings import Code, Finding, failure_findings
from hookline.recordings.job import ArchiveJob, usable_links

SAME_START_SECONDS = 2.0
"""A recording without an id is found by its leg and its start, give or take this."""


class Resources(Protocol):
    """The part of Telnyx's API that is used here. Both raise TelnyxUnavailable and TelnyxRefused."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read one resource."""

    def delete(self, path: str) -> dict[str, Any]:
        """Delete one resource."""


class DownloadLinks(NamedTuple):
    """The links that Telnyx gives, by format.

    findings: why there is none. is_gone: Telnyx has no such recording. is_transient: a later request may give some.
    """

    by_format: Mapping[str, str]
    findings: tuple[Finding, ...] = ()
    is_gone: bool = False
    is_transient: bool = False


class TelnyxRecordings:
    """Telnyx's recordings."""

    def __init__(self, telnyx: Resources) -> None:
        """Nothing is sent yet."""
        self._telnyx = telnyx

    def links(self, job: ArchiveJob) -> DownloadLinks:
        """Request fresh links. Raises nothing: a link that works is used without them."""
        none = Finding(Code.NO_FRESH_LINK)
        try:
            links = usable_links(self.record(job).get("download_urls"))
        except TelnyxRefused as error:
            return DownloadLinks({}, (none, *failure_findings(error)), is_gone=error.status == 404)
        except TelnyxUnavailable as error:
            transient = not isinstance(error, ApiKeyUnreadable)
            return DownloadLinks({}, (none, *failure_findings(error)), is_transient=transient)
        return DownloadLinks(links) if links else DownloadLinks({}, (none,))

    def record(self, job: ArchiveJob) -> Mapping[str, Any]:
        """Return Telnyx's record of the recording; empty when there is none that is certainly this one.

        Found by its id, else by its leg and its start: the nearest, of several such the newest. Raises
        TelnyxUnavailable and TelnyxRefused.
        """
        if job.recording_id:
            data = self._telnyx.get(f"/recordings/{quote(job.recording_id, safe='')}").get("data")
            return data if isinstance(data, dict) else {}
        leg = job.identity.call_leg_id
        if not (leg and job.started_at):
            return {}
        data = self._telnyx.get("/recordings", {"filter[call_leg_id]": leg, "page[size]": "250"}).get("data")
        of_the_leg = [record for record in _records(data) if record.get("call_leg_id") in (None, leg)]
        started_at = job.started_at
        nearest = max(of_the_leg, key=lambda record: _nearness(record, started_at), default=None)
        return nearest if nearest and _nearness(nearest, started_at)[0] >= -SAME_START_SECONDS else {}

    def text(self, job: ArchiveJob) -> tuple[str, str | None] | None:
        """Return the text of the transcription and its id, the newest where the event names none; None without one.

        Raises TelnyxUnavailable and TelnyxRefused.
        """
        if not job.recording_id:
            return None
        data = self._telnyx.get("/recording_transcriptions", {"filter[recording_id]": job.recording_id}).get("data")
        texts = [record for record in _records(data) if _is_text_of(record, job)]
        if not texts:
            return None
        newest = max(texts, key=lambda record: normalise_timestamp(record.get("created_at")))
        return newest["transcription_text"], identifier(newest.get("id"))

    def delete(self, recording_id: str) -> None:
        """Delete Telnyx's copy. Idempotent. Raises TelnyxUnavailable and TelnyxRefused."""
        try:
            self._telnyx.delete(f"/recordings/{quote(recording_id, safe='')}")
        except TelnyxRefused as refusal:
            if refusal.status != 404:
                raise


def _nearness(record: Mapping[str, Any], started_at: str) -> tuple[float, str]:
    distance = abs(seconds_between(started_at, normalise_timestamp(record.get("recording_started_at"))))
    return -distance, normalise_timestamp(record.get("created_at"))


def _is_text_of(record: Mapping[str, Any], job: ArchiveJob) -> bool:
    text = record.get("transcription_text")
    is_of_recording = record.get("recording_id") == job.recording_id
    return is_of_recording and job.transcription_id in (None, record.get("id")) and isinstance(text, str) and text != ""


def _records(data: object) -> list[dict[str, Any]]:
    return [record for record in data if isinstance(record, dict)] if isinstance(data, list) else []
