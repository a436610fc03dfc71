"""Store recordings. Owns S3: the keys of the bucket, uploads that are whole or not there, and reading.

    recordings/2026/11/21/<session>/<leg>/<recording>.mp3      and .wav; the day is the one the recording began on, UTC
    recordings/2026/11/21/<session>/<leg>/<recording>.wav.peaks.json   the peaks of a WAV, to draw it
    recordings/2026/11/21/<session>/<leg>/<recording>.txt      its transcript, and .json: the same with its ids

An object is written once: each write carries `If-None-Match: *`, so of ten copies at once one arrives. What fits
into one part is put at once, S3 checking our SHA-256 of it. What does not goes in parts, each with its CRC-32, and S3
checks the CRC-32 of the whole, which follows from theirs (a SHA-256 over parts is one of their sums, never one of the
file: docs.aws.amazon.com, "Checking object integrity"); the SHA-256 is then known only at the end, when metadata can no
longer be changed, and stands in a tag. Both stand in the journal.
"""

import base64
import hashlib
import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from botocore.exceptions import ClientError, IncompleteReadError

from hookline.aws_errors import translate_aws_errors
from hookline.errors import StorageUnavailable
from hookline.recordings.crc32 import Crc32

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "recordings/"
PART_BYTES = 5 << 20
"""S3 wants parts of at least 5 MiB and at most 10,000 of them (docs.aws.amazon.com, multipart upload limits)."""

UPLOAD_THREADS = 3
"""Parts in flight, while one more is filled: the answer to a part takes S3 as long as the part itself."""

_READ_BYTES = 1 << 20
_KEY_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})
_NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound"})
_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9_-]+")
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9 +\-=._:/@]")
_LONGEST_SEGMENT = 100


class ObjectInfo(NamedTuple):
    """The head of an object. size: bytes. checksums: those that S3 stores, by S3's own names for them."""

    size: int
    checksums: Mapping[str, str]
    metadata: Mapping[str, str]
    version_id: str | None

    def matches(self, size: int, checksum: Mapping[str, str]) -> bool:
        """Return whether it has this size and all of these checksums."""
        return self.size == size and checksum.items() <= self.checksums.items()


@dataclass(frozen=True, slots=True)
class UploadResult:
    """An object as we sent it. size: bytes; sha256: hex, of all of it; checksum: the one that S3 verified."""

    size: int
    sha256: str
    checksum: Mapping[str, str]
    version_id: str | None = None


def key_stem(*, day: str, session: str | None, leg: str | None, name: str) -> str:
    """Return the key of a recording without its extension.

    day: `YYYY-MM-DD`, UTC. The others came in from outside: characters that could form a path, or are not plain text,
    are replaced, and a few digits of the hash distinguish two such names.
    """
    year, month, date = day.split("-")
    folder = f"{PREFIX}{year}/{month}/{date}"
    return f"{folder}/{_segment(session, 'no-session')}/{_segment(leg, 'no-leg')}/{_segment(name, 'no-name')}"


def _segment(text: str | None, absent: str) -> str:
    if not text:
        return absent
    plain = _NOT_IN_A_KEY.sub("-", text)[:_LONGEST_SEGMENT]
    return plain if plain == text else f"{plain.strip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


