"""Fetch a link that came in from outside. Owns http.client.

The link stands in a signed webhook, and still nobody here has written it: so it is fetched without any credential,
only over TLS, only from hosts on a list, only up to a size, and never from an address inside a network. Names are
resolved here, every address is checked, and the connection goes to exactly the address that was checked, with the
name in `Host`, in SNI and in the check of the certificate. Redirects are followed by hand, each checked like the first.

http.client and not httpx: it takes a socket that we have connected ourselves, and hands bytes on as they arrive.

* HooklineError
  - LinkForbidden     it leads where we do not go; fetching it again cannot help
  - TooLarge          more bytes than a recording may have
  - LinkDead          4xx: expired or gone; a fresh link may work
  - DownloadBroken    the network, a cut, silence, 5xx, a wrong length: another try may work
    + ChangedMeanwhile   it cannot be continued, only begun anew: what is there now is not what was there before
  - OutOfTime         the function's own time is nearly over
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from io import BufferedReader
from threading import Timer
from urllib.parse import quote, urljoin, urlsplit

from hookline.errors import HooklineError

MOST_REDIRECTS = 3
READ_BYTES = 1 << 17

_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]*)\.)?"
    r"s3(?:-accelerate)?(?:-fips)?(?:\.dualstack)?(?:[.-][a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?"
)
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_AS_IT_IS = ("", "identity", "aws-chunked")  # the last is how S3 was given it, not how it gives it
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INSIDE = [ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.88.99.0/24")]
"""Global by their registration and inside a network all the same: Azure's metadata, 6to4's relays."""


class LinkForbidden(HooklineError):
    """The link leads where we do not go. The text names the rule."""


class TooLarge(HooklineError):
    """The answer has, or announces, more bytes than allowed."""


class LinkDead(HooklineError):
    """A 4xx: the link has expired, or what it led to is gone."""


class DownloadBroken(HooklineError):
    """The answer did not come, not whole, or not as it was announced."""


class ChangedMeanwhile(DownloadBroken):
    """What was asked to be continued is not, or not provably, what had been begun."""


class OutOfTime(HooklineError):
    """There is no time left to go on."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Guard:
    """Where a link may lead, how much may come, and how long we wait for it.

    hosts: suffixes of host names, for example `.telnyx.com`; one may go on with `/` and the beginning of a bucket's
    name, for example `.amazonaws.com/telephony-recorder-`. A host of amazonaws.com must be S3's in any case.
    loopback: links to this machine are allowed, also without TLS. For the local stack, and nowhere else.
    connect_seconds, silence_seconds: the longest wait for a connection, and for the next bytes.
    slowest_bytes_per_second: less than that over `slowness_seconds` is as good as silence.
    resolve, tls: the system's own, unless a test brings others.
    """

    hosts: Sequence[str]
    largest_bytes: int
    loopback: bool = False
    connect_seconds: float = 5.0
    silence_seconds: float = 15.0
    slowest_bytes_per_second: int = 16_384
    slowness_seconds: float = 30.0
    resolve: Callable[[str, int], Sequence[str]] = resolve
    tls: Callable[[], ssl.SSLContext] = field(default=_trusted)


