"""answers: every call is answered, and nothing else happens."""

from hookline import Call, Command, Event, answer


def call_initiated(event: Event, call: Call) -> list[Command]:
    """One command."""
    return [answer()]
