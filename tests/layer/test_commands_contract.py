"""Every command against Telnyx's own Python SDK, unmodified: its parameter types, its paths and verbs, its JSON.

The rows below are written as a caller writes them. Each row becomes a Command of ours, and is held against the SDK
twice: the body is validated by pydantic against the TypedDict the SDK declares for the action, and the SDK's own
client sends the same through a transport that records the request.
"""

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote

import httpx
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from telnyx import Telnyx, omit

from hookline import commands
from hookline.client_state import encode
from hookline.command_schema import RECORDING_LANGUAGES, SECRET_PARAMS, SPEAK_LANGUAGES
from hookline.commands import Command
from hookline.commands.command import WITHOUT_COMMAND_ID
from tests.support.command_rows import CALL, PLAIN_CALL, ROWS, Arguments
from tests.support.sdk_types import strict, wire_name, words

NOT_OURS = {"command_id"}
"""The SDK's parameters that no function of ours has: the id of a command is derived from the event that caused it."""

OURS_ALONE = {"on", "flow", "target_flow"}
"""Our parameters that are not in the body: the leg to command (the SDK has it in the path), the flow of a new leg."""

RENAMED = {"call_control_id_to_bridge_with": "call_control_id"}
"""The SDK's Python names that are not ours. On the wire both say call_control_id."""

REQUIRED_ONLY_BY_THE_SDK = {("bridge", "call_control_id")}
"""By its description queue or video_room_id stand in its place, by its type it must be there."""

CLASHES = {
    "language": {"service_level"},
    "payload_type": {"service_level"},
    "service_level": {"language", "payload_type"},
    "stream_bidirectional_mode": {"stream_bidirectional_codec"},
    "transcription_engine": {"transcription_engine_config"},
    "transcription_language": {"transcription_engine"},
}
"""The keys that a row must leave out so that each value of the key can be tried."""


# The functions, and what the SDK makes of the same arguments


def functions() -> dict[str, Callable[..., Command]]:
    """Everything in hookline.commands that makes a Command for Telnyx."""
    found: dict[str, Callable[..., Command]] = {
        name: function
        for name, function in inspect.getmembers(commands, inspect.isfunction)
        if not name.startswith("_") and get_type_hints(function).get("return") is Command
    }
    return found


FUNCTIONS = functions()
CASES = [
    pytest.param(action, row, id=f"{action}-{number}")
    for action, (_, _, rows) in ROWS.items()
    for number, row in enumerate(rows)
]


def the_sdk_says(action: str, arguments: Arguments, *, call_control_id: str, command_id: str) -> httpx.Request:
    """The request that Telnyx's own client sends for these arguments."""
    seen: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {"result": "ok"}})

    method, _, _ = ROWS[action]
    given_to_the_sdk = {**arguments, "command_id": command_id}
    for state in ("client_state", "target_leg_client_state"):
        if state in given_to_the_sdk:
            given_to_the_sdk[state] = encode(given_to_the_sdk[state])
    if action in WITHOUT_COMMAND_ID:
        del given_to_the_sdk["command_id"]
    if action == "bridge":
        other = given_to_the_sdk.pop("call_control_id", omit)
        given_to_the_sdk["call_control_id_to_bridge_with"] = other
    if action == "fork_stop":
        given_to_the_sdk.setdefault("stream_type", "decrypted")  # ours on purpose, see the function
    with Telnyx(
        api_key="KEY", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(record))
    ) as client:
        if action == "dial":
            client.calls.dial(**given_to_the_sdk)
        else:
            getattr(client.calls.actions, method)(call_control_id, **given_to_the_sdk)
    (request,) = seen
    return request


def validator(action: str) -> TypeAdapter[Any]:
    return TypeAdapter(strict(ROWS[action][1]))


def complaints(action: str, body: object) -> list[str]:
    """The objections of the SDK's types to a body, apart from the exceptions named above."""
    try:
        validator(action).validate_python(body)
    except ValidationError as error:
        return [
            f"{problem['loc']}: {problem['type']}"
            for problem in error.errors()
            if not (problem["type"] == "missing" and (action, problem["loc"][0]) in REQUIRED_ONLY_BY_THE_SDK)
        ]
    return []


