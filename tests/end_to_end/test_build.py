"""The artifacts of `sam build`, run as Lambda runs them: under AWS's runtime client, with the layers and boto3
on the path and nothing else. So a dependency that a layer lacks is red here and not on the day of deployment.

Built offline, from the wheels that `make` has put into .cache/wheels: everything for this machine, to be run, and the
layers for the template's runtime and architecture as well, to be looked at.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from hookline.routing import ROUTED_EVENTS
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.emulator import packages
from hookline_local.emulator.moto_server import MotoServer
from hookline_local.emulator.provisioning import create_resources
from hookline_local.emulator.runtime import Function, InvokeResult, LambdaRuntime
from hookline_local.emulator.template import Template, load_template
from layers.sbom import document

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
WHEELS = ROOT / ".cache" / "wheels"
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PARAMETERS = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": "KEY0"}
IMPORT_EACH = """
import importlib, sys
for handler in sys.argv[2:]:
    sys.path[:0] = sys.argv[1].split(":") if handler == sys.argv[2] else []
    module, _, name = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name)), handler
    print(handler)
"""


def sam_build(folder: Path, **settings: str) -> Template:
    """Run `sam build` into `folder`, with nothing to fetch from."""
    assert SAM.exists(), "the SAM CLI is not installed yet: run `make test-end-to-end`"
    folder.mkdir()
    settings |= {"LAYER_INTERPRETER": sys.executable, "WHEELS": str(WHEELS), "PIP_NO_INDEX": "1"}
    # SAM's own folder: it must neither touch the developer's nor ask the network for a newer SAM.
    (folder / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    settings |= {"__SAM_CLI_APP_DIR": str(folder), "SAM_CLI_TELEMETRY": "0"}
    settings |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command: list[str | Path] = [SAM, "build", "--template", ROOT / "template.yaml", "--build-dir", folder / "build"]
    done = subprocess.run(command, env=os.environ | settings, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return load_template(folder / "build" / "template.yaml", PARAMETERS)


@pytest.fixture(scope="module")
def built_here(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Built for this machine's architecture and Python."""
    folder = tmp_path_factory.mktemp("here") / "sam"
    return sam_build(folder, LAYER_ARCH="native", LAYER_PYTHON=THIS_PYTHON)


@pytest.fixture(scope="module")
def layers_for_lambda(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The layers as they are deployed: by the recipes that SAM runs, left at their defaults."""
    made = []
    for folder, target in (
        ("layers/hookline", "HooklineLayer"),
        ("layers/dependencies", "DependenciesLayer"),
        ("flows", "FlowsLayer"),
    ):
        made.append(tmp_path_factory.mktemp("lambda"))
        settings = {"ARTIFACTS_DIR": str(made[-1]), "LAYER_INTERPRETER": sys.executable, "WHEELS": str(WHEELS)}
        command = ["make", "-C", str(ROOT / folder), f"build-{target}"]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    return [layer / "python" for layer in made]


@pytest.fixture(scope="module")
def of_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the runtime itself: boto3 and the runtime client, with what those need."""
    return packages.link(packages.LAMBDA_PACKAGES, tmp_path_factory.mktemp("runtime"))


def layers(template: Template) -> list[Path]:
    (found,) = {function.layers for function in template.functions().values()}
    return [layer.python_path for layer in found]


def artifacts(template: Template) -> list[Path]:
    return [function.code for function in template.functions().values()]


def as_deployed(template: Template, logical_id: str, **environment: str) -> Function:
    resource = template.functions()[logical_id]
    return Function(
        id=logical_id,
        name=logical_id,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{logical_id}",
        handler=resource.handler,
        artefact=resource.code.resolve(),
        python_paths=tuple(path.resolve() for path in layers(template)),
        environment=template.environment_of(logical_id) | environment,
        timeout_seconds=30,
        sealed=True,
    )


async def invoke(function: Function, request: object, *, of_lambda: Path, home: Path) -> InvokeResult:
    runtime = LambdaRuntime([function], own_packages=of_lambda, home=home)
    try:
        return await runtime.invoke(function.id, json.dumps(request).encode())
    finally:
        await runtime.stop()


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return found


def test_every_handler_and_every_layer_of_the_built_template_is_where_it_says(built_here: Template) -> None:
    functions = built_here.functions().values()
    assert len(functions) == len(ROUTED_EVENTS) + len(["router", "sender", "deferred", "archiver", "calls API"])
    for function in functions:
        module, _, _ = function.handler.partition(".")
        assert (function.code / f"{module}.py").is_file(), function.id
        packages_of = {layer.id: {path.name for path in layer.python_path.iterdir()} for layer in function.layers}
        assert packages_of["FlowsLayer"] - {"__pycache__"} == {"flows"}
        assert packages_of["HooklineLayer"] - {"__pycache__"} == {"hookline"}
        assert {"httpx", "nacl", "aws_lambda_powertools"} <= packages_of["DependenciesLayer"]


def test_the_layer_of_flows_holds_every_flow_and_the_table_of_numbers(built_here: Template) -> None:
    flows = next(layer for layer in next(iter(built_here.functions().values())).layers if layer.id == "FlowsLayer")
    built = {path.name for path in (flows.python_path / "flows").iterdir() if path.is_file()}
    assert built == {path.name for path in (ROOT / "flows").iterdir() if path.suffix in (".py", ".toml")}


def test_a_built_function_verifies_a_webhook_and_appends_its_event_to_the_journal(
    built_here: Template, of_lambda: Path, tmp_path: Path
) -> None:
    async def deliver() -> tuple[InvokeResult, int]:
        aws = MotoServer()
        endpoint = await aws.start()
        try:
            await asyncio.to_thread(create_resources, built_here, endpoint_url=endpoint)
            function = as_deployed(built_here, "CallHangupFunction", AWS_ENDPOINT_URL=endpoint)
            result = await invoke(function, sample("call.hangup"), of_lambda=of_lambda, home=tmp_path)
            return result, await asyncio.to_thread(count_items, function.environment["TABLE_NAME"], endpoint)
        finally:
            await aws.stop()

    result, items = asyncio.run(deliver())
    assert result.error is None, result.log_tail
    assert result.payload["statusCode"] == 200
    assert items == 1


def count_items(table: str, endpoint: str) -> int:
    import boto3

    return boto3.client("dynamodb", endpoint_url=endpoint).scan(TableName=table)["Count"]


def test_a_built_function_refuses_a_body_that_was_changed_by_one_letter(
    built_here: Template, of_lambda: Path, tmp_path: Path
) -> None:
    request = sample("call.answered")
    request["body"] = request["body"].replace("call.answered", "call.answereD")
    function = as_deployed(built_here, "CallAnsweredFunction")
    result = asyncio.run(invoke(function, request, of_lambda=of_lambda, home=tmp_path))
    assert result.error is None, result.log_tail
    assert result.payload["statusCode"] == 401


def test_every_built_handler_finds_all_that_it_imports(built_here: Template, of_lambda: Path) -> None:
    functions = built_here.functions().values()
    handlers = [function.handler for function in functions]
    assert len(handlers) == len(ROUTED_EVENTS) + 5
    path = os.pathsep.join(map(str, [artifacts(built_here)[0], *layers(built_here), of_lambda]))
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT_EACH, path, *handlers]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **built_here.environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == handlers


