"""The cost of Hookline itself per webhook, beside DynamoDB and Telnyx, in bare verifications of its signature.

Measured through the handler, in processor time: verify, parse, decide, build the answer, log. DynamoDB, SQS and Telnyx
answer at once, and the log line is formatted but goes nowhere.
"""

import contextlib
import gc
import io
import logging
import os
import statistics
from base64 import b64decode
from time import process_time
from typing import Any
from unittest.mock import patch

from nacl.bindings import crypto_sign_open

from hookline.environment import environment
from hookline.journal import History
from hookline.telnyx import Answer, Outcome

ROUNDS, RUNS = 15, 200
"""The figure is the median of so many rounds; in each, so many runs of one and of the other are timed together."""

KINDS = [
    ("call.hangup", "call.hangup"),
    ("call.speak.started", "call.speak.started"),
    ("call.transcription", "call.transcription"),
    ("", "call.cost"),
    ("call.recording.saved", "call.recording.saved"),
    ("call.initiated", "call.initiated"),
    ("call.answered", "call.answered"),
    ("call.dtmf.received", "call.dtmf.received.pound"),
]
"""The event type of the function, empty for the router, and the sample that it is given."""


class InstantJournal:
    """A journal that has nothing to read and writes at once."""

    def history(self, event: object, deadline: object) -> History:
        return History(False, [])

    def append_event(self, event: object, **attributes: Any) -> bool:
        return True


class InstantQueues:
    """Queues that take everything at once."""

    def archive(self, *event: object) -> None:
        pass

    def enqueue(self, *message: object) -> None:
        pass


class InstantTelnyx:
    """A Telnyx that takes every command at once."""

    def send(self, command: object, **arguments: Any) -> Answer:
        return Answer(Outcome.ACCEPTED, 200)


def measure() -> dict[str, float]:
    """The ratio of each kind is printed; the dearest is what the bar is for."""
    from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
    from hookline_local.emulator.template import load_template
    from tests.support.world import A_PUBLIC_KEY

    template = load_template("template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": "KEY"})
    settings = {**template.environment(), "AWS_SAM_LOCAL": "true"}
    settings["TELNYX_PUBLIC_KEY"] = f"{A_PUBLIC_KEY},{DEVELOPMENT_PUBLIC_KEY}"
    with patch.dict(os.environ, settings):
        environment.cache_clear()
        try:
            return {"own": _dearest()}
        finally:
            environment.cache_clear()


def _dearest() -> float:
    env = environment()
    vars(env).update(journal=InstantJournal(), telnyx=InstantTelnyx(), queues=InstantQueues())
    with contextlib.redirect_stdout(io.StringIO()):
        assert env.logger.name == "hookline"  # built now, with that stdout
    logging.getLogger("hookline").propagate = False
    key = env.public_keys[-1]
    ratios = []
    for event_type, name in KINDS:
        with patch.dict(os.environ, EVENT_TYPE=event_type):
            ratios.append(_ratio(name, key))
    return max(ratios)


def _ratio(name: str, verify_key: Any) -> float:
    from tests.support.world import Clock, sample
    from webhook import lambda_handler as call

    request, context = sample(name), Clock()
    signature = b64decode(request["headers"]["telnyx-signature-ed25519"])
    signed = signature + f"{request['headers']['telnyx-timestamp']}|{request['body']}".encode()
    key = bytes(verify_key)
    assert call(request, context)["statusCode"] == 200
    whole, bare = [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            began = process_time()
            for _ in range(RUNS):
                crypto_sign_open(signed, key)
            bare.append((process_time() - began) / RUNS)
            began = process_time()
            for _ in range(RUNS):
                call(request, context)
            whole.append((process_time() - began) / RUNS)
    finally:
        gc.enable()
    ratio = statistics.median(one / other for one, other in zip(whole, bare, strict=True))
    one, other = statistics.median(whole) * 1e6, statistics.median(bare) * 1e6
    print(f"{name:26} {one:6.0f} us, bare verification {other:4.0f} us, ratio {ratio:.2f}", flush=True)
    return ratio