# The tests


def test_no_command_is_without_a_row() -> None:
    assert set(ROWS) == set(FUNCTIONS)


@pytest.mark.parametrize("action", ROWS)
def test_the_rows_of_a_command_use_each_of_its_parameters(action: str) -> None:
    used = {name for row in ROWS[action][2] for name in row}
    assert used == set(inspect.signature(FUNCTIONS[action]).parameters) - OURS_ALONE


@pytest.mark.parametrize("action", ROWS)
def test_every_parameter_the_sdk_knows_is_one_of_ours_and_the_other_way_round(action: str) -> None:
    theirs = {RENAMED.get(name, name) for name in get_type_hints(ROWS[action][1])} - NOT_OURS
    assert set(inspect.signature(FUNCTIONS[action]).parameters) - OURS_ALONE == theirs


@pytest.mark.parametrize("action", ROWS)
def test_what_the_sdk_requires_is_required_by_our_signature(action: str) -> None:
    _, sdk_type, _ = ROWS[action]
    theirs = {
        wire_name(name, hint)
        for name, hint in get_type_hints(sdk_type, include_extras=True).items()
        if get_origin(hint) in (typing.Required, typing_extensions.Required)
    }
    ours = {
        {"from_": "from"}.get(name, name)
        for name, parameter in inspect.signature(FUNCTIONS[action]).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    excused = {name for excused_action, name in REQUIRED_ONLY_BY_THE_SDK if excused_action == action}
    only_ours = {"rx", "tx"} if action == "fork_start" else set()  # its text: required when decrypted, the only type
    assert ours == (theirs - excused) | only_ours


@pytest.mark.parametrize("action, row", CASES)
def test_the_body_is_what_the_types_of_the_sdk_allow(action: str, row: Arguments) -> None:
    body = FUNCTIONS[action](**row).body("an-id")
    assert complaints(action, body) == []


@pytest.mark.parametrize("action, row", CASES)
def test_the_sdk_sends_the_same_verb_path_and_json(action: str, row: Arguments) -> None:
    command = FUNCTIONS[action](**row)
    request = the_sdk_says(action, row, call_control_id=PLAIN_CALL, command_id="an-id")
    assert command.method == request.method
    assert f"/v2{command.path(PLAIN_CALL)}" == request.url.raw_path.decode()
    assert command.body("an-id") == json.loads(request.content)


@pytest.mark.parametrize("action", ROWS)
@pytest.mark.parametrize(
    "call_control_id", [CALL, "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ==", "a/b?c#%"]
)
def test_the_path_names_the_same_resource_as_the_sdks(action: str, call_control_id: str) -> None:
    """The SDK leaves `:` and `=` as they are and we encode them: one resource, two spellings (RFC 3986, 2.4)."""
    row = ROWS[action][2][0]
    ours = f"/v2{FUNCTIONS[action](**row).path(call_control_id)}"
    theirs = the_sdk_says(action, row, call_control_id=call_control_id, command_id="an-id").url.raw_path.decode()
    assert [unquote(part) for part in ours.split("/")] == [unquote(part) for part in theirs.split("/")]


@pytest.mark.parametrize("action", ROWS)
def test_every_word_the_sdk_lists_is_one_we_take_and_every_word_we_list_is_one_of_its(action: str) -> None:
    """Each value of each closed list, one by one, through our function and through the SDK's types."""
    function = FUNCTIONS[action]
    theirs, ours = get_type_hints(ROWS[action][1]), get_type_hints(function)
    base = ROWS[action][2][-1]
    checked = 0
    for name, hint in theirs.items():
        if name in NOT_OURS or name not in ours:
            continue
        for word in words(hint):
            row = {key: value for key, value in base.items() if key not in CLASHES.get(name, ())}
            assert function(**{**row, name: word}).params[name] == word
            checked += 1
        for word in words(ours[name]):
            if not words(hint):
                continue  # a str to the SDK
            assert word in words(hint), f"{action}.{name}={word!r} is not the SDK's"
            checked += 1
    assert checked or not any(words(hint) for hint in theirs.values())


def test_the_languages_are_the_sdks() -> None:
    """Too many for a Literal: these two parameters are str in our signatures."""
    speak, gather_using_speak = ROWS["speak"][1], ROWS["gather_using_speak"][1]
    assert set(words(get_type_hints(speak)["language"])) == SPEAK_LANGUAGES
    assert set(words(get_type_hints(gather_using_speak)["language"])) == SPEAK_LANGUAGES
    assert set(words(get_type_hints(ROWS["record_start"][1])["transcription_language"])) == RECORDING_LANGUAGES


def some_arguments() -> st.SearchStrategy[tuple[str, Arguments]]:
    """A command with the parameters it needs and any choice of the others, from the rows."""

    def chosen(action: str) -> st.SearchStrategy[tuple[str, Arguments]]:
        rows = ROWS[action][2]
        return st.sampled_from(rows).flatmap(
            lambda row: (
                st.sets(st.sampled_from(sorted(row))).map(
                    lambda dropped: (action, {name: value for name, value in row.items() if name not in dropped})
                )
                if row
                else st.just((action, {}))
            )
        )

    return st.sampled_from(sorted(ROWS)).flatmap(chosen)


@settings(max_examples=300)
@given(some_arguments())
def test_whatever_parameters_we_let_through_the_sdk_takes_too(chosen: tuple[str, Arguments]) -> None:
    action, arguments = chosen
    try:
        command = FUNCTIONS[action](**arguments)
    except (ValueError, TypeError):
        return  # a required parameter was dropped, or one that another needs
    assert complaints(action, command.body("an-id")) == []


# The validation itself must be able to say no


@pytest.mark.parametrize(
    "action, wrong, complaint",
    [
        ("speak", {"voice_speed": 1}, "('voice_speed',): extra_forbidden"),
        ("speak", {"payload": 5}, "('payload',): string_type"),
        ("record_start", {"play_beep": 1}, "('play_beep',): bool_type"),
        ("record_start", {"max_length": "60"}, "('max_length',): int_type"),
        ("streaming_start", {"custom_parameters": [{"key": "x"}]}, "('custom_parameters', 0, 'key'): extra_forbidden"),
        ("dial", {"from_": "+13125550100"}, "('from_',): extra_forbidden"),
        (
            "answer",
            {"webhook_urls": {"call.hangup": "https://a.example"}},
            "('webhook_urls', 'call.hangup'): list_type",
        ),
    ],
)
def test_the_strict_types_refuse_what_telnyx_would(action: str, wrong: Arguments, complaint: str) -> None:
    body = {**FUNCTIONS[action](**ROWS[action][2][-1]).params, **wrong}
    assert complaint in complaints(action, body)


def test_a_body_without_a_required_parameter_is_refused() -> None:
    assert complaints("speak", {"voice": "female"}) == ["('payload',): missing"]


# Secrets


def keys_below(kind: Any, seen: set[Any]) -> Iterator[str]:
    """Every key of a TypedDict and of all it can hold."""
    for argument in get_args(kind):
        yield from keys_below(argument, seen)
    if typing_extensions.is_typeddict(kind) and kind not in seen:
        seen.add(kind)
        for name, hint in get_type_hints(kind, include_extras=True).items():
            yield name
            yield from keys_below(hint, seen)


def test_every_key_that_sounds_like_a_secret_is_hidden_from_the_journal() -> None:
    seen: set[Any] = set()
    keys = {key for _, sdk_type, _ in ROWS.values() for key in keys_below(sdk_type, seen)}
    secret = {
        key for key in keys if re.search(r"(password|token|secret|api_key|authorization|credential|^headers)$", key)
    }
    assert {"stream_auth_token", "sip_auth_password"} <= secret  # the search finds what there is to find
    assert secret <= SECRET_PARAMS
