"""The read side of the calls API: what each route answers about a call. Costs a bounded number of bounded reads."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hookline.api.exchange import ApiRequest, ApiResponse, json_response
from hookline.api.problem import Problem
from hookline.api.query import DIRECTIONS, LAST, STATUSES, Query, call_id, cursor_of, texts
from hookline.api.subtitles import as_text, as_vtt
from hookline.call import Call
from hookline.call_report import call_attributes, event_document
from hookline.environment import Environment
from hookline.errors import Unreadable
from hookline.events import TRANSCRIPTION_EVENT, Event, Identity
from hookline.journal import Entry, entry_of
from hookline.journal_pages import JournalPages, Page, Position, position_of
from hookline.recordings.job import event_of
from hookline.recordings.storage import Bucket
from hookline.transcripts import segments

LARGEST_LIST, LIST_ROWS = 50, 20
LARGEST_TIMELINE, TIMELINE_ENTRIES = 200, 100
LARGEST_TRANSCRIPT, TRANSCRIPT_SEGMENTS = 1000, 500

LIST_READS = 100
"""Of items of an index, for one page of a list: with a filter a page may hold fewer rows than it could, also none."""

NEWEST_DAYS = 7
"""`last` is the newest call of this many days."""

ROW_KEYS = (
    "call_leg_id",
    "call_session_id",
    "call_control_id",
    "direction",
    "from",
    "to",
    "status",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "hangup_cause",
)

_FIRST = ("", "")


def list_calls(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /calls`: newest first."""
    query = Query(request.query, ("day", "number", "direction", "status", "flow", "trouble", "limit", "cursor"))
    day, number = query.day("day"), query.number("number")
    wanted_values = {
        "direction": query.one_of("direction", DIRECTIONS),
        "status": query.one_of("status", STATUSES),
        "flow": query.word("flow"),
    }
    trouble = query.flag("trouble")
    limit = query.whole("limit", LIST_ROWS, LARGEST_LIST)
    listed = [number, trouble, *wanted_values.values()]
    cursor = query.cursor("cursor", lambda value: _list_cursor(value, day, listed))
    query.finish()
    if day is None and number is None:
        day = (cursor or {}).get("day") or _today()
    listing = _Listing(env.journal_pages, day=day, number=number, trouble=trouble, filters=wanted_values)
    rows, following = listing.page(limit, (cursor or {}).get("after") or {})
    following_cursor = cursor_of({"day": day, "of": listed, "after": following}) if following else None
    return json_response({"calls": rows, "day": day, "next": following_cursor}).tagged(request)


