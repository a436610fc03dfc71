"""Lists the recordings of a call, or of the calls of a day, by the calls API."""

from collections.abc import Iterator, Mapping
from typing import Any

from hookline.recordings.findings import Finding, describe_all
from hookline_local.cli.api_client import get, path_of
from hookline_local.cli.screen import Screen
from hookline_local.stacks.resources import StackResources

PAGE_CALLS = "50"


def list_recordings(resources: StackResources, any_id: str | None, day: str, screen: Screen) -> None:
    """The recordings of a call, or of a day's calls without one; each as soon as it is known."""
    found: list[dict[str, Any]] = []
    for call_id, call in [(any_id, {})] if any_id else _calls(resources, day):
        for recording in get(resources, path_of("calls", call_id, "recordings"))["recordings"]:
            found.append({**recording, "call": call_id})
            _show(recording, call, screen)
    screen.document({"day": None if any_id else day, "recordings": found})
    if not found:
        screen.paragraph("No recordings." if any_id else f"No recordings on {day} (UTC).")


def _calls(resources: StackResources, day: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An id and the row of each call of a day, the newest first. An event that names no call has no recordings."""
    query = {"day": day, "limit": PAGE_CALLS}
    while True:
        page = get(resources, "/calls", query)
        for call in page["calls"]:
            if any_id := call["call_leg_id"] or call["call_control_id"] or call["call_session_id"]:
                yield any_id, call
        if not page["next"]:
            return
        query["cursor"] = page["next"]


def _show(recording: Mapping[str, Any], call: Mapping[str, Any], screen: Screen) -> None:
    began = str(recording.get("started_at") or recording.get("created_at") or "")[:19].replace("T", " ")
    seconds = recording.get("duration_seconds")
    parts = [began, "" if seconds is None else f"{seconds:.1f} s"]
    parts += [str(recording[key]) for key in ("channels", "format") if recording.get(key)]
    parts += [f"{call['from'] or 'unknown'} to {call['to'] or 'unknown'}"] if call else []
    screen.unwrapped("  ".join(part for part in parts if part) or str(recording.get("name", "")))
    if id_ := recording.get("id"):
        screen.unwrapped("    ", (str(id_), "bold"))
    elif uri := recording.get("external_uri"):
        screen.unwrapped(f"    in your own storage: {uri}")
    for remark in recording.get("remarks", ()):
        screen.hanging_indent("    ", str(remark))
    if failure := recording.get("failure"):
        screen.hanging_indent("    ", f"not archived: {describe_all(Finding.from_dict(one) for one in failure)}")
