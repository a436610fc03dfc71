"""Returns the JSON value that it was posted, so that a test can say what a function answers."""

import json
from typing import Any


def handler(event: Any, context: Any) -> Any:
    value = json.loads(event["body"])
    if value == "raise":
        raise RuntimeError("on purpose")
    return value
