"""The checks of the demo's call: sentences, each compared with what was observed. Nothing is fetched here.

Every sentence is about what was observed outside the functions: by Telnyx (the simulator), the media server, the table,
the bucket, the queues.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hookline.api.steering import ACTION_EVENT
from hookline.recordings.findings import Finding, describe, describe_all, findings_of
from hookline_local.cli.demo_operator import ACTIONS, ActionAnswer
from hookline_local.simulator.observations import Answered, CommandReceived, Sending

ANSWERED_WITHIN_MILLISECONDS = 2000
"""The time that Telnyx waits (developers.telnyx.com, webhook fundamentals). A busy laptop may take longer."""

DUPLICATED, LATE, FORGED = "call.answered", "call.speak.started", "call.dtmf.received"
"""The types of the three webhooks that go wrong; demo.toml makes them."""

EVENT_PREFIXES = ("CALL#", "EVENT#", "KEY#", "STALE#", "TRANSCRIPT#")
"""Sort keys of journalled events begin with one of these."""

COMMANDS = {
    "answer": 1,
    "record_start": 1,
    "transcription_start": 2,
    "streaming_start": 2,
    "speak": 2,
    "playback_start": 1,
    "record_pause": 2,
    "record_resume": 2,
    "playback_stop": 1,
    "record_stop": 1,
    "transcription_stop": 2,
    "streaming_stop": 1,
    "hangup": 1,
}
"""The commands of the demo's call, and how often each is sent: a pause and a resume come from its operator."""


class DemoCheck(NamedTuple):
    """seen: what was observed instead, or a figure."""

    holds: bool
    sentence: str
    seen: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.holds, "check": self.sentence, "seen": self.seen}


@dataclass(kw_only=True)
class Evidence:
    """Everything that was observed.

    document: the call as `hookline calls show` gives it, None when it is not journalled. item_keys: of all
    items, (partition, sort key). objects: {key, size, sha256} in the bucket. at_telnyx: {size, sha256} of each
    recording as Telnyx has it. waiting: messages by queue; so many of the command queue
    are to be sent later, if the call has not ended by then. utterances: on the line while it was transcribed.
    operator: the answers of the calls API to the operator. stream: how many messages of each kind the media server got.
    faults: what the functions logged as errors.
    """

    leg_id: str
    sendings: Sequence[Sending] = ()
    answers: Sequence[Answered] = ()
    commands_received: Sequence[CommandReceived] = ()
    document: Mapping[str, Any] | None = None
    item_keys: Sequence[tuple[str, str]] = ()
    objects: Sequence[Mapping[str, Any]] = ()
    at_telnyx: Sequence[Mapping[str, Any]] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    waiting_for_later: int = 0
    utterances: Sequence[str] = ()
    stream: Mapping[str, int] = field(default_factory=dict)
    stream_token_shown: bool = False
    scenario_failed: str | None = None
    operator: Sequence[ActionAnswer] = ()
    faults: Sequence[str] = ()

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return self.document["events"] if self.document else ()

    @property
    def genuine(self) -> list[Answered]:
        return [answer for answer in self.answers if answer.fault != "forge"]

    @property
    def commands(self) -> list[CommandReceived]:
        """Those that were executed or refused: no queries, no repetitions."""
        return [command for command in self.commands_received if "/" not in command.action and not command.repeated]

    @property
    def executed(self) -> list[CommandReceived]:
        """Those that Telnyx accepted."""
        return [command for command in self.commands if command.status is not None and command.status < 300]


def checks(seen: Evidence) -> Iterator[DemoCheck]:
    """Every check, in the order of the call."""
    yield DemoCheck(
        seen.scenario_failed is None,
        "The caller played the whole scenario.",
        seen.scenario_failed or "",
    )
    yield _answered(seen)
    yield _forged(seen)
    yield _duplicate(seen)
    yield _late(seen)
    yield _nothing_lost(seen)
    yield _commands(seen)
    yield _operator(seen)
    yield _twice(seen)
    yield _refused(seen)
    yield _streaming(seen)
    yield _call(seen)
    yield _transcript(seen)
    yield _recording(seen)
    left = Counter(seen.waiting) - Counter(CommandQueue=seen.waiting_for_later)
    yield DemoCheck(
        not left, "Nothing that is due is left in a queue, nothing at all in a dead-letter queue.", _counted(left)
    )
    yield DemoCheck(
        not seen.faults,
        "No function failed or logged an error.",
        f"{len(seen.faults)}: {seen.faults[0]}" if seen.faults else "",
    )


