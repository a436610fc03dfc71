"""dials: a flow that calls a number which the stack does not allow."""

from hookline import Call, Command, Event, dial


def call_initiated(event: Event, call: Call) -> list[Command]:
    """A call to a satellite telephone."""
    return [dial(connection_id="1", from_="+12025550123", to="+88213000000")]
