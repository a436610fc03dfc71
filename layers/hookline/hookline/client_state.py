"""client_state: the value that a command leaves on a call leg and every later webhook of that leg brings back.

On the wire it is base64 text (Telnyx refuses anything else with 90017). Hookline puts JSON inside: `{"flow": the name
of the call flow, "state": the flow's own value}`, and on a leg that was placed here "placed", the key under which it
counts as a live call. What comes in is not always ours: it may be null, empty, absent, cut short, or another
application's. That is normal, and reads as no flow and no state. A leg that was placed here without a flow carries an
empty name: it is not documented whether Telnyx would otherwise give it the client_state of the leg that placed it.
"""

import base64
import binascii
import json
import math
from functools import lru_cache
from typing import NamedTuple


def encode(value: object) -> str:
    """The base64 text of a JSON-able value.

    Raises ValueError when the value cannot be JSON: an object that is neither dict, list, str, number, bool nor
    None, a NaN or infinity, a dict that contains itself. The value is never in the message.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"client_state must be a value that JSON can hold, not this {type(value).__name__}") from error
    return base64.b64encode(text.encode("ascii")).decode("ascii")


def _no_number(text: str) -> float:
    raise ValueError("NaN and infinity are not valid JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


_KEYS = {"flow", "state"}
_READER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def decode(text: object) -> object | None:
    """The value inside the client_state of a webhook, or None when there is none that `encode` could have made.

    Never raises. A value that came out can be given to a command again: numbers are finite, text is Unicode.
    """
    if not isinstance(text, str) or not text:
        return None
    try:
        inside = binascii.a2b_base64(text, strict_mode=True).decode()
        value: object = _READER.decode(inside)
        if "\\u" in inside:  # an escape may be half a character, which no command could carry again
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


class FlowState(NamedTuple):
    """The client_state of a leg of ours. flow: None for no flow. placed: the key of a leg that was placed here."""

    flow: str | None = None
    state: object | None = None
    placed: str | None = None


def encode_for_flow(flow: str, state: object, placed: str | None = None) -> str:
    """The base64 text of a flow's name, "" for none, and its own value. Raises ValueError as `encode` does."""
    return encode({"flow": flow, "state": state} | ({"placed": placed} if placed else {}))


def decode_for_flow(text: object) -> FlowState:
    """The name of the flow, None where it is empty, and its own value. Never raises.

    Empty for what `encode_for_flow` did not make: another application may have a "flow" in its JSON as well.
    """
    value = decode(text)
    if not isinstance(value, dict) or value.keys() - {"placed"} != _KEYS or not isinstance(value["flow"], str):
        return FlowState()
    placed = value.get("placed")
    if placed is not None and not isinstance(placed, str):
        return FlowState()
    return FlowState(value["flow"] or None, value["state"], placed)


@lru_cache(maxsize=256)
def name_and_key_of(text: str) -> tuple[str | None, str | None]:
    """The name of the flow and the key of a placed leg alone: the same few texts come back with every webhook of a leg.

    Without the value, which a flow might change.
    """
    found = decode_for_flow(text)
    return found.flow, found.placed
