"""A request that is not verified to come from Telnyx is answered 401 and changes nothing; a stale one is journalled."""

import base64
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from nacl.signing import SigningKey

from hookline.routing import ROUTED_EVENTS
from hookline.signature import public_keys, verify
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY, sign
from tests.support.world import (
    QUEUES,
    ROUTER,
    Clock,
    World,
    deliver,
    handler,
    request_of,
    sample,
    sample_data,
    start_cold,
)

WEBHOOKS = [*ROUTED_EVENTS, ROUTER]
Spoil = Callable[[dict[str, Any]], Any]


def header(name: str, value: object) -> Spoil:
    """Replace one header, or take it away."""

    def spoil(request: dict[str, Any]) -> Any:
        request["headers"].pop(name, None)
        if value is not None:
            request["headers"][name] = value
        return request

    return spoil


def body(change: Callable[[str], object]) -> Spoil:
    """Replace the body."""

    def spoil(request: dict[str, Any]) -> Any:
        request["body"] = change(request["body"])
        return request

    return spoil


def key(name: str, value: object) -> Spoil:
    """Replace one key of the request, or take it away."""

    def spoil(request: dict[str, Any]) -> Any:
        request.pop(name, None)
        if value is not None:
            request[name] = value
        return request

    return spoil


def signed_with_another_key(request: dict[str, Any]) -> Any:
    another = hashlib.sha256(b"another key").digest()
    request["headers"].update(sign(request["body"].encode(), request["headers"]["telnyx-timestamp"], another))
    return request


def signed_without_its_timestamp(request: dict[str, Any]) -> Any:
    seed = hashlib.sha256(b"hookline development key: never for production").digest()
    bare = SigningKey(seed).sign(request["body"].encode()).signature
    request["headers"]["telnyx-signature-ed25519"] = base64.b64encode(bare).decode()
    return request


def stamped_earlier(request: dict[str, Any]) -> Any:
    request["headers"][TIMESTAMP] = str(int(request["headers"][TIMESTAMP]) - 5)
    return request


def shifted(seconds: int) -> Spoil:
    """Signed so long ago (or ahead), correctly."""

    def spoil(request: dict[str, Any]) -> Any:
        at = request["requestContext"]["timeEpoch"] // 1000 + seconds
        request["headers"].update(sign(request["body"].encode(), at))
        return request

    return spoil


def epoch(value: object) -> Spoil:
    """Another time, or none, in the request context."""

    def spoil(request: dict[str, Any]) -> Any:
        request["requestContext"]["timeEpoch"] = value
        return request

    return spoil


def one_bit_of_the_body(text: str) -> str:
    return text.replace("call_leg_id", "call_leg_ie", 1)


