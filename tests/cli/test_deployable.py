"""`make deploy` refuses a stack that takes no deployment, and names the way out. make rehearse plays it with SAM."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.models import Event, cloudformation_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from hookline_local.base.errors import CHECK_FAILED, USAGE
from hookline_local.cli.deployable import main
from tests.support.world import PROJECT

MAKE = shutil.which("make") or "make"
TEMPLATE = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's own record of the stack of samconfig.toml's table `prod`, in eu-west-1."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("cloudformation", region_name="eu-west-1").create_stack(
            StackName="hookline-prod", TemplateBody=TEMPLATE
        )
        (found,) = cloudformation_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].stacks.values()
        yield found


PROD = ["--config-env", "prod", "--region", "eu-west-1"]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("ROLLBACK_COMPLETE", "make delete, then make deploy"),
        ("ROLLBACK_FAILED", "make delete, then make deploy"),
        ("DELETE_FAILED", "make delete again"),
        ("UPDATE_ROLLBACK_FAILED", "Continue update rollback"),
        ("UPDATE_IN_PROGRESS", "Wait until it has ended"),
    ],
)
def test_a_stack_that_takes_no_deployment_is_refused(
    stack: Any, status: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.status = status
    assert main(PROD) == CHECK_FAILED
    shown = " ".join(capsys.readouterr().err.split())
    assert f"the stack hookline-prod cannot be deployed: its status is {status}" in shown
    assert advice in shown


def test_the_resource_that_has_failed_first_is_named(stack: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stack.status = "ROLLBACK_COMPLETE"
    for logical, reason in (("Topic", "no such key"), ("Queue", "Resource creation cancelled")):
        stack.events.append(failure(logical, reason))
    main(PROD)
    shown = " ".join(capsys.readouterr().err.split())
    assert "the first failure: Topic (AWS::SNS::Topic): no such" in shown
    assert "cancelled" not in shown


def failure(resource: str, reason: str) -> Event:
    return Event(
        stack_id="1",
        stack_name="hookline-prod",
        logical_resource_id=resource,
        physical_resource_id="",
        resource_type="AWS::SNS::Topic",
        resource_status="CREATE_FAILED",
        resource_status_reason=reason,
        resource_properties=None,
    )


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_every_other_stack_and_one_that_does_not_exist_is_left_to_sam(
    stack: Any, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.status = status
    assert main(PROD) == 0
    assert main(["--stack-name", "another"]) == 0
    assert capsys.readouterr().err == ""


def change_set(name: str, template: str) -> None:
    boto3.client("cloudformation", region_name="eu-west-1").create_change_set(
        StackName="hookline-prod", ChangeSetName=name, TemplateBody=template, ChangeSetType="UPDATE"
    )


def test_a_question_that_was_answered_with_no_is_no_success(stack: Any, capsys: pytest.CaptureFixture[str]) -> None:
    deployed = ["--deployed", *PROD]
    change_set("without-changes", TEMPLATE)
    assert main(deployed) == 0
    change_set("samcli-deploy1", TEMPLATE.replace("Topic", "Another", 1))
    assert main(deployed) == CHECK_FAILED
    shown = " ".join(capsys.readouterr().err.split())
    assert "nothing was deployed: the changes of the stack hookline-prod were not confirmed" in shown
    boto3.client("cloudformation", region_name="eu-west-1").execute_change_set(
        StackName="hookline-prod", ChangeSetName="samcli-deploy1"
    )
    assert main(deployed) == 0
    assert main(["--deployed", "--stack-name", "another"]) == 0
    assert capsys.readouterr().err == ""


def test_a_stage_that_samconfig_does_not_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-env", "produciton"]) == USAGE
    shown = capsys.readouterr().err
    assert "STAGE=produciton: samconfig.toml has no such table" in shown
    assert "One of default, dev, prod." in shown


def test_make_deploy_asks_before_it_builds_and_after_sam_has_failed() -> None:
    options = ["STAGE=prod", "STACK=line-2", "REGION=eu-west-1"]
    make = [MAKE, "--no-print-directory", "-n", "deploy"]  # also inside of another make
    done = subprocess.run([*make, *options], cwd=PROJECT, capture_output=True, text=True, check=True)
    command = 'hookline_local.cli.deployable --config-env "prod" --stack-name "line-2" --region "eu-west-1"'
    before, build, after = (done.stdout.index(part) for part in (command, "sam build", "sam deploy"))
    assert before < build < after < done.stdout.rindex(command)
    assert done.stdout.rstrip().endswith("--deployed")
