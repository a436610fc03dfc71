"""The AWS side of a deployed stack: secret, settings of the functions, queues, permissions, retention, region."""

import functools
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.base.urls import region_of
from hookline_local.emulator.template import InvalidParameter
from hookline_local.operations.doctor.finding import Finding, fault, ok, unknown, warning
from hookline_local.operations.doctor.permissions import DeployedRoles, Statement, expected_statements, missing
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.secrets import SecretUnreadable, read_secret

QUEUE_SETTINGS = {
    "COMMAND_QUEUE_URL": "CommandQueue",
    "RECORDING_QUEUE_URL": "RecordingQueue",
    "QUARANTINE_QUEUE_URL": "QuarantineQueue",
    "DEFERRED_QUEUE_URL": "DeferredQueue",
}
"""Variables of the functions, and the resource of the template that each one names."""
SETTINGS = {**QUEUE_SETTINGS, "TABLE_NAME": "CallsTable", "RECORDINGS_BUCKET": "RecordingsBucket"}
CONSUMED = ("CommandQueue", "DeferredQueue", "RecordingQueue")
"""Queues that a function works on, as long as its event source mapping is enabled."""
STOPPED = ("Disabled", "Disabling")
ROUTER = "WebhookRouterFunction"
API_KEY = "TelnyxApiKeySecretArn"
"""The output with the secret of the API key."""
NEEDED = {
    "CallsTable": ["dynamodb:PutItem", "dynamodb:Query"],
    "CommandQueue": ["sqs:SendMessage"],
    "DeferredQueue": ["sqs:SendMessage"],
    "RecordingQueue": ["sqs:SendMessage"],
    API_KEY: ["secretsmanager:GetSecretValue"],
}
"""Permissions that the router needs, by resource or output."""


