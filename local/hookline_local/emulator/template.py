"""template.yaml, read as CloudFormation would read it.

Owns the meaning of the template on a laptop: parameters, conditions and intrinsic functions. The tests and the local
stack both come in here, so that a key, an index or a redrive policy is typed once, in template.yaml. What is not
understood stands in `Template.unsupported`, in plain sentences: nothing is left out in silence.

    template = load_template("template.yaml", {"TelnyxPublicKeys": key, "TelnyxApiKey": "KEY0"})
    template.environment_of("CallAnsweredFunction")  # {"TABLE_NAME": "hookline-CallsTable", ...}
    template.routes()                                # [Route("POST", "/webhooks", "WebhookRouterFunction"), ...]
    template.event_sources("CommandSenderFunction")  # [EventSource(type="SQS", ...)]

Source of the rules: the CloudFormation User Guide (template anatomy, intrinsic functions, rules) and the SAM
specification 2016-10-31.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ACCOUNT = "123456789012"
REGION = "us-east-1"


class ParameterRefused(ValueError):
    """CloudFormation would refuse this set of parameters; the text says which and why.

    near: names of parameters that are like one that there is not.
    """

    def __init__(self, text: str, *, near: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.name = text.partition(":")[0]
        self.near = near


class NotUnderstood(ValueError):
    """This is no template, or a part of it was asked for that is not emulated here."""


class Route(NamedTuple):
    """method: upper case, or ANY. path: as in the template; "$default" for the catch-all route."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class EventSource:
    """What invokes a function other than HTTP: one entry of its `Events`, resolved.

    type: as in SAM ("SQS", "Schedule", "DynamoDB", ...). properties: everything the template says, resolved.
    For SQS, `queue` is the logical id of the queue when it is one of ours, and the rest holds with SAM's defaults.
    maximum_concurrency: invocations at once, None for no limit. window_seconds: how long a batch may wait to fill.
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
class Layer:
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
class Function:
    """code: the folder that becomes /var/task. timeout: seconds. memory: MB. layers: in the template's order."""

    id: str
    handler: str
    code: Path
    layers: tuple[Layer, ...]
    timeout: int
    memory: int
    runtime: str
    reserved_concurrency: int | None = None


class _Loader(yaml.SafeLoader):
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
"""What `AWS::NoValue` resolves to: the key or the list entry that holds it is removed."""

_INERT = {
    "AWS::CloudWatch::Alarm": "no alarm rings here",
    "AWS::CloudWatch::Dashboard": "dashboards are not drawn here",
    "AWS::IAM::ManagedPolicy": "permissions are not enforced here",
    "AWS::IAM::Role": "permissions are not enforced here",
    "AWS::Logs::LogGroup": "there are no log groups; `serve --logs` shows what the functions log",
    "AWS::Logs::MetricFilter": "log lines are not counted here",
    "AWS::S3::BucketPolicy": "the bucket's policy is not enforced here",
    "AWS::SNS::Subscription": "nothing is sent to topics here",
    "AWS::SNS::Topic": "nothing is sent to topics here",
    "AWS::SNS::TopicPolicy": "nothing is sent to topics here",
    "AWS::SQS::QueuePolicy": "the queues' policy is not enforced here",
}
_SERVERLESS = {"AWS::Serverless::Function", "AWS::Serverless::HttpApi", "AWS::Serverless::LayerVersion"}

_TABLE_PROPERTIES = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
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
    "AWS::SecretsManager::Secret": {"Description", "SecretString"},
}
"""What is created here (creating.py), and the properties that are passed on. Names and tags are left out on purpose."""


