"""Make permissions.md: every statement of every role of the template, as a table. docs.generate writes it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

INTRODUCTION = """\
# Permissions

Made from `template.yaml` by `make docs`; do not edit. [security.md](security.md) names those that matter most. Nothing
else is allowed to a function. The roles that SAM makes, those of the webhook functions, also hold AWS's own policy
AWSLambdaBasicExecutionRole, which the statement LogToOneGroup narrows to one log group.
"""


def permissions_page(source: Mapping[str, Any]) -> str:
    """The page of all roles. source: the sections of the template, as they are written."""
    resources = source["Resources"]
    return "\n".join([INTRODUCTION, *_tables(resources)])


def _tables(resources: Mapping[str, Any]) -> Iterator[str]:
    for name, holders in _holders(resources).items():
        yield f"## {name}\n"
        yield f"{_those_who_have(holders)}\n"
        yield "| Sid | | Actions | Resources |"
        yield "|---|---|---|---|"
        for statement in _statements(resources[name]["Properties"]):
            yield f"| {' | '.join(_cells(statement))} |"
        yield ""


def _holders(resources: Mapping[str, Any]) -> dict[str, list[str]]:
    """The policies and roles with statements of their own, each with the functions and roles that have it."""
    named = {name: entry["Properties"] for name, entry in resources.items() if _statements(entry["Properties"])}
    found: dict[str, list[str]] = {name: [] for name in named if resources[name]["Type"].startswith("AWS::IAM::")}
    for holder, entry in resources.items():
        properties = entry["Properties"]
        given = [
            properties.get("Role"),
            properties.get("RoleArn"),
            *_listed(properties.get("Policies")),
            *properties.get("ManagedPolicyArns", []),
        ]
        for name in found:
            if any(_refers(part, name) for part in given):
                found[name].append(holder)
    return found


def _refers(node: Any, name: str) -> bool:
    return node in ({"Ref": name}, {"Fn::GetAtt": [name, "Arn"]})


def _those_who_have(holders: list[str]) -> str:
    if len(holders) > 3:
        return f"Of {len(holders)} functions: {', '.join(f'`{holder}`' for holder in holders)}."
    return f"Of {' and '.join(f'`{holder}`' for holder in holders)}." if holders else "Attached by condition."


def _statements(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    policies = [properties, *_listed(properties.get("Policies"))]
    documents = [policy["PolicyDocument"] for policy in policies if "PolicyDocument" in policy]
    return [statement for document in documents for statement in document["Statement"]]


def _cells(statement: Mapping[str, Any]) -> list[str]:
    condition = ""
    if "Fn::If" in statement:
        name, statement, _ = statement["Fn::If"]
        condition = f"if {name}: "
    effect = {"Allow": "allows", "Deny": "denies"}[statement["Effect"]]
    actions = ", ".join(f"`{action}`" for action in _listed(statement["Action"]))
    outside = "all but " if "NotResource" in statement else ""
    places = ", ".join(f"`{_place(part)}`" for part in _listed(statement.get("Resource") or statement["NotResource"]))
    return [f"`{statement['Sid']}`", f"{condition}{effect}", actions, f"{outside}{places}{_limit(statement)}"]


def _limit(statement: Mapping[str, Any]) -> str:
    """The condition of a statement, in the words of the policy."""
    limits = [
        f"{key} {', '.join(map(str, _listed(values)))}"
        for test in statement.get("Condition", {}).values()
        for key, values in test.items()
    ]
    return f"; only {'; '.join(limits)}" if limits else ""


def _place(node: Any) -> str:
    """A resource by its name in the template."""
    if isinstance(node, str):
        return node
    ((function, value),) = node.items()
    if function == "Fn::If":
        return " or ".join(_place(part) for part in value[1:])
    if function == "Fn::GetAtt":
        return str(value[0])
    if function == "Fn::Sub":
        return re.sub(r"\$\{(\w+)(?:\.Arn)?\}", r"\1", value).rpartition(":log-group:")[2]
    return str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
