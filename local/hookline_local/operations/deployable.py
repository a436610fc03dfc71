"""Whether a stack can be deployed as CloudFormation has it: not after a first deployment that failed, for example."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.stacks.status import obstacle

CONFIG = Path(__file__).parents[3] / "samconfig.toml"


@dataclass(frozen=True)
class Undeployable:
    """status: of the stack. advice: what to do. failure: the first resource that has failed, and why; may be empty."""

    name: str
    status: str
    advice: str
    failure: str


def stages() -> list[str]:
    """The tables of samconfig.toml."""
    return [name for name, table in _config().items() if isinstance(table, dict)]


def undeployable(stage: str, *, name: str | None, region: str | None) -> Undeployable | None:
    """The obstacle to `sam deploy`; None when there is none.

    None as well when there is no stack, and when it cannot be asked about: SAM itself reports what is wrong then.
    stage: a table of samconfig.toml. name, region: in place of those of the table.
    """
    try:
        client, name = _stack(stage, name, region)
        status = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        advice = obstacle(status)
        return Undeployable(name, status, advice, _first_failure(client, name)) if advice else None
    except (ClientError, BotoCoreError):
        return None


def pending_changes(stage: str, *, name: str | None, region: str | None) -> str:
    """The stack whose newest change set was not executed; empty when there is none, or it cannot be asked about.

    SAM ends with status 0 when its question is answered with no, and leaves the change set. One without changes has
    failed, and is not meant.
    """
    try:
        client, name = _stack(stage, name, region)
        pages = client.get_paginator("list_change_sets").paginate(StackName=name)
        found = [summary for page in pages for summary in page["Summaries"]]
    except (ClientError, BotoCoreError):
        return ""
    newest: dict[str, Any] = max(found, key=lambda summary: summary["CreationTime"], default={})
    return name if newest.get("ExecutionStatus") == "AVAILABLE" else ""


def _stack(stage: str, name: str | None, region: str | None) -> tuple[Any, str]:
    """A client of CloudFormation and the name of the stack."""
    settings = _config().get(stage, {}).get("global", {}).get("parameters", {})
    client = boto3.client("cloudformation", region_name=region or settings.get("region"))
    return client, name or settings.get("stack_name", "")


def _config() -> dict[str, Any]:
    return tomllib.loads(CONFIG.read_text(encoding="utf-8"))


def _first_failure(client: Any, name: str) -> str:
    """Others are cancelled because of it."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)  # newest first
    failed = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for page in pages
        for event in page["StackEvents"]
        if event.get("ResourceStatus", "").endswith("_FAILED") and event["LogicalResourceId"] != name
    ]
    return failed[-1] if failed else ""
