"""hookline.recordings has one door: no webhook loads it."""

import subprocess
import sys

PROGRAM = """
import sys
import hookline, hookline.environment, hookline.webhook
print([name for name in sys.modules if name.startswith("hookline.recordings")])
"""


def test_no_webhook_loads_the_recordings() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "[]\n"
