"""The state of a call: the fold of its events. Values only.

The same events give the same call in every order and however often each is repeated, because they are sorted by the
time they occurred and counted once by id before anything is read from them. Telnyx promises neither order nor single
delivery (developers.telnyx.com, "Receiving webhooks"), so nothing here depends on either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hookline.events import Event

Status = Literal["unknown", "ringing", "answered", "ended"]

_STATUS_AFTER: dict[str, Status] = {
    "call.initiated": "ringing",
    "call.answered": "answered",
    "call.bridged": "answered",
    "call.hangup": "ended",
}
"""The status that an event implies. A call only ever moves forward: see `_RANK`."""

_RANK: dict[Status, int] = {"unknown": 0, "ringing": 1, "answered": 2, "ended": 3}


@dataclass(slots=True)
class Call:
    """One leg of a conversation, as its events describe it. Timestamps are UTC texts as in Event.occurred_at, or None.

    direction: "incoming" or "outgoing", as in `call.initiated`; later events do not carry it.
    status: only ever moves forward, so that a late `call.answered` does not revive a call that has ended.
    streaming, forking: whether media leaves the call now, as far as known.
    events: every event once, in the order they occurred.
    facts: what the flow's look-up found, as JSON; None without one, and when it was missed.
    legs: the other legs of the conversation, where the flow declares OTHER_LEGS and its history is read. Of these the
    journal gives times, types, ids, direction and numbers, and no other payload.

    Not frozen: that would take six times as long to make, and each decision is given a Call of its own.
    """

    call_leg_id: str | None = None
    call_control_id: str | None = None
    call_session_id: str | None = None
    connection_id: str | None = None
    direction: str | None = None
    from_: str | None = None
    to: str | None = None
    status: Status = "unknown"
    started_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    hangup_cause: str | None = None
    hangup_source: str | None = None
    machine_detection: str | None = None
    streaming: bool = False
    forking: bool = False
    events: tuple[Event, ...] = ()
    facts: Any = None
    legs: tuple[Call, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event], *, facts: Any = None, legs: Iterable[Call] = ()) -> Call:
        """The call of these events, which may come in any order and more than once."""
        ordered = sorted_events(events)
        leg = control = session = connection = None
        known: dict[str, Any] = {}
        status: Status = "unknown"
        for event in ordered:
            identity = event.identity
            leg = leg or identity.call_leg_id
            control = control or identity.call_control_id
            session = session or identity.call_session_id
            connection = connection or _text(event, "connection_id")
            reached = _STATUS_AFTER.get(event.type, "unknown")
            if _RANK[reached] > _RANK[status]:
                status = reached
            known.update(_attributes_of(event, known))
        return cls(
            leg,
            control,
            session,
            connection,
            status=status,
            events=ordered,
            facts=facts,
            legs=tuple(legs),
            **known,
        )

    @property
    def client_state(self) -> Any:
        """The decoded value of the newest event that carried one of ours; None when there is none."""
        return next((state for event in reversed(self.events) if (state := event.client_state) is not None), None)

    @property
    def ended(self) -> bool:
        """True once a hang-up has been reported: no command can change this call any more."""
        return self.status == "ended"

    def last(self, event_type: str) -> Event | None:
        """The newest event of this type; None without one."""
        return next((event for event in reversed(self.events) if event.type == event_type), None)

    def count(self, event_type: str, *, before: Event | None = None) -> int:
        """The number of events of this type; before: only of those that come before that one in order."""
        return sum(
            1
            for event in self.events
            if event.type == event_type and (before is None or sort_key(event) < sort_key(before))
        )


def sorted_events(events: Iterable[Event]) -> tuple[Event, ...]:
    """Each event once, in the order they occurred; the id settles a tie."""
    once: dict[str, Event] = {}
    for event in events:
        known = once.setdefault(event.id, event)
        if known is not event and known != event:  # never seen from Telnyx, and still one answer for every order
            once[event.id] = min(known, event, key=repr)
    return tuple(sorted(once.values(), key=sort_key))


def sort_key(event: Event) -> tuple[str, str]:
    """The order of the events of a call: by the time they occurred, then by id."""
    return (event.occurred_at, event.id)


def _attributes_of(event: Event, known: dict[str, Any]) -> dict[str, Any]:
    """The attributes that this event adds or changes. known: those before it."""
    match event.type:
        case "call.initiated":
            return {
                "direction": known.get("direction") or _text(event, "direction"),
                "from_": known.get("from_") or _text(event, "from"),
                "to": known.get("to") or _text(event, "to"),
                "started_at": known.get("started_at") or event.occurred_at,
            }
        case "call.answered":
            return {
                "from_": known.get("from_") or _text(event, "from"),
                "to": known.get("to") or _text(event, "to"),
                "answered_at": known.get("answered_at") or event.occurred_at,
            }
        case "call.hangup":
            return {
                "from_": known.get("from_") or _text(event, "from"),
                "to": known.get("to") or _text(event, "to"),
                "ended_at": known.get("ended_at") or event.occurred_at,
                "hangup_cause": known.get("hangup_cause") or _text(event, "hangup_cause"),
                "hangup_source": known.get("hangup_source") or _text(event, "hangup_source"),
                "streaming": False,
                "forking": False,
            }
        case "call.machine.detection.ended":
            return {"machine_detection": _text(event, "result")}
        case "streaming.started":
            return {"streaming": True}
        case "streaming.stopped" | "streaming.failed":
            return {"streaming": False}
        case "call.fork.started":
            return {"forking": True}
        case "call.fork.stopped":
            return {"forking": False}
    return {}


def _text(event: Event, key: str) -> str | None:
    value = event.payload.get(key)
    return value if isinstance(value, str) and value else None
