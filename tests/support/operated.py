"""A deployed stack with everything around it, to be put out of order: CloudFormation's view of it in moto, its function
behind a real port, and the Telnyx account that calls it.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.client
import pytest
from moto import mock_aws

from hookline_local.base.signing import api_gateway_request, public_key_of
from hookline_local.emulator.template import load_template
from hookline_local.simulator import Config, SimulatorInThread, simulator_in_thread
from tests.support.flow_server import Received, webhook
from tests.support.world import PATIENCE, PROJECT, Clock, handler, start_cold

NAME, REGION = "line-1", "us-east-1"
NUMBER = "+12025550123"
PLACE = "place:"
SEED = bytes(range(32))
API_KEY = "KEY_of_the_account"
ANOTHER_KEY = public_key_of(bytes(32))
QUEUES = ("CommandQueue", "RecordingQueue", "QuarantineQueue", "DeferredQueue")
CONSUMED = ("CommandQueue", "RecordingQueue", "DeferredQueue")
DEAD_LETTER_QUEUES = ("CommandDeadLetterQueue", "RecordingDeadLetterQueue", "DeferredDeadLetterQueue")


@dataclass
class Setup:
    """How the stack and the account are set up; the defaults are right.

    variables: of every function, over its own. application: its settings, over those that `connect` writes; behind
    PLACE stands a path at the right host. foreign_account: the API key opens another account. denied: actions that
    the router's role does not allow. number: its settings, over those that are right. idle: queues whose mapping is
    disabled. lacking: Sids of statements that the functions' roles do not hold.
    """

    public_keys: tuple[str, ...] = (public_key_of(SEED),)
    secret: str | None = API_KEY
    variables: Mapping[str, str] = field(default_factory=dict)
    application: Mapping[str, object] = field(default_factory=dict)
    number_elsewhere: bool = False
    foreign_account: bool = False
    denied: tuple[str, ...] = ()
    number: Mapping[str, object] = field(default_factory=dict)
    idle: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    def __or__(self, other: "Setup") -> "Setup":
        """Both changes."""
        default = Setup()
        mine, theirs = vars(self), vars(other)
        both = {name: theirs[name] if theirs[name] != vars(default)[name] else mine[name] for name in mine}
        return Setup(**both | {"application": {**self.application, **other.application}})


@dataclass(frozen=True)
class Operated:
    """The running parts. webhook_url: of the stack."""

    webhook_url: str
    telnyx: SimulatorInThread

    @property
    def application(self) -> dict[str, Any]:
        """The application named after the stack."""
        found = self.telnyx.call(lambda telnyx: list(telnyx.switch.account.applications.values()))
        return next(entry for entry in found if entry["application_name"] == NAME)

    def number(self) -> str:
        """The application that the number belongs to."""
        return self.telnyx.call(lambda telnyx: telnyx.switch.account.connection_of(NUMBER))


@dataclass(frozen=True)
class Outside:
    """The servers that many stacks share.

    url: of the function. own: the account that rings the stack. foreign: another account.
    """

    url: str
    own: SimulatorInThread
    foreign: SimulatorInThread


@contextmanager
def outside() -> Iterator[Outside]:
    """Servers, to be started once."""
    own = Config(api_key=API_KEY, signing_seed=SEED, phone_numbers=(NUMBER,))
    foreign = Config(api_key=API_KEY, signing_seed=bytes([9]) * 32, phone_numbers=())
    with webhook(_receive) as url, simulator_in_thread(own) as first, simulator_in_thread(foreign) as second:
        yield Outside(url, first, second)


@contextmanager
def operated(around: Outside, setup: Setup, patch: pytest.MonkeyPatch) -> Iterator[Operated]:
    """In an account of its own in moto the stack is deployed; its function answers, its number rings."""
    with mock_aws(config={"lambda": {"use_docker": False}}):  # its queue invokes a function
        stack = Operated(f"{around.url}/webhooks", around.foreign if setup.foreign_account else around.own)
        _deploy(setup, stack)
        _evaluate_policies(setup, patch)
        for name, value in _variables().items():
            patch.setenv(name, value)
        patch.setenv("AWS_SAM_LOCAL", "true")  # where the functions have patience
        patch.setenv("HOOKLINE_PATIENCE", PATIENCE)
        start_cold()
        _connect(setup, stack)
        try:
            yield stack
        finally:
            start_cold()


def _evaluate_policies(setup: Setup, patch: pytest.MonkeyPatch) -> None:
    """Do what moto does not: answer SimulatePrincipalPolicy."""
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def send_or_evaluate(self: Any, operation: str, arguments: Any) -> Any:
        if operation != "SimulatePrincipalPolicy":
            return send(self, operation, arguments)
        decisions = {
            action: "implicitDeny" if action in setup.denied else "allowed" for action in arguments["ActionNames"]
        }
        results = [{"EvalActionName": action, "EvalDecision": decision} for action, decision in decisions.items()]
        return {"EvaluationResults": results}

    patch.setattr(botocore.client.BaseClient, "_make_api_call", send_or_evaluate)


def _receive(received: Received) -> int:
    """The real function, behind a port."""
    if received.path != "/webhooks":
        return 404
    headers = {name: value for name, value in received.headers.items() if name.startswith(("telnyx-", "content-type"))}
    request = api_gateway_request(received.raw, time_epoch_ms=int(time.time() * 1000), headers=headers)
    return int(handler("")(request, Clock())["statusCode"])


def _variables() -> dict[str, str]:
    """Of the router, as it is deployed."""
    found = boto3.client("lambda").get_function_configuration(FunctionName="router")
    variables: dict[str, str] = found["Environment"]["Variables"]
    return variables


def _connect(setup: Setup, stack: Operated) -> None:
    def work(telnyx: Any) -> None:
        account = telnyx.switch.account
        account.webhook_sender.log.clear()
        for application in [known for known in account.applications if known != telnyx.config.connection_id]:
            del account.applications[application]
        for number in account.phone_numbers.values():
            number.update(connection_id=telnyx.config.connection_id, status="active")
        if setup.foreign_account:
            return
        settings = {
            "application_name": NAME,
            "webhook_event_url": stack.webhook_url,
            "webhook_event_failover_url": stack.webhook_url,
            "webhook_api_version": "2",
            "webhook_timeout_secs": 2,
        }
        application = account.add_application({**settings, **setup.application})
        for setting in ("webhook_event_url", "webhook_event_failover_url"):
            if str(application[setting]).startswith(PLACE):
                application[setting] = stack.webhook_url.replace("/webhooks", str(application[setting])[len(PLACE) :])
        if not setup.number_elsewhere:
            for number in account.phone_numbers.values():
                number.update({"connection_id": application["id"], **setup.number})

    stack.telnyx.call(work)


def _deploy(setup: Setup, stack: Operated) -> None:
    parameters = {"TelnyxPublicKeys": ",".join(setup.public_keys), "TelnyxApiBaseUrl": stack.telnyx.api_base_url}
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="telnyx", SecretString=setup.secret or API_KEY)["ARN"]
    if setup.secret is None:
        secrets.delete_secret(SecretId=arn)
    boto3.client("cloudformation").create_stack(
        StackName=NAME,
        TemplateBody=json.dumps(_template(setup, stack, arn, parameters)),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    outputs = boto3.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
    table = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "CallsTableName")
    boto3.client("dynamodb").update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _template(setup: Setup, stack: Operated, secret_arn: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The part of template.yaml that `doctor` reads: the same logical ids and outputs, and two of the functions."""
    variables = {
        "TELNYX_PUBLIC_KEY": {"Ref": "TelnyxPublicKeys"},
        "TABLE_NAME": {"Ref": "CallsTable"},
        "RECORDINGS_BUCKET": {"Ref": "RecordingsBucket"},
        **{f"{name.removesuffix('Queue').upper()}_QUEUE_URL": {"Ref": name} for name in QUEUES},
        **setup.variables,
    }
    key = {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        "KeySchema": list(key),
    }
    queues = (*QUEUES, *DEAD_LETTER_QUEUES)
    roles = _create_roles(setup)
    resources = {
        "CallsTable": ("AWS::DynamoDB::Table", table),
        "RecordingsBucket": ("AWS::S3::Bucket", {}),
        **{name: ("AWS::SQS::Queue", _fifo(name)) for name in queues},
        "WebhookRouterFunction": ("AWS::Lambda::Function", _function("router", roles["RouterRole"], variables)),
        "CommandSenderFunction": (
            "AWS::Lambda::Function",
            _function("command-sender", roles["CommandSenderRole"], variables),
        ),
        **{f"{name}Mapping": ("AWS::Lambda::EventSourceMapping", _mapping(name, setup)) for name in CONSUMED},
    }
    outputs = {
        "WebhookUrl": stack.webhook_url,
        "CallsTableName": {"Ref": "CallsTable"},
        "RecordingsBucketName": {"Ref": "RecordingsBucket"},
        "TelnyxApiKeySecretArn": secret_arn,
        **{f"{name}Url": {"Ref": name} for name in queues},
    }
    return {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {name: {"Type": kind, "Properties": given} for name, (kind, given) in resources.items()},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


def _fifo(name: str) -> dict[str, object]:
    return {"FifoQueue": True, "QueueName": f"{name}.fifo"} if name.startswith(("Command", "Deferred")) else {}


def _mapping(queue: str, setup: Setup) -> dict[str, object]:
    return {
        "EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]},
        "FunctionName": {"Ref": "CommandSenderFunction"},
        "Enabled": queue not in setup.idle,
    }


def _create_roles(setup: Setup) -> dict[str, str]:
    """The roles of the two functions, with the statements of template.yaml; their ARNs. Not by moto's CloudFormation,
    which attaches no policies and turns documents into Python's own text.
    """
    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": ANOTHER_KEY, "TelnyxApiKey": API_KEY})
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = boto3.client("iam")
    roles = {
        name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
        for name in ("RouterRole", "CommandSenderRole")
    }
    for name in ("WebhookPolicy", "DeferralPolicy"):
        document = _without(template.properties(name)["PolicyDocument"], setup.lacking)
        policy = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="RouterRole", PolicyArn=policy)
    (own,) = template.properties("CommandSenderRole")["Policies"]
    document = _without(own["PolicyDocument"], setup.lacking)
    iam.put_role_policy(RoleName="CommandSenderRole", PolicyName=own["PolicyName"], PolicyDocument=document)
    return roles


def _without(document: Mapping[str, Any], sids: Sequence[str]) -> str:
    """A policy's document without some of its statements."""
    statements = [statement for statement in document["Statement"] if statement["Sid"] not in sids]
    return json.dumps({**document, "Statement": statements})


def _function(name: str, role: str, variables: Mapping[str, object]) -> dict[str, object]:
    return {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": "def handler(event, context): pass"},
        "Environment": {"Variables": variables},
    }
