"""Reads a body that can be written again as it is: into an answer, a webhook, and what observers see.

Telnyx's own reader refuses the same: NaN and infinity are not JSON, and half a character is not text (RFC 8259, 8.2).
"""

import json
import math
from typing import Any, NoReturn


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


_READER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def read_json(raw: bytes) -> Any:
    """The value of a body, {} of an empty one. Raises ValueError."""
    try:
        content = _READER.decode(raw.decode()) if raw else {}
        if b"\\u" in raw:
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return content
