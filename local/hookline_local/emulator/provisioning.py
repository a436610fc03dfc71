"""Creates a template's table, bucket, queues and secret at any AWS endpoint.

create_resources(template)                       # moto in this process, or whatever boto3 is configured for
create_resources(template, endpoint_url=url)     # moto's server, or another AWS
"""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from hookline_local.emulator.moto_server import local_session
from hookline_local.emulator.template import QUEUE_PROPERTIES, Template, UnsupportedTemplate, as_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


def create_resources(template: Template, *, endpoint_url: str | None = None) -> None:
    """Create the table, the bucket, the queues and the secret of a template, and register them in it.

    endpoint_url: of a local AWS, None for boto3's own choice. An existing resource of the same name is used as it
    is. Idempotent.
    """
    session = local_session(template.region) if endpoint_url else boto3.Session(region_name=template.region)
    dynamodb = session.client("dynamodb", endpoint_url=endpoint_url)
    for name in template.resources("AWS::DynamoDB::Table"):
        _create_table(template, name, dynamodb)
    s3 = session.client("s3", endpoint_url=endpoint_url)
    for name in template.resources("AWS::S3::Bucket"):
        _create_bucket(template, name, s3)
    sqs = session.client("sqs", endpoint_url=endpoint_url)
    queues = template.resources("AWS::SQS::Queue")
    for name in sorted(queues, key=lambda queue: "RedrivePolicy" in template.properties_as_written(queue)):
        _create_queue(template, name, sqs)
    secrets = session.client("secretsmanager", endpoint_url=endpoint_url)
    for name in template.resources("AWS::SecretsManager::Secret"):
        _create_secret(template, name, secrets)


def _create_table(template: Template, logical_id: str, dynamodb: "DynamoDBClient") -> None:
    properties = template.properties(logical_id)
    name = template.physical_name(logical_id)
    keys = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
    arguments: dict[str, Any] = {key: properties[key] for key in keys if key in properties}
    if "StreamSpecification" in properties:
        arguments["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    if "SSESpecification" in properties:
        arguments["SSESpecification"] = {"Enabled": properties["SSESpecification"]["SSEEnabled"]}
    try:
        created = dynamodb.create_table(TableName=name, **arguments)["TableDescription"]
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        if "TimeToLiveSpecification" in properties:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        if "PointInTimeRecoverySpecification" in properties:
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
            )
    except ClientError as error:
        _raise_unless(error, "ResourceInUseException")
        created = dynamodb.describe_table(TableName=name)["Table"]
    template.register(logical_id, name, Arn=created["TableArn"], StreamArn=created.get("LatestStreamArn", ""))


def _create_bucket(template: Template, logical_id: str, s3: "S3Client") -> None:
    properties = template.properties(logical_id)
    name = template.physical_name(logical_id)
    arguments: dict[str, Any] = {}
    if template.region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": template.region}
    try:
        s3.create_bucket(Bucket=name, **arguments)
    except ClientError as error:
        _raise_unless(error, "BucketAlreadyOwnedByYou")
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "OwnershipControls" in properties:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
    if "PublicAccessBlockConfiguration" in properties:
        block = {key: as_text(value) == "true" for key, value in properties["PublicAccessBlockConfiguration"].items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)  # type: ignore[arg-type]
    if "BucketEncryption" in properties:
        rules: Any = [
            {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
            for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    template.register(logical_id, name)


def _create_queue(template: Template, logical_id: str, sqs: "SQSClient") -> None:
    properties = template.properties(logical_id)
    name = template.physical_name(logical_id)
    attributes: Any = {
        key: json.dumps(value) if isinstance(value, dict) else as_text(value)
        for key, value in properties.items()
        if key in QUEUE_PROPERTIES
    }
    if attributes.get("FifoQueue") == "false":
        del attributes["FifoQueue"]  # SQS refuses this attribute for a standard queue
    try:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    except ClientError as error:
        _raise_unless(error, "QueueNameExists", "QueueAlreadyExists")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    template.register(logical_id, url, Arn=arn)


def _create_secret(template: Template, logical_id: str, secrets: "SecretsManagerClient") -> None:
    name = template.physical_name(logical_id)
    properties = template.properties(logical_id)
    generated = properties.get("GenerateSecretString")
    value = properties.get("SecretString")
    if value is None:
        if generated is None:
            raise UnsupportedTemplate(f"the secret {logical_id} has neither a SecretString nor a GenerateSecretString")
        value = secrets.get_random_password(**generated)["RandomPassword"]
    try:
        arn = secrets.create_secret(Name=name, SecretString=value)["ARN"]
    except ClientError as error:
        _raise_unless(error, "ResourceExistsException")
        if generated is None:
            secrets.put_secret_value(SecretId=name, SecretString=value)
        arn = secrets.describe_secret(SecretId=name)["ARN"]
    template.register(logical_id, arn, Arn=arn, Id=arn)


def _raise_unless(error: ClientError, *codes: str) -> None:
    if error.response["Error"]["Code"].split(".")[-1] not in codes:
        raise error
