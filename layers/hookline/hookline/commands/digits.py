"""Keys that callers press, and that the call presses."""

from __future__ import annotations  # 300 unions less to build at a cold start

from collections.abc import Mapping, Sequence

from hookline import command_schema as p
from hookline.commands.command import Command, make


def gather(
    *,
    gather_id: str | None = None,
    initial_timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    maximum_digits: int | None = None,
    minimum_digits: int | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Collect the keys that are pressed. Then call.dtmf.received for each and call.gather.ended.

    minimum_digits, maximum_digits: 1 to 128. initial_timeout_millis, inter_digit_timeout_millis: 1 to 120000.
    terminating_digit: one key, or "" so that none ends the input.
    """
    return make("gather", locals())


def gather_using_speak(
    *,
    payload: str,
    voice: str,
    inter_digit_timeout_millis: int | None = None,
    invalid_payload: str | None = None,
    language: str | None = None,
    maximum_digits: int | None = None,
    maximum_tries: int | None = None,
    minimum_digits: int | None = None,
    payload_type: p.PayloadType | None = None,
    service_level: p.ServiceLevel | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    voice_settings: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Speak a text and collect keys, again when none is pressed. Then call.dtmf.received, call.gather.ended.

    payload and voice as for speak; invalid_payload is spoken when the keys do not fit; the rest as for gather.
    """
    return make("gather_using_speak", locals())


def gather_using_audio(
    *,
    audio_url: str | None = None,
    media_name: str | None = None,
    inter_digit_timeout_millis: int | None = None,
    invalid_audio_url: str | None = None,
    invalid_media_name: str | None = None,
    maximum_digits: int | None = None,
    maximum_tries: int | None = None,
    minimum_digits: int | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Play a file and collect keys. Then the playback's events, call.dtmf.received, call.gather.ended.

    Exactly one of audio_url and media_name; at most one of invalid_audio_url and invalid_media_name.
    """
    return make("gather_using_audio", locals())


def gather_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """End a gather early. Then call.gather.ended."""
    return make("gather_stop", locals())


def send_dtmf(
    *,
    digits: str,
    duration_millis: int | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Press keys. No webhook follows.

    digits: 0-9, A-D, *, #, and w (0.5 s) and W (1 s) to wait. duration_millis: 100 to 500 each.
    """
    return make("send_dtmf", locals())


def pay(
    *,
    amount: float | None = None,
    connector_name: str | None = None,
    currency: p.Currency | None = None,
    description: str | None = None,
    inter_digit_timeout_millis: int | None = None,
    language: str | None = None,
    max_attempts: int | None = None,
    metadata: Mapping[str, object] | None = None,
    min_postal_code_length: int | None = None,
    parameters: Mapping[str, object] | None = None,
    payment_method: p.PaymentMethod | None = None,
    payment_token: str | None = None,
    postal_code: str | bool | None = None,
    prompts: Mapping[str, object] | None = None,
    service_level: str | None = None,
    timeout_millis: int | None = None,
    transaction_type: p.TransactionType | None = None,
    valid_card_types: Sequence[p.CardType] | None = None,
    voice: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Collect a payment by keys. Then call.payment.progress, at the end call.payment.completed.

    amount: of the currency, required to charge. prompts: by step, as `payment-card-number`, a text or a list of
    `{"text": ...}`. payment_token: nothing is collected; it excludes valid_card_types. Telnyx pauses its recordings
    meanwhile, not a stream or a transcription. What is keyed in is blanked in everything that is stored.
    """
    return make("pay", locals())