def show_call(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /calls/{id}`: its state, the legs of its session, and what runs on it now."""
    _no_parameters(request)
    identity = found_call(env, request)
    pages = env.journal_pages
    page = pages.state(identity)
    call = Call.of(entry.event for entry in page.entries if entry.event is not None)
    legs = pages.legs(identity.call_session_id) if identity.call_session_id else []
    legs = legs or [leg for leg in (identity.call_leg_id,) if leg]
    document = {
        "call": _named(call_attributes(call), identity),
        "legs": legs,
        "flow": next((entry.flow for entry in reversed(page.entries) if entry.flow), None),
        "running": running(page, call),
        "waiting": waiting(page),
        "trouble": [_trouble(entry) for entry in page.entries if entry.error or _refused(entry)][-10:],
    }
    return json_response(document).tagged(request)


def show_timeline(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /calls/{id}/timeline`: its events with the commands that answered them, oldest first."""
    query = Query(request.query, ("after", "limit"))
    after = query.cursor("after", texts(2))
    limit = query.whole("limit", TIMELINE_ENTRIES, LARGEST_TIMELINE)
    query.finish()
    identity = found_call(env, request)
    page = env.journal_pages.timeline(identity, after=tuple(after) if after else _FIRST, limit=limit)
    bucket = Bucket(env.s3, env.bucket)
    entries = [event_document(entry, page.results, bucket) for entry in page.entries]
    last = page.entries[-1] if page.entries else None
    cursor = cursor_of([last.occurred_at, last.event_id]) if last else request.query.get("after")
    return json_response(
        {"entries": entries, "notes": page.notes, "cursor": cursor, "more": page.more and last is not None}
    ).tagged(request)


def show_transcript(env: Environment, request: ApiRequest) -> ApiResponse:
    """`GET /calls/{id}/transcript`: as JSON, text or WebVTT."""
    query = Query(request.query, ("after", "limit"))
    after = query.cursor("after", texts(2))
    limit = query.whole("limit", TRANSCRIPT_SEGMENTS, LARGEST_TRANSCRIPT)
    query.finish()
    media_type = accepted(request.headers.get("accept", ""), ("application/json", "text/plain", "text/vtt"))
    identity = found_call(env, request)
    state = env.journal_pages.state(identity)
    page = env.journal_pages.segments(identity, after=tuple(after) if after else _FIRST, limit=limit)
    commanding = [entry for entry in state.entries if entry.event_type == TRANSCRIPTION_EVENT]
    events = list(_events(env, [*page.entries, *(one for one in commanding if _is_in(one, page, after))]))
    found = segments(events)
    last = page.entries[-1] if page.entries and page.more else None
    cursor = cursor_of([last.occurred_at, last.event_id]) if last else None
    if media_type == "application/json":
        body = {"segments": [segment.to_dict() for segment in found], "next": cursor}
        return json_response(body).tagged(request)
    call = Call.of(entry.event for entry in state.entries if entry.event is not None)
    started_at = call.answered_at or call.started_at or (found[0].at if found else "")
    text = as_vtt(found, started_at) if media_type == "text/vtt" else as_text(found, started_at)
    headers = {"content-type": f"{media_type}; charset=utf-8", "vary": "accept"}
    if cursor:
        headers["x-next-cursor"] = cursor
    return ApiResponse(200, text, headers).tagged(request)


def found_call(env: Environment, request: ApiRequest) -> Identity:
    """The call that the path names. Raises Problem when there is none."""
    text = call_id(request.path_parameters.get("id", ""))
    pages = env.journal_pages
    found = pages.newest(_newest_days()) if text == LAST else pages.find(text)
    if found is None:
        raise Problem("call_not_found")
    return found


def running(page: Page, call: Call) -> dict[str, Any]:
    """The activities of a call now, as far as its events and accepted commands show it. Every key is there.

    recording: "on", "paused" or "off". audio: "speak", "playback" or None. The others: true or false.
    """
    found = {"recording": "off", "transcription": False, "audio": None, "gathering": False}
    for entry in page.entries:
        found |= _AFTER_EVENT.get(entry.event_type, {})
        for command in entry.commands:
            if _final(command, page.results) in ("accepted", "already_done"):
                found |= _AFTER_COMMAND.get(command["action"], {})
    if call.ended:
        found = {"recording": "off", "transcription": False, "audio": None, "gathering": False}
    return {**found, "streaming": call.streaming, "forking": call.forking}


_AFTER_COMMAND: Mapping[str, Mapping[str, Any]] = {
    "record_start": {"recording": "on"},
    "record_pause": {"recording": "paused"},
    "record_resume": {"recording": "on"},
    "record_stop": {"recording": "off"},
    "transcription_start": {"transcription": True},
    "transcription_stop": {"transcription": False},
    "gather": {"gathering": True},
    "gather_using_speak": {"gathering": True},
    "gather_using_audio": {"gathering": True},
    "gather_using_ai": {"gathering": True},
    "gather_stop": {"gathering": False},
}
_AFTER_EVENT: Mapping[str, Mapping[str, Any]] = {
    "call.recording.saved": {"recording": "off"},
    "call.recording.error": {"recording": "off"},
    "call.speak.started": {"audio": "speak"},
    "call.speak.ended": {"audio": None},
    "call.playback.started": {"audio": "playback"},
    "call.playback.ended": {"audio": None},
    "call.gather.ended": {"gathering": False},
}


def waiting(page: Page) -> list[dict[str, Any]]:
    """The commands of a call that wait in the command queue, without their parameters."""
    queued = [
        (entry, command)
        for entry in page.entries
        for command in entry.commands
        if command.get("result") == "queued" and command.get("command_id") not in page.results
    ]
    keys = ("action", "command_id", "delay_seconds")
    return [{"event_id": entry.event_id, **{key: command.get(key) for key in keys}} for entry, command in queued]


def accepted(header: str, types: Sequence[str]) -> str:
    """The first of the client's types that there is, by its preferences. Raises Problem without any."""
    if not header.strip():
        return types[0]
    asked: list[tuple[float, int, str]] = []
    for number, part in enumerate(header.split(",")[:32]):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        asked.append((-_quality(parameters), number, name))
    refused = {name for quality, _, name in asked if quality == 0}
    for quality, _, name in sorted(asked):
        for media_type in types:
            matches = name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
            if quality < 0 and matches and (name == media_type or media_type not in refused):
                return media_type
    raise Problem("not_acceptable")


def _quality(parameters: Sequence[str]) -> float:
    text = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


class _Listing:
    """A list of calls: which indexes it reads, and which of their items stand for a call."""

    def __init__(
        self,
        pages: JournalPages,
        *,
        day: str | None,
        number: str | None,
        trouble: bool,
        filters: Mapping[str, str | None],
    ) -> None:
        self._pages = pages
        self._day = day
        self._number = number
        self._trouble = trouble
        self._filters = {name: value for name, value in filters.items() if value is not None}
        if number:
            self._indexes = {"by_from": number, "by_to": number}
        else:
            self._indexes = {"by_trouble" if trouble else "by_day": day or ""}

    def page(self, limit: int, after: Mapping[str, Sequence[str]]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
        """At most limit rows, and where to continue, {} at the end. after: by index, the last position read."""
        read = {name: list(position) for name, position in after.items() if name in self._indexes}
        merged, is_cut = self._read(read)
        rows: list[dict[str, Any]] = []
        lives: dict[str, list[Mapping[str, Any]]] = {}
        seen: set[str] = set()
        for index, item in merged:
            if len(rows) == limit:
                return rows, read
            read[index] = list(position_of(item))
            partition = item["pk"]["S"]
            if partition in seen:
                continue
            if partition not in lives:
                lives[partition] = list(self._pages.life(partition))
            if self._stands_for_its_call(item, lives[partition]):
                seen.add(partition)
                row = self._row(item, lives[partition])
                rows += [row] if row is not None else []
        return rows, read if is_cut else {}

    def _read(self, read: Mapping[str, Sequence[str]]) -> tuple[list[tuple[str, Mapping[str, Any]]], bool]:
        """The items of all indexes, newest first, down to where the first of them was cut; and whether one was."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        horizon = ""
        for index, value in self._indexes.items():
            after = Position(*read[index]) if index in read else None
            day = self._day if self._number else None
            items, is_cut = self._pages.listed(index, value, limit=LIST_READS, after=after, day=day)
            found += [(index, item) for item in items]
            if is_cut:
                horizon = max(horizon, items[-1]["occurred_at"]["S"])
        found.sort(key=lambda pair: position_of(pair[1]), reverse=True)
        return [pair for pair in found if pair[1]["occurred_at"]["S"] >= horizon], bool(horizon)

    def _stands_for_its_call(self, item: Mapping[str, Any], life: Sequence[Mapping[str, Any]]) -> bool:
        """Whether this is the item at which its call is listed: the newest of its life that this list holds.

        A recording that was saved after the end lists a call only where nothing of its life is in the list.
        """
        listed = [one["sk"]["S"] for one in life if self._holds(one)]
        return self._trouble or not listed or item["sk"]["S"] == listed[-1]

    def _row(self, item: Mapping[str, Any], life: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """The row of a call; None by a filter. item: of the list. life: the items of its call's life."""
        entries = [entry_of(one) for one in life]
        call = Call.of(entry.event for entry in entries if entry.event is not None)
        row = {key: value for key, value in call_attributes(call).items() if key in ROW_KEYS}
        row = _with_columns(row, item)
        row["flow"] = next((entry.flow for entry in reversed(entries) if entry.flow), _text(item, "flow"))
        troubles = [code for one in (*life, item) if (code := _text(one, "trouble"))]
        row["trouble"] = troubles[-1] if troubles else None
        if self._trouble and not troubles:
            return None
        return row if all(row[name] == value for name, value in self._filters.items()) else None

    def _holds(self, item: Mapping[str, Any]) -> bool:
        """Whether an item of a call's life is in this list too."""
        if self._number and self._number not in (_text(item, "from_number"), _text(item, "to_number")):
            return False
        return self._day is None or _text(item, "day") == self._day


def _with_columns(row: dict[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """A row completed from the attributes of the index: all that there is of a call without events of its life."""
    columns = {"direction": "direction", "from": "from_number", "to": "to_number"}
    columns |= {key: key for key in ("call_leg_id", "call_session_id", "call_control_id")}
    return {**row, **{name: row[name] or _text(item, column) for name, column in columns.items()}}


def _list_cursor(value: Any, day: str | None, listed: Sequence[Any]) -> dict[str, Any] | None:
    """The shape of the cursor of this list. day: that was asked for; listed: the filters, which must be the same.

    DynamoDB refuses to continue a query from a time outside of it.
    """
    if not isinstance(value, dict) or value.keys() != {"day", "of", "after"} or not isinstance(value["after"], dict):
        return None
    found = value["day"]
    if value["of"] != listed or not (found is None or (isinstance(found, str) and 0 < len(found) <= 10)):
        return None
    shape = texts(3)
    positions = [shape(position) for position in value["after"].values()]
    is_right = all(one is not None and one[0].startswith(found or "") for one in positions)
    return value if is_right and day in (None, found) else None


def _events(env: Environment, entries: Sequence[Entry]) -> Iterator[Event]:
    bucket = Bucket(env.s3, env.bucket)
    for entry in entries:
        try:
            event = event_of(entry, bucket)
        except Unreadable:
            continue
        if event is not None:
            yield event


def _is_in(entry: Entry, page: Page, after: Sequence[str] | None) -> bool:
    """Whether a segment that commanded something lies in the range of a page of those that did not."""
    key = (entry.occurred_at, entry.event_id)
    last = (page.entries[-1].occurred_at, page.entries[-1].event_id) if page.entries and page.more else None
    return (after is None or key > tuple(after)) and (last is None or key <= last)


def _named(attributes: dict[str, Any], identity: Identity) -> dict[str, Any]:
    ids = ("call_leg_id", "call_control_id", "call_session_id")
    return {**attributes, **{key: attributes[key] or getattr(identity, key) for key in ids}}


def _trouble(entry: Entry) -> dict[str, Any]:
    refused = [{key: one.get(key) for key in ("action", "result", "code")} for one in _refused(entry)]
    error = entry.error.partition(":")[0] if entry.error else None
    return {"event_id": entry.event_id, "occurred_at": entry.occurred_at, "error": error, "refused": refused}


def _refused(entry: Entry) -> list[Mapping[str, Any]]:
    return [command for command in entry.commands if command.get("result") == "refused"]


def _final(command: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> str:
    return str(results.get(command.get("command_id", ""), command).get("result"))


def _text(item: Mapping[str, Any], name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _no_parameters(request: ApiRequest) -> None:
    Query(request.query, ()).finish()


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _newest_days() -> list[str]:
    today = datetime.now(UTC)
    return [(today - timedelta(days=number)).strftime("%Y-%m-%d") for number in range(NEWEST_DAYS)]
