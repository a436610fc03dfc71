"""Takes its time, or ends in the way that the event asks for."""

import json
import os
import subprocess
import sys
import time
from typing import Any


def wait_until(path: str) -> None:
    """A test lets a function go on by making a file."""
    while path and not os.path.exists(path):
        time.sleep(0.01)


def handler(event: dict[str, Any], context: Any) -> Any:
    if "body" in event:
        wait_until(json.loads(event["body"]).get("until", ""))
        return "done"
    if event.get("child"):
        print(f"child {subprocess.Popen(['/bin/sleep', '60']).pid}")
    if "exit" in event:
        os._exit(event["exit"])
    if "signal" in event:
        os.kill(os.getpid(), event["signal"])
    if event.get("raise"):
        raise ValueError("on purpose")
    if event.get("set"):
        return {1, 2, 3}
    print("before", flush=True)
    sys.stderr.write("half a line")
    wait_until(event.get("until", ""))
    time.sleep(event.get("seconds", 0))
    return {"pid": os.getpid(), "text": "x" * event.get("length", 0)}
