"""template.yaml, read as CloudFormation would read it.

Owns the meaning of the template on a laptop: parameters, conditions and intrinsic functions. The tests and the local
stack both use this module, so that a key, an index or a redrive policy is written once, in template.yaml. What is not
understood is listed in `Template.unsupported`, in sentences: nothing is left out silently.

    template = load_template("template.yaml", {"TelnyxPublicKeys": key, "TelnyxApiKey": "KEY0"})
    template.environment_of("CallAnsweredFunction")  # {"TABLE_NAME": "hookline-CallsTable", ...}
    template.routes()                                # [Route("POST", "/webhooks", "WebhookRouterFunction"), ...]
    template.event_sources("CommandSenderFunction")  # [EventSource(type="SQS", ...)]

Source of the rules: the CloudFormation User Guide (template anatomy, intrinsic functions, rules) and the SAM
specification 2016-10-31.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ACCOUNT = "123456789012"
REGION = "us-east-1"


class InvalidParameter(ValueError):
    """CloudFormation would refuse this set of parameters; the text names which and why.

    near: parameters with a name similar to an unknown one.
    """

    def __init__(self, text: str, *, near: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.name = text.partition(":")[0]
        self.near = near


class UnsupportedTemplate(ValueError):
    """Not a template, or it requires something that is not emulated here."""


class Route(NamedTuple):
    """method: upper case, or ANY. path: as in the template; "$default" for the catch-all route."""

    method: str
    path: str
    function: str


class PrivateRoute(NamedTuple):
    """A route that is written out as a resource. method, path, function: as of a Route.

    authorizer: the logical id of its JWT authorizer, which looks for one of the scopes; None when it has none.
    """

    method: str
    path: str
    function: str
    authorizer: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class EventSource:
    """One entry of a function's `Events` other than HTTP, resolved.

    type: as in SAM ("SQS", "Schedule", "DynamoDB", ...). properties: as in the template, resolved.
    For SQS, `queue` is the logical id of the queue when it is in the template, and the rest has SAM's defaults.
    maximum_concurrency: invocations at once, None for no limit. window_seconds: the longest wait for a full batch.
    """

    name: str
    type: str
    properties: Mapping[str, Any]
    queue: str | None = None
    arn: str | None = None
    batch_size: int = 10
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    reports_batch_item_failures: bool = False
    enabled: bool = True


@dataclass(frozen=True)
class LayerResource:
    """path: the folder that `ContentUri` names. A built layer has its packages in `python/`; a source one has them in
    the folder itself, or is one."""

    id: str
    path: Path

    @property
    def python_path(self) -> Path:
        """The folder to put on PYTHONPATH, as Lambda does with /opt/python."""
        built = self.path / "python"
        return built if built.is_dir() else self.path

    @property
    def is_package(self) -> bool:
        """Whether the folder is itself the package that the layer holds."""
        return (self.path / "__init__.py").is_file()


@dataclass(frozen=True)
class FunctionResource:
    """code: the folder that becomes /var/task. timeout: seconds. memory: MB. layers: in the template's order."""

    id: str
    handler: str
    code: Path
    layers: tuple[LayerResource, ...]
    timeout: int
    memory: int
    runtime: str
    reserved_concurrency: int | None = None


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]  # one of the two
    """YAML 1.1 with CloudFormation's short tags in their long form."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any = None
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)

_NO_VALUE = object()
"""The value of `AWS::NoValue`: the key or the list entry that holds it is removed."""

_INERT = {
    "AWS::ApiGatewayV2::Api": "its routes are those of the one gateway here; without a token for this machine alone",
    "AWS::ApiGatewayV2::Stage": "nothing is throttled, and there is no access log",
    "AWS::Events::Archive": "nothing is archived here, and so nothing can be replayed",
    "AWS::CloudWatch::Alarm": "alarms are not evaluated here",
    "AWS::CloudWatch::Dashboard": "dashboards are not drawn here",
    "AWS::IAM::ManagedPolicy": "permissions are not enforced here",
    "AWS::IAM::Role": "permissions are not enforced here",
    "AWS::Lambda::Permission": "permissions are not enforced here",
    "AWS::Logs::LogGroup": "there are no log groups; `serve --logs` shows what the functions log",
    "AWS::Logs::MetricFilter": "log lines are not counted here",
    "AWS::Logs::QueryDefinition": "there are no log groups; `serve --logs` shows what the functions log",
    "AWS::S3::BucketPolicy": "the bucket's policy is not enforced here",
    "AWS::SNS::Subscription": "nothing is sent to topics here",
    "AWS::SNS::Topic": "nothing is sent to topics here",
    "AWS::SNS::TopicPolicy": "nothing is sent to topics here",
    "AWS::SQS::QueuePolicy": "the queues' policy is not enforced here",
}
_ROUTED = {"AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route"}
"""An HTTP API that is written out; here it is a part of the one gateway."""

_PUBLISHING = {
    "AWS::Events::EventBus": "no other account and no other service can send to it here",
    "AWS::Events::Rule": "a target gets each event once, and nothing goes to its dead-letter queue",
    "AWS::Pipes::Pipe": "what cannot be published stays in the stream, and nothing goes to its dead-letter queue",
}
"""Run by event_bus.py and pipe.py, which refuse what they do not understand, but for this."""

_SERVERLESS = {"AWS::Serverless::Function", "AWS::Serverless::HttpApi", "AWS::Serverless::LayerVersion"}

_TABLE_PROPERTIES = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "StreamSpecification",
    "TimeToLiveSpecification",
}
_BUCKET_PROPERTIES = {
    "BucketEncryption",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "VersioningConfiguration",
}
QUEUE_PROPERTIES = {
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
}
_CREATED = {
    "AWS::DynamoDB::Table": _TABLE_PROPERTIES,
    "AWS::S3::Bucket": _BUCKET_PROPERTIES,
    "AWS::SQS::Queue": QUEUE_PROPERTIES,
    "AWS::SecretsManager::Secret": {"Description", "GenerateSecretString", "SecretString"},
}
"""The resources that provisioning.py creates, and the properties it uses. Names and tags are left out on purpose."""


@dataclass
class Template:
    """A template with values for its parameters.

    unsupported: sentences about what is not emulated here.
    parameters: every parameter of the template, as a string.
    """

    path: Path
    source: Mapping[str, Any]
    parameters: Mapping[str, str]
    stack_name: str
    region: str
    account: str
    unsupported: list[str] = field(default_factory=list)
    _references: dict[str, str] = field(default_factory=dict)  # values of Ref, known once a resource is created
    _attributes: dict[str, str] = field(default_factory=dict)  # values of GetAtt, by "Id.Name"

    def resources(self, resource_type: str) -> list[str]:
        """Logical ids of one type, in the template's order, without those whose condition does not hold."""
        return [
            name
            for name, resource in self.source["Resources"].items()
            if resource["Type"] == resource_type and self.condition(resource.get("Condition"))
        ]

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties of a resource, Globals merged in, everything resolved. Raises UnsupportedTemplate."""
        resolved: dict[str, Any] = self.resolve(self.properties_as_written(logical_id))
        return resolved

    def condition(self, name: str | None) -> bool:
        """Whether a condition of the template holds; no name always holds."""
        if name is not None and name not in self.source.get("Conditions", {}):
            raise UnsupportedTemplate(f"unknown condition {name}")
        return name is None or self._condition(self.source["Conditions"][name])

    def routes(self) -> list[Route]:
        """Every HTTP route of every function, in the template's order."""
        found = []
        for function in self.resources("AWS::Serverless::Function"):
            for event in self._events(function).values():
                if event["Type"] == "HttpApi":
                    properties = self.resolve(event.get("Properties", {}))
                    path = properties.get("Path", "$default")
                    found.append(Route(properties.get("Method", "ANY").upper(), path, function))
        return found

    def private_routes(self) -> list[PrivateRoute]:
        """The routes that are written out as resources: on AWS each asks for credentials."""
        found = []
        for name in self.resources("AWS::ApiGatewayV2::Route"):
            properties = self.properties_as_written(name)
            method, _, path = properties["RouteKey"].partition(" ")
            integration = properties["Target"]["Fn::Sub"].partition("/")[2].strip("${}")
            function, _ = self.properties_as_written(integration)["IntegrationUri"]["Fn::GetAtt"]
            found.append(PrivateRoute(method, path, function, *self._authorization_of(properties)))
        return found

    def _authorization_of(self, route: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
        """The authorizer and the scopes of a route as written."""
        asked = {
            name: route[name] for name in ("AuthorizationType", "AuthorizerId", "AuthorizationScopes") if name in route
        }
        resolved = self.resolve(asked)
        if resolved.get("AuthorizationType") != "JWT":
            return None, ()
        authorizers = self.resources("AWS::ApiGatewayV2::Authorizer")
        (authorizer,) = (name for name in authorizers if self.physical_id(name) == resolved["AuthorizerId"])
        return authorizer, tuple(resolved.get("AuthorizationScopes", ()))

    def event_sources(self, function: str) -> list[EventSource]:
        """The event sources of a function besides HTTP."""
        return [
            self._event_source(name, event)
            for name, event in self._events(function).items()
            if event["Type"] not in ("HttpApi", "Api")
        ]

    def functions(self) -> dict[str, FunctionResource]:
        """Every function by its logical id."""
        return {name: self._function(name) for name in self.resources("AWS::Serverless::Function")}

    def environment_of(self, function: str) -> dict[str, str]:
        """The environment variables that the template gives a function, resolved against what has been created.

        A variable whose value is not understood is left out; `unsupported` names it.
        """
        variables = self.properties_as_written(function).get("Environment", {}).get("Variables", {})
        resolved = {name: self._resolve_or_none(value) for name, value in variables.items()}
        return {name: as_text(value) for name, value in resolved.items() if value is not None}

    def environment(self) -> dict[str, str]:
        """Every variable that any function of the template has: for tests that call several in one process."""
        merged: dict[str, str] = {}
        for function in self.resources("AWS::Serverless::Function"):
            merged.update(self.environment_of(function))
        return merged

    def physical_id(self, logical_id: str) -> str:
        """The value of `!Ref`: a table's or bucket's name, a queue's URL, a secret's ARN."""
        return str(self._ref(logical_id))

    def register(self, logical_id: str, reference: str, **attributes: str) -> None:
        """Set the values of Ref and GetAtt of a resource that has been created."""
        self._references[logical_id] = reference
        for name, value in attributes.items():
            self._attributes[f"{logical_id}.{name}"] = value

    def resolve(self, node: Any) -> Any:
        """A part of the template with its intrinsic functions evaluated. Raises UnsupportedTemplate."""
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return self._ref(argument)
            if name == "Condition" and isinstance(argument, str) and argument in self.source.get("Conditions", {}):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not _NO_VALUE}

    def properties_as_written(self, logical_id: str) -> dict[str, Any]:
        """The properties of a resource, Globals merged in, intrinsic functions not evaluated."""
        resource = self.source["Resources"][logical_id]
        section = resource["Type"].removeprefix("AWS::Serverless::")
        return _merged(self.source.get("Globals", {}).get(section, {}), resource.get("Properties", {}))

    def _events(self, function: str) -> dict[str, Any]:
        events: dict[str, Any] = self.properties_as_written(function).get("Events", {})
        _check_typed(events)
        return events

    def _event_source(self, name: str, event: Mapping[str, Any]) -> EventSource:
        properties = self.resolve(event.get("Properties", {}))
        if event["Type"] != "SQS":
            return EventSource(name, event["Type"], properties)
        arn = properties["Queue"]
        queues = [queue for queue in self.resources("AWS::SQS::Queue") if self._get_att(queue, "Arn") == arn]
        maximum = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        return EventSource(
            name,
            "SQS",
            properties,
            queue=queues[0] if queues else None,
            arn=arn,
            batch_size=int(properties.get("BatchSize", 10)),
            window_seconds=int(properties.get("MaximumBatchingWindowInSeconds", 0)),
            maximum_concurrency=None if maximum is None else int(maximum),
            reports_batch_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            enabled=as_text(properties.get("Enabled", True)) == "true",
        )

    def _function(self, logical_id: str) -> FunctionResource:
        declaration = self.properties_as_written(logical_id)
        for key in ("Handler", "CodeUri", "Runtime"):
            if key not in declaration:
                raise UnsupportedTemplate(f"the function {logical_id} has no {key}")
        reserved = self.resolve({"value": declaration.get("ReservedConcurrentExecutions")}).get("value")
        return FunctionResource(
            logical_id,
            handler=self.resolve(declaration["Handler"]),
            code=self.path.parent / self.resolve(declaration["CodeUri"]),
            layers=tuple(self._layer(layer["Ref"]) for layer in declaration.get("Layers", []) if self._is_layer(layer)),
            timeout=int(self.resolve(declaration.get("Timeout", 3))),
            memory=int(self.resolve(declaration.get("MemorySize", 128))),
            runtime=self.resolve(declaration["Runtime"]),
            reserved_concurrency=None if reserved is None else int(reserved),
        )

    def _is_layer(self, node: Any) -> bool:
        layers = self.resources("AWS::Serverless::LayerVersion")
        return isinstance(node, dict) and node.get("Ref") in layers

    def _layer(self, logical_id: str) -> LayerResource:
        content = self.source["Resources"][logical_id]["Properties"]["ContentUri"]
        return LayerResource(logical_id, self.path.parent / content)

    def _resolve_or_none(self, node: Any) -> Any:
        try:
            value = self.resolve(node)
        except UnsupportedTemplate:
            return None
        return None if value is _NO_VALUE else value

    def physical_name(self, logical_id: str) -> str:
        """A readable name that the service allows."""
        name = f"{self.stack_name}-{logical_id}"
        resource = self.source["Resources"][logical_id]
        if resource["Type"] == "AWS::S3::Bucket":
            return name.lower()
        if resource["Type"] == "AWS::SQS::Queue" and resource.get("Properties", {}).get("FifoQueue"):
            return f"{name}.fifo"
        return name

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{self.stack_name}/local",
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if name in self._references:
            return self._references[name]
        if name not in self.source["Resources"]:
            raise UnsupportedTemplate(f"Ref to unknown {name}")
        if self.source["Resources"][name]["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.physical_name(name)}"
        if self.source["Resources"][name]["Type"] in ("AWS::SecretsManager::Secret", "AWS::SNS::Topic"):
            return self._get_att(name, "Arn")
        return self.physical_name(name)

    def _get_att(self, logical_id: str, attribute: str) -> str:
        if f"{logical_id}.{attribute}" in self._attributes:
            return self._attributes[f"{logical_id}.{attribute}"]
        if logical_id not in self.source["Resources"]:
            raise UnsupportedTemplate(f"GetAtt of unknown {logical_id}")
        name = self.physical_name(logical_id)
        here = f"{self.region}:{self.account}"
        kind = self.source["Resources"][logical_id]["Type"]
        known = {
            ("AWS::DynamoDB::Table", "Arn"): f"arn:aws:dynamodb:{here}:table/{name}",
            ("AWS::DynamoDB::Table", "StreamArn"): f"arn:aws:dynamodb:{here}:table/{name}/stream/local",
            ("AWS::Events::EventBus", "Arn"): f"arn:aws:events:{here}:event-bus/{name}",
            ("AWS::Events::Rule", "Arn"): f"arn:aws:events:{here}:rule/{name}/{name}",
            ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{self.account}:role/{name}",
            ("AWS::Logs::LogGroup", "Arn"): f"arn:aws:logs:{here}:log-group:{name}:*",
            ("AWS::S3::Bucket", "Arn"): f"arn:aws:s3:::{name}",
            ("AWS::SNS::Topic", "Arn"): f"arn:aws:sns:{here}:{name}",
            ("AWS::SNS::Topic", "TopicArn"): f"arn:aws:sns:{here}:{name}",
            ("AWS::SQS::Queue", "Arn"): f"arn:aws:sqs:{here}:{name}",
            ("AWS::SQS::Queue", "QueueName"): name,
            ("AWS::SecretsManager::Secret", "Arn"): f"arn:aws:secretsmanager:{here}:secret:{name}",
            ("AWS::SecretsManager::Secret", "Id"): f"arn:aws:secretsmanager:{here}:secret:{name}",
            ("AWS::Serverless::Function", "Arn"): f"arn:aws:lambda:{here}:function:{name}",
        }
        if (kind, attribute) not in known:
            raise UnsupportedTemplate(f"GetAtt {logical_id}.{attribute} of {kind} has no value here")
        return known[kind, attribute]

    def _intrinsic(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Fn::GetAtt": lambda pair: self._get_att(*(pair if isinstance(pair, list) else pair.split(".", 1))),
            "Fn::Sub": self._sub,
            "Fn::If": lambda triple: self.resolve(triple[1] if self.condition(triple[0]) else triple[2]),
            "Fn::Join": lambda pair: as_text(pair[0]).join(map(as_text, self.resolve(pair[1]))),
            "Fn::Select": lambda pair: self.resolve(pair[1])[int(self.resolve(pair[0]))],
            "Fn::Split": lambda pair: as_text(self.resolve(pair[1])).split(pair[0]),
            "Fn::FindInMap": self._find_in_map,
        }
        if name in ("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"):
            return self._condition({name: argument})
        if name not in functions:
            raise UnsupportedTemplate(f"{name} is not understood here")
        return functions[name](argument)

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in given:
                return as_text(self.resolve(given[name]))
            if "." in name:
                return self._get_att(*name.split(".", 1))
            return as_text(self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)

    def _find_in_map(self, argument: list[Any]) -> Any:
        found: Any = self.source.get("Mappings", {})
        for key in map(self.resolve, argument):
            if key not in found:
                raise UnsupportedTemplate(f"FindInMap: unknown key {key}")
            found = found[key]
        return found

    def _condition(self, node: Any) -> bool:
        ((name, argument),) = node.items()
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = map(self.resolve, argument)
                return as_text(left) == as_text(right)
            case "Fn::Not":
                return not self._condition(argument[0])
            case "Fn::And":
                return all(map(self._condition, argument))
            case "Fn::Or":
                return any(map(self._condition, argument))
            case "Fn::Contains":
                return as_text(self.resolve(argument[1])) in map(as_text, self.resolve(argument[0]))
        raise UnsupportedTemplate(f"the condition function {name} is not understood here")

    def check_rules(self) -> None:
        """Raise InvalidParameter unless every assertion of the section Rules holds."""
        for rule, declaration in self.source.get("Rules", {}).items():
            if "RuleCondition" in declaration and not self._condition(declaration["RuleCondition"]):
                continue
            for assertion in declaration["Assertions"]:
                if not self._condition(assertion["Assert"]):
                    raise InvalidParameter(f"{rule}: {assertion.get('AssertDescription', 'the rule does not hold')}")

    def find_unsupported(self) -> Iterator[str]:
        """One sentence about everything that is not emulated here."""
        for section in self.source:
            if section not in _SECTIONS:
                yield f"The section {section} is not understood here."
        if self.source.get("Transform") not in (None, "AWS::Serverless-2016-10-31"):
            yield f"Of the transforms only AWS::Serverless-2016-10-31 is understood, not {self.source['Transform']}."
        yield from self._unsupported_types()
        for kind, used in _CREATED.items():
            for name in self.resources(kind):
                yield from self._unsupported_properties(name, used)
        for function in self.resources("AWS::Serverless::Function"):
            yield from self._unsupported_of_function(function)

    def _unsupported_types(self) -> Iterator[str]:
        for kind in dict.fromkeys(resource["Type"] for resource in self.source["Resources"].values()):
            names = self.resources(kind)
            if names and (limits := _INERT.get(kind) or _PUBLISHING.get(kind)):
                yield f"{', '.join(names)}: {limits}."
            elif names and kind not in _CREATED and kind not in _SERVERLESS | _ROUTED:
                yield f"{', '.join(names)}: {kind} is not emulated."

    def _unsupported_properties(self, name: str, used: set[str]) -> Iterator[str]:
        for key, value in self.properties_as_written(name).items():
            if key not in used and key != "Tags":
                yield f"{name}: its {key} has no effect here."
            yield from self._unresolvable(f"{name}: {key}", value)

    def _unsupported_of_function(self, function: str) -> Iterator[str]:
        declaration = self.properties_as_written(function)
        for key in ("Handler", "CodeUri", "Runtime", "Timeout", "MemorySize"):
            yield from self._unresolvable(f"{function}: {key}", declaration.get(key))
        for name, value in declaration.get("Environment", {}).get("Variables", {}).items():
            yield from self._unresolvable(f"{function}: environment variable {name} is left out", value)
        for name, event in self._events(function).items():
            yield from self._unresolvable(f"{function}: event {name}", event.get("Properties"))
            if event["Type"] == "Api":
                yield f"{function}: event {name} requires a REST API, which is not emulated; HttpApi is."
        for layer in declaration.get("Layers", []):
            if not self._is_layer(layer):
                yield f"{function}: the layer {layer} is not one of this template's and is left out."

    def _unresolvable(self, where: str, node: Any) -> Iterator[str]:
        try:
            self.resolve(node)
        except UnsupportedTemplate as error:
            yield f"{where}: {error}."


_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}


