"""Fetch a link that came in from outside. Owns http.client.

The link stands in a signed webhook, and still no one here has written it: so it is fetched without any credential,
only over TLS, only from hosts on a list, only up to a size, and never from an address inside a network. Names are
resolved here, every address is checked, and the connection goes to exactly the address that was checked, with the
name in `Host`, in SNI and in the check of the certificate. Redirects are followed by hand, each checked like the first.

http.client and not httpx: it takes a socket that we have connected ourselves, and hands bytes on as they arrive.

* RecordingError
  - LinkForbidden     the link breaks a rule of UrlPolicy; fetching it again cannot help
  - TooLarge          more bytes than a recording may have
  - LinkExpired       4xx: expired or gone; a fresh link may work
  - DownloadFailed    the network, a cut, silence, 5xx, a wrong length: another attempt may work
    + ContentChanged  the download cannot be continued, only restarted: the content is not what it was before
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
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from hookline.recordings.findings import Code, RecordingError

MAX_REDIRECTS = 3
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
_UNENCODED = ("", "identity", "aws-chunked")  # the last is how S3 was given it, not how it gives it
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = [ipaddress.ip_network(network) for network in ("168.63.129.16/32", "192.88.99.0/24", "192.0.0.0/24")]
"""Registered as global and still inside a network: Azure's metadata service, 6to4's relays. And protocol assignments of
the IETF, which Python until 3.12.3 takes for global.
"""


class LinkForbidden(RecordingError):
    """The link breaks a rule. reason: the rule."""

    code = Code.LINK_FORBIDDEN


class TooLarge(RecordingError):
    """The answer has, or announces, more bytes than allowed. bytes, limit_bytes."""

    code = Code.TOO_LARGE


class LinkExpired(RecordingError):
    """A 4xx: the link has expired, or its target is gone. http_status."""

    code = Code.LINK_EXPIRED


class DownloadFailed(RecordingError):
    """The answer did not come, was cut, or is not as announced. reason; with some also http_status or bytes."""

    code = Code.DOWNLOAD_FAILED


class ContentChanged(DownloadFailed):
    """A download cannot be continued, because the content is not, or not provably, the one that was begun. reason."""

    code = Code.CONTENT_CHANGED


class OutOfTime(RecordingError):
    """There is no time left to go on. reason: the step that had to end."""

    code = Code.OUT_OF_TIME


def resolve(host: str, port: int) -> list[str]:
    """Look up the addresses of a name. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """The hosts that links may lead to, the largest download, and the limits of time.

    hosts: suffixes of host names, for example `.telnyx.com`; one may go on with `/` and the beginning of a bucket's
    name, for example `.amazonaws.com/telephony-recorder-`. A host of amazonaws.com must be S3's in any case.
    loopback: links to this machine are allowed, also without TLS. For the local stack alone.
    connect_seconds, silence_seconds: the longest wait for a connection, and for the next bytes.
    slowest_bytes_per_second: less than that over `slowness_seconds` counts as silence.
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


class _CompleteLines(BufferedReader):
    """Rejects a line that the end of the connection cut: `0000` of `00001000` would be the size of a last chunk."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if line and not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self.fp = _CompleteLines(self.fp.detach())


