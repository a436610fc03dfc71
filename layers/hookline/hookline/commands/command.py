"""The Command, a value, its id, and how the functions beside it make one."""

from __future__ import annotations  # 300 unions less to build at a cold start

import json
from collections.abc import Collection, Mapping
from hashlib import sha1
from typing import Literal, NamedTuple
from urllib.parse import quote

from hookline import command_schema as p
from hookline.command_schema import SECRET_PARAMS
from hookline.keyed_digits import hides_digits, is_digit_name, is_labelled, without_hidden, without_spoken

_COMMAND_IDS = bytes.fromhex("71805f7047604273b6cb43ba1b6ea110")
"""The namespace of our command ids: change it and a redelivered event acts twice."""

_VARIANT = {f"{digit:x}": f"{digit & 0x3 | 0x8:x}" for digit in range(16)}

WITHOUT_COMMAND_ID = frozenset({"client_state_update", "siprec_start", "switch_supervisor_role"})
"""The actions that take no command_id: sent twice, they are done twice."""

_HIDDEN = "(secret)"
_LONGEST_DELAY_SECONDS = 3_600
_LONGEST_SHOWN = 6000
"""A spoken text is at most 5000 characters; what is longer is a file in base64, which no journal needs."""


class Command(NamedTuple):
    """One command.

    action: Telnyx's name for it.
    params: the JSON body as Telnyx takes it, without command_id; client_state already encoded.
    call_control_id: the leg to command; None is the leg the event is about.
    delay_seconds: how long it waits in the command queue before it is sent; 0 is at once.
    fallback: sent in its place when Telnyx refuses it, or when it has become too old to be sent.
    flow: of the leg that it places, the flow that decides on it; None where none does.
    only_if_idle: dropped when a newer event of its leg has commanded anything by then.
    """

    action: str
    params: Mapping[str, object] = {}
    call_control_id: str | None = None
    delay_seconds: float = 0.0
    fallback: Command | None = None
    flow: str | None = None
    only_if_idle: bool = False

    def after(self, seconds: float) -> Command:
        """The same command, sent that many seconds later, whatever happens on the call until then.

        seconds: 1 to 3,600. Raises ValueError outside that.
        """
        if not 1 <= seconds <= _LONGEST_DELAY_SECONDS:
            raise ValueError(f"{self.action}: a delay must be 1 to {_LONGEST_DELAY_SECONDS} seconds")
        return self._replace(delay_seconds=float(seconds))

    def if_idle(self, seconds: float) -> Command:
        """The same command, sent that many seconds later unless a newer event of the leg has commanded it by then.

        The end of a step whose own end may never be reported: `hangup().if_idle(20)`. It is for the leg of the event.
        seconds: 1 to 3,600. Raises ValueError outside that, and for a command to another leg.
        """
        if self.call_control_id is not None:
            raise ValueError(f"{self.action}: if_idle() is for the leg of the event, without on=")
        return self.after(seconds)._replace(only_if_idle=True)

    def otherwise(self, fallback: Command) -> Command:
        """The same command, with another that is sent when Telnyx refuses it or it has become too old.

        Raises TypeError for anything but a Command.
        """
        if not isinstance(fallback, Command):
            raise TypeError(f"{self.action}: otherwise() takes a Command, not a {type(fallback).__name__}")
        return self._replace(fallback=fallback)

    @property
    def method(self) -> Literal["POST", "PUT"]:
        """The HTTP verb."""
        return "PUT" if self.action == "client_state_update" else "POST"

    def path(self, call_control_id: str | None = None) -> str:
        """The path below https://api.telnyx.com/v2, percent-encoded.

        call_control_id: the leg the event is about; the command's own comes first.
        Raises ValueError without a usable id.
        """
        if self.action == "dial":
            return "/calls"
        leg = self.call_control_id or call_control_id
        if not leg or leg in {".", ".."}:  # a path of dots would reach another resource
            raise ValueError(f"{self.action}: call_control_id is required")
        return f"/calls/{quote(leg, safe='')}/actions/{self.action}"

    def body(self, command_id: str) -> dict[str, object]:
        """The JSON body to send, with the command_id where the action takes one."""
        if self.action in WITHOUT_COMMAND_ID:
            return dict(self.params)
        return {**self.params, "command_id": command_id}

    def redacted_params(self, *, leave_out: Collection[str] = (), keyed: Collection[str] = ()) -> dict[str, object]:
        """The params for the journal: without the values of SECRET_PARAMS and keyed digits, at any depth.

        keyed: what a caller has keyed in; it is blanked wherever it stands.
        """
        return {
            name: _shortened(_redacted(name, value, keyed))
            for name, value in self.params.items()
            if name not in leave_out
        }

    def __repr__(self) -> str:
        """Without secrets: a Command may stand in a traceback."""
        flow = f", flow={self.flow!r}" if self.flow else ""
        return f"Command({self.action!r}, {self.redacted_params()!r}, call_control_id={self.call_control_id!r}{flow})"


def _shortened(value: object) -> object:
    """An object or list as it is, or its length as JSON: it has to fit into an item of the journal."""
    if not isinstance(value, (dict, list)) or (length := len(json.dumps(value))) <= _LONGEST_SHOWN:
        return value
    return f"({length} characters)"


def _redacted(name: str, value: object, keyed: Collection[str]) -> object:
    if name in SECRET_PARAMS or is_digit_name(name):
        return _HIDDEN
    if isinstance(value, str):
        if len(value) > _LONGEST_SHOWN:
            return f"({len(value)} characters)"
        number, comma, pressed = value.partition(",") if name == "to" else (value, "", "")
        shown = without_hidden(number) if hides_digits(number) else number
        return without_spoken(shown, keyed) + comma + "x" * len(pressed)
    if isinstance(value, dict):
        hidden = is_labelled(value)
        return {
            key: _HIDDEN if hidden and str(key).startswith("value") else _redacted(str(key), item, keyed)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted(name if name == "to" else "", item, keyed) for item in value]
    return value


def command_id(event_id: str, action: str, ordinal: int = 0) -> str:
    """The id under which Telnyx obeys a command once, however often the event is delivered.

    ordinal: counts the commands of the same action for that event, from 0.
    The same arguments always give the same id; Telnyx remembers it for 60 s per call.
    """
    name = f"{event_id}|{action}|{ordinal}".encode()
    digits = sha1(_COMMAND_IDS + name, usedforsecurity=False).hexdigest()
    # What uuid.uuid5 makes of the namespace and the name (RFC 9562, version 5), in a third of its time.
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def make(action: str, arguments: dict[str, object]) -> Command:
    """The Command of a function's own locals(), taken before it has any other: its parameters, each by its name."""
    on = arguments.pop("on", None)
    if on is not None and (not isinstance(on, str) or not on):
        raise ValueError(f"{action}: on must be the call_control_id of a leg")
    flow_argument = "target_flow" if action == "transfer" else "flow"
    flow = arguments.pop(flow_argument, None)
    if flow is not None and not (isinstance(flow, str) and flow.isidentifier()):
        raise ValueError(f"{action}: {flow_argument} must be the name of a flow, the module in flows/ without .py")
    return Command(action, p.body(action, arguments), on, flow=flow)
