"""The ids that may be typed for a call: any of its own, the beginning of one, or `last`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hookline.events import Identity
from hookline.journal import CallRecord, Journal
from hookline_local.base.errors import USAGE, CliError
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

LAST = "last"
SHORTEST_PREFIX = 4
DAYS = 7
"""How far `last` and the beginning of an id look back: each day is a query."""

_LIST = "List the calls of a day with: hookline calls --day YYYY-MM-DD"


def read_call(resources: StackResources, any_id: str) -> CallRecord:
    """The call of an id, of the beginning of one, or the newest for `last`. Raises CliError when it is not journalled,
    or when several calls begin so.
    """
    if not any_id.strip():
        raise CliError("ID is empty", f"{_LIST}, or use last.", code=USAGE)
    with explain_aws_errors(resources):
        record = None if any_id == LAST else resources.journal.read(any_id)
        if record is None and (found := _found(resources.journal, any_id)):
            record = resources.journal.read(found)
    if record is None:
        what = f"no call of the last {DAYS} days" if any_id == LAST else f"no call {any_id}"
        raise CliError(f"{resources.name} has {what}", _LIST)
    return record


def _found(journal: Journal, typed: str) -> str | None:
    if typed != LAST and len(typed) < SHORTEST_PREFIX:
        return None
    for identities in _days(journal):
        matching = [identity for identity in identities if typed == LAST or _begins(identity, typed)]
        if typed != LAST and len({_conversation(identity, typed) for identity in matching}) > 1:
            ids = ", ".join(identity.any_id for identity in matching[:5])
            raise CliError(f"{len(matching)} calls begin with {typed}", f"Type more of one: {ids}", code=USAGE)
        if matching:
            return matching[-1 if typed == LAST else 0].any_id
    return None


def _days(journal: Journal) -> Iterator[list[Identity]]:
    """The calls of a day, oldest first; the newest day first."""
    today = datetime.now(UTC)
    for days in range(DAYS):
        yield journal.calls((today - timedelta(days=days)).strftime("%Y-%m-%d"))


def _begins(identity: Identity, typed: str) -> bool:
    return any(id_ and id_.startswith(typed) for id_ in _ids(identity))


def _ids(identity: Identity) -> tuple[str | None, ...]:
    return identity.call_leg_id, identity.call_control_id, identity.call_session_id


def _conversation(identity: Identity, typed: str) -> str:
    """Name what the typed text means: a session, whose legs are one, or a leg."""
    session = identity.call_session_id
    return session if session and session.startswith(typed) else identity.any_id