class Download:
    """An answer on its way.

    start: the offset of its first byte, 0 unless it continues an earlier one. total: bytes of the whole file, None
    when the answer is chunked. etag: a strong one, None when there is none.
    """

    def __init__(self, response: HTTPResponse, connection: socket.socket, policy: UrlPolicy, until: float) -> None:
        """Read the head of the answer. Raises TooLarge, and DownloadFailed when the head is unusable."""
        self._response = response
        self._socket = connection
        self._policy = policy
        self._until = until
        self.etag = _strong(response.getheader("ETag"))
        self.start, self.total = _extent(response)
        if self.total is not None and self.total > policy.largest_bytes:
            raise TooLarge(bytes=self.total, limit_bytes=policy.largest_bytes)
        if response.getheader("Content-Encoding", "identity").strip().lower() not in _UNENCODED:
            raise DownloadFailed(reason="unexpected_content_encoding")

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as they come. Raises DownloadFailed unless exactly as many come as were announced."""
        position = self.start
        pace = _Pace(self._policy)
        while not self._response.isclosed():
            now = self._check_time()
            pace.check(now)
            self._socket.settimeout(max(0.01, min(self._policy.silence_seconds, self._until - now)))
            with _translate_network_errors():
                data = self._response.read1(READ_BYTES)
            if not data:
                self._check_time()
                break
            position += len(data)
            pace.received(len(data))
            if position > self._policy.largest_bytes:
                raise TooLarge(bytes=position, limit_bytes=self._policy.largest_bytes)
            yield data
        if self.total is not None and position != self.total:
            raise DownloadFailed(reason="cut", bytes=position, expected_bytes=self.total)

    def _check_time(self) -> float:
        """Return the time. Raises OutOfTime when there is none left; an end of the answer may be our own hanging up."""
        now = time.monotonic()
        if now >= self._until:
            raise OutOfTime(reason="downloading")
        return now


class _Pace:
    """The slowest download that is waited for, measured over one window of time after the other."""

    def __init__(self, policy: UrlPolicy) -> None:
        self._policy = policy
        self._ends = time.monotonic() + policy.slowness_seconds
        self._bytes = 0

    def received(self, count: int) -> None:
        self._bytes += count

    def check(self, now: float) -> None:
        """Raise DownloadFailed when a window has ended and too little came in it."""
        if now < self._ends:
            return
        if self._bytes < self._policy.slowest_bytes_per_second * self._policy.slowness_seconds:
            raise DownloadFailed(reason="too_slow")
        self._ends, self._bytes = now + self._policy.slowness_seconds, 0


@contextmanager
def fetch(
    link: str, policy: UrlPolicy, *, until: float, start: int = 0, etag: str | None = None, total: int | None = None
) -> Iterator[Download]:
    """Request the content behind the link.

    until: time.monotonic() after which to give up. start: continue from this byte, where the server allows that and its
    content still has this etag and this total of bytes; otherwise the Download starts at 0.
    Raises every error of this module; the Download raises them too while it is read.
    """
    continued = start > 0 and etag is not None
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "hookline"}
    if continued and etag:
        # S3 documents If-Match beside Range, not If-Range: a change is then a 412 and not a whole file.
        headers |= {"Range": f"bytes={start}-", "If-Match": etag}
    connection, response = _follow(link, policy, headers, until)
    try:
        _check_status(response.status, continued=continued)
        download = Download(response, connection, policy, until)
        if response.status == 206 and (download.start, download.etag, download.total) != (start, etag, total):
            raise ContentChanged(reason="another_range")
        # A chunk's size, and the lines after the last chunk, may drip for ever inside a single read.
        with _hung_up_after(max(0.0, until - time.monotonic()), connection):
            yield download
    finally:
        response.close()
        connection.close()


def _check_status(status: int, *, continued: bool) -> None:
    if status == 200 or (continued and status == 206):
        return
    if continued and status in (412, 416):
        raise ContentChanged(reason="range_refused", http_status=status)
    if 400 <= status < 500 and status != 429:
        raise LinkExpired(http_status=status)
    raise DownloadFailed(reason=f"HTTP_{status}", http_status=status)


def _follow(link: str, policy: UrlPolicy, headers: dict[str, str], until: float) -> tuple[socket.socket, HTTPResponse]:
    for _ in range(MAX_REDIRECTS + 1):
        connection, response = _request(_target(link, policy), policy, headers, until)
        if response.status not in _REDIRECTS:
            return connection, response
        location = response.getheader("Location")
        response.close()
        connection.close()
        if not location:
            raise DownloadFailed(reason="redirect_without_location")
        link = _joined(link, location)
    raise LinkForbidden(reason="too_many_redirects")


def _request(
    target: _Target, policy: UrlPolicy, headers: dict[str, str], until: float
) -> tuple[socket.socket, HTTPResponse]:
    connection = _connect(target, policy, until)
    try:
        timeout = max(0.01, min(policy.silence_seconds, until - time.monotonic()))
        connection.settimeout(timeout)
        http = HTTPConnection(target.host, target.port)
        http.response_class = _Response
        http.sock = connection
        with _translate_network_errors(), _hung_up_after(2 * timeout, connection):
            http.request("GET", target.path, headers={"Host": target.host_header, **headers})
            return connection, http.getresponse()
    except BaseException:
        connection.close()
        raise


def _connect(target: _Target, policy: UrlPolicy, until: float) -> socket.socket:
    """Connect to an address that was checked, and to no other: the name is not looked up again."""
    failure: OSError | None = None
    for address in target.addresses:
        timeout = min(policy.connect_seconds, until - time.monotonic())
        if timeout <= 0:
            raise OutOfTime(reason="connecting")
        try:
            connection = socket.create_connection((address, target.port), timeout=timeout)
        except OSError as error:
            failure = error
            continue
        if not target.secure:
            return connection
        try:
            return policy.tls().wrap_socket(connection, server_hostname=target.host)
        except OSError as error:
            connection.close()
            failure = error
    raise DownloadFailed(reason="connection_failed") from failure


def _target(link: str, policy: UrlPolicy) -> _Target:
    """Apply every rule to a link. Raises LinkForbidden, and DownloadFailed for an unknown host."""
    parts, port = _parsed(link)
    host = (parts.hostname or "").rstrip(".").lower()
    if policy.loopback and _is_loopback(host):
        if parts.scheme not in ("http", "https"):
            raise LinkForbidden(reason="scheme_not_https")
    else:
        _check_host(parts.scheme, host, parts.path, policy)
        if port not in (None, 443) and not policy.loopback:
            raise LinkForbidden(reason="port_not_443")
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    return _Target(secure, host, port, path, _addresses(host, port, policy))


def _parsed(link: str) -> tuple[SplitResult, int | None]:
    """Return the parts of a link and its port. Raises LinkForbidden."""
    if not link.isascii() or not link.isprintable() or " " in link or "\\" in link:
        raise LinkForbidden(reason="invalid_characters")
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError as error:
        raise LinkForbidden(reason="invalid_URL") from error
    if parts.username is not None or parts.password is not None:
        raise LinkForbidden(reason="credentials_in_the_URL")
    return parts, port


def _check_host(scheme: str, host: str, path: str, policy: UrlPolicy) -> None:
    if scheme != "https":
        raise LinkForbidden(reason="scheme_not_https")
    if not _HOST.fullmatch(host):
        raise LinkForbidden(reason="invalid_host_name")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        raise LinkForbidden(reason="address_instead_of_a_host_name")
    for entry in policy.hosts:
        suffix, _, bucket_prefix = entry.strip().lower().partition("/")
        suffix = suffix.lstrip(".")
        if (
            suffix
            and (host == suffix or host.endswith(f".{suffix}"))
            and _is_allowed_storage(host, path, bucket_prefix)
        ):
            return
    raise LinkForbidden(reason="host_not_allowed")


def _is_allowed_storage(host: str, path: str, bucket_prefix: str) -> bool:
    """Return whether a host of AWS is S3's and the bucket has the prefix; every other host passes by its suffix."""
    if not (bucket_prefix or re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host)):
        return True
    found = _S3_HOST.fullmatch(host)
    if not found:
        return False
    return (found["bucket"] or path.lstrip("/").partition("/")[0]).startswith(bucket_prefix)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _addresses(host: str, port: int, policy: UrlPolicy) -> Sequence[str]:
    """Resolve every address of the host; one that is not public forbids them all."""
    try:
        found = policy.resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise DownloadFailed(reason="unknown_host") from error
    if not found:
        raise DownloadFailed(reason="host_without_address")
    for text in found:
        address = _embedded_ipv4(ipaddress.ip_address(text.partition("%")[0]))
        if not _is_public(address) and not (policy.loopback and address.is_loopback):
            raise LinkForbidden(reason="private_address")
    return found


