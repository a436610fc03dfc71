"""What Hookline itself costs per webhook, beside DynamoDB and Telnyx: at most three verifications of its signature.

Measured through the handler: prove, read, decide, build the answer, log. DynamoDB, SQS and Telnyx answer at once, and
the log line is formatted but goes nowhere.
"""

import gc
import io
import logging
import statistics
import sys
from base64 import b64decode
from time import perf_counter
from typing import Any

import pytest
from nacl.bindings import crypto_sign_open

from conftest import Clock, World, handler, sample
from hookline.environment import Environment
from hookline.journal import History
from hookline.telnyx import Answer, Verdict

BAR = 3.0
ROUNDS, RUNS = 12, 300
"""A round is the median of so many runs. The first round under the bar will do: a busy machine only ever adds time."""


class InstantJournal:
    """A journal that has nothing to read and writes at once."""

    def history(self, event: object) -> History:
        return History(False, [])

    def remember(self, event: object, **facts: Any) -> bool:
        return True


class InstantQueues:
    """Queues that take everything at once."""

    def archive(self, *what: object) -> None:
        pass


class InstantTelnyx:
    """A Telnyx that takes every command at once."""

    def tell(self, command: object, **terms: Any) -> Answer:
        return Answer(Verdict.TOLD, 200)


def own_time(function: str, name: str, keys: list[Any]) -> tuple[float, float]:
    """Medians in seconds: of the handler, and of libsodium's verification of the same body, in turn."""
    request, call = sample(name), handler(function)
    signature = b64decode(request["headers"]["telnyx-signature-ed25519"])
    signed = signature + f"{request['headers']['telnyx-timestamp']}|{request['body']}".encode()
    key = bytes(keys[-1])
    bare, whole = [], []
    for _ in range(RUNS):
        began = perf_counter()
        crypto_sign_open(signed, key)
        bare.append(perf_counter() - began)
        began = perf_counter()
        answer = call(request, Clock())
        whole.append(perf_counter() - began)
        assert answer["statusCode"] == 200
    return statistics.median(whole), statistics.median(bare)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("call_hangup", "call.hangup"),
        ("call_speak_started", "call.speak.started"),
        ("call_transcription", "call.transcription"),
        ("webhook_router", "call.cost"),
        ("call_recording_saved", "call.recording.saved"),
        ("call_initiated", "call.initiated"),
        ("call_answered", "call.answered"),
        ("call_dtmf_received", "call.dtmf.received.pound"),
    ],
)
def test_own_time_is_within_three_bare_verifications(
    world: World, env: Environment, monkeypatch: pytest.MonkeyPatch, function: str, name: str
) -> None:
    vars(env).update(journal=InstantJournal(), telnyx=InstantTelnyx(), queues=InstantQueues())
    with monkeypatch.context() as memory:
        memory.setattr(sys, "stdout", io.StringIO())
        assert env.logger.name == "hookline"  # built now, with that stdout
    monkeypatch.setattr(logging.getLogger("hookline"), "propagate", False)  # pytest would format each line once more
    own_time(function, name, env.public_keys)
    gc.collect()
    gc.disable()
    try:
        ratios: list[float] = []
        while len(ratios) < ROUNDS and (not ratios or ratios[-1] > BAR):
            whole, bare = own_time(function, name, env.public_keys)
            ratios.append(whole / bare)
            print(f"{name}: {whole * 1e6:.0f} us, bare {bare * 1e6:.0f} us, ratio {ratios[-1]:.2f}")
    finally:
        gc.enable()
    assert min(ratios) <= BAR
