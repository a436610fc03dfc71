"""The parameters of the commands that let a machine talk: assistants, gathering by AI, conversation relays.

Types, required keys and closed lists are checked. Tools, voices and models change often, and are not.
"""

from collections.abc import Mapping

from hookline_local.simulator.parameter_checks import (
    Check,
    anything,
    array,
    fields,
    flag,
    integer,
    name,
    number,
    one_of,
    socket_address,
    text,
)
from hookline_local.simulator.transcription_languages import LANGUAGES

SPOKEN = text(longest=3000, empty=True)
MESSAGES = array(
    fields("role", role=one_of("user", "assistant", "tool", "system", "developer"), content=text(empty=True))
)
PARTICIPANT = fields(
    "id",
    "role",
    id=name,
    role=one_of("user"),
    name=name,
    on_hangup=one_of("continue_conversation", "end_conversation"),
)
INTERRUPTIBLE = one_of("none", "any", "speech", "dtmf")
RELAY_ENGINE = one_of(*"Google Telnyx Deepgram Azure xAI AssemblyAI Speechmatics Soniox A B".split())
RELAY_ENGINE_SETTINGS = fields(eager_eot_threshold=number(0), eot_threshold=number(0), interim_results=flag)
RELAY_LANGUAGES = array(
    fields(
        "language",
        language=name,
        speech_model=name,
        transcription_engine=RELAY_ENGINE,
        transcription_engine_config=RELAY_ENGINE_SETTINGS,
        transcription_provider=name,
        tts_provider=name,
        voice=name,
        voice_settings=fields("type"),
    )
)

ASSISTANT: Mapping[str, Check] = {
    "assistant": fields("id", id=name, greeting=SPOKEN, instructions=text(empty=True)),
    "greeting": SPOKEN,
    "interruption_settings": fields(enable=flag),
    "message_history": MESSAGES,
    "participants": array(PARTICIPANT),
    "send_message_history_updates": flag,
    "transcription": fields(language=name, model=name),
}
ASSISTANT_GATHER: Mapping[str, Check] = {
    "assistant": fields(instructions=text(empty=True), model=name, tools=array(fields("type"))),
    "gather_ended_speech": SPOKEN,
    "greeting": SPOKEN,
    "interruption_settings": fields(enable=flag),
    "language": one_of(*sorted(LANGUAGES["Google"]), code="90013"),
    "message_history": array(fields(role=one_of("assistant", "user"), content=text(empty=True))),
    "parameters": fields(),
    "send_message_history_updates": flag,
    "send_partial_results": flag,
    "transcription": fields(language=name, model=name),
    "user_response_timeout_ms": integer(0),
    "voice": name,
    "voice_settings": fields("type"),
}
RELAY: Mapping[str, Check] = {
    "assistant": fields(dynamic_variables=fields()),
    "conversation_relay_dtmf_detection": flag,
    "conversation_relay_settings": fields(
        "url",
        url=socket_address,
        dtmf_detection=flag,
        interruptible=INTERRUPTIBLE,
        interruptible_greeting=INTERRUPTIBLE,
        languages=RELAY_LANGUAGES,
    ),
    "conversation_relay_url": socket_address,
    "custom_parameters": fields(),
    "dtmf_detection": flag,
    "greeting": text(empty=True),
    "interruptible": INTERRUPTIBLE,
    "interruptible_greeting": INTERRUPTIBLE,
    "interruption_settings": fields(
        enable=flag,
        interruptible=INTERRUPTIBLE,
        interruptible_greeting=INTERRUPTIBLE,
        welcome_greeting_interruptible=INTERRUPTIBLE,
    ),
    "language": name,
    "languages": RELAY_LANGUAGES,
    "provider": name,
    "structured_provider": fields(),
    "transcription": anything,
    "transcription_engine": RELAY_ENGINE,
    "transcription_engine_config": RELAY_ENGINE_SETTINGS,
    "tts_provider": name,
    "url": socket_address,
    "voice": name,
    "voice_settings": fields("type"),
}
