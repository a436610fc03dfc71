"""A call to the running stack. The keys come from a scenario, --keys, or the terminal."""

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

from hookline.call_report import call_document, due_commands
from hookline.journal import CallRecord
from hookline.recordings.audit import verify_call
from hookline.recordings.findings import describe_all
from hookline.recordings.storage import Bucket
from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.live_view import LiveView, observation_of
from hookline_local.cli.phone import Phone
from hookline_local.cli.screen import Screen
from hookline_local.simulator.calls.caller import KEY_SECONDS
from hookline_local.simulator.observations import Answered
from hookline_local.simulator.scenario import InvalidScenario, checked, scenario
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import RunningStack

SCENARIOS = Path(__file__).parents[1] / "scenarios"
DIGITS = "0123456789ABCD*#"
ARCHIVED_WITHIN_SECONDS = 60.0
SHOWN_WITHIN_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 86_400.0
LISTENS_SECONDS = 5.0
"""Call seconds between the caller's last key and hanging up: to hear the response."""


def scenario_file(name: str) -> Path:
    """A file, or one of the scenarios that come with the command. Raises CliError."""
    path = Path(name)
    own = SCENARIOS / f"{name}.toml"
    if not path.suffix and os.path.isfile(own):
        return own
    if not os.path.isfile(path):  # False, too, for a name that cannot be one
        known = ", ".join(sorted(file.stem for file in SCENARIOS.glob("*.toml")))
        raise CliError(f"{name}: unknown scenario", f"Name a file, or one of {known}.", code=USAGE)
    return path


def scenario_content(name: str) -> dict[str, Any]:
    """The content of a scenario file, checked as the simulator checks it. Raises CliError."""
    path = scenario_file(name)
    try:
        return checked(path)
    except InvalidScenario as error:
        raise CliError(str(error), code=USAGE) from error
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}", code=USAGE) from error


def checked_keys(keys: str) -> str:
    """The keys themselves. Raises CliError for an invalid key."""
    if wrong := [key for key in keys if key not in DIGITS]:
        raise CliError(f"--keys: {wrong[0]} is not a valid key", "Keys are 0-9, A-D, * and #.", code=USAGE)
    return keys


def steps_of_keys(keys: str) -> list[dict[str, Any]]:
    """One key a second, from when the flow has decided on the answer, then hang up."""
    steps: list[dict[str, Any]] = [{"after": 1.0 - KEY_SECONDS, "press": key} for key in keys]
    steps.append({"after": LISTENS_SECONDS, "hangup": True})
    steps[0]["when"] = "call.answered delivered"
    return steps


class CallView(LiveView):
    """Shows one call's webhooks within a block, and records those that were not answered 200."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, when=self._seconds)
        self.refused: list[str] = []
        self._answered = 0
        self._is_over = False
        self._began = time.monotonic()

    def __enter__(self) -> "CallView":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"

    def show(self, line: str, session_id: str) -> None:
        """Show a line of observation if it is about this call."""
        observation = observation_of(json.loads(line))
        if self._is_over or observation is None or getattr(observation, "call_session_id", session_id) != session_id:
            return
        self.on_observation(observation)
        if isinstance(observation, Answered):
            if observation.status != 200 and observation.fault not in ("forge", "drop", "corrupt"):
                self.refused.append(f"{observation.event_type} {observation.status or observation.problem}")
            self._answered += observation.fault != "forge"

    def wait_for_answers(self, attempts: int) -> None:
        """Wait until that many delivery attempts have been shown, all of which have been made."""
        deadline = time.monotonic() + SHOWN_WITHIN_SECONDS
        while self._answered < attempts and time.monotonic() < deadline:
            time.sleep(0.02)


def _faults_of(content: Mapping[str, Any]) -> set[str]:
    """The faults of a scenario that may have --from and --to; its file has been checked before. Raises CliError."""
    try:
        return scenario(content).faults
    except InvalidScenario as error:
        raise CliError(str(error), "Give --from and --to as numbers or SIP URIs.", code=USAGE) from error


def run(
    running: RunningStack, resources: StackResources, content: Mapping[str, Any], screen: Screen, *, interactive: bool
) -> bool:
    """Place the call, show it until it has ended, then its report. Whether it went well. Raises CliError."""
    if running.telnyx_url is None:
        raise CliError(
            f"the stack at {running.url} uses another Telnyx ({running.telnyx_api_base_url})",
            "Call it there, or serve without TELNYX_API_BASE_URL.",
        )
    if interactive and sys.stdin is None:
        raise CliError("standard input is closed", "Name a scenario, or use --keys.", code=USAGE)
    with (
        CallView(screen) as view,
        Phone(running.telnyx_url) as phone,
        phone.restore_faults(_faults_of(content)),
        phone.observing() as lines,
        _terminated_as_interrupted(),
    ):
        leg = phone.place(content)
        _play(phone, leg, lines, view, interactive=interactive)
        view.wait_for_answers(phone.attempts(leg["call_session_id"]))
        session = phone.session(leg["call_session_id"])
    document, unfinished = _report(resources, leg["call_leg_id"], screen)
    failed = session.get("scenario_failed")
    good = not (failed or view.refused or unfinished)
    screen.document(
        {"ok": good, "scenario_failed": failed, "refused": view.refused, "unfinished": unfinished, **document}
    )
    if document["call"]:
        screen.call_report(document)
    for text in (
        f"The caller gave up: {failed}" if failed else "",
        f"Not answered 200: {', '.join(view.refused)}" if view.refused else "",
        f"Not finished: {'; '.join(unfinished)}" if unfinished else "",
    ):
        if text:
            screen.paragraph(f"\n{text}", "bold red")
    return good


def _play(phone: Phone, leg: Mapping[str, Any], lines: Iterator[str], view: CallView, *, interactive: bool) -> None:
    """Show the call, and press the person's keys, until it has ended."""
    leg_id, session_id = leg["call_leg_id"], leg["call_session_id"]
    ended = threading.Event()
    try:
        threading.Thread(target=_wait, args=(phone.url, session_id, ended), daemon=True).start()
        threading.Thread(target=_show_lines, args=(lines, view, session_id), daemon=True).start()
        if interactive:
            _keys(phone, leg_id, view.screen, ended)
        ended.wait()
    except KeyboardInterrupt:
        view.screen.detail("hanging up")
    finally:
        # Whatever has happened: no caller is left on the phone.
        if not ended.is_set():
            phone.hang_up(leg_id)
            ended.wait(10)


