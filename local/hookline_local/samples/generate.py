"""Makes the signed sample requests in events/ from the plain bodies in events/bodies/. Owns the names used in them.

    python -m hookline_local.samples.generate            makes them; the same bytes every time
    python -m hookline_local.samples.generate --check    makes nothing; exits 1 and names the files that differ

events/README.md describes what a body may hold, and how to add one.
"""

import argparse
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hookline.client_state import encode_for_flow
from hookline_local.base.signing import api_gateway_request

EVENTS = Path(__file__).parents[3] / "events"

# The state that the flow reception leaves on a leg at each step. A body writes ${client_state.greeting}.
CLIENT_STATES: Mapping[str, object] = {
    "answer": {"step": "answer"},
    "greeting": {"step": "greeting"},
    "music": {"step": "music"},
    "listening": {"step": "listening"},
    "goodbye": {"step": "goodbye"},
    "calling": {"step": "calling"},
}

# The people, the numbers and the ids of the sample call. All made up: +1 202 555 01xx is reserved for fiction.
NAMES: Mapping[str, str] = {
    "caller": "+12025550147",
    "number": "+12025550123",
    "colleague": "+12025550188",
    "connection_id": "2684093157742018563",
    "webhooks": "https://hookline.example.com/webhooks",
    # the call of nearly all samples
    "call_control_id": "v3:qT5nW0sXcJ8uYb2LrZ7mKdE1vHfA9iPgO4wR6tNyQxSjB3kUzCMhVl",
    "call_leg_id": "5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68",
    "call_session_id": "5b0c8f72-a5c8-11f1-8a51-02420a0d7c68",
    # the second leg of the same conversation, after a transfer
    "transferred.call_control_id": "v3:Jm4xPz8RbQ1eVw6TgLs0NyKf7HdCuA2oXi5BkWnGtE9jMrYqZhSvDc",
    "transferred.call_leg_id": "7d31e8b6-a5c8-11f1-b0f2-02420a0d7c68",
    # a call that was placed by us
    "outgoing.call_control_id": "v3:Hc7uTq2MzXf9LwRj5KbYe0VnPs8DgAo3IiN6xZtWvE1mQyCkBrJhSd",
    "outgoing.call_leg_id": "c2f4d1aa-a5ca-11f1-86c7-02420a0d7c68",
    "outgoing.call_session_id": "c2f4c6e2-a5ca-11f1-a6d0-02420a0d7c68",
    # results of the call
    "speak_id": "0f6ff1a5-6a0b-4c86-9f57-2c8f0f9e3b11",
    "goodbye_speak_id": "e4b7d2c9-13f8-4b52-8e0a-91d6a7c05f24",
    "stream_id": "a93d6e17-52c4-4f0e-b7a8-6d1f38c94e02",
    "recording_id": "3e8b51f7-c0d9-4a26-9b14-70f5ad82c6e3",
    "recording_transcription_id": "d8147b3f-2e65-4c91-a03b-58f6c91e7d40",
    "link": "https://s3.amazonaws.com/telephony-recorder-prod/6f2a9d05-8b1c-4e73-a4d6-0c35e817fb92/2026-09-01/"
    "5b0c9a44-a5c8-11f1-9d3e-02420a0d7c68-1788271388512774",
    "presigned": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=EXAMPLE%2F20260901%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20260901T140454Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=EXAMPLE",
}

# Samples that are not sent as application/json; API Gateway passes these as base64.
CONTENT_TYPES: Mapping[str, str] = {
    "call.answered.base64": "application/octet-stream",
    "quarantine/texml-callback": "application/x-www-form-urlencoded",
}

# From the event to API Gateway; and Telnyx's delay before a retry.
DELIVERY = timedelta(milliseconds=180)
REDELIVERY = timedelta(milliseconds=2400)
# For a body without a time.
UNTIMED = "2026-09-01T14:06:00.250000Z"


def event_id(name: str) -> str:
    """The id of the event in the sample of that name: looks like any version 4 UUID, and is always the same."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"hookline sample: {name}".encode()).digest()[:16], version=4))


def filled_in(text: str, name: str) -> str:
    """The text of a body with every ${name} replaced. Raises ValueError for an unknown name."""

    def value(match: re.Match[str]) -> str:
        key = match[1]
        if key == "id":
            return event_id(name)
        if key.startswith("id of "):
            return event_id(key.removeprefix("id of "))
        kind, _, step = key.partition(".")
        if kind == "client_state" and step in CLIENT_STATES:
            return encode_for_flow("reception", CLIENT_STATES[step])
        if key in NAMES:
            return NAMES[key]
        raise ValueError(f"bodies/{name}: unknown name {match[0]}")

    return re.sub(r"\$\{([^}]*)\}", value, text)


def request_of(text: str, name: str) -> dict[str, Any]:
    """The signed request for one body: sent to its delivered_to, just after its occurred_at."""
    text = filled_in(text, name).rstrip("\n")
    data: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    try:
        event = json.loads(text)
    except ValueError:
        pass  # sent as it is: one of those for the quarantine
    else:
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        if isinstance(event, dict):
            data = event["data"] if isinstance(event.get("data"), dict) else event
            meta = event["meta"] if isinstance(event.get("meta"), dict) else {}
    occurred_at = data.get("occurred_at") or data.get("created_at") or UNTIMED
    attempt, delivered_to = meta.get("attempt", 1), meta.get("delivered_to", NAMES["webhooks"])
    received = datetime.fromisoformat(occurred_at) + DELIVERY + REDELIVERY * (attempt - 1)
    milliseconds = int(received.timestamp() * 1000)
    return api_gateway_request(
        text.encode(),
        path=urlsplit(delivered_to).path,
        time_epoch_ms=milliseconds,
        # signed before the way to API Gateway, which now and then is in the second before
        timestamp=(milliseconds - 120) // 1000,
        headers={"content-type": CONTENT_TYPES[name]} if name in CONTENT_TYPES else None,
    )


def sample_events(events: Path = EVENTS) -> dict[Path, str]:
    """The content of every sample file, by its path, made from the bodies in the same folder."""
    samples: dict[Path, str] = {}
    bodies = events / "bodies"
    for body in sorted(path for path in bodies.rglob("*") if path.suffix in {".json", ".txt"}):
        name = body.relative_to(bodies).with_suffix("").as_posix()
        request = request_of(body.read_text(encoding="utf-8"), name)
        samples[events / f"{name}.json"] = json.dumps(request, ensure_ascii=False, indent=2) + "\n"
    return samples


def differing(events: Path = EVENTS) -> list[Path]:
    """The sample files that are missing, differ, or have no body."""
    samples = sample_events(events)
    existing = {path for folder in (events, events / "quarantine") for path in folder.glob("*.json")}
    changed = {path for path in samples.keys() & existing if path.read_bytes() != samples[path].encode()}
    return sorted(changed | (samples.keys() ^ existing))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code: 0, or 1 when --check found files that differ."""
    parser = argparse.ArgumentParser(
        prog="python -m hookline_local.samples.generate",
        description="Make the signed sample requests in events/ from the plain bodies in events/bodies/.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")
    parser.add_argument("--events", type=Path, default=EVENTS, help="the folder, events/ of this project by default")
    options = parser.parse_args(arguments)
    different = differing(options.events)
    if options.check:
        for path in different:
            print(path.relative_to(options.events.parent))
        return 1 if different else 0
    samples = sample_events(options.events)
    for path in different:
        if path in samples:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(samples[path].encode())
            print(f"made {path.relative_to(options.events.parent)}")
        else:
            print(f"left {path.relative_to(options.events.parent)}: it has no body", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
