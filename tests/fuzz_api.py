"""Schemathesis against a line on this machine: requests by docs/openapi.json, right ones and wrong ones.

python -m tests.fuzz_api SCHEMATHESIS [ARGUMENT ...]      as `make fuzz` does; exits 1 when it finds something
"""

import subprocess
import sys
import tempfile
from dataclasses import replace

from tests.support.live_line import CONFIG, live_line
from tests.support.world import PROJECT

LEFT_OUT = ("positive_data_acceptance", "unsupported_method", "allow_header_conformance")
"""Checks: a schema cannot describe which parameters belong to an action, or a cursor that was answered, so that some
requests that fit it are 422; and HTTP APIs answer 404, without Allow, for a method without a route."""


def main(program: str, *arguments: str) -> int:
    """The exit code of Schemathesis."""
    with live_line(replace(CONFIG, speed=0)) as line, tempfile.TemporaryDirectory() as folder:
        line.ring()
        command = [program, "run", str(PROJECT / "docs" / "openapi.json"), "--url", line.url, "--workers", "2"]
        command += ["--exclude-checks", ",".join(LEFT_OUT), "--phases", "examples,coverage,fuzzing"]
        command += ["--warnings", "off"]
        return subprocess.run([*command, *arguments], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
