"""The Telnyx API key of an operator: from the secret of a stack, or from TELNYX_API_KEY."""

import os

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.base.errors import USAGE, CliError
from hookline_local.stacks.resources import StackResources

VARIABLE = "TELNYX_API_KEY"


class SecretUnreadable(Exception):
    """The secret cannot be read, or does not hold a key. The text is AWS's, or ours; never the content."""


def read_secret(resources: StackResources) -> str:
    """The API key, without blanks around it, as the functions take it. Raises SecretUnreadable."""
    arn = resources.outputs.get("TelnyxApiKeySecretArn")
    if not arn:
        raise SecretUnreadable("the stack has no output TelnyxApiKeySecretArn")
    client = resources.session().client("secretsmanager", endpoint_url=resources.endpoint_url)
    try:
        key = client.get_secret_value(SecretId=arn).get("SecretString", "").strip()
    except ClientError as error:
        details = error.response.get("Error", {})
        raise SecretUnreadable(f"{details.get('Code')}: {details.get('Message')}") from error
    except BotoCoreError as error:
        raise SecretUnreadable(str(error)) from error
    if reason := _flaw(key):
        raise SecretUnreadable(reason)
    return key


def key_of_environment() -> str | None:
    """The API key of TELNYX_API_KEY; None when it is not set. Raises CliError for what cannot be a key."""
    key = os.environ.get(VARIABLE, "").strip()
    if not key:
        return None
    if reason := _flaw(key):
        raise CliError(f"{VARIABLE}: {reason}", "Set it to the API key alone, or unset it.", code=USAGE)
    return key


def _flaw(key: str) -> str:
    """Why this is not an API key, without a part of it; empty for one that may be."""
    if not key:
        return "it is empty"
    if key.startswith(("{", "[", '"')):
        return "it holds JSON, and should hold the API key and nothing else"
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "it holds something else than an API key: a space, an end of line or a letter outside ASCII"
    return ""
