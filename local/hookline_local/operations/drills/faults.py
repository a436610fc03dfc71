"""Makes the fault of each alarm, and mends it as its runbook asks. One pair of functions for each page.

Made as it happens: a function is deployed with a wrong setting, Telnyx or API Gateway answers otherwise, a flow has a
bug. Only time is not waited for: a queue's maxReceiveCount is lowered instead of a thousand receives, and a queued
command is given a lifetime that is over.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hookline.trouble import ARCHIVE_SECONDS
from hookline_local.operations.drills.fault import NO_JOURNAL, Fault, counted, delete_messages, settled
from hookline_local.operations.drills.line import NUMBER, ROUTER, Line
from hookline_local.operations.drills.publishing_faults import PUBLISHING
from hookline_local.simulator.sound import sound_file
from hookline_local.stacks.local import API_KEY

SENDER, DEFERRED, ARCHIVER = "CommandSenderFunction", "DeferredFunction", "RecordingArchiverFunction"
OVERLOADED = {"api_429": 1.0, "rate_limit_reset_seconds": 900}
"""Telnyx takes nothing, and asks for so long a pause that no webhook waits for it."""

NEW_KEY = "KEY_that_is_valid"
LINKS = "drill-links"
SOUND_SECONDS = 2.0


def _post(line: Line, number: int = 1, **more: Any) -> None:
    for _ in range(number):
        line.post(**more)


def _number(line: Line, last_digits: str, number: int = 1) -> None:
    """Calls to one of the numbers whose flow has a fault."""
    _post(line, number, to=f"{NUMBER[:-3]}{last_digits}")


# ------------------------------------------------------------------------------------------------------------ webhooks


def _no_public_key(line: Line) -> None:
    line.deploy(ROUTER, environment={"TELNYX_PUBLIC_KEY": "", "AWS_SAM_LOCAL": "false"})
    _post(line, 3, event_type="call.speak.started")


def _api_without_table(line: Line) -> None:
    line.deploy("CallsApiFunction", environment={"TABLE_NAME": "a-table-that-is-not-there"})
    for _ in range(5):
        line.get("/calls")


def _call(line: Line) -> None:
    line.post()


def _api_answers(line: Line) -> None:
    line.get("/calls")


def _next_working_hour() -> float:
    """An hour of a weekday to come."""
    day = datetime.now(UTC).replace(hour=12, minute=30) + timedelta(days=1)
    while day.isoweekday() > 5:
        day += timedelta(days=1)
    return day.timestamp()


def _url_elsewhere(line: Line) -> None:
    line.telnyx.call(lambda telnyx: telnyx.send_webhooks_to("https://elsewhere.example.com/webhooks"))


def _url_here(line: Line) -> None:
    line.telnyx.call(lambda telnyx: telnyx.send_webhooks_to(line.stack.webhook_url))


def _forged(line: Line) -> None:
    for _ in range(10):
        line.send(b'{"data":{}}', seed=bytes(32))


def _throttled(line: Line) -> None:
    line.throttle(on=True)
    line.post()


def _stale(line: Line) -> None:
    _post(line, 3, signed_ago=900)


def _unreadable(line: Line) -> None:
    line.send(b"CallSid=1&From=x")


def _delete_quarantined(line: Line) -> None:
    delete_messages(line, "QuarantineQueue")


# ------------------------------------------------------------------------------------------------------------ commands


def _key_refused(line: Line) -> None:
    _accept_key(line, NEW_KEY)
    line.post()


def _valid_key(line: Line) -> None:
    _put_key(line, NEW_KEY)
    line.wait_until_empty()


def _first_key(line: Line) -> None:
    _accept_key(line, API_KEY)
    _put_key(line, API_KEY)


def _accept_key(line: Line, key: str) -> None:
    """Let Telnyx take this API key and no other."""

    def change(telnyx: Any) -> None:
        telnyx.switch.account.config = replace(telnyx.switch.account.config, api_key=key)

    line.telnyx.call(change)


def _put_key(line: Line, key: str) -> None:
    secrets = line.resources.session().client("secretsmanager", endpoint_url=line.resources.endpoint_url)
    secrets.put_secret_value(SecretId=line.stack.template.physical_id("TelnyxApiKeySecret"), SecretString=key)


def _queued_command(line: Line) -> None:
    """A command that Telnyx cannot take now."""
    line.inject(**OVERLOADED)
    line.post()
    line.wait_for_messages("CommandQueue")


def _sender_throttled(line: Line) -> None:
    line.deploy(SENDER, reserved_concurrency=0)
    _queued_command(line)
    line.wait_until(lambda: counted(line, SENDER, "Throttles"), "the sender is not throttled")


def _sender_fails(line: Line) -> None:
    line.deploy(SENDER, handler="command_sender.a_handler_that_is_not_there")
    _queued_command(line)
    line.wait_until(lambda: counted(line, SENDER, "Errors"), "the sender does not fail")


def _expired(line: Line) -> None:
    _sender_throttled(line)
    url, sqs = line.resources.queues["CommandQueue"], line.resources.sqs

    def replaced() -> bool:
        """Replace the message by one whose commands are too old, once it is visible."""
        for message in sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages", []):
            body = json.loads(message["Body"])
            for command in body["commands"]:
                command["expires_at"] = 1
            group = message["Attributes"]["MessageGroupId"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            sqs.send_message(
                QueueUrl=url, MessageBody=json.dumps(body), MessageGroupId=group, MessageDeduplicationId=line.leg
            )
            return True
        return False

    line.wait_until(replaced, "the queued command does not become visible")
    line.mend()
    line.inject(**OVERLOADED)
    line.wait_for_line("queued command settled")
    line.wait_until_empty()


def _sender_without_journal(line: Line) -> None:
    line.receives("CommandQueue", 1)
    line.deploy(SENDER, environment=NO_JOURNAL)
    _queued_command(line)
    line.wait_for_messages("CommandDeadLetterQueue")


# ------------------------------------------------------------------------------------------------------------- deferred


def _deferred(line: Line) -> None:
    """A webhook that cannot be journalled."""
    line.deploy(ROUTER, environment=NO_JOURNAL)
    line.post("call.speak.started")


def _journal_away(line: Line) -> None:
    line.deploy(DEFERRED, environment=NO_JOURNAL)
    _deferred(line)
    line.wait_for_line("deferred webhook not journalled yet")


def _never_journalled(line: Line) -> None:
    line.receives("DeferredQueue", 1)
    _journal_away(line)
    line.wait_for_messages("DeferredDeadLetterQueue")


def _deferred_throttled(line: Line) -> None:
    line.deploy(DEFERRED, reserved_concurrency=0)
    _deferred(line)
    line.wait_until(lambda: counted(line, DEFERRED, "Throttles"), "the consumer is not throttled")


def _deferred_fails(line: Line) -> None:
    line.deploy(DEFERRED, environment={"TABLE_NAME": None})
    _deferred(line)
    line.wait_until(lambda: counted(line, DEFERRED, "Errors"), "the consumer does not fail")


# ----------------------------------------------------------------------------------------------------------- recordings


def _recording(line: Line) -> None:
    """A recording that was announced some time ago, behind a link that leads to a file."""
    s3 = line.resources.s3
    sound = sound_file("wav", channels=1, seconds=SOUND_SECONDS)
    s3.create_bucket(Bucket=LINKS)
    s3.put_object(Bucket=LINKS, Key=f"{line.leg}.wav", Body=sound.read(0, sound.size))
    link = s3.generate_presigned_url("get_object", Params={"Bucket": LINKS, "Key": f"{line.leg}.wav"})
    line.post()
    payload: dict[str, Any] = {"recording_urls": {"wav": link}, "public_recording_urls": {}, "channels": "single"}
    payload |= {"recording_started_at": "2026-11-25T12:00:00Z", "recording_ended_at": "2026-11-25T12:00:02Z"}
    line.post("call.recording.saved", ago=ARCHIVE_SECONDS + 1, **payload)


def _host_not_allowed(line: Line) -> None:
    line.deploy(ARCHIVER, environment={"RECORDING_HOSTS": "recordings.example.com", "AWS_SAM_LOCAL": "false"})
    _recording(line)
    line.wait_for_line("recording archive failed")


def _never_archived(line: Line) -> None:
    line.receives("RecordingQueue", 1)
    _host_not_allowed(line)
    line.wait_for_messages("RecordingDeadLetterQueue")


def _archiver_throttled(line: Line) -> None:
    line.deploy(ARCHIVER, reserved_concurrency=0)
    _recording(line)
    line.wait_until(lambda: counted(line, ARCHIVER, "Throttles"), "the archiver is not throttled")


def _archiver_fails(line: Line) -> None:
    line.deploy(ARCHIVER, environment={"RECORDING_MAX_BYTES": "many"})
    _recording(line)
    line.wait_until(lambda: counted(line, ARCHIVER, "Errors"), "the archiver does not fail")


FAULTS: Mapping[str, Fault] = {
    "WebhookErrors": Fault("the router is deployed without a public key", _no_public_key),
    "CallsApiErrors": Fault("the calls API reads a table that is not there", _api_without_table, traffic=_api_answers),
    "WebhookLatency": Fault("a flow blocks for 1.6 s", lambda line: _number(line, "183")),
    "NoWebhooks": Fault(
        "Telnyx's application has the URL of another stack",
        _url_elsewhere,
        _url_here,
        at=_next_working_hour,
        traffic=_call,
    ),
    "SignaturesRejected": Fault("a stranger sends ten webhooks", _forged),
    "WebhooksThrottled": Fault("API Gateway's limits are used up", _throttled),
    "WebhookStale": Fault("three webhooks come fifteen minutes late", _stale),
    "FlowFailed": Fault("a flow has a bug", lambda line: _number(line, "181")),
    "DialRefused": Fault("a flow calls a satellite telephone", lambda line: _number(line, "182")),
    "ApiKeyRefused": Fault("Telnyx no longer takes the API key", _key_refused, _valid_key, restore=_first_key),
    "Quarantine": Fault("Telnyx signs what is not an event", _unreadable, _delete_quarantined),
    "DeferredQueueAge": Fault("DynamoDB is out of reach", _journal_away, settled, after_seconds=900),
    "DeferredDeadLetter": Fault("DynamoDB is out of reach for too long", _never_journalled, settled),
    "DeferredErrors": Fault("the consumer of deferred webhooks lacks a setting", _deferred_fails, settled),
    "DeferredThrottles": Fault("no concurrency is left for it", _deferred_throttled, settled),
    "CommandQueueAge": Fault("no command is taken off the queue", _sender_throttled, settled, after_seconds=180),
    "CommandExpired": Fault("Telnyx was away for longer than a command is worth sending", _expired, settled),
    "CommandRefused": Fault("Telnyx does not know the calls", lambda line: _post(line, 3), settled),
    "CommandDeadLetter": Fault("the command sender cannot reach its table", _sender_without_journal, settled),
    "CommandSenderErrors": Fault("the command sender is deployed with a wrong handler", _sender_fails, settled),
    "CommandSenderThrottles": Fault("no concurrency is left for the command sender", _sender_throttled, settled),
    "RecordingQueueAge": Fault("the host of a recording is not allowed", _host_not_allowed, settled, after_seconds=480),
    "RecordingDeadLetter": Fault("the host of a recording is not allowed, for too long", _never_archived, settled),
    "RecordingArchiverErrors": Fault("the archiver is deployed with a wrong setting", _archiver_fails, settled),
    "RecordingArchiverThrottles": Fault("no concurrency is left for the archiver", _archiver_throttled, settled),
    **PUBLISHING,
}
"""By page."""
