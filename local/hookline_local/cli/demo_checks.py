"""What must be so after the demo's call: sentences, each held against what was seen. Values only; nothing is fetched.

Every sentence is about what was observed outside the functions: by Telnyx (the simulator), the media server, the table,
the bucket, the queues.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hookline_local.simulator.observations import Answered, CommandReceived, Sending

ANSWERED_WITHIN_MILLISECONDS = 2000
"""Telnyx waits no longer (developers.telnyx.com, webhook fundamentals)."""

DUPLICATED, LATE, FORGED = "call.answered", "call.speak.started", "call.dtmf.received"
"""The types of the three webhooks that go wrong; demo.toml makes them."""

TOLD = {
    "answer": 1,
    "record_start": 1,
    "transcription_start": 2,
    "streaming_start": 2,
    "speak": 2,
    "playback_start": 1,
    "record_pause": 1,
    "record_resume": 1,
    "playback_stop": 1,
    "record_stop": 1,
    "transcription_stop": 2,
    "streaming_stop": 1,
    "hangup": 1,
}
"""What a call of the demo's scenario has to be told, and how often."""


class Check(NamedTuple):
    """holds: whether it is so. seen: what was seen instead, or a figure."""

    holds: bool
    sentence: str
    seen: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.holds, "check": self.sentence, "seen": self.seen}


@dataclass(kw_only=True)
class Evidence:
    """Everything that was seen.

    document: the call as `hookline calls show` gives it, None when the journal does not know it. item_keys: of all
    items, (partition, sort key). objects: {key, size, sha256} in the bucket. at_telnyx: {size, sha256} of each
    recording as Telnyx has it. waiting: messages by queue. said: what was said on the line while it was transcribed.
    stream: how many messages of each kind the media server got. faults: what the functions logged as errors.
    """

    leg_id: str
    sendings: Sequence[Sending] = ()
    answers: Sequence[Answered] = ()
    told: Sequence[CommandReceived] = ()
    document: Mapping[str, Any] | None = None
    item_keys: Sequence[tuple[str, str]] = ()
    objects: Sequence[Mapping[str, Any]] = ()
    at_telnyx: Sequence[Mapping[str, Any]] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    said: Sequence[str] = ()
    stream: Mapping[str, int] = field(default_factory=dict)
    stream_token_shown: bool = False
    scenario_failed: str | None = None
    faults: Sequence[str] = ()

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return self.document["events"] if self.document else ()

    @property
    def genuine(self) -> list[Answered]:
        return [one for one in self.answers if one.fault != "forge"]

    @property
    def commands(self) -> list[CommandReceived]:
        """What was obeyed, or refused: not the questions, and not what was only said again."""
        return [one for one in self.told if "/" not in one.action and not one.repeated]


def checks(seen: Evidence) -> Iterator[Check]:
    """All of them, in the order of the call."""
    yield Check(
        seen.scenario_failed is None,
        "The caller could do everything that the scenario says.",
        seen.scenario_failed or "",
    )
    yield _answered(seen)
    yield _forged(seen)
    yield _duplicate(seen)
    yield _late(seen)
    yield _nothing_lost(seen)
    yield _told(seen)
    yield _twice(seen)
    yield _refused(seen)
    yield _streaming(seen)
    yield _call(seen)
    yield _transcript(seen)
    yield _recording(seen)
    left = {name: number for name, number in seen.waiting.items() if number}
    yield Check(not left, "All queues are empty, the dead-letter queues too.", _counted(left))
    yield Check(
        not seen.faults,
        "No function failed or logged an error.",
        f"{len(seen.faults)}: {seen.faults[0]}" if seen.faults else "",
    )


def _answered(seen: Evidence) -> Check:
    wrong = [
        f"{one.event_type} {one.status or one.problem} after {one.milliseconds:.0f} ms"
        for one in seen.genuine
        if one.status != 200 or one.milliseconds >= ANSWERED_WITHIN_MILLISECONDS
    ]
    slowest = max((one.milliseconds for one in seen.genuine), default=0)
    return Check(
        bool(seen.genuine) and not wrong,
        "Every webhook of Telnyx's was answered 200 within 2 s.",
        ", ".join(wrong) or f"{len(seen.genuine)} of them; the slowest, a cold start, took {slowest:.0f} ms",
    )


def _forged(seen: Evidence) -> Check:
    statuses = [one.status for one in seen.answers if one.fault == "forge"]
    return Check(
        statuses == [401], "The forged webhook was answered 401.", "" if statuses == [401] else f"answered {statuses}"
    )


def _duplicate(seen: Evidence) -> Check:
    copies = [one for one in seen.genuine if one.event_type == DUPLICATED]
    ids = {one.event_id for one in copies}
    journalled = [event for event in seen.events if event["id"] in ids]
    return Check(
        len(copies) == 2 and len(ids) == 1 and len(journalled) == 1,
        f"The duplicate of {DUPLICATED} was journalled once.",
        f"{len(copies)} deliveries, {len(journalled)} in the journal",
    )


def _late(seen: Evidence) -> Check:
    """Out of order on the way in, in its place in the journal."""
    moments = {event["id"]: event["occurred_at"] for event in seen.events}
    arrivals = list(
        dict.fromkeys(one.event_id for one in seen.sendings if one.fault != "forge" and one.event_id in moments)
    )
    late = next((one.event_id for one in seen.sendings if one.event_type == LATE), None)
    if late not in arrivals:
        return Check(False, f"The late {LATE} stands in its place in the journal.", "it was not journalled")
    before = arrivals[: arrivals.index(late)]
    overtaken = any(moments[other] > moments[late] for other in before)
    ordered = [event["occurred_at"] for event in seen.events]
    return Check(
        overtaken and ordered == sorted(ordered),
        f"The late {LATE} stands in its place in the journal.",
        "" if overtaken else "nothing had overtaken it",
    )


