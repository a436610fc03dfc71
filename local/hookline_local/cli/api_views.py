"""Views of calls by the calls API alone: for those who may use it and may not read the stack's table."""

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.urls import checked_url, is_loopback, region_of
from hookline_local.cli.api_client import TOKEN, get
from hookline_local.cli.call_views import call_table
from hookline_local.cli.screen import Screen
from hookline_local.stacks.resources import StackResources

EXAMPLE = "--api https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
_PAGE_ROWS = 50


def api_at(url: str, *, profile: str | None, region: str | None) -> StackResources:
    """The stack of a calls API, as far as its URL and the environment give it. Raises CliError.

    A token is sent where HOOKLINE_API_TOKEN has one; without one, requests to other machines are signed for the region,
    which the URL names unless it is of a domain name of your own.
    """
    base = checked_url(url, EXAMPLE).rstrip("/")
    is_local, token = is_loopback(base), os.environ.get(TOKEN)
    region = region or region_of(base)
    if not (is_local or token or region):
        raise CliError("the URL names no region", "Name it with --region, to sign for it.", code=USAGE)
    return StackResources(
        name=f"the calls API at {base}",
        table="",
        bucket="",
        parameters={"CallsApi": "token"} if token else {},
        outputs={"CallsApiUrl": base},
        endpoint_url=base if is_local else None,
        region=region,
        profile=profile,
    )


def list_calls_by_api(resources: StackResources, day: str, limit: int, screen: Screen) -> None:
    """The newest calls of a day, oldest first."""
    rows: list[Mapping[str, Any]] = []
    query = {"day": day}
    while len(rows) < limit:
        page = get(resources, "/calls", {**query, "limit": str(min(_PAGE_ROWS, limit - len(rows)))})
        rows += page["calls"]
        query["cursor"] = page["next"]
        if page["next"] is None:
            break
    rows.reverse()
    left_out = None if query["cursor"] else 0
    screen.document({"day": day, "calls": rows, "left_out": left_out})
    if not rows:
        screen.paragraph(f"No calls on {day} (UTC).")
        return
    call_table(rows, screen)
    if left_out is None:
        screen.paragraph("Earlier ones are left out: --limit.", "dim")


def show_call_by_api(resources: StackResources, any_id: str, screen: Screen) -> None:
    """Everything that the API answers about one call: all but its cost."""
    path = _path(any_id)
    shown = get(resources, path)
    path = _path(_id_of(shown["call"]) or any_id)  # `last` may be another call by the next request
    document = {
        "call": shown["call"],
        "events": list(_pages(resources, f"{path}/timeline", "entries", "cursor")),
        "transcript": list(_pages(resources, f"{path}/transcript", "segments", "next")),
        "recordings": get(resources, f"{path}/recordings")["recordings"],
        "cost": None,
        "legs": [get(resources, _path(leg))["call"] for leg in shown["legs"]] or [shown["call"]],
    }
    screen.document(document)
    screen.call_report(document)
    if len(document["legs"]) > 1:
        screen.heading("Legs of its session")
        call_table(document["legs"], screen)


def _path(any_id: str) -> str:
    return f"/calls/{quote(any_id, safe='')}"


def _id_of(call: Mapping[str, Any]) -> str | None:
    found: str | None = call["call_leg_id"] or call["call_control_id"] or call["call_session_id"]
    return found


def _pages(resources: StackResources, path: str, name: str, cursor: str) -> Iterator[Mapping[str, Any]]:
    """The entries of all pages of a route. cursor: the key under which an answer has where to continue."""
    query: dict[str, str] = {}
    while True:
        page = get(resources, path, query)
        yield from page[name]
        if not page.get("more", page[cursor] is not None):
            return
        query = {"after": page[cursor]}
