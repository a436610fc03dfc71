"""The whole stack on a laptop: template, moto, functions, gateway, queues. Owns their order of starting and stopping.

    async with LocalStack("template.yaml", telnyx_base_url="http://127.0.0.1:9999/v2") as stack:
        print(stack.webhook_url)                         # where to send webhooks
        result = await stack.invoke("CallHangupFunction", event)
        print(result.payload, result.milliseconds)

    with LocalStackInThread("template.yaml") as stack:   # the same from code that is not asynchronous
        result = stack.invoke("CallHangupFunction", event)

`stack.url` serves the HTTP API and Lambda's Invoke (`aws lambda invoke --endpoint-url`). `stack.unsupported` lists, in
sentences, what is not emulated: show it at start. In source mode (built=False) a
layer is its source directory, and a layer that is a list of requirements is made of links to the packages installed
where the stack runs: the same names as in Lambda, not necessarily the same builds. built=True runs the output of
`sam build`.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import platform
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botocore.config import Config

from hookline_local.base.loopback import Application, LoopbackServer, Receive, Scope, Send
from hookline_local.base.processes import is_running
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.base.urls import is_loopback
from hookline_local.emulator import packages
from hookline_local.emulator.authorizer import JwtAuthorizer, JwtSettings
from hookline_local.emulator.cors import Cors
from hookline_local.emulator.event_bus import EventBus
from hookline_local.emulator.event_sources import QueuePoller, QueueSource, ScheduleSource, rate_seconds, run_schedule
from hookline_local.emulator.gateway import INTEGRATION_TIMEOUT_SECONDS, Exchange, HttpApi
from hookline_local.emulator.lambda_api import PREFIX, LambdaApi
from hookline_local.emulator.moto_server import MotoServer, local_session
from hookline_local.emulator.pipe import PipeRunner
from hookline_local.emulator.provisioning import create_resources
from hookline_local.emulator.runtime import Function, InvokeResult, LambdaRuntime, LogLine
from hookline_local.emulator.template import EventSource, LayerResource, PrivateRoute, Template, load_template
from hookline_local.stacks.console_door import CONSOLE, PHONE, ConsoleDoor, PhoneDoor
from hookline_local.stacks.publishing import event_buses, pipe_runners

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Result = TypeVar("Result")

API_KEY = "KEY_of_the_local_stack"

# Our own moto reports every message; any other endpoint has to be polled.
_OWN_INTERVAL_SECONDS = 1.0
_FOREIGN_INTERVAL_SECONDS = 0.2

_SCRATCH = "hookline-stack-"
"""Prefix of the name of a running stack's folder; its process id follows."""

_FUNCTION_PROPERTIES_WITHOUT_EFFECT = {
    "AutoPublishAlias": "there are no versions and aliases",
    "DeadLetterQueue": "asynchronous failures are dropped after the third time",
    "EphemeralStorage": "the temporary directory is the machine's own",
    "EventInvokeConfig": "asynchronous invocations are tried three times, without destinations",
    "FileSystemConfigs": "no file system is mounted",
    "ImageUri": "container images are not run",
    "ProvisionedConcurrencyConfig": "the first invocation is always cold",
    "SnapStart": "nothing is restored from snapshots",
    "VpcConfig": "there is no VPC",
}
_API_PROPERTIES_WITHOUT_EFFECT = {
    "AccessLogSettings": "there is no access log",
    "Auth": "there is no authorization",
    "CorsConfiguration": "no CORS headers are added",
    "DefaultRouteSettings": "nothing is throttled",
    "DefinitionBody": "only the routes of `Events` exist",
    "DefinitionUri": "only the routes of `Events` exist",
    "Domain": "there is no custom domain",
    "RouteSettings": "nothing is throttled",
}


