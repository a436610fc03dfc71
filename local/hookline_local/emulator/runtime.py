"""Lambda on a laptop: every function in processes of its own, under AWS's own runtime client. Owns those processes.

A sandbox is one process that runs `awslambdaric` and a Runtime API that only it talks to (Lambda gives every execution
environment one of its own, too). It is started when an invocation finds no idle one, stored warm, used for one
invocation at a time, replaced when its code or its environment has changed, killed at its timeout, and never outlives
the stack.

Where this differs from Lambda: a process is not frozen between invocations, memory is not limited, a failed start is
not retried, and all sandboxes together are limited by `process_limit`: then an invocation waits.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from hookline_local.base.processes import ChildProcess

CHILD = Path(__file__).with_name("child.py")

# docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: invocation payload (request and response).
PAYLOAD_LIMIT_BYTES = 6_291_556
ASYNCHRONOUS_PAYLOAD_LIMIT_BYTES = 1_048_576
# .../lambda-runtime-environment.html: a start that takes longer is counted against the function's own timeout.
INIT_LIMIT_SECONDS = 10.0
# awslambdaric sends up to 1 MiB of X-Ray cause in one header.
_HEAD_LIMIT_BYTES = 2 * 1024 * 1024
_TAIL_BYTES = 4096
_ASYNCHRONOUS_DELAYS_SECONDS = (0.0, 60.0, 120.0)
# Errors that only Lambda knows of; awslambdaric logs all others itself.
_LAMBDAS_OWN = {
    "Function.ResponseSizeTooLarge",
    "Runtime.ExitError",
    "Runtime.InvalidEntrypoint",
    "Sandbox.Timedout",
}


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function, ready to run.

    artefact: Lambda's /var/task. python_paths: of Lambda's /opt/python, the first one first.
    watched: folders whose Python and TOML files restart it when they change. watched_whole: those that `sam build`
    replaces at once. sealed: no byte code is written, because it would be packaged.
    timeout_seconds: 1-900. reserved_concurrency: None: unlimited.
    """

    id: str
    name: str
    arn: str
    handler: str
    artefact: Path
    python_paths: tuple[Path, ...] = ()
    watched: tuple[Path, ...] = ()
    watched_whole: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "python3.13"
    timeout_seconds: float = 3.0
    memory_megabytes: int = 128
    reserved_concurrency: int | None = None
    sealed: bool = False


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line that a function wrote, or that Lambda writes about it ("platform"). at: seconds since 1970."""

    function_id: str
    request_id: str | None
    text: str
    at: float
    source: Literal["function", "platform"] = "function"

    @property
    def fault(self) -> bool:
        """Whether it reports a failure: an error logged by the function, or by Lambda itself."""
        if self.source == "platform":
            return not self.text.startswith(("START ", "END ", "REPORT "))
        if self.text.startswith("{"):
            with contextlib.suppress(ValueError):
                return json.loads(self.text).get("level") in ("ERROR", "CRITICAL")
        return self.text.startswith(("[ERROR]", "[CRITICAL]", "Traceback"))

    @property
    def of_flow(self) -> bool:
        """Whether a flow wrote it, with print or logging, or its look-up was missed: other lines of ours are JSON."""
        return self.source == "function" and (not self.text.startswith("{") or '"look-up missed"' in self.text)


@dataclass(frozen=True, kw_only=True)
class InvokeResult:
    """The result of an invocation.

    raw: the response, or the error as JSON, as bytes. error: None, or {"errorMessage", "errorType", ...} as in Lambda.
    log_tail: the last 4 KB of its log. milliseconds: from request to response, a cold start included.
    init_milliseconds: how long the cold start took; None when the process was warm.
    """

    raw: bytes
    error: Mapping[str, Any] | None
    log_tail: str
    milliseconds: float
    cold: bool
    request_id: str
    init_milliseconds: float | None = None

    @property
    def payload(self) -> Any:
        """The response as a JSON value; raises ValueError when it is not JSON."""
        return json.loads(self.raw)


class UnknownFunctionError(LookupError):
    """No function of that id in the template."""


class ThrottledError(Exception):
    """ReservedConcurrentExecutions are in use."""


@dataclass(eq=False)
class _Invocation:
    request_id: str
    payload: bytes
    arn: str
    deadline_milliseconds: int
    trace_id: str
    client_context: str | None
    done: "asyncio.Future[tuple[str, bytes]]"
    received: bool = False


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


_WATCHED = (".py", ".toml")  # the code, and numbers.toml beside the flows


class CodeWatch:
    """Notices changed Python and TOML files under a folder by polling: a few dozen take well under 1 ms."""

    def __init__(self) -> None:
        self._seen: dict[Path, dict[str, tuple[int, int]]] = {}
        self._generations: dict[Path, int] = {}

    def generation(self, root: Path, *, whole: bool = False) -> int:
        """A number that grows with every change. whole: only check whether the folder was replaced."""
        now: dict[str, tuple[int, int]] = {}
        if whole:
            with contextlib.suppress(FileNotFoundError):
                status = root.stat()
                now[""] = (status.st_mtime_ns, status.st_ino)
        else:
            _scan(os.fspath(root), now)
        before = self._seen.get(root)
        if before is None:
            self._generations[root] = 0
        elif now != before:
            self._generations[root] += 1
            # Byte code is matched by whole seconds and size: an edit within the second would leave the old code
            # running.
            for path in (path for path, stamp in now.items() if path.endswith(".py") and before.get(path) != stamp):
                Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
        self._seen[root] = now
        return self._generations[root]


def _scan(directory: str, found: dict[str, tuple[int, int]]) -> None:
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(_WATCHED):
                status = entry.stat()
                found[entry.path] = (status.st_mtime_ns, status.st_size)
            elif not entry.name.startswith((".", "__pycache__")) and entry.is_dir():
                _scan(entry.path, found)


class _Sandbox:
    """One process and its Runtime API (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""

    def __init__(self, function: Function, *, fingerprint: object, write: Callable[[LogLine], None]) -> None:
        self.function = function
        self.fingerprint = fingerprint
        self.used_at = 0.0
        self._write = write
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._initialised: asyncio.Future[bytes | None] = loop.create_future()
        self._offered: asyncio.Queue[_Invocation] = asyncio.Queue()
        self._current: _Invocation | None = None
        self._server: asyncio.Server | None = None
        self._process: ChildProcess | None = None
        self._exit: asyncio.Task[None] | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._pipe = -1
        self._unfinished = b""
        self._tail = bytearray()
        self._dead = False
        self.started = False

    @property
    def alive(self) -> bool:
        return not self._dead and self._process is not None and self._process.alive

    async def start(self, environment: Mapping[str, str]) -> bytes | None:
        """Start the process and wait until it requests work. Returns None, or the error of its start."""
        self.started = True
        if not self.function.artefact.is_dir():
            return _error("Runtime.InvalidEntrypoint", f"Error: there is no directory {self.function.artefact}")
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=_HEAD_LIMIT_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        self._pipe, write_end = os.pipe()
        try:
            os.set_blocking(self._pipe, False)
            self._loop.add_reader(self._pipe, self.collect)
            # -S: no site-packages. -P: nor the folder of child.py. -B: what is packaged stays as it is.
            self._process = await ChildProcess.start(
                CHILD,
                ["lambda"],
                python_options=("-S", "-P", *(("-B",) if self.function.sealed else ())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                cwd=self.function.artefact,
                environment={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"},
            )
        finally:
            os.close(write_end)
        self._exit = asyncio.create_task(self._on_exit(self._process))
        if self._dead:  # the stack has been stopped meanwhile
            await self.kill()
        limit = INIT_LIMIT_SECONDS + self.function.timeout_seconds
        try:
            async with asyncio.timeout(limit):
                return await asyncio.shield(self._initialised)
        except TimeoutError:
            return _error("Sandbox.Timedout", f"Error: the function did not start within {limit:.2f} seconds")

    async def run(self, invocation: _Invocation) -> tuple[str, bytes]:
        """("response" | "error" | "timeout", body). At its timeout the process is killed."""
        self._current = invocation
        self._offered.put_nowait(invocation)
        try:
            async with asyncio.timeout(self.function.timeout_seconds):
                return await invocation.done
        except TimeoutError:
            await self.kill()
            self.collect()
            took = f"Task timed out after {self.function.timeout_seconds:.2f} seconds"
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            self.log_platform(f"{now}Z {invocation.request_id} {took}", invocation.request_id)
            return "timeout", _error("Sandbox.Timedout", f"RequestId: {invocation.request_id} Error: {took}")
        finally:
            self._current = None

    def log_platform(self, text: str, request_id: str) -> None:
        """Add a line of Lambda's own to the log."""
        self._tail += text.encode() + b"\n"
        self._write(
            LogLine(function_id=self.function.id, request_id=request_id, text=text, at=time.time(), source="platform")
        )

    def collect(self, *, last: bool = False) -> None:
        """Read what the process has written so far. last: nothing more will come, so half a line is a line."""
        while self._pipe >= 0:
            try:
                chunk = os.read(self._pipe, 65536)
            except BlockingIOError:
                break
            if not chunk:
                self._close_pipe()
                last = True
                break
            self._unfinished += chunk
        *lines, self._unfinished = self._unfinished.split(b"\n")
        if last and self._unfinished:
            lines.append(self._unfinished)
            self._unfinished = b""
        for line in lines:
            # awslambdaric writes an error as one entry: carriage returns between its lines, no-break spaces in front.
            text = line.decode("utf-8", "replace").replace("\r", "\n").replace("\u00a0", " ")
            self._tail += text.encode() + b"\n"
            request_id = self._current.request_id if self._current else None
            self._write(LogLine(function_id=self.function.id, request_id=request_id, text=text, at=time.time()))
        del self._tail[: -16 * _TAIL_BYTES]

    def take_tail(self) -> str:
        """The last 4 KB logged since the last call."""
        tail = bytes(self._tail[-_TAIL_BYTES:]).decode("utf-8", "ignore")
        self._tail.clear()
        return tail

    async def kill(self) -> None:
        """Kill the process and everything that it has started. Idempotent."""
        self._dead = True
        if self._process is not None:
            self._process.kill()
        if self._exit is not None:
            await asyncio.shield(self._exit)
        else:
            self._close_pipe()
        if self._server is not None:
            self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    async def _on_exit(self, process: ChildProcess) -> None:
        code = await process.wait()
        self.collect()
        reason = _exit_reason(code)
        current = self._current
        if current is not None and not current.done.done():
            if current.received:
                fault = _error("Runtime.ExitError", f"RequestId: {current.request_id} Error: {reason}")
                current.done.set_result(("error", fault))
            else:
                current.done.set_result(("not received", b""))
        if not self._initialised.done():
            self._initialised.set_result(_error("Runtime.ExitError", f"Error: {reason}"))
        self.collect(last=True)
        self._close_pipe()
        self._dead = True

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the runtime client: requests one after another, an answer to each."""
        conversation = asyncio.current_task()
        assert conversation is not None  # noqa: S101 - asyncio runs this as a task
        self._conversations.add(conversation)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request_line, *lines = head[:-4].split(b"\r\n")
                method, path, _ = request_line.split(b" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
                if headers.get(b"expect", b"").lower() == b"100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
                    body = await _read_chunks(reader)
                else:
                    body = await reader.readexactly(int(headers.get(b"content-length") or 0))
                writer.write(await self._answer(method, path.decode("ascii"), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass  # by stopping; the streams of Python 3.11 and 3.12 would write it to standard error
        finally:
            self._conversations.discard(conversation)
            writer.close()

    async def _answer(self, method: bytes, path: str, body: bytes) -> bytes:
        if method == b"GET" and path == "/2018-06-01/runtime/invocation/next":
            if not self._initialised.done():
                self._initialised.set_result(None)
            invocation = await self._offered.get()
            invocation.received = True
            return _next(invocation)
        if method == b"POST" and path == "/2018-06-01/runtime/init/error":
            if not self._initialised.done():
                self._initialised.set_result(body)
            return _ACCEPTED
        _, _, rest = path.partition("/2018-06-01/runtime/invocation/")
        request_id, _, kind = rest.partition("/")
        current = self._current
        if current is None or current.request_id != request_id or current.done.done():
            return _http(b"400 Bad Request", _error("InvalidRequestID", "Invalid request ID"))
        if kind == "response" and len(body) > PAYLOAD_LIMIT_BYTES:
            size = f"{len(body)} bytes) exceeded maximum allowed payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
            fault = _error("Function.ResponseSizeTooLarge", f"Response payload size ({size}")
            current.done.set_result(("error", fault))
            # awslambdaric ends when its answer is refused.
            return _http(b"413 Content Too Large", fault)
        if kind in ("response", "error"):
            current.done.set_result((kind, body))
            return _ACCEPTED
        return _http(b"404 Not Found", b"{}")


def _exit_reason(code: int) -> str:
    """In Lambda's words. code: negative for a signal."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code < 0:
        return f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"Runtime exited with error: exit status {code}"


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(chunks)


def _http(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        len(body),
        headers,
        body,
    )


_ACCEPTED = _http(b"202 Accepted", b'{"status":"OK"}\n')


def _next(invocation: _Invocation) -> bytes:
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_milliseconds),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
    if invocation.client_context is not None:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return _http(b"200 OK", invocation.payload, lines.encode("utf-8"))


@dataclass(eq=False)
class _Pool:
    idle: list[_Sandbox] = field(default_factory=list)
    busy: int = 0


class LambdaRuntime:
    """Runs functions. Use from one event loop; `stop` leaves no process behind.

    own_packages: the folder of what Lambda itself provides (boto3, awslambdaric). home: an empty directory that
    functions see as HOME, so that no AWS profile of the user is read. settings: variables for every function, which win
    over those of the template. on_log: called with every line, in the loop; it must not block. on_count: likewise, with
    the id of a function and the name of the metric of AWS/Lambda that counts one more: Invocations, Errors, Throttles.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        *,
        own_packages: Path,
        home: Path,
        region: str = "us-east-1",
        settings: Mapping[str, str] | None = None,
        on_log: Callable[[LogLine], None] = lambda line: None,
        on_count: Callable[[str, str], None] = lambda function_id, metric: None,
        process_limit: int = 32,
    ) -> None:
        self.on_count = on_count
        self.functions = {function.id: function for function in functions}
        self.region = region
        self.on_log = on_log
        self._own_packages = own_packages
        self._home = home
        self._settings = dict(settings or {})
        self._settings_generation = 0
        self._process_limit = process_limit
        self._pools = {function_id: _Pool() for function_id in self.functions}
        self._sandboxes: set[_Sandbox] = set()
        self._changed = asyncio.Condition()
        self._watch = CodeWatch()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def set(self, **settings: str) -> None:
        """Change variables of every function; processes that have started with others are replaced when next used."""
        self._settings.update(settings)
        self._settings_generation += 1

    def change(self, function_id: str, **changes: Any) -> Function:
        """Deploy a function again with other fields of Function; its processes are replaced when next used.

        Returns the function as it was.
        """
        before = self.functions[function_id]
        self.functions[function_id] = replace(before, **changes)
        return before

    def process_ids(self, function_id: str | None = None) -> list[int]:
        """The processes that are alive now, of one function or of all."""
        return [
            sandbox._process.pid  # noqa: SLF001 - same module
            for sandbox in self._sandboxes
            if sandbox.alive and sandbox._process and function_id in (None, sandbox.function.id)  # noqa: SLF001
        ]

    def environment_of(self, function: Function) -> dict[str, str]:
        """The function's os.environ, without its Runtime API. Nothing is inherited."""
        paths = [function.artefact, *function.python_paths, self._own_packages]
        log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": os.fspath(self._home),
            "PYTHONPATH": os.pathsep.join(map(os.fspath, paths)),
            "LAMBDA_TASK_ROOT": os.fspath(function.artefact),
            "LAMBDA_RUNTIME_DIR": os.fspath(self._own_packages),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_megabytes),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_SAM_LOCAL": "true",
            **function.environment,
            **self._settings,
        }

    async def invoke(
        self,
        function_id: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        trace_id: str | None = None,
        client_context: str | None = None,
    ) -> InvokeResult:
        """Run a function once and wait for it.

        payload: JSON. client_context: JSON as text. Raises UnknownFunctionError, ThrottledError.
        """
        function = self.functions.get(function_id)
        if function is None:
            raise UnknownFunctionError(function_id)
        pool = self._pools[function_id]
        if function.reserved_concurrency is not None and pool.busy >= function.reserved_concurrency:
            self.on_count(function_id, "Throttles")
            raise ThrottledError(function_id)
        self.on_count(function_id, "Invocations")
        request_id = request_id or str(uuid.uuid4())
        began = time.perf_counter()
        pool.busy += 1
        try:
            while True:
                sandbox = await self._acquire(function)
                try:
                    result = await self._run(sandbox, payload, request_id, trace_id, client_context, began)
                except BaseException:
                    await self._discard(sandbox)
                    raise
                await self._release(sandbox)
                if result is not None:
                    if result.error is not None:
                        self.on_count(function_id, "Errors")
                    return result
        finally:
            pool.busy -= 1

    def submit(self, function_id: str, payload: bytes, *, client_context: str | None = None) -> str:
        """Run a function without waiting; an error is retried after one and after two more minutes, as by Lambda
        (.../lambda/latest/dg/invocation-async-error-handling.html). Returns the request id.
        """
        if function_id not in self.functions:
            raise UnknownFunctionError(function_id)
        request_id = str(uuid.uuid4())
        self._spawn(self._persist(function_id, payload, request_id, client_context))
        return request_id

    async def _persist(self, function_id: str, payload: bytes, request_id: str, client_context: str | None) -> None:
        for delay in _ASYNCHRONOUS_DELAYS_SECONDS:
            await asyncio.sleep(delay)
            with contextlib.suppress(ThrottledError):
                result = await self.invoke(function_id, payload, request_id=request_id, client_context=client_context)
                if result.error is None:
                    return

    async def stop(self) -> None:
        """Kill every process and wait until they are gone."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._discard(sandbox) for sandbox in list(self._sandboxes)))
        await self._notify_waiting()

    async def _run(
        self,
        sandbox: _Sandbox,
        payload: bytes,
        request_id: str,
        trace_id: str | None,
        client_context: str | None,
        began: float,
    ) -> InvokeResult | None:
        """None when the process ended before it received the invocation: another one may run it."""
        function = sandbox.function
        cold = not sandbox.started
        init_milliseconds = None
        kind, body = "response", b""
        started = time.perf_counter()
        if cold:
            fault = await sandbox.start(self.environment_of(function))
            init_milliseconds = (time.perf_counter() - started) * 1000
            if fault is not None:
                kind, body = "error", fault
                await sandbox.kill()
        sandbox.log_platform(f"START RequestId: {request_id} Version: $LATEST", request_id)
        started = time.perf_counter()
        if kind == "response":
            invocation = _Invocation(
                request_id=request_id,
                payload=payload,
                arn=function.arn,
                deadline_milliseconds=int((time.time() + function.timeout_seconds) * 1000),
                trace_id=trace_id or f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
                client_context=client_context,
                done=asyncio.get_running_loop().create_future(),
            )
            kind, body = await sandbox.run(invocation)
            if kind == "not received":
                return None
        # Its output before the response is in the pipe by now.
        sandbox.collect(last=True)
        error = None if kind == "response" else json.loads(body)
        if error is not None and kind != "timeout" and error["errorType"] in _LAMBDAS_OWN:
            sandbox.log_platform(f"{error['errorMessage']} {error['errorType']}", request_id)
        duration = (time.perf_counter() - started) * 1000
        init = f"\tInit Duration: {init_milliseconds:.2f} ms" if init_milliseconds is not None else ""
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tMemory Size: {function.memory_megabytes} MB"
        )
        sandbox.log_platform(f"END RequestId: {request_id}", request_id)
        sandbox.log_platform(report + init, request_id)
        return InvokeResult(
            raw=body,
            error=error,
            log_tail=sandbox.take_tail(),
            milliseconds=(time.perf_counter() - began) * 1000,
            cold=cold,
            request_id=request_id,
            init_milliseconds=init_milliseconds,
        )

    async def _acquire(self, function: Function) -> _Sandbox:
        """An idle process of the function, or a new one that has not been started."""
        fingerprint = self._fingerprint(function)
        while True:
            sandbox = self._idle(function, fingerprint)
            if sandbox is not None:
                return sandbox
            if self._stopped:
                raise ThrottledError("the stack is stopping")
            if len(self._sandboxes) < self._process_limit:
                break
            await self._make_room()
        sandbox = _Sandbox(function, fingerprint=fingerprint, write=lambda line: self.on_log(line))
        self._sandboxes.add(sandbox)
        return sandbox

    def _idle(self, function: Function, fingerprint: object) -> _Sandbox | None:
        """An idle process with today's code; older ones are ended."""
        pool = self._pools[function.id]
        while pool.idle:
            sandbox = pool.idle.pop()
            if sandbox.alive and sandbox.fingerprint == fingerprint:
                return sandbox
            self._spawn(self._discard(sandbox))
        return None

    async def _make_room(self) -> None:
        """End the process that has been idle longest, or wait until one ends or becomes idle."""
        idle = [sandbox for pool in self._pools.values() for sandbox in pool.idle]
        if idle:
            oldest = min(idle, key=lambda sandbox: sandbox.used_at)
            self._pools[oldest.function.id].idle.remove(oldest)
            await self._discard(oldest)
        else:
            async with self._changed:
                await self._changed.wait_for(self._has_room)

    def _has_room(self) -> bool:
        full = len(self._sandboxes) >= self._process_limit
        return self._stopped or not full or any(pool.idle for pool in self._pools.values())

    async def _release(self, sandbox: _Sandbox) -> None:
        sandbox.used_at = time.monotonic()
        if sandbox.alive and not self._stopped:
            self._pools[sandbox.function.id].idle.append(sandbox)
            await self._notify_waiting()
        else:
            await self._discard(sandbox)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _discard(self, sandbox: _Sandbox) -> None:
        await sandbox.kill()
        self._sandboxes.discard(sandbox)
        await self._notify_waiting()

    async def _notify_waiting(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _fingerprint(self, function: Function) -> object:
        scanned = (self._watch.generation(root) for root in function.watched)
        whole = (self._watch.generation(root, whole=True) for root in function.watched_whole)
        return function, self._settings_generation, *scanned, *whole
