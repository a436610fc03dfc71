"""What Hookline itself costs per webhook, beside DynamoDB and Telnyx, in bare verifications of its signature.

Measured through the handler, in processor time: prove, read, decide, build the answer, log. DynamoDB, SQS and Telnyx
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
from hookline.telnyx import Answer, Verdict

ROUNDS, RUNS = 15, 200
"""The figure is the median of so many rounds; in each, so many runs of one and of the other are timed together."""

KINDS = [
    ("call_hangup", "call.hangup"),
    ("call_speak_started", "call.speak.started"),
    ("call_transcription", "call.transcription"),
    ("webhook_router", "call.cost"),
    ("call_recording_saved", "call.recording.saved"),
    ("call_initiated", "call.initiated"),
    ("call_answered", "call.answered"),
    ("call_dtmf_received", "call.dtmf.received.pound"),
]


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


def measure() -> dict[str, float]:
    """The ratio of each kind is printed; the dearest is what the bar is for."""
    from hookline_local.emulator.template import load_template
    from hookline_local.signing import DEVELOPMENT_PUBLIC_KEY
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
    return max(_ratio(function, name, env.public_keys) for function, name in KINDS)


def _ratio(function: str, name: str, keys: list[Any]) -> float:
    from tests.support.world import Clock, handler, sample

    request, call, context = sample(name), handler(function), Clock()
    signature = b64decode(request["headers"]["telnyx-signature-ed25519"])
    signed = signature + f"{request['headers']['telnyx-timestamp']}|{request['body']}".encode()
    key = bytes(keys[-1])
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
