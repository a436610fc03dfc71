"""The console: the files of the operator's page.

Trigger: `GET /console` and `GET /console/{file+}`, which are open to everybody. It has no permissions.
"""

import os
from typing import Any

from hookline.console import Console

console = Console.of(os.environ)


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with one file."""
    return console.answer((request.get("pathParameters") or {}).get("file"), request.get("headers") or {})
