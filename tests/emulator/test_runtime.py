"""Functions run on a laptop as Lambda runs them: own process, own environment, own layers, real errors."""

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from hookline_local.emulator.runtime import PAYLOAD_LIMIT_BYTES, CodeWatch, UnknownFunctionError
from hookline_local.stacks.local import LocalStack, LocalStackInThread

FIXTURE = Path(__file__).parent / "fixture"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStackInThread]:
    with LocalStackInThread(FIXTURE / "template.yaml") as running:
        yield running


@pytest.fixture
def awslambda(stack: LocalStackInThread) -> Iterator[Any]:
    client = boto3.client(
        "lambda",
        endpoint_url=stack.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def test_a_function_is_cold_once_and_warm_after(stack: LocalStackInThread) -> None:
    stack.set_environment(SOMETHING="else")
    first, second = (stack.invoke("EchoFunction", {"n": n}) for n in range(2))
    assert (first.cold, second.cold) == (True, False)
    assert first.payload["event"] == {"n": 0}
    assert first.payload["pid"] == second.payload["pid"] != os.getpid()
    assert first.init_milliseconds is not None


def test_a_function_sees_its_own_environment_and_no_other(
    stack: LocalStackInThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_LAPTOP", "1")
    stack.set_environment(FRESH="1")
    seen = stack.invoke("EchoFunction", {}).payload["environment"]
    assert "SECRET_OF_THE_LAPTOP" not in seen
    assert seen["GREETING"] == "hello"
    assert seen["INBOX_URL"].startswith(stack.aws_endpoint)
    assert seen["AWS_ENDPOINT_URL"] == stack.aws_endpoint
    assert seen["AWS_SAM_LOCAL"] == "true"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "hookline-EchoFunction"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert seen["_HANDLER"] == "echo.handler"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["TZ"] == ":UTC"
    assert not list(Path(seen["HOME"]).iterdir())
    other = stack.invoke("AnswerFunction", {"body": '"x"'})
    assert other.payload == "x"
    declared = {"GREETING", "INBOX_URL"}
    assert not declared & set(stack.stack.runtime.functions["AnswerFunction"].environment)


def test_a_function_sees_its_own_layers_and_lambdas_boto3_and_nothing_else(stack: LocalStackInThread) -> None:
    seen = stack.invoke("EchoFunction", {}).payload
    assert seen["greeting"] == "from the layer"
    assert seen["season"] == "later"
    assert seen["modules"] == ["httpx", "boto3"]
    assert seen["sys.path"][0] == str(FIXTURE / "functions")
    assert seen["directory"] == str(FIXTURE / "functions")
    assert not [path for path in seen["sys.path"] if path.endswith("site-packages")]


def test_a_function_gets_the_context_of_its_invocation(stack: LocalStackInThread) -> None:
    result = stack.invoke("EchoFunction", {})
    context = result.payload["context"]
    assert context["request_id"] == result.request_id
    assert context["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:hookline-EchoFunction"
    assert context["name"] == "hookline-EchoFunction"
    assert context["memory"] == "256"
    assert 0 < context["remaining"] <= 10_000


def until(condition: Callable[[], Any]) -> None:
    """Only what hangs takes a minute."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def test_two_invocations_at_once_have_two_processes_and_the_third_waits_for_none(
    stack: LocalStackInThread, tmp_path: Path
) -> None:
    stack.set_environment(WITHOUT="those that other tests have left")
    stack.logs.clear()
    go_on = tmp_path / "go on"
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(stack.invoke, "SlowFunction", {"until": str(go_on)}) for _ in range(3)]
        try:
            until(lambda: [line.text for line in list(stack.logs)].count("before") == 3)  # all three are at work
        finally:
            go_on.touch()
        results = [one.result() for one in running]
    assert len({result.payload["pid"] for result in results}) == 3
    assert not stack.invoke("SlowFunction", {}).cold


def test_when_all_processes_are_taken_an_invocation_waits_for_its_turn() -> None:
    async def crowd() -> tuple[set[int], int]:
        async with LocalStack(FIXTURE / "template.yaml", process_limit=2) as small:
            results = await asyncio.gather(*(small.invoke("SlowFunction", {"seconds": 0.1}) for _ in range(6)))
            await small.invoke("EchoFunction", {})
            return {result.payload["pid"] for result in results}, len(small.runtime.process_ids())

    pids, alive = asyncio.run(crowd())
    assert len(pids) == 2
    assert alive == 2


def test_a_function_is_killed_at_its_timeout_with_all_that_it_started(stack: LocalStackInThread) -> None:
    stack.set_environment(WITHOUT="those that other tests have left")
    result = stack.invoke("HastyFunction", {"seconds": 3600, "child": True})
    assert result.error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 3.00 seconds",
    }
    assert "before\n" in result.log_tail
    assert "half a line" in result.log_tail
    assert f"{result.request_id} Task timed out after 3.00 seconds" in result.log_tail
    child = re.search(r"child (\d+)", result.log_tail)
    assert child is not None
    until(lambda: not is_running(int(child[1])))
    assert stack.invoke("HastyFunction", {}).cold


@pytest.mark.parametrize(
    "event,kind,words",
    [
        ({"raise": True}, "ValueError", "on purpose"),
        ({"set": True}, "Runtime.MarshalError", "Unable to marshal response: Object of type set"),
        ({"exit": 3}, "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ({"exit": 0}, "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        (
            {"signal": signal.SIGSEGV},
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: segmentation fault",
        ),
        ({"length": PAYLOAD_LIMIT_BYTES}, "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size"),
    ],
)
def test_a_function_fails_as_on_lambda_and_its_log_has_the_cause(
    stack: LocalStackInThread, event: dict[str, Any], kind: str, words: str
) -> None:
    result = stack.invoke("SlowFunction", event)
    assert result.error is not None
    assert result.error["errorType"] == kind
    assert words in result.error["errorMessage"]
    (fault,) = [line for line in stack.logs if line.fault and line.request_id == result.request_id]
    assert words in fault.text
    assert kind in fault.text
    assert words in result.log_tail
    assert stack.invoke("SlowFunction", {}).error is None


def test_an_error_carries_its_stack_trace_and_is_logged(stack: LocalStackInThread) -> None:
    result = stack.invoke("SlowFunction", {"raise": True})
    assert result.error is not None
    assert 'raise ValueError("on purpose")' in result.error["stackTrace"][-1]
    assert "[ERROR] ValueError: on purpose" in result.log_tail


@pytest.mark.parametrize(
    "function,words",
    [
        ("BrokenFunction", "Unable to import module 'broken': No module named 'pytest'"),
        ("MissingFunction", "Unable to import module 'nowhere': No module named 'nowhere'"),
    ],
)
def test_a_failed_import_is_reported(stack: LocalStackInThread, function: str, words: str) -> None:
    stack.logs.clear()
    result = stack.invoke(function, {})
    (fault,) = [line for line in stack.logs if line.fault]
    assert words in fault.text
    assert result.error is not None
    assert result.error["errorType"] == "Runtime.ImportModuleError"
    assert result.error["errorMessage"] == words
    assert stack.stack.runtime.process_ids(function) == []


def test_every_log_line_has_its_function_and_request(stack: LocalStackInThread) -> None:
    seen: list[Any] = []
    stack.stack.on_log = seen.append
    result = stack.invoke("EchoFunction", {})
    stack.stack.on_log = lambda line: None
    (line,) = [line for line in seen if line.source == "function"]
    assert (line.function_id, line.text) == ("EchoFunction", "one line from a function")
    assert line.request_id == result.request_id
    assert line in stack.logs
    assert result.log_tail.splitlines()[0] == f"START RequestId: {result.request_id} Version: $LATEST"
    assert "one line from a function" in result.log_tail
    assert f"REPORT RequestId: {result.request_id}" in result.log_tail.splitlines()[-1]


def test_what_a_function_wrote_is_in_the_tail_of_its_own_invocation(stack: LocalStackInThread) -> None:
    for _ in range(50):
        result = stack.invoke("EchoFunction", {})
        assert result.log_tail.count("one line from a function") == 1
        assert result.log_tail.count("START RequestId") == 1
        assert stack.invoke("SlowFunction", {}).log_tail.count("half a line\n") == 1


def test_a_change_of_code_is_seen_by_the_next_invocation(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "project")
    functions = tmp_path / "project" / "functions"
    layer = tmp_path / "project" / "layer" / "python" / "greeting.py"
    with LocalStackInThread(tmp_path / "project" / "template.yaml") as stack:
        assert stack.invoke("EchoFunction", {}).payload["greeting"] == "from the layer"
        # As long as before, and within the second: neither distinguishes the byte code.
        for text in ("FROM the layer", "from THE layer", "from the LAYER"):
            layer.write_text(f'TEXT = "{text}"\n')
            result = stack.invoke("EchoFunction", {})
            assert result.payload["greeting"] == text
            assert result.cold
        assert not stack.invoke("EchoFunction", {}).cold
        (functions / "answer.py").write_text("def handler(event, context):\n    return 'changed'\n")
        assert stack.invoke("AnswerFunction", {}).payload == "changed"
        assert len(stack.stack.runtime.process_ids("EchoFunction")) == 1


def test_boto3_invokes_a_function(awslambda: Any) -> None:
    answer = awslambda.invoke(
        FunctionName="EchoFunction",
        Payload=json.dumps({"hello": "world"}),
        LogType="Tail",
        ClientContext=base64.b64encode(b'{"custom": {"a": "b"}}').decode(),
    )
    payload = json.loads(answer["Payload"].read())
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert payload["event"] == {"hello": "world"}
    assert payload["context"]["client"] == {"a": "b"}
    assert payload["context"]["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert "one line from a function" in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize(
    "name",
    [
        "EchoFunction",
        "hookline-EchoFunction",
        "arn:aws:lambda:us-east-1:123456789012:function:hookline-EchoFunction",
        "arn:aws:lambda:us-east-1:123456789012:function:EchoFunction:$LATEST",
    ],
)
def test_a_function_goes_by_all_its_names(awslambda: Any, name: str) -> None:
    assert json.loads(awslambda.invoke(FunctionName=name)["Payload"].read())["event"] == {}


def test_an_error_of_a_function_is_marked_as_one(awslambda: Any) -> None:
    answer = awslambda.invoke(FunctionName="SlowFunction", Payload=b'{"raise": true}')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"


def test_an_event_is_answered_before_the_function_runs_and_runs(awslambda: Any, stack: LocalStackInThread) -> None:
    already = sum(line.text == "before" for line in stack.logs)
    assert awslambda.invoke(FunctionName="SlowFunction", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    until(lambda: sum(line.text == "before" for line in list(stack.logs)) > already)


def test_a_dry_run_runs_nothing(awslambda: Any, stack: LocalStackInThread) -> None:
    lines = len(stack.logs)
    assert awslambda.invoke(FunctionName="EchoFunction", InvocationType="DryRun")["StatusCode"] == 204
    assert len(stack.logs) == lines


@pytest.mark.parametrize(
    "arguments,code",
    [
        ({"FunctionName": "NoSuchFunction"}, "ResourceNotFoundException"),
        ({"FunctionName": "EchoFunction", "Qualifier": "7"}, "ResourceNotFoundException"),
        ({"FunctionName": "EchoFunction", "Payload": b"{no json"}, "InvalidRequestContentException"),
        ({"FunctionName": "EchoFunction", "Payload": bytes(PAYLOAD_LIMIT_BYTES + 1)}, "RequestTooLargeException"),
    ],
)
def test_what_lambda_refuses_is_refused_by_its_name(awslambda: Any, arguments: Any, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        awslambda.invoke(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_too_many_at_once_are_refused(stack: LocalStackInThread, awslambda: Any, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(stack.invoke, "OneAtATimeFunction", {"until": str(go_on)})
        try:
            until(lambda: stack.stack.runtime.process_ids("OneAtATimeFunction"))
            with pytest.raises(ClientError) as caught:
                awslambda.invoke(FunctionName="OneAtATimeFunction")
        finally:
            go_on.touch()
        assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
        assert running.result().error is None
    assert stack.invoke("OneAtATimeFunction", {}).error is None


def test_a_function_that_does_not_exist_is_a_lookup_error(stack: LocalStackInThread) -> None:
    with pytest.raises(UnknownFunctionError):
        stack.invoke("NoSuchFunction", {})


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_change_of_a_file_of_settings_is_seen_as_one_of_code_is(tmp_path: Path) -> None:
    (tmp_path / "numbers.toml").write_text('default = "one"\n')
    watch = CodeWatch()
    assert watch.generation(tmp_path) == watch.generation(tmp_path) == 0
    (tmp_path / "numbers.toml").write_text('default = "another"\n')
    assert watch.generation(tmp_path) == 1
