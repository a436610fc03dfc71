"""Options that several commands share, and how they are read."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hookline_local.base.errors import CHECK_FAILED, USAGE, CliError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookline_local.cli.screen import Screen
    from hookline_local.samples.catalog import Sample
    from hookline_local.stacks.resources import StackResources
    from hookline_local.stacks.running import RunningStack

PROJECT = Path(__file__).parents[3]
DEFAULT_TEMPLATE = PROJECT / "template.yaml"
FIRST_YEAR = 2000

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output, and nothing else there.")]
TemplatePath = Annotated[
    Path, typer.Option("--template", help="The stack's template.", show_default="the project's template.yaml")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the template; may be repeated."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change the event, e.g. digit=2; may be repeated."),
]
Built = Annotated[bool, typer.Option("--built", help="Run what `make build` has made, in .aws-sam/build.")]
CallId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Call leg, session or control id, or the beginning of one; last: the newest call."
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Any URL of a stack that runs here.", show_default="the newest of this checkout"),
]
StackName = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="A deployed stack, by its CloudFormation name.")
]
Profile = Annotated[str | None, typer.Option("--profile", help="AWS profile, with --stack.")]
Region = Annotated[str | None, typer.Option("--region", help="AWS region, with --stack.")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="BASE64", help="Private key to sign with.", show_default="the development key"),
]


def command_app() -> typer.Typer:
    """For one command file."""
    return typer.Typer(rich_markup_mode=None)


def number(value: float) -> float:
    """An option's callback: its bounds let nan pass, which is neither less nor more than they are."""
    if math.isnan(value):
        raise typer.BadParameter("nan is not a number.")
    return value


def version() -> str:
    """The project's version, from pyproject.toml."""
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def screen_for(as_json: bool) -> "Screen":
    """Standard output."""
    from hookline_local.cli.screen import Screen

    return Screen(as_json=as_json)


def stack_here(url: str | None) -> "RunningStack":
    """The stack at this URL; else the one of this checkout, which is named when there are several. Raises CliError."""
    from hookline_local.cli.screen import print_error
    from hookline_local.stacks import running

    found = running.find(url)
    if url is None and (doubt := running.doubt(found)):
        print_error(f"this is the stack at {found.url}; {doubt}", "Choose another with --url.")
    return found


def resources_of(url: str | None, stack: str | None, profile: str | None, region: str | None) -> "StackResources":
    """The resources of the stack that these options name. Raises CliError."""
    from hookline_local.stacks import deployed

    if stack is None and (profile or region):
        raise CliError("--profile and --region require --stack", "Name the deployed stack: --stack NAME.", code=USAGE)
    if stack is not None and url is not None:
        raise CliError("--stack and --url are mutually exclusive", code=USAGE)
    if stack is None and url is None and not os.environ.get("AWS_ENDPOINT_URL"):
        url = stack_here(None).url
    return deployed.find(stack=stack, profile=profile, region=region, url=url)


def parameters_of(assignments: list[str] | None) -> dict[str, str]:
    """--parameter as a dict. Raises CliError."""
    found = {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not (name and equals):
            raise CliError(f"--parameter {assignment}: expected NAME=VALUE", code=USAGE)
        found[name] = value
    return found


def day_of(text: str | None) -> str:
    """--day; today (UTC) when it is not given. Raises CliError."""
    from datetime import UTC, date, datetime

    if text is None:
        return datetime.now(UTC).strftime("%Y-%m-%d")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise CliError(f"--day {text}: invalid date", "Expected a date like 2026-11-21.", code=USAGE) from error
    if day.year < FIRST_YEAR:
        raise CliError(f"--day {text}: before the first call", "Expected a date like 2026-11-21.", code=USAGE)
    return day.isoformat()


def changed(
    sample: "Sample", assignments: list[str] | None, defaults: "Mapping[str, object] | None" = None
) -> "Sample":
    """The sample as if it happened now, with --set; warns of a field that it did not have, which may be a slip.

    defaults: changes that --set overrides.
    """
    from hookline_local.cli.screen import print_error
    from hookline_local.samples import catalog

    changes = catalog.changes(assignments or [])
    result = sample.now({**(defaults or {}), **changes})
    for path in sample.lacks(changes):
        print_error(f"the sample has no {path}; added")
    return result


def refuse_options(context: typer.Context) -> None:
    """Raise CliError for an option before the subcommand, which would not see it."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise CliError(
                f"{option.opts[0]} precedes {context.invoked_subcommand}",
                f"Put it behind: {context.info_name} {context.invoked_subcommand} ... {option.opts[0]} ...",
                code=USAGE,
            )


def end(*, good: bool) -> None:
    """Exit 0, or 1 for a failed check."""
    raise typer.Exit(0 if good else CHECK_FAILED)
