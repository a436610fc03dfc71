"""Downloads: where a link may lead. No name is really looked up here and nothing beyond loopback is reached."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hookline.errors import HooklineError
from hookline.recordings.download import DownloadFailed, LinkForbidden, OutOfTime, UrlPolicy, fetch
from tests.support.link_server import LinkServer, redirected, status

OPEN = "93.184.216.34"
"""An address out in the open; the network of a test ends before it."""

PRIVATE = "the link is not allowed: private address"
HOSTS = (".amazonaws.com", ".telnyx.com")


class Names:
    """A name server: what each look-up gives, and which there were. The last answer is given for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def read(link: str, policy: UrlPolicy, seconds: float = 60.0) -> bytes:
    with fetch(link, policy, until=time.monotonic() + seconds) as download:
        return b"".join(download)


def policy(*addresses: str, loopback: bool = False) -> UrlPolicy:
    names = Names(list(addresses))
    return UrlPolicy(HOSTS, 1 << 20, loopback=loopback, resolve=names, connect_seconds=30, silence_seconds=30)


def refusal(link: str, rules: UrlPolicy) -> str:
    with pytest.raises(LinkForbidden) as raised:
        read(link, rules)
    return str(raised.value)


def is_allowed(link: str, hosts: tuple[str, ...] = HOSTS) -> bool:
    """Whether every rule about the link itself lets it through: only then is its name looked up, and here not found."""
    names = Names([])
    with pytest.raises((LinkForbidden, DownloadFailed)):
        read(link, UrlPolicy(hosts, 1 << 20, resolve=names))
    return bool(names.asked)


@pytest.mark.parametrize(
    "link",
    [
        "https://s3.amazonaws.com/telephony-recorder-prod/u/2026-11-21/a.wav?X-Amz-Signature=1%2F2",
        "https://telephony-recorder-prod.s3.amazonaws.com/u/a.wav",
        "https://s3.eu-central-1.amazonaws.com/telephony-recorder-prod-fr5/u/a.wav",
        "https://s3-eu-west-1.amazonaws.com/telephony-recorder-prod/u/a.wav",
        "https://telephony-recorder-prod.s3.dualstack.us-east-1.amazonaws.com/a.wav",
        "https://S3.AmazonAWS.com./telephony-recorder-prod/a.wav",
        "https://files.telnyx.com/a.mp3",
        "https://telnyx.com:443/a.mp3",
    ],
)
def test_the_links_that_telnyx_gives_are_allowed(link: str) -> None:
    assert is_allowed(link)
    assert is_allowed(link, hosts=(".amazonaws.com/telephony-recorder-", "telnyx.com"))


@pytest.mark.parametrize(
    "link",
    [
        "http://s3.amazonaws.com/telephony-recorder-prod/a.wav",
        "ftp://s3.amazonaws.com/a.wav",
        "file:///etc/passwd",
        "gopher://s3.amazonaws.com/",
        "https://",
        "https:///a.wav",
        "",
        "a.wav",
        "https://example.com/a.wav",
        "https://amazonaws.com.example.com/a.wav",
        "https://evilamazonaws.com/a.wav",
        "https://eviltelnyx.com/a.wav",
        "https://example.com/?https://s3.amazonaws.com/",
        "https://s3.amazonaws.com@example.com/a.wav",
        "https://user:password@s3.amazonaws.com/a.wav",
        "https://@s3.amazonaws.com/a.wav",
        "https://example.com\\@s3.amazonaws.com/a.wav",
        "https://example.com#.s3.amazonaws.com/a.wav",
        "https://s3.amazonaws.com:22/a.wav",
        "https://s3.amazonaws.com:99999/a.wav",
        "https://s3.amazonaws.com /a.wav",
        "https://s3.amazonaws.com/a.wav\r\nAuthorization: x",
        "https://s3.amazonaws.com/\u2603.wav",
        "https://s3.am\u0430zonaws.com/a.wav",
        "https://[::ffff:169.254.169.254]/a.wav",
        "https://[::1/a.wav",
        "https://127.0.0.1/a.wav",
        "https://2130706433/a.wav",
        "https://0x7f.1/a.wav",
        "https://localhost/a.wav",
        "http://localhost/a.wav",
        "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://ec2-1-2-3-4.compute-1.amazonaws.com/a.wav",
        "https://abc.execute-api.us-east-1.amazonaws.com/a.wav",
        "https://lambda.us-east-1.amazonaws.com/a.wav",
        "https://evil.s3.us-east-1.amazonaws.com.evil.amazonaws.com/a.wav",
    ],
)
def test_any_other_link_is_forbidden_before_its_name_is_looked_up(link: str) -> None:
    rules = policy()
    refusal(link, rules)
    assert isinstance(rules.resolve, Names)
    assert rules.resolve.asked == []


