"""hookline.call_report: which commands of a call wait, by its journal."""

from typing import Any

import httpx
import pytest

from hookline.call import Call
from hookline.call_cost import COST_KEYS, cost_of
from hookline.call_report import due_commands, waiting_commands
from hookline.journal import CallRecord
from hookline_local.cli.screen import command_text
from tests.support.world import World, deliver, ok, overloaded, sample_data, sample_event


def the_call(world: World) -> CallRecord:
    record = world.journal.read(sample_data("call.hangup")["payload"]["call_leg_id"])
    assert record is not None
    return record


def test_a_later_hang_up_of_a_call_that_has_ended_is_not_due(world: World) -> None:
    deliver("call.dtmf.received", digit="#")
    assert due_commands(the_call(world)) == ["hangup"]
    deliver("call.hangup")
    assert due_commands(the_call(world)) == []
    assert [command_text(command) for command in waiting_commands(the_call(world))] == ["hangup (queued for 20 s)"]


def test_a_command_that_telnyx_could_not_take_is_due_until_it_has_a_result(world: World) -> None:
    def without_recordings(request: httpx.Request) -> httpx.Response:
        return overloaded() if request.url.path.endswith("record_start") else ok()

    world.replies = without_recordings
    deliver("call.answered")
    deliver("call.hangup")
    assert due_commands(the_call(world)) == ["record_start", "transcription_start"]
    world.replies = lambda request: ok()
    world.consume("COMMAND", "command_sender", world.records("COMMAND"))
    assert due_commands(the_call(world)) == []


def test_the_cost_of_a_leg_is_what_telnyx_reported_as_decimal_texts() -> None:
    cost = cost_of(Call.of([sample_event("call.hangup"), sample_event("call.cost")]))
    assert cost is not None
    assert tuple(cost) == COST_KEYS
    assert (cost["total_cost"], cost["currency"], cost["billed_duration_seconds"]) == ("0.0110", "USD", 120)
    assert [part["cost"] for part in cost["parts"]] == ["0.0040", "0.0070"]
    assert cost_of(Call.of([sample_event("call.hangup")])) is None


@pytest.mark.parametrize("parts", [None, [], "free", [1, None], [{"currency": "USD"}, {"currency": "EUR"}]])
def test_a_cost_of_another_shape_has_no_currency(parts: Any) -> None:
    cost = cost_of(Call.of([sample_event("call.cost", cost_parts=parts, total_cost=0.011)]))
    assert cost is not None
    assert (cost["total_cost"], cost["currency"]) == ("0.011", None)
