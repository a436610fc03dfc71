"""hookline.recordings.audit: every recording that is missing, short or different is reported, and no other."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hookline.recordings.audit import AuditResult, days, verify, verify_call
from hookline.recordings.findings import Severity
from hookline.recordings.storage import PART_BYTES, Bucket
from hookline_local.cli.recordings_check import verify_recordings
from hookline_local.cli.screen import Screen
from hookline_local.stacks.resources import StackResources
from tests.support.recording_stack import FOLDER, IDENTITY, LEG, RECORDING, Stack
from tests.support.sound import mp3, wav

KEY = f"{FOLDER}/{RECORDING}.wav"


@pytest.fixture(autouse=True)
def a_call_of_that_day(stack: Stack) -> None:
    stack.deliver("call.hangup")


def results(stack: Stack, *on: str, read_all: bool = False) -> list[AuditResult]:
    """The result for every key; each once."""
    results = list(verify(stack.journal, Bucket(stack.s3, stack.bucket), on or ["2026-11-21"], read_all=read_all))
    assert len({result.key for result in results}) == len(results)
    for result in results:
        assert result.ok is all(finding.severity < Severity.ERROR for finding in result.findings)
    return results


def codes(result: AuditResult) -> str:
    return " ".join(finding.code for finding in result.findings) or "intact"


def found(stack: Stack, *on: str, read_all: bool = False) -> dict[str, str]:
    """The codes by key."""
    return {result.key: codes(result) for result in results(stack, *on, read_all=read_all)}


def wrong(stack: Stack) -> dict[str, str]:
    """The codes by key, of the results that are not ok."""
    return {result.key: codes(result) for result in results(stack) if not result.ok}


def archived(stack: Stack, sound: bytes) -> None:
    stack.saved(seconds=len(sound) / 16_000, recording_urls={"wav": stack.links.put("/a.wav", sound)})
    assert stack.work() == []


LARGE = wav(PART_BYTES / 16_000 + 1)


@pytest.mark.parametrize("sound", [wav(), LARGE])
def test_what_is_intact_has_no_findings(stack: Stack, sound: bytes) -> None:
    archived(stack, sound)
    stack.deliver("call.recording.transcription.saved", transcription_text="Hello.")
    assert stack.work() == []
    assert found(stack) == {KEY: "intact", KEY.replace(".wav", ".txt"): "intact"}
    assert found(stack, read_all=True) == found(stack)


def test_a_recording_in_the_customers_own_storage_is_not_looked_for(stack: Stack) -> None:
    stack.saved(recording_urls={"mp3": "s3://theirs/a"})
    assert stack.work() == []
    assert found(stack) == {"s3://theirs/a": "in_external_storage"}


@pytest.mark.parametrize("sound", [wav(), LARGE])
@pytest.mark.parametrize("read_all", [False, True])
def test_missing_and_different_objects_are_distinguished(stack: Stack, sound: bytes, read_all: bool) -> None:
    archived(stack, sound)
    changed = sound[:-1] + bytes([sound[-1] ^ 1])
    size, checksum = "size_differs", "checksum_differs"
    for content, code in ((sound[:-1], size), (sound + b"x", size), (changed, checksum), (b"", size)):
        stack.s3.put_object(Bucket=stack.bucket, Key=KEY, Body=content)
        assert found(stack, read_all=read_all) == {KEY: code}
        (finding,) = results(stack)[0].findings
        sizes = {"actual_bytes": len(content), "expected_bytes": len(sound)}
        assert finding.figures == (sizes if code == size else {})
    stack.s3.put_object(Bucket=stack.bucket, Key=KEY, Body=sound)
    assert found(stack, read_all=read_all) == {KEY: "intact"}
    stack.s3.delete_object(Bucket=stack.bucket, Key=KEY)
    assert found(stack, read_all=read_all) == {KEY: "missing"}


def test_the_peaks_of_a_recording_belong_to_it_and_are_missed_as_what_can_be_done_without(stack: Stack) -> None:
    archived(stack, wav())
    (peaks,) = stack.peaks()
    assert found(stack) == {KEY: "intact"}
    stack.s3.delete_object(Bucket=stack.bucket, Key=peaks)
    assert found(stack) == {KEY: "intact", peaks: "peaks_missing"}
    assert wrong(stack) == {}
    stray = f"{FOLDER}/stray.wav.peaks.json"
    stack.s3.put_object(Bucket=stack.bucket, Key=stray, Body=b"{}")
    assert wrong(stack) == {stray: "not_in_journal"}


def test_what_was_announced_and_never_archived_is_missing(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3()), "wav": "https://example.com/a.wav"}
    stack.saved(recording_urls=urls)
    assert found(stack) == {f"{RECORDING}.mp3": "not_archived", f"{RECORDING}.wav": "not_archived"}
    assert len(stack.work()) == 1
    assert found(stack) == {KEY.replace(".wav", ".mp3"): "intact", f"{RECORDING}.wav": "not_archived link_forbidden"}
    (missing,) = [result for result in results(stack) if not result.ok]
    assert (missing.call_leg_id, missing.findings[1].figures) == (LEG, {"reason": "host_not_allowed"})


EXPIRED_LINK = {"code": "link_expired", "figures": {"http_status": 403}, "causes": []}

NO_IDS = {"call_leg_id": None, "call_session_id": None, "call_control_id": None}


@pytest.mark.parametrize("ids", [NO_IDS, NO_IDS | {"call_control_id": "v3:alone"}, NO_IDS | {"call_session_id": "s"}])
def test_a_recording_whose_event_names_little_of_its_call_is_found(stack: Stack, ids: dict[str, Any]) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())}, **ids)
    stack.saved(recording_id="promised", recording_urls={"wav": "https://example.com/a.wav"}, **ids)
    assert len(stack.work()) == 1
    (key,) = stack.objects()
    assert found(stack) == {key: "intact", "promised.wav": "not_archived link_forbidden"}
    # From another day only the bucket leads there.
    stack.saved(
        recording_id="yesterday",
        recording_started_at="2026-11-20T09:00:00.000000Z",
        recording_ended_at="2026-11-20T09:00:02.000000Z",
        recording_urls={"wav": stack.links.put("/b.wav", wav())},
        **ids,
    )
    assert stack.work() == []
    assert set(found(stack, "2026-11-20").values()) == {"intact"} | (
        {"not_archived link_forbidden"} if ids != NO_IDS else set()
    )


def test_a_recording_announced_in_an_event_too_large_for_the_journals_item_is_found(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "https://example.com/a.wav"}, padding="x" * 100_000)
    assert found(stack) == {f"{RECORDING}.wav": "not_archived"}
    (key,) = stack.objects("oversize/")
    stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    assert found(stack) == {f"s3://{stack.bucket}/{key}": "event_missing"}


def test_what_lies_in_the_bucket_without_a_reason_is_reported(stack: Stack) -> None:
    archived(stack, wav())
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{FOLDER}/stray.wav", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/2026/11/21/s/unknown/stray.wav", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/2026/11/21/odd", Body=b"x")
    assert found(stack) == {
        KEY: "intact",
        f"{FOLDER}/stray.wav": "not_in_journal",
        "recordings/2026/11/21/s/unknown/stray.wav": "not_in_journal",
        "recordings/2026/11/21/odd": "not_in_journal",
    }


def test_a_recording_of_a_call_of_another_day_is_found_by_its_own_day(stack: Stack) -> None:
    began = "2026-11-20T23:59:58.000000Z"
    ended = "2026-11-21T00:00:00.000000Z"
    urls = {"wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_started_at=began, recording_ended_at=ended, recording_urls=urls)
    assert stack.work() == []
    key = KEY.replace("/21/", "/20/", 1)
    assert found(stack, "2026-11-20") == {key: "intact"}
    assert found(stack, "2026-11-20", "2026-11-21") == {key: "intact"}
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    assert found(stack, "2026-11-20") == {key: "size_differs"}


# A recording that is shorter than what was recorded


def test_a_recording_that_came_cut_is_short(stack: Stack) -> None:
    stack.saved(seconds=1800.0, recording_urls={"wav": stack.links.put("/a.wav", wav(1.0))})
    stack.saved(recording_id="cut", recording_urls={"wav": stack.links.put("/b.wav", wav(announced=64_000))})
    stack.saved(recording_id="long", recording_urls={"wav": stack.links.put("/c.wav", wav(60.0))})
    assert stack.work() == []
    assert wrong(stack) == {KEY: "shorter_than_reported", f"{FOLDER}/cut.wav": "header_announces_more"}
    assert found(stack)[f"{FOLDER}/long.wav"] == "longer_than_reported"
    record = stack.journal.read(LEG)
    assert record is not None
    assert all(result.ok for result in verify_call(record, Bucket(stack.s3, stack.bucket), archived_findings=False))


# Transcripts


def test_a_transcript_that_was_announced_and_never_archived_is_missing(stack: Stack) -> None:
    payload = {"transcription_text": "Hello.", "recording_transcription_id": "t1"}
    stack.deliver("call.recording.transcription.saved", event_id="e1", **payload)
    stack.deliver("call.recording.transcription.saved", event_id="e2", **payload)
    assert wrong(stack) == {f"{RECORDING}.t1": "not_archived"}
    (message, _) = stack.waiting()
    stack.run(message)
    assert wrong(stack) == {}
    stack.deliver("call.recording.transcription.saved", event_id="e3", recording_transcription_id=None)
    assert wrong(stack) == {f"{RECORDING}.e3": "not_archived"}
    failure = {"code": "no_transcription", "figures": {}, "event_id": "e3"}
    stack.journal.put_note(IDENTITY, "RECORDING_FAILURE", f"{RECORDING}.txt", failure, at=0)
    assert wrong(stack) == {f"{RECORDING}.e3": "not_archived no_transcription"}


def test_each_of_the_two_files_of_a_transcript_is_looked_for(stack: Stack) -> None:
    archived(stack, wav())
    stack.deliver("call.recording.transcription.saved", transcription_text="Hello.")
    assert stack.work() == []
    for ending in (".txt", ".json"):
        key = KEY.replace(".wav", ending)
        content = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
        assert wrong(stack) == {key: "transcription_missing"}
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=content)
        assert wrong(stack) == {}


# Retention


def command(stack: Stack, capsys: pytest.CaptureFixture[str], day: str, **parameters: int) -> tuple[bool, Any]:
    """`hookline recordings verify` for a stack with these parameters: whether all is well, and the state of each."""
    place = StackResources(
        name="the stack",
        table=stack.settings["TABLE_NAME"],
        bucket=stack.bucket,
        parameters={name: str(value) for name, value in parameters.items()},
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    )
    capsys.readouterr()
    good = verify_recordings(place, day, 1, Screen(as_json=True), read_all=False)
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is good
    findings = {result["key"]: result["findings"] for result in document["results"]}
    return good, {key: " ".join(finding["code"] for finding in written) for key, written in findings.items()}


def age(stack: Stack, *, days_ago: int) -> None:
    """Everything in the journal was written that long ago."""
    written_at = (datetime.now(UTC) - timedelta(days=days_ago, minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for item in stack.dynamodb.scan(TableName=stack.settings["TABLE_NAME"])["Items"]:
        field = "received_at" if "received_at" in item else "occurred_at"
        stack.dynamodb.put_item(TableName=stack.settings["TABLE_NAME"], Item={**item, field: {"S": written_at}})


def forget(stack: Stack, *kinds: str) -> None:
    """These items of the journal are gone: the beginning of their sort keys."""
    for item in stack.dynamodb.scan(TableName=stack.settings["TABLE_NAME"])["Items"]:
        if item["sk"]["S"].startswith(kinds):
            key = {name: item[name] for name in ("pk", "sk")}
            stack.dynamodb.delete_item(TableName=stack.settings["TABLE_NAME"], Key=key)


def test_a_recording_that_the_stack_has_deleted_after_its_days_has_expired(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(stack, wav())
    stack.deliver("call.recording.transcription.saved", transcription_text="Hello.")
    assert stack.work() == []
    keys = [KEY, KEY.replace(".wav", ".txt"), KEY.replace(".wav", ".json")]
    for key in keys:
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    age(stack, days_ago=30)
    expired = dict.fromkeys(keys, "expired")
    missing = dict(zip(keys, ["missing", "transcription_missing", "transcription_missing"], strict=True))
    assert command(stack, capsys, "2026-11-21", RecordingRetentionDays=30) == (True, expired)
    for parameters in ({"RecordingRetentionDays": 31}, {"RecordingRetentionDays": 0}, {"RetentionDays": 30}, {}):
        assert command(stack, capsys, "2026-11-21", **parameters) == (False, missing)


def test_a_recording_that_outlives_its_journal_is_not_unknown(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    began = datetime.now(UTC) - timedelta(days=30)
    stack.saved(
        recording_started_at=began.isoformat(),
        recording_ended_at=began.isoformat(),
        recording_urls={"wav": stack.links.put("/a.wav", wav())},
    )
    assert stack.work() == []
    (key,) = stack.objects("recordings/")
    forget(stack, "")
    day = f"{began:%Y-%m-%d}"
    assert command(stack, capsys, day, RetentionDays=30) == (True, {key: "expired"})
    for parameters in ({"RetentionDays": 31}, {"RetentionDays": 0}, {"RecordingRetentionDays": 30}, {}):
        assert command(stack, capsys, day, **parameters) == (False, {key: "not_in_journal"})


def test_a_note_that_has_expired_before_its_event_is_not_missed(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """DynamoDB takes its time, and deletes in no order."""
    archived(stack, wav())
    stack.deliver("call.recording.transcription.saved", recording_transcription_id="t", transcription_text="Hello.")
    stack.saved(recording_id="large", padding="x" * 100_000)
    stack.waiting()
    (large,) = stack.objects("oversize/")
    stack.s3.delete_object(Bucket=stack.bucket, Key=large)
    forget(stack, "RECORDING")
    for key in (KEY, f"{KEY}.peaks.json"):
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    age(stack, days_ago=30)
    keys = [f"{RECORDING}.wav", f"{RECORDING}.t", f"s3://{stack.bucket}/{large}"]
    expired = dict.fromkeys(keys, "expired")
    missing = dict(zip(keys, ["not_archived", "not_archived", "event_missing"], strict=True))
    assert command(stack, capsys, "2026-11-21", RetentionDays=30) == (True, expired)
    assert command(stack, capsys, "2026-11-21", RetentionDays=31) == (False, missing)
    stack.journal.put_note(IDENTITY, "RECORDING_FAILURE", f"{RECORDING}.wav", EXPIRED_LINK, at=0)
    good, states = command(stack, capsys, "2026-11-21", RetentionDays=30)
    assert (good, states[f"{RECORDING}.wav"]) == (False, "not_archived link_expired")


def test_what_has_expired_is_counted_apart(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    archived(stack, wav())
    stack.saved(recording_id="two", recording_urls={"wav": stack.links.put("/b.wav", wav())})
    assert stack.work() == []
    stack.s3.delete_object(Bucket=stack.bucket, Key=KEY)
    age(stack, days_ago=30)
    place = StackResources(
        name="the stack",
        table=stack.settings["TABLE_NAME"],
        bucket=stack.bucket,
        parameters={"RecordingRetentionDays": "30"},
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    )
    assert verify_recordings(place, "2026-11-21", 1, Screen(), read_all=False)
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 2 is intact, 1 has expired."


# A call that is heard of under several ids


def test_a_recording_of_a_call_that_is_listed_more_than_once_is_found_once(stack: Stack) -> None:
    archived(stack, wav())
    stack.saved(recording_id="promised", recording_urls={"wav": "https://example.com/a.wav"})
    stack.deliver("call.hangup", call_leg_id=None, call_session_id=None)
    assert found(stack) == {KEY: "intact", "promised.wav": "not_archived"}


def test_a_recording_that_names_only_its_session_is_found_once(stack: Stack) -> None:
    stack.deliver("call.hangup", call_leg_id="leg-two", call_control_id="v3:b")
    stack.saved(call_leg_id=None, call_control_id=None, recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    (key,) = stack.objects("recordings/")
    assert found(stack) == {key: "intact"}


def test_the_copies_that_two_events_have_led_to_are_both_looked_at(stack: Stack) -> None:
    """One recording, announced under the leg and under its control id alone: two keys in the bucket, one name."""
    urls = {"wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_urls=urls)
    stack.saved(call_leg_id=None, call_session_id=None, recording_urls=urls)
    assert stack.work() == []
    first, second = stack.objects("recordings/")
    assert found(stack) == {first: "intact", second: "intact"}
    for key in (first, second):
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    assert found(stack) == {first: "size_differs", second: "size_differs"}


# What is odd


@pytest.mark.parametrize("content", [b"junk", b"", b"{}"])
def test_an_event_too_large_for_the_journals_item_that_cannot_be_read_is_reported(stack: Stack, content: bytes) -> None:
    archived(stack, wav())
    stack.saved(recording_id="two", recording_urls={"wav": "https://example.com/a.wav"}, padding="x" * 100_000)
    (key,) = stack.objects("oversize/")
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=content)
    assert found(stack) == {KEY: "intact", f"s3://{stack.bucket}/{key}": "event_unreadable"}


def test_a_recording_is_not_taken_for_another_whose_name_begins_alike(stack: Stack) -> None:
    stack.saved(recording_id="r.2", recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    stack.saved(recording_id="r", recording_urls={})
    assert wrong(stack) == {"r": "not_archived"}


def test_days_are_counted_from_the_first_to_the_last() -> None:
    assert days(date(2026, 2, 27), date(2026, 3, 1)) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days(date(2026, 3, 1), date(2026, 2, 27)) == []