@pytest.mark.parametrize(
    "link",
    [
        "https://s3.amazonaws.com/another-bucket/a.wav",
        "https://another-bucket.s3.amazonaws.com/telephony-recorder-prod/a.wav",
        "https://s3.amazonaws.com//another-bucket/telephony-recorder-prod/a.wav",
    ],
)
def test_a_list_may_name_the_bucket_too(link: str) -> None:
    assert is_allowed(link)
    assert not is_allowed(link, hosts=(".amazonaws.com/telephony-recorder-",))


def test_a_prefix_of_buckets_allows_no_host_that_is_not_s3_s() -> None:
    link = "https://storage.example.com/telephony-recorder-prod/a.wav"
    assert is_allowed(link, hosts=("example.com",))
    assert not is_allowed(link, hosts=("example.com/telephony-recorder-",))
    assert not is_allowed(link, hosts=("example.com/another-bucket",))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - an answer, not a binding
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "168.63.129.16",
        "192.88.99.1",
    ],
)
def test_a_name_that_leads_inside_a_network_is_forbidden_whatever_else_it_leads_to(address: str) -> None:
    link = "https://s3.amazonaws.com/b/a.wav"
    assert refusal(link, policy(address)) == PRIVATE
    assert refusal(link, policy(OPEN, address)) == PRIVATE
    if not address.startswith(("127.", "::1")):
        assert refusal(link, policy(address, loopback=True)) == PRIVATE


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(links: LinkServer) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    port = links.put("/a", b"sound").removesuffix("/a").rpartition(":")[2]
    assert read(f"http://localhost:{port}/a", UrlPolicy(HOSTS, 1 << 20, loopback=True, resolve=names)) == b"sound"
    assert names.asked == ["localhost"]


def test_a_name_that_is_not_known_is_a_failed_download_and_not_a_forbidden_link() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    for resolve in (unknown, Names([])):
        with pytest.raises(DownloadFailed):
            read("https://s3.amazonaws.com/b/a.wav", UrlPolicy(HOSTS, 1 << 20, resolve=resolve))


def test_every_redirect_is_checked_like_the_first_link(links: LinkServer) -> None:
    names = Names(["10.0.0.1"])
    rules = UrlPolicy(
        HOSTS, 1 << 20, loopback=True, resolve=lambda host, port: names(host, port) if host[0] == "s" else [host]
    )
    link = links.put("/a.wav", b"", redirected("https://s3.amazonaws.com/b/a.wav"))
    assert refusal(link, rules) == PRIVATE
    assert names.asked == ["s3.amazonaws.com"]
    link = links.put("/b.wav", b"", redirected("http://s3.amazonaws.com/b/a.wav"))
    assert refusal(link, rules) == "the link is not allowed: scheme not https"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed(links: LinkServer, code: int) -> None:
    steps = ["/1", "/2", "/3", "/4"]
    for step, following in pairwise(steps):
        links.put(step, b"", *[redirected(following, code)] * 9)
    links.put("/4", b"sound")
    assert read(links.url + "/1", policy("127.0.0.1", loopback=True)) == b"sound"


def test_a_redirect_to_nowhere_is_a_failed_download(links: LinkServer) -> None:
    link = links.put("/a", b"", status(302))
    with pytest.raises(DownloadFailed):
        read(link, policy("127.0.0.1", loopback=True))


