"""The parameters of the commands that let a machine talk: AI assistants, gathering by AI, conversation relays.

A part of the table in hookline.command_schema. Tools, voices and models are Telnyx's business and change often: of
such objects only the keys that must be there are checked.
"""

from collections.abc import Mapping
from typing import Final

from hookline.transcription_engines import LANGUAGES
from hookline.validators import Check, every, flag, mapping, number, one_of, text, text_that, whole

_SPOKEN = text(0, 3000)
_INTERRUPTIBLE = one_of("none", "any", "speech", "dtmf")
_RELAY_ENGINE = one_of("Google", "Telnyx", "Deepgram", "Azure", "xAI", "AssemblyAI", "Speechmatics", "Soniox", "A", "B")
_RELAY_ENGINE_SETTINGS = mapping(
    eager_eot_threshold=number(), eot_threshold=number(), interim_results=flag, language=text()
)
_MESSAGES = every(mapping(("role",), role=one_of("user", "assistant", "tool", "system", "developer"), content=text(0)))
_PARTICIPANT = mapping(
    ("id", "role"),
    id=text(),
    role=one_of("user"),
    name=text(),
    on_hangup=one_of("continue_conversation", "end_conversation"),
)
_TRANSCRIPTION = mapping(language=text(), model=text())
_URL = text_that(
    lambda value: value.startswith(("wss://", "ws://")) and value.isprintable() and " " not in value,
    "a URL that starts with wss:// or ws://",
)
_LANGUAGES = every(
    mapping(
        ("language",),
        language=text(),
        speech_model=text(),
        transcription_engine=_RELAY_ENGINE,
        transcription_engine_config=_RELAY_ENGINE_SETTINGS,
        transcription_provider=text(),
        tts_provider=text(),
        voice=text(),
        voice_settings=mapping(("type",), type=text()),
    )
)

ASSISTANT_PARAMETERS: Final[Mapping[str, Check]] = {
    "ai_assistant_start.assistant": mapping(("id",), id=text(), greeting=_SPOKEN, instructions=text(0)),
    "ai_assistant_start.transcription": _TRANSCRIPTION,
    "conversation_id": text(),
    "conversation_relay_dtmf_detection": flag,
    "conversation_relay_settings": mapping(
        ("url",),
        url=_URL,
        dtmf_detection=flag,
        interruptible=_INTERRUPTIBLE,
        interruptible_greeting=_INTERRUPTIBLE,
        languages=_LANGUAGES,
    ),
    "conversation_relay_start.assistant": mapping(dynamic_variables=mapping()),
    "conversation_relay_start.custom_parameters": mapping(),
    "conversation_relay_start.greeting": text(0),
    "conversation_relay_start.interruption_settings": mapping(
        enable=flag,
        interruptible=_INTERRUPTIBLE,
        interruptible_greeting=_INTERRUPTIBLE,
        welcome_greeting_interruptible=_INTERRUPTIBLE,
    ),
    "conversation_relay_start.transcription": mapping(),
    "conversation_relay_start.transcription_engine": _RELAY_ENGINE,
    "conversation_relay_start.transcription_engine_config": _RELAY_ENGINE_SETTINGS,
    "conversation_relay_url": _URL,
    "dtmf_detection": flag,
    "gather_ended_speech": _SPOKEN,
    "gather_using_ai.assistant": mapping(instructions=text(0), model=text(), tools=every(mapping(("type",)))),
    "gather_using_ai.language": one_of(*sorted(LANGUAGES["Google"])),
    "gather_using_ai.message_history": every(mapping(role=one_of("assistant", "user"), content=text(0))),
    "gather_using_ai.transcription": _TRANSCRIPTION,
    "greeting": _SPOKEN,
    "interruptible": _INTERRUPTIBLE,
    "interruptible_greeting": _INTERRUPTIBLE,
    "interruption_settings": mapping(enable=flag),
    "languages": _LANGUAGES,
    "message_history": _MESSAGES,
    "messages": _MESSAGES,
    "parameters": mapping(),
    "participant": _PARTICIPANT,
    "participants": every(_PARTICIPANT),
    "provider": text(),
    "send_message_history_updates": flag,
    "send_partial_results": flag,
    "structured_provider": mapping(),
    "trigger_response": flag,
    "tts_provider": text(),
    "url": _URL,
    "user_response_timeout_ms": whole(0),
}
