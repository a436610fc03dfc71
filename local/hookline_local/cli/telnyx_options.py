"""The options that `connect` and `doctor` share: the URL of a stack, and an API key for Telnyx."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.urls import checked_url, is_loopback
from hookline_local.operations.telnyx_account import BASE_URL, TelnyxAccount
from hookline_local.stacks import deployed, running
from hookline_local.stacks.local import API_KEY
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import RunningStack
from hookline_local.stacks.secrets import SecretUnreadable, key_of_environment, read_secret

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
WEBHOOKS = "/webhooks"
TUNNEL = "hookline-laptop"
"""The name of the application of a tunnel, unless another is given."""
SIMULATED = "simulator"
"""The name of the simulator's application."""


@dataclass(frozen=True)
class Target:
    """Where webhooks are to go.

    name: of the application, unless another is given. resources: of a deployed stack. simulated: the stack that runs
    here with a simulator, whose URL it is. Neither: a tunnel.
    """

    name: str
    webhook_url: str
    resources: StackResources | None = None
    simulated: RunningStack | None = None


def webhook_target(*, stack: str | None, url: str | None, profile: str | None, region: str | None) -> Target:
    """Of the options --stack or --url, one of which is required. Raises CliError."""
    if (stack is None) == (url is None):
        raise CliError("expected either --stack or --url", "A deployed stack, or the URL of a tunnel.", code=USAGE)
    if url is not None:
        checked = tunnel_url(url)
        here = next((stack for stack in running.all_running() if stack.telnyx_url and stack.has(checked)), None)
        return Target(SIMULATED if here else TUNNEL, checked, simulated=here)
    assert stack is not None  # noqa: S101 - for mypy
    resources = deployed.find(stack=stack, profile=profile, region=region)
    return Target(stack, resources.webhook_url, resources)


def tunnel_url(url: str, option: str = "--url") -> str:
    """The webhook URL of a tunnel or of a second stack: /webhooks is added to a URL without a path. Raises CliError."""
    parts = urlsplit(checked_url(url, f"{option} https://abc.example-tunnel.com"))
    if parts.scheme != "https" and not is_loopback(url):
        raise CliError(f"{url} is not https", "Webhooks hold what callers say and key in.", code=USAGE)
    if parts.query or parts.fragment:
        raise CliError(f"{url} has more than a path", f"Example: {option} https://abc.example-tunnel.com", code=USAGE)
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}{WEBHOOKS}"


def checked_number(number: str | None) -> str | None:
    """Of the option --number, in E.164 form. Raises CliError."""
    if number is not None and not E164.fullmatch(number):
        raise CliError(f"--number {number}: not in E.164 form", "Example: --number +12025550123", code=USAGE)
    return number


def account_of(target: Target) -> TelnyxAccount:
    """With the key of TELNYX_API_KEY, else of the stack's secret; of the simulator, its own. Raises CliError."""
    key = key_of_environment()
    if target.simulated is not None:
        return TelnyxAccount(key or API_KEY, target.simulated.telnyx_api_base_url)
    if not key and target.resources is not None:
        try:
            key = read_secret(target.resources)
        except SecretUnreadable as error:
            raise CliError(f"the API key of {target.resources.name}: {error}", "Or set TELNYX_API_KEY.") from error
    if not key:
        raise CliError(
            "TELNYX_API_KEY is not set", "Telnyx portal: Account > Keys & Credentials > API Keys.", code=USAGE
        )
    return TelnyxAccount(key, api_base_url(target.resources))


def api_base_url(resources: StackResources | None) -> str:
    """Of TELNYX_API_BASE_URL, else of the stack's parameter. Raises CliError."""
    parameter = resources.parameters.get("TelnyxApiBaseUrl") if resources is not None else None
    chosen = os.environ.get("TELNYX_API_BASE_URL")
    return checked_url(chosen, f"TELNYX_API_BASE_URL={BASE_URL}") if chosen else parameter or BASE_URL