def test_a_head_that_comes_one_byte_at_a_time_is_hung_up_on() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with listener.accept()[0] as client:
            try:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                    client.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    rules = UrlPolicy(HOSTS, 1 << 20, loopback=True, silence_seconds=0.3)
    with listener, pytest.raises(DownloadFailed):
        read(f"http://127.0.0.1:{listener.getsockname()[1]}/", rules)
    thread.join()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsound\r\n"


@pytest.mark.parametrize("begin, drop", [(b"1;", b"x"), (b"0\r\n", b"a: b\r\n")])
def test_what_drips_inside_a_single_read_is_hung_up_on(begin: bytes, drop: bytes) -> None:
    """The size of a chunk, and the lines after the last one: no timeout of the socket is ever over."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with listener.accept()[0] as client:
            try:
                client.sendall(CHUNKED + begin)
                while True:  # until it is hung up on
                    client.sendall(drop)
                    time.sleep(0.05)
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with listener, pytest.raises((DownloadFailed, OutOfTime)):
        read(f"http://127.0.0.1:{listener.getsockname()[1]}/", policy("127.0.0.1", loopback=True), seconds=0.5)
    thread.join()


@pytest.mark.parametrize("answer", [b"", b"not http at all\r\n\r\n", b"HTTP/1.1 banana\r\n\r\n", b"\x00" * 100])
def test_an_answer_that_is_not_http_is_a_failed_download(answer: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def give() -> None:
        with listener.accept()[0] as client:
            client.recv(65_536)
            client.sendall(answer)

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    with listener, pytest.raises(DownloadFailed):
        read(f"http://127.0.0.1:{listener.getsockname()[1]}/", policy("127.0.0.1", loopback=True))
    thread.join()


def test_nothing_is_begun_when_the_time_is_over(links: LinkServer) -> None:
    with pytest.raises(OutOfTime):
        read(links.put("/a", b"x"), policy("127.0.0.1", loopback=True), seconds=-1.0)
    assert links.requests == []


# TLS: the connection goes to the checked address, the certificate is checked against the name.


class TlsServer:
    """A server for one name, signed by an authority of its own. names: what clients asked for by SNI."""

    def __init__(self, directory: Path, name: str) -> None:
        key, authority_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own authority")])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        authority = (
            _certificate(authority_name, authority_name, authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        certificate = (
            _certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), authority_name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        pem = directory / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.trusting = ssl.create_default_context(cadata=authority.public_bytes(serialization.Encoding.PEM).decode())
        self.names: list[str | None] = []
        self.hosts: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._context.sni_callback = lambda sock, asked, context: self.names.append(asked)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(client, server_side=True) as secure:
                    head = secure.recv(65_536).decode()
                    self.hosts += [line[6:] for line in head.split("\r\n") if line.startswith("Host: ")]
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound")
            except OSError:
                client.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path, "recordings.telnyx.com")
    yield server
    server.close()


def over_tls(server: TlsServer, host: str, context: ssl.SSLContext) -> bytes:
    rules = UrlPolicy(HOSTS, 1 << 20, loopback=True, resolve=Names(["127.0.0.1"]), tls=lambda: context)
    return read(f"https://{host}:{server.port}/a.wav", rules)


def test_the_name_goes_into_sni_and_host_though_the_address_was_chosen_here(secure: TlsServer) -> None:
    assert over_tls(secure, "recordings.telnyx.com", secure.trusting) == b"sound"
    assert secure.names == ["recordings.telnyx.com"]
    assert secure.hosts == [f"recordings.telnyx.com:{secure.port}"]


def test_a_certificate_for_another_name_is_not_accepted(secure: TlsServer) -> None:
    with pytest.raises(DownloadFailed):
        over_tls(secure, "other.telnyx.com", secure.trusting)
    assert secure.hosts == []


def test_a_certificate_of_an_unknown_authority_is_not_accepted(secure: TlsServer) -> None:
    with pytest.raises(HooklineError):
        over_tls(secure, "recordings.telnyx.com", ssl.create_default_context())
    assert secure.hosts == []
