"""Answers a request to the calls API: the one door of the package.

The operation is the one of the route that API Gateway chose, and authorized: nothing here reads the path again, so
another operation than the authorized one cannot be reached.
"""

import time
from collections.abc import Mapping
from typing import Any

from hookline.api.exchange import ApiRequest, ApiResponse, problem_response, request_of
from hookline.api.operations import OPERATIONS, Operation
from hookline.api.problem import Problem
from hookline.environment import Environment
from hookline.errors import Unavailable


def answer(env: Environment, event: Mapping[str, Any]) -> dict[str, Any]:
    """The response, in API Gateway's payload format 2.0, to a request in the same format."""
    began = time.perf_counter()
    request: ApiRequest | None = None
    operation: Operation | None = None
    try:
        request = request_of(event, is_local=env.local)
        operation = OPERATIONS.get(request.route)
        if operation is None:
            raise Problem("route_unknown")
        _check_scope(env, request, operation)
        response = operation.run(env, request)
    except Problem as problem:
        response = problem_response(problem)
    except Unavailable as reason:
        env.logger.error("dependency unavailable, answering 503", extra={"reason": str(reason)})
        env.count("DependencyUnavailable")
        response = problem_response(Problem("dependency_unavailable", retry_after=2))
    _log(env, operation, response, round((time.perf_counter() - began) * 1000))
    return response.to_dict()


def _check_scope(env: Environment, request: ApiRequest, operation: Operation) -> None:
    """Raise Problem unless the token has the operation's scope. API Gateway has checked it, by the same name."""
    needed = f"{env.scope_prefix}{operation.scope}"
    if request.scopes is not None and needed not in request.scopes:
        raise Problem("scope_missing", f"{operation.name} needs the scope {needed}")


def _log(env: Environment, operation: Operation | None, response: ApiResponse, milliseconds: int) -> None:
    """One line for each request, without an id of a call, a number or a text."""
    name = operation.name if operation else None
    env.log_info("api request", operation=name, status=response.status, milliseconds=milliseconds)
