"""hookline_local.emulator.moto_server for code that is not asynchronous."""

import httpx

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