@dataclass(frozen=True, slots=True)
class _Target:
    secure: bool
    host: str
    port: int
    path: str
    addresses: Sequence[str]

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class _WholeLines(BufferedReader):
    """A line that the end of the connection cut is no line: `0000` of `00001000` would be the size of a last chunk."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if line and not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self.fp = _WholeLines(self.fp.detach())


class Download:
    """An answer on its way.

    start: the offset of its first byte, 0 unless it continues an earlier one. total: bytes of the whole file, None
    when its end shows by itself (chunked). etag: what names this very content, None when nothing does.
    """

    def __init__(self, response: HTTPResponse, connection: socket.socket, guard: Guard, until: float) -> None:
        """Read what the head of the answer announces; raises DownloadBroken when that is unusable, TooLarge."""
        self._response = response
        self._socket = connection
        self._guard = guard
        self._until = until
        self.etag = _strong(response.getheader("ETag"))
        self.start, self.total = _extent(response)
        if self.total is not None and self.total > guard.largest_bytes:
            raise TooLarge(f"{self.total} bytes are announced, {guard.largest_bytes} are allowed")
        if response.getheader("Content-Encoding", "identity").strip().lower() not in _AS_IT_IS:
            raise DownloadBroken("the server encodes what it was asked to send as it is")

    def __iter__(self) -> Iterator[bytes]:
        """The bytes as they come. Raises DownloadBroken unless exactly as many come as were announced."""
        position = self.start
        window_ends, window_bytes = time.monotonic() + self._guard.slowness_seconds, 0
        while not self._response.isclosed():
            now = time.monotonic()
            if now >= self._until:
                raise OutOfTime("the download has not ended in time")
            if now >= window_ends:
                if window_bytes < self._guard.slowest_bytes_per_second * self._guard.slowness_seconds:
                    raise DownloadBroken("the server is too slow")
                window_ends, window_bytes = now + self._guard.slowness_seconds, 0
            self._socket.settimeout(max(0.01, min(self._guard.silence_seconds, self._until - now)))
            with _broken():
                data = self._response.read1(READ_BYTES)
            if not data:
                if time.monotonic() >= self._until:
                    raise OutOfTime("the download was hung up on")
                break
            position += len(data)
            window_bytes += len(data)
            if position > self._guard.largest_bytes:
                raise TooLarge(f"more than {self._guard.largest_bytes} bytes came")
            yield data
        if self.total is not None and position != self.total:
            raise DownloadBroken(f"{self.total} bytes were announced, {position} came")


@contextmanager
def fetch(
    link: str, guard: Guard, *, until: float, start: int = 0, etag: str | None = None, total: int | None = None
) -> Iterator[Download]:
    """Ask for what the link leads to.

    until: time.monotonic() after which to give up. start: go on from this byte, where the server allows that and what
    it has still carries this etag and has so many bytes in total; otherwise the Download starts at 0.
    Raises every error of this module; the Download raises them too while it is read.
    """
    continued = start > 0 and etag is not None
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "hookline"}
    if continued and etag:
        # S3 documents If-Match beside Range, not If-Range: a change is then a 412 and not a whole file.
        headers |= {"Range": f"bytes={start}-", "If-Match": etag}
    connection, response = _follow(link, guard, headers, until)
    try:
        status = response.status
        if continued and status in (412, 416):
            raise ChangedMeanwhile(f"HTTP {status} when asked to go on")
        if status == 429 or status >= 500 or status < 200:
            raise DownloadBroken(f"HTTP {status}")
        if status >= 400:
            raise LinkDead(f"HTTP {status}")
        if status != 200 and not (continued and status == 206):
            raise DownloadBroken(f"HTTP {status}")
        download = Download(response, connection, guard, until)
        if status == 206 and (download.start, download.etag, download.total) != (start, etag, total):
            raise ChangedMeanwhile("the rest of another file was sent")
        # A chunk's size, and what follows the last chunk, may drip for ever inside a single read.
        with _hung_up_after(max(0.0, until - time.monotonic()), connection):
            yield download
    finally:
        response.close()
        connection.close()


def _follow(link: str, guard: Guard, headers: dict[str, str], until: float) -> tuple[socket.socket, HTTPResponse]:
    for _ in range(MOST_REDIRECTS + 1):
        connection, response = _ask(_target(link, guard), guard, headers, until)
        if response.status not in _REDIRECTS:
            return connection, response
        location = response.getheader("Location")
        response.close()
        connection.close()
        if not location:
            raise DownloadBroken("a redirect to nowhere")
        link = _joined(link, location)
    raise LinkForbidden(f"more than {MOST_REDIRECTS} redirects")


def _ask(target: _Target, guard: Guard, headers: dict[str, str], until: float) -> tuple[socket.socket, HTTPResponse]:
    connection = _connect(target, guard, until)
    try:
        patience = max(0.01, min(guard.silence_seconds, until - time.monotonic()))
        connection.settimeout(patience)
        asking = HTTPConnection(target.host, target.port)
        asking.response_class = _Response
        asking.sock = connection
        with _broken(), _hung_up_after(2 * patience, connection):
            asking.request("GET", target.path, headers={"Host": target.host_header, **headers})
            return connection, asking.getresponse()
    except BaseException:
        connection.close()
        raise


def _connect(target: _Target, guard: Guard, until: float) -> socket.socket:
    """A connection to an address that was checked, and to no other: the name is not looked up again."""
    failure: OSError | None = None
    for address in target.addresses:
        patience = min(guard.connect_seconds, until - time.monotonic())
        if patience <= 0:
            raise OutOfTime("no time left to connect")
        try:
            connection = socket.create_connection((address, target.port), timeout=patience)
        except OSError as error:
            failure = error
            continue
        if not target.secure:
            return connection
        try:
            return guard.tls().wrap_socket(connection, server_hostname=target.host)
        except OSError as error:
            connection.close()
            failure = error
    raise DownloadBroken("no connection") from failure


def _target(link: str, guard: Guard) -> _Target:
    """Where a link leads, once every rule has been asked. Raises LinkForbidden, or DownloadBroken for no such name."""
    if not link.isascii() or not link.isprintable() or " " in link or "\\" in link:
        raise LinkForbidden("characters that do not belong into a link")
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError as error:
        raise LinkForbidden("no link at all") from error
    host = (parts.hostname or "").rstrip(".").lower()
    secure = parts.scheme == "https"
    if parts.username is not None or parts.password is not None:
        raise LinkForbidden("a user or a password in the link")
    here = guard.loopback and _is_here(host)
    if not here:
        _check_name(parts.scheme, host, parts.path, guard)
        if port not in (None, 443) and not guard.loopback:
            raise LinkForbidden("another port than 443")
    elif parts.scheme not in ("http", "https"):
        raise LinkForbidden("another scheme than https")
    port = port or (443 if secure else 80)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    return _Target(secure, host, port, path, _addresses(host, port, guard))


def _check_name(scheme: str, host: str, path: str, guard: Guard) -> None:
    if scheme != "https":
        raise LinkForbidden("another scheme than https")
    if not _HOST.fullmatch(host):
        raise LinkForbidden("a host that is no name")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        raise LinkForbidden("an address instead of a name")
    for entry in guard.hosts:
        suffix, _, bucket_prefix = entry.strip().lower().partition("/")
        suffix = suffix.lstrip(".")
        if suffix and (host == suffix or host.endswith(f".{suffix}")) and _is_storage(host, path, bucket_prefix):
            return
    raise LinkForbidden("a host that is not on the list")


def _is_storage(host: str, path: str, bucket_prefix: str) -> bool:
    """Whether a host of AWS is S3's and the bucket begins as it should; any other host is as good as its suffix."""
    if not (bucket_prefix or re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host)):
        return True
    found = _S3_HOST.fullmatch(host)
    if not found:
        return False
    return (found["bucket"] or path.lstrip("/").partition("/")[0]).startswith(bucket_prefix)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _addresses(host: str, port: int, guard: Guard) -> Sequence[str]:
    """Every address of the name; one that is not out in the open forbids them all."""
    try:
        found = guard.resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise DownloadBroken("the name of the host is not known") from error
    for text in found:
        address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
        if guard.loopback and address.is_loopback:
            continue
        if (
            not address.is_global
            or address.is_multicast
            or address.is_reserved
            or getattr(address, "is_site_local", False)
            or address.is_unspecified
            or any(address in network for network in _INSIDE)
        ):
            raise LinkForbidden("an address inside a network")
    if not found:
        raise DownloadBroken("the name of the host has no address")
    return found


