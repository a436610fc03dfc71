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

_RECORDING = """
af af-ZA am am-ET ar ar-AE ar-BH ar-DZ ar-EG ar-IL ar-IQ ar-JO ar-KW ar-LB ar-MA ar-MR ar-OM ar-PS ar-QA ar-SA ar-TN
ar-YE as auto_detect az az-AZ ba be bg bg-BG bn bn-BD bn-IN bo br bs bs-BA ca ca-ES cs cs-CZ cy da da-DK de de-AT
de-CH de-DE el el-GR en en-AU en-CA en-GB en-GH en-HK en-IE en-IN en-KE en-NG en-NZ en-PH en-PK en-SG en-TZ en-US
en-ZA es es-419 es-AR es-BO es-CL es-CO es-CR es-DO es-EC es-ES es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-PY es-SV
es-US es-UY es-VE et et-EE eu eu-ES fa fa-IR fi fi-FI fil-PH fo fr fr-BE fr-CA fr-CH fr-FR gl gl-ES gu gu-IN ha haw he
hi hi-IN hr hr-HR ht hu hu-HU hy hy-AM id id-ID is is-IS it it-CH it-IT iw-IL ja ja-JP jv-ID jw ka ka-GE kk kk-KZ km
km-KH kn kn-IN ko ko-KR la lb ln lo lo-LA lt lt-LT lv lv-LV mg mi mk mk-MK ml ml-IN mn mn-MN mr mr-IN ms ms-MY mt my
my-MM ne ne-NP nl nl-BE nl-NL nn no no-NO oc pa pa-Guru-IN pl pl-PL ps pt pt-BR pt-PT ro ro-RO ru ru-RU rw-RW sa sd si
si-LK sk sk-SK sl sl-SI sn so sq sq-AL sr sr-RS ss-latn-za st-ZA su su-ID sv sv-SE sw sw-KE sw-TZ ta ta-IN ta-LK ta-MY
ta-SG te te-IN tg th th-TH tk tl tn-latn-za tr tr-TR ts-ZA tt uk uk-UA ur ur-IN ur-PK uz uz-UZ ve-ZA vi vi-VN xh-ZA yi
yo yue-Hant-HK zh zh-TW zu-ZA
"""
RECORDING_LANGUAGES = frozenset(_RECORDING.split())
"""The languages in which recordings are transcribed afterwards, by one engine or another."""
