"""raises: a flow with a bug."""

from hookline import Call, Command, Event


def call_initiated(event: Event, call: Call) -> list[Command]:
    """Raise KeyError."""
    steps: dict[str, list[Command]] = {}
    return steps["greeting"]