def _innermost(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address may only be a wrapping of."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address.teredo:
            return address.teredo[1]
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _joined(link: str, location: str) -> str:
    try:
        return urljoin(link, location)
    except ValueError as error:
        raise LinkForbidden("a redirect to no link at all") from error


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Offset of the first byte and bytes of the whole file, as the answer announces them."""
    length = response.getheader("Content-Length")
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range", "").strip())
        if not found:
            raise DownloadBroken("a part without a range")
        first, last, total = (int(number) for number in found.groups())
        if last != total - 1 or (length is not None and length != str(total - first)):
            raise DownloadBroken("a part that is not the rest")
        return first, total
    if response.chunked:
        return 0, None
    if length is None or not _WHOLE_NUMBER.fullmatch(length.strip()):
        # Where only the end of the connection ends the answer, a cut looks like an end.
        raise DownloadBroken("an answer that does not say how long it is")
    return 0, int(length)


def _strong(etag: str | None) -> str | None:
    return etag if etag and etag.startswith('"') and etag.isascii() and etag.isprintable() else None


@contextmanager
def _hung_up_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """A head that comes one byte at a time keeps every timeout of the socket; this it does not keep."""

    def hang_up() -> None:
        with suppress(OSError):
            # Not SSLSocket.shutdown: the other thread is inside it.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _broken() -> Iterator[None]:
    """OSError is the network, a timeout and TLS; HTTPException is an answer that is no HTTP, or ends inside a chunk."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise DownloadBroken(type(error).__name__) from error
