"""What Telnyx has of a recording: fresh links to it, when it began, its text.

Source: developers.telnyx.com, the API's recordings and recording_transcriptions.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from hookline.errors import ApiKeyUnreadable, TelnyxRefused, TelnyxUnavailable
from hookline.events import identifier, normalise_timestamp, seconds_between
from hookline.recordings.job import ArchiveJob, usable_links

SAME_START_SECONDS = 2.0
"""A recording without an id is found again by its leg and the moment it began."""


class Resources(Protocol):
    """What we use of Telnyx's API. Both raise TelnyxUnavailable and TelnyxRefused."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read one resource."""

    def delete(self, path: str) -> dict[str, Any]:
        """Delete one resource."""


class Links(NamedTuple):
    """What Telnyx gives, by format; else why there is none. gone: it has no such recording; later: it may give some
    another time.
    """

    by_format: Mapping[str, str]
    why: str = ""
    gone: bool = False
    later: bool = False


class TelnyxRecordings:
    """Telnyx's side of recordings."""

    def __init__(self, telnyx: Resources) -> None:
        """Nothing is sent yet."""
        self._telnyx = telnyx

    def links(self, wanted: ArchiveJob) -> Links:
        """The links that Telnyx gives now. Raises nothing: whoever has a link that works goes on with that."""
        try:
            links = usable_links(self.record(wanted).get("download_urls"))
        except TelnyxRefused as error:
            return Links({}, f"Telnyx gives no fresh link: {error}", gone=error.status == 404)
        except ApiKeyUnreadable as error:
            return Links({}, f"Telnyx was not asked for a fresh link: {error}")
        except TelnyxUnavailable as error:
            return Links({}, f"Telnyx gives no fresh link: {error}", later=True)
        return Links(links) if links else Links({}, "Telnyx gives no fresh link")

    def record(self, wanted: ArchiveJob) -> Mapping[str, Any]:
        """Telnyx's record of the recording; empty when there is none that is certainly this one.

        Found by its id, else by its leg and the moment it began: the nearest, of several such the newest. Raises
        TelnyxUnavailable and TelnyxRefused.
        """
        if wanted.recording_id:
            data = self._telnyx.get(f"/recordings/{quote(wanted.recording_id, safe='')}").get("data")
            return data if isinstance(data, dict) else {}
        leg = wanted.identity.call_leg_id
        if not (leg and wanted.started_at):
            return {}
        data = self._telnyx.get("/recordings", {"filter[call_leg_id]": leg, "page[size]": "250"}).get("data")
        began = wanted.started_at

        def likeness(record: Mapping[str, Any]) -> tuple[float, str]:
            away = abs(seconds_between(began, normalise_timestamp(record.get("recording_started_at"))))
            return -away, normalise_timestamp(record.get("created_at"))

        of_the_leg = [record for record in _records(data) if record.get("call_leg_id") in (None, leg)]
        likest = max(of_the_leg, key=likeness, default=None)
        return likest if likest and likeness(likest)[0] >= -SAME_START_SECONDS else {}

    def text(self, wanted: ArchiveJob) -> tuple[str, str | None] | None:
        """The text that is wanted and its id, or, where the event names none, the newest; None when Telnyx has none.

        Raises TelnyxUnavailable and TelnyxRefused.
        """
        if not wanted.recording_id:
            return None
        data = self._telnyx.get("/recording_transcriptions", {"filter[recording_id]": wanted.recording_id}).get("data")
        found = [
            record
            for record in _records(data)
            if record.get("recording_id") == wanted.recording_id
            and wanted.transcription_id in (None, record.get("id"))
            and isinstance(record.get("transcription_text"), str)
            and record["transcription_text"]
        ]
        if not found:
            return None
        newest = max(found, key=lambda record: normalise_timestamp(record.get("created_at")))
        return newest["transcription_text"], identifier(newest.get("id"))

    def delete(self, recording_id: str) -> None:
        """Have Telnyx delete its copy; what has been deleted already is deleted.

        Raises TelnyxUnavailable and TelnyxRefused.
        """
        try:
            self._telnyx.delete(f"/recordings/{quote(recording_id, safe='')}")
        except TelnyxRefused as refusal:
            if refusal.status != 404:
                raise


def _records(data: object) -> list[dict[str, Any]]:
    return [record for record in data if isinstance(record, dict)] if isinstance(data, list) else []