SIGNATURE, TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
FORGED: dict[str, tuple[Spoil, str]] = {
    "no signature": (header(SIGNATURE, None), "telnyx-signature-ed25519 is missing"),
    "an empty signature": (header(SIGNATURE, ""), "telnyx-signature-ed25519 is missing"),
    "a signature that is a number": (header(SIGNATURE, 12), "telnyx-signature-ed25519 is missing"),
    "a signature that is not base64": (header(SIGNATURE, "not*base64"), "is not base64"),
    "base64 of the wrong alphabet": (header(SIGNATURE, "-_" * 43 + "=="), "is not base64"),
    "letters outside ASCII": (header(SIGNATURE, "ü" * 88), "is not base64"),
    "a short signature": (header(SIGNATURE, base64.b64encode(b"x" * 63).decode()), "not 64 bytes"),
    "a long signature": (header(SIGNATURE, base64.b64encode(b"x" * 65).decode()), "not 64 bytes"),
    "64 zeros": (header(SIGNATURE, base64.b64encode(bytes(64)).decode()), "no configured public key"),
    "no timestamp": (header(TIMESTAMP, None), "telnyx-timestamp is missing"),
    "a timestamp in words": (header(TIMESTAMP, "now"), "is not whole seconds"),
    "a timestamp with a fraction": (header(TIMESTAMP, "1788271387.5"), "is not whole seconds"),
    "a negative timestamp": (header(TIMESTAMP, "-1788271387"), "is not whole seconds"),
    "a timestamp in other digits": (header(TIMESTAMP, "١٧٨٨٢٧١٣٨٧"), "is not whole seconds"),
    "a timestamp in milliseconds": (header(TIMESTAMP, "1788271387000"), "is not whole seconds"),
    "a timestamp of a thousand digits": (header(TIMESTAMP, "9" * 1000), "is not whole seconds"),
    "another timestamp": (stamped_earlier, "no configured public key"),
    "no headers": (key("headers", None), "is missing"),
    "headers that are a list": (key("headers", ["x"]), "is missing"),
    "another key": (signed_with_another_key, "no configured public key"),
    "a signature over the body alone": (signed_without_its_timestamp, "no configured public key"),
    "one bit of the body": (body(one_bit_of_the_body), "no configured public key"),
    "another body": (body(lambda text: "{}"), "no configured public key"),
    "no body": (key("body", None), "no configured public key"),
    "a body that is an object": (body(lambda text: {"data": {}}), "neither text nor base64"),
    "a body with half a character": (body(lambda text: "\ud800"), "neither text nor base64"),
    "1 MB of noise": (body(lambda text: base64.b64encode(os.urandom(750_000)).decode()), "no configured public key"),
    "deep JSON": (body(lambda text: "[" * 200_000), "no configured public key"),
    "text that is marked as base64": (key("isBase64Encoded", True), "neither text nor base64"),
    "no request context": (key("requestContext", None), "did not come through API Gateway"),
    "a request context that is text": (key("requestContext", "x"), "did not come through API Gateway"),
    "a time that is text": (epoch("now"), "did not come through API Gateway"),
    "a time that is negative": (epoch(-1), "did not come through API Gateway"),
    "a time beyond every clock": (epoch(1 << 60), "did not come through API Gateway"),
    "a time that is true": (epoch(True), "did not come through API Gateway"),
    "no object": (lambda request: "hello", "did not come through API Gateway"),
    "a list": (lambda request: [request], "did not come through API Gateway"),
    "nothing": (lambda request: None, "did not come through API Gateway"),
    "an empty object": (lambda request: {}, "did not come through API Gateway"),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_what_is_not_verified_is_answered_401_by_every_function_and_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str], forgery: str
) -> None:
    spoil, reason = FORGED[forgery]
    for function in WEBHOOKS:
        event_type = "call.initiated" if function == ROUTER else ROUTED_EVENTS[WEBHOOKS.index(function)]
        genuine = request_of(sample_data(event_type))
        capsys.readouterr()
        answer = handler(function)(spoil(genuine), Clock())
        assert (answer["statusCode"], json.loads(answer["body"])) == (
            401,
            {"error": "not verified to come from Telnyx"},
        )
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1, "one line in the log, no more"
        logged = json.loads(lines[0])
        assert reason in logged["reason"]
        assert set(logged) == {"level", "location", "message", "timestamp", "service", "reason"}
    assert world.nothing_has_changed()


@pytest.mark.parametrize("seconds", [-299, 0, 299, 300])
def test_five_minutes_either_way_are_accepted(world: World, seconds: int) -> None:
    request = shifted(seconds)(request_of(sample_data("call.hangup")))
    assert handler("call.hangup")(request, Clock())["statusCode"] == 200


# Signed by Telnyx, but longer ago than the tolerance: refused, and journalled all the same


@pytest.mark.parametrize("seconds", [-301, 301, -86_400 * 365])
@pytest.mark.parametrize("function", WEBHOOKS)
def test_a_stale_event_is_answered_401_journalled_as_stale_and_commands_nothing(
    world: World, capsys: pytest.CaptureFixture[str], function: str, seconds: int
) -> None:
    event_type = function or "call.answered"
    answer = handler(function)(shifted(seconds)(request_of(sample_data(event_type))), Clock())
    assert (answer["statusCode"], json.loads(answer["body"])) == (401, {"error": "signed too long ago"})
    (item,) = world.items
    assert item["sk"].startswith("STALE#")
    assert item["event_type"] == event_type
    assert "commands" not in item
    assert world.sent == []
    assert not any(world.messages(queue) for queue in QUEUES)
    logged = capsys.readouterr().out
    assert "stale webhook rejected" in logged
    assert '"WebhookStale":[1.0]' in logged


def test_a_stale_event_is_journalled_once_however_often_it_is_delivered(world: World) -> None:
    for _ in range(3):
        request = shifted(-301)(request_of(sample_data("call.hangup")))
        assert handler("call.hangup")(request, Clock())["statusCode"] == 401
    (item,) = world.items
    assert json.loads(item["body"])["data"] == sample_data("call.hangup")


def test_a_stale_event_does_not_silence_its_fresh_delivery(world: World) -> None:
    handler("call.initiated")(shifted(-301)(request_of(sample_data("call.initiated"))), Clock())
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]


def test_the_keyed_digits_of_a_stale_event_are_blanked(world: World) -> None:
    data = sample_data("call.gather.ended")
    data["payload"]["digits"] = "4111111111111111"
    handler("call.gather.ended")(shifted(-301)(request_of(data)), Clock())
    assert "41111111" not in str(world.items)


def test_a_stale_body_that_is_not_an_event_is_answered_401_and_counted_and_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handler(ROUTER)(shifted(-301)(request_of(b"not JSON")), Clock())["statusCode"] == 401
    assert world.nothing_has_changed()
    assert '"WebhookStale":[1.0]' in capsys.readouterr().out


