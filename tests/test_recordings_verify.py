"""hookline_local.verify: every recording that is missing, short or different is reported, and no other."""

from datetime import date
from typing import Any

import pytest

from hookline.recordings import PART_BYTES, Bucket
from hookline_local.verify import days, verify
from keeping import FOLDER, LEG, RECORDING, Stack
from sound import mp3, wav

KEY = f"{FOLDER}/{RECORDING}.wav"


@pytest.fixture(autouse=True)
def a_call_of_that_day(stack: Stack) -> None:
    stack.deliver("call.hangup")


def found(stack: Stack, *on: str, read_all: bool = False) -> dict[str, str]:
    """What is not as it should be, and all that is."""
    findings = list(verify(stack.journal, Bucket(stack.s3, stack.bucket), on or ["2026-11-21"], read_all=read_all))
    assert len({finding.key for finding in findings}) == len(findings)
    assert all(finding.good is (finding.state in ("whole", "elsewhere")) for finding in findings)
    return {finding.key: finding.state for finding in findings}


def kept(stack: Stack, sound: bytes) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound)})
    assert stack.work() == []


LARGE = wav(PART_BYTES / 16_000 + 1)


@pytest.mark.parametrize("sound", [wav(), LARGE])
def test_what_is_whole_is_called_whole(stack: Stack, sound: bytes) -> None:
    kept(stack, sound)
    stack.deliver("call.recording.transcription.saved", transcription_text="Hello.")
    assert stack.work() == []
    assert found(stack) == {KEY: "whole", KEY.replace(".wav", ".txt"): "whole"}
    assert found(stack, read_all=True) == found(stack)


def test_a_recording_in_the_customers_own_storage_is_not_looked_for(stack: Stack) -> None:
    stack.saved(recording_urls={"mp3": "s3://theirs/a"})
    assert stack.work() == []
    assert found(stack) == {"s3://theirs/a": "elsewhere"}


@pytest.mark.parametrize("sound", [wav(), LARGE])
@pytest.mark.parametrize("read_all", [False, True])
def test_missing_short_and_different_are_told_apart(stack: Stack, sound: bytes, read_all: bool) -> None:
    kept(stack, sound)
    changed = sound[:-1] + bytes([sound[-1] ^ 1])
    for content, state in ((sound[:-1], "short"), (sound + b"x", "different"), (changed, "different"), (b"", "short")):
        stack.s3.put_object(Bucket=stack.bucket, Key=KEY, Body=content)
        assert found(stack, read_all=read_all) == {KEY: state}
    stack.s3.put_object(Bucket=stack.bucket, Key=KEY, Body=sound)
    assert found(stack, read_all=read_all) == {KEY: "whole"}
    stack.s3.delete_object(Bucket=stack.bucket, Key=KEY)
    assert found(stack, read_all=read_all) == {KEY: "missing"}


def test_what_was_announced_and_never_kept_is_missing(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3()), "wav": "https://example.com/a.wav"}
    stack.saved(recording_urls=urls)
    assert found(stack) == {f"{RECORDING}.mp3": "missing", f"{RECORDING}.wav": "missing"}
    assert len(stack.work()) == 1
    assert found(stack) == {KEY.replace(".wav", ".mp3"): "whole", f"{RECORDING}.wav": "missing"}
    (missing,) = [
        finding for finding in verify(stack.journal, Bucket(stack.s3, stack.bucket), ["2026-11-21"]) if not finding.good
    ]
    assert (missing.call_leg_id, missing.detail) == (LEG, "a host that is not on the list")


NO_IDS = {"call_leg_id": None, "call_session_id": None, "call_control_id": None}


@pytest.mark.parametrize("ids", [NO_IDS, NO_IDS | {"call_control_id": "v3:alone"}, NO_IDS | {"call_session_id": "s"}])
def test_a_recording_whose_event_names_little_of_its_call_is_found(stack: Stack, ids: dict[str, Any]) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())}, **ids)
    stack.saved(recording_id="promised", recording_urls={"wav": "https://example.com/a.wav"}, **ids)
    assert len(stack.work()) == 1
    (key,) = stack.objects()
    assert found(stack) == {key: "whole", "promised.wav": "missing"}
    # From another day only the bucket leads there.
    stack.saved(
        recording_id="yesterday",
        recording_started_at="2026-11-20T09:00:00.000000Z",
        recording_urls={"wav": stack.links.put("/b.wav", wav())},
        **ids,
    )
    assert stack.work() == []
    assert set(found(stack, "2026-11-20").values()) == {"whole"} | ({"missing"} if ids != NO_IDS else set())


def test_a_recording_announced_in_an_event_too_large_for_the_journals_item_is_found(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "https://example.com/a.wav"}, padding="x" * 100_000)
    assert found(stack) == {f"{RECORDING}.wav": "missing"}
    (key,) = stack.objects("oversize/")
    stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    assert found(stack) == {f"s3://{stack.bucket}/{key}": "missing"}


def test_what_lies_in_the_bucket_without_a_reason_is_reported(stack: Stack) -> None:
    kept(stack, wav())
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{FOLDER}/stray.wav", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/2026/11/21/s/nobody/stray.wav", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/2026/11/21/odd", Body=b"x")
    assert found(stack) == {
        KEY: "whole",
        f"{FOLDER}/stray.wav": "unknown",
        "recordings/2026/11/21/s/nobody/stray.wav": "unknown",
        "recordings/2026/11/21/odd": "unknown",
    }


def test_a_recording_of_a_call_of_another_day_is_found_by_its_own_day(stack: Stack) -> None:
    began = "2026-11-20T23:59:58.000000Z"
    stack.saved(recording_started_at=began, recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    key = KEY.replace("/21/", "/20/", 1)
    assert found(stack, "2026-11-20") == {key: "whole"}
    assert found(stack, "2026-11-20", "2026-11-21") == {key: "whole"}
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    assert found(stack, "2026-11-20") == {key: "short"}


def test_days_are_counted_from_the_first_to_the_last() -> None:
    assert days(date(2026, 2, 27), date(2026, 3, 1)) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days(date(2026, 3, 1), date(2026, 2, 27)) == []
