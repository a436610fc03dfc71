"""The deadline of a webhook bounds the whole of a request to AWS: a peer that drips is given up, whatever it sends."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hookline.deadline import Deadline, DeadlineExceeded
from hookline.environment import environment
from hookline.errors import JournalUnavailable
from tests.support.world import World, deliver, sample_event, start_cold


@contextmanager
def dripping() -> Iterator[str]:
    """The URL of a server that answers every request with one byte after the other, without an end."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        while not over.is_set():
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    connection.sendall(b" ")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


@pytest.mark.parametrize("event_type", ["call.answered", "call.hangup"])
def test_a_webhook_is_answered_while_dynamodb_drips(
    world: World, monkeypatch: pytest.MonkeyPatch, event_type: str
) -> None:
    with dripping() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        start_cold(world)
        answer = deliver(event_type, age=0.0)  # without the deadline it would never be answered
        expected = 503 if event_type == "call.answered" else 200
        assert answer["status"] == expected
        assert world.sent == []
    if expected == 200:
        assert len(world.messages("DEFERRED")) == 1


def test_a_request_is_not_begun_without_time(world: World) -> None:
    journal = environment().journal
    with pytest.raises(JournalUnavailable, match="did not answer in time"):
        journal.history(sample_event("call.answered"), Deadline(0.0))


def test_the_timer_is_off_after_the_block() -> None:
    with Deadline(0.2).enforced():
        pass
    with pytest.raises(DeadlineExceeded), Deadline(0.05).enforced():
        threading.Event().wait(60)
    threading.Event().wait(0.3)  # a timer that still ran would raise here


def test_the_timer_is_off_also_when_the_alarm_comes_just_before_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = [DeadlineExceeded]
    setitimer = signal.setitimer

    def alarmed(which: int, seconds: float, again: float = 0.0) -> None:
        if seconds == 0 and alarms:
            raise alarms.pop()
        setitimer(which, seconds, again)

    monkeypatch.setattr(signal, "setitimer", alarmed)
    with pytest.raises(DeadlineExceeded), Deadline(60).enforced():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_timer_that_goes_off_in_a_finalizer_goes_off_again() -> None:
    """Python swallows what is raised there: the request would wait for ever."""

    class Slow:
        def __del__(self) -> None:
            time.sleep(60)

    collected: list[bool] = []

    def wait() -> None:
        Slow()
        collected.append(True)
        time.sleep(60)

    with pytest.raises(DeadlineExceeded), Deadline(0.1).enforced():
        wait()
    assert collected
