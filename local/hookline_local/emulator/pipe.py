"""A pipe from a table's stream to an event bus. Owns filter, input template and the position in the stream.

Sources: docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering, eb-pipes-input-transformation. A
path outside quotes becomes a JSON value. What a path that leads nowhere becomes is not documented: here an empty text.

The position is in memory: a stack that is started reads from the oldest record on, as a new pipe with TRIM_HORIZON.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.emulator.event_patterns import check_pattern, matches
from hookline_local.emulator.template import Template, UnsupportedTemplate

Publish = Callable[[str, str, Any], Awaitable[None]]
"""Takes source, detail type and detail."""

_PATH = re.compile(r"<(\$(?:\.[\w/-]+)+)>")


@dataclass(frozen=True)
class Pipe:
    """stream: its ARN. filters: patterns, of which one has to match. target: the ARN of a bus.

    source, detail_type: a text, or a path into the record.
    """

    stream: str
    filters: tuple[Mapping[str, Any], ...]
    target: str
    source: str
    detail_type: str
    template: str

    def event_of(self, record: Mapping[str, Any]) -> tuple[str, str, Any] | None:
        """Source, detail type and detail of a record; None when the filter drops it."""
        if self.filters and not any(matches(pattern, record) for pattern in self.filters):
            return None
        rendered = _PATH.sub(lambda found: json.dumps(_value(record, found[1])), self.template)
        return _text(record, self.source), _text(record, self.detail_type), json.loads(rendered)


def pipes_of(template: Template) -> list[Pipe]:
    """The pipes of the template. Raises UnsupportedTemplate for one that is more than Pipe is."""
    found = []
    for name in template.resources("AWS::Pipes::Pipe"):
        properties = template.properties(name)
        parameters = properties.get("TargetParameters", {})
        bus = parameters.get("EventBridgeEventBusParameters")
        if (
            "DynamoDBStreamParameters" not in properties.get("SourceParameters", {})
            or not bus
            or "Enrichment" in properties
        ):
            raise UnsupportedTemplate(f"{name}: only pipes from a table's stream to an event bus run here")
        listed = properties["SourceParameters"].get("FilterCriteria", {}).get("Filters", [])
        patterns = tuple(json.loads(one["Pattern"]) for one in listed)
        for pattern in patterns:
            check_pattern(pattern, of_pipe=True)
        found.append(
            Pipe(
                stream=properties["Source"],
                filters=patterns,
                target=properties["Target"],
                source=bus["Source"],
                detail_type=bus["DetailType"],
                template=parameters["InputTemplate"],
            )
        )
    return found


def _value(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for key in path.removeprefix("$.").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return "" if value is None else value


def _text(record: Mapping[str, Any], text_or_path: str) -> str:
    return str(_value(record, text_or_path)) if text_or_path.startswith("$.") else text_or_path


class PipeRunner:
    """Reads one stream from its oldest record on, and publishes what its pipe lets through, in order.

    streams: a boto3 client of DynamoDB's streams. Reads when `wake` is called, and every `interval_seconds` besides;
    with None never: a stream that nothing is written to costs nothing.
    """

    def __init__(self, pipe: Pipe, *, streams: Any, publish: Publish, interval_seconds: float | None) -> None:
        self._pipe = pipe
        self._streams = streams
        self._publish = publish
        self._interval_seconds = interval_seconds
        self._woken = asyncio.Event()
        self._woken.set()
        self._iterators: dict[str, str | None] = {}

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_seconds):
                    await self._woken.wait()
            self._woken.clear()
            # The endpoint may be away briefly, or for ever when the stack is stopping: the records stay in the stream.
            with contextlib.suppress(BotoCoreError, ClientError):
                await self._read()

    async def _read(self) -> None:
        described = await asyncio.to_thread(self._streams.describe_stream, StreamArn=self._pipe.stream)
        for shard in described["StreamDescription"].get("Shards", []):
            await self._read_shard(shard["ShardId"])

    async def _read_shard(self, shard: str) -> None:
        """Publish what has come into a shard since the last time. The position moves behind whole pages."""
        if shard not in self._iterators:
            first = await asyncio.to_thread(
                self._streams.get_shard_iterator,
                StreamArn=self._pipe.stream,
                ShardId=shard,
                ShardIteratorType="TRIM_HORIZON",
            )
            self._iterators[shard] = first["ShardIterator"]
        while (iterator := self._iterators[shard]) is not None:
            page = await asyncio.to_thread(self._streams.get_records, ShardIterator=iterator)
            for record in page["Records"]:
                if (event := self._pipe.event_of(record)) is not None:
                    await self._publish(*event)
            self._iterators[shard] = page.get("NextShardIterator")
            if not page["Records"]:
                return
