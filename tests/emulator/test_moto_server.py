"""hookline_local.emulator.moto_server for code that is not asynchronous."""

from decimal import Decimal
from typing import Any

import httpx
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import Binary

from hookline_local.emulator.moto_server import local_session, running_moto


def test_moto_runs_for_the_block() -> None:
    with running_moto() as url:
        assert httpx.get(f"{url}/moto-api/data.json").status_code == 200
    try:
        httpx.get(url)
    except httpx.ConnectError:
        return
    raise AssertionError("moto is still running")


def test_moto_holds_no_object_once_it_is_gone() -> None:
    with running_moto() as url:
        queue = local_session("us-east-1").client("sqs", endpoint_url=url)
        queue_url = queue.create_queue(QueueName="queue")["QueueUrl"]
        table = (
            local_session("us-east-1")
            .resource("dynamodb", endpoint_url=url)
            .create_table(
                TableName="table",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            )
        )
        for _ in range(3):
            table.put_item(Item={"pk": "the same"})
            table.scan()
            queue.send_message(QueueUrl=queue_url, MessageBody="a message")
            for message in queue.receive_message(QueueUrl=queue_url)["Messages"]:
                queue.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        held = httpx.get(f"{url}/moto-api/data.json").json()
        assert (held["dynamodb"]["Item"], held["sqs"]["Message"]) == ([], [])


def test_a_value_of_every_kind_is_answered_as_it_was_put(aws: str) -> None:
    table = (
        local_session("us-east-1")
        .resource("dynamodb", endpoint_url=aws)
        .create_table(
            TableName="kinds",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
    )
    plain = {"text": "", "number": Decimal("1.5"), "yes": True, "nothing": None, "bytes": Binary(b"\x00\xff")}
    item: Any = {"pk": "a", **plain, "list": [*plain.values()], "map": plain, "texts": {"a", "b"}}
    table.put_item(Item=item)
    key = {"pk": "a"}
    assert table.get_item(Key=key)["Item"] == item
    assert table.scan()["Items"] == [item]
    assert table.query(KeyConditionExpression=Key("pk").eq("a"))["Items"] == [item]
    assert table.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"] == item
