"""From the options of `hookline doctor` to what is examined."""

import shlex
from dataclasses import dataclass

from hookline_local.base.errors import CliError
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY, DEVELOPMENT_SEED
from hookline_local.cli.options import resources_of
from hookline_local.cli.telnyx_options import SIMULATED, TUNNEL, api_base_url, checked_number, tunnel_url
from hookline_local.operations.doctor.aws import DeployedStack
from hookline_local.operations.doctor.examination import Patient
from hookline_local.operations.doctor.telnyx import Expected
from hookline_local.samples import catalog
from hookline_local.stacks import running
from hookline_local.stacks.local import API_KEY
from hookline_local.stacks.running import RunningStack
from hookline_local.stacks.secrets import key_of_environment


@dataclass(frozen=True)
class Choice:
    """The options, as they were given."""

    stack: str | None
    url: str | None
    profile: str | None
    region: str | None
    application: str | None
    number: str | None
    webhook_url: str | None
    key: str | None


def patient_of(choice: Choice) -> Patient:
    """The deployed stack, else the one that runs here. Raises CliError."""
    resources = resources_of(choice.url, choice.stack, choice.profile, choice.region)
    keys = [key.strip() for key in resources.parameters.get("TelnyxPublicKeys", "").split(",") if key.strip()]
    here = running.find(choice.url) if choice.stack is None else None
    expected = Expected(
        application=choice.application or choice.stack or _application_here(here, choice),
        webhook_url=tunnel_url(choice.webhook_url, "--webhook-url") if choice.webhook_url else resources.webhook_url,
        public_keys=keys,
        number=checked_number(choice.number),
        region=resources.region if here is None else None,
    )
    if not expected.webhook_url:
        raise CliError(
            f"{resources.name} has no webhook URL", "Start one with hookline serve, or name one with --stack."
        )
    seed = catalog.seed_of(choice.key) if choice.key else None
    api_key = key_of_environment()
    if here is None:
        assert choice.stack is not None  # noqa: S101 - for mypy
        stack = DeployedStack(resources, choice.stack)
        return Patient(expected, api_base_url(resources), stack, api_key, seed)
    if here.telnyx_url is not None:
        api_key = api_key or API_KEY
    if seed is None and DEVELOPMENT_PUBLIC_KEY in keys:
        seed = DEVELOPMENT_SEED
    return Patient(expected, here.telnyx_api_base_url, None, api_key, seed)


def connect_command(choice: Choice, patient: Patient) -> str:
    """The `hookline connect` that sets up what is examined."""
    target = ("--stack", choice.stack) if choice.stack else ("--url", patient.expected.webhook_url)
    options = (
        target,
        ("--profile", choice.profile),
        ("--region", choice.region),
        ("--application", choice.application),
    )
    words = [word for name, value in options if value for word in (name, value)]
    return shlex.join(["hookline", "connect", *words])


def _application_here(here: RunningStack | None, choice: Choice) -> str:
    simulated = here is not None and here.telnyx_url is not None and choice.webhook_url is None
    return SIMULATED if simulated else TUNNEL
