"""CORS of an HTTP API on a laptop: which pages of other origins may read its answers.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors. With a configuration, API Gateway answers
preflights itself, adds its own headers to what a function answers, and drops the function's. It is not documented
whether its own errors carry them too: here they do not, so that a page is written for both.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hookline_local.base.loopback import Response


class Cors(NamedTuple):
    """The configuration. methods: in upper case. max_age: seconds a browser may remember a preflight."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int | None = None

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "Cors":
        """From a `CorsConfiguration`, resolved."""
        return cls(
            origins=tuple(properties.get("AllowOrigins", ())),
            methods=tuple(properties.get("AllowMethods", ())),
            headers=tuple(properties.get("AllowHeaders", ())),
            exposed=tuple(properties.get("ExposeHeaders", ())),
            max_age=properties.get("MaxAge"),
        )

    def preflight(self, method: str, headers: Mapping[str, str]) -> Response | None:
        """The answer to a preflight; None for any other request."""
        if method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
            return None
        if not self._allows(headers):
            return Response(204, b"", ())
        named = [
            ("access-control-allow-methods", ",".join(self.methods)),
            ("access-control-allow-headers", ",".join(self.headers)),
            ("access-control-max-age", "" if self.max_age is None else str(self.max_age)),
        ]
        return Response(204, b"", (*self._of_every_answer(headers), *(pair for pair in named if pair[1])))

    def added(self, headers: Mapping[str, str], response: Response) -> Response:
        """A function's answer to a request with these headers, with API Gateway's in place of the function's own."""
        rest = tuple(pair for pair in response.headers if not pair[0].startswith("access-control-"))
        return response._replace(headers=(*rest, *self._of_every_answer(headers)))

    def _of_every_answer(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        if not self._allows(headers):
            return ()
        named = [
            ("access-control-allow-origin", "*" if "*" in self.origins else headers["origin"]),
            ("access-control-expose-headers", ",".join(self.exposed)),
            ("vary", "" if "*" in self.origins else "origin"),
        ]
        return tuple(pair for pair in named if pair[1])

    def _allows(self, headers: Mapping[str, str]) -> bool:
        return "*" in self.origins or headers.get("origin") in self.origins
