"""Takes its time, or ends in the way that the event asks for."""

import os
import subprocess
import sys
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> Any:
    if "body" in event:
        time.sleep(0.5)
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
    time.sleep(event.get("seconds", 0))
    return {"pid": os.getpid(), "text": "x" * event.get("length", 0)}
