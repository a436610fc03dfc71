"""The secret of a stack that holds its Telnyx API key, read with the operator's own permissions."""

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.stacks.resources import StackResources


class SecretUnreadable(Exception):
    """The secret cannot be read, or does not hold a key. The text is AWS's, or ours; never the content."""


def read_secret(resources: StackResources) -> str:
    """The API key. Raises SecretUnreadable."""
    arn = resources.outputs.get("TelnyxApiKeySecretArn")
    if not arn:
        raise SecretUnreadable("the stack has no output TelnyxApiKeySecretArn")
    client = resources.session().client("secretsmanager", endpoint_url=resources.endpoint_url)
    try:
        key = client.get_secret_value(SecretId=arn).get("SecretString", "")
    except ClientError as error:
        details = error.response.get("Error", {})
        raise SecretUnreadable(f"{details.get('Code')}: {details.get('Message')}") from error
    except BotoCoreError as error:
        raise SecretUnreadable(str(error)) from error
    if not key or not key.isprintable() or " " in key or key.startswith("{"):
        raise SecretUnreadable("it holds something else than a key: no JSON, no space, no end of line")
    return key
