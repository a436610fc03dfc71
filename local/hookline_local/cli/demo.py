"""`hookline demo`: one whole call through the real functions, shown as it happens and checked afterwards.

No account and no Docker: moto is AWS, the simulator is Telnyx, everything is on loopback. The call's own time runs as
fast as the machine can, so it does not matter how fast that is.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookline.call_report import call_document
from hookline.recordings.storage import Bucket
from hookline_local.cli.demo_checks import DUPLICATED, FORGED, LATE, Check, Evidence, checks
from hookline_local.cli.demo_servers import AudioFile, MediaSink
from hookline_local.cli.live_view import Watch
from hookline_local.cli.screen import Screen
from hookline_local.cli.starting import started
from hookline_local.emulator.runtime import LogLine
from hookline_local.simulator import (
    Answered,
    CommandReceived,
    Config,
    Leg,
    Observation,
    Scenario,
    Sending,
    TelnyxSimulator,
    read_scenario,
    serve,
)
from hookline_local.stacks.local import API_KEY, Stack
from hookline_local.stacks.resources import Place

SCENARIO = Path(__file__).with_name("demo.toml")
STREAM_TOKEN = "the-demo's-own-token"  # noqa: S105 - of a WebSocket server that lives for seconds

CALL_LIMIT_SECONDS = 60.0
BACKGROUND_LIMIT_SECONDS = 15.0
"""After the call: for the recording to be archived and the queues to empty."""


class DemoWatch(Watch):
    """Shows everything that passes between Telnyx and the functions, keeps it, and opens the media server in time."""

    def __init__(self, screen: Screen, media: MediaSink) -> None:
        super().__init__(screen, when=self._call_seconds)
        self.media = media
        self.leg: Leg | None = None
        self.sendings: list[Sending] = []
        self.answers: list[Answered] = []
        self.told: list[CommandReceived] = []
        self.faults: list[str] = []

    def see(self, what: Observation) -> None:
        """One observation of the simulator."""
        if isinstance(what, Answered):
            self.answers.append(what)
        elif isinstance(what, CommandReceived):
            self.told.append(what)
        elif isinstance(what, Sending) and what.event_type == "streaming.failed":
            self.media.open()
        super().see(what)
        if isinstance(what, Sending):
            self.sendings.append(what)

    def log(self, line: LogLine) -> None:
        """One line that a function logged: kept when it tells of a fault."""
        if line.fault:
            self.faults.append(f"{line.function_id}: {line.text.strip()}")
            self.screen.aside(f"{line.function_id}: {line.text.strip().splitlines()[0]}")

    def note(self, sending: Sending) -> str:
        """What is special about this delivery."""
        first = all(one.event_type != LATE for one in self.sendings)
        return "late: others have overtaken it" if sending.event_type == LATE and first else super().note(sending)

    def _call_seconds(self) -> str:
        return "" if self.leg is None else f"{self.leg.clock.elapsed():.1f} s"


def parameters(stream_url: str, audio_url: str) -> dict[str, str]:
    """The stack's parameters for the demo: everything that the line can do, at the other ends of the demo."""
    return {
        "LineStreamUrl": stream_url,
        "LineStreamAuthToken": STREAM_TOKEN,
        "LineAudioUrl": audio_url,
        "LineRecordFormat": "wav",
    }


@dataclass(frozen=True, kw_only=True)
class Played:
    """A demo that is over. facts: what the table, the bucket and the queues held, for a program. Times in seconds."""

    evidence: Evidence
    place: Place
    facts: Mapping[str, Any]
    ready_seconds: float
    seconds: float


async def run(template: Path, screen: Screen) -> bool:
    """Everything, from starting to stopping; whether all is as it should be. Leaves nothing running."""
    played = await play(template, screen)
    results = list(checks(played.evidence))
    tell(screen, played, results)
    screen.document(_document(played, results))
    return all(check.holds for check in results)


async def play(template: Path, screen: Screen) -> Played:
    """Start everything, have the call, look at what is left of it, stop everything."""
    began = time.monotonic()
    scenario = read_scenario(SCENARIO)
    media = MediaSink()
    try:
        async with AudioFile(seconds=20) as audio, serve(Config(api_key=API_KEY, speed=0, seed=1)) as telnyx:
            stack = Stack(template, parameters=parameters(media.url, audio.url), telnyx_base_url=telnyx.api_base_url)
            watch = DemoWatch(screen, media)
            stack.on_log = watch.log
            screen.say("Starting AWS (moto), Telnyx (a simulator) and the stack of template.yaml ...", "dim")
            async with started(stack, template):
                ready = time.monotonic() - began
                screen.say(f"Ready after {ready:.1f} s. Telnyx delivers to {stack.webhook_url}", "dim")
                evidence, place = await _call(telnyx, stack, scenario, watch)
                facts = await asyncio.to_thread(_look, evidence, place)
    finally:
        await media.close()
    return Played(evidence=evidence, place=place, facts=facts, ready_seconds=ready, seconds=time.monotonic() - began)


