"""ministack, an emulator of AWS, as a process that ends with the rehearsal: IAM enforced, TLS, loopback only."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PROJECT = Path(__file__).parents[1]
MINISTACK = PROJECT / ".venv-rehearsal" / "bin" / "ministack"
REGION = "us-east-1"
ACCESS_KEY = "test"
"""The emulator's root user: no policy restricts it. The functions have the keys of their roles."""

START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 5.0
PATIENCE = "10"
"""HOOKLINE_PATIENCE of the functions: a busy machine is no fault of the deployment."""


WATCHED = 'exec 3<&0; "$0" 3<&- & child=$!; { read -r _ <&3; kill "$child"; } & wait "$child"'
"""Runs a program until the standard input ends, which it does as well when this process is killed."""


class EmulatorFailed(Exception):
    """The emulator did not start, or has ended too early."""


@dataclass(frozen=True)
class Emulator:
    """url: its endpoint. certificate: the file of the certificate that it answers with. log: its output."""

    url: str
    certificate: Path
    log: Path

    def trust(self) -> ssl.SSLContext:
        """For a client that speaks to it."""
        return ssl.create_default_context(cafile=self.certificate)

    def environment(self) -> dict[str, str]:
        """For SAM, boto3 and `hookline`: this endpoint, and none of the user's own configuration."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TELNYX_"))}
        return inherited | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "SAM_CLI_TELEMETRY": "0",
            "SSL_CERT_FILE": str(self.certificate),  # httpx
        }


@contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """An emulator for the block; its files are in the folder. Raises EmulatorFailed."""
    certificate, key = _certificate(folder)
    port, scratch, log = _free_port(), folder / "tmp", folder / "emulator.log"
    scratch.mkdir()
    emulator = Emulator(f"https://127.0.0.1:{port}", certificate, log)
    # Its whole environment reaches the functions: hence nothing but this.
    environment = {
        "PATH": os.defpath,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(key),
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_SAM_LOCAL": "true",  # links of the simulator's recordings are on loopback
        "HOOKLINE_PATIENCE": PATIENCE,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", WATCHED, MINISTACK],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(emulator, process)
            yield emulator
        finally:
            _end(process)


def _wait_until_ready(emulator: Emulator, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmulatorFailed(f"the emulator has ended:\n{_tail(emulator.log)}")
        with suppress(httpx.TransportError):
            httpx.get(f"{emulator.url}/_ministack/health", timeout=5, verify=emulator.trust(), trust_env=False)
            return
        time.sleep(0.05)
    raise EmulatorFailed(f"the emulator is not ready after {START_LIMIT_SECONDS:.0f} s:\n{_tail(emulator.log)}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask, then kill; and kill what it has started, all of which is in its session."""
    assert process.stdin is not None  # noqa: S101 - a matter of how it was started
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback, good for a day, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hookline rehearsal")])
    now = datetime.now(UTC)
    alternatives = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(encoding))
    files[1].touch(mode=0o600)
    files[1].write_bytes(private)
    return files


def in_environment(values: Mapping[str, str]) -> None:
    """Replace this process's own environment, for boto3."""
    os.environ.clear()
    os.environ.update(values)
