"""Recordings and their transcripts are kept here, one message of the recording queue after the other.

Trigger: the recording queue, one recording an invocation. What fails stays in the queue, comes back a bounded number of
times, and then lies in the dead-letter queue with everything that a redrive needs: the ids by which Telnyx gives a
fresh link.
"""

from time import monotonic
from typing import Any

from hookline.environment import Environment, environment
from hookline.errors import HooklineError
from hookline.recordings.archiver import LINK_RESERVE_SECONDS, Archive
from hookline.recordings.download import Guard
from hookline.recordings.job import ArchiveJob
from hookline.recordings.storage import Bucket
from hookline.webhook import Context

DEFAULT_HOSTS = ".amazonaws.com,.telnyx.com"
DEFAULT_LARGEST_BYTES = 2 << 30


def archive(env: Environment) -> Archive:
    """The archive of this stack."""
    guard = Guard(
        hosts=env.settings.get("RECORDING_HOSTS", DEFAULT_HOSTS).split(","),
        largest_bytes=int(env.settings.get("RECORDING_MAX_BYTES") or DEFAULT_LARGEST_BYTES),
        loopback=env.local,
    )
    return Archive(
        bucket=Bucket(env.s3, env.bucket),
        journal=env.journal,
        telnyx=env.telnyx,
        guard=guard,
        delete_at_telnyx=env.on("DELETE_AT_TELNYX"),
        count=env.count,
    )


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Keep what each message asks for. The answer names the messages that stay in the queue."""
    env = environment()
    keeping = archive(env)
    until = monotonic() + context.get_remaining_time_in_millis() / 1000 - LINK_RESERVE_SECONDS
    failures = []
    for record in request["Records"]:
        ids = {"message_id": record["messageId"]}
        try:
            wanted = ArchiveJob.of(record["body"])
            ids |= {"event_id": wanted.event_id, "call_leg_id": wanted.identity.call_leg_id or ""}
            keys = keeping.keep(wanted, until=until)
        except HooklineError as error:
            env.logger.error("not kept", extra={"error": type(error).__name__, "reason": str(error), **ids})
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            env.logger.info("kept" if keys else "kept before", extra={"keys": keys, **ids})
    return {"batchItemFailures": failures}
