"""What is too large for a DynamoDB item or an SQS message lies in S3, and the item or message points there."""

from typing import TYPE_CHECKING

from hookline.aws_errors import translate_aws_errors
from hookline.errors import StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class OversizeStore:
    """The two prefixes of the stack's bucket that hold bodies: `oversize/` and `quarantine/`."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Keep the client; nothing is sent yet."""
        self._client = client
        self._bucket = bucket

    def keep(self, prefix: str, name: str, body: bytes) -> str:
        """Put the body under `<prefix>/<name>.json` and say where; the same name is the same object.

        Raises StorageUnavailable when S3 is out of reach, throttles or fails.
        """
        key = f"{prefix}/{name}.json"
        with translate_aws_errors(StorageUnavailable, "S3"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return f"s3://{self._bucket}/{key}"
