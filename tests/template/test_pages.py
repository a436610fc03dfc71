"""docs/: that the pages agree with the template."""

import re
from pathlib import Path

import pytest

from docs.generate import OPENAPI, PARAMETERS_PAGE, parameters_page
from hookline.api.openapi import as_text
from hookline.api.operations import openapi
from hookline_local.emulator.template import Template, load_template

ROOT = Path(__file__).parents[2]
DEPLOY_PAGE = ROOT / "docs" / "deploy.md"


@pytest.fixture
def template() -> Template:
    return load_template(ROOT / "template.yaml", {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"})


def test_the_page_of_parameters_is_up_to_date(template: Template) -> None:
    assert PARAMETERS_PAGE.read_text(encoding="utf-8") == parameters_page(template.source), "run `make docs`"


def test_the_description_of_the_calls_api_is_up_to_date() -> None:
    assert OPENAPI.read_text(encoding="utf-8") == as_text(openapi()), "run `make docs`"


def test_the_page_of_parameters_has_a_row_for_each_with_its_default_and_its_values(template: Template) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.*?) \| (.+) \|$", parameters_page(template.source), re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(template.source["Parameters"])
    by_name = {name: cells for name, *cells in rows}
    assert by_name["TelnyxPublicKeys"][0] == "required"
    assert by_name["LineRecord"][:2] == ["`on`", "`on`, `off`"]
    assert by_name["CommandConcurrency"][:2] == ["`10`", "2 to 1000"]
    assert by_name["LineForkRx"][1] == r"Empty, or udp:\<IPv4 address>:\<port>. At most 25 characters."


def test_the_page_of_deployment_names_only_parameters_outputs_and_targets_that_exist(template: Template) -> None:
    page = DEPLOY_PAGE.read_text(encoding="utf-8")
    known = {*template.source["Parameters"], *template.source["Outputs"], *template.source["Resources"]}
    names = set(
        re.findall(
            r"\b(?:Telnyx|Line|Recording|Alarm|Calls|Kms|Webhook|Function|Command|Deferred|Quarantine)[A-Z]\w+", page
        )
    )
    assert names
    assert names <= known
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", page)) <= targets


def test_the_page_of_deployment_lists_everything_that_stays_when_the_stack_is_deleted(template: Template) -> None:
    section = DEPLOY_PAGE.read_text(encoding="utf-8").partition("## Delete")[2]
    retained = {name for name, made in template.source["Resources"].items() if "DeletionPolicy" in made}
    holders = {name for name in retained if not name.endswith("Policy")}
    assert {name for name in holders if f"`{name}`" not in section} == set()


SERVICES = {"apigatewayv2": "apigateway", "serverless": "lambda"}
"""The prefix of a service's actions, where it is not the name in its resources' types."""


def test_the_page_of_deployment_names_the_permissions_for_every_kind_of_resource(template: Template) -> None:
    page = DEPLOY_PAGE.read_text(encoding="utf-8").partition("## Before the first time")[2]
    kinds = {resource["Type"].split("::")[1].lower() for resource in template.source["Resources"].values()}
    assert {kind for kind in kinds if f"`{SERVICES.get(kind, kind)}:" not in page} == set()
