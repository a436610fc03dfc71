"""`hookline call`: somebody rings the running stack. The keys come from a scenario, --keys, or the terminal."""

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from hookline_local.deployed import reached
from hookline_local.documents import call_document
from hookline_local.place import Place
from hookline_local.problems import TYPED_WRONG, Problem
from hookline_local.running import Running
from hookline_local.showing import Screen
from hookline_local.telnyx.observations import Answered
from hookline_local.telnyx.scenario import ScenarioUnreadable
from hookline_local.telnyx.scenario import read as read_scenario
from hookline_local.watching import Watch, observation_of

SCENARIOS = Path(__file__).with_name("scenarios")
DIGITS = "0123456789ABCD*#"
ARCHIVED_WITHIN_SECONDS = 15.0
LISTENS_SECONDS = 5.0
"""Call seconds between the caller's last key and hanging up: to hear what comes of it."""


def scenario_file(name: str) -> Path:
    """A file, or one of the scenarios that come with the command. Raises Problem."""
    path = Path(name)
    own = SCENARIOS / f"{name}.toml"
    if not path.suffix and own.is_file():
        return own
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in SCENARIOS.glob("*.toml")))
        raise Problem(f"there is no scenario {name}", f"Name a file, or one of {known}.", code=TYPED_WRONG)
    return path


def scenario_content(name: str) -> dict[str, Any]:
    """What is in a scenario file, having been read as the stand-in reads it. Raises Problem naming what is wrong."""
    path = scenario_file(name)
    try:
        read_scenario(path)
    except ScenarioUnreadable as error:
        raise Problem(str(error), code=TYPED_WRONG) from error
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        content: dict[str, Any] = json.loads(text)
    elif path.suffix == ".toml":
        import tomllib

        content = tomllib.loads(text)
    else:
        import yaml

        content = yaml.safe_load(text)
    return content


def steps_of_keys(keys: str) -> list[dict[str, Any]]:
    """One key a second, from when the first sound is heard, then hang up. Raises Problem for what is no key."""
    if wrong := [key for key in keys if key not in DIGITS]:
        raise Problem(f"--keys: {wrong[0]} is no key of a telephone", "Keys are 0-9, A-D, * and #.", code=TYPED_WRONG)
    steps: list[dict[str, Any]] = [{"after": 1.0, "press": key} for key in keys]
    steps.append({"after": LISTENS_SECONDS, "hangup": True})
    steps[0]["when"] = "call.speak.started"
    return steps


