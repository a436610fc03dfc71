"""Problem details (RFC 9457), which the calls API answers in place of a result. Values only.

* HooklineError
  - Problem      one of PROBLEMS; the API answers it as application/problem+json
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hookline.errors import HooklineError


class Kind(NamedTuple):
    """A kind of problem. advice: the action that helps."""

    status: int
    title: str
    advice: str


PROBLEMS: Mapping[str, Kind] = {
    "not_json": Kind(400, "The body is not a JSON object", "Send a JSON object with content-type: application/json."),
    "body_too_large": Kind(413, "The body is too large", "Send a shorter text, or a URL in place of a file."),
    "not_authorized": Kind(
        403, "The request is not authorized", "Sign it with AWS credentials, or send a bearer token."
    ),
    "scope_missing": Kind(403, "The token lacks a scope", "Ask the issuer for a token with the scope that is named."),
    "call_not_found": Kind(404, "No such call", "Use a leg, control or session id, as GET /calls lists them."),
    "recording_not_found": Kind(404, "No such recording", "Use an id that GET /calls/{id}/recordings lists."),
    "peaks_not_found": Kind(404, "The peaks of this recording were not computed", "Draw it without them."),
    "action_unknown": Kind(404, "No such action", "Use a command of docs/api.md."),
    "route_unknown": Kind(404, "No such route", "GET /openapi.json describes the routes."),
    "not_acceptable": Kind(
        406, "None of the accepted types exists", "Accept application/json, text/plain or text/vtt."
    ),
    "recording_elsewhere": Kind(
        409, "The recording lies in another storage", "Fetch it there; `storage_url` names it."
    ),
    "invalid_parameter": Kind(422, "A parameter is invalid", "Change the parameters that `errors` points at."),
    "last_refused": Kind(422, "An action needs the id of a call", "Name the call: `last` may be another by now."),
    "key_invalid": Kind(
        422, "The Idempotency-Key is invalid", "Send 1 to 200 printable ASCII characters, such as a UUID."
    ),
    "key_reused": Kind(422, "The Idempotency-Key was used for another request", "Use a new key for a new request."),
    "call_ended": Kind(409, "The call has already ended", "Nothing is left to do on it."),
    "superseded": Kind(409, "A newer command of the call came first", "Read the call, then decide again."),
    "outcome_unknown": Kind(
        409, "It is not known yet what became of the command", "Read the call's timeline; ask again."
    ),
    "outcome_lost": Kind(
        409,
        "It will never be known what became of the command",
        "Read the call, then decide; a new key sends the command again.",
    ),
    "expired": Kind(409, "The command waited too long and was not sent", "Send it again with a new key."),
    "refused": Kind(422, "Telnyx refuses the command", "`telnyx_code` and `errors` name the reason."),
    "api_key_refused": Kind(502, "Telnyx refuses the API key of the stack", "Put a valid key into its secret."),
    "too_many_requests": Kind(
        429, "Telnyx takes no more requests now", "Send the same request again after Retry-After."
    ),
    "dial_not_allowed": Kind(403, "The stack may not call this number", "DialAllow lists who may be called."),
    "too_many_live_calls": Kind(409, "Too many calls are live", "Wait for one to end; MaxLiveCalls is the limit."),
    "dependency_unavailable": Kind(503, "A dependency is unavailable", "Send the same request again in a few seconds."),
}
"""Every problem by its code, which is the last part of its `type`."""


class Fault(NamedTuple):
    """One thing that is wrong. pointer: a JSON pointer into the body, or `?name` of a query parameter."""

    pointer: str
    detail: str


@dataclass(eq=False)
class Problem(HooklineError):
    """A request that is not done, and why. code: one of PROBLEMS. detail: about this one; it names no secret.

    errors: what is wrong, each where it stands. extra: further members of the document. retry_after: seconds.
    """

    code: str
    detail: str | None = None
    errors: Sequence[Fault] = ()
    extra: Mapping[str, Any] | None = None
    retry_after: int | None = None

    def __str__(self) -> str:
        """Its code, and what is wrong where."""
        return f"{self.code}: {', '.join(fault.pointer for fault in self.errors) or self.detail or ''}"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return PROBLEMS[self.code].status

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {"retry-after": str(self.retry_after)} if self.retry_after is not None else {}

    def to_dict(self) -> dict[str, Any]:
        """The document."""
        kind = PROBLEMS[self.code]
        document: dict[str, Any] = {
            "type": f"urn:hookline:problem:{self.code.replace('_', '-')}",
            "title": kind.title,
            "status": kind.status,
            "advice": kind.advice,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [fault._asdict() for fault in self.errors]
        return document | dict(self.extra or {})
