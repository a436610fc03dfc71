"""Archive recordings and their transcriptions, one message of the recording queue after the other.

Trigger: the recording queue, one recording an invocation. A message that fails stays in the queue, is delivered again a
limited number of times, and then goes to the dead-letter queue with everything that a redrive needs: the ids by which
Telnyx gives a fresh link.
"""

from time import monotonic
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from hookline.environment import Environment, environment
from hookline.errors import HooklineError
from hookline.recordings.archiver import UPLOAD_RESERVE_SECONDS, RecordingArchiver
from hookline.recordings.download import UrlPolicy
from hookline.recordings.findings import RecordingError
from hookline.recordings.job import ArchiveJob
from hookline.recordings.storage import Bucket
from hookline.webhook import Context

DEFAULT_HOSTS = ".amazonaws.com,.telnyx.com"
DEFAULT_LARGEST_BYTES = 2 << 30
UNITS = {"RecordingBytes": MetricUnit.Bytes, "RecordingLag": MetricUnit.Seconds}


def recording_archiver(env: Environment) -> RecordingArchiver:
    """Build the archiver of this stack."""
    policy = UrlPolicy(
        hosts=env.settings.get("RECORDING_HOSTS", DEFAULT_HOSTS).split(","),
        largest_bytes=int(env.settings.get("RECORDING_MAX_BYTES") or DEFAULT_LARGEST_BYTES),
        loopback=env.local,
    )
    return RecordingArchiver(
        bucket=Bucket(env.s3, env.bucket),
        journal=env.journal,
        telnyx=env.telnyx,
        policy=policy,
        delete_at_telnyx=env.on("DELETE_AT_TELNYX"),
        count=env.count,
        measure=lambda name, value: env.measure(name, value, UNITS[name]),
    )


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Archive what each message announces. The answer names the messages that stay in the queue."""
    env = environment()
    archiver = recording_archiver(env)
    until = monotonic() + context.get_remaining_time_in_millis() / 1000 - UPLOAD_RESERVE_SECONDS
    failures = []
    for record in request["Records"]:
        fields: dict[str, Any] = {"message_id": record["messageId"]}
        try:
            job = ArchiveJob.from_message(record["body"])
            fields |= job.log_fields
            with env.crash_line("recording archiver crashed", fields.copy):
                keys = archiver.archive(job, until=until)
        except HooklineError as error:
            env.logger.error("recording archive failed", extra={**fields, **_error_fields(error)})
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            message = "recording archived" if keys else "recording already archived"
            env.logger.info(message, extra={**fields, "keys": keys})
    return {"batchItemFailures": failures}


def _error_fields(error: HooklineError) -> dict[str, Any]:
    if isinstance(error, RecordingError):
        return {"error": type(error).__name__, "findings": [finding.to_dict() for finding in error.findings]}
    return {"error": type(error).__name__, "reason": str(error)}