@pytest.mark.parametrize("missing", ["nacl", "httpx", "aws_lambda_powertools", "hookline"])
def test_a_package_that_a_layer_lacks_is_found_out(
    built_here: Template, of_lambda: Path, tmp_path: Path, missing: str
) -> None:
    function = as_deployed(built_here, "WebhookRouterFunction")
    lacking = []
    for number, path in enumerate(function.python_paths):
        lacking.append(tmp_path / f"layer-{number}")
        shutil.copytree(path, lacking[-1], ignore=shutil.ignore_patterns(missing))
    function = replace(function, python_paths=tuple(lacking))
    result = asyncio.run(invoke(function, sample("call.hangup"), of_lambda=of_lambda, home=tmp_path))
    assert result.error is not None
    assert result.error["errorType"] == "Runtime.ImportModuleError"
    assert f"No module named '{missing}" in result.error["errorMessage"]


def test_everything_built_has_byte_code_that_does_not_ask_for_the_date_of_its_source(built_here: Template) -> None:
    """Packaging gives every file the date 1980-01-01, and Lambda cannot write again what it finds to be out of date."""
    sources = [source for path in [*layers(built_here), *artifacts(built_here)] for source in path.rglob("*.py")]
    assert len(sources) > 500
    for source in sources:
        code = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        assert code.read_bytes()[4:8] == b"\x01\0\0\0", (
            f"{code}: byte 4 of the header is not 'unchecked hash' (PEP 552)"
        )


def test_what_goes_to_lambda_is_made_for_its_processor(layers_for_lambda: list[Path]) -> None:
    extensions = [path for layer in layers_for_lambda for path in layer.rglob("*.so*")]
    assert {path.name.partition(".")[0] for path in extensions} >= {"_sodium", "_cffi_backend"}
    aarch64 = 0xB7  # e_machine, at byte 18 of an ELF header
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in extensions} == {aarch64}


def test_the_layers_hold_no_more_than_twenty_megabytes_and_nothing_that_lambda_has(
    layers_for_lambda: list[Path],
) -> None:
    files = [path for layer in layers_for_lambda for path in layer.rglob("*") if path.is_file()]
    assert 1_000_000 < sum(path.stat().st_size for path in files) <= 20_000_000
    names = {path.name for layer in layers_for_lambda for path in layer.iterdir()}
    assert {"flows", "hookline", "httpx", "nacl", "aws_lambda_powertools"} <= names
    assert names.isdisjoint({"boto3", "botocore", "telnyx", "pydantic", "requests", "hookline_local"})


