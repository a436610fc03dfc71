"""URLs as they are typed."""

import re
from urllib.parse import urlsplit

from hookline_local.base.errors import USAGE, CliError

_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-[0-9])\.")


def checked_url(url: str, example: str) -> str:
    """The URL itself. Raises CliError, with an example, unless it is an absolute HTTP URL."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other half, an invalid port
        good = False
    if not (good and url.isprintable() and " " not in url):
        raise CliError(f"{url}: invalid URL", f"Example: {example}", code=USAGE)
    return url


def is_loopback(url: str) -> bool:
    """Whether a URL reaches this machine and no other."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def host_of(url: str) -> str:
    """Host and port of a URL that someone else has typed; empty when it has none."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def region_of(url: str) -> str | None:
    """The region in the host name of an AWS endpoint or API; None when there is none."""
    found = _REGION.search(host_of(url))
    return found[1] if found else None
