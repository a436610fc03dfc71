"""Look-ups: what a flow finds out about a call before it decides. The one part of a flow that may do I/O.

A look-up runs before the first question, inside a time limit, and its result is put into the journal once before
anything is sent: redeliveries, the deferred consumer, later events of the call and replays read what was found then.
"""

import time
from typing import Any

from hookline.deadline import Deadline
from hookline.environment import Environment
from hookline.events import Event, ids_of
from hookline.keyed_digits import without_spoken
from hookline.redaction import keyed_in

LOOKUP_SECONDS = 0.7
"""A look-up takes no longer than this."""

SENDING_SECONDS = 0.9
"""Of the webhook's deadline: set aside for what comes after a look-up, the history, the commands and the append."""


def facts_for(env: Environment, flow: str | None, event: Event, deadline: Deadline, *, is_first: bool) -> Any:
    """The result of the flow's look-up for this event: of this delivery, or of an earlier or simultaneous one.

    None for a flow without a look-up for the event, and where it was missed; the decision must cope. is_first: it is
    not known to have been delivered before, so that there is nothing to read first.
    Raises JournalUnavailable when the result cannot be put, or that of an earlier delivery cannot be read.
    """
    if flow is None or not env.flows.looks_up(flow, event):
        return None
    if not is_first and (stored := env.journal.facts(event, deadline)) is not None:
        return stored["facts"]
    seconds = min(LOOKUP_SECONDS * env.patience, deadline.left(reserve=SENDING_SECONDS * env.patience))
    found = env.flows.look_up(flow, event, deadline=Deadline(seconds))
    if found.missed:
        env.logger.warning("look-up missed", extra={"flow": flow, "error": found.missed, **ids_of(event)})
        env.count("LookupMissed")
    error = found.error
    if error and not env.keep_digits:
        error = without_spoken(error, keyed_in(event.payload, event.type), shortest=1)
    if env.journal.put_facts(event, found.facts, error, at=time.time(), deadline=deadline):
        return found.facts
    stored = env.journal.facts(event, deadline)
    return stored["facts"] if stored else None
