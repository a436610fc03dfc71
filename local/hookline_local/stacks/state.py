"""The journal and the bucket of a local stack, in a folder from one run to the next.

A run writes a folder of its own, `state-TIME`, and then names it in the file `current`, in one step: a run that is
killed while it writes leaves the state of the run before. Messages in queues are not stored. A lock holds other stacks
off the folder as long as one uses it.
"""

import base64
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hookline_local.base.errors import USAGE, CliError
from hookline_local.stacks.resources import StackResources

_CURRENT = "current"
_LOCK = "lock"
_PREFIX = "state-"
_CHUNK_BYTES = 1 << 20


class StateFolder:
    """A folder of the user's, created when it does not exist. Raises CliError when it cannot be, or is in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("w", encoding="utf-8")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            advice = "Stop that stack, or name another folder with --keep."
            raise CliError(f"{folder} is in use by a stack that runs", advice) from error
        except OSError as error:
            raise CliError(
                f"{folder} is not a folder: {error.strerror}", "Name another one with --keep.", code=USAGE
            ) from error

    def load(self, resources: StackResources) -> int:
        """Put what is stored into an empty stack; the number of items and objects. Raises CliError."""
        current = self.folder / _CURRENT
        if not current.exists():
            return 0
        try:
            state = self.folder / current.read_text(encoding="utf-8").strip()
            return _load_items(state, resources) + _load_objects(state, resources)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise CliError(
                f"the state in {self.folder} cannot be read: {error}", "Move the folder away, or name another one."
            ) from error

    def save(self, resources: StackResources) -> int:
        """Store the stack's items and objects; their number. Raises CliError when they cannot be written."""
        name = f"{_PREFIX}{time.time_ns()}"
        state = self.folder / name
        try:
            state.mkdir()
            number = _save_items(state, resources) + _save_objects(state, resources)
            pointer = self.folder / f"{_CURRENT}.new"
            pointer.write_text(name, encoding="utf-8")
            os.replace(pointer, self.folder / _CURRENT)
        except OSError as error:
            raise CliError(f"the state cannot be written to {self.folder}: {error.strerror}") from error
        for other in self.folder.glob(f"{_PREFIX}*"):
            if other != state:
                shutil.rmtree(other, ignore_errors=True)
        return number


def _save_items(state: Path, resources: StackResources) -> int:
    number = 0
    with (state / "items.jsonl").open("w", encoding="utf-8") as file:
        pages = resources.dynamodb.get_paginator("scan").paginate(TableName=resources.table, ConsistentRead=True)
        for item in (item for page in pages for item in page["Items"]):
            file.write(json.dumps(item, default=_binary) + "\n")
            number += 1
    return number


def _load_items(state: Path, resources: StackResources) -> int:
    number = 0
    for item in _lines(state / "items.jsonl"):
        attributes = {name: _value(value) for name, value in item.items()}
        resources.dynamodb.put_item(TableName=resources.table, Item=attributes)
        number += 1
    return number


def _save_objects(state: Path, resources: StackResources) -> int:
    number = 0
    with (state / "objects.jsonl").open("w", encoding="utf-8") as index:
        for page in resources.s3.get_paginator("list_objects_v2").paginate(Bucket=resources.bucket):
            for key in (found["Key"] for found in page.get("Contents", [])):
                content = resources.s3.get_object(Bucket=resources.bucket, Key=key)
                with (state / str(number)).open("wb") as file:
                    for chunk in content["Body"].iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
                tags = resources.s3.get_object_tagging(Bucket=resources.bucket, Key=key)["TagSet"]
                described = {
                    "key": key,
                    "file": str(number),
                    "type": content["ContentType"],
                    "metadata": content["Metadata"],
                    "tags": {tag["Key"]: tag["Value"] for tag in tags},
                }
                index.write(json.dumps(described) + "\n")
                number += 1
    return number


def _load_objects(state: Path, resources: StackResources) -> int:
    number = 0
    for described in _lines(state / "objects.jsonl"):
        with (state / described["file"]).open("rb") as body:
            resources.s3.put_object(
                Bucket=resources.bucket,
                Key=described["key"],
                Body=body,
                ContentType=described["type"],
                Metadata=described["metadata"],
                Tagging=urlencode(described["tags"]),
            )
        number += 1
    return number


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _binary(value: object) -> str:
    """DynamoDB's binary values, as its JSON has them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is not a value of DynamoDB")


def _value(value: dict[str, Any]) -> Any:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value