class Bucket:
    """The bucket of one stack.

    Every method raises StorageUnavailable when S3 is out of reach, throttles or fails; a wrong name or a missing
    permission raises as boto3's own ClientError.
    """

    def __init__(self, client: "S3Client", name: str) -> None:
        """client: a boto3 S3 client."""
        self._client = client
        self.name = name

    def upload(self, key: str, *, metadata: Mapping[str, str | None], tags: Mapping[str, str | None]) -> "ObjectUpload":
        """Start an upload; values that are None are left out, characters that S3 does not accept become `-`."""
        return ObjectUpload(self._client, self.name, key, _metadata(metadata), _tags(tags))

    def put(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str | None],
        kind: str = "transcript",
    ) -> UploadResult | None:
        """Write a small object once; None if the key is taken. kind: the value of its tag of that name."""
        with self.upload(key, metadata=metadata, tags={"kind": kind}) as upload:
            upload.content_type = content_type
            upload.write(content)
            return upload.finish()

    def head(self, key: str) -> ObjectInfo | None:
        """Return the head of an object; None when there is no such object."""
        try:
            with translate_aws_errors(StorageUnavailable, "S3"):
                answer: Mapping[str, Any] = self._client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if _code(error) in _NOT_FOUND:
                return None
            raise
        checksums = {
            name: value for name, value in answer.items() if name.startswith("Checksum") and name[8:] != "Type"
        }
        return ObjectInfo(answer["ContentLength"], checksums, answer["Metadata"], answer.get("VersionId"))

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of an object, in pieces of at most 1 MiB."""
        try:
            with translate_aws_errors(StorageUnavailable, "S3"):
                body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
                yield from body.iter_chunks(_READ_BYTES)
        except IncompleteReadError as error:
            raise StorageUnavailable("S3 sent only a part") from error

    def link(self, key: str, *, seconds: int, file_name: str, content_type: str) -> str:
        """Return a link to an object that anyone may read and save under a name.

        seconds: until it expires. file_name: printable ASCII without quotes or backslashes. Nothing is sent.
        """
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "ResponseContentDisposition": f'attachment; filename="{file_name}"',
                "ResponseContentType": content_type,
            },
            ExpiresIn=seconds,
        )

    def tags(self, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        with translate_aws_errors(StorageUnavailable, "S3"):
            found = self._client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def tag(self, key: str, tags: Mapping[str, str | None]) -> None:
        """Replace the tags of an object."""
        with translate_aws_errors(StorageUnavailable, "S3"):
            _tag(self._client, Bucket=self.name, Key=key, tags=_tags(tags))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
        with translate_aws_errors(StorageUnavailable, "S3"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield item["Key"]


class ObjectUpload:
    """An object on its way into the bucket: it takes bytes in pieces of any size, and exists only after `finish`.

    Four parts of memory, whatever the size: while three are sent, and one thread computes the SHA-256, the next is
    filled. As a context manager it leaves nothing behind unless it was finished. content_type: set it before the first
    part is full.
    """

    def __init__(
        self, client: "S3Client", bucket: str, key: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Nothing is sent yet."""
        self.content_type = "application/octet-stream"
        self._client: Any = client
        self._target = {"Bucket": bucket, "Key": key}
        self._metadata = metadata
        self._tags = tags
        self._senders = ThreadPoolExecutor(UPLOAD_THREADS, thread_name_prefix="upload")
        # One part after the other, in their order: a single thread computes the SHA-256.
        self._checksums = ThreadPoolExecutor(1, thread_name_prefix="upload-sha256")
        self._filling = bytearray(PART_BYTES)
        self._upload_id: str | None = None
        self._reset()

    def _reset(self) -> None:
        self.size = 0
        self._filled = 0
        self._sha256 = hashlib.sha256()
        self._crc32 = Crc32()
        self._pending: deque[_Part] = deque()
        self._parts: list[Mapping[str, Any]] = []

    def __enter__(self) -> "ObjectUpload":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind."""
        self._abort()
        self._senders.shutdown()
        self._checksums.shutdown()

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StorageUnavailable, also for an earlier part."""
        self.size += len(data)
        view = memoryview(data)
        while view:
            count = min(len(view), PART_BYTES - self._filled)
            with memoryview(self._filling) as memory:  # a bytearray would copy the slice once more
                memory[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == PART_BYTES:
                self._send_part()

    def restart(self) -> None:
        """Discard what was written."""
        self._abort()
        self._reset()

    def finish(self) -> UploadResult | None:
        """Create the object, once; None if its key is taken."""
        del self._filling[self._filled :]
        try:
            with translate_aws_errors(StorageUnavailable, "S3"):
                if self._upload_id is None:
                    self._sha256.update(self._filling)
                    checksum = {"ChecksumSHA256": base64.b64encode(self._sha256.digest()).decode()}
                    answer = self._put(checksum)
                else:
                    if self._filling:
                        self._send_part()
                    while self._pending:
                        self._await_part()
                    checksum = {"ChecksumCRC32": _crc32_text(self._crc32.value)}
                    answer = self._complete(checksum)
        except ClientError as error:
            if _code(error) in _KEY_TAKEN:
                return None
            raise
        return UploadResult(self.size, self._sha256.hexdigest(), checksum, answer.get("VersionId"))

    def _put(self, checksum: Mapping[str, str]) -> Mapping[str, Any]:
        sha256 = {"sha256": self._sha256.hexdigest()}
        answer: Mapping[str, Any] = self._client.put_object(
            **self._target,
            Body=bytes(self._filling),
            ContentType=self.content_type,
            Metadata={**self._metadata, **sha256},
            Tagging=urlencode({**self._tags, **sha256}),
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            **checksum,
        )
        return answer

    def _complete(self, checksum: Mapping[str, str]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.complete_multipart_upload(
            **self._target,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
            IfNoneMatch="*",
            ChecksumType="FULL_OBJECT",
            **checksum,
        )
        self._upload_id = None
        _tag(self._client, **self._target, tags={**self._tags, "sha256": self._sha256.hexdigest()})
        return answer

    def _send_part(self) -> None:
        """Send the full part, add it to the checksums, and continue in memory that is free again."""
        if self._upload_id is None:
            with translate_aws_errors(StorageUnavailable, "S3"):
                self._upload_id = self._client.create_multipart_upload(
                    **self._target,
                    ContentType=self.content_type,
                    Metadata=self._metadata,
                    Tagging=urlencode(self._tags),
                    ChecksumAlgorithm="CRC32",
                    ChecksumType="FULL_OBJECT",
                )["UploadId"]
        memory, number = self._filling, len(self._parts) + len(self._pending) + 1
        sending = self._senders.submit(self._upload_part, number, memory, self._upload_id)
        self._pending.append(_Part(memory, sending, self._checksums.submit(self._sha256.update, memory)))
        self._filling = self._await_part() if len(self._pending) > UPLOAD_THREADS else bytearray(PART_BYTES)
        self._filled = 0

    def _upload_part(self, number: int, part: bytearray, upload_id: str) -> "_SentPart":
        crc32 = zlib.crc32(part)
        checksum = _crc32_text(crc32)
        with translate_aws_errors(StorageUnavailable, "S3"):
            answer = self._client.upload_part(
                **self._target,
                UploadId=upload_id,
                PartNumber=number,
                Body=part,
                ChecksumAlgorithm="CRC32",
                ChecksumCRC32=checksum,
            )
        return _SentPart({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": checksum}, crc32, len(part))

    def _await_part(self) -> bytearray:
        """Wait for the oldest part in flight; return its memory, to be filled again."""
        part = self._pending.popleft()
        sent = part.sending.result()
        self._parts.append(sent.listed)
        self._crc32.append(sent.crc32, sent.size)
        part.sha256_updated.result()
        return part.memory

    def _abort(self) -> None:
        while self._pending:
            # Its result no longer matters; but a part that arrives after the abort would stay.
            part = self._pending.popleft()
            for future in (part.sending, part.sha256_updated):
                if not future.cancel():
                    future.exception()
        if self._upload_id is not None:
            upload_id, self._upload_id = self._upload_id, None
            # What cannot be taken away now is taken away by the bucket's lifecycle rule.
            with suppress(ClientError, StorageUnavailable), translate_aws_errors(StorageUnavailable, "S3"):
                self._client.abort_multipart_upload(**self._target, UploadId=upload_id)


class _Part(NamedTuple):
    """A part in flight: its memory is free again when both have ended."""

    memory: bytearray
    sending: Future["_SentPart"]
    sha256_updated: Future[None]


class _SentPart(NamedTuple):
    """A part that S3 has. listed: as the end of the upload lists it."""

    listed: Mapping[str, Any]
    crc32: int
    size: int


def _tag(client: "S3Client", *, Bucket: str, Key: str, tags: Mapping[str, str]) -> None:  # noqa: N803 - as boto3 has it
    client.put_object_tagging(
        Bucket=Bucket, Key=Key, Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
    )


def _metadata(values: Mapping[str, str | None]) -> dict[str, str]:
    """Reduce values to printable ASCII, all that a header takes unchanged; 2 KB altogether (docs.aws.amazon.com)."""
    return {
        name: re.sub(r"[^ -~]", "-", value)[:160].strip() for name, value in values.items() if value and value.strip()
    }


def _tags(values: Mapping[str, str | None]) -> dict[str, str]:
    """Reduce values to 256 characters that S3 takes; at most ten tags (docs.aws.amazon.com, object tagging)."""
    return {name: _NOT_IN_A_TAG.sub("-", value)[:256] for name, value in values.items() if value}


def _crc32_text(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
