"""AWS on a laptop: moto's server in a process of its own. Owns that process, and how an AWS on a laptop is talked to.

A process and not a thread: importing moto takes a second that the stack spends on other things, and moto's work would
take turns with the gateway's under one interpreter lock.
"""

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config

from hookline_local.base.processes import ChildProcess

CHILD = Path(__file__).with_name("child.py")
START_LIMIT_SECONDS = 30.0


@functools.cache
def local_session(region: str) -> boto3.Session:
    """For clients of an AWS that is known by its endpoint: made-up credentials, and nothing of the person's own.

    botocore would obey AWS_PROFILE, the files in ~/.aws and HTTP_PROXY, also for 127.0.0.1.
    """
    unset = (None, None, None, None)
    nowhere = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={"profile": unset, "config_file": nowhere, "credentials_file": nowhere}
    )
    core.set_default_client_config(Config(proxies={}))
    return boto3.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - nothing checks it
        region_name=region,
        botocore_session=core,
    )


class MotoStartError(Exception):
    """moto's server ended, or wrote no port in time. The text is its standard error."""


class MotoServer:
    """DynamoDB, S3, SQS, Secrets Manager and the rest, on loopback.

    on_message: called in the loop, soon after a message has been sent to a queue. on_write: likewise, after something
    has been written to a table.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        on_message: Callable[[], None] = lambda: None,
        on_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.url = ""
        self.on_message = on_message
        self.on_write = on_write
        self._port = port
        self._process: ChildProcess | None = None
        self._listener: asyncio.Task[None] | None = None
        self._errors: asyncio.Task[bytes] | None = None

    async def start(self) -> str:
        """Start it and return its URL. Raises MotoStartError."""
        # moto has a botocore of its own, which reads the person's settings too.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        # Standard input stays open as long as we live; when it closes, moto ends.
        self._process = await ChildProcess.start(
            CHILD,
            ["moto", str(self._port)],
            environment=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._errors = asyncio.create_task(self._process.stderr.read())
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT_SECONDS):
                line = await self._process.stdout.readline()
        if not line.startswith(b"port "):
            await self.stop()
            raise MotoStartError((await self._errors).decode("utf-8", "replace"))
        self.url = f"http://127.0.0.1:{int(line.split()[1])}"
        self._listener = asyncio.create_task(self._listen(self._process.stdout))
        return self.url

    async def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        await self._process.wait()
        for task in (self._listener, self._errors):
            if task is not None:
                await asyncio.wait([task])

    async def _listen(self, notices: asyncio.StreamReader) -> None:
        while line := await notices.readline():
            if line == b"table\n":
                self.on_write()
            else:
                self.on_message()


@contextlib.contextmanager
def running_moto() -> Iterator[str]:
    """A MotoServer for code that is not asynchronous; its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="moto", daemon=True)
    thread.start()
    server = MotoServer()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
