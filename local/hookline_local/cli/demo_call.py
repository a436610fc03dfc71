"""One whole call through the real functions, shown as it happens and checked afterwards.

No account and no Docker: moto is AWS, the simulator is Telnyx, everything is on loopback. The call's own time runs as
fast as the machine can, and every limit is far above what anything but a hang takes, so it does not matter how fast
that is. An answer that took longer than Telnyx would have waited is reported, and is not a failure.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookline.call_report import call_document, waiting_commands
from hookline.recordings.storage import Bucket
from hookline_local.cli.demo_checks import DUPLICATED, FORGED, LATE, DemoCheck, Evidence, checks, slow
from hookline_local.cli.demo_operator import Operator
from hookline_local.cli.demo_servers import AudioFile, MediaSink
from hookline_local.cli.live_view import LiveView
from hookline_local.cli.screen import Screen
from hookline_local.cli.stack_start import running
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
from hookline_local.stacks.local import API_KEY, LocalStack
from hookline_local.stacks.resources import StackResources

SCENARIO = Path(__file__).with_name("demo.toml")
STREAM_TOKEN = "the-demo's-own-token"  # noqa: S105 - of a WebSocket server that lives for seconds

PATIENCE = 30.0
"""Factor on every time limit of AWS and Telnyx."""
CALL_LIMIT_SECONDS = 300.0
"""Only a hang takes longer."""
BACKGROUND_LIMIT_SECONDS = 120.0
"""After the call: for the recording to be archived and the queues to empty. A permanent failure takes all of it."""


class DemoView(LiveView):
    """Shows and records all traffic between Telnyx and the functions, and opens the media server in time."""

    def __init__(self, screen: Screen, media: MediaSink) -> None:
        super().__init__(screen, when=self._call_seconds, labels=False)
        self.media = media
        self.leg: Leg | None = None
        self.operator: Operator | None = None
        self.sendings: list[Sending] = []
        self.answers: list[Answered] = []
        self.commands: list[CommandReceived] = []
        self.faults: list[str] = []

    def on_observation(self, what: Observation) -> None:
        """One observation of the simulator."""
        if isinstance(what, Answered):
            self.answers.append(what)
        elif isinstance(what, CommandReceived):
            self.commands.append(what)
        elif isinstance(what, Sending) and what.event_type == "streaming.failed":
            self.media.open()
        super().on_observation(what)
        if isinstance(what, Sending):
            self.sendings.append(what)
        if isinstance(what, Answered) and what.event_type == "call.dtmf.received":
            self._key_answered()

    def _key_answered(self) -> None:
        """Let the operator act once the key has resumed the recording."""
        has_resumed = any(command.action == "record_resume" for command in self.commands)
        if has_resumed and self.leg is not None and self.operator is not None:
            self.operator.act(self.leg)

    def log(self, line: LogLine) -> None:
        """One log line of a function; errors are recorded."""
        if line.fault:
            self.faults.append(f"{line.function_id}: {line.text.strip()}")
            self.screen.detail(f"{line.function_id}: {line.text.strip().splitlines()[0]}")

    def note(self, sending: Sending) -> str:
        """Anything unusual about this delivery."""
        first = all(earlier.event_type != LATE for earlier in self.sendings)
        return "late: others have overtaken it" if sending.event_type == LATE and first else super().note(sending)

    def _call_seconds(self) -> str:
        return "" if self.leg is None else f"{self.leg.clock.elapsed():.1f} s"


def parameters(stream_url: str, audio_url: str) -> dict[str, str]:
    """The stack's parameters for the demo: every feature of the call flow, with the demo's own servers."""
    return {
        "LineStreamUrl": stream_url,
        "LineStreamAuthToken": STREAM_TOKEN,
        "LineAudioUrl": audio_url,
        "LineRecordFormat": "wav",
    }


@dataclass(frozen=True, kw_only=True)
class Played:
    """A finished demo. content: of the table, the bucket and the queues, for a program. Times in seconds."""

    evidence: Evidence
    resources: StackResources
    content: Mapping[str, Any]
    ready_seconds: float
    seconds: float


async def run(template: Path, screen: Screen) -> bool:
    """Play and check the call; whether every check holds. Leaves nothing running."""
    played = await play(template, screen)
    results = list(checks(played.evidence))
    show(screen, played, results)
    screen.document(_document(played, results))
    return all(check.holds for check in results)


async def play(template: Path, screen: Screen) -> Played:
    """Start everything, play the call, collect its results, stop everything."""
    began = time.monotonic()
    scenario = read_scenario(SCENARIO)
    media = MediaSink()
    try:
        config = Config(api_key=API_KEY, speed=0, seed=1, patience=PATIENCE)
        async with AudioFile(seconds=20) as audio, serve(config) as telnyx:
            stack = LocalStack(
                template,
                parameters=parameters(media.url, audio.url),
                telnyx_base_url=telnyx.api_base_url,
                patience=PATIENCE,
            )
            view = DemoView(screen, media)
            stack.on_log = view.log
            screen.paragraph("Starting AWS (moto), Telnyx (a simulator) and the stack of template.yaml ...", "dim")
            async with running(stack, template):
                ready = time.monotonic() - began
                screen.paragraph(f"Ready after {ready:.1f} s. Telnyx delivers to {stack.webhook_url}", "dim")
                evidence, resources = await _call(telnyx, stack, scenario, view)
                content = await asyncio.to_thread(_collect, evidence, resources)
    finally:
        await media.close()
    return Played(
        evidence=evidence, resources=resources, content=content, ready_seconds=ready, seconds=time.monotonic() - began
    )


def _document(played: Played, results: Sequence[DemoCheck]) -> dict[str, Any]:
    return {
        "ok": all(check.holds for check in results),
        "seconds": round(played.seconds, 2),
        "ready_seconds": round(played.ready_seconds, 2),
        "checks": [check.to_dict() for check in results],
        "slow": slow(played.evidence),
        "webhooks": [
            {
                "event_type": answer.event_type,
                "fault": answer.fault,
                "attempt": answer.attempt,
                "status": answer.status,
                "milliseconds": round(answer.milliseconds, 1),
                "answer": answer.answer,
            }
            for answer in played.evidence.answers
        ],
        "commands": [
            {"action": command.action, "status": command.status, "code": command.code, "repeated": command.repeated}
            for command in played.evidence.commands_received
        ],
        **played.content,
    }


async def _call(
    telnyx: TelnyxSimulator, stack: LocalStack, scenario: Scenario, view: DemoView
) -> tuple[Evidence, StackResources]:
    """One call from ring to archived recording. What is not finished in time fails a check."""
    telnyx.send_webhooks_to(stack.webhook_url)
    resources = StackResources.of_template(stack.template, stack.aws_endpoint)
    view.screen.heading(f"{scenario.from_number} calls {scenario.to_number}")
    view.screen.paragraph(f"  One webhook twice ({DUPLICATED}), one late ({LATE}), one forged ({FORGED}).", "dim")
    view.operator = Operator(view.screen, stack.url, limit_seconds=CALL_LIMIT_SECONDS)
    view.leg = leg = telnyx.place_inbound_call(scenario=scenario)
    stack.api_time = lambda: leg.clock.now().timestamp()
    telnyx.observe(view.on_observation)
    session = view.leg.session
    try:
        async with asyncio.timeout(CALL_LIMIT_SECONDS):
            await session.settled()
            await view.operator.finish()
    except TimeoutError:
        view.faults.append(f"the call had not ended after {CALL_LIMIT_SECONDS:.0f} s")
    view.screen.detail("the recording is archived ...")
    await resources.settle(view.leg.call_leg_id, within_seconds=BACKGROUND_LIMIT_SECONDS)
    recordings = [recording.file() for recording in telnyx.recordings()]
    greeting = stack.template.environment_of("CallAnsweredFunction")["LINE_GREETING"]
    evidence = Evidence(
        leg_id=view.leg.call_leg_id,
        sendings=view.sendings,
        answers=view.answers,
        commands_received=view.commands,
        at_telnyx=[
            {"size": file.size, "sha256": hashlib.sha256(file.read(0, file.size)).hexdigest()} for file in recordings
        ],
        utterances=[greeting, *(step.speak for step in scenario.steps if step.speak)],
        stream=view.media.events,
        stream_token_shown=view.media.token == STREAM_TOKEN,
        scenario_failed=session.scenario_failed,
        operator=view.operator.answers,
        faults=view.faults,
    )
    return evidence, resources


def _collect(evidence: Evidence, resources: StackResources) -> dict[str, Any]:
    """Add the content of the table, the bucket and the queues to the evidence; the same for a program."""
    record = resources.journal.read(evidence.leg_id)
    evidence.document = call_document(record, Bucket(resources.s3, resources.bucket)) if record else None
    evidence.item_keys = resources.item_keys()
    evidence.objects = resources.objects()
    later = [command for command in waiting_commands(record) if command.get("delay_seconds")] if record else []
    evidence.waiting = resources.waiting()
    evidence.waiting_for_later = len(later)
    return {
        **(evidence.document or {"call": None, "events": [], "transcript": [], "recordings": []}),
        "dynamodb": {"table": resources.table, "items": [{"pk": pk, "sk": sk} for pk, sk in evidence.item_keys]},
        "s3": {"bucket": resources.bucket, "objects": list(evidence.objects)},
        "queues": dict(evidence.waiting),
    }


def show(screen: Screen, played: Played, results: Sequence[DemoCheck]) -> None:
    """The call's results for a person."""
    evidence, resources, seconds = played.evidence, played.resources, played.seconds
    if evidence.document:
        screen.call_report(evidence.document, recordings=False)
    screen.heading(f"DynamoDB: {resources.table}")
    for kind, number in _kinds(evidence.item_keys).items():
        screen.field(kind, f"{number} item{'s' if number > 1 else ''}")
    screen.heading(f"S3: {resources.bucket}")
    archived = {
        recording["key"]: recording
        for recording in (evidence.document or {}).get("recordings", ())
        if "key" in recording
    }
    for found in evidence.objects:
        screen.recording(archived.get(found["key"], {}) | found)
    screen.heading("Checks")
    screen.checks(results)
    for text in slow(evidence):
        screen.paragraph(f"slow: {text}", "yellow")
    screen.paragraph()
    wrong = sum(not check.holds for check in results)
    if wrong:
        screen.paragraph(f"{wrong} of {len(results)} checks failed, after {seconds:.1f} s.", "bold red")
    else:
        screen.paragraph(
            f"All {len(results)} checks hold, after {seconds:.1f} s. Nothing is left running.", "bold green"
        )
        screen.paragraph("Next: make local rings and shows calls in a browser; docs/tutorial.md makes the line yours.")


def _kinds(item_keys: Sequence[tuple[str, str]]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for _, key in item_keys:
        kind = key.partition("#")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    return dict(sorted(kinds.items()))
