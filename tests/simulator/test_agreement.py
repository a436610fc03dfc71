"""Our commands, the simulator and Telnyx's own SDK agree: on every row, every parameter, and every listed value.

The walk makes a body for each parameter of each of the SDK's types with each value that the type lists, one at a time
and down into objects. The SDK's types, made strict, are asked first: a body that they refuse is a fault of the walk.
"""

import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typing_extensions
from pydantic import TypeAdapter

from hookline import commands, transcription_engines
from hookline.client_state import encode
from hookline.commands import Command
from hookline_local.simulator import transcription_languages
from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.command_schema import COMMAND_SCHEMAS, check
from tests.support.command_rows import CALL, HELLO, PLAIN_CALL, ROWS, VOICE, Arguments
from tests.support.sdk_types import UNIONS, strict, wire_name

REQUIRED = (typing.Required, typing_extensions.Required)
STATES = {"client_state", "target_leg_client_state"}
SPEECH = {"payload": "Hello.", "voice": VOICE}
BASES: dict[str, Arguments] = {
    "answer": {},
    "gather_using_speak": SPEECH,
    "speak": SPEECH,
    "streaming_start": {"stream_url": "wss://media.example.com"},
    "playback_start": {"audio_url": HELLO},
    "gather_using_audio": {"audio_url": HELLO},
    "transfer": {"to": "+13125550101"},
    "pay": {},
    "ai_assistant_join": {"conversation_id": PLAIN_CALL, "participant": {"id": CALL, "role": "user"}},
    "send_sip_info": {"body": "Signal=5", "content_type": "application/dtmf-relay"},
    "client_state_update": {"client_state": "aGk="},
}
"""The rest of a body, beside the parameter that is tried; of other commands it is the first row."""

EXCLUSIVE = (
    {"audio_url", "media_name", "playback_content"},
    {"call_control_id", "queue", "video_room_id"},
)
COMPANIONS: dict[str, Arguments] = {
    "bridge_intent": {"link_to": CALL},
    "bridge_on_answer": {"link_to": CALL},
    "provider": {"structured_provider": {}},
    "stream_bidirectional_codec": {"stream_bidirectional_mode": "rtp"},
    "structured_provider": {"provider": "elevenlabs"},
    "supervisor_role": {"supervise_call_control_id": CALL},
    "transaction_type": {"amount": 5.0},
    "video_room_context": {"video_room_id": PLAIN_CALL},
}
ENGINES = {"deepgram/nova-2": "Deepgram", "deepgram/nova-3": "Deepgram"}

TEXTS: dict[str, str] = {
    "audio_url": HELLO,
    "channels": "dual",
    "client_state": "aGk=",
    "content_type": "text/plain",
    "conversation_relay_url": "wss://relay.example.com",
    "digits": "1",
    "diversion": "+13125550100",
    "from": "+13125550100",
    "hold_audio_url": HELLO,
    "invalid_audio_url": HELLO,
    "language": "it",
    "loop": "infinity",
    "park_after_unbridge": "self",
    "playback_content": "SUQz",
    "preferred_codecs": "PCMU",
    "rx": "udp:192.0.2.1:9000",
    "send_digits_on_answer": "1",
    "sip_address": "sip:desk@sip.example.com",
    "stop": "all",
    "stream_url": "wss://media.example.com",
    "target_leg_client_state": "aGk=",
    "target_legs": "both",
    "terminating_digit": "#",
    "to": "+13125550101",
    "transcription_tracks": "both",
    "track": "outbound",
    "tx": "udp:192.0.2.1:9000",
    "url": "wss://relay.example.com",
    "valid_digits": "123",
    "voice": VOICE,
    "webhook_url": "https://hookline.example.com/webhooks",
}
NUMBERS: dict[str, int] = {
    "duration_millis": 100,
    "max_endpoint_delay_ms": 500,
    "session_timeout_secs": 90,
    "time_limit_secs": 60,
    "timeout_secs": 5,
}
MAPPINGS: dict[str, Any] = {
    "keywords_boosting": {"Hookline": 5.0},
    "webhook_retries_policies": {"call.hangup": {"retries_ms": [1000]}},
    "webhook_urls": {"call.hangup": ["https://hookline.example.com/webhooks"]},
}


STRICTER = (
    "Must have a string name. at /custom_parameters/0/name",  # a parameter of a stream without one
    "Must have a string value. at /custom_parameters/0/value",
    "region is required for Azure.",  # and the SDK's types let Azure pass without its settings
)
"""Refusals of the simulator that are stricter than the SDK's types, on purpose."""


