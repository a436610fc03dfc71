"""The call of a triggered event, a new one or one of the journal; and why Telnyx has refused its commands."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from hookline_local.cli.call_ids import read_call
from hookline_local.cli.screen import Screen
from hookline_local.operations.telnyx_codes import explain_error
from hookline_local.samples.catalog import Sample
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

CALL_FIELDS = ("call_leg_id", "call_control_id", "call_session_id", "connection_id", "from", "to", "client_state")
"""Of a call that exists: what its events have in common."""
UNKNOWN_CALL = "90015"


def new_call(sample: Sample) -> dict[str, object]:
    """Changes that make the sample an event of a call of its own: new ids in place of those that it has."""
    leg = str(uuid.uuid1())
    ids = {"call_leg_id": leg, "call_control_id": f"v3:{leg}", "call_session_id": str(uuid.uuid1())}
    return {f"data.payload.{name}": id_ for name, id_ in ids.items() if name in payload(sample)}


def known_call(sample: Sample, resources: StackResources, any_id: str) -> dict[str, object]:
    """Changes that make the sample an event of a journalled call. Raises CliError when it is not journalled."""
    found: dict[str, Any] = {}
    for entry in read_call(resources, any_id).entries:
        if entry.event is not None:
            found |= {name: entry.event.payload[name] for name in CALL_FIELDS if entry.event.payload.get(name)}
    return {f"data.payload.{name}": value for name, value in found.items() if name in payload(sample)}


def payload(sample: Sample) -> Mapping[str, Any]:
    """Of an event; empty for anything else."""
    try:
        content = json.loads(sample.body)["data"]["payload"]
    except (ValueError, TypeError, KeyError):
        return {}
    return content if isinstance(content, dict) else {}


def show_refusals(sample: Sample, resources: StackResources, screen: Screen, *, made_up: bool) -> None:
    """The reasons of the commands that Telnyx has refused, as the journal has them; nothing without any."""
    content = payload(sample)
    any_id = content.get("call_leg_id") or content.get("call_control_id")
    codes = set()
    for command in _refused(sample, resources, str(any_id)) if any_id else ():
        codes.add(command.get("code"))
        why = explain_error(command.get("code"), command.get("status"))
        screen.paragraph(f"{command['action']} was refused: {why}", "yellow")
    if made_up and UNKNOWN_CALL in codes:
        screen.paragraph("Telnyx does not know a call of trigger's own: hookline call, then --call last.", "dim")


def _refused(sample: Sample, resources: StackResources, any_id: str) -> Iterator[Mapping[str, Any]]:
    event_id = json.loads(sample.body)["data"]["id"]
    with explain_aws_errors(resources):
        record = resources.journal.read(any_id)
    for entry in record.entries if record else ():
        if entry.event_id == event_id:
            yield from (command for command in entry.commands if command["result"] == "refused")
