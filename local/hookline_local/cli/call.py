"""`hookline call`: somebody rings the running stack. The keys come from a scenario, --keys, or the terminal."""

import asyncio
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

from hookline.call_report import call_document
from hookline.journal import CallRecord
from hookline.recordings.audit import of_call
from hookline.recordings.storage import Bucket
from hookline_local.cli.live_view import Watch, observation_of
from hookline_local.cli.phone import Phone
from hookline_local.cli.screen import Screen
from hookline_local.errors import TYPED_WRONG, Problem
from hookline_local.simulator.calls.caller import KEY_SECONDS
from hookline_local.simulator.observations import Answered
from hookline_local.simulator.scenario import InvalidScenario, checked, scenario
from hookline_local.stacks.deployed import reached
from hookline_local.stacks.resources import Place
from hookline_local.stacks.running import Running

SCENARIOS = Path(__file__).parents[1] / "scenarios"
DIGITS = "0123456789ABCD*#"
ARCHIVED_WITHIN_SECONDS = 15.0
SHOWN_WITHIN_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 86_400.0
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
    """What is in a scenario file, having been read as the simulator reads it. Raises Problem naming what is wrong."""
    path = scenario_file(name)
    try:
        return checked(path)
    except InvalidScenario as error:
        raise Problem(str(error), code=TYPED_WRONG) from error
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}", code=TYPED_WRONG) from error


def checked_keys(keys: str) -> str:
    """The keys themselves. Raises Problem for what is no key."""
    if wrong := [key for key in keys if key not in DIGITS]:
        raise Problem(f"--keys: {wrong[0]} is no key of a telephone", "Keys are 0-9, A-D, * and #.", code=TYPED_WRONG)
    return keys


def steps_of_keys(keys: str, place: Place) -> list[dict[str, Any]]:
    """One key a second, from when the line speaks (a line without a greeting: has answered), then hang up."""
    steps: list[dict[str, Any]] = [{"after": 1.0 - KEY_SECONDS, "press": key} for key in keys]
    steps.append({"after": LISTENS_SECONDS, "hangup": True})
    steps[0]["when"] = "call.speak.started" if place.parameters.get("LineGreeting", "?") else "call.answered"
    return steps


class _CallWatch(Watch):
    """Shows one call's webhooks, and keeps which were not answered 200."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, when=self._seconds)
        self.refused: list[str] = []
        self._answered = 0
        self._began = time.monotonic()

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"

    def take(self, line: str, session_id: str) -> None:
        what = observation_of(json.loads(line))
        if what is None or getattr(what, "call_session_id", session_id) != session_id:
            return
        self.see(what)
        if isinstance(what, Answered):
            if what.status != 200 and what.fault not in ("forge", "drop", "corrupt"):
                self.refused.append(f"{what.event_type} {what.status or what.problem}")
            self._answered += what.fault != "forge"

    def until_answered(self, attempts: int) -> None:
        """Until so many attempts to deliver a webhook have been shown, which have all been made."""
        ends = time.monotonic() + SHOWN_WITHIN_SECONDS
        while self._answered < attempts and time.monotonic() < ends:
            time.sleep(0.02)


def run(running: Running, place: Place, content: Mapping[str, Any], screen: Screen, *, interactive: bool) -> bool:
    """Place the call, show it until it is over, and then its story. Whether all went well. Raises Problem."""
    if running.telnyx_url is None:
        raise Problem(
            f"the stack at {running.url} uses another Telnyx ({running.telnyx_api_base_url})",
            "Ring it there, or serve without TELNYX_API_BASE_URL.",
        )
    if interactive and sys.stdin is None:
        raise Problem("standard input is closed", "Name a scenario, or say --keys.", code=TYPED_WRONG)
    phone = Phone(running.telnyx_url)
    watch = _CallWatch(screen)
    with phone.weather(scenario(content).faults), phone.observing() as lines, _terminated_as_interrupted():
        leg = phone.place(content)
        leg_id, session_id = leg["call_leg_id"], leg["call_session_id"]
        over = threading.Event()
        try:
            for target, *arguments in (
                (_wait, running.telnyx_url, session_id, over),
                (_each, lines, watch, session_id),
            ):
                threading.Thread(target=target, args=arguments, daemon=True).start()
            if interactive:
                _keys(phone, leg_id, screen, over)
            over.wait()
        except KeyboardInterrupt:
            screen.aside("hanging up")
        finally:
            # Whatever has happened: nobody is left on the phone.
            if not over.is_set():
                phone.hang_up(leg_id)
                over.wait(10)
        watch.until_answered(phone.attempts(session_id))
        session = phone.session(session_id)
    with reached(place):
        if place.under_way():
            screen.aside("waiting for what is still queued ...")
        asyncio.run(place.settle(within_seconds=ARCHIVED_WITHIN_SECONDS))
        record = place.journal.read(leg_id)
        bucket = Bucket(place.s3, place.bucket)
        unfinished = list(_unfinished(record, bucket)) if record else ["the journal does not know the call"]
        document = (
            call_document(record, bucket)
            if record
            else {"call": None, "events": [], "transcript": [], "recordings": []}
        )
    failed = session.get("scenario_failed")
    good = not (failed or watch.refused or unfinished)
    screen.document(
        {"ok": good, "scenario_failed": failed, "refused": watch.refused, "unfinished": unfinished, **document}
    )
    if record:
        screen.story(document)
    for text in (
        f"The caller gave up: {failed}" if failed else "",
        f"Not answered 200: {', '.join(watch.refused)}" if watch.refused else "",
        f"Not finished: {'; '.join(unfinished)}" if unfinished else "",
    ):
        if text:
            screen.say(f"\n{text}", "bold red")
    return good


def _unfinished(record: CallRecord, bucket: Bucket) -> Iterator[str]:
    """What was promised in this call and has not been done: a recording not kept, a queued command not told."""
    # Where the simulator's time runs faster than the wall's, a pause cannot be told from a cut.
    for finding in of_call(record, bucket, remarks=False):
        if not finding.good:
            yield f"recording {finding.key}: {finding.detail}"
    later = {note.get("command_id") for note in record.notes.get("EVENT_RESULT", ())}
    for told in [told for entry in record.entries for told in entry.commands]:
        # What becomes of `archive` is said by the recording itself.
        if told["result"] == "queued" and told["action"] != "archive" and told["command_id"] not in later:
            yield f"{told['action']} still waits in the queue"


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
    for line in _lines(over):
        word, _, rest = line.strip().partition(" ")
        if word not in ("", "wait", "hangup"):
            _until_answered(phone, leg_id, over)
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


def _lines(over: threading.Event) -> Iterator[str]:
    """Of standard input, until it ends or the call is over: whoever writes them may still have it open."""
    pending = b""
    while not over.is_set():
        if not select.select([sys.stdin], [], [], 0.1)[0]:
            continue
        read = os.read(sys.stdin.fileno(), 4096)
        *lines, pending = (pending + read).split(b"\n") if read else (pending, b"")
        for line in lines:
            if not over.is_set():
                yield line.decode("utf-8", "replace")
        if not read:
            return


def _until_answered(phone: Phone, leg_id: str, over: threading.Event) -> None:
    while phone.rings(leg_id) and not over.wait(0.05):
        pass


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        raise Problem(f"wait {text}: expected seconds, as in `wait 2`", code=TYPED_WRONG)
    return seconds


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
