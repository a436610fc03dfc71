"""The options that `connect` and `doctor` share: the URL of a stack, and an API key for Telnyx."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.urls import checked_url
from hookline_local.operations.telnyx_account import BASE_URL, TelnyxAccount
from hookline_local.stacks import deployed
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.secrets import SecretUnreadable, read_secret

WEBHOOKS = "/webhooks"
TUNNEL = "hookline-laptop"
"""The name of the application of a tunnel, unless another is given."""


@dataclass(frozen=True)
class Target:
    """Where webhooks are to go. name: of the application, unless another is given. resources: None for a tunnel."""

    name: str
    webhook_url: str
    resources: StackResources | None


def webhook_target(*, stack: str | None, url: str | None, profile: str | None, region: str | None) -> Target:
    """Of the options --stack or --url, one of which is required. Raises CliError."""
    if (stack is None) == (url is None):
        raise CliError("expected either --stack or --url", "A deployed stack, or the URL of a tunnel.", code=USAGE)
    if url is not None:
        return Target(TUNNEL, tunnel_url(url), None)
    assert stack is not None  # noqa: S101 - for mypy
    resources = deployed.find(stack=stack, profile=profile, region=region)
    return Target(stack, resources.webhook_url, resources)


def tunnel_url(url: str) -> str:
    """The webhook URL of a tunnel: /webhooks is added to a URL without a path. Raises CliError."""
    parts = urlsplit(checked_url(url, "--url https://abc.example-tunnel.com"))
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise CliError(f"{url} is not https", "Webhooks hold what callers say and key in.", code=USAGE)
    return url if parts.path.strip("/") else f"{url.rstrip('/')}{WEBHOOKS}"


def account_of(target: Target) -> TelnyxAccount:
    """With the key of TELNYX_API_KEY, else of the stack's secret. Raises CliError."""
    key = os.environ.get("TELNYX_API_KEY")
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
    """Of TELNYX_API_BASE_URL, else of the stack's parameter."""
    parameter = resources.parameters.get("TelnyxApiBaseUrl") if resources is not None else None
    return os.environ.get("TELNYX_API_BASE_URL") or parameter or BASE_URL
