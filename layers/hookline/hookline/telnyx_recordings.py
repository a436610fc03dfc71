"""What Telnyx has of a recording: fresh links to it, when it began, its text.

Source: developers.telnyx.com, the API's recordings and recording_transcriptions.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from hookline.errors import TelnyxRefused, TelnyxUnavailable
from hookline.events import fixed_width, identifier, seconds_between
from hookline.wanted import CONTENT_TYPES, Wanted

SAME_START_SECONDS = 2.0
"""A recording without an id is found again by its leg and the moment it began."""


class Resources(Protocol):
    """What we use of Telnyx's API. Both raise TelnyxUnavailable and TelnyxRefused."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read one resource."""

    def delete(self, path: str) -> dict[str, Any]:
        """Delete one resource."""


class TelnyxRecordings:
    """Telnyx's side of recordings."""

    def __init__(self, telnyx: Resources) -> None:
        """Nothing is sent yet."""
        self._telnyx = telnyx

    def links(self, wanted: Wanted) -> tuple[dict[str, str], str]:
        """The links that Telnyx gives now, by format; where there is none, why."""
        try:
            links = self.record(wanted).get("download_urls")
        except (TelnyxRefused, TelnyxUnavailable) as error:
            return {}, f"Telnyx gives no fresh link: {error}"
        found = links if isinstance(links, dict) else {}
        usable = {
            name: link for name, link in found.items() if name in CONTENT_TYPES and isinstance(link, str) and link
        }
        if not usable:
            return {}, "Telnyx gives no fresh link"
        return usable, ""

    def record(self, wanted: Wanted) -> Mapping[str, Any]:
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
            away = abs(seconds_between(began, fixed_width(record.get("recording_started_at"))))
            return -away, fixed_width(record.get("created_at"))

        of_the_leg = [record for record in _records(data) if record.get("call_leg_id") in (None, leg)]
        likest = max(of_the_leg, key=likeness, default=None)
        return likest if likest and likeness(likest)[0] >= -SAME_START_SECONDS else {}

    def text(self, wanted: Wanted) -> tuple[str, str | None] | None:
        """The newest text of the recording and its id; None when Telnyx has none.

        Raises TelnyxUnavailable and TelnyxRefused.
        """
        if not wanted.recording_id:
            return None
        data = self._telnyx.get("/recording_transcriptions", {"filter[recording_id]": wanted.recording_id}).get("data")
        found = [
            record
            for record in _records(data)
            if record.get("recording_id") == wanted.recording_id
            and isinstance(record.get("transcription_text"), str)
            and record["transcription_text"]
        ]
        if not found:
            return None
        newest = max(found, key=lambda record: fixed_width(record.get("created_at")))
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
