"""The template, the samples and the README say of the reception what is so."""

import ast
from dataclasses import fields
from pathlib import Path
from typing import get_args

from flows import reception
from hookline_local.emulator.template import load_template
from hookline_local.samples import generate as sample_events
from tests.project.test_readme import rows
from tests.support.world import A_PUBLIC_KEY, API_KEY, PROJECT

TEMPLATE = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY})


def test_every_setting_is_a_parameter_of_the_template_and_the_other_way_round() -> None:
    settings = {f"LINE_{field.name.upper()}" for field in fields(reception.CallFlow)}
    assert settings == {name for name in TEMPLATE.environment() if name.startswith("LINE_")}


def test_it_is_the_same_with_the_default_parameters_as_without_any() -> None:
    assert reception.CallFlow.of(TEMPLATE.environment_of("WebhookRouterFunction")) == reception.CallFlow()


def test_the_samples_carry_its_steps() -> None:
    assert {step: {"step": step} for step in get_args(reception.Step)} == sample_events.CLIENT_STATES


def test_the_readme_names_its_functions() -> None:
    for event_type, (function, effect) in rows().items():
        name = event_type.replace(".", "_")
        assert function == (name if hasattr(reception, name) else ""), event_type
        assert bool(function) <= bool(effect), event_type


def test_it_decides_on_nothing_that_the_readme_does_not_name() -> None:
    tree = ast.parse(Path(reception.__file__).read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    decisions = {name for name in names if name.startswith(("call_", "streaming_"))}
    assert decisions == {function for function, _ in rows().values() if function}
