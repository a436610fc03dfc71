"""Telnyx's error codes as data, and the envelope of an error answer.

The codes table of Telnyx's "API errors" page gives no HTTP status per code; 401, 403, 404, 429 and 5xx are clear from
their meaning, everything else about a command is a 422, which is what people see on real calls.
"""

from collections.abc import Mapping
from typing import NamedTuple


class ErrorCode(NamedTuple):
    """status: HTTP status; title: what Telnyx calls it."""

    status: int
    title: str


NOT_SIMULATED = "not_simulated"
"""The simulator's own code, which Telnyx does not have: the parameters are right, and nothing was done."""

ERROR_CODES: Mapping[str, ErrorCode] = {
    "10004": ErrorCode(422, "Missing required parameter"),
    "10005": ErrorCode(404, "Resource not found"),
    "10007": ErrorCode(500, "Unexpected error"),
    "10008": ErrorCode(504, "Request timeout"),
    "10009": ErrorCode(401, "Authentication failed"),
    "10010": ErrorCode(403, "Authorization failed"),
    "10011": ErrorCode(429, "Too many requests"),
    "10015": ErrorCode(422, "Invalid parameter"),
    "10016": ErrorCode(422, "Phone number must be in +E.164 format"),
    "10023": ErrorCode(400, "Could not parse JSON"),
    "10027": ErrorCode(422, "Unprocessable entity"),
    "10032": ErrorCode(422, "Value not in list"),
    "10033": ErrorCode(422, "Value outside of range"),
    "10037": ErrorCode(503, "Service unavailable"),
    "90000": ErrorCode(422, "Invalid recording format"),
    "90001": ErrorCode(422, "Invalid recording channels"),
    "90009": ErrorCode(422, "Invalid value for loop"),
    "90010": ErrorCode(422, "Invalid payload"),
    "90011": ErrorCode(422, "Invalid payload type"),
    "90012": ErrorCode(422, "Invalid voice"),
    "90013": ErrorCode(422, "Invalid language"),
    "90014": ErrorCode(422, "Invalid digits"),
    "90015": ErrorCode(422, "Invalid Call Control ID"),
    "90016": ErrorCode(422, "Invalid value for stop"),
    "90017": ErrorCode(422, "Invalid client state"),
    "90018": ErrorCode(422, "Call has already ended"),
    "90020": ErrorCode(422, "Call recording triggered before audio started"),
    "90025": ErrorCode(422, "Invalid timeout_millis"),
    "90026": ErrorCode(422, "Invalid inter_digit_timeout_millis"),
    "90028": ErrorCode(422, "Invalid number of digits"),
    "90029": ErrorCode(422, "Invalid time limit"),
    "90030": ErrorCode(422, "Invalid service level"),
    "90031": ErrorCode(422, "Call not forked"),
    "90034": ErrorCode(422, "Call not answered yet"),
    "90035": ErrorCode(422, "Call is not in a queue"),
    "90036": ErrorCode(422, "Queue is full"),
    "90037": ErrorCode(422, "The size of an existing queue cannot be changed"),
    "90038": ErrorCode(422, "Call is already in a queue"),
    "90045": ErrorCode(422, "Media streaming is already in use"),
    "90046": ErrorCode(422, "Media streaming failed to start"),
    "90048": ErrorCode(422, "Media streaming is not in use"),
    "90053": ErrorCode(422, "Cannot record with timeout_secs while transcribing"),
    "90054": ErrorCode(422, "Transcription is already in progress"),
    "90055": ErrorCode(422, "Cannot stop the transcription of a recording with timeout_secs"),
    "90056": ErrorCode(422, "Invalid initial_timeout_millis"),
    "90057": ErrorCode(422, "Invalid event type in webhook_urls"),
    "90059": ErrorCode(422, "Invalid recording track"),
    NOT_SIMULATED: ErrorCode(422, "Not simulated"),
    "90102": ErrorCode(422, "Outbound calls cannot be answered"),
}


class ApiError(Exception):
    """A request that Telnyx would not accept: code gives the reason, pointer the parameter."""

    def __init__(self, code: str, detail: str | None = None, *, pointer: str | None = None) -> None:
        """pointer: JSON pointer into the request's body, such as `/voice`."""
        self.code = code
        self.status, self.title = ERROR_CODES[code]
        self.detail = detail or f"{self.title}."
        self.pointer = pointer
        super().__init__(f"{code} {self.title}: {self.detail}")

    @property
    def envelope(self) -> dict[str, object]:
        """The JSON body of the answer."""
        error: dict[str, object] = {"code": self.code, "title": self.title, "detail": self.detail}
        if self.pointer is not None:
            error["source"] = {"pointer": self.pointer}
        if self.code == NOT_SIMULATED:
            return {"errors": [error]}
        error["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"}
        return {"errors": [error]}