class LocalStack:
    """Everything in the template that runs on a laptop, running between `start` and `stop`.

    template_path: template.yaml. built: run the output of `sam build` beside it, in .aws-sam/build.
    parameters: of the template; TelnyxPublicKeys and TelnyxApiKey are filled in when the template has them, and a
    WebhookBaseUrl that is not given is our own address.
    environment: variables for every function; they override all others. port: of the gateway, 0 picks one.
    aws_endpoint: an AWS other than our own moto server; aws_port: the port of our own.
    flows: a folder of call flows that replaces the template's (default: the variable HOOKLINE_FLOWS).
    patience: a factor on every time limit, for a busy machine.
    telnyx_base_url: where the functions find Telnyx's API. control_url: of the control API of a simulator, for the
    console's phone. public_key: base64, comma-separated; None is the
    development key.
    The attributes on_log, on_exchange and on_count are called in the event loop with every line that is logged, after
    every request, and for every count of AWS/Lambda; they may be changed at any time. `logs` has the last 10,000 lines.
    `buses` has the event buses by logical id, with rules that may be changed.
    The attribute throttles_requests makes API Gateway answer 429, as if its limits were used up. The attribute api_time
    is the clock of the calls API: that of a call whose time runs faster or slower than the wall clock.
    """

    def __init__(
        self,
        template_path: str | Path,
        *,
        parameters: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        aws_endpoint: str | None = None,
        aws_port: int = 0,
        telnyx_base_url: str | None = None,
        control_url: str | None = None,
        api_key: str = API_KEY,
        public_key: str | None = None,
        built: bool = False,
        flows: str | Path | None = None,
        process_limit: int = 32,
        patience: float = 1.0,
    ) -> None:
        path = Path(template_path).resolve()
        self.template_path = path.parent / ".aws-sam" / "build" / "template.yaml" if built else path
        self.url = ""
        self.aws_endpoint = aws_endpoint or ""
        self.control_url = control_url
        self.logs: deque[LogLine] = deque(maxlen=10_000)
        self.unsupported: list[str] = []
        self.buses: dict[str, EventBus] = {}
        self.on_log: Callable[[LogLine], None] = lambda line: None
        self.on_exchange: Callable[[Exchange], None] = lambda exchange: None
        self.on_count: Callable[[str, str], None] = lambda function_id, metric: None
        self.throttles_requests = False
        self.api_time: Callable[[], float] = time.time
        self._parameters = dict(parameters or {})
        self._environment = dict(environment or {})
        self._port = port
        self._aws_port = aws_port
        self._own_aws = aws_endpoint is None
        self._telnyx_base_url = telnyx_base_url
        self._api_key = api_key
        self._public_key = public_key or DEVELOPMENT_PUBLIC_KEY
        self._built = built
        chosen = flows or os.environ.get("HOOKLINE_FLOWS")
        self._flows = Path(chosen) if chosen else None
        self._process_limit = process_limit
        self._patience = patience
        self._template: Template | None = None
        self._runtime: LambdaRuntime | None = None
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def flows_folder(self) -> Path | None:
        """The folder of the call flows, before the stack is started; None when there is none beside the template."""
        folder = self._flows or self.template_path.parent / "flows"
        return folder if self._flows or folder.is_dir() else None

    @property
    def template(self) -> Template:
        if self._template is None:
            raise RuntimeError("the stack has not been started")
        return self._template

    @property
    def runtime(self) -> LambdaRuntime:
        if self._runtime is None:
            raise RuntimeError("the stack has not been started")
        return self._runtime

    @property
    def webhook_url(self) -> str:
        """The URL for the Telnyx portal."""
        return f"{self.url}/webhooks"

    @property
    def console_url(self) -> str | None:
        """The URL of the console's page; None when the calls API is off, or asks for tokens that no client fetches."""
        routes = self.template.private_routes()
        is_signed_in = any(route.path.startswith(CONSOLE) for route in routes)
        is_open = is_signed_in or not any(route.authorizer for route in routes)
        return f"{self.url}/console/index.html" if self.api_url and is_open else None

    @property
    def api_url(self) -> str | None:
        """The URL of the calls API; None when it is off. It needs no credentials, unless it asks for tokens."""
        return self.url if self.template.private_routes() else None

    async def start(self) -> None:
        """Start everything, or leave nothing running and raise why not."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything; no process is left. Idempotent."""
        await self._closing.aclose()

    async def invoke(self, function_id: str, event: Any) -> InvokeResult:
        """Run one function with one event (any JSON value, or bytes that are JSON).

        Raises UnknownFunctionError and ThrottledError; an error of the function itself is in the result.
        """
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return await self.runtime.invoke(function_id, payload)

    def set_environment(self, **variables: str) -> None:
        """Change variables of every function. Their processes are replaced when they are next used."""
        self.runtime.set(**variables)

    async def _start(self) -> None:
        _remove_stale_folders()
        scratch = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-"))
        self._closing.callback(shutil.rmtree, scratch, ignore_errors=True)
        server = LoopbackServer(self._port)
        self._closing.push_async_callback(server.stop)
        self.url = server.url
        pollers: list[QueuePoller] = []
        pipes: list[PipeRunner] = []

        def wake() -> None:
            for poller in pollers:
                poller.wake()

        def wake_pipes() -> None:
            for pipe in pipes:
                pipe.wake()

        if self._own_aws:
            moto = MotoServer(self._aws_port, on_message=wake, on_write=wake_pipes)
            self._closing.push_async_callback(moto.stop)
            starting = asyncio.create_task(moto.start())
            try:
                template = await asyncio.to_thread(self._load)
            finally:
                # Also when the template is invalid: moto must be up before it can be stopped.
                self.aws_endpoint = await starting
        else:
            template = await asyncio.to_thread(self._load)
        await asyncio.to_thread(create_resources, template, endpoint_url=self.aws_endpoint)

        self._template = template
        functions = await asyncio.to_thread(self._functions, template, scratch)
        home = scratch / "home"
        home.mkdir()
        self._runtime = LambdaRuntime(
            functions,
            own_packages=packages.link(packages.LAMBDA_PACKAGES, scratch / "lambda"),
            home=home,
            region=template.region,
            settings={
                "AWS_ENDPOINT_URL": self.aws_endpoint,
                **({} if self._patience == 1 else {"HOOKLINE_PATIENCE": f"{self._patience:g}"}),
                **self._environment,
            },
            on_log=self._log,
            on_count=lambda function_id, metric: self.on_count(function_id, metric),
            process_limit=self._process_limit,
        )
        self._closing.push_async_callback(self._runtime.stop)
        await server.start(self._application(template, self._runtime))
        # The server is stopped before the functions, so that no request is answered 500 because of it.
        self._closing.push_async_callback(server.stop)

        sources, schedules = self._sources(template)
        self.unsupported = [*template.unsupported, *self._unsupported(template, functions)]
        interval = _OWN_INTERVAL_SECONDS if self._own_aws else _FOREIGN_INTERVAL_SECONDS
        if sources:
            sqs = self._sqs(template.region)
            invoke = self._runtime.invoke
            pollers += [QueuePoller(source, invoke=invoke, sqs=sqs, interval_seconds=interval) for source in sources]
        self.buses = event_buses(template, endpoint_url=self.aws_endpoint, submit=self._runtime.submit)
        pipes += pipe_runners(
            template,
            self.buses,
            endpoint_url=self.aws_endpoint,
            interval_seconds=None if self._own_aws else _FOREIGN_INTERVAL_SECONDS,
        )
        for work in [*(poller.run() for poller in pollers), *(pipe.run() for pipe in pipes)] + [
            run_schedule(schedule, submit=self._runtime.submit) for schedule in schedules
        ]:
            self._closing.push_async_callback(_cancel, asyncio.create_task(work))

    def _load(self) -> Template:
        ours = {"TelnyxPublicKeys": self._public_key, "TelnyxApiKey": self._api_key}
        if self._telnyx_base_url and is_loopback(self._telnyx_base_url):
            ours["DialAllow"] = "+,@"  # a simulator: no one is called
        return load_template(self.template_path, self._parameters, filled_in=ours)

    def _log(self, line: LogLine) -> None:
        self.logs.append(line)
        self.on_log(line)

    def _application(self, template: Template, runtime: LambdaRuntime) -> Callable[..., Coroutine[Any, Any, None]]:
        async def invoke(function_id: str, payload: bytes, trace_id: str) -> InvokeResult:
            return await runtime.invoke(function_id, payload, trace_id=trace_id)

        private = template.private_routes()
        http_api = HttpApi(
            [*template.routes(), *private],
            invoke,
            private={route.function for route in private},
            tokens=_tokens(template, private),
            cors=_cors(template),
            account=template.account,
            on_exchange=lambda exchange: self.on_exchange(exchange),
            integration_timeout_seconds=INTEGRATION_TIMEOUT_SECONDS * self._patience,
            throttles=lambda: self.throttles_requests,
            private_time=lambda: self.api_time(),
        )
        lambda_api = LambdaApi(runtime, region=template.region, account=template.account)
        doors: dict[str, Application] = {PREFIX: lambda_api, PHONE: PhoneDoor(self.control_url)}
        if private and not any(route.authorizer for route in private):
            doors[CONSOLE] = ConsoleDoor(self.template_path.parent / "console", media_origin=self.aws_endpoint)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            found = (door for prefix, door in doors.items() if scope["path"].startswith(prefix))
            await next(found, http_api)(scope, receive, send)

        return application

    def _functions(self, template: Template, scratch: Path) -> list[Function]:
        linked: dict[Path, Path] = {}
        found = []
        for name, function in template.functions().items():
            # Lambda unpacks one layer over the other: of two files with the same name the last layer's wins.
            paths = [self._python_path(layer, scratch, linked) for layer in reversed(function.layers)]
            environment = template.environment_of(name)
            if self._telnyx_base_url and "TELNYX_API_BASE_URL" in environment:
                environment["TELNYX_API_BASE_URL"] = self._telnyx_base_url
            # Else they would use https:// with our own domain.
            if "WEBHOOK_BASE_URL" in environment and not template.parameters.get("WebhookBaseUrl"):
                environment["WEBHOOK_BASE_URL"] = self.url
            if "MEDIA_ORIGINS" in environment:
                environment["MEDIA_ORIGINS"] = self.aws_endpoint
            environment |= {key: self._in_a_layer(value, function.layers) for key, value in environment.items()}
            physical = f"{template.stack_name}-{name}"
            code = function.code.resolve()
            sources = [self._source_of(layer) for layer in function.layers if layer.is_package]
            watched = [code, *(path for path in paths if path not in linked.values()), *sources]
            whole = [root for root in watched if self._built and root.is_relative_to(self.template_path.parent)]
            found.append(
                Function(
                    id=name,
                    name=physical,
                    arn=f"arn:aws:lambda:{template.region}:{template.account}:function:{physical}",
                    handler=function.handler,
                    artefact=code,
                    python_paths=tuple(paths),
                    watched=tuple(root for root in watched if root not in whole),
                    watched_whole=tuple(whole),
                    environment=environment,
                    runtime=function.runtime,
                    timeout_seconds=function.timeout * self._patience,
                    memory_megabytes=function.memory,
                    reserved_concurrency=function.reserved_concurrency,
                    sealed=self._built,
                )
            )
        return found

    def _python_path(self, layer: LayerResource, scratch: Path, linked: dict[Path, Path]) -> Path:
        if layer.is_package:
            folder = scratch / "layers" / layer.id
            if not folder.is_dir():
                folder.mkdir(parents=True)
                (folder / layer.path.name).symlink_to(self._source_of(layer), target_is_directory=True)
            return folder
        requirements = _requirements_of(layer)
        if requirements is None:
            return layer.python_path.resolve()
        if requirements not in linked:
            named = packages.named_in(requirements)
            absent = packages.missing(named)
            present = [name for name in named if name not in absent]
            linked[requirements] = packages.link(present, scratch / "layers" / layer.id)
        return linked[requirements]

    def _in_a_layer(self, value: str, layers: Sequence[LayerResource]) -> str:
        """A value of the environment: a folder under /opt, where Lambda unpacks layers, is the layer's folder here."""
        name = value.removeprefix("/opt/") if value.startswith("/opt/") else ""
        for layer in layers:
            for folder in (layer.path / name, layer.path) if name else ():
                if folder.name == name and folder.is_dir():
                    return str(folder.resolve())
        return value

    def _source_of(self, layer: LayerResource) -> Path:
        """The folder of a layer that is a package; for the flows the given one."""
        return (self._flows if self._flows and layer.path.name == "flows" else layer.path).resolve()

    def _sqs(self, region: str) -> "SQSClient":
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        return local_session(region).client("sqs", endpoint_url=self.aws_endpoint, config=config)

    def _sources(self, template: Template) -> tuple[list[QueueSource], list[ScheduleSource]]:
        queues: list[QueueSource] = []
        schedules: list[ScheduleSource] = []
        for function_id in template.functions():
            for source in template.event_sources(function_id):
                if source.type == "SQS" and source.enabled and source.queue and source.arn:
                    queues.append(
                        QueueSource(
                            function_id=function_id,
                            queue_url=template.physical_id(source.queue),
                            queue_arn=source.arn,
                            region=template.region,
                            batch_size=source.batch_size,
                            window_seconds=source.window_seconds,
                            maximum_concurrency=source.maximum_concurrency,
                            reports_batch_item_failures=source.reports_batch_item_failures,
                        )
                    )
                elif (seconds := _schedule_seconds(source)) is not None:
                    schedules.append(
                        ScheduleSource(
                            function_id=function_id,
                            name=source.name,
                            every_seconds=seconds,
                            region=template.region,
                            account=template.account,
                            payload=source.properties.get("Input"),
                            scheduler=source.type == "ScheduleV2",
                        )
                    )
        return queues, schedules

    def _unsupported(self, template: Template, functions: list[Function]) -> Iterator[str]:
        """Sentences about what this stack does not do, beside those of the template itself."""
        yield "Permissions are not enforced: a function may do here what its policies forbid on AWS."
        runtimes = {function.runtime for function in functions} - {
            f"python{platform.python_version().rpartition('.')[0]}"
        }
        if runtimes:
            names = ", ".join(sorted(runtimes))
            yield f"The functions require {names} and run on Python {platform.python_version()}, which runs the stack."
        for function_id, function in template.functions().items():
            properties = template.properties_as_written(function_id)
            if not function.code.is_dir():
                yield f"{function_id}: its code does not exist: {function.code}."
            for key, instead in _FUNCTION_PROPERTIES_WITHOUT_EFFECT.items():
                if key in properties:
                    yield f"{function_id}: its {key} has no effect here: {instead}."
            for layer in function.layers:
                requirements = _requirements_of(layer)
                for name in packages.missing(packages.named_in(requirements)) if requirements else []:
                    yield f"{layer.id}: {name} is not installed where the stack runs."
            for source in template.event_sources(function_id):
                yield from _unsupported_source(function_id, source)
        for api in template.resources("AWS::Serverless::HttpApi"):
            properties = template.properties_as_written(api)
            for key, instead in _API_PROPERTIES_WITHOUT_EFFECT.items():
                if key in properties:
                    yield f"{api}: its {key} has no effect here: {instead}."


