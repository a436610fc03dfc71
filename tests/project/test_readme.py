"""The README's table of events and its status codes are those of the code."""

import re

from hookline.routing import ROUTED_EVENTS
from hookline_local.emulator.template import load_template
from tests.support.world import A_PUBLIC_KEY, API_KEY, PROJECT

README = (PROJECT / "README.md").read_text()
ROW = re.compile(r"^\| `([a-z.]+)` \| (?:`([a-z_]+)`)? ?\| ?(.*?) ?\|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    """By event type, the function that decides and what it does, as the table has them."""
    return {event_type: (function, effect) for event_type, function, effect in ROW.findall(README)}


def test_the_table_has_every_routed_event_and_no_other() -> None:
    assert sorted(rows()) == sorted(ROUTED_EVENTS)


def test_every_row_has_a_function_of_its_own_in_the_template() -> None:
    template = load_template(PROJECT / "template.yaml", {"TelnyxPublicKeys": A_PUBLIC_KEY, "TelnyxApiKey": API_KEY})
    environments = [template.environment_of(name) for name in template.functions()]
    handled = {environment.get("EVENT_TYPE") for environment in environments}
    assert set(rows()) <= handled


def test_the_status_codes_are_those_of_the_pipeline() -> None:
    section = README.partition("## What the HTTP status means")[2].partition("\n## ")[0]
    pipeline = (PROJECT / "layers" / "hookline" / "hookline" / "webhook.py").read_text()
    listed = set(re.findall(r"^\| (\d{3}) \|", section, re.MULTILINE))
    assert listed == set(re.findall(r"_response\((\d{3}),", pipeline)) | {"500"}
