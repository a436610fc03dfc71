"""docs/: that the pages agree with the template and with the command line."""

import re
from pathlib import Path

import pytest

from docs.cli import cli_page
from docs.generate import CLI_PAGE, OPENAPI, PARAMETERS_PAGE, PERMISSIONS_PAGE, parameters_page
from docs.permissions import permissions_page
from hookline.api.openapi import as_text
from hookline.api.operations import openapi
from hookline_local.emulator.template import Template, load_template

ROOT = Path(__file__).parents[2]
SECURITY_PAGE = ROOT / "docs" / "security.md"
DEPLOY_PAGE = ROOT / "docs" / "deploy.md"


@pytest.fixture
def template() -> Template:
    return load_template(ROOT / "template.yaml", {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"})


def test_the_page_of_parameters_is_up_to_date(template: Template) -> None:
    assert PARAMETERS_PAGE.read_text(encoding="utf-8") == parameters_page(template.source), "run `make docs`"


def test_the_page_of_permissions_is_up_to_date(template: Template) -> None:
    assert PERMISSIONS_PAGE.read_text(encoding="utf-8") == permissions_page(template.source), "run `make docs`"


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    assert CLI_PAGE.read_text(encoding="utf-8") == cli_page(), "run `make docs`"


def test_the_page_of_the_command_line_has_every_file_of_commands() -> None:
    """A file of cli/ that declares commands, and which the page is not made from."""
    files = (ROOT / "local" / "hookline_local" / "cli").glob("*.py")
    declaring = {file.stem for file in files if re.search(r"^@app\.command", file.read_text(), re.MULTILINE)}
    assert declaring == {each.split()[1] for each in re.findall(r"^## (.+)$", cli_page(), re.MULTILINE)}


def test_the_page_of_permissions_has_every_statement_of_every_role(template: Template) -> None:
    """Counted in the text of the template, which the page is not made from."""
    text = (ROOT / "template.yaml").read_text()
    others = [
        entry
        for entry in template.source["Resources"].values()
        if entry["Type"].endswith(("QueuePolicy", "BucketPolicy"))
    ]
    of_resources = {
        statement["Sid"] for entry in others for statement in entry["Properties"]["PolicyDocument"]["Statement"]
    }
    written = sorted(sid for sid in re.findall(r"\bSid: (\w+)", text) if sid not in of_resources)
    listed = re.findall(r"^\| `(\w+)` \| .*?(?:allows|denies) \|", permissions_page(template.source), re.MULTILINE)
    assert sorted(listed) == written


def permissions_named(page: str, heading: str) -> list[list[str]]:
    rows = page.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    return [re.findall(r"`(\w+)`", row) for row in rows if row.startswith("| to ")]


def test_who_may_read_the_api_key_defer_and_read_recordings_is_as_the_security_page_says(template: Template) -> None:
    resources, page = template.source["Resources"], SECURITY_PAGE.read_text(encoding="utf-8")
    key, defer, listen, *_ = permissions_named(page, "Permissions")
    policies = {name: str(entry["Properties"]) for name, entry in resources.items() if "::IAM::" in entry["Type"]}
    functions = {name: str(entry["Properties"]) for name, entry in resources.items() if "Function" in name}
    held = {name: {policy for policy in policies if f"'{policy}'" in given} for name, given in functions.items()}
    for name in held:  # a role may hold a managed policy
        held[name] |= {policy for role in held[name] for policy in policies if f"'Ref': '{policy}'" in policies[role]}

    def those_with(part: str) -> set[str]:
        holders = {policy for policy, text in policies.items() if part in text}
        found = {name for name, given in held.items() if given & holders}
        return {name for name in found if "WebhookPolicy" not in held[name] or name == "DeferredFunction"}

    assert those_with("'Ref': 'TelnyxApiKeySecret'") == {name for name in key if name.endswith("Function")}
    assert those_with("'Sid': 'SendToDeferredQueue'") == set(defer) - {"DeferredQueue"}
    assert {"CallsApiFunction", "RecordingArchiverFunction"} == set(listen)
    assert those_with("${RecordingsBucket.Arn}/recordings/*") == set(listen)


def test_no_function_may_delete_but_in_the_partition_of_live_calls(template: Template) -> None:
    rows = permissions_page(template.source).splitlines()
    deleting = [row for row in rows if re.search(r"`\w+:Delete(?!Message)\w*`", row)]
    assert deleting
    assert all("only dynamodb:LeadingKeys LIVE" in row for row in deleting)


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
