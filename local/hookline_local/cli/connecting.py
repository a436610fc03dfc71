"""Changes a Telnyx application and a number so that calls reach a stack: the difference, the question, the writing."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.screen import Screen
from hookline_local.operations.telnyx_account import ApiKeyRefused, TelnyxAccount, TelnyxAccountError

API_VERSION = "2"
TIMEOUT_SECONDS = 2
"""Everything here answers within 2 s. What Telnyx waits by default is documented as 2 s and seen as 10 and 30 s."""


@dataclass(frozen=True)
class Wish:
    """application: its name or id. number: E.164, or None to change no number."""

    application: str
    webhook_url: str
    failover_url: str
    number: str | None

    def settings(self) -> dict[str, Any]:
        """Of the application."""
        return {
            "webhook_event_url": self.webhook_url,
            "webhook_event_failover_url": self.failover_url,
            "webhook_api_version": API_VERSION,
            "webhook_timeout_secs": TIMEOUT_SECONDS,
        }


@dataclass(frozen=True)
class Change:
    """One setting before and after."""

    setting: str
    before: object
    after: object


@dataclass(frozen=True)
class Plan:
    """The changes to be written. application: None when it has to be created. number: None when none is moved."""

    application: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    number: Mapping[str, Any] | None
    changes: list[Change]


def connect_application(account: TelnyxAccount, wish: Wish, screen: Screen, *, write: bool, ask: bool) -> None:
    """Show what differs, ask if `ask`, and write if `write`. Raises CliError; nothing is written before that."""
    try:
        plan = _plan(account, wish)
        _show(plan, wish, screen)
        write = write and bool(plan.changes) and (not ask or _confirmed(screen))
        application = _write(account, plan, wish) if write else plan.application
    except ApiKeyRefused as error:
        raise CliError(
            f"Telnyx refuses the API key: {error}", "Set TELNYX_API_KEY to a key of this account."
        ) from error
    except TelnyxAccountError as error:
        raise CliError(f"Telnyx: {error}", "Nothing more was changed; the same command can be given again.") from error
    if plan.changes and not write:
        screen.paragraph("Nothing was written.")
    if write:
        screen.paragraph("Written. Check all of it with: hookline doctor", style="green")
    screen.document(
        {
            "application": {"id": (application or {}).get("id"), "name": _name_of(application, wish)},
            "changes": [change.__dict__ for change in plan.changes],
            "written": write,
        }
    )


def find_application(applications: list[dict[str, Any]], name_or_id: str) -> dict[str, Any] | None:
    """By id, else by name. Raises CliError for a name that several have."""
    found = [entry for entry in applications if name_or_id == entry["id"]] or [
        entry for entry in applications if name_or_id == entry["application_name"]
    ]
    if len(found) > 1:
        ids = ", ".join(str(entry["id"]) for entry in found)
        raise CliError(f"{len(found)} applications are called {name_or_id}", f"Name one by its id: {ids}", code=USAGE)
    return found[0] if found else None


def _plan(account: TelnyxAccount, wish: Wish) -> Plan:
    application = find_application(account.applications(), wish.application)
    if application is None and wish.application.isdecimal():
        raise CliError(f"the account has no application {wish.application}", "The portal shows the id.", code=USAGE)
    before = application or {}
    settings = {name: value for name, value in wish.settings().items() if before.get(name) != value}
    changes = [Change(name, before.get(name), value) for name, value in settings.items()]
    number = None
    if wish.number is not None:
        number = account.phone_number(wish.number)
        if number is None:
            raise CliError(f"the account has no number {wish.number}", "Telnyx portal: Numbers.", code=USAGE)
        if application is None or number["connection_id"] != application["id"]:
            changes.append(Change(wish.number, number["connection_id"], _name_of(application, wish)))
        else:
            number = None
    return Plan(application, settings, number, changes)


def _name_of(application: Mapping[str, Any] | None, wish: Wish) -> str:
    return str(application["application_name"]) if application else wish.application


def _show(plan: Plan, wish: Wish, screen: Screen) -> None:
    name = _name_of(plan.application, wish)
    if plan.application is None:
        screen.paragraph(f"New Call Control application {name}")
    else:
        screen.paragraph(f"Call Control application {name} ({plan.application['id']})")
    if not plan.changes:
        screen.paragraph("Nothing to change.", style="green")
    for change in plan.changes:
        screen.unwrapped(("  - ", "red"), f"{change.setting}: {_shown(change.before)}")
        screen.unwrapped(("  + ", "green"), f"{change.setting}: {_shown(change.after)}")


def _shown(value: object) -> str:
    return "(none)" if value in (None, "") else str(value)


def _confirmed(screen: Screen) -> bool:
    if screen.as_json or not sys.stdin.isatty():
        raise CliError("nothing was written: no one can be asked", "Add --yes to write, or --dry-run.", code=USAGE)
    return typer.confirm("Write this to Telnyx?")


def _write(account: TelnyxAccount, plan: Plan, wish: Wish) -> Mapping[str, Any]:
    if plan.application is None:
        application: Mapping[str, Any] = account.create_application(
            {"application_name": wish.application, **wish.settings()}
        )
    elif plan.settings:
        application = account.update_application(plan.application, plan.settings)
    else:
        application = plan.application
    if plan.number is not None:
        account.move_number(plan.number, str(application["id"]))
    return application