def load_template(
    path: str | Path,
    parameters: Mapping[str, str] | None = None,
    *,
    filled_in: Mapping[str, str] | None = None,
    stack_name: str = "hookline",
    region: str = REGION,
    account: str = ACCOUNT,
) -> Template:
    """Read a template with these parameters, the rest at their defaults.

    filled_in: values for parameters that are not given, for a template that has them. stack_name: the first part of
    every physical name. path may be the built template of `sam build`.
    Raises FileNotFoundError; UnsupportedTemplate for another file; InvalidParameter where CloudFormation would refuse:
    an unknown parameter, one without a value, one that its pattern, list or range forbids, or a set that the
    template's Rules forbid.
    """
    path = Path(path).resolve()
    source = _read(path)
    declared = source.get("Parameters", {})
    filled = {name: value for name, value in (filled_in or {}).items() if name in declared}
    decided = _decide_parameters(declared, {**filled, **(parameters or {})})
    template = Template(path, source, decided, stack_name, region, account)
    template.check_rules()
    template.unsupported.extend(template.find_unsupported())
    return template


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> Any:
    """A template's text as objects, which no one changes: it takes longer to parse than to use."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags


def _read(path: Path) -> dict[str, Any]:
    """A template as it is written. Raises FileNotFoundError and UnsupportedTemplate."""
    try:
        source = _parse(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnsupportedTemplate(f"{where}{error.problem}") from error
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UnsupportedTemplate(f"{path}: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:  # bytes that are not UTF-8, an invalid date
        raise UnsupportedTemplate(str(error)) from error
    if not isinstance(source, dict) or "Resources" not in source:
        raise UnsupportedTemplate("it has no Resources")
    for section in ("Conditions", "Globals", "Mappings", "Parameters", "Resources", "Rules"):
        if not isinstance(source.get(section, {}), dict):
            raise UnsupportedTemplate(f"its {section} are not a map")
    _check_typed(source.get("Parameters", {}))
    _check_typed(source["Resources"])
    return source


def _check_typed(entries: Any) -> None:
    """Raise UnsupportedTemplate unless this is a map of objects with a Type and, if any, a map of Properties."""
    if not isinstance(entries, dict):
        raise UnsupportedTemplate(f"{entries} is not a map")
    for name, declaration in entries.items():
        if not isinstance(declaration, dict) or not isinstance(declaration.get("Type"), str):
            raise UnsupportedTemplate(f"{name} has no Type")
        if not isinstance(declaration.get("Properties", {}), dict):
            raise UnsupportedTemplate(f"the Properties of {name} are not a map")


def _decide_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    for name in given:
        if name not in declared:
            near = get_close_matches(name, declared)
            raise InvalidParameter(f"{name} is not a parameter of the template", near=near)
    decided = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise InvalidParameter(f"{name} must have a value")
        decided[name] = as_text(given.get(name, declaration.get("Default")))
        _check_parameter(name, decided[name], declaration)
    return decided


def _check_parameter(name: str, value: str, declaration: Mapping[str, Any]) -> None:
    reason = declaration.get("ConstraintDescription", declaration.get("Description", ""))
    shown = "the value given" if declaration.get("NoEcho") else repr(value)
    if "AllowedValues" in declaration and value not in map(as_text, declaration["AllowedValues"]):
        allowed = ", ".join(map(as_text, declaration["AllowedValues"]))
        raise InvalidParameter(f"{name}: {shown} is not one of {allowed}")
    if "AllowedPattern" in declaration and not re.fullmatch(declaration["AllowedPattern"], value):
        raise InvalidParameter(f"{name}: {shown} does not match {declaration['AllowedPattern']}. {reason}")
    if not int(declaration.get("MinLength", 0)) <= len(value) <= int(declaration.get("MaxLength", 4096)):
        raise InvalidParameter(f"{name}: {len(value)} characters are too few or too many. {reason}")
    if declaration["Type"] == "Number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise InvalidParameter(f"{name}: {shown} is not a number")
        if not float(declaration.get("MinValue", "-inf")) <= float(value) <= float(declaration.get("MaxValue", "inf")):
            raise InvalidParameter(f"{name}: {shown} is out of range. {reason}")


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Globals under a resource's own properties, as SAM merges them: maps are merged, lists are concatenated."""
    merged = dict(under)
    for key, value in over.items():
        below = under.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and not (_is_intrinsic(below) or _is_intrinsic(value)):
            merged[key] = _merged(below, value)
        elif isinstance(below, list) and isinstance(value, list):
            merged[key] = [*below, *value]
        else:
            merged[key] = value
    return merged


def _is_intrinsic(node: Mapping[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref"))


def as_text(value: Any) -> str:
    """A scalar as CloudFormation passes it to a string property."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
