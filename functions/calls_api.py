"""The calls API: reads calls and their recordings, for operators and programs.

Trigger: the routes of the calls API, which API Gateway opens to none without IAM credentials or a token.
"""

from typing import Any

from hookline.api.server import answer
from hookline.environment import environment


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request: see hookline.api.server."""
    return answer(environment(), request)
