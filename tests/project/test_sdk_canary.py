"""Names that the pinned SDK has and we lack: read when a newer one is pinned.

Parameters and listed values are walked one by one in tests/simulator/test_agreement.py; here are the lists that have no
type of their own: the actions, and the event types.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
import telnyx.types
from pydantic import BaseModel
from telnyx.resources.calls.actions import ActionsResource
from telnyx.types import call_payment_completed_webhook_event, call_payment_progress_webhook_event

from hookline.event_types import EVENT_TYPES
from hookline.keyed_digits import DIGIT_NAMES
from hookline_local.simulator import parameter_checks
from hookline_local.simulator.command_schema import COMMAND_SCHEMAS
from tests.support.command_rows import ROWS

CALL_EVENT = re.compile(r"(call|streaming|siprec|conference)\.")


def actions_of_the_sdk() -> dict[str, str]:
    """Each action of a call, with the SDK's method for it."""
    return {
        action: name
        for name, method in inspect.getmembers(ActionsResource, inspect.isfunction)
        for action in re.findall(r"/calls/\{\w+\}/actions/(\w+)", inspect.getsource(method))
    }


def event_types_of_the_sdk() -> set[str]:
    """Each event type of a call that a webhook model of the SDK names."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(telnyx.types.__path__):
        if re.fullmatch(r"(call|conference|streaming|siprec).*_webhook_event", module.name):
            for _, model in inspect.getmembers(importlib.import_module(f"telnyx.types.{module.name}"), inspect.isclass):
                if issubclass(model, BaseModel):
                    found |= set(event_types_in(model, set()))
    return found


def event_types_in(model: Any, seen: set[Any]) -> Iterator[str]:
    """The values of `event_type` in a model and in all that it holds."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        for part in parts(field.annotation):
            if name == "event_type" and get_origin(part) is Literal:
                yield from (value for value in get_args(part) if CALL_EVENT.match(value))
            elif inspect.isclass(part) and issubclass(part, BaseModel):
                yield from event_types_in(part, seen)


def parts(hint: Any) -> Iterator[Any]:
    """A type and everything in it."""
    yield hint
    if get_origin(hint) is not Literal:
        for argument in get_args(hint):
            yield from parts(argument)


def test_every_action_of_the_sdk_is_a_command_of_ours() -> None:
    actions = actions_of_the_sdk()
    assert len(actions) >= 41  # the search finds what there is to find
    assert sorted(actions.keys() - ROWS.keys()) == []
    assert sorted(ROWS.keys() - actions.keys()) == ["dial"]
    assert {action: ROWS[action][0] for action in actions} == actions


def test_every_action_of_the_sdk_is_known_to_the_simulator() -> None:
    assert sorted(actions_of_the_sdk().keys() - COMMAND_SCHEMAS.keys()) == []


@pytest.mark.parametrize(
    "known, event",
    [(EVENT_TYPES, r""), (parameter_checks.EVENT_TYPES, r"(?!conference)")],
    ids=["functions of a flow", "webhook_urls in the simulator"],
)
def test_every_event_type_of_the_sdk_is_known(known: frozenset[str], event: str) -> None:
    sdk = {event_type for event_type in event_types_of_the_sdk() if re.match(event, event_type)}
    assert {"call.initiated", "streaming.started", "call.payment.completed"} <= sdk
    assert sorted(sdk - known) == []


@pytest.mark.parametrize(
    "payload", [call_payment_progress_webhook_event.DataPayload, call_payment_completed_webhook_event.DataPayload]
)
def test_what_a_caller_keys_in_for_a_payment_is_blanked(payload: type[BaseModel]) -> None:
    made_by_the_processor = {"pay_error_code", "payment_confirmation_code"}
    keyed = {name for name in payload.model_fields if re.search(r"number|_code$|_date$|postal", name)}
    assert "security_code" in keyed
    assert sorted(keyed - DIGIT_NAMES - made_by_the_processor) == []
