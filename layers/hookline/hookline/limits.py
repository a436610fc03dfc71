"""Limits: who may be called from here, how many calls at once, and for how long. `dispatch.send_once` asks them.

Whatever places a call passes there: `dial` and `transfer` (and `refer`, which lets the caller's own phone call) of
flows, of their fallbacks, of the command queue and of whatever else sends commands. A flow whose target a caller can
choose would otherwise call expensive numbers at the owner's cost. Values only.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from hookline.commands import Command

DESTINATIONS: Mapping[str, str] = {"dial": "to", "transfer": "to", "refer": "sip_address"}
"""The parameter that names who is called, by action."""

PLACED_STATE: Mapping[str, str] = {"dial": "client_state", "transfer": "target_leg_client_state"}
"""The parameter that holds the client_state of the leg that a command places."""

NOT_ALLOWED = "dial_not_allowed"
TOO_MANY = "too_many_live_calls"
REFUSALS = frozenset({NOT_ALLOWED, TOO_MANY})
"""The codes of commands that were refused here; Telnyx's own are digits."""

TELNYX_CALL_SECONDS = 14_400
"""Telnyx's own limit of a leg, and its default (the SDK's `time_limit_secs`)."""

RING_SECONDS = 600
"""The longest `timeout_secs`: for so long a leg may ring before its time limit counts."""

# Compiled when something is dialled, not at a cold start.
_NUMBER = r"(\+[0-9]{1,15})(,[0-9A-D*#wW,]*)?"
_SIP = r"(?ai)sips?:(?:[^@;?\s]+@)?([a-z0-9.-]+)(?::[0-9]+)?(?:;[^@?\s]*)?"


class Limits(NamedTuple):
    """The limits of a stack.

    allowed: how a number in E.164 may begin (`+1202`, `+` for any), and the hosts of SIP URIs (`@sip.example.com`, `@`
    for any). live_calls: of legs that were placed here and have not ended. call_seconds: of such a leg.
    """

    allowed: tuple[str, ...] = ()
    live_calls: int = 0
    call_seconds: int = TELNYX_CALL_SECONDS

    def allow(self, command: Command) -> bool:
        """Whether everyone whom a command calls may be called."""
        to = command.params.get(DESTINATIONS[command.action])
        return all(self._is_allowed(each) for each in (to if isinstance(to, list) else [to]))

    def _is_allowed(self, to: object) -> bool:
        if not isinstance(to, str):
            return False
        if number := re.fullmatch(_NUMBER, to):
            return any(number[1].startswith(each) for each in self.allowed if each.startswith("+"))
        if uri := re.fullmatch(_SIP, to):
            return "@" in self.allowed or f"@{uri[1].lower()}" in self.allowed
        return False

    def bounded(self, command: Command) -> Command:
        """The same command with a time limit, unless Telnyx's own or the flow's is as short."""
        given = command.params.get("time_limit_secs", TELNYX_CALL_SECONDS)
        if command.action not in PLACED_STATE or (isinstance(given, int) and given <= self.call_seconds):
            return command
        return command._replace(params={**command.params, "time_limit_secs": self.call_seconds})

    @property
    def longest_seconds(self) -> int:
        """From the event that places a leg until the leg has ended for certain."""
        return self.call_seconds + RING_SECONDS
