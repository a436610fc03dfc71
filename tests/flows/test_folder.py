"""The folder of the flows: every function is named after an event, and numbers.toml names flows that exist."""

from pathlib import Path

from hookline_local.deciding.flow_check import problems

FLOWS = Path(__file__).parents[2] / "flows"


def test_the_flows_hold_no_mistake_that_can_be_found_without_a_call() -> None:
    assert problems(FLOWS) == []
