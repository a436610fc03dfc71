"""Posts published events to a URL of the operator's own, signed.

Trigger: the event webhook queue, to which a rule of the bus sends the chosen types. Anything but a 2xx leaves the event
in the queue, to come again after 2, 4, 8 and at most 900 s. At least once, under the same id.
"""

import json
from collections.abc import Mapping
from typing import Any

from hookline.environment import environment
from hookline.errors import HooklineError
from hookline.webhook import Context

LONGEST_PAUSE_SECONDS = 900


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Post each event. The answer names the messages that stay in the queue."""
    env = environment()
    failures = []
    for record in request["Records"]:
        event = json.loads(record["body"])
        fields = _log_fields(event)
        try:
            status = env.event_posts.post(event["detail-type"], event["detail"])
        except HooklineError as error:
            env.logger.warning("event not posted", extra={**fields, "reason": str(error)})
            received = int(record["attributes"]["ApproximateReceiveCount"])
            env.queues.delay_events({record["receiptHandle"]: min(2 ** min(received, 10), LONGEST_PAUSE_SECONDS)})
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            env.log_info("event posted", status=status, **fields)
    return {"batchItemFailures": failures}


def _log_fields(event: Mapping[str, Any]) -> dict[str, str]:
    """The ids that are known of an event: a field without a value is absent, null or empty."""
    names = ("event_id", "call_leg_id", "call_session_id")
    known = {name: event["detail"][name] for name in names if event["detail"].get(name)}
    return {**known, "event_type": event["detail-type"]}
