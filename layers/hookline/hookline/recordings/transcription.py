"""Archive the text of a transcribed recording: beside its audio, whichever of the two comes first.

* RecordingError
  - NoTranscription    neither the journal nor Telnyx has the text
"""

import hashlib
import json
import time
from collections.abc import Callable

from hookline.errors import TelnyxRefused
from hookline.events import identifier
from hookline.journal import Journal
from hookline.recordings.findings import Code, RecordingError
from hookline.recordings.job import ArchiveJob, announcing_event
from hookline.recordings.source import TelnyxRecordings
from hookline.recordings.storage import Bucket


class NoTranscription(RecordingError):
    """Neither the journal nor Telnyx has the text."""

    code = Code.NO_TRANSCRIPTION


class TranscriptionArchiver:
    """Archives texts, as text and as JSON. count: adds to a metric."""

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

    def archive(self, job: ArchiveJob) -> list[str]:
        """Archive one text; return the keys that are new.

        Raises NoTranscription, Unavailable and TelnyxRefused.
        """
        text, transcription_id = self._text(job)
        content = text.encode("utf-8", "replace")
        sha256 = hashlib.sha256(content).hexdigest()
        stem = self._put_text(job, content, sha256)
        json_key = f"{stem}.json"
        document = self._document(job, text, transcription_id)
        self._bucket.put(json_key, document, content_type="application/json", metadata=job.metadata)
        attributes = {
            "bucket": self._bucket.name,
            "key": f"{stem}.txt",
            "json_key": json_key,
            "size": len(content),
            "sha256": sha256,
            "recording_id": job.recording_id,
            "recording_transcription_id": transcription_id,
            "event_id": job.event_id,
        }
        name = f"{job.name}.{transcription_id or job.event_id}"
        if self._journal.put_note(job.identity, "TRANSCRIPTION", name, attributes, at=time.time()):
            self._count("TranscriptionArchived")
            return [f"{stem}.txt", json_key]
        return []

    def _put_text(self, job: ArchiveJob, content: bytes, sha256: str) -> str:
        """Put the text beside its recording; return its key without the extension."""
        stem = self._recording_stem(job)
        if not self._put(job, f"{stem}.txt", content, sha256):
            # Another text of the same recording has that key: this one is named after its content.
            stem = f"{stem}-{sha256[:8]}"
            self._put(job, f"{stem}.txt", content, sha256)
        return stem

    def _put(self, job: ArchiveJob, key: str, content: bytes, sha256: str) -> bool:
        """Return whether the key now has this content, put there now or before."""
        if self._bucket.put(key, content, content_type="text/plain; charset=utf-8", metadata=job.metadata):
            return True
        existing = self._bucket.head(key)
        return existing is not None and existing.metadata.get("sha256") == sha256

    def _document(self, job: ArchiveJob, text: str, transcription_id: str | None) -> bytes:
        document = {
            "recording_id": job.recording_id,
            "recording_transcription_id": transcription_id,
            "call_session_id": job.identity.call_session_id,
            "call_leg_id": job.identity.call_leg_id,
            "call_control_id": job.identity.call_control_id,
            "event_id": job.event_id,
            "occurred_at": job.occurred_at,
            "text": text,
        }
        return json.dumps(document, indent=1).encode()

    def _text(self, job: ArchiveJob) -> tuple[str, str | None]:
        """Return the text and Telnyx's id of it: from the event that announced it, else from Telnyx."""
        event = announcing_event(job, self._journal, self._bucket, sleep=self._sleep)
        if event is not None:
            text = event.payload.get("transcription_text")
            if isinstance(text, str):
                return text, identifier(event.payload.get("recording_transcription_id"))
        found = self._telnyx.text(job)
        if found is None:
            raise NoTranscription
        return found

    def _recording_stem(self, job: ArchiveJob) -> str:
        """Return the key of the recording, without its extension, whether or not the recording has come by now.

        Its folder is the day it began on. The event of the transcription does not carry that; the note of the recording
        does, or else Telnyx.
        """
        for note in self._journal.notes(job.identity, "RECORDING"):
            if job.recording_id and note.get("recording_id") == job.recording_id:
                return note["key"].rpartition(".")[0] if "key" in note else job.completed_from(note).stem
        try:
            return job.completed_from(self._telnyx.record(job)).stem
        except TelnyxRefused as refusal:
            if refusal.status != 404:
                raise
            return job.completed_from({}).stem
