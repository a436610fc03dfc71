"""Recordings over the calls API: which a call has, a link to one, and its peaks."""

import base64
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from hookline.api.exchange import ApiRequest, ApiResponse, json_response
from hookline.api.problem import Problem
from hookline.api.query import Query
from hookline.api.reading import accepted, found_call
from hookline.call import Call
from hookline.call_report import recordings_of
from hookline.environment import Environment
from hookline.events import Identity
from hookline.journal import entry_of, timestamp
from hookline.recordings.findings import describe, findings_of
from hookline.recordings.job import CONTENT_TYPES
from hookline.recordings.storage import Bucket

LINK_SECONDS = 300
"""For so long a link can be opened; a download that has begun goes on."""

_PREFIX = "rec_"
_KIND = "RECORDING"


class Recording(NamedTuple):
    """An archived file. partition: of its note in the journal; note: the note."""

    partition: str
    note: Mapping[str, Any]


def list_recordings(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /calls/{id}/recordings`: what was archived, and what could not be."""
    Query(request.query, ()).finish()
    identity = found_call(env, request)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for note in env.journal_pages.notes(identity):
        by_kind.setdefault(note.pop("kind"), []).append(note)
    found = []
    for recording in recordings_of(by_kind):
        document = dict(recording)
        if "key" in recording and "failure" not in recording:
            document["id"] = recording_id(identity.partition, recording["name"])
            document["remarks"] = [describe(finding) for finding in findings_of(recording)]
        found.append(document)
    return json_response({"recordings": found}).tagged(request)


def open_recording(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /recordings/{id}/audio`: a link made for this request, which S3 answers with Range; journalled first.

    A redirect to it; or the link itself where JSON is asked for by name: a page cannot send its token with `<audio>`.
    """
    Query(request.query, ()).finish()
    as_json = _asks_for_json(request.headers.get("accept", ""))
    recording = _found(env, request)
    note = recording.note
    life = [entry_of(item) for item in env.journal_pages.life(recording.partition)]
    call = Call.of(entry.event for entry in life if entry.event is not None)
    format_ = note["key"].rpartition(".")[2]
    name = file_name(note, call)
    link = Bucket(env.s3, env.bucket).link(
        note["key"],
        seconds=LINK_SECONDS,
        file_name=name,
        content_type=CONTENT_TYPES.get(format_, "application/octet-stream"),
    )
    now = time.time()
    attributes = {"recording": note["name"], "caller": request.caller, "seconds": LINK_SECONDS}
    identity = _identity(recording.partition)
    env.journal.put_note(identity, "AUDIO_LINK", f"{timestamp(now)}#{note['name']}", attributes, at=now, once=False)
    if as_json:
        file = {"file_name": name, "size": note["size"], "sha256": note["sha256"]}
        return json_response({"url": link, "expires_in": LINK_SECONDS, **file})
    return ApiResponse(302, "", {"location": link, "vary": "accept"})


def show_peaks(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /recordings/{id}/peaks`: the loudness of a recording, to draw it."""
    Query(request.query, ()).finish()
    note = _found(env, request).note
    bucket, key = Bucket(env.s3, env.bucket), note.get("peaks_key")
    if not key or bucket.head(key) is None:
        raise Problem("peaks_not_found")
    body = b"".join(bucket.read(key)).decode()
    return ApiResponse(200, body, {"content-type": "application/json"}).tagged(request)


def _asks_for_json(accept: str) -> bool:
    try:
        return accepted(accept, ("*/*", "application/json")) == "application/json"
    except Problem:
        return False  # only types of sound: the redirect leads to one


def recording_id(partition: str, name: str) -> str:
    """The id of an archived file: an opaque text in which its place in the journal stands."""
    return _PREFIX + base64.urlsafe_b64encode(f"{partition}\n{name}".encode()).decode().rstrip("=")


def file_name(note: Mapping[str, Any], call: Call) -> str:
    """The name under which a person saves a recording: when, with whom, and its number where there are several."""
    other = call.from_ if call.direction != "outgoing" else call.to
    began = note.get("started_at") or call.started_at or note.get("created_at") or ""
    when = began[:16].replace("T", " ").replace(":", "-")
    parts = [when, other or "", str(note["name"]).partition(".")[0][-8:]]
    plain = " ".join(part for part in parts if part)
    name = "".join(c if c.isascii() and (c.isalnum() or c in " +-_.@") else "-" for c in plain)
    return f"{name}.{note['key'].rpartition('.')[2]}"


def _found(env: Environment, request: ApiRequest) -> Recording:
    """The recording that the path names: by its own id, or the newest of a call. Raises Problem."""
    text = request.path_parameters.get("id", "")
    if not text.startswith(_PREFIX):
        recording = _newest(env, request)
    else:
        partition, name = _place_of(text)
        note = env.journal_pages.note(partition, _KIND, name)
        recording = Recording(partition, note) if note else None
    if recording is None:
        raise Problem("recording_not_found")
    if "key" not in recording.note:
        raise Problem("recording_elsewhere", extra={"storage_url": recording.note.get("external_uri")})
    return recording


def _newest(env: Environment, request: ApiRequest) -> Recording | None:
    identity = found_call(env, request)
    notes = [note for note in env.journal_pages.notes(identity) if note["kind"] == _KIND]
    newest = max(notes, key=lambda note: note["created_at"], default=None)
    return Recording(identity.partition, newest) if newest else None


def _place_of(text: str) -> tuple[str, str]:
    """The partition and the name in an id. Raises Problem for an id that was not made here."""
    body = text.removeprefix(_PREFIX)
    try:
        place = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise Problem("recording_not_found") from error
    partition, newline, name = place.partition("\n")
    kind, _, id_ = partition.partition("#")
    if not (newline and name and id_ and kind in ("LEG", "CONTROL", "SESSION", "EVENT")) or len(place) > 1500:
        raise Problem("recording_not_found")
    return partition, name


def _identity(partition: str) -> Identity:
    """The identity whose partition this is."""
    kind, _, id_ = partition.partition("#")
    return Identity(
        id_ if kind == "LEG" else None,
        id_ if kind == "CONTROL" else None,
        id_ if kind == "SESSION" else None,
        id_ if kind == "EVENT" else "",
    )
