"""What several commands of `hookline` take, and what they make of it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hookline_local.errors import NOT_AS_IT_SHOULD_BE, TYPED_WRONG, Problem

if TYPE_CHECKING:
    from hookline_local.cli.screen import Screen
    from hookline_local.stacks.resources import Place

PROJECT = Path(__file__).parents[3]
DEFAULT_TEMPLATE = PROJECT / "template.yaml"

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output, and nothing else there.")]
TemplatePath = Annotated[
    Path, typer.Option("--template", help="The stack's template.", show_default="the project's template.yaml")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the template; may be repeated."),
]
Built = Annotated[bool, typer.Option("--built", help="Run what `make build` has made, in .aws-sam/build.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Any URL of a stack that runs here.", show_default="the newest that runs")
]
Stack = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="A deployed stack, by its CloudFormation name.")
]
Profile = Annotated[str | None, typer.Option("--profile", help="AWS profile, with --stack.")]
Region = Annotated[str | None, typer.Option("--region", help="AWS region, with --stack.")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="BASE64", help="Private key to sign with.", show_default="the development key"),
]


def number(value: float) -> float:
    """For an option's callback: its bounds let nan through, which is neither less nor more than they are."""
    if math.isnan(value):
        raise typer.BadParameter("nan is no number.")
    return value


def screen_for(as_json: bool) -> "Screen":
    from hookline_local.cli.screen import Screen

    return Screen(as_json=as_json)


def place_of(url: str | None, stack: str | None, profile: str | None, region: str | None) -> "Place":
    from hookline_local.stacks import deployed

    if stack is None and (profile or region):
        raise Problem(
            "--profile and --region go with --stack", "Name the deployed stack: --stack NAME.", code=TYPED_WRONG
        )
    if stack is not None and url is not None:
        raise Problem("--stack and --url: one of them, please", code=TYPED_WRONG)
    return deployed.find(stack=stack, profile=profile, region=region, url=url)


def parameters_of(given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise Problem(f"--parameter {one}: there is no =", "Say --parameter Name=Value.", code=TYPED_WRONG)
        found[name] = value
    return found


def end(*, good: bool) -> None:
    raise typer.Exit(0 if good else NOT_AS_IT_SHOULD_BE)
