"""Conditions that a test sets: a part of AWS that is away, and what the flow of the tests decides."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import EndpointConnectionError

from hookline import Call, Command, Event
from tests.support.flows import reception


@contextmanager
def unavailable(*names: str, queue: str = "") -> Iterator[None]:
    """Within the block these parts of AWS cannot be reached.

    names: a service ("dynamodb") or one of its operations ("PutItem"). queue: only messages to this queue's URL.
    """
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def send_or_fail(self: Any, operation: str, arguments: Any) -> Any:
        is_named = operation in names or self.meta.service_model.service_name in names
        if is_named and (not queue or arguments.get("QueueUrl") == queue):
            raise EndpointConnectionError(endpoint_url="https://aws.example.com")
        return send(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", send_or_fail)
        yield


@contextmanager
def requests_to_aws(*operations: str) -> Iterator[list[dict[str, Any]]]:
    """The arguments of every such request that is made within the block, in order."""
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001
    made: list[dict[str, Any]] = []

    def send_and_record(self: Any, operation: str, arguments: Any) -> Any:
        if operation in operations:
            made.append(arguments)
        return send(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", send_and_record)
        yield made


Decide = Callable[[Event, Call], list[Command]]


@contextmanager
def deciding(**decisions: Decide | Command | list[Command]) -> Iterator[None]:
    """Within the block the flow of the tests decides this. decisions: by the name of its function, `call_answered`.

    A command or a list of them is decided whatever the event and the call are.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, decided in decisions.items():
            patch.setattr(reception, name, decided if callable(decided) else _always(decided), raising=False)
        yield


def _always(decided: Command | list[Command]) -> Decide:
    commands = decided if isinstance(decided, list) else [decided]

    def decide(event: Event, call: Call) -> list[Command]:
        return list(commands)

    return decide