def slow(seen: Evidence) -> list[str]:
    """A sentence for each answer later than Telnyx waits. It is about the machine, and not a failure."""
    return [
        f"{answer.event_type} was answered after {answer.milliseconds:.0f} ms; Telnyx waits for 2000 and delivers again"
        for answer in seen.genuine
        if answer.milliseconds >= ANSWERED_WITHIN_MILLISECONDS
    ]


def _answered(seen: Evidence) -> DemoCheck:
    wrong = [
        f"{answer.event_type} {answer.status or answer.problem} after {answer.milliseconds:.0f} ms"
        for answer in seen.genuine
        if answer.status != 200
    ]
    slowest = max((answer.milliseconds for answer in seen.genuine), default=0)
    return DemoCheck(
        bool(seen.genuine) and not wrong,
        "Every webhook of Telnyx's was answered 200.",
        ", ".join(wrong) or f"{len(seen.genuine)} of them; the slowest, a cold start, took {slowest:.0f} ms",
    )


def _forged(seen: Evidence) -> DemoCheck:
    statuses = [answer.status for answer in seen.answers if answer.fault == "forge"]
    return DemoCheck(
        statuses == [401], "The forged webhook was answered 401.", "" if statuses == [401] else f"answered {statuses}"
    )


def _duplicate(seen: Evidence) -> DemoCheck:
    copies = [answer for answer in seen.genuine if answer.event_type == DUPLICATED]
    ids = {answer.event_id for answer in copies}
    journalled = [event for event in seen.events if event["id"] in ids]
    return DemoCheck(
        len(copies) == 2 and len(ids) == 1 and len(journalled) == 1,
        f"The duplicate of {DUPLICATED} was journalled once.",
        f"{len(copies)} deliveries, {len(journalled)} in the journal",
    )


def _late(seen: Evidence) -> DemoCheck:
    """Out of order on its way in, in order in the journal."""
    sentence = f"The late {LATE} is in order in the journal."
    timestamps = {event["id"]: event["occurred_at"] for event in seen.events}
    genuine = [sending for sending in seen.sendings if sending.fault != "forge"]
    arrivals = list(dict.fromkeys(sending.event_id for sending in genuine if sending.event_id in timestamps))
    late = next((sending.event_id for sending in seen.sendings if sending.event_type == LATE), None)
    if late not in arrivals:
        return DemoCheck(False, sentence, "it was not journalled")
    earlier = arrivals[: arrivals.index(late)]
    overtaken = any(timestamps[event_id] > timestamps[late] for event_id in earlier)
    ordered = [event["occurred_at"] for event in seen.events]
    return DemoCheck(
        overtaken and ordered == sorted(ordered), sentence, "" if overtaken else "nothing had overtaken it"
    )


def _nothing_lost(seen: Evidence) -> DemoCheck:
    sent = {sending.event_id for sending in seen.sendings if sending.fault != "forge"}
    own = tuple(event["id"] for event in seen.events if event["event_type"] == ACTION_EVENT)
    keys = [key for _, key in seen.item_keys if key.startswith(EVENT_PREFIXES) and "#RESULT#" not in key]
    keys = [key for key in keys if not key.endswith(own)]
    journalled = {key.rpartition("#")[2] for key in keys}
    return DemoCheck(
        sent == journalled and len(keys) == len(journalled),
        "The table holds every event once, and no forged one.",
        f"{len(keys)} items"
        if sent == journalled
        else f"{len(sent - journalled)} missing, {len(journalled - sent)} too many",
    )


def _commands(seen: Evidence) -> DemoCheck:
    executed = Counter(command.action for command in seen.executed)
    missing, more = Counter(COMMANDS) - executed, executed - Counter(COMMANDS)
    wrong = [f"missing {_counted(missing)}"] if missing else []
    wrong += [f"too many: {_counted(more)}"] if more else []
    return DemoCheck(
        not wrong,
        "Every command of the call flow was executed.",
        "; ".join(wrong) or f"{len(seen.executed)} commands",
    )


def _operator(seen: Evidence) -> DemoCheck:
    actions = [event for event in seen.events if event["event_type"] == ACTION_EVENT]
    results = [command.get("final", {}).get("result") for event in actions for command in event["commands"]]
    accepted = [answer.action for answer in seen.operator if answer.result == "accepted"]
    good = accepted == list(ACTIONS) and results == ["accepted", "accepted"]
    answers = ", ".join(f"{answer.action} {answer.status} {answer.result}" for answer in seen.operator)
    return DemoCheck(
        good, "The operator paused the recording from outside, and resumed it.", answers or "the operator did not act"
    )


