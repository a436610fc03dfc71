"""Returns what it was given, and what it sees around itself."""

import os
import sys
from typing import Any

import greeting  # type: ignore[import-not-found]  # from PlainLayer
import season  # type: ignore[import-not-found]  # from PlainLayer, and from OverLayer


def handler(event: Any, context: Any) -> Any:
    if isinstance(event, dict) and event.get("version") == "2.0":
        return {"event": event}
    print("one line from a function")
    return {
        "event": event,
        "greeting": greeting.TEXT,
        "season": season.TEXT,
        "environment": dict(os.environ),
        "sys.path": sys.path,
        "modules": [name for name in ("httpx", "boto3", "moto", "pytest", "hookline_local") if _importable(name)],
        "context": {
            "request_id": context.aws_request_id,
            "arn": context.invoked_function_arn,
            "name": context.function_name,
            "memory": context.memory_limit_in_mb,
            "remaining": context.get_remaining_time_in_millis(),
            "client": context.client_context.custom if context.client_context else None,
        },
        "pid": os.getpid(),
        "directory": os.getcwd(),
    }


def _importable(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True