@dataclass
class Template:
    """A template with its parameters decided.

    unsupported: sentences that say what the template asks for and what is not emulated here.
    parameters: every parameter of the template, as the string that CloudFormation would hold.
    """

    path: Path
    source: Mapping[str, Any]
    parameters: Mapping[str, str]
    stack_name: str
    region: str
    account: str
    unsupported: list[str] = field(default_factory=list)
    _references: dict[str, str] = field(default_factory=dict)  # what Ref gives, known once a resource is created
    _attributes: dict[str, str] = field(default_factory=dict)  # what GetAtt gives, by "Id.Name"

    def resources(self, resource_type: str) -> list[str]:
        """Logical ids of one type, in the template's order, without those whose condition does not hold."""
        return [
            name
            for name, resource in self.source["Resources"].items()
            if resource["Type"] == resource_type and self.condition(resource.get("Condition"))
        ]

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties of a resource, Globals merged in, everything resolved. Raises NotUnderstood."""
        resolved: dict[str, Any] = self.resolve(self.properties_as_written(logical_id))
        return resolved

    def condition(self, name: str | None) -> bool:
        """Whether a condition of the template holds; no name always holds."""
        if name is not None and name not in self.source.get("Conditions", {}):
            raise NotUnderstood(f"the condition {name}, which the template does not have")
        return name is None or self._condition(self.source["Conditions"][name])

    def routes(self) -> list[Route]:
        """Every HTTP route of every function, in the template's order."""
        found = []
        for function in self.resources("AWS::Serverless::Function"):
            for event in self._events(function).values():
                if event["Type"] == "HttpApi":
                    wanted = self.resolve(event.get("Properties", {}))
                    path = wanted.get("Path", "$default")
                    found.append(Route(wanted.get("Method", "ANY").upper(), path, function))
        return found

    def event_sources(self, function: str) -> list[EventSource]:
        """What invokes a function besides HTTP."""
        return [
            self._event_source(name, event)
            for name, event in self._events(function).items()
            if event["Type"] not in ("HttpApi", "Api")
        ]

    def functions(self) -> dict[str, Function]:
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
        """What `!Ref` gives: a table's or bucket's name, a queue's URL, a secret's ARN."""
        return str(self._ref(logical_id))

    def remember(self, logical_id: str, reference: str, **attributes: str) -> None:
        """A resource has been created: from now on Ref gives `reference` and GetAtt these attributes."""
        self._references[logical_id] = reference
        for name, value in attributes.items():
            self._attributes[f"{logical_id}.{name}"] = value

    def resolve(self, node: Any) -> Any:
        """A part of the template with its intrinsic functions replaced by what they mean. Raises NotUnderstood."""
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
        """The properties of a resource, Globals merged in, intrinsic functions left as they stand."""
        resource = self.source["Resources"][logical_id]
        section = resource["Type"].removeprefix("AWS::Serverless::")
        return _merged(self.source.get("Globals", {}).get(section, {}), resource.get("Properties", {}))

    def _events(self, function: str) -> dict[str, Any]:
        events: dict[str, Any] = self.properties_as_written(function).get("Events", {})
        _check_typed(events)
        return events

    def _event_source(self, name: str, event: Mapping[str, Any]) -> EventSource:
        said = event.get("Properties", {})
        wanted = self.resolve(said)
        if event["Type"] != "SQS":
            return EventSource(name, event["Type"], wanted)
        arn = wanted["Queue"]
        queues = [queue for queue in self.resources("AWS::SQS::Queue") if self._get_att(queue, "Arn") == arn]
        maximum = wanted.get("ScalingConfig", {}).get("MaximumConcurrency")
        return EventSource(
            name,
            "SQS",
            wanted,
            queue=queues[0] if queues else None,
            arn=arn,
            batch_size=int(wanted.get("BatchSize", 10)),
            window_seconds=int(wanted.get("MaximumBatchingWindowInSeconds", 0)),
            maximum_concurrency=None if maximum is None else int(maximum),
            reports_batch_item_failures="ReportBatchItemFailures" in wanted.get("FunctionResponseTypes", []),
            enabled=as_text(wanted.get("Enabled", True)) == "true",
        )

    def _function(self, logical_id: str) -> Function:
        said = self.properties_as_written(logical_id)
        for key in ("Handler", "CodeUri", "Runtime"):
            if key not in said:
                raise NotUnderstood(f"the function {logical_id} has no {key}")
        reserved = self.resolve({"value": said.get("ReservedConcurrentExecutions")}).get("value")
        return Function(
            logical_id,
            handler=self.resolve(said["Handler"]),
            code=self.path.parent / self.resolve(said["CodeUri"]),
            layers=tuple(self._layer(layer["Ref"]) for layer in said.get("Layers", []) if self._is_layer(layer)),
            timeout=int(self.resolve(said.get("Timeout", 3))),
            memory=int(self.resolve(said.get("MemorySize", 128))),
            runtime=self.resolve(said["Runtime"]),
            reserved_concurrency=None if reserved is None else int(reserved),
        )

    def _is_layer(self, node: Any) -> bool:
        layers = self.resources("AWS::Serverless::LayerVersion")
        return isinstance(node, dict) and node.get("Ref") in layers

    def _layer(self, logical_id: str) -> Layer:
        content = self.source["Resources"][logical_id]["Properties"]["ContentUri"]
        return Layer(logical_id, self.path.parent / content)

    def _resolve_or_none(self, node: Any) -> Any:
        try:
            value = self.resolve(node)
        except NotUnderstood:
            return None
        return None if value is _NO_VALUE else value

    def physical_name(self, logical_id: str) -> str:
        """A name that a person recognises and that the service allows."""
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
            raise NotUnderstood(f"Ref to {name}, which the template does not have")
        if self.source["Resources"][name]["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.physical_name(name)}"
        if self.source["Resources"][name]["Type"] in ("AWS::SecretsManager::Secret", "AWS::SNS::Topic"):
            return self._get_att(name, "Arn")
        return self.physical_name(name)

    def _get_att(self, logical_id: str, attribute: str) -> str:
        if f"{logical_id}.{attribute}" in self._attributes:
            return self._attributes[f"{logical_id}.{attribute}"]
        if logical_id not in self.source["Resources"]:
            raise NotUnderstood(f"GetAtt of {logical_id}, which the template does not have")
        name = self.physical_name(logical_id)
        here = f"{self.region}:{self.account}"
        kind = self.source["Resources"][logical_id]["Type"]
        known = {
            ("AWS::DynamoDB::Table", "Arn"): f"arn:aws:dynamodb:{here}:table/{name}",
            ("AWS::DynamoDB::Table", "StreamArn"): f"arn:aws:dynamodb:{here}:table/{name}/stream/local",
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
            raise NotUnderstood(f"GetAtt {logical_id}.{attribute} of {kind} has no value here")
        return known[kind, attribute]

    def _intrinsic(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Fn::GetAtt": lambda pair: self._get_att(*(pair if isinstance(pair, list) else pair.split(".", 1))),
            "Fn::Sub": self._sub,
            "Fn::If": lambda three: self.resolve(three[1] if self.condition(three[0]) else three[2]),
            "Fn::Join": lambda pair: as_text(pair[0]).join(map(as_text, self.resolve(pair[1]))),
            "Fn::Select": lambda pair: self.resolve(pair[1])[int(self.resolve(pair[0]))],
            "Fn::Split": lambda pair: as_text(self.resolve(pair[1])).split(pair[0]),
            "Fn::FindInMap": self._find_in_map,
        }
        if name in ("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"):
            return self._condition({name: argument})
        if name not in functions:
            raise NotUnderstood(f"{name} is not understood here")
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
                raise NotUnderstood(f"FindInMap finds no {key}")
            found = found[key]
        return found

    def _condition(self, node: Any) -> bool:
        ((name, argument),) = node.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = map(self.resolve, argument)
            return as_text(left) == as_text(right)
        if name == "Fn::Not":
            return not self._condition(argument[0])
        if name == "Fn::And":
            return all(map(self._condition, argument))
        if name == "Fn::Or":
            return any(map(self._condition, argument))
        if name == "Fn::Contains":
            return as_text(self.resolve(argument[1])) in map(as_text, self.resolve(argument[0]))
        raise NotUnderstood(f"the condition function {name} is not understood here")

    def check_rules(self) -> None:
        """Raise ParameterRefused unless every assertion of the section Rules holds."""
        for rule, said in self.source.get("Rules", {}).items():
            if "RuleCondition" in said and not self._condition(said["RuleCondition"]):
                continue
            for assertion in said["Assertions"]:
                if not self._condition(assertion["Assert"]):
                    raise ParameterRefused(f"{rule}: {assertion.get('AssertDescription', 'the rule does not hold')}")

    def find_unsupported(self) -> Iterator[str]:
        """One sentence for each thing that the template asks for and that does not happen here."""
        for section in self.source:
            if section not in _SECTIONS:
                yield f"The section {section} is not understood here."
        if self.source.get("Transform") not in (None, "AWS::Serverless-2016-10-31"):
            yield f"Of the transforms only AWS::Serverless-2016-10-31 is understood, not {self.source['Transform']}."
        for kind in dict.fromkeys(resource["Type"] for resource in self.source["Resources"].values()):
            names = self.resources(kind)
            if names and kind in _INERT:
                yield f"{', '.join(names)}: {_INERT[kind]}."
            elif names and kind not in _CREATED and kind not in _SERVERLESS:
                yield f"{', '.join(names)}: {kind} is not emulated."
        for kind, passed_on in _CREATED.items():
            for name in self.resources(kind):
                for key, value in self.properties_as_written(name).items():
                    if key not in passed_on and key != "Tags":
                        yield f"{name}: its {key} has no effect here."
                    yield from self._complaint(f"{name}: {key}", value)
        for function in self.resources("AWS::Serverless::Function"):
            yield from self._unsupported_of_function(function)

    def _unsupported_of_function(self, function: str) -> Iterator[str]:
        said = self.properties_as_written(function)
        for key in ("Handler", "CodeUri", "Runtime", "Timeout", "MemorySize"):
            yield from self._complaint(f"{function}: {key}", said.get(key))
        for name, value in said.get("Environment", {}).get("Variables", {}).items():
            yield from self._complaint(f"{function}: environment variable {name} is left out", value)
        for name, event in self._events(function).items():
            yield from self._complaint(f"{function}: event {name}", event.get("Properties"))
            if event["Type"] == "Api":
                yield f"{function}: event {name} asks for a REST API, which is not emulated; HttpApi is."
        for layer in said.get("Layers", []):
            if not self._is_layer(layer):
                yield f"{function}: the layer {layer} is not one of this template's and is left out."

    def _complaint(self, where: str, node: Any) -> Iterator[str]:
        try:
            self.resolve(node)
        except NotUnderstood as error:
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

    filled_in: parameters that are not given, for a template that has them. stack_name: becomes the first part of every
    physical name. path may be the built template of `sam build`.
    Raises FileNotFoundError; NotUnderstood for what is no template; ParameterRefused where CloudFormation would refuse:
    a parameter that the template does not have, that has no value, that its pattern, list or range forbids, or a set
    that the template's Rules forbid.
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


def _read(path: Path) -> dict[str, Any]:
    """A template as it is written. Raises FileNotFoundError, and NotUnderstood where it is no template."""
    try:
        source = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NotUnderstood(f"{where}{error.problem}") from error
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise NotUnderstood(f"{path}: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:  # bytes that are no text, a date that there is not
        raise NotUnderstood(str(error)) from error
    if not isinstance(source, dict) or "Resources" not in source:
        raise NotUnderstood("it has no Resources")
    for section in ("Conditions", "Globals", "Mappings", "Parameters", "Resources", "Rules"):
        if not isinstance(source.get(section, {}), dict):
            raise NotUnderstood(f"its {section} are no map")
    _check_typed(source.get("Parameters", {}))
    _check_typed(source["Resources"])
    return source


def _check_typed(entries: Any) -> None:
    """Raise NotUnderstood unless these are a map of things that each have a Type and, if any, a map of Properties."""
    if not isinstance(entries, dict):
        raise NotUnderstood(f"{entries} is no map")
    for name, said in entries.items():
        if not isinstance(said, dict) or not isinstance(said.get("Type"), str):
            raise NotUnderstood(f"{name} has no Type")
        if not isinstance(said.get("Properties", {}), dict):
            raise NotUnderstood(f"the Properties of {name} are no map")


def _decide_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    for name in given:
        if name not in declared:
            near = get_close_matches(name, declared)
            raise ParameterRefused(f"{name} is no parameter of the template", near=near)
    decided = {}
    for name, said in declared.items():
        if name not in given and "Default" not in said:
            raise ParameterRefused(f"{name} must have a value")
        decided[name] = as_text(given.get(name, said.get("Default")))
        _check_parameter(name, decided[name], said)
    return decided


def _check_parameter(name: str, value: str, said: Mapping[str, Any]) -> None:
    reason = said.get("ConstraintDescription", said.get("Description", ""))
    shown = "the value given" if said.get("NoEcho") else repr(value)
    if "AllowedValues" in said and value not in map(as_text, said["AllowedValues"]):
        raise ParameterRefused(f"{name}: {shown} is not one of {', '.join(map(as_text, said['AllowedValues']))}")
    if "AllowedPattern" in said and not re.fullmatch(said["AllowedPattern"], value):
        raise ParameterRefused(f"{name}: {shown} does not match {said['AllowedPattern']}. {reason}")
    if not int(said.get("MinLength", 0)) <= len(value) <= int(said.get("MaxLength", 4096)):
        raise ParameterRefused(f"{name}: {len(value)} characters are too few or too many. {reason}")
    if said["Type"] == "Number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise ParameterRefused(f"{name}: {shown} is no number")
        if not float(said.get("MinValue", "-inf")) <= float(value) <= float(said.get("MaxValue", "inf")):
            raise ParameterRefused(f"{name}: {shown} is out of range. {reason}")


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Globals under a resource's own properties, as SAM merges them: maps are joined, lists follow one another."""
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
    """A scalar as CloudFormation hands it to a string property."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
