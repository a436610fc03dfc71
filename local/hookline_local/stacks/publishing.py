"""The publishing side of a local stack. Owns how streams, pipes, buses and rules are joined."""

from collections.abc import Callable, Mapping

from botocore.config import Config

from hookline_local.emulator.event_bus import EventBus, rules_of
from hookline_local.emulator.moto_server import local_session
from hookline_local.emulator.pipe import PipeRunner, pipes_of
from hookline_local.emulator.template import Template, UnsupportedTemplate

_CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})


def event_buses(template: Template, *, endpoint_url: str, submit: Callable[[str, bytes], str]) -> dict[str, EventBus]:
    """Each bus of the template with its rules, by logical id. submit: invokes a function asynchronously, by its own id.

    Raises UnsupportedTemplate.
    """
    names = template.resources("AWS::Events::EventBus")
    if not names:
        return {}
    sqs = local_session(template.region).client("sqs", endpoint_url=endpoint_url, config=_CLIENT_CONFIG)
    place = {"region": template.region, "account": template.account}
    return {name: EventBus(rules_of(template, name), sqs=sqs, submit=submit, **place) for name in names}


def pipe_runners(
    template: Template, buses: Mapping[str, EventBus], *, endpoint_url: str, interval_seconds: float | None
) -> list[PipeRunner]:
    """A runner for each pipe of the template.

    interval_seconds: between two looks at a stream besides those after `wake`; None for none.
    Raises UnsupportedTemplate.
    """
    pipes = pipes_of(template)
    if not pipes:
        return []
    session = local_session(template.region)
    streams = session.client("dynamodbstreams", endpoint_url=endpoint_url, config=_CLIENT_CONFIG)
    by_arn = {template.resolve({"Fn::GetAtt": [name, "Arn"]}): bus for name, bus in buses.items()}
    runners = []
    for pipe in pipes:
        if pipe.target not in by_arn:
            raise UnsupportedTemplate(f"a pipe leads to {pipe.target}, which is not a bus of the template")
        publish = by_arn[pipe.target].publish
        runners.append(PipeRunner(pipe, streams=streams, publish=publish, interval_seconds=interval_seconds))
    return runners