def values(hint: Any, name: str) -> Iterator[Any]:
    """Every value that a type lists, and one where it lists none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is typing.Annotated or origin in REQUIRED:
        yield from values(arguments[0], name)
    elif origin is Literal:
        yield from arguments
    elif origin in UNIONS:
        for argument in arguments:
            yield from values(argument, name)
    elif typing_extensions.is_typeddict(hint):
        yield from objects(hint)
    elif origin is dict or hint is dict:
        yield MAPPINGS.get(name, {})
    elif hint is bool:
        yield from (True, False)
    elif hint is str:
        yield TEXTS.get(name, "a text")
    elif hint in (int, float):
        yield hint(NUMBERS.get(name, 1))
    elif hint is type(None):
        return
    elif arguments:  # an Iterable or a Sequence
        for item in values(arguments[0], name):
            yield [item]


def objects(kind: Any) -> Iterator[dict[str, Any]]:
    """One object with what must be there, and one more for each value of each key."""
    hints = get_type_hints(kind, include_extras=True)
    wire = {wire_name(key, hint): hint for key, hint in hints.items()}
    # The engine decides what the other settings mean, so it always stands beside them.
    needed = [key for key, hint in wire.items() if get_origin(hint) in REQUIRED or key == "transcription_engine"]
    base = {key: next(values(wire[key], key)) for key in needed}
    yield base
    for key, hint in wire.items():
        for value in values(hint, key):
            yield {**base, **engine_of(key, value), key: value}


def bodies(action: str) -> Iterator[tuple[str, Arguments]]:
    """A body for each value of each parameter of an action, as it stands on the wire."""
    needed = BASES.get(action, ROWS[action][2][0])
    base = {"from" if name == "from_" else name: value for name, value in needed.items()}
    hints = get_type_hints(ROWS[action][1], include_extras=True)
    for python_name, hint in hints.items():
        name = wire_name(python_name, hint)
        excluded = next((group for group in EXCLUSIVE if name in group), set())
        companions = COMPANIONS.get(name, {})
        if action == "dial" and name == "park_after_unbridge":
            companions = {"link_to": CALL}
        excluded = excluded | next((group for group in EXCLUSIVE if group & companions.keys()), set())
        rest = {key: value for key, value in base.items() if key not in excluded}
        for value in values(hint, name):
            yield name, {**rest, **companions, **engine_of(name, value), name: value}


def engine_of(name: str, value: Any) -> Arguments:
    """The engine that settings are for, as the command names it."""
    if name != "transcription_engine_config" or "transcription_engine" not in value:
        return {}
    inner = value["transcription_engine"]
    return {"transcription_engine": ENGINES.get(inner, inner)}


def ours(action: str, body: Arguments) -> str | None:
    """The complaint of our own command about a body, if it has one."""
    arguments = {{"from": "from_"}.get(name, name): value for name, value in body.items() if name != "command_id"}
    for state in STATES & arguments.keys():
        arguments[state] = "a state"  # any value to us, base64 on the wire
    function: Any = getattr(commands, action)
    try:
        command: Command = function(**arguments)
    except ValueError as error:
        return str(error)
    expected = {name: value for name, value in body.items() if name != "command_id" and name not in STATES}
    assert {name: value for name, value in command.params.items() if name not in STATES} == expected | {
        name: value for name, value in command.params.items() if name == "stream_type"
    }
    return None


def the_simulator_s(action: str, body: Arguments) -> str | None:
    """The simulator's complaint about a body, if it has one."""
    try:
        check(action, body)
    except ApiError as error:
        return f"{error} at {error.pointer}"
    return None


@pytest.mark.parametrize("action", ROWS)
def test_each_value_that_the_sdk_lists_is_taken_by_our_commands_and_by_the_simulator(action: str) -> None:
    adapter = TypeAdapter(strict(ROWS[action][1]))
    refused, count = [], 0
    for name, body in bodies(action):
        count += 1
        adapter.validate_python({**body, **({"call_control_id": CALL} if action == "bridge" else {})})
        for side, complaint in (("ours", ours(action, body)), ("simulator", the_simulator_s(action, body))):
            if complaint is not None and not any(reason in complaint for reason in STRICTER):
                refused.append((side, name, body[name], complaint))
    assert refused == []
    assert count >= len(get_type_hints(ROWS[action][1]))


@pytest.mark.parametrize("action, row", [(action, row) for action, (_, _, rows) in ROWS.items() for row in rows])
def test_each_row_of_our_commands_is_taken_by_the_simulator(action: str, row: Arguments) -> None:
    if action == "client_state_update" and row == {"client_state": None}:
        row = {"client_state": encode(None)}
    check(action, getattr(commands, action)(**row).body("an-id"))


def test_the_simulator_has_every_command_and_no_other() -> None:
    assert set(COMMAND_SCHEMAS) == set(ROWS)


def test_the_languages_and_models_of_each_engine_are_those_of_the_sdk_and_no_other() -> None:
    hints = get_type_hints(ROWS["transcription_start"][1])
    engines: dict[str, tuple[set[str], set[str]]] = {}
    for settings in get_args(hints["transcription_engine_config"]):
        declared = get_type_hints(settings)
        (engine,) = get_args(declared["transcription_engine"])
        listed = declared.get("language")
        if listed is not str:  # Soniox: a text, in whose description are two-letter codes and auto
            languages, models = set(get_args(listed)), set(get_args(declared.get("transcription_model")))
            engines[engine] = (languages, models)
    assert len(engines) == 14
    recording = set(get_args(get_type_hints(ROWS["record_start"][1])["transcription_language"]))
    assert recording == transcription_languages.RECORDING_LANGUAGES
    for table in (transcription_engines, transcription_languages):
        for engine, (languages, models) in engines.items():
            name = transcription_engines.ALIASES.get(engine, engine)
            own = engine if name == "Deepgram" else name
            assert table.LANGUAGES.get(own) == languages, (table.__name__, engine)
            assert models <= set(table.MODELS.get(name, ())), (table.__name__, engine)
