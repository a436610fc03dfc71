"""The languages and models of each transcription engine, as Telnyx lists them: a table of the other side's own.

Source: the OpenAPI description of the Voice API (as of Telnyx's Python SDK 4.189.0), which a test holds it against.
"""

from collections.abc import Mapping

MODELS: Mapping[str, tuple[str, ...]] = {
    "Telnyx": ("openai/whisper-tiny", "openai/whisper-large-v3-turbo"),
    "Deepgram": ("deepgram/nova-2", "deepgram/nova-3"),
    "xAI": ("xai/grok-stt",),
    "AssemblyAI": ("assemblyai/universal-3-5-pro", "assemblyai/universal-streaming"),
    "Speechmatics": ("speechmatics/standard", "speechmatics/linden-1"),
    "Soniox": ("soniox/stt-rt-v4",),
    "Parakeet": ("nvidia/parakeet-v3", "omi-health/omi-med-stt-v1"),
    "Humain": ("humain/realtime",),
    "Reson8": ("reson8/turns",),
    "Cohere": ("cohere/ar-stt",),
}
"""The values of transcription_model. Google has a `model` of its own, Azure none."""

_LANGUAGES: Mapping[str, str] = {
    "Google": """
        af am ar az bg bn bs ca cs da de el en es et eu fa fi fil fr gl gu hi hr hu hy id is it iw ja jv ka kk km kn
        ko lo lt lv mk ml mn mr ms my ne nl no pa pl pt ro ru rw si sk sl sq sr ss st su sv sw ta te th tn tr ts uk ur
        uz ve vi xh yue zh zu
    """,
    "Telnyx": """
        af am ar as auto_detect az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi
        hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps
        pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh
    """,
    "deepgram/nova-2": """
        auto_detect bg ca cs da-DK de-CH el en-AU en-GB en-IN en-NZ en-US es-419 et fi fr fr-CA hi hu id it ja ko-KR
        lt lv ms nl-BE no pl pt-BR pt-PT ro ru sk sv-SE th-TH tr uk vi zh-CN zh-HK zh-Hans zh-Hant zh-TW
    """,
    "deepgram/nova-3": "auto_detect da-DK de en-AU en-GB en-IN en-NZ en-US es es-419 fr fr-CA nl pt-BR pt-PT sv-SE",
    "Azure": """
        af am ar auto bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn
        ko lo lt lv mk ml mn mr ms mt my nb ne nl pl ps pt ro ru si sk sl so sq sr sv sw ta te th tr uk ur uz vi wuu
        yue zh zu
    """,
    "xAI": "ar cs da de en es fa fil fr hi id it ja ko mk ms nl pl pt ro ru sv th tr vi",
    "Speechmatics": """
        ar ar_en ba be bg bn ca cmn cmn-Hans cmn-Hant cmn_en cmn_en_ms_ta cs cy da de el en en-AU en-GB en-US en_ms
        en_ta eo es es-bilingual-en et eu fa fi fr ga gl he hi hr hu ia id it ja ko lt lv mn mr ms mt nl no pl pt ro
        ru sk sl sv sw ta th tl tr ug uk ur vi yue
    """,
    "Humain": "ar auto codeswitch en",
    "Reson8": "auto de en es fr fy it nl pl pt sv",
    "Cohere": "ar en",
    "AssemblyAI": "",
    "Parakeet": "",
}
LANGUAGES = {engine: frozenset(words.split()) for engine, words in _LANGUAGES.items()}
LANGUAGES["Deepgram"] = LANGUAGES["deepgram/nova-2"] | LANGUAGES["deepgram/nova-3"]
"""The languages of each engine, and of each model of Deepgram. Soniox is missing: see transcription_schema."""
