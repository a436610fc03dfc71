"""What can go wrong on purpose, and what the webhook answers when it does.

* HooklineError
  - SignatureRejected     401  not proven to come from Telnyx
  - Unreadable            200  proven, but no event we can read: kept in quarantine
  - Unavailable           503  worth another delivery
    + JournalUnavailable         DynamoDB did not take or give an item
    + QueueUnavailable           SQS did not take a message
    + StorageUnavailable         S3 did not take an object
    + TelnyxUnavailable          Telnyx cannot now, or its API key cannot be read; a command then goes to the queue
  - ApiKeyUnreadable      500  the secret with Telnyx's API key is not there, not ours to read, or holds no key
  - TelnyxRefused         ...  Telnyx will not: anything else that is no success

A missing setting or a bug is none of these: it raises as itself, the function fails loudly, API Gateway answers 500
and Telnyx delivers again.
"""


class HooklineError(Exception):
    """The root: everything Hookline raises on purpose."""


class SignatureRejected(HooklineError):
    """The request is not proven to come from Telnyx. The text names the check that failed and nothing that came in."""


class Unreadable(HooklineError):
    """The bytes are proven to come from Telnyx but hold no API v2 event. The text names the likely cause."""


class Unavailable(HooklineError):
    """Something we need is out of reach for now; the same webhook may succeed later."""


class JournalUnavailable(Unavailable):
    """DynamoDB timed out, throttled or failed."""


class QueueUnavailable(Unavailable):
    """SQS timed out, throttled or failed."""


class StorageUnavailable(Unavailable):
    """S3 timed out, throttled or failed."""


class TelnyxUnavailable(Unavailable):
    """Telnyx's API timed out, answered 408, 429, 5xx or a code that means later, or its key could not be read."""


class ApiKeyUnreadable(HooklineError):
    """The secret with Telnyx's API key is not there, not ours to read, or holds no key: a setting is wrong."""


class TelnyxRefused(HooklineError):
    """Telnyx's API answered with neither success nor anything that TelnyxUnavailable stands for.

    status: the HTTP status; code: Telnyx's own error code, a string of digits, or None when the body named none.
    """

    def __init__(self, status: int, code: str | None) -> None:
        """Keep the status and the code; the text shows both and nothing else of the answer."""
        super().__init__(f"HTTP {status}, code {code or 'none'}")
        self.status = status
        self.code = code