def test_the_bill_of_materials_lists_what_is_locked_and_nothing_else(layers_for_lambda: list[Path]) -> None:
    _, packages, _ = layers_for_lambda
    made = document(packages)
    lock = (ROOT / "layers" / "dependencies" / "requirements.txt").read_text()
    locked = {
        f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock, re.MULTILINE)
    }
    assert {component["purl"] for component in made["components"]} == locked
    assert made["dependencies"][0]["dependsOn"] == [component["bom-ref"] for component in made["components"]]
    assert all(component["licenses"][0]["license"]["name"] for component in made["components"])
    assert made == document(packages)


def test_all_functions_are_the_same_artifact_of_source_and_byte_code_and_nothing_else(built_here: Template) -> None:
    """So one upload serves them all, and a deployment changes them only when their source has changed."""
    contents = [
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in artifacts(built_here)
    ]
    assert all(content == contents[0] for content in contents)
    sources = {str(path.relative_to(ROOT / "functions")) for path in (ROOT / "functions").rglob("*.py")}
    assert {name for name in contents[0] if not name.endswith(".pyc")} == sources


def make(
    target: str, *settings: str, stdin: int = subprocess.DEVNULL, environment: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The arguments with which make calls `sam`, without building anything."""
    command = ["make", "--silent", "--old-file=build", "--old-file=.venv-sam/installed", target, *settings]
    outside = ("MAKE", "PARAMETERS", "REGION", "STACK", "STAGE", "TELNYX_")
    given = {name: value for name, value in os.environ.items() if not name.startswith(outside)} | dict(environment)
    run = [*command, "SAM=printf '%s\\0'"]
    printed = subprocess.run(
        run, cwd=ROOT, env=given, stdin=stdin, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return printed.removesuffix("\0").split("\0")


def parse_overrides(overrides: str) -> Any:
    """The reading of SAM's own parser of `--parameter-overrides`."""
    code = "import json, sys; from samcli.cli.types import CfnParameterOverridesType as Type; "
    code += "print(json.dumps(Type().convert((sys.argv[1],), None, None)))"
    python = SAM.with_name("python")
    ran = subprocess.run([python, "-c", code, overrides], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout)


SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telnyx-AbCdEf"


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (
            {"TELNYX_PUBLIC_KEY": "old=,new=", "TELNYX_API_KEY": "KEY0"},
            {"TelnyxPublicKeys": "old=,new=", "TelnyxApiKey": "KEY0"},
        ),
        (
            {"TELNYX_API_KEY": "KEY0", "PARAMETERS": 'LineGreeting="It\'s us: hello" LineGoodbye="" LineRecord=off'},
            {"TelnyxApiKey": "KEY0", "LineGreeting": "It's us: hello", "LineGoodbye": "", "LineRecord": "off"},
        ),
        (
            {"PARAMETERS": f'TelnyxApiKey="" TelnyxApiKeySecretArn={SECRET_ARN}'},
            {"TelnyxApiKey": "", "TelnyxApiKeySecretArn": SECRET_ARN},
        ),
        ({"PARAMETERS": 'LineGreeting="From $5 to $$6 (a)"'}, {"LineGreeting": "From $5 to $$6 (a)"}),
    ],
)
@pytest.mark.parametrize("where", ["environment", "command line"])
def test_make_deploy_hands_over_the_keys_and_the_parameters_as_they_are_written(
    given: dict[str, str], parameters: dict[str, str], where: str
) -> None:
    if where == "environment":
        arguments = make("deploy", environment=given)
    else:
        arguments = make("deploy", *(f"{name}={value}" for name, value in given.items()))
    assert arguments[:-1] == ["deploy", "--no-confirm-changeset", "--parameter-overrides"]
    assert parse_overrides(arguments[-1]) == parameters


def test_a_parameter_that_is_emptied_without_quotes_is_dropped_by_sam() -> None:
    """Why docs/deploy.md insists on `TelnyxApiKey=""`: the other way the old value stays, and OneApiKey refuses."""
    assert parse_overrides(f"TelnyxApiKeySecretArn={SECRET_ARN} TelnyxApiKey=").get("TelnyxApiKey") is None


def test_make_deploy_without_parameters_leaves_those_of_samconfig_in_force() -> None:
    assert make("deploy") == ["deploy", "--no-confirm-changeset"]


def test_make_asks_for_confirmation_only_at_a_terminal() -> None:
    main, terminal = os.openpty()
    try:
        assert make("deploy", stdin=terminal) == ["deploy"]
        assert make("delete", stdin=terminal) == ["delete"]
    finally:
        os.close(main)
        os.close(terminal)
    assert make("delete") == ["delete", "--no-prompts"]


@pytest.mark.parametrize("target", ["deploy", "delete"])
def test_make_takes_the_stage_the_stack_and_the_region(target: str) -> None:
    arguments = make(target, "STAGE=prod", "STACK=line-2", "REGION=eu-west-1")
    expected = ["--config-env", "prod", "--stack-name", "line-2", "--region", "eu-west-1"]
    assert arguments[1 : len(expected) + 1] == expected
