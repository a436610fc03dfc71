"""URLs as they are typed: is it one?"""

from urllib.parse import urlsplit

from hookline_local.errors import TYPED_WRONG, Problem


def checked_url(url: str, like: str) -> str:
    """The URL itself. Raises Problem for what is no absolute HTTP URL. like: how to say it, for the advice."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other half, a port that is none
        good = False
    if not (good and url.isprintable() and " " not in url):
        raise Problem(f"{url} is no URL", f"Say {like}", code=TYPED_WRONG)
    return url