class Phone:
    """The stand-in's own endpoints: place a call, press keys, hang up. Raises Problem when nobody answers."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_standin", timeout=10, trust_env=False)

    def place(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The leg of the new call."""
        return self._ask("POST", "/calls", dict(content))

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
        return self._ask("GET", f"/calls/{any_id}")

    @contextlib.contextmanager
    def weather(self) -> Iterator[None]:
        """What goes wrong on purpose is after the block what it was before."""
        before = self._ask("GET", "/misbehave")
        try:
            yield
        finally:
            self._ask("POST", "/misbehave", before)

    @contextlib.contextmanager
    def observing(self) -> Iterator[Iterator[str]]:
        """What happens from now on, a line of JSON each."""
        try:
            with self._http.stream("GET", "/observe", timeout=None) as response:
                lines = response.iter_lines()
                next(lines)  # the stand-in writes an empty one as soon as it watches
                yield lines
        except httpx.HTTPError as error:
            raise Problem(
                f"the stand-in for Telnyx is out of reach: {error}", "Does hookline serve still run?"
            ) from error

    def _be(self, leg_id: str, what: str, body: Mapping[str, Any]) -> None:
        with contextlib.suppress(_Over):
            self._ask("POST", f"/calls/{leg_id}/{what}", body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Problem(
                f"the stand-in for Telnyx is out of reach: {error}", "Does hookline serve still run?"
            ) from error
        content: dict[str, Any] = response.json()
        if response.status_code == 409:
            raise _Over(str(content.get("error")))
        if not response.is_success:
            raise Problem(str(content.get("error")), code=TYPED_WRONG)
        return content


class _Over(Exception):
    """The call has ended; a key comes too late."""


class _CallWatch(Watch):
    """Shows one call's webhooks, and keeps which were not answered 200."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, when=self._seconds)
        self.refused: list[str] = []
        self._began = time.monotonic()

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"

    def take(self, line: str, session_id: str) -> None:
        what = observation_of(json.loads(line))
        if what is None or getattr(what, "call_session_id", session_id) != session_id:
            return
        if isinstance(what, Answered) and what.status != 200 and what.fault not in ("forge", "drop", "corrupt"):
            self.refused.append(f"{what.event_type} {what.status or what.problem}")
        self.see(what)


def run(running: Running, place: Place, content: Mapping[str, Any], screen: Screen, *, interactive: bool) -> bool:
    """Place the call, show it until it is over, and then its story. Whether all went well. Raises Problem."""
    if running.telnyx_url is None:
        raise Problem(
            f"the stack at {running.url} uses another Telnyx ({running.telnyx_api_base_url})",
            "Ring it there, or serve without TELNYX_API_BASE_URL.",
        )
    phone = Phone(running.telnyx_url)
    watch = _CallWatch(screen)
    with phone.weather(), phone.observing() as lines, _terminated_as_interrupted():
        leg = phone.place(content)
        session_id = leg["call_session_id"]
        over = threading.Event()
        try:
            waiter = threading.Thread(target=_wait, args=(running.telnyx_url, session_id, over), daemon=True)
            waiter.start()
            reading = threading.Thread(target=_each, args=(lines, watch, session_id), daemon=True)
            reading.start()
            if interactive:
                _keys(phone, leg["call_leg_id"], screen, over)
            over.wait()
        except KeyboardInterrupt:
            screen.aside("hanging up")
            phone.hang_up(leg["call_leg_id"])
            over.wait(10)
        except Problem:
            phone.hang_up(leg["call_leg_id"])
            raise
        time.sleep(0.1)  # the last line is on its way
        session = phone.session(session_id)
    _until_archived(place)
    with reached(place):
        record = place.journal.read(leg["call_leg_id"])
    document = call_document(record) if record else {"call": None, "events": [], "transcript": [], "recordings": []}
    failed = session.get("scenario_failed")
    good = not failed and not watch.refused and bool(record)
    screen.document({"ok": good, "scenario_failed": failed, "refused": watch.refused, **document})
    if record:
        screen.story(document)
    if failed:
        screen.say(f"\nThe caller gave up: {failed}", "bold red")
    if watch.refused:
        screen.say(f"\nNot answered 200: {', '.join(watch.refused)}", "bold red")
    return good


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Within the block SIGTERM is what Ctrl-C is: whoever is on the phone hangs up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _each(lines: Iterator[str], watch: _CallWatch, session_id: str) -> None:
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
        for line in lines:
            if line.strip():
                watch.take(line, session_id)


def _wait(url: str, session_id: str, over: threading.Event) -> None:
    """Set `over` when the call is, or when nobody can say any more."""
    phone = Phone(url)
    try:
        while not phone.session(session_id)["over"]:
            time.sleep(0.1)
    except Problem:
        pass
    finally:
        over.set()


def _until_archived(place: Place) -> None:
    ends = time.monotonic() + ARCHIVED_WITHIN_SECONDS
    with reached(place):
        while any(place.waiting().values()) and time.monotonic() < ends:
            time.sleep(0.2)


def _keys(phone: Phone, leg_id: str, screen: Screen, over: threading.Event) -> None:
    """From a terminal each key as it is pressed; from a pipe a line each: keys, `say ...`, `hangup`, `wait 2`.

    From a pipe nothing is pressed or said before somebody answers, and after the last line the caller hangs up.
    """
    if sys.stdin.isatty():
        screen.say("Press keys (0-9, *, #); h hangs up.", "dim")
        with _unbuffered():
            while not over.is_set():
                if select.select([sys.stdin], [], [], 0.2)[0]:
                    key = os.read(sys.stdin.fileno(), 1).decode("ascii", "ignore")
                    if key in DIGITS and key:
                        phone.press(leg_id, key)
                    elif key in ("h", "q", "\x04"):
                        phone.hang_up(leg_id)
        return
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word not in ("", "wait", "hangup"):
            _until_answered(phone, leg_id, over)
        if over.is_set():
            break
        if word == "say":
            phone.say(leg_id, rest)
        elif word == "hangup":
            phone.hang_up(leg_id)
        elif word == "wait":
            over.wait(_seconds(rest))
        elif word and not set(word) - set(DIGITS):
            phone.press(leg_id, word)
        elif word:
            raise Problem(
                f"{line.strip()}: not understood",
                "A line holds keys, `say ...`, `wait 2` or `hangup`.",
                code=TYPED_WRONG,
            )
    _until_answered(phone, leg_id, over)
    phone.hang_up(leg_id, after=LISTENS_SECONDS)


def _until_answered(phone: Phone, leg_id: str, over: threading.Event) -> None:
    while phone.rings(leg_id) and not over.wait(0.05):
        pass


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Problem(f"wait {text}: seconds, please", code=TYPED_WRONG) from error


@contextlib.contextmanager
def _unbuffered() -> Iterator[None]:
    """The terminal gives each key at once, and is put back afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
