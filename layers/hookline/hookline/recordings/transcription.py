"""Keep the text of a transcribed recording: beside its sound, whichever of the two comes first.

* HooklineError
  - NoTranscript    neither the journal nor Telnyx gives the text
"""

import hashlib
import json
import time
from collections.abc import Callable

from hookline.errors import HooklineError, TelnyxRefused
from hookline.events import Event, identifier
from hookline.journal import Journal
from hookline.recordings.job import ArchiveJob, event_of
from hookline.recordings.source import TelnyxRecordings
from hookline.recordings.storage import Bucket

LOOKS_FOR_EVENT = 5
"""After pauses of 0.1, 0.2, ... seconds: a message of the queue may be quicker than the entry of the journal."""


class NoTranscript(HooklineError):
    """Neither the journal nor Telnyx gives the text."""


class TranscriptionArchiver:
    """Keeps texts, as text and as JSON. count: adds to a metric."""

    def __init__(
        self,
        *,
        bucket: Bucket,
        journal: Journal,
        telnyx: TelnyxRecordings,
        count: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:
        """Nothing is sent yet."""
        self._bucket = bucket
        self._journal = journal
        self._telnyx = telnyx
        self._count = count
        self._sleep = sleep

    def keep(self, wanted: ArchiveJob) -> list[str]:
        """Keep what one message asks for; the keys that are new.

        Raises NoTranscript, Unavailable and TelnyxRefused.
        """
        text, transcription_id = self._text(wanted)
        content = text.encode("utf-8", "replace")
        sha256 = hashlib.sha256(content).hexdigest()
        document = {
            "recording_id": wanted.recording_id,
            "recording_transcription_id": transcription_id,
            "call_session_id": wanted.identity.call_session_id,
            "call_leg_id": wanted.identity.call_leg_id,
            "call_control_id": wanted.identity.call_control_id,
            "event_id": wanted.event_id,
            "occurred_at": wanted.occurred_at,
            "text": text,
        }
        beside = self._beside(wanted)
        key = f"{beside}.txt"
        if not self._put(wanted, key, content, sha256, "text/plain; charset=utf-8"):
            # Another transcript of the same recording lies there: this one is named after what it says.
            beside = f"{beside}-{sha256[:8]}"
            key = f"{beside}.txt"
            self._put(wanted, key, content, sha256, "text/plain; charset=utf-8")
        as_json = json.dumps(document, indent=1).encode()
        self._bucket.put(f"{beside}.json", as_json, content_type="application/json", metadata=wanted.metadata)
        facts = {
            "bucket": self._bucket.name,
            "key": key,
            "json_key": f"{beside}.json",
            "size": len(content),
            "sha256": sha256,
            "recording_id": wanted.recording_id,
            "recording_transcription_id": transcription_id,
            "event_id": wanted.event_id,
        }
        name = f"{wanted.name}.{transcription_id or wanted.event_id}"
        if self._journal.put_note(wanted.identity, "TRANSCRIPTION", name, facts, at=time.time()):
            self._count("TranscriptKept")
            return [key, f"{beside}.json"]
        return []

    def _put(self, wanted: ArchiveJob, key: str, content: bytes, sha256: str, content_type: str) -> bool:
        """Whether the key now holds this content, put there now or before."""
        if self._bucket.put(key, content, content_type=content_type, metadata=wanted.metadata):
            return True
        found = self._bucket.look(key)
        return found is not None and found.metadata.get("sha256") == sha256

    def _text(self, wanted: ArchiveJob) -> tuple[str, str | None]:
        """The text, and Telnyx's id of it: from the event that told of it, else from Telnyx.

        The message is queued a moment before its event is journalled, and may be here first.
        """
        for number in range(LOOKS_FOR_EVENT):
            if event := self._event(wanted):
                text = event.payload.get("transcription_text")
                if isinstance(text, str):
                    return text, identifier(event.payload.get("recording_transcription_id"))
                break
            self._sleep(0.1 * 2**number)
        found = self._telnyx.text(wanted)
        if found is None:
            raise NoTranscript("neither the journal nor Telnyx gives the text")
        return found

    def _event(self, wanted: ArchiveJob) -> Event | None:
        record = self._journal.read(wanted.identity.any_id)
        for entry in record.entries if record else ():
            if entry.event_id == wanted.event_id:
                return event_of(entry, self._bucket)
        return None

    def _beside(self, wanted: ArchiveJob) -> str:
        """The key of the recording, without its extension, whether or not the recording has come by now.

        Its folder is the day it began on. The event of the transcript does not say which that is; the note of the
        recording does, or else Telnyx.
        """
        for note in self._journal.notes(wanted.identity, "RECORDING"):
            if wanted.recording_id and note.get("recording_id") == wanted.recording_id:
                return note["key"].rpartition(".")[0] if "key" in note else wanted.placed(note).stem
        try:
            return wanted.placed(self._telnyx.record(wanted)).stem
        except TelnyxRefused as refusal:
            if refusal.status != 404:
                raise
            return wanted.placed({}).stem
