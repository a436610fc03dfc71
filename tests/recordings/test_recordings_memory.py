"""A part is sent while the next is read, and memory holds so many parts; benchmarks/archiver.py measures the rest."""

import hashlib
import threading
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from hookline.errors import StorageUnavailable
from hookline.recordings.storage import PART_BYTES, UPLOAD_THREADS, Bucket


@pytest.fixture
def client(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="recordings")
    return client


def test_a_part_is_sent_while_the_next_is_read(client: Any) -> None:
    """The first part is not let go before the second has been written."""
    read = threading.Event()

    def sending(**_: object) -> None:
        read.wait(60)

    client.meta.events.register("before-call.s3.UploadPart", sending)
    with Bucket(client, "recordings").upload("overlapping", metadata={}, tags={}) as upload:
        for _ in range(2):
            upload.write(b"x" * PART_BYTES)
        assert not read.is_set()
        read.set()
        assert upload.finish()


def test_no_more_parts_are_under_way_than_there_is_memory_for(client: Any) -> None:
    lock, now, most = threading.Lock(), 0, 0
    two = threading.Event()

    def sending(**_: object) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 2:
                two.set()
        two.wait(60)  # the first waits for another

    def sent(**_: object) -> None:
        nonlocal now
        with lock:
            now -= 1

    client.meta.events.register("before-call.s3.UploadPart", sending)
    client.meta.events.register("after-call.s3.UploadPart", sent)
    with Bucket(client, "recordings").upload("bounded", metadata={}, tags={}) as upload:
        for _ in range(12):
            upload.write(b"x" * PART_BYTES)
        assert upload.finish()
    assert 1 < most <= UPLOAD_THREADS


def test_memory_is_filled_again_only_when_its_part_has_been_summed(client: Any) -> None:
    """S3 takes parts quicker than they are summed: what is summed must still be what was written."""

    def at_once(**_: object) -> tuple[SimpleNamespace, dict[str, str]]:
        return SimpleNamespace(status_code=200), {"ETag": '"e"', "UploadId": "u"}

    for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObjectTagging"):
        client.meta.events.register(f"before-call.s3.{operation}", at_once)
    parts = [bytes([number]) * PART_BYTES for number in range(24)]
    with Bucket(client, "recordings").upload("raced", metadata={}, tags={}) as upload:
        for part in parts:
            upload.write(part)
        stored = upload.finish()
    assert stored
    assert stored.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()


def test_an_upload_that_fails_in_the_middle_leaves_nothing(client: Any) -> None:
    sent = 0

    def fail(**_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == 2:
            raise EndpointConnectionError(endpoint_url="s3")

    client.meta.events.register("before-call.s3.UploadPart", fail)
    upload = Bucket(client, "recordings").upload("failed", metadata={}, tags={})
    with pytest.raises(StorageUnavailable), upload:
        upload.write(b"x" * PART_BYTES * 9)
    assert "Uploads" not in client.list_multipart_uploads(Bucket="recordings")
    with pytest.raises(ClientError):
        client.head_object(Bucket="recordings", Key="failed")
