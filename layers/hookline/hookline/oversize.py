"""Stores in S3 what is too large for a DynamoDB item or an SQS message, which then points there."""

from typing import TYPE_CHECKING

from hookline.aws_errors import translate_aws_errors
from hookline.deadline import Deadline
from hookline.errors import StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class OversizeStore:
    """The prefixes of the stack's bucket that hold bodies and command results: `oversize/` and `quarantine/`."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Hold the client; nothing is sent yet."""
        self._client = client
        self._bucket = bucket

    def store(self, prefix: str, name: str, body: bytes, deadline: Deadline | None = None) -> str:
        """Put the body under `<prefix>/<name>.json` and return its URI; the same name is the same object.

        Raises StorageUnavailable when S3 is unavailable, throttles or fails.
        """
        key = f"{prefix}/{name}.json"
        with translate_aws_errors(StorageUnavailable, "S3", deadline):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return f"s3://{self._bucket}/{key}"

    def load(self, uri: str) -> bytes:
        """The body at a URI that `store` returned. Raises StorageUnavailable, and boto3's own error when it is gone."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        with translate_aws_errors(StorageUnavailable, "S3"):
            body: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body
