"""The errors that can happen by design, and what the webhook answers.

* HooklineError
  - SignatureRejected     401  not verified to come from Telnyx
    + SignatureStale             signed by Telnyx, too long ago: journalled as stale
  - Unreadable            200  verified, but not an event that can be read: stored in quarantine
  - Unavailable           503  worth another delivery
    + JournalUnavailable         DynamoDB did not take or give an item
    + QueueUnavailable           SQS did not take a message
    + StorageUnavailable         S3 did not take an object
    + WrongRoute                 an event came to the route of another: handed on
    + TelnyxUnavailable          Telnyx cannot now; a command then goes to the queue
      . ApiKeyUnreadable           the secret with Telnyx's API key is missing, unreadable or not a key
  - TelnyxRefused         ...  Telnyx will not: any other failure
  - MessageTooLarge       ...  no message of a queue can hold these commands: refused

A missing setting is none of these: it raises as itself, the function fails loudly, API Gateway answers 500 and Telnyx
delivers again. What a flow raises is journalled with its event.
"""


class HooklineError(Exception):
    """The root of everything that Hookline raises by design."""


class SignatureRejected(HooklineError):
    """The request is not verified to come from Telnyx. The text names the failed check and nothing that came in."""


class SignatureStale(SignatureRejected):
    """Telnyx signed these bytes, but longer ago, or further in the future, than the tolerance allows."""


class Unreadable(HooklineError):
    """The bytes are verified to come from Telnyx but do not hold an API v2 event. The text names the likely cause."""


class Unavailable(HooklineError):
    """A dependency is unavailable for now; the same webhook may succeed later."""


class JournalUnavailable(Unavailable):
    """DynamoDB timed out, throttled or failed."""


class QueueUnavailable(Unavailable):
    """SQS timed out, throttled or failed."""


class StorageUnavailable(Unavailable):
    """S3 timed out, throttled or failed."""


class WrongRoute(Unavailable):
    """A verified event came to the route of another event type, which must not consume it."""


class TelnyxUnavailable(Unavailable):
    """Telnyx's API timed out, answered 408, 429, 5xx or a code that means later, or its key could not be read."""


class ApiKeyUnreadable(TelnyxUnavailable):
    """The secret with Telnyx's API key is missing, may not be read, or does not hold a key: a setting is wrong."""


class TelnyxRefused(HooklineError):
    """Telnyx's API answered with neither success nor anything that TelnyxUnavailable stands for.

    status: the HTTP status; code: Telnyx's own error code, a string of digits, or None when the body named none.
    """

    def __init__(self, status: int, code: str | None) -> None:
        """The text shows the status and the code and nothing else of the answer."""
        super().__init__(f"HTTP {status}, code {code or 'none'}")
        self.status = status
        self.code = code


class MessageTooLarge(HooklineError):
    """SQS would not take a message of this size."""