def _document(played: Played, results: Sequence[Check]) -> dict[str, Any]:
    return {
        "ok": all(check.holds for check in results),
        "seconds": round(played.seconds, 2),
        "ready_seconds": round(played.ready_seconds, 2),
        "checks": [check.to_dict() for check in results],
        "webhooks": [
            {
                "event_type": one.event_type,
                "fault": one.fault,
                "attempt": one.attempt,
                "status": one.status,
                "milliseconds": round(one.milliseconds, 1),
                "answer": one.answer,
            }
            for one in played.evidence.answers
        ],
        "commands": [
            {"action": one.action, "status": one.status, "code": one.code, "repeated": one.repeated}
            for one in played.evidence.told
        ],
        **played.facts,
    }


async def _call(telnyx: TelnyxSimulator, stack: Stack, scenario: Scenario, watch: DemoWatch) -> tuple[Evidence, Place]:
    """One call from ring to archived recording. What is not over in time is left to the checks to complain about."""
    telnyx.send_webhooks_to(stack.webhook_url)
    place = Place.of_template(stack.template, stack.aws_endpoint)
    watch.screen.heading(f"{scenario.from_number} calls {scenario.to_number}")
    watch.screen.say(f"  One webhook will come twice ({DUPLICATED}), one late ({LATE}), one forged ({FORGED}).", "dim")
    watch.leg = telnyx.place_inbound_call(scenario=scenario)
    telnyx.observe(watch.see)
    session = watch.leg.session
    try:
        async with asyncio.timeout(CALL_LIMIT_SECONDS):
            await session.settled()
    except TimeoutError:
        watch.faults.append(f"the call was not over after {CALL_LIMIT_SECONDS:.0f} s")
    watch.screen.aside("the recording is archived ...")
    await place.settle(within_seconds=BACKGROUND_LIMIT_SECONDS)
    recordings = [recording.file() for recording in telnyx.recordings()]
    greeting = stack.template.environment_of("CallAnsweredFunction")["LINE_GREETING"]
    evidence = Evidence(
        leg_id=watch.leg.call_leg_id,
        sendings=watch.sendings,
        answers=watch.answers,
        told=watch.told,
        at_telnyx=[
            {"size": file.size, "sha256": hashlib.sha256(file.read(0, file.size)).hexdigest()} for file in recordings
        ],
        said=[greeting, *(step.speak for step in scenario.steps if step.speak)],
        stream=watch.media.events,
        stream_token_shown=watch.media.token == STREAM_TOKEN,
        scenario_failed=session.scenario_failed,
        faults=watch.faults,
    )
    return evidence, place


def _look(evidence: Evidence, place: Place) -> dict[str, Any]:
    """Put into the evidence what the table, the bucket and the queues hold; the same as facts for a program."""
    record = place.journal.read(evidence.leg_id)
    evidence.document = call_document(record, Bucket(place.s3, place.bucket)) if record else None
    evidence.item_keys = place.item_keys()
    evidence.objects = place.objects()
    evidence.waiting = place.waiting()
    return {
        **(evidence.document or {"call": None, "events": [], "transcript": [], "recordings": []}),
        "dynamodb": {"table": place.table, "items": [{"pk": pk, "sk": sk} for pk, sk in evidence.item_keys]},
        "s3": {"bucket": place.bucket, "objects": list(evidence.objects)},
        "queues": dict(evidence.waiting),
    }


def tell(screen: Screen, played: Played, results: Sequence[Check]) -> None:
    """What is left of the call, for a person, and whether it is as it should be."""
    evidence, place, seconds = played.evidence, played.place, played.seconds
    if evidence.document:
        screen.story(evidence.document, recordings=False)
    screen.heading(f"DynamoDB: {place.table}")
    for kind, number in _kinds(evidence.item_keys).items():
        screen.fact(kind, f"{number} item{'s' if number > 1 else ''}")
    screen.heading(f"S3: {place.bucket}")
    kept = {one["key"]: one for one in (evidence.document or {}).get("recordings", ()) if "key" in one}
    for found in evidence.objects:
        screen.recording(kept.get(found["key"], {}) | found)
    screen.heading("Is everything as it should be?")
    screen.checks(results)
    screen.say()
    wrong = sum(not check.holds for check in results)
    if wrong:
        screen.say(f"{wrong} of {len(results)} checks failed, after {seconds:.1f} s.", "bold red")
    else:
        screen.say(f"All {len(results)} checks hold, after {seconds:.1f} s. Nothing is left running.", "bold green")


def _kinds(item_keys: Sequence[tuple[str, str]]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for _, key in item_keys:
        kind = key.partition("#")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    return dict(sorted(kinds.items()))
