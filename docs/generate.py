"""Make the pages that follow from the code: cli.md, parameters.md, permissions.md, openapi.json of the calls API.

`make docs` runs it.

A test fails when a page is not what this would make.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.cli import cli_page
from docs.permissions import permissions_page
from hookline.api.openapi import as_text
from hookline.api.operations import openapi
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.emulator.template import load_template

ROOT = Path(__file__).parents[1]
CLI_PAGE = ROOT / "docs" / "cli.md"
OPENAPI = ROOT / "docs" / "openapi.json"
PARAMETERS_PAGE = ROOT / "docs" / "parameters.md"
PERMISSIONS_PAGE = ROOT / "docs" / "permissions.md"

_INTRODUCTION = """\
# Parameters

Made from `template.yaml` by `make docs`; do not edit. [deploy.md](deploy.md) describes how to set them. In an existing
stack a parameter that is not given keeps its value.
"""


def parameters_page(template: Mapping[str, Any]) -> str:
    """The page of all parameters, a table for each group of the template.

    template: its sections, as they are written.
    """
    return "\n".join([_INTRODUCTION, *_tables(template)])


def _tables(template: Mapping[str, Any]) -> Iterator[str]:
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        yield f"## {group['Label']['default']}\n"
        yield "| Parameter | Default | Values | |"
        yield "|---|---|---|---|"
        for name in group["Parameters"]:
            declaration = template["Parameters"][name]
            cells = [f"`{name}`", _default(declaration), _values(declaration), declaration["Description"]]
            yield f"| {' | '.join(map(_escaped, cells))} |"
        yield ""


def _default(declaration: Mapping[str, Any]) -> str:
    if "Default" not in declaration:
        return "required"
    value = declaration["Default"]
    return "empty" if value == "" else f"`{value}`"


def _values(declaration: Mapping[str, Any]) -> str:
    if "AllowedValues" in declaration:
        return ", ".join(f"`{value}`" for value in declaration["AllowedValues"])
    if declaration["Type"] == "Number":
        return f"{declaration['MinValue']} to {declaration['MaxValue']}"
    sentences = [declaration.get("ConstraintDescription", "")]
    if "MaxLength" in declaration:
        sentences.append(f"At most {declaration['MaxLength']} characters.")
    return " ".join(filter(None, sentences))


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|").replace("<", r"\<")


def main() -> None:
    """Write the pages."""
    required = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": "none"}
    source = load_template(ROOT / "template.yaml", required).source
    CLI_PAGE.write_text(cli_page(), encoding="utf-8")
    OPENAPI.write_text(as_text(openapi()), encoding="utf-8")
    PARAMETERS_PAGE.write_text(parameters_page(source), encoding="utf-8")
    PERMISSIONS_PAGE.write_text(permissions_page(source), encoding="utf-8")


if __name__ == "__main__":
    main()
