"""The examples in the OpenAPI document of the calls API. A test executes each. Values only."""

from collections.abc import Mapping
from typing import Any

LEG = "0b6cbd1e-6f7a-4c8e-9d52-3f1c7a54e901"

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "listCalls": {
        "day": "2026-11-25",
        "number": "+12025550123",
        "direction": "incoming",
        "status": "answered",
        "flow": "reception",
        "trouble": "true",
        "limit": 5,
    },
    "showCall": {"id": LEG},
    "showTimeline": {"id": LEG, "limit": 50},
    "showTranscript": {"id": "last", "limit": 100},
    "showDay": {"day": "2026-11-25"},
    "listRecordings": {"id": LEG},
    "openRecording": {"id": "last"},
    "showPeaks": {"id": "last"},
    "placeCall": {"idempotency-key": "desk-7-reminder-20261125-1"},
    "steerCall": {"id": LEG, "action": "record_pause", "idempotency-key": "desk-7-pause-1"},
}
"""By operation. A cursor has none: it is one that the API has answered."""

BODIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "placeCall": {
        "notice": {
            "connection_id": "1494404757140276705",
            "from": "+12025550199",
            "to": "+12025550177",
            "flow": "reception",
        }
    },
    "steerCall": {
        "record_pause": {},
        "record_resume": {},
        "speak": {"payload": "One minute, I am looking.", "voice": "AWS.Polly.Joanna-Neural"},
        "transfer": {"to": "+12025550177"},
        "hangup": {},
    },
}
"""By operation and name; those of `steerCall` are named after their actions."""