def _twice(seen: Evidence) -> DemoCheck:
    ids = Counter(command.command_id for command in seen.executed)
    twice = [str(command_id) for command_id, number in ids.items() if number > 1 or command_id is None]
    repeated = sum(command.repeated for command in seen.commands_received)
    note = f"{repeated} repeated under the same id, which Telnyx ignores" if repeated else ""
    return DemoCheck(not twice, "No command was executed twice.", ", ".join(twice) or note)


def _refused(seen: Evidence) -> DemoCheck:
    results = [
        f"{command['action']} {command['result']} {command.get('code') or ''}".strip()
        for event in seen.events
        for command in event["commands"]
        if {command["result"], command.get("final", {}).get("result")} & {"refused", "expired"}
    ]
    results += [
        f"{command.action} {command.status} {command.code or ''}".strip()
        for command in seen.commands
        if (command.status or 500) >= 300
    ]
    return DemoCheck(not results, "Telnyx refused nothing.", ", ".join(dict.fromkeys(results)))


def _streaming(seen: Evidence) -> DemoCheck:
    sentence = "Streaming failed once and was retried."
    types = Counter(event["event_type"] for event in seen.events)
    retried = (types["streaming.failed"], types["streaming.started"]) == (1, 1)
    frames = seen.stream.get("media", 0)
    complete = seen.stream.get("start") == 1 and seen.stream.get("stop") == 1 and frames > 0
    if retried and complete and seen.stream_token_shown:
        return DemoCheck(True, sentence, f"{frames} frames of sound arrived")
    token = "" if seen.stream_token_shown else ", no auth token"
    counts = f"failed {types['streaming.failed']}, started {types['streaming.started']}"
    return DemoCheck(False, sentence, f"{counts}, messages {dict(seen.stream)}{token}")


def _call(seen: Evidence) -> DemoCheck:
    call = seen.document["call"] if seen.document else {}
    expected = {
        "status": "ended",
        "direction": "incoming",
        "hangup_cause": "normal_clearing",
        "call_leg_id": seen.leg_id,
        "streaming": False,
    }
    good = bool(call.get("answered_at")) and all(call.get(name) == value for name, value in expected.items())
    return DemoCheck(
        good,
        "The call has ended, hung up by us after the goodbye.",
        f"{call.get('status')}, {call.get('hangup_cause')}",
    )


def _transcript(seen: Evidence) -> DemoCheck:
    texts = [segment["text"] for segment in seen.document["transcript"]] if seen.document else []
    missing = [text for text in seen.utterances if text not in texts]
    return DemoCheck(
        bool(seen.utterances) and sorted(texts) == sorted(seen.utterances),
        "The transcript holds every sentence, once.",
        f"missing: {missing[0]}" if missing else f"{len(texts)} of {len(seen.utterances)}",
    )


def _recording(seen: Evidence) -> DemoCheck:
    """The same bytes at Telnyx, in the bucket, and according to the journal."""
    sentence = "The recording is in the bucket, byte for byte as at Telnyx."
    recordings = (seen.document or {}).get("recordings", ())
    archived = [recording for recording in recordings if "key" in recording]
    if len(archived) != 1 or len(seen.at_telnyx) != 1:
        failures = [recording["failure"] for recording in recordings if recording.get("failure")]
        why = f": {describe_all(map(Finding.from_dict, failures[0]))}" if failures else ""
        return DemoCheck(False, sentence, f"{len(archived)} archived, {len(seen.at_telnyx)} at Telnyx{why}")
    found = next((stored for stored in seen.objects if stored["key"] == archived[0]["key"]), None)
    if found is None:
        return DemoCheck(False, sentence, f"{archived[0]['key']} is missing")
    versions = {(version["size"], version["sha256"]) for version in (seen.at_telnyx[0], found, archived[0])}
    # Telnyx counts the pause too, so the archiver remarks that the file is shorter than that.
    text = "; ".join([f"{found['size']:,} bytes", *map(describe, findings_of(archived[0]))])
    return DemoCheck(len(versions) == 1, sentence, text if len(versions) == 1 else "size or SHA-256 differ")


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} x {name}" if number > 1 else name for name, number in numbers.items())