def _is_public(address: _Address) -> bool:
    flags = ("is_multicast", "is_reserved", "is_site_local", "is_unspecified")
    is_special = any(getattr(address, flag, False) for flag in flags)
    return address.is_global and not is_special and not any(address in network for network in _NOT_PUBLIC)


def _embedded_ipv4(address: _Address) -> _Address:
    """Return the IPv4 address inside an IPv6 address that embeds one, else the address itself."""
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
        raise LinkForbidden(reason="invalid_URL") from error


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Return the offset of the first byte and the bytes of the whole file, as announced."""
    length = response.getheader("Content-Length")
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range", "").strip())
        if not found:
            raise DownloadFailed(reason="partial_content_without_a_range")
        first, last, total = (int(number) for number in found.groups())
        if last != total - 1 or (length is not None and length != str(total - first)):
            raise DownloadFailed(reason="partial_content_of_another_range")
        return first, total
    if response.chunked:
        return 0, None
    if length is None or not _WHOLE_NUMBER.fullmatch(length.strip()):
        # Where only the end of the connection ends the answer, a cut looks like an end.
        raise DownloadFailed(reason="no_content_length")
    return 0, int(length)


def _strong(etag: str | None) -> str | None:
    return etag if etag and etag.startswith('"') and etag.isascii() and etag.isprintable() else None


@contextmanager
def _hung_up_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down after this time: an answer that drips never exceeds a timeout of the socket."""

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
def _translate_network_errors() -> Iterator[None]:
    """Raise DownloadFailed for OSError (network, timeout, TLS) and HTTPException (invalid HTTP, a cut in a chunk)."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise DownloadFailed(reason=type(error).__name__) from error
