"""Says what it was given, and fails the messages that ask for it."""

import json
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    bodies = [record["body"] for record in event["Records"]]
    print(json.dumps({"batch": bodies, "first": event["Records"][0], "at": time.time()}))
    if "slowly" in bodies[0]:
        time.sleep(0.3)
    print(json.dumps({"end": bodies}))
    if any("explode" in body for body in bodies):
        raise RuntimeError("on purpose")
    if any("nonsense" in body for body in bodies):
        return {"batchItemFailures": [{"itemIdentifier": "no such message"}]}
    failed = []
    closed = set()
    for record in event["Records"]:
        group = record["attributes"].get("MessageGroupId")
        if "fail" in record["body"] or group in closed:
            failed.append({"itemIdentifier": record["messageId"]})
            # What follows a failure in its group has to wait, and Lambda has to be told so.
            closed |= {group} if group else set()
    return {"batchItemFailures": failed}