def test_a_stale_event_too_large_for_an_item_is_journalled_as_stale(world: World) -> None:
    data = sample_data("call.transcription")
    data["payload"]["transcription_data"] = {"transcript": "word " * 20_000, "is_final": True}
    assert handler(ROUTER)(shifted(-301)(request_of(data)), Clock())["statusCode"] == 401
    (item,) = world.items
    assert (item["sk"].partition("#")[0], "body" in item) == ("STALE", False)
    bucket, _, key = item["body_uri"].removeprefix("s3://").partition("/")
    assert json.loads(world.s3.get_object(Bucket=bucket, Key=key)["Body"].read())["data"] == data


# The clock, headers and base64


def test_the_clock_is_that_of_api_gateway_and_not_ours(world: World) -> None:
    # The samples were "received" on 2026-09-01 and verify for ever.
    assert handler("call.hangup")(sample("call.hangup"), Clock())["statusCode"] == 200


@pytest.mark.parametrize("spelling", [str.upper, str.title, str.lower])
def test_header_names_may_be_spelled_in_any_case(world: World, spelling: Callable[[str], str]) -> None:
    request = request_of(sample_data("call.hangup"))
    request["headers"] = {spelling(name): value for name, value in request["headers"].items()}
    assert handler("call.hangup")(request, Clock())["statusCode"] == 200


def test_a_body_in_base64_is_decoded_before_it_is_verified(world: World) -> None:
    request = request_of(sample_data("call.hangup"), base64=True)
    assert request["isBase64Encoded"]
    assert handler("call.hangup")(request, Clock())["statusCode"] == 200


def test_several_public_keys_are_live_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [hashlib.sha256(name).digest() for name in (b"old", b"new")]
    keys = [base64.b64encode(bytes(SigningKey(seed).verify_key)).decode() for seed in seeds]
    monkeypatch.setenv("TELNYX_PUBLIC_KEY", f" {keys[0]} ,{keys[1]},")
    monkeypatch.delenv("AWS_SAM_LOCAL")
    start_cold()
    for seed in seeds:
        assert handler("call.hangup")(request_of(sample_data("call.hangup"), seed=seed), Clock())["statusCode"] == 200


@pytest.mark.parametrize(
    ("configured", "complaint"),
    [
        ("", None),
        (" , ", None),
        ("not*base64", "public key 1 is not base64"),
        (base64.b64encode(b"x" * 44).decode(), "public key 1 is 44 bytes, not 32"),
        (DEVELOPMENT_PUBLIC_KEY, "public key 1 is the development key"),
    ],
)
def test_without_a_usable_key_everything_is_closed(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    configured: str,
    complaint: str | None,
) -> None:
    monkeypatch.setenv("TELNYX_PUBLIC_KEY", configured)
    monkeypatch.delenv("AWS_SAM_LOCAL")
    start_cold()
    assert deliver("call.hangup")["status"] == 500
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert logged[-1]["message"] == "no public key configured, rejecting all webhooks"
    assert logged[-1]["parameter"] == "TelnyxPublicKeys"
    assert complaint is None or complaint in logged[0]["reason"]
    assert world.nothing_has_changed()


def test_the_key_that_signs_is_tried_first_the_next_time() -> None:
    keys = [SigningKey(bytes([seed]) * 32) for seed in (1, 2, 3)]
    live = [key.verify_key for key in keys]
    for signer in (keys[2], keys[2], keys[1]):
        signature = base64.b64encode(signer.sign(b"1790000000|{}").signature).decode()
        verify(b"{}", signature=signature, timestamp="1790000000", keys=live, now=1_790_000_000)
        assert live[0] == signer.verify_key
        assert set(map(bytes, live)) == {bytes(key.verify_key) for key in keys}


def test_the_development_key_may_be_configured_in_the_local_stack() -> None:
    keys, wrong = public_keys(DEVELOPMENT_PUBLIC_KEY, development=True)
    assert (len(keys), wrong) == (1, [])


def test_the_development_key_is_refused_outside_the_local_stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SAM_LOCAL")
    start_cold()
    assert handler("call.hangup")(sample("call.hangup"), Clock())["statusCode"] == 401


def test_a_usable_key_beside_a_broken_one_still_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = hashlib.sha256(b"new").digest()
    good = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()
    monkeypatch.setenv("TELNYX_PUBLIC_KEY", f"broken,{good}")
    monkeypatch.delenv("AWS_SAM_LOCAL")
    start_cold()
    assert handler("call.hangup")(request_of(sample_data("call.hangup"), seed=seed), Clock())["statusCode"] == 200