def _tokens(template: Template, routes: Iterable[PrivateRoute]) -> dict[str, tuple[JwtAuthorizer, tuple[str, ...]]]:
    """By the key of each route that asks for a token, its authorizer and its scopes."""
    authorizers = {}
    for name in template.resources("AWS::ApiGatewayV2::Authorizer"):
        settings = template.resolve(template.properties_as_written(name)["JwtConfiguration"])
        authorizers[name] = JwtAuthorizer(JwtSettings(settings["Issuer"], tuple(settings["Audience"])))
    asking = [(route, authorizers[route.authorizer]) for route in routes if route.authorizer]
    return {f"{route.method} {route.path}": (authorizer, route.scopes) for route, authorizer in asking}


def _cors(template: Template) -> Cors | None:
    """The CORS of the API that is written out, if it has any."""
    for name in template.resources("AWS::ApiGatewayV2::Api"):
        written = template.properties_as_written(name).get("CorsConfiguration")
        if found := template.resolve({"cors": written}).get("cors"):
            return Cors.of(found)
    return None


def _remove_stale_folders() -> None:
    """Remove the folders of killed stacks of this user."""
    for path in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        pid = path.name.removeprefix(_SCRATCH).partition("-")[0]
        with contextlib.suppress(FileNotFoundError):  # another stack that is starting was faster
            if pid.isdecimal() and path.lstat().st_uid == os.getuid() and not is_running(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _requirements_of(layer: LayerResource) -> Path | None:
    """The requirements of an unbuilt layer of packages, if it is one."""
    if (layer.path / "python").is_dir():
        return None
    for name in ("requirements.in", "requirements.txt"):
        if (layer.path / name).is_file():
            return layer.path / name
    return None


def _schedule_seconds(source: EventSource) -> int | None:
    if source.type not in ("Schedule", "ScheduleV2") or source.properties.get("State") == "DISABLED":
        return None
    expression = source.properties.get("ScheduleExpression") or source.properties.get("Schedule") or ""
    return rate_seconds(str(expression))


def _unsupported_source(function_id: str, source: EventSource) -> Iterator[str]:
    where = f"{function_id}: event {source.name}"
    if source.type == "SQS":
        if source.queue is None:
            yield f"{where} reads a queue that is not in this template; it is not read here."
        for key in ("FilterCriteria", "ProvisionedPollerConfig", "KmsKeyArn"):
            if key in source.properties:
                yield f"{where}: its {key} has no effect here."
    elif source.type in ("Schedule", "ScheduleV2"):
        if _schedule_seconds(source) is None and source.properties.get("State") != "DISABLED":
            yield f"{where}: only rate() schedules run here."
    else:
        yield f"{where}: sources of the type {source.type} are not emulated."


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


class LocalStackInThread:
    """A Stack in a thread of its own, for code that is not asynchronous. Takes the arguments of LocalStack.

    Its on_log and on_exchange are called in that thread.
    """

    def __init__(self, template_path: str | Path, **options: Any) -> None:
        self._stack = LocalStack(template_path, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hookline-stack", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()
        try:
            self._do(self._stack.start())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._thread.is_alive():
            self._do(self._stack.stop())
            self._do(self._loop.shutdown_default_executor())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def invoke(self, function_id: str, event: Any) -> InvokeResult:
        """As LocalStack.invoke."""
        return self._do(self._stack.invoke(function_id, event))

    def set_environment(self, **variables: str) -> None:
        """As LocalStack.set_environment."""

        async def change() -> None:
            self._stack.set_environment(**variables)

        self._do(change())

    def call(self, work: Callable[[LocalStack], Result]) -> Result:
        """Run `work` in the stack's thread and wait for its result."""

        async def run() -> Result:
            return work(self._stack)

        return self._do(run())

    @property
    def stack(self) -> LocalStack:
        """The stack itself: call its methods in its own thread only; its attributes may be read from any thread."""
        return self._stack

    @property
    def url(self) -> str:
        return self._stack.url

    @property
    def webhook_url(self) -> str:
        return self._stack.webhook_url

    @property
    def aws_endpoint(self) -> str:
        return self._stack.aws_endpoint

    @property
    def unsupported(self) -> list[str]:
        return self._stack.unsupported

    @property
    def logs(self) -> deque[LogLine]:
        return self._stack.logs

    @property
    def template(self) -> Template:
        return self._stack.template

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        future: concurrent.futures.Future[Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()
