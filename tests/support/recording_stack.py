"""The stack's table, bucket and queues in moto's server, over real HTTP, and the way of a recording through them."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hookline.environment import environment
from hookline.events import Identity
from hookline.journal import Journal
from hookline.recordings.archiver import RecordingArchiver
from hookline.recordings.download import UrlPolicy
from hookline.recordings.job import ArchiveJob
from hookline.recordings.storage import PART_BYTES, Bucket
from hookline_local.emulator.moto_server import local_session
from hookline_local.emulator.provisioning import create_resources
from hookline_local.emulator.template import load_template
from tests.support.link_server import LinkServer
from tests.support.sound import wav
from tests.support.world import (
    A_PUBLIC_KEY,
    API_KEY,
    FLOWS,
    PATIENCE,
    PROJECT,
    Clock,
    handler,
    log_anew,
    request_of,
    sample_data,
)

LEG = "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
SESSION = "428c31b6-abf3-3bc1-b7f4-5013ef9657c2"
RECORDING = "3e8b51f7-c0d9-4a26-9b14-70f5ad82c6e3"
FOLDER = f"recordings/2026/11/21/{SESSION}/{LEG}"
IDENTITY = Identity(LEG, None, None, "")
LARGE = wav(PART_BYTES / 16_000 + 30)
"""One whole part and a bit."""


def until(seconds: float = 60.0) -> float:
    """So far from now, on the clock that the archiver goes by."""
    return time.monotonic() + seconds


class Deployment:
    """The table, the bucket, the queues and the secret of a stack at that AWS, which many tests use in turn."""

    def __init__(self, aws: str) -> None:
        keys = {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY}
        self.aws = aws
        self.template = load_template(PROJECT / "template.yaml", keys)
        create_resources(self.template, endpoint_url=aws)
        self.settings = self.template.environment()
        session = local_session(self.template.region)
        self.s3: Any = session.client("s3", endpoint_url=aws)
        self.sqs: Any = session.client("sqs", endpoint_url=aws)
        self.dynamodb: Any = session.client("dynamodb", endpoint_url=aws)
        self.secrets: Any = session.client("secretsmanager", endpoint_url=aws)

    def fresh(self) -> dict[str, str]:
        """Take everything out again; the settings of the functions, with a recording queue in which nothing waits."""
        table, bucket = self.settings["TABLE_NAME"], self.settings["RECORDINGS_BUCKET"]
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in self.dynamodb.scan(TableName=table)["Items"]]
        deletions = [{"DeleteRequest": {"Key": key}} for key in keys]
        for first in range(0, len(deletions), 25):
            self.dynamodb.batch_write_item(RequestItems={table: deletions[first : first + 25]})
        found = self.s3.list_object_versions(Bucket=bucket)
        versions = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
        ]
        if versions:
            self.s3.delete_objects(Bucket=bucket, Delete={"Objects": versions})
        for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            self.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        self.secrets.put_secret_value(SecretId=self.settings["TELNYX_API_KEY_SECRET_ARN"], SecretString=API_KEY)
        queue = self.sqs.create_queue(QueueName=f"recordings-{uuid4()}")["QueueUrl"]
        return {**self.settings, "RECORDING_QUEUE_URL": queue}


class Stack:
    """A deployed stack. links: what is behind the links that events carry, and Telnyx's API."""

    def __init__(self, deployment: Deployment, links: LinkServer) -> None:
        self.links = links
        self.settings = deployment.fresh()
        self.bucket = self.settings["RECORDINGS_BUCKET"]
        self.s3, self.sqs, self.dynamodb = deployment.s3, deployment.sqs, deployment.dynamodb
        self.journal = Journal(self.dynamodb, self.settings["TABLE_NAME"])
        self.network = httpx.HTTPTransport()

    def cold(self) -> None:
        """The functions forget what they know of their environment."""
        environment.cache_clear()
        log_anew()
        environment().transport = self.network

    def archiver(self, **policy: Any) -> RecordingArchiver:
        """The archive, with a shorter patience than Lambda's."""
        hosts, sleep = policy.pop("hosts", [".amazonaws.com"]), policy.pop("sleep", lambda seconds: None)
        return RecordingArchiver(
            bucket=Bucket(self.s3, self.bucket),
            journal=self.journal,
            telnyx=environment().telnyx,
            policy=UrlPolicy(**{"hosts": hosts, "largest_bytes": 1 << 30, "loopback": True, **policy}),
            sleep=sleep,
        )

    def deliver(
        self,
        name: str,
        *,
        event_id: str | None = None,
        occurred_at: str = "2026-11-21T09:02:03.000000Z",
        **payload: Any,
    ) -> dict[str, Any]:
        """Deliver a sample's event to the function of its type; None takes a key away."""
        data = sample_data(name)
        data["id"] = event_id or str(uuid4())
        data["occurred_at"] = occurred_at
        data["payload"] |= {
            "call_leg_id": LEG,
            "call_session_id": SESSION,
            "call_control_id": "v3:a-leg",
            "recording_id": RECORDING,
            **payload,
        }
        data["payload"] = {key: value for key, value in data["payload"].items() if value is not None}
        answer = handler(data["event_type"])(request_of(data), Clock())
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def saved(self, *, seconds: float = 2.0, **payload: Any) -> dict[str, Any]:
        """Telnyx reports a recording of this length."""
        stated = {
            "recording_started_at": "2026-11-21T09:00:00.000000Z",
            "recording_ended_at": f"2026-11-21T09:{int(seconds) // 60:02}:{seconds % 60:09.6f}Z",
            "channels": "single",
        }
        return self.deliver("call.recording.saved", **(stated | payload))

    def waiting(self) -> list[dict[str, Any]]:
        """Take what waits in the recording queue, as Lambda's poller does."""
        url = self.settings["RECORDING_QUEUE_URL"]
        found: list[dict[str, Any]] = []
        while taken := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += taken
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for message in found
        ]

    def job(self) -> ArchiveJob:
        """The one message that waits, read."""
        (message,) = self.waiting()
        return ArchiveJob.from_message(message["body"])

    def run(self, message: Mapping[str, Any], *, milliseconds: int = 900_000) -> dict[str, Any]:
        """Let the archiver have one message; its answer."""
        answer: dict[str, Any] = handler("recording_archiver")({"Records": [message]}, Clock(milliseconds))
        return answer

    def recorded(self, **record: object) -> None:
        """Telnyx has a recording and gives fresh links to it."""
        self.links.records[str(record.get("id", RECORDING))] = {
            "id": RECORDING,
            "call_leg_id": LEG,
            "call_session_id": SESSION,
            "recording_started_at": "2026-11-21T09:00:00.000000Z",
            **record,
        }

    def work(self, *, milliseconds: int = 900_000) -> list[str]:
        """Let the archiver have what waits, one message an invocation; the ids of what stays in the queue."""
        failed = []
        for record in self.waiting():
            answer = self.run(record, milliseconds=milliseconds)
            failed += [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        return failed

    def notes(self, kind: str = "RECORDING", identity: Identity = IDENTITY) -> list[dict[str, Any]]:
        """The notes of a call."""
        return self.journal.notes(identity, kind)

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Every object but peaks, every version of it."""
        return {key: data for key, data in self._objects(prefix).items() if not key.endswith(".peaks.json")}

    def peaks(self) -> dict[str, bytes]:
        """Every object with the peaks of a recording."""
        return {key: data for key, data in self._objects("").items() if key.endswith(".peaks.json")}

    def _objects(self, prefix: str) -> dict[str, bytes]:
        found = self.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix).get("Versions", [])
        keys = [version["Key"] for version in found]
        assert len(keys) == len(set(keys)), "an object was written twice"
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def unfinished(self) -> list[Any]:
        """Uploads that were begun and are neither finished nor taken back."""
        found: list[Any] = self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return found


@contextmanager
def a_stack(
    deployment: Deployment,
    links: LinkServer,
    monkeypatch: pytest.MonkeyPatch,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """A stack that has just been deployed, and the functions in this process, cold."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.aws)
    stack = Stack(deployment, links)
    local = {"AWS_SAM_LOCAL": "true", "TELNYX_API_BASE_URL": f"{links.url}/v2", "FLOWS_PACKAGE": FLOWS}
    local |= {"HOOKLINE_PATIENCE": PATIENCE, **(settings or {})}
    for name, value in {**stack.settings, **local}.items():
        if name in os.environ or not name.startswith("LINE_"):
            monkeypatch.setenv(name, value)
    stack.cold()
    try:
        yield stack
    finally:
        environment.cache_clear()
        stack.network.close()
