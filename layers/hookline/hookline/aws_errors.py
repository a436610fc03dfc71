"""Which of AWS's errors may pass by themselves: the closed list that the modules with I/O translate at their border.

Source: botocore's exception tree and docs.aws.amazon.com, "Common errors" of DynamoDB, SQS and S3.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from hookline.deadline import Deadline, DeadlineExceeded
from hookline.errors import Unavailable

TRANSIENT_CODES = frozenset(
    {
        "BadDigest",
        "LimitExceededException",
        "OperationAborted",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "XAmzContentChecksumMismatch",
    }
)


@contextmanager
def translate_aws_errors(
    unavailable: type[Unavailable], service: str, deadline: Deadline | None = None
) -> Iterator[None]:
    """Raise `unavailable` for an error that another try may not meet again: the network, throttling, bytes that were
    damaged on the way, any 5xx; and when the deadline has passed.

    What will not pass by itself, a wrong name or a missing permission, goes through as boto3 raised it.
    """
    try:
        if deadline is None:
            yield
        else:
            with deadline.enforced():
                yield
    except DeadlineExceeded as error:
        raise unavailable(f"{service} did not answer in time") from error
    except (AwsConnectionError, HTTPClientError) as error:
        raise unavailable(f"{service} is unavailable") from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in TRANSIENT_CODES or status >= 500:
            raise unavailable(f"{service} answered {code or status}") from error
        raise
