"""The operator of the demo: pauses the recording from outside, and resumes it, by the calls API."""

import asyncio
from typing import NamedTuple

import httpx

from hookline_local.cli.screen import Screen
from hookline_local.simulator import Leg

ACTIONS = ("record_pause", "record_resume")
WORDS = {"record_pause": "pauses the recording", "record_resume": "resumes it"}


class ActionAnswer(NamedTuple):
    """The answer of the API to an action. result: `accepted`, or what is wrong."""

    action: str
    status: int
    result: str


class Operator:
    """Someone at a desk, who commands the call once. url: of the API. Times out with the client's own limit."""

    def __init__(self, screen: Screen, url: str, *, limit_seconds: float) -> None:
        self.answers: list[ActionAnswer] = []
        self._screen = screen
        self._url = url
        self._limit_seconds = limit_seconds
        self._acting: asyncio.Task[None] | None = None

    def act(self, leg: Leg) -> None:
        """Begin, unless that was done before. The time of the call stands still until the last answer."""
        if self._acting is None:
            leg.clock.busy()
            self._acting = asyncio.get_running_loop().create_task(self._pause_and_resume(leg))

    async def finish(self) -> None:
        """Wait for the last answer."""
        if self._acting is not None:
            await self._acting

    async def _pause_and_resume(self, leg: Leg) -> None:
        try:
            async with httpx.AsyncClient(base_url=self._url, timeout=self._limit_seconds, trust_env=False) as http:
                for action in ACTIONS:
                    answer = await _post(http, f"/calls/{leg.call_leg_id}/actions/{action}", action)
                    self.answers.append(answer)
                    self._screen.detail(f"the operator {WORDS[action]} from outside: {answer.status} {answer.result}")
        finally:
            leg.clock.done()


async def _post(http: httpx.AsyncClient, path: str, action: str) -> ActionAnswer:
    try:
        response = await http.post(path, json={})
        document = response.json()
    except (httpx.HTTPError, ValueError) as error:
        return ActionAnswer(action, 0, type(error).__name__)
    return ActionAnswer(action, response.status_code, str(document.get("result") or document.get("title")))
