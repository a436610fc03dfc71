"""The person on the phone, from another process: over the simulator's own HTTP endpoints."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx

from hookline_local.base.errors import USAGE, CliError

UNREACHABLE_ADVICE = "Does hookline serve still run?"


class CallEnded(Exception):
    """The call has ended before the request."""


class Phone:
    """Places a call, presses keys, hangs up. Every method raises CliError when it cannot connect to the simulator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_simulator", timeout=60, trust_env=False)

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def place(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The leg of the new call."""
        leg: dict[str, Any] = self._request("POST", "/calls", dict(content))
        return leg

    def press(self, leg_id: str, digits: str) -> None:
        self._act(leg_id, "press", {"digits": digits})

    def speak(self, leg_id: str, text: str) -> None:
        self._act(leg_id, "speak", {"text": text})

    def hang_up(self, leg_id: str, *, after: float | None = None) -> None:
        """At once; or `after` call seconds after the last key and the last word."""
        self._act(leg_id, "hangup", {} if after is None else {"after": after})

    def rings(self, leg_id: str) -> bool:
        """Whether a call has neither been answered nor ended."""
        (state,) = (leg["state"] for leg in self.session(leg_id)["legs"] if leg["call_leg_id"] == leg_id)
        return state not in ("answered", "ended")

    def session(self, any_id: str) -> dict[str, Any]:
        session: dict[str, Any] = self._request("GET", f"/calls/{any_id}")
        return session

    def attempts(self, session_id: str) -> int:
        """The delivery attempts of a call's webhooks, without forged ones."""
        log: list[dict[str, Any]] = self._request("GET", "/deliveries")
        return sum(
            len(delivery["attempts"])
            for delivery in log
            if delivery["webhook"]["payload"].get("call_session_id") == session_id
        )

    @contextlib.contextmanager
    def restore_faults(self, faults: Collection[str]) -> Iterator[None]:
        """Set these faults back to what they were when the block ends.

        Others are left alone: setting a fault, even to the same rate, restarts its count.
        """
        before = self._request("GET", "/faults") if faults else {}
        try:
            yield
        finally:
            if faults:
                self._request("POST", "/faults", {fault: before[fault] for fault in faults})

    @contextlib.contextmanager
    def observing(self) -> Iterator[Iterator[str]]:
        """Observations from now on, a line of JSON each."""
        try:
            with self._http.stream("GET", "/observe", timeout=None) as response:
                lines = response.iter_lines()
                next(lines)  # the simulator writes an empty one as soon as it observes
                yield lines
        except httpx.HTTPError as error:
            raise CliError(
                f"cannot connect to the Telnyx simulator: {error}", "Does hookline serve still run?"
            ) from error

    def _act(self, leg_id: str, action: str, body: Mapping[str, Any]) -> None:
        with contextlib.suppress(CallEnded):
            self._request("POST", f"/calls/{leg_id}/{action}", body)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise CliError(
                f"cannot connect to the Telnyx simulator: {error}", "Does hookline serve still run?"
            ) from error
        try:
            content = response.json()
        except ValueError as error:
            raise _failed(response) from error
        if response.status_code == 409:
            raise CallEnded(str(content.get("error")))
        if response.status_code == 422:
            raise CliError(str(content.get("error")), code=USAGE)
        if not response.is_success:
            raise _failed(response)
        return content


def _failed(response: httpx.Response) -> CliError:
    return CliError(
        f"the Telnyx simulator failed: HTTP {response.status_code} at {response.url}",
        "The output of hookline serve has the cause; start it again.",
    )