class DeployedStack:
    """One stack of CloudFormation, looked at with the operator's own permissions."""

    def __init__(self, resources: StackResources, name: str) -> None:
        self.resources = resources
        self._name = name
        self._client = functools.cache(resources.session().client)

    @cached_property
    def physical(self) -> dict[str, str]:
        """Ids of the resources by logical id. Raises ClientError, BotoCoreError."""
        pages = self._client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self._name)
        found = [summary for page in pages for summary in page["StackResourceSummaries"]]
        return {entry["LogicalResourceId"]: entry.get("PhysicalResourceId", "") for entry in found}

    @cached_property
    def _configurations(self) -> dict[str, Any]:
        """Of each function, by logical id. Raises ClientError, BotoCoreError."""
        client = self._client("lambda")
        functions = [name for name in self.physical if name.endswith("Function")]
        return {name: client.get_function_configuration(FunctionName=self.physical[name]) for name in functions}

    def examine(self) -> Iterator[Finding]:
        """Everything but the secret."""
        yield self._region()
        for look in (
            self._status,
            self._functions,
            self._queues,
            self._consumers,
            self._permissions,
            self._statements,
            self._retention,
        ):
            try:
                yield from look()
            except (ClientError, BotoCoreError) as error:
                yield unknown("aws_unreadable", what=look.__name__.strip("_"), reason=_reason(error))

    def secret(self) -> tuple[str | None, Finding]:
        """The API key that the functions use, and what is found about it."""
        try:
            return read_secret(self.resources), ok("secret_readable")
        except SecretUnreadable as error:
            return None, fault("secret_unreadable", reason=str(error))

    def _status(self) -> Iterator[Finding]:
        """Of the stack in CloudFormation."""
        status = self._client("cloudformation").describe_stacks(StackName=self._name)["Stacks"][0]["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            yield ok("stack_status", status=status)
        elif status == "UPDATE_ROLLBACK_COMPLETE":
            yield warning("stack_rolled_back")
        elif status.endswith("_IN_PROGRESS"):
            yield unknown("stack_in_progress", status=status)
        else:
            yield fault("stack_failed", status=status)

    def _region(self) -> Finding:
        """Endpoints and URLs name the region that the stack is looked for in."""
        region = self.resources.region or ""
        named = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")}
        named |= {name: url for name, url in self.resources.outputs.items() if name.endswith("Url")}
        for name, url in sorted(named.items()):
            other = region_of(url)
            if other and other != region:
                return fault("endpoint_region", name=name, endpoint=other, region=region)
        return ok("region", region=region)

    def _functions(self) -> Iterator[Finding]:
        """Their variables name the stack's own resources; one that was changed by hand does not."""
        wrong: dict[tuple[str, str], list[str]] = {}
        for function, found in self._configurations.items():
            for setting, value in self._foreign(found.get("Environment", {}).get("Variables", {})).items():
                wrong.setdefault((setting, value), []).append(function)
        for (setting, value), changed in sorted(wrong.items()):
            code = "queue_url" if setting in QUEUE_SETTINGS else "function_setting"
            yield fault(code, setting=setting, value=value, function=changed[0], functions=len(changed))
        if not wrong:
            yield ok("function_settings", functions=len(self._configurations))

    def _foreign(self, variables: Mapping[str, str]) -> dict[str, str]:
        expected = {setting: self.physical.get(resource) for setting, resource in SETTINGS.items()}
        expected["TELNYX_PUBLIC_KEY"] = self.resources.parameters.get("TelnyxPublicKeys")
        return {
            setting: variables[setting]
            for setting, value in expected.items()
            if value is not None and variables.get(setting, value) != value
        }

    def _queues(self) -> Iterator[Finding]:
        client = self._client("sqs")
        for setting, queue in QUEUE_SETTINGS.items():
            try:
                client.get_queue_attributes(QueueUrl=self.physical.get(queue, ""), AttributeNames=["QueueArn"])
            except ClientError as error:
                yield fault("queue_missing", queue=queue, setting=setting, reason=_reason(error))
        waiting = self.resources.waiting()
        dead = {name: number for name, number in waiting.items() if number and name.endswith("DeadLetterQueue")}
        for name, number in dead.items():
            yield warning("dead_letters", queue=name, messages=number)
        if not dead:
            yield ok("queues", waiting=sum(waiting.values()))

    def _consumers(self) -> Iterator[Finding]:
        """A queue is worked on only while its mapping is enabled."""
        client, stopped = self._client("lambda"), []
        for queue in CONSUMED:
            found = client.list_event_source_mappings(EventSourceArn=self._arn(queue))["EventSourceMappings"]
            if all(mapping.get("State") in STOPPED for mapping in found):
                stopped.append(queue)
        for queue in stopped:
            yield fault("queue_not_consumed", queue=queue)
        if not stopped:
            yield ok("queues_consumed")

    def _permissions(self) -> Iterator[Finding]:
        """The policies of the router's role, as IAM evaluates them."""
        role = self._configurations[ROUTER]["Role"]
        client, denied = self._client("iam"), []
        for resource, actions in NEEDED.items():
            answer = client.simulate_principal_policy(
                PolicySourceArn=role, ActionNames=actions, ResourceArns=[self._arn(resource)]
            )
            results = answer["EvaluationResults"]
            denied += [
                f"{entry['EvalActionName']} {resource}" for entry in results if entry["EvalDecision"] != "allowed"
            ]
        for permission in denied:
            yield fault("permission", role=role.rpartition("/")[2], permission=permission)
        if not denied:
            yield ok("permissions")

    def _statements(self) -> Iterator[Finding]:
        """Each function's role holds every statement that the template gives it."""
        try:
            expected = expected_statements(self.resources.parameters)
        except InvalidParameter as error:
            yield unknown("statements_unknown", reason=str(error))
            return
        roles, lacking = DeployedRoles(self._client("iam")), defaultdict[Statement, list[str]](list)
        examined = [name for name in self._configurations if name in expected]
        for function in examined:
            found = roles.statements(self._configurations[function]["Role"].rpartition("/")[2])
            for statement in missing(expected[function], found):
                lacking[statement].append(function)
        for statement, functions in sorted(lacking.items()):
            actions = ", ".join(sorted(statement.actions))
            facts = {"sid": statement.sid, "actions": actions, "function": functions[0], "functions": len(functions)}
            yield fault("statement_missing", **facts)
        if not lacking:
            yield ok("statements", functions=len(examined))

    def _arn(self, resource: str) -> str:
        if resource == API_KEY:
            return self.resources.outputs.get(API_KEY, "")
        if resource == "CallsTable":
            table = self._client("dynamodb").describe_table(TableName=self.physical[resource])["Table"]
            return str(table["TableArn"])
        queue = self._client("sqs").get_queue_attributes(QueueUrl=self.physical[resource], AttributeNames=["QueueArn"])
        return str(queue["Attributes"]["QueueArn"])

    def _retention(self) -> Iterator[Finding]:
        client, table = self._client("dynamodb"), self.resources.table
        days = {
            name: int(self.resources.parameters.get(name) or 0) for name in ("RetentionDays", "RecordingRetentionDays")
        }
        expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
        if days["RetentionDays"] and expiry not in ("ENABLED", "ENABLING"):
            yield fault("time_to_live", days=days["RetentionDays"], status=expiry)
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        status = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        if status != "ENABLED":
            yield warning("no_backups", status=str(status))
        yield ok("retention", events=days["RetentionDays"], recordings=days["RecordingRetentionDays"])


def _reason(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{error.operation_name}: {details.get('Message') or details.get('Code')}"
    return str(error)
