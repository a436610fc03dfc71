"""The client of Telnyx's API: a slow answer is used, a repeat decides nothing alone, a thawed thread sends nothing."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hookline.commands import Command, answer, client_state_update, dial, speak
from hookline.errors import ApiKeyUnreadable, TelnyxUnavailable
from hookline.telnyx import Outcome, Telnyx
from tests.support.processes import started
from tests.support.world import ok, refused

FROZEN = Path(__file__).with_name("frozen_sender.py")
SPEAK = speak(payload="Hello", voice="female")
DIAL = dial(connection_id="1", from_="+12025550123", to="+12025550147")
LIMIT_SECONDS = 60.0


class Exchanges:
    """Requests as they arrive, each answered when the test releases it. The first copy is number 0."""

    def __init__(self) -> None:
        self.arrived = [threading.Event() for _ in range(4)]
        self.released = [threading.Event() for _ in range(4)]
        self.responses: list[httpx.Response | Exception] = [ok() for _ in range(4)]
        self.ids: list[bytes] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            number = len(self.ids)
            self.ids.append(request.content)
        self.arrived[number].set()
        assert self.released[number].wait(LIMIT_SECONDS)
        response = self.responses[number]
        if isinstance(response, Exception):
            raise response
        return response

    def release(self, *numbers: int) -> None:
        for number in numbers:
            self.released[number].set()


def sending(exchanges: Callable[[httpx.Request], httpx.Response], patience: float = 0.01) -> Telnyx:
    transport = httpx.MockTransport(exchanges)
    return Telnyx(lambda new: "KEY", transport=transport, patience_seconds=patience)


def in_background(telnyx: Telnyx, command: Command) -> "Result":
    return Result(telnyx, command)


class Result:
    """The outcome of a command that another thread sends; it has longer for it than the outcome is waited for here."""

    def __init__(self, telnyx: Telnyx, command: Command) -> None:
        self._outcome: list[Outcome] = []
        self._thread = threading.Thread(target=self._send, args=(telnyx, command))
        self._thread.start()

    def _send(self, telnyx: Telnyx, command: Command) -> None:
        answer = telnyx.send(command, call_control_id="v3:x", command_id="id", seconds=2 * LIMIT_SECONDS)
        self._outcome.append(answer.outcome)

    def outcome(self) -> Outcome:
        self._thread.join(LIMIT_SECONDS)
        return self._outcome[0]


def test_an_answer_that_comes_after_the_repeat_was_sent_is_used() -> None:
    exchanges = Exchanges()
    result = in_background(sending(exchanges), SPEAK)
    assert exchanges.arrived[1].wait(LIMIT_SECONDS)  # the first is still being waited for
    exchanges.release(0)
    assert result.outcome() is Outcome.ACCEPTED
    assert exchanges.ids[0] == exchanges.ids[1]
    exchanges.release(1)


def test_a_success_of_the_repeat_counts() -> None:
    exchanges = Exchanges()
    result = in_background(sending(exchanges), SPEAK)
    assert exchanges.arrived[1].wait(LIMIT_SECONDS)
    exchanges.release(1)
    assert result.outcome() is Outcome.ACCEPTED
    exchanges.release(0)


@pytest.mark.parametrize(
    ("first", "outcome"),
    [(ok(), Outcome.ACCEPTED), (refused(422, "10032"), Outcome.REFUSED), (refused(422, "90018"), Outcome.CALL_ENDED)],
)
def test_a_refusal_of_the_repeat_decides_nothing(first: httpx.Response, outcome: Outcome) -> None:
    exchanges = Exchanges()
    exchanges.responses[:2] = [first, refused(422, "10015")]
    result = in_background(sending(exchanges), SPEAK)
    assert exchanges.arrived[1].wait(LIMIT_SECONDS)
    exchanges.release(1)
    exchanges.release(0)
    assert result.outcome() is outcome


@pytest.mark.parametrize(
    "command",
    [
        DIAL,
        client_state_update(client_state={"step": "x"}),
        Command("answer", {**answer().params, "webhook_urls": {"call.hangup": ["https://x"]}}),
    ],
)
def test_what_must_not_be_repeated_waits_for_its_first_copy(command: Command) -> None:
    exchanges = Exchanges()
    result = in_background(sending(exchanges), command)
    assert exchanges.arrived[0].wait(LIMIT_SECONDS)
    assert not exchanges.arrived[1].wait(0.2)  # 20 times the patience
    exchanges.release(0)
    assert result.outcome() is Outcome.ACCEPTED
    assert len(exchanges.ids) == 1


def test_a_broken_first_copy_and_a_refused_repeat_are_tried_again_as_a_new_first() -> None:
    exchanges = Exchanges()
    exchanges.responses[:3] = [httpx.ReadError("broken"), refused(422, "10015"), refused(422, "10032")]
    result = in_background(sending(exchanges), SPEAK)
    assert exchanges.arrived[1].wait(LIMIT_SECONDS)
    exchanges.release(0, 1, 2, 3)
    assert result.outcome() is Outcome.REFUSED
    assert len(exchanges.ids) >= 3


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (refused(401, "10009"), Outcome.UNAUTHORIZED),
        (refused(401), Outcome.UNAUTHORIZED),
        (refused(403, "10010"), Outcome.UNAUTHORIZED),
        (refused(403), Outcome.UNAUTHORIZED),
        (refused(403, "10038"), Outcome.REFUSED),
        (refused(300), Outcome.REFUSED),
        (httpx.Response(422, text="<html>"), Outcome.REFUSED),
        (httpx.Response(422, json=["90034"]), Outcome.REFUSED),
        (refused(422, "90034"), Outcome.TOO_EARLY),
        (refused(422, "90031"), Outcome.ALREADY_DONE),
    ],
)
def test_an_answer_means_what_telnyx_documents(response: httpx.Response, outcome: Outcome) -> None:
    telnyx = sending(lambda request: response, patience=LIMIT_SECONDS)
    answered = telnyx.send(SPEAK, call_control_id="v3:x", command_id="id", seconds=LIMIT_SECONDS)
    assert answered.outcome is outcome


def test_the_first_repeat_is_sent_at_once_and_each_further_one_after_twice_the_pause() -> None:
    responses = iter([refused(503), refused(503), refused(503), refused(503), ok()])
    slept: list[float] = []
    transport = httpx.MockTransport(lambda request: next(responses))
    telnyx = Telnyx(lambda new: "KEY", transport=transport, patience_seconds=LIMIT_SECONDS, sleep=slept.append)
    answered = telnyx.send(SPEAK, call_control_id="v3:x", command_id="id", seconds=LIMIT_SECONDS)
    assert answered.outcome is Outcome.ACCEPTED
    assert slept == pytest.approx([0.0, 0.2, 0.4, 0.8])


def test_a_pause_that_leaves_no_time_for_another_try_is_not_waited_for() -> None:
    pauses: list[float] = []
    telnyx = Telnyx(
        lambda new: "KEY",
        transport=httpx.MockTransport(lambda request: refused(429, **{"retry-after": "10"})),
        patience_seconds=LIMIT_SECONDS,
        clock=lambda: sum(pauses),
        sleep=pauses.append,
    )
    answered = telnyx.send(SPEAK, call_control_id="v3:x", command_id="id", seconds=20.0)
    assert (answered.outcome, answered.wait_seconds) == (Outcome.RETRY_LATER, 10.0)
    assert pauses == [10.0]


@pytest.mark.parametrize(("valid", "sent"), [("OLD", ["Bearer OLD"]), ("NEW", ["Bearer OLD", "Bearer NEW"])])
def test_a_read_that_is_refused_for_its_key_is_sent_once_more_with_a_new_one(valid: str, sent: list[str]) -> None:
    seen: list[str] = []

    def read(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return ok() if seen[-1] == f"Bearer {valid}" else refused(401)

    telnyx = Telnyx(lambda new: "NEW" if new else "OLD", transport=httpx.MockTransport(read))
    telnyx.get("/recordings")
    assert seen == sent


def test_a_key_that_cannot_be_read_is_a_reason_to_send_later() -> None:
    def unreadable(new: bool) -> str:
        raise ApiKeyUnreadable("missing")

    telnyx = Telnyx(unreadable, transport=httpx.MockTransport(lambda request: ok()))
    answered = telnyx.send(SPEAK, call_control_id="v3:x", command_id="id", seconds=LIMIT_SECONDS)
    assert (answered.outcome, answered.outcome.is_final) == (Outcome.UNAUTHORIZED, False)
    with pytest.raises(TelnyxUnavailable):
        telnyx.get("/recordings")


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("silent")])
def test_a_resource_that_cannot_be_reached_is_unavailable(error: httpx.HTTPError) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    telnyx = sending(fail)
    with pytest.raises(TelnyxUnavailable, match=type(error).__name__):
        telnyx.get("/recordings")
    with pytest.raises(TelnyxUnavailable, match=type(error).__name__):
        telnyx.delete("/recordings/an-id")


def test_a_thread_that_thaws_after_a_freeze_sends_nothing() -> None:
    """A real process, really stopped while it looks up a name, and continued when the command's time is over."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_SECONDS)
        with started(
            [sys.executable, str(FROZEN), str(server.getsockname()[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"looking up\n"
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(1.2)  # the command has 1 s
            os.kill(process.pid, signal.SIGCONT)
            assert process.stdout.readline() == b"retry_later\n"
            process.stdin.write(b"\n")  # now the name is found
            process.stdin.flush()
            with server.accept()[0] as connection:
                connection.settimeout(LIMIT_SECONDS)
                assert connection.recv(1000) == b""  # closed without a word
            process.stdin.close()
            assert process.wait(LIMIT_SECONDS) == 0