def _report(resources: StackResources, leg_id: str, screen: Screen) -> tuple[dict[str, Any], list[str]]:
    """The call as the journal has it when its queues are empty; and what is unfinished."""
    with explain_aws_errors(resources):
        if resources.is_under_way(leg_id):
            screen.detail("waiting for what is still queued ...")
        asyncio.run(resources.settle(leg_id, within_seconds=ARCHIVED_WITHIN_SECONDS))
        record = resources.journal.read(leg_id)
        if record is None:
            empty: dict[str, Any] = {"call": None, "events": [], "transcript": [], "recordings": []}
            return empty, ["the call is not in the journal"]
        bucket = Bucket(resources.s3, resources.bucket)
        return call_document(record, bucket), list(_unfinished(record, bucket))


def _unfinished(record: CallRecord, bucket: Bucket) -> Iterator[str]:
    """Recordings that are not archived, and queued commands that have not been sent."""
    # Where the simulator's time is faster than wall-clock time, a pause cannot be distinguished from a cut.
    for result in verify_call(record, bucket, archived_findings=False):
        if not result.ok:
            yield f"recording {result.key}: {describe_all(result.findings)}"
    for action in due_commands(record):
        yield f"{action} is still in the queue"


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Within the block SIGTERM acts as Ctrl-C does: the caller hangs up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_lines(lines: Iterator[str], view: CallView, session_id: str) -> None:
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
        for line in lines:
            if line.strip():
                view.show(line, session_id)


def _wait(url: str, session_id: str, ended: threading.Event) -> None:
    """Set `ended` when the call has ended, or the simulator does not answer."""
    try:
        with Phone(url) as phone:
            while not phone.session(session_id)["ended"]:
                time.sleep(0.1)
    except CliError:
        pass
    finally:
        ended.set()


def _keys(phone: Phone, leg_id: str, screen: Screen, ended: threading.Event) -> None:
    """The person's keys: from a terminal each as it is pressed, from a pipe in lines."""
    if sys.stdin.isatty():
        screen.paragraph("Press keys (0-9, *, #); h hangs up.", "dim")
        with _unbuffered():
            while not ended.is_set():
                _terminal_key(phone, leg_id)
        return
    for line in _lines(ended):
        _execute_line(line.strip(), phone, leg_id, ended)
    _wait_for_answer(phone, leg_id, ended)
    phone.hang_up(leg_id, after=LISTENS_SECONDS)


def _terminal_key(phone: Phone, leg_id: str) -> None:
    if not select.select([sys.stdin], [], [], 0.2)[0]:
        return
    key = os.read(sys.stdin.fileno(), 1).decode("ascii", "ignore")
    if key and key in DIGITS:
        phone.press(leg_id, key)
    elif key in ("h", "q", "\x04"):
        phone.hang_up(leg_id)


def _execute_line(line: str, phone: Phone, leg_id: str, ended: threading.Event) -> None:
    """Keys, `speak ...`, `hangup` or `wait 2`. Keys and speech wait for the answer. Raises CliError."""
    word, _, rest = line.partition(" ")
    if word not in ("", "wait", "hangup"):
        _wait_for_answer(phone, leg_id, ended)
    match word:
        case "":
            pass
        case "speak":
            phone.speak(leg_id, rest)
        case "hangup":
            phone.hang_up(leg_id)
        case "wait":
            ended.wait(_seconds(rest))
        case _ if set(word) <= set(DIGITS):
            phone.press(leg_id, word)
        case _:
            advice = "A line holds keys, `speak ...`, `wait 2` or `hangup`."
            raise CliError(f"{line}: not understood", advice, code=USAGE)


def _lines(ended: threading.Event) -> Iterator[str]:
    """Of standard input, until it or the call ends: its writer may keep it open."""
    pending = b""
    while not ended.is_set():
        if not select.select([sys.stdin], [], [], 0.1)[0]:
            continue
        read = os.read(sys.stdin.fileno(), 4096)
        *lines, pending = (pending + read).split(b"\n") if read else (pending, b"")
        for line in lines:
            if not ended.is_set():
                yield line.decode("utf-8", "replace")
        if not read:
            return


def _wait_for_answer(phone: Phone, leg_id: str, ended: threading.Event) -> None:
    while phone.rings(leg_id) and not ended.wait(0.05):
        pass


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        raise CliError(f"wait {text}: expected seconds, as in `wait 2`", code=USAGE)
    return seconds


@contextlib.contextmanager
def _unbuffered() -> Iterator[None]:
    """Make the terminal deliver each key at once; restore it afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
