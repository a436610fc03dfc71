"""Transfer one file from a link into the bucket: attempts as long as they bring it further, fresh links when needed.

Nothing is uploaded twice: an attempt continues where the last one ended, unless the content has changed.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from hookline.recordings.audio import Audio, AudioProbe, NotARecording
from hookline.recordings.download import (
    ContentChanged,
    DownloadFailed,
    LinkExpired,
    LinkForbidden,
    UrlPolicy,
    fetch,
)
from hookline.recordings.findings import RecordingError
from hookline.recordings.job import CONTENT_TYPES
from hookline.recordings.source import DownloadLinks
from hookline.recordings.storage import ObjectUpload

MAX_FRUITLESS_ATTEMPTS = 6
"""In a row without a byte more of one file, within one invocation; the queue delivers the same message again later."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
"""Each pause is twice as long as the one before, up to this."""


class TransferResult(NamedTuple):
    """A whole file, read to its end. announced_length: the server announced its length."""

    audio: Audio
    attempts: int
    announced_length: bool


class Progress:
    """Counts attempts, and how many of the last ones brought the file no further."""

    def __init__(self) -> None:
        """Nothing has been attempted yet."""
        self.attempts = 0
        self.fruitless = 0
        self._furthest = 0

    def failed(self, size: int, *, restart: bool) -> None:
        """Count a failed attempt that reached `size` bytes. restart: they have to be fetched again: no progress."""
        if restart:
            self._furthest = max(self._furthest, size)
        self.fruitless = 0 if size > self._furthest else self.fruitless + 1
        self._furthest = max(self._furthest, size)

    @property
    def pause_seconds(self) -> float:
        """The pause before the next attempt."""
        return min(_FIRST_PAUSE_SECONDS * 2.0 ** max(0, self.fruitless - 1), _LONGEST_PAUSE_SECONDS)


class Transfer:
    """One file on its way from a link into an upload.

    renew: requests fresh links from Telnyx. public_link: gives the link that does not expire, None when there is none.
    until: time.monotonic() after which to give up.
    """

    def __init__(
        self,
        upload: ObjectUpload,
        format_: str,
        policy: UrlPolicy,
        *,
        renew: Callable[[], DownloadLinks],
        public_link: Callable[[], str | None],
        until: float,
        sleep: Callable[[float], None],
    ) -> None:
        """Nothing is fetched yet."""
        self._upload = upload
        self._format = format_
        self._policy = policy
        self._renew = renew
        self._public_link = public_link
        self._until = until
        self._sleep = sleep
        self._progress = Progress()
        self._fresh = DownloadLinks({})
        self._saw_no_bytes = False
        self._restart()

    def run(self, link: str) -> TransferResult:
        """Fetch the whole file. Raises RecordingError and StorageUnavailable; the upload is left unfinished."""
        while True:
            self._progress.attempts += 1
            try:
                audio = self._attempt(link)
            except (LinkExpired, DownloadFailed, LinkForbidden, NotARecording) as failure:
                link = self._next_link(link, failure)
                self._sleep(max(0.0, min(self._progress.pause_seconds, self._until - time.monotonic())))
            else:
                return TransferResult(audio, self._progress.attempts, self._total is not None)

    def _restart(self) -> None:
        self._probe = AudioProbe()
        self._etag: str | None = None
        self._total: int | None = None

    def _attempt(self, link: str) -> Audio:
        size = self._upload.size
        with fetch(link, self._policy, until=self._until, start=size, etag=self._etag, total=self._total) as download:
            if download.start != size:
                self._upload.restart()
                self._probe = AudioProbe()
            self._etag, self._total = download.etag, download.total
            for data in download:
                self._probe.feed(data)
                self._upload.content_type = CONTENT_TYPES[self._probe.format or self._format]
                self._upload.write(data)
        audio = self._probe.finish()
        if audio.format is None and not self._saw_no_bytes:
            self._saw_no_bytes = True  # Believed when it is so twice.
            raise NotARecording(reason="no_bytes")
        return audio

    def _next_link(self, link: str, failure: RecordingError) -> str:
        """Return the link for the next attempt; raise the failure when there is no use in one."""
        restart = isinstance(failure, (ContentChanged, NotARecording))
        self._progress.failed(self._upload.size, restart=restart)
        if restart:
            self._restart()  # Without an etag the next attempt fetches everything again.
        if isinstance(failure, (LinkExpired, LinkForbidden)) or self._progress.fruitless > 1:
            link = self._renewed(link, failure)
        if self._progress.fruitless == MAX_FRUITLESS_ATTEMPTS:
            raise self._explained(failure)
        return link

    def _renewed(self, link: str, failure: RecordingError) -> str:
        self._fresh = self._renew()
        other = self._fresh.by_format.get(self._format) or self._public_link()
        if isinstance(failure, LinkForbidden) and other in (None, link):
            raise failure
        if isinstance(failure, LinkExpired) and other is None and not self._fresh.is_transient:
            raise self._explained(failure)
        return other or link

    def _explained(self, failure: RecordingError) -> RecordingError:
        """Return the failure, and why there was no other link than an expired one."""
        if isinstance(failure, LinkExpired) and self._fresh.findings:
            return LinkExpired(*self._fresh.findings, **failure.findings[0].figures)
        return failure
