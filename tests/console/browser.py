"""The browser that `make test-console` uses: CHROMIUM, or a Chromium or Chrome of this machine, or Debian's.

python -m tests.console.browser        prints its path, or exits with how to get one
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
FLAGS = (
    "--no-sandbox",  # containers have no namespaces of their own to give away
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no page reaches another host
)


def found() -> str | None:
    """The path of a browser that is installed. Raises FileNotFoundError for a CHROMIUM that does not exist."""
    named = os.environ.get("CHROMIUM")
    if named and shutil.which(named) is None:
        raise FileNotFoundError(named)
    paths = [named, *map(shutil.which, NAMES), *(str(path) for path in APPLICATIONS if path.exists())]
    return next((path for path in paths if path), None)


def installed() -> str | None:
    """Debian's Chromium, installed now; None where that cannot be done."""
    apt = shutil.which("apt-get")
    if apt is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    print("Installing chromium with apt-get (once)", file=sys.stderr)
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        if subprocess.run([apt, *arguments], stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return None
    return found()


def main() -> int:
    """Print the path; the exit code."""
    try:
        path = found() or installed()
    except FileNotFoundError as error:
        print(f"CHROMIUM={error} is not a program.", file=sys.stderr)
        return 1
    if path is None:
        advice = "apt install chromium, brew install --cask chromium, or CHROMIUM=/path/to/chrome make test-console"
        print(f"No Chromium or Chrome was found: {advice}.", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