def _nothing_lost(seen: Evidence) -> Check:
    sent = {one.event_id for one in seen.sendings if one.fault != "forge"}
    kept = {key.rpartition("#")[2] for _, key in seen.item_keys if key.startswith(("EVENT#", "TRANSCRIPT#"))}
    number = sum(1 for _, key in seen.item_keys if key.startswith(("EVENT#", "TRANSCRIPT#")))
    return Check(
        sent == kept and number == len(kept),
        "The table holds every event once, and nothing that a stranger sent.",
        f"{number} items" if sent == kept else f"{len(sent - kept)} missing, {len(kept - sent)} too many",
    )


def _told(seen: Evidence) -> Check:
    obeyed = Counter(one.action for one in seen.commands if one.status is not None and one.status < 300)
    missing, more = Counter(TOLD) - obeyed, obeyed - Counter(TOLD)
    wrong = [f"missing {_counted(missing)}"] if missing else []
    wrong += [f"too many: {_counted(more)}"] if more else []
    return Check(
        not wrong, "Telnyx was told all that the line is made of.", "; ".join(wrong) or f"{sum(TOLD.values())} commands"
    )


def _twice(seen: Evidence) -> Check:
    ids = Counter(one.command_id for one in seen.commands if one.status is not None and one.status < 300)
    twice = [str(command_id) for command_id, number in ids.items() if number > 1 or command_id is None]
    repeated = sum(1 for one in seen.told if one.repeated)
    told = f"{repeated} said again under the same id, which Telnyx ignores" if repeated else ""
    return Check(not twice, "No command was obeyed twice.", ", ".join(twice) or told)


def _refused(seen: Evidence) -> Check:
    results = [
        f"{one['action']} {one['result']} {one.get('code') or ''}".strip()
        for event in seen.events
        for one in event["commands"]
        if one["result"] in ("refused", "expired") or one.get("final", {}).get("result") in ("refused", "expired")
    ]
    results += [
        f"{one.action} {one.status} {one.code or ''}".strip() for one in seen.commands if (one.status or 500) >= 300
    ]
    return Check(not results, "Telnyx refused nothing.", ", ".join(dict.fromkeys(results)))


def _streaming(seen: Evidence) -> Check:
    types = Counter(event["event_type"] for event in seen.events)
    retried = (types["streaming.failed"], types["streaming.started"]) == (1, 1)
    whole = seen.stream.get("start") == 1 and seen.stream.get("stop") == 1 and seen.stream.get("media", 0) > 0
    said = f"{seen.stream.get('media', 0)} frames of sound arrived"
    if not (retried and whole and seen.stream_token_shown):
        token = "" if seen.stream_token_shown else ", no auth token"
        counts = f"failed {types['streaming.failed']}, started {types['streaming.started']}"
        said = f"{counts}, messages {dict(seen.stream)}{token}"
    return Check(retried and whole and seen.stream_token_shown, "Streaming failed once and was tried again.", said)


def _call(seen: Evidence) -> Check:
    call = seen.document["call"] if seen.document else {}
    good = (
        call.get("status") == "ended"
        and call.get("direction") == "incoming"
        and bool(call.get("answered_at"))
        and call.get("hangup_cause") == "normal_clearing"
        and call.get("call_leg_id") == seen.leg_id
        and call.get("streaming") is False
    )
    return Check(
        good,
        "The call has ended, hung up by us after the goodbye.",
        f"{call.get('status')}, {call.get('hangup_cause')}",
    )


def _transcript(seen: Evidence) -> Check:
    heard = [segment["text"] for segment in seen.document["transcript"]] if seen.document else []
    missing = [text for text in seen.said if text not in heard]
    return Check(
        bool(seen.said) and sorted(heard) == sorted(seen.said),
        "The transcript holds every sentence, once.",
        f"missing: {missing[0]}" if missing else f"{len(heard)} of {len(seen.said)}",
    )


def _recording(seen: Evidence) -> Check:
    """The same bytes at Telnyx, in the bucket, and in the journal's own words."""
    sentence = "The recording lies in the bucket, byte for byte as Telnyx has it."
    kept = [recording for recording in (seen.document or {}).get("recordings", ()) if "key" in recording]
    if len(kept) != 1 or len(seen.at_telnyx) != 1:
        faults = [str(one.get("fault")) for one in (seen.document or {}).get("recordings", ()) if one.get("fault")]
        why = f": {faults[0]}" if faults else ""
        return Check(False, sentence, f"{len(kept)} kept, {len(seen.at_telnyx)} at Telnyx{why}")
    found = next((one for one in seen.objects if one["key"] == kept[0]["key"]), None)
    if found is None:
        return Check(False, sentence, f"there is no {kept[0]['key']}")
    wanted = (seen.at_telnyx[0]["size"], seen.at_telnyx[0]["sha256"])
    same = wanted == (found["size"], found["sha256"]) == (kept[0]["size"], kept[0]["sha256"])
    # Telnyx counts the pause too, so the archiver remarks that the file is shorter than that.
    text = "; ".join([f"{found['size']:,} bytes", *(kept[0].get("remarks") or [])])
    return Check(same, sentence, text if same else "size or SHA-256 differ")


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} x {name}" if number > 1 else name for name, number in numbers.items())
