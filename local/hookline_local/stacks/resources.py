"""The table, the bucket and the queues of a stack, local or deployed.

Owns the clients for reading a stack from outside: `calls`, `tail`, `replay`, the demo. Nothing here writes.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from hookline.call_report import due_commands
from hookline.journal import Journal
from hookline_local.emulator.moto_server import local_session
from hookline_local.emulator.template import REGION, Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

BACKGROUND_QUEUES = ("DeferredQueue", "RecordingQueue")
"""The queues in which a message always has something to do, by their names in the template."""

_CHUNK_BYTES = 1 << 20
_CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True)
class StackResources:
    """One stack, seen from outside.

    name: for people. queues: URLs by output name or logical id. parameters: of the stack, the secret ones
    masked unless `of_template` made it. outputs: of the stack; locally WebhookUrl and CallsApiUrl. endpoint_url: of a
    local AWS, None for the real one; then profile and region are boto3's.
    """

    name: str
    table: str
    bucket: str
    queues: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None

    @classmethod
    def of_template(cls, template: Template, endpoint_url: str) -> "StackResources":
        """The local stack of a template whose resources have been created at this endpoint."""
        return cls(
            name=f"the local stack at {endpoint_url}",
            table=template.physical_id("CallsTable"),
            bucket=template.physical_id("RecordingsBucket"),
            queues={queue: template.physical_id(queue) for queue in template.resources("AWS::SQS::Queue")},
            parameters=dict(template.parameters),
            endpoint_url=endpoint_url,
            region=template.region,
        )

    @property
    def webhook_url(self) -> str:
        """The URL that belongs into the application at Telnyx; empty when it is not known."""
        base_url = self.parameters.get("WebhookBaseUrl")
        return f"{base_url}/webhooks" if base_url else self.outputs.get("WebhookUrl", "")

    def session(self) -> boto3.Session:
        """Made-up credentials for a local AWS, the user's own for the real one. One for all clients: it reads much."""
        return self._session

    @cached_property
    def _session(self) -> boto3.Session:
        if self.endpoint_url is None:
            return boto3.Session(profile_name=self.profile, region_name=self.region)
        return local_session(self.region or REGION)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self.session().client("dynamodb", endpoint_url=self.endpoint_url, config=_CLIENT_CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        return self.session().client("s3", endpoint_url=self.endpoint_url, config=_CLIENT_CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.session().client("sqs", endpoint_url=self.endpoint_url, config=_CLIENT_CONFIG)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.dynamodb, self.table)

    def item_keys(self) -> list[tuple[str, str]]:
        """(partition, sort key) of every item in the table, in order. For small tables."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return sorted((item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"])

    def objects(self) -> list[dict[str, Any]]:
        """{key, size, sha256} of every object in the bucket, the checksum of its bytes. For small buckets."""
        return [{"key": key, "size": size, "sha256": self.sha256(key)} for key, size in self._keys()]

    def _keys(self) -> Iterator[tuple[str, int]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for found in page.get("Contents", []):
                yield found["Key"], found["Size"]

    def sha256(self, key: str) -> str:
        """Of an object's bytes, read from end to end."""
        digest = hashlib.sha256()
        for chunk in self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def waiting(self) -> dict[str, int]:
        """The messages of each queue, those in flight included."""
        return {name: self.messages_in(url) for name, url in self.queues.items()}

    def is_under_way(self, leg_id: str) -> bool:
        """Whether something waits for a function that may still change what there is to read of a call.

        A hang-up that was to come later, and for which the call did not wait, is no such thing.
        """
        if any(self.messages_in(url) for name, url in self.queues.items() if name in BACKGROUND_QUEUES):
            return True
        record = self.journal.read(leg_id)
        return record is not None and bool(due_commands(record))

    async def settle(self, leg_id: str, *, within_seconds: float) -> None:
        """Wait until nothing of a call is under way, or the time is up."""
        deadline = time.monotonic() + within_seconds
        while await asyncio.to_thread(self.is_under_way, leg_id) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)

    def messages_in(self, url: str) -> int:
        """The messages of a queue, by its URL, those in flight and delayed included."""
        found = self.sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )
        return sum(map(int, found["Attributes"].values()))
