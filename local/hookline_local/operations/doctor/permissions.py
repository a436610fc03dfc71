"""The permissions of every function: the statements of its role on AWS against those of template.yaml.

Compared by Sid, effect and actions; the resources of a statement are not read. docs/permissions.md lists them.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.emulator.template import Template, load_template

TEMPLATE = Path(__file__).parents[4] / "template.yaml"
MASKED = "****"
"""CloudFormation shows this in place of a parameter with NoEcho."""

_OF_AWS = ":iam::aws:policy/"
"""In the ARN of a policy that AWS looks after."""


class Statement(NamedTuple):
    """effect: Allow or Deny."""

    sid: str
    effect: str
    actions: frozenset[str]


def expected_statements(parameters: Mapping[str, str]) -> dict[str, set[Statement]]:
    """By logical id, what the role of each function has to hold. parameters: of the deployed stack.

    Raises InvalidParameter for values that the template of this checkout does not take.
    """
    shown = {name: value for name, value in parameters.items() if value != MASKED}
    shown["TelnyxPublicKeys"] = DEVELOPMENT_PUBLIC_KEY  # decides on no permission
    key = {} if shown.get("TelnyxApiKeySecretArn") else {"TelnyxApiKey": "masked"}
    template = load_template(TEMPLATE, {**shown, **key})
    return {function: set(_of_function(template, function)) for function in template.functions()}


def _of_function(template: Template, function: str) -> Iterator[Statement]:
    """A function names a role of the template, or policies of it, of which SAM makes the role."""
    properties = template.properties_as_written(function)
    named = properties.get("Policies", [])
    if "Role" in properties:
        role = template.properties_as_written(_logical_id(properties["Role"]))
        for policy in template.resolve(role.get("Policies", [])):
            yield from statements_in(policy["PolicyDocument"])
        named = role.get("ManagedPolicyArns", [])
    for policy in named:
        yield from statements_in(template.properties(_logical_id(policy))["PolicyDocument"])


def _logical_id(reference: Mapping[str, Any]) -> str:
    """Of {"Ref": ID} or {"Fn::GetAtt": [ID, "Arn"]}."""
    (value,) = reference.values()
    return value if isinstance(value, str) else str(value[0])


def statements_in(document: Mapping[str, Any]) -> Iterator[Statement]:
    """The statements of a policy's document that have a Sid: ours all have one."""
    for statement in _listed(document["Statement"]):
        if "Sid" in statement:
            actions = frozenset(_listed(statement.get("Action", [])))
            yield Statement(statement["Sid"], statement["Effect"], actions)


class DeployedRoles:
    """Reads the policies of roles, each once. iam: a boto3 client."""

    def __init__(self, iam: Any) -> None:
        self._iam = iam
        self._policies: dict[str, set[Statement]] = {}

    def statements(self, role: str) -> set[Statement]:
        """Everything that a role holds, by its name. Raises ClientError, BotoCoreError."""
        found: set[Statement] = set()
        for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            found |= set(statements_in(document))
        for policy in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            found |= self._managed(policy["PolicyArn"])
        return found

    def _managed(self, arn: str) -> set[Statement]:
        if _OF_AWS in arn:
            return set()
        if arn not in self._policies:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            answer = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            self._policies[arn] = set(statements_in(answer["PolicyVersion"]["Document"]))
        return self._policies[arn]


def missing(expected: Iterable[Statement], found: Iterable[Statement]) -> list[Statement]:
    """The statements that no other of the same Sid and effect holds, with the actions that are lacking."""
    held: dict[tuple[str, str], frozenset[str]] = {}
    for statement in found:
        held[statement[:2]] = held.get(statement[:2], frozenset()) | statement.actions
    lacking = [each._replace(actions=each.actions - held.get(each[:2], frozenset())) for each in expected]
    return sorted(each for each in lacking if each.actions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
