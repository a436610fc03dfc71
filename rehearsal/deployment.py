"""A deployed stack as the emulator has it, and what the emulator leaves out of a deployment (ministack 1.5.33)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

STACK = "hookline"
"""The stack of samconfig.toml's first table."""

CONSUMING = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
"""Needed by Lambda to poll a queue. Source: Lambda's developer guide, "Using Lambda with Amazon SQS"."""


class Deployment:
    """The stack's resources by logical id."""

    def __init__(self, endpoint: str) -> None:
        self._cloudformation = boto3.client("cloudformation")
        self._lambda = boto3.client("lambda")
        self._iam = boto3.client("iam")
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        summaries = [summary for page in pages for summary in page["StackResourceSummaries"]]
        self.physical = {found["LogicalResourceId"]: found["PhysicalResourceId"] for found in summaries}
        self.base_url = f"{endpoint}/_aws/execute-api/{self.physical['WebhookApi']}/$default"
        self.webhook_url = f"{self.base_url}/webhooks"

    def fill_gaps(self) -> None:
        """Do what AWS does with the template and the emulator does not."""
        self._add_routes()
        self._set_concurrency()

    def _add_routes(self) -> None:
        """The emulator ignores the OpenAPI body of an HTTP API: its routes are created from what SAM has made of it."""
        gateway, api = boto3.client("apigatewayv2"), self.physical["WebhookApi"]
        known = {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}
        for key, integration in self._routes():
            if key in known:
                continue
            function = integration["uri"]["Fn::Sub"].rpartition("${")[2].partition(".Arn")[0]
            arn = self._lambda.get_function(FunctionName=self.physical[function])["Configuration"]["FunctionArn"]
            made = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=arn,
                IntegrationMethod="POST",
                PayloadFormatVersion=integration["payloadFormatVersion"],
            )
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")

    def _routes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        found: Any = self._cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
        template = json.loads(found) if isinstance(found, str) else found
        for path, methods in template["Resources"]["WebhookApi"]["Properties"]["Body"]["paths"].items():
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation["x-amazon-apigateway-integration"]

    def _set_concurrency(self) -> None:
        """A MaximumConcurrency by !Ref stays a text, which stops the polling of every queue."""
        for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]:
            if limit := mapping.get("ScalingConfig", {}).get("MaximumConcurrency"):
                scaling: Any = {"MaximumConcurrency": int(limit)}
                self._lambda.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)

    def parameters(self) -> dict[str, str]:
        """Of the stack, as CloudFormation shows them."""
        found = self._cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        return {entry["ParameterKey"]: entry["ParameterValue"] for entry in found["Parameters"]}

    def memory_size(self, function: str) -> int:
        """Of a function, in MB."""
        return int(self._lambda.get_function_configuration(FunctionName=self.physical[function])["MemorySize"])

    def is_journalled(self, event_id: str) -> bool:
        """Whether the table has this event. It is a small table."""
        found = boto3.client("dynamodb").scan(
            TableName=self.physical["CallsTable"],
            FilterExpression="event_id = :event_id",
            ExpressionAttributeValues={":event_id": {"S": event_id}},
        )
        return bool(found["Items"])

    def denied_to_consumers(self) -> list[str]:
        """Actions that Lambda needs on a queue and a function's role does not allow: "<function> <action>"."""
        denied = []
        for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]:
            function = self._lambda.get_function_configuration(FunctionName=mapping["FunctionArn"])
            results = self._iam.simulate_principal_policy(
                PolicySourceArn=function["Role"], ActionNames=CONSUMING, ResourceArns=[mapping["EventSourceArn"]]
            )["EvaluationResults"]
            refused = [found["EvalActionName"] for found in results if found["EvalDecision"] != "allowed"]
            denied += [f"{function['FunctionName']} {action}" for action in refused]
        return denied

    @contextmanager
    def without_statement(self, policy: str, sid: str) -> Iterator[None]:
        """Within the block a managed policy lacks one statement."""
        arn = self.physical[policy]
        version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document: Any = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        left = [statement for statement in document["Statement"] if statement["Sid"] != sid]
        self._put_policy(arn, {**document, "Statement": left})
        try:
            yield
        finally:
            self._put_policy(arn, document)

    def _put_policy(self, arn: str, document: Any) -> None:
        """The emulator cannot go back to an older version of a policy: the same is put again as a new one."""
        self._iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)


def leftovers() -> dict[str, list[str]]:
    """The resources that are there after the stack has been deleted, by kind."""
    return {
        "functions": [found["FunctionName"] for found in boto3.client("lambda").list_functions()["Functions"]],
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
        "buckets": [found["Name"] for found in boto3.client("s3").list_buckets()["Buckets"]],
    }
