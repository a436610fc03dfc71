"""DynamoDB and SQS in the memory of the test, as far as the journal and the queues ask: for thousands of deliveries.

What they answer is what moto answers, see tests/layer/test_memory_aws.py.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]


class _Exceptions:
    class ConditionalCheckFailedException(ClientError):
        """An item with this key is there already."""


class MemoryTable:
    """A boto3 DynamoDB client with one table. read_items, read_bytes: what all queries have read so far."""

    exceptions = _Exceptions

    def __init__(self) -> None:
        self.partitions: dict[str, dict[str, Item]] = {}
        self.requests: list[str] = []
        self.read_items = self.read_bytes = 0

    def put_item(self, *, Item: Item, ConditionExpression: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        self.requests.append("PutItem")
        partition = self.partitions.setdefault(Item["pk"]["S"], {})
        if ConditionExpression and Item["sk"]["S"] in partition:
            raise _Exceptions.ConditionalCheckFailedException({"Error": {}}, "PutItem")
        partition[Item["sk"]["S"]] = Item
        return {}

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.requests.append("GetItem")
        found = self.partitions.get(Key["pk"]["S"], {}).get(Key["sk"]["S"])
        return {"Item": found} if found else {}

    def delete_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.requests.append("DeleteItem")
        self.partitions.get(Key["pk"]["S"], {}).pop(Key["sk"]["S"], None)
        return {}

    def query(
        self,
        *,
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        Limit: int = 1_000_000,  # noqa: N803
        IndexName: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        self.requests.append("Query")
        if IndexName:
            items = [item for partition in self.partitions.values() for item in partition.values()]
            control = ExpressionAttributeValues[":c"]
            return {"Items": [item for item in items if item.get("call_control_id") == control][:Limit]}
        values = {name: value["S"] for name, value in ExpressionAttributeValues.items()}
        partition = self.partitions.get(values[":p"], {})
        keys = sorted(key for key in partition if values[":a"] <= key <= values[":z"])
        page: dict[str, Any] = {"Items": list(_page([partition[key] for key in keys[:Limit]]))}
        page["Count"] = len(page["Items"])
        self.read_items += len(page["Items"])
        self.read_bytes += sum(len(json.dumps(item)) for item in page["Items"])
        if len(page["Items"]) < len(keys):
            page["LastEvaluatedKey"] = {}
        return page


def _page(items: list[Item]) -> Iterator[Item]:
    """As many as a page of a query holds, 1 MB."""
    size = 0
    for item in items:
        size += len(json.dumps(item))
        yield item
        if size > 1_000_000:
            return


class MemoryQueues:
    """A boto3 SQS client. messages: by queue URL, in order of arrival, without duplicates of a FIFO group."""

    def __init__(self) -> None:
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self._known: set[tuple[str, str, str]] = set()

    def send_message(self, *, QueueUrl: str, MessageBody: str, **fifo: str) -> dict[str, Any]:  # noqa: N803
        key = (QueueUrl, fifo.get("MessageGroupId", ""), fifo.get("MessageDeduplicationId", ""))
        if not fifo or key not in self._known:
            self._known.add(key)
            self.messages.setdefault(QueueUrl, []).append({"body": MessageBody, "group": key[1]})
        return {}

    def change_message_visibility_batch(self, **_: Any) -> dict[str, Any]:
        return {}
