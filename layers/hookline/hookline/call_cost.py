"""The cost of a leg at Telnyx, from its `call.cost`. Values only.

Telnyx sends `call.cost` some time after the end, and only where `call_cost_in_webhooks` of the application is on.
Amounts stay the decimal texts that Telnyx sends: a float would not add up.
"""

from typing import Any

from hookline.call import Call

COST_KEYS = ("total_cost", "currency", "billed_duration_seconds", "status", "parts")


def cost_of(call: Call) -> dict[str, Any] | None:
    """The newest cost of a leg, under the names of COST_KEYS; None before `call.cost` has come.

    currency: None where the parts name none, or several. parts: as received.
    """
    event = call.last("call.cost")
    if event is None:
        return None
    payload = event.payload
    listed = payload.get("cost_parts")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    currencies = {part["currency"] for part in parts if isinstance(part.get("currency"), str)}
    total = payload.get("total_cost")
    return {
        "total_cost": None if total is None else str(total),
        "currency": currencies.pop() if len(currencies) == 1 else None,
        "billed_duration_seconds": payload.get("billed_duration_secs"),
        "status": payload.get("status"),
        "parts": parts,
    }
