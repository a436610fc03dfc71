"""The Telnyx simulator as somebody with a telephone uses it: over its own HTTP endpoints, from another process."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx

from hookline_local.errors import TYPED_WRONG, Problem


class Over(Exception):
    """The call has ended; a key comes too late."""


class Phone:
    """The simulator's own endpoints: place a call, press keys, hang up. Raises Problem when nobody answers."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_simulator", timeout=10, trust_env=False)

    def place(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The leg of the new call."""
        leg: dict[str, Any] = self._ask("POST", "/calls", dict(content))
        return leg

    def press(self, leg_id: str, digits: str) -> None:
        self._be(leg_id, "press", {"digits": digits})

    def say(self, leg_id: str, text: str) -> None:
        self._be(leg_id, "say", {"text": text})

    def hang_up(self, leg_id: str, *, after: float | None = None) -> None:
        """At once; or so many call seconds after all has been pressed and said."""
        self._be(leg_id, "hangup", {} if after is None else {"after": after})

    def rings(self, leg_id: str) -> bool:
        """Whether a call has neither been answered nor ended."""
        (state,) = (leg["state"] for leg in self.session(leg_id)["legs"] if leg["call_leg_id"] == leg_id)
        return state not in ("answered", "ended")

    def session(self, any_id: str) -> dict[str, Any]:
        session: dict[str, Any] = self._ask("GET", f"/calls/{any_id}")
        return session

    def attempts(self, session_id: str) -> int:
        """How often the webhooks of a call have been tried to be delivered, a stranger's forgeries left out."""
        log: list[dict[str, Any]] = self._ask("GET", "/deliveries")
        return sum(
            len(one["attempts"]) for one in log if one["webhook"]["payload"].get("call_session_id") == session_id
        )

    @contextlib.contextmanager
    def weather(self, faults: Collection[str]) -> Iterator[None]:
        """What goes wrong on purpose is after the block what it was before, as far as these faults go.

        The others are left alone: setting a fault, even to what it is, makes those that have happened owed again.
        """
        before = self._ask("GET", "/faults") if faults else {}
        try:
            yield
        finally:
            if faults:
                self._ask("POST", "/faults", {fault: before[fault] for fault in faults})

    @contextlib.contextmanager
    def observing(self) -> Iterator[Iterator[str]]:
        """What happens from now on, a line of JSON each."""
        try:
            with self._http.stream("GET", "/observe", timeout=None) as response:
                lines = response.iter_lines()
                next(lines)  # the simulator writes an empty one as soon as it watches
                yield lines
        except httpx.HTTPError as error:
            raise Problem(f"the Telnyx simulator is out of reach: {error}", "Does hookline serve still run?") from error

    def _be(self, leg_id: str, what: str, body: Mapping[str, Any]) -> None:
        with contextlib.suppress(Over):
            self._ask("POST", f"/calls/{leg_id}/{what}", body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Problem(f"the Telnyx simulator is out of reach: {error}", "Does hookline serve still run?") from error
        try:
            content = response.json()
        except ValueError as error:
            raise _failed(response) from error
        if response.status_code == 409:
            raise Over(str(content.get("error")))
        if response.status_code == 422:
            raise Problem(str(content.get("error")), code=TYPED_WRONG)
        if not response.is_success:
            raise _failed(response)
        return content


def _failed(response: httpx.Response) -> Problem:
    return Problem(
        f"the Telnyx simulator failed: HTTP {response.status_code} at {response.url}",
        "What hookline serve has written says why; start it again.",
    )
