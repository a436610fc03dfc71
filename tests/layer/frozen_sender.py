"""A process that sends one command and is stopped meanwhile, see test_telnyx.py. Its look-ups wait for stdin."""

import socket
import sys
import threading
from typing import Any

from hookline.commands import speak
from hookline.telnyx import Telnyx

find = socket.getaddrinfo
found = threading.Event()


def find_slowly(*arguments: Any, **named: Any) -> Any:
    print("looking up", flush=True)
    found.wait()
    return find(*arguments, **named)


socket.getaddrinfo = find_slowly
telnyx = Telnyx(lambda new: "KEY", base_url=f"http://localhost:{sys.argv[1]}/v2", patience_seconds=60.0)
answer = telnyx.send(speak(payload="Hello", voice="female"), call_control_id="v3:x", command_id="id", seconds=1.0)
print(answer.outcome.value, flush=True)
sys.stdin.readline()
found.set()
sys.stdin.read()
