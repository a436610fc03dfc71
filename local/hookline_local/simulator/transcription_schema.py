"""The parameters of a live transcription: the engine, its settings, its languages and models.

Where the description is silent the wider reading holds: any two-letter code for Soniox.
"""

from collections.abc import Mapping

from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.parameter_checks import Body, Check, anything, flag, integer, name, one_of
from hookline_local.simulator.transcription_languages import LANGUAGES, MODELS

ENGINES = "Google Telnyx Deepgram Azure xAI AssemblyAI Speechmatics Soniox Parakeet Humain Reson8 Cohere A B".split()
ALIASES = {"A": "Google", "B": "Telnyx", "deepgram/nova-2": "Deepgram", "deepgram/nova-3": "Deepgram"}
"""Other names of an engine: the older ones, and those that Deepgram's settings have for their own engine."""
_GOOGLE_MODELS = (
    "latest_long latest_short command_and_search phone_call video default medical_conversation medical_dictation"
)
_MODEL: Mapping[str, Mapping[str, Check]] = {
    engine: {"transcription_model": one_of(*models)} for engine, models in MODELS.items()
}

ENGINE_SETTINGS: Mapping[str, Mapping[str, Check]] = {
    "Google": {
        "language": name,
        "interim_results": flag,
        "enable_speaker_diarization": flag,
        "min_speaker_count": integer(1),
        "max_speaker_count": integer(1),
        "profanity_filter": flag,
        "use_enhanced": flag,
        "model": one_of(*_GOOGLE_MODELS.split()),
        "hints": anything,
        "speech_context": anything,
    },
    "Telnyx": {"language": name, **_MODEL["Telnyx"]},
    "Deepgram": {
        "language": name,
        "interim_results": flag,
        "hints": anything,
        "keyterms": anything,
        "keywords_boosting": anything,
        "smart_format": flag,
        "utterance_end_ms": integer(0, 5000),
        **_MODEL["Deepgram"],
    },
    "Azure": {
        "region": one_of(*"australiaeast centralindia eastus northcentralus westeurope westus2".split()),
        "api_key_ref": name,
        "language": name,
    },
    "xAI": {"language": name, "interim_results": flag, **_MODEL["xAI"]},
    "AssemblyAI": {"interim_results": flag, **_MODEL["AssemblyAI"]},
    "Speechmatics": {"language": name, "interim_results": flag, **_MODEL["Speechmatics"]},
    "Soniox": {
        "language": name,
        "interim_results": flag,
        "enable_endpoint_detection": flag,
        "max_endpoint_delay_ms": integer(500, 3000),
        **_MODEL["Soniox"],
    },
    "Parakeet": {"interim_results": flag, **_MODEL["Parakeet"]},
    "Humain": {"language": name, **_MODEL["Humain"]},
    "Reson8": {"language": name, **_MODEL["Reson8"]},
    "Cohere": {"language": name, **_MODEL["Cohere"]},
}
"""The settings of each engine, beside its own name."""

TRANSCRIPTION: Mapping[str, Check] = {
    "transcription_engine": one_of(*ENGINES),
    "transcription_engine_config": anything,  # see check_engine
    "transcription_tracks": one_of("inbound", "outbound", "both"),
}


def check_engine(body: Body, at: str = "") -> None:
    """Raise ApiError unless the settings are for the engine of the command, and their language one that it knows.

    at: the JSON pointer to what holds transcription_engine and transcription_engine_config. The settings need not
    repeat the engine's name; Deepgram's have that of the model in its place.
    """
    engine, settings = str(body.get("transcription_engine", "Google")), body.get("transcription_engine_config", {})
    pointer = f"{at}/transcription_engine_config"
    if not isinstance(settings, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    if "transcription_engine" in settings:
        inner = settings["transcription_engine"]
        one_of(*ENGINES, "deepgram/nova-2", "deepgram/nova-3")(f"{pointer}/transcription_engine", inner)
        if ALIASES.get(inner, inner) != ALIASES.get(engine, engine):
            detail = f"The engine of the command is {engine}."
            raise ApiError("10027", detail, pointer=f"{pointer}/transcription_engine")
        engine = str(inner)
    _check_settings(engine, settings, pointer)


def _check_settings(engine: str, settings: Mapping[str, object], pointer: str) -> None:
    checks = ENGINE_SETTINGS[ALIASES.get(engine, engine)]
    for key, given in settings.items():
        if key == "transcription_engine":
            continue
        if key not in checks:
            raise ApiError("10015", f"{key} is not a parameter of {engine}.", pointer=f"{pointer}/{key}")
        checks[key](f"{pointer}/{key}", given)
    if engine == "Azure" and "region" not in settings:
        raise ApiError("10004", "region is required for Azure.", pointer=f"{pointer}/region")
    model = settings.get("transcription_model")
    check_language(engine, settings.get("language"), pointer, model=model if isinstance(model, str) else None)


def check_language(engine: str, language: object, pointer: str, *, model: str | None = None) -> None:
    """Raise ApiError 90013 for a language that the engine, or this model of Deepgram, does not know."""
    if not isinstance(language, str):
        return
    name = ALIASES.get(engine, engine)
    if name == "Deepgram":
        name = model if model in LANGUAGES else engine
    is_code = name == "Soniox" and (language == "auto" or (len(language) == 2 and language.isalpha()))
    if not is_code and language not in LANGUAGES.get(name, frozenset()):
        raise ApiError("90013", f"{engine} does not transcribe this language.", pointer=f"{pointer}/language")
