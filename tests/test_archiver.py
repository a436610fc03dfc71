"""A recording that was promised is kept, whole, however the webhook, the link or the network behaves.

In by the webhook, through the queue, out of the bucket and the journal; AWS is moto over HTTP, what is behind the links
is tests/link_server.py.
"""

import base64
import hashlib
import json
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conftest import Clock, handler
from hookline.archiving import TRIES, Wanted
from hookline.download import DownloadBroken, LinkForbidden, OutOfTime, TooLarge
from hookline.environment import environment
from hookline.errors import HooklineError
from hookline.events import Identity
from hookline.recordings import PART_BYTES
from keeping import FOLDER, IDENTITY, LEG, RECORDING, SESSION, Stack, a_stack, moto_server
from link_server import (
    LinkServer,
    Turn,
    announcing,
    another_rest,
    chunked,
    cut_after,
    dripping,
    encoded,
    endless,
    link_server,
    page,
    redirected,
    status,
)
from sound import mp3, wav

LARGE = wav(PART_BYTES / 16_000 + 30)
"""One whole part and a bit."""


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def links() -> Iterator[LinkServer]:
    with link_server() as server:
        yield server


@pytest.fixture
def stack(aws: str, links: LinkServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with a_stack(aws, links, monkeypatch) as stack:
        yield stack


def until(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


def wanted(stack: Stack) -> Wanted:
    """What waits in the queue, read."""
    (message,) = stack.waiting()
    return Wanted.of(message["body"])


def recorded(links: LinkServer, **record: object) -> None:
    """Telnyx has a recording and gives fresh links to it."""
    links.records[str(record.get("id", RECORDING))] = {
        "id": RECORDING,
        "call_leg_id": LEG,
        "call_session_id": SESSION,
        "recording_started_at": "2026-11-21T09:00:00.000000Z",
        **record,
    }


# It is kept


def test_a_recording_is_in_the_bucket_and_in_the_journal(stack: Stack) -> None:
    sound = mp3(1.8)
    link = stack.links.put("/a.mp3", sound)
    answer = stack.saved(seconds=1.8, recording_urls={"mp3": link}, connection_id="1684641123236054244")
    assert answer == {"status": 200, "event": answer["event"], "told": ["archive: queued"]}
    assert stack.work() == []
    key = f"{FOLDER}/{RECORDING}.mp3"
    assert stack.objects() == {key: sound}
    (note,) = stack.notes()
    sha256 = hashlib.sha256(sound).hexdigest()
    assert note["name"] == f"{RECORDING}.mp3"
    assert (note["bucket"], note["key"], note["size"], note["sha256"]) == (stack.bucket, key, len(sound), sha256)
    assert (note["duration_seconds"], note["format"], note["channels"]) == (1.8, "mp3", "single")
    assert (note["event_id"], note["recording_id"], note["remarks"]) == (answer["event"], RECORDING, [])
    head = stack.s3.head_object(Bucket=stack.bucket, Key=key, ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == sha256
    assert head["ContentType"] == "audio/mpeg"
    assert head["Metadata"] == {
        "recording-id": RECORDING,
        "call-session-id": SESSION,
        "call-leg-id": LEG,
        "call-control-id": "v3:a-leg",
        "connection-id": "1684641123236054244",
        "event-id": answer["event"],
        "recording-started-at": "2026-11-21T09:00:00.000000Z",
        "recording-ended-at": "2026-11-21T09:00:01.800000Z",
        "channels": "single",
        "sha256": sha256,
    }
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "kind": "recording",
        "format": "mp3",
        "channels": "single",
        "connection_id": "1684641123236054244",
        "sha256": sha256,
    }


def test_a_large_recording_goes_in_parts_and_s3_has_checked_the_whole(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE)
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": link})
    assert stack.work() == []
    key = f"{FOLDER}/{RECORDING}.wav"
    assert stack.objects() == {key: LARGE}
    (note,) = stack.notes()
    crc32 = base64.b64encode(zlib.crc32(LARGE).to_bytes(4, "big")).decode()
    head = stack.s3.head_object(Bucket=stack.bucket, Key=key, ChecksumMode="ENABLED")
    assert note["checksum"] == {"ChecksumCRC32": crc32}
    assert head["ChecksumCRC32"] == crc32
    assert head["ETag"].endswith('-2"')
    assert note["sha256"] == hashlib.sha256(LARGE).hexdigest()
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=key)["TagSet"]
    assert {"Key": "sha256", "Value": note["sha256"]} in tags
    assert head["Metadata"]["recording-id"] == RECORDING
    assert stack.unfinished() == []


@pytest.mark.parametrize("size", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 5])
def test_a_recording_of_any_size_is_kept_to_the_byte(stack: Stack, size: int) -> None:
    sound = (4 * LARGE)[:size]
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]
    assert stack.notes()[0]["size"] == size


def test_both_formats_are_kept_when_both_links_are_given(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3()), "wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_urls=urls)
    assert stack.work() == []
    assert set(stack.objects()) == {f"{FOLDER}/{RECORDING}.mp3", f"{FOLDER}/{RECORDING}.wav"}
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]


def test_dual_channel_is_noted_and_one_channel_under_that_name_is_remarked_on(stack: Stack) -> None:
    stack.saved(channels="dual", recording_urls={"wav": stack.links.put("/a.wav", wav(channels=2))})
    stack.saved(
        channels="dual", recording_id="mono", recording_urls={"wav": stack.links.put("/b.wav", wav(channels=1))}
    )
    assert stack.work() == []
    true, false = stack.notes()
    assert (true["channels"], true["remarks"]) == ("dual", [])
    assert (false["channels"], false["remarks"]) == ("dual", ["it has one channel and should have two"])
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=true["key"])["TagSet"]
    assert {"Key": "channels", "Value": "dual"} in tags


@pytest.mark.parametrize(
    "link, noted",
    [
        ("s3://their-bucket/a/b", "s3://their-bucket/a/b"),
        ("gs://their-bucket/a/b", "gs://their-bucket/a/b"),
        ("https://acct.blob.core.windows.net/c/a?sig=secret", "https://acct.blob.core.windows.net/c/a"),
    ],
)
def test_a_recording_in_the_customers_own_storage_is_noted_as_kept_elsewhere(
    stack: Stack, link: str, noted: str
) -> None:
    stack.saved(recording_urls={"mp3": link})
    assert stack.work() == []
    (note,) = stack.notes()
    assert note["kept_elsewhere"] == noted
    assert stack.objects() == {}


@pytest.mark.parametrize("seconds, differs", [(10.0, False), (11.9, False), (12.1, True), (7.0, True)])
def test_a_large_difference_of_duration_is_noted_and_counted(
    stack: Stack, capsys: pytest.CaptureFixture[str], seconds: float, differs: bool
) -> None:
    stack.saved(seconds=10.0, recording_urls={"wav": stack.links.put("/a.wav", wav(seconds))})
    assert stack.work() == []
    (note,) = stack.notes()
    assert (note["duration_seconds"], note["stated_seconds"]) == (seconds, 10.0)
    assert bool(note["remarks"]) is differs
    assert ("RecordingDurationDiffers" in capsys.readouterr().out) is differs


@pytest.mark.parametrize("what", ["gone", "overwritten"])
def test_telnyxs_copy_is_not_deleted_while_ours_is_not_what_was_noted(deleting: Stack, what: str) -> None:
    stack, key = deleting, f"{FOLDER}/{RECORDING}.wav"
    link = stack.links.put("/a.wav", wav())
    stack.links.records[RECORDING] = {"id": RECORDING, "call_leg_id": LEG, "download_urls": {"wav": link}}
    stack.saved(recording_urls={"wav": link})
    stack.links.api_status = 500
    (message,) = stack.waiting()
    run(message)
    if what == "gone":
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    else:
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"junk")
    stack.links.api_status = 200
    stays = run(message)["batchItemFailures"]
    if what == "gone":
        again = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()
        assert (stays, again) == ([], wav()), "copied again"
    else:
        assert stays
        assert RECORDING in stack.links.records, "the only copy there is"
        assert stack.notes("RECORDING_FAULT")[0]["error"] == "NotAsSent"


def run(message: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = handler("recording_archiver")({"Records": [message]}, Clock(900_000))
    return answer


@pytest.mark.parametrize("host", ["a..telnyx.com", "a" * 64 + ".telnyx.com"])
def test_a_link_whose_host_is_no_name_does_not_keep_the_other_from_being_kept(stack: Stack, host: str) -> None:
    stack.saved(recording_urls={"mp3": f"https://{host}/a.mp3", "wav": stack.links.put("/a.wav", wav())})
    assert len(stack.work()) == 1
    assert [note["format"] for note in stack.notes()] == ["wav"]


def test_of_two_recordings_of_a_leg_the_one_that_began_then_is_kept(stack: Stack) -> None:
    for number, start in (("1", "00.000000"), ("2", "01.500000")):
        stack.links.records[number] = {
            "id": number,
            "call_leg_id": LEG,
            "recording_started_at": f"2026-11-21T09:00:{start}Z",
            "created_at": f"2026-11-21T09:01:0{number}Z",
            "download_urls": {"wav": stack.links.put(f"/{number}.wav", wav(float(number)))},
        }
    dead = stack.links.put("/dead.wav", wav(1.0), *[status(403)] * 9)
    stack.saved(seconds=1.0, recording_id=None, recording_urls={"wav": dead})
    assert stack.work() == []
    assert list(stack.objects().values()) == [wav(1.0)]


def test_a_recording_in_which_nothing_was_said_has_an_empty_transcript(stack: Stack) -> None:
    stack.deliver("call.recording.transcription.saved", transcription_text="")
    assert stack.work() == []
    assert stack.notes("RECORDING_TEXT")[0]["size"] == 0


def test_a_recording_that_was_paused_is_rightly_shorter(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.deliver("call.dtmf.received", digit="1")
    stack.saved(seconds=60.0, recording_urls={"wav": stack.links.put("/a.wav", wav(10.0))})
    assert stack.work() == []
    (note,) = stack.notes()
    assert (note["paused"], note["remarks"]) == (True, [])
    assert "RecordingDurationDiffers" not in capsys.readouterr().out


def test_pieces_without_a_length_are_whole_when_their_end_is_told(stack: Stack) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, chunked)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]


def test_ids_from_outside_make_no_path_of_their_own(stack: Stack) -> None:
    odd: dict[str, Any] = {"recording_id": "../../x/y z", "call_session_id": "..", "call_leg_id": "a/../b"}
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())}, **odd)
    assert stack.work() == []
    (key,) = stack.objects()
    day, session, leg, name = key.removeprefix("recordings/2026/11/").split("/")
    assert day == "21"
    for part in (session, leg, name.removesuffix(".wav")):
        assert part.replace("-", "").isalnum()


# However the link behaves


@pytest.mark.parametrize("turn", [status(403), status(404), status(410), status(400)])
def test_a_dead_link_is_replaced_by_a_fresh_one(stack: Stack, turn: Turn) -> None:
    sound = mp3()
    dead = stack.links.put("/dead.mp3", sound, *[turn] * TRIES)
    recorded(stack.links, download_urls={"mp3": stack.links.put("/fresh.mp3", sound)})
    stack.saved(recording_urls={"mp3": dead})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]
    assert [path for path, _ in stack.links.asked] == ["/dead.mp3", "/fresh.mp3"]
    assert stack.links.told == [("GET", f"/v2/recordings/{RECORDING}")]


def test_a_recording_without_an_id_is_found_by_its_leg_and_its_beginning(stack: Stack) -> None:
    sound = mp3()
    dead = stack.links.put("/dead.mp3", sound, *[status(403)] * TRIES)
    fresh = stack.links.put("/fresh.mp3", sound)
    other = stack.links.put("/other.mp3", mp3(9.0))
    recorded(stack.links, id="earlier", recording_started_at="2026-11-21T08:59:00Z", download_urls={"mp3": other})
    recorded(
        stack.links,
        id="later",
        recording_started_at="2026-11-21T09:01:00Z",
        created_at="2026-11-21T09:03:00Z",
        download_urls={"mp3": other},
    )
    began = "2026-11-21T09:00:00.400000Z"
    recorded(stack.links, id="old", recording_started_at=began, created_at="2026-11-21T09:00:09Z")
    recorded(
        stack.links,
        id="this",
        recording_started_at=began,
        created_at="2026-11-21T09:02:00Z",
        download_urls={"mp3": fresh},
    )
    stack.saved(recording_id=None, recording_urls={"mp3": dead})
    assert stack.work() == []
    assert stack.objects() == {f"{FOLDER}/20261121090000000000.mp3": sound}


def test_a_recording_announced_without_a_link_is_asked_for(stack: Stack) -> None:
    recorded(stack.links, download_urls={"wav": stack.links.put("/a.wav", wav())})
    stack.saved(recording_urls={})
    assert stack.work() == []
    assert list(stack.objects()) == [f"{FOLDER}/{RECORDING}.wav"]


def test_a_download_cut_in_the_middle_goes_on_where_it_stopped(stack: Stack) -> None:
    stopped = PART_BYTES + 12_345
    link = stack.links.put("/a.wav", LARGE, cut_after(stopped))
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": link})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    first, second = stack.links.ranges_asked("/a.wav")
    assert first is None
    assert second == f"bytes={stopped}-"
    assert stack.notes()[0]["tries"] == 2


def test_a_download_goes_on_behind_a_fresh_link_to_the_same_content(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES), status(403), etag='"one"')
    recorded(stack.links, download_urls={"wav": stack.links.put("/fresh.wav", LARGE, etag='"one"')})
    stack.saved(recording_urls={"wav": link})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    assert stack.links.ranges_asked("/fresh.wav") == [f"bytes={PART_BYTES}-"]


def test_a_server_that_knows_no_ranges_is_asked_for_everything_again(stack: Stack) -> None:
    stack.links.ranges = False
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES + 1))})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    assert stack.unfinished() == []


@pytest.mark.parametrize("etag", ['"one"', 'W/"one"', None])
def test_two_different_files_are_never_joined(stack: Stack, etag: str | None) -> None:
    before, after = LARGE, LARGE[:44] + LARGE[:43:-1]
    recorded(stack.links, download_urls={"wav": stack.links.put("/after.wav", after, etag=etag and '"two"')})
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", before, cut_after(PART_BYTES + 1), etag=etag)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [after]


def test_a_rest_under_another_name_is_not_taken_for_the_rest(stack: Stack) -> None:
    other = LARGE[:44] + LARGE[:43:-1]
    stack.saved(
        recording_urls={"wav": stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES + 1), another_rest(other))}
    )
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]


@pytest.mark.parametrize(
    "turn",
    [
        status(500),
        status(503),
        status(429),
        cut_after(0),
        cut_after(2_000),
        announcing("40000"),
        announcing("many"),
        announcing(None),
        encoded,
        page,
    ],
)
def test_what_went_wrong_once_is_tried_again(stack: Stack, turn: Turn) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, turn)})
    keys = stack.archive().keep(wanted(stack), until=until())
    assert stack.objects() == {keys[0]: sound}
    assert stack.notes()[0]["tries"] == 2


def test_a_file_longer_than_announced_is_not_taken_for_whole_in_silence(stack: Stack) -> None:
    stack.saved(seconds=2.0, recording_urls={"wav": stack.links.put("/a.wav", wav(2.0), announcing("30044"))})
    assert stack.work() == []
    assert stack.notes()[0]["remarks"] == ["its own header announces 2000 bytes more"]


def test_a_silent_server_is_not_waited_for(stack: Stack) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, cut_after(1000, pause=5.0))})
    began = time.monotonic()
    stack.archive(silence_seconds=0.2).keep(wanted(stack), until=until())
    assert time.monotonic() - began < 2.0
    assert list(stack.objects().values()) == [sound]
    assert stack.links.ranges_asked("/a.wav") == [None, "bytes=1000-"]


def test_a_dripping_server_is_as_good_as_a_silent_one(stack: Stack) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, dripping(10, 0.05))})
    began = time.monotonic()
    stack.archive(slowest_bytes_per_second=5_000, slowness_seconds=0.4).keep(wanted(stack), until=until())
    assert time.monotonic() - began < 3.0
    assert list(stack.objects().values()) == [sound]


@pytest.mark.parametrize("turn", [status(403), status(500), cut_after(2_000), page, encoded, announcing(None)])
def test_what_keeps_going_wrong_ends_noted_counted_and_in_the_queue(
    stack: Stack, turn: Turn, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.links.ranges = False
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[turn] * 50)})
    with pytest.raises(HooklineError) as raised:
        stack.archive().keep(wanted(stack), until=until())
    assert len(stack.links.asked) == TRIES
    assert stack.objects() == {}
    assert stack.unfinished() == []
    assert stack.notes() == []
    (fault,) = stack.notes("RECORDING_FAULT")
    assert (fault["name"], fault["error"]) == (f"{RECORDING}.wav", type(raised.value).__name__)


def test_a_failed_message_stays_with_all_that_a_redrive_needs(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "https://example.com/a.wav"})
    messages = stack.waiting()
    context = Clock(900_000)
    answer = handler("recording_archiver")({"Records": messages}, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[0]["messageId"]}]}
    # Ten days later, from the dead-letter queue: the link is no good, the message still leads to the recording.
    recorded(stack.links, download_urls={"wav": stack.links.put("/fresh.wav", wav())})
    assert handler("recording_archiver")({"Records": messages}, context) == {"batchItemFailures": []}
    assert list(stack.objects()) == [f"{FOLDER}/{RECORDING}.wav"]


def test_one_bad_message_of_a_batch_holds_up_no_other(stack: Stack) -> None:
    bad = [{"messageId": f"bad-{n}", "body": body} for n, body in enumerate(["{", "[]", '{"recording": 7}', "null"])]
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    answer = handler("recording_archiver")({"Records": [*bad, *stack.waiting()]}, Clock(900_000))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [m["messageId"] for m in bad]
    assert len(stack.objects()) == 1


def test_one_format_that_fails_does_not_keep_the_other_from_being_kept(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3(), *[page] * 50), "wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_urls=urls)
    message = wanted(stack)
    with pytest.raises(HooklineError):
        stack.archive().keep(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["wav"]
    stack.links.turns["/a.mp3"] = []
    stack.archive().keep(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]
    assert len(stack.links.ranges_asked("/a.wav")) == 1


def test_a_function_that_runs_out_of_time_takes_back_what_it_uploaded(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE, dripping(PART_BYTES // 16, 0.1))
    stack.saved(recording_urls={"wav": link})
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        stack.archive().keep(wanted(stack), until=until(1.0))
    assert time.monotonic() - began < 2.0
    assert stack.unfinished() == []
    assert stack.objects() == {}


def test_lambdas_own_clock_ends_a_download(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", LARGE, dripping(1 << 20, 0.2))})
    began = time.monotonic()
    assert len(stack.work(milliseconds=16_000)) == 1
    assert time.monotonic() - began < 4.0


# Where it comes from


def test_no_link_ever_sees_the_api_key(stack: Stack) -> None:
    fresh = stack.links.put("/fresh.wav", wav(), redirected("/there.wav"))
    stack.links.put("/there.wav", wav())
    recorded(stack.links, download_urls={"wav": fresh})
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[status(403)] * 9)})
    assert stack.work() == []
    assert {path for path, _ in stack.links.asked} == {"/a.wav", "/fresh.wav", "/there.wav"}
    for _, headers in stack.links.asked:
        assert {name.lower() for name in headers} <= {"host", "accept", "accept-encoding", "user-agent"}
    assert stack.links.told  # and there it was sent: without it the server answers 401


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://example.com/a.wav",
        "https://169.254.169.254/",
        "https://s3.amazonaws.com.example.com/a.wav",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "//10.0.0.1/",
    ],
)
def test_a_redirect_to_a_forbidden_place_is_not_followed(stack: Stack, to: str) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[redirected(to)] * 50)})
    with pytest.raises(LinkForbidden):
        stack.archive().keep(wanted(stack), until=until())
    assert stack.objects() == {}
    assert stack.notes("RECORDING_FAULT")[0]["error"] == "LinkForbidden"


def test_redirects_come_to_an_end(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[redirected("/a.wav")] * 50)})
    with pytest.raises(LinkForbidden):
        stack.archive().keep(wanted(stack), until=until())
    assert len(stack.links.asked) == 4


def test_a_loopback_link_is_forbidden_outside_the_local_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    monkeypatch.delenv("AWS_SAM_LOCAL")
    stack.cold()
    assert len(stack.work()) == 1
    assert stack.links.asked == []
    assert stack.notes("RECORDING_FAULT")[0]["reason"] == "another scheme than https"


@pytest.mark.parametrize("turn", [None, chunked, endless])
def test_more_bytes_than_allowed_are_not_taken(stack: Stack, turn: Turn | None) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(4.0), *([turn] * 9 if turn else []))})
    with pytest.raises(TooLarge):
        stack.archive(largest_bytes=50_000).keep(wanted(stack), until=until())
    assert len(stack.links.asked) == 1
    assert stack.objects() == {}


def test_the_largest_size_is_a_setting(aws: str, links: LinkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_stack(aws, links, monkeypatch, {"RECORDING_MAX_BYTES": "32044"}) as stack:
        stack.saved(recording_urls={"wav": links.put("/a.wav", wav(2.0))})
        assert stack.work() == []
        stack.saved(recording_id="larger", recording_urls={"wav": links.put("/b.wav", wav(2.01))})
        assert len(stack.work()) == 1


# Once


def test_delivered_ten_times_at_once_it_is_one_object_and_one_entry(stack: Stack) -> None:
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": stack.links.put("/a.wav", LARGE)})
    (message,) = stack.waiting()
    # S3 looks and writes in one step, moto in two: so that nothing comes between them here, they come one by one.
    one_by_one = threading.Lock()
    completing = environment().s3.meta.events

    def enter(**_: Any) -> None:
        one_by_one.acquire()

    completing.register("before-call.s3.CompleteMultipartUpload", enter)
    completing.register("after-call.s3.CompleteMultipartUpload", lambda **_: one_by_one.release())
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(
                lambda _: handler("recording_archiver")({"Records": [message]}, Clock(900_000)),
                range(10),
            )
        )
    assert len(stack.links.asked) == 10, "the ten did not meet"
    assert answers == [{"batchItemFailures": []}] * 10
    assert stack.objects() == {f"{FOLDER}/{RECORDING}.wav": LARGE}
    (note,) = stack.notes()
    assert note["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert stack.unfinished() == []


def test_what_is_kept_is_not_fetched_again(stack: Stack) -> None:
    for _ in range(3):
        stack.saved(event_id="a-delivery", recording_urls={"wav": stack.links.put("/a.wav", wav())})
        assert stack.work() == []
    assert len(stack.links.asked) == 1
    assert len(stack.notes()) == 1


def test_an_object_that_nobody_lived_to_note_is_read_and_noted(stack: Stack) -> None:
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": stack.links.put("/a.wav", LARGE)})
    (message,) = stack.waiting()
    handler("recording_archiver")({"Records": [message]}, Clock(900_000))
    (before,) = stack.notes()
    # As if the function had died between the object and its note, and before its tags.
    key = f"{FOLDER}/{RECORDING}.wav"
    stack.dynamodb.delete_item(
        TableName=stack.settings["TABLE_NAME"],
        Key={"pk": {"S": f"LEG#{LEG}"}, "sk": {"S": f"RECORDING#{RECORDING}.wav"}},
    )
    stack.s3.delete_object_tagging(Bucket=stack.bucket, Key=key)
    assert stack.notes() == []
    assert handler("recording_archiver")({"Records": [message]}, Clock(900_000)) == {"batchItemFailures": []}
    (after,) = stack.notes()
    differing = {name for name in before if before[name] != after[name]}
    assert differing <= {"noted_at", "tries", "checks"}
    assert len(stack.links.asked) == 1
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=key)["TagSet"]
    assert {"Key": "sha256", "Value": after["sha256"]} in tags


# Telnyx's copy


@pytest.fixture
def deleting(aws: str, links: LinkServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with a_stack(aws, links, monkeypatch, {"DELETE_AT_TELNYX": "on"}) as stack:
        yield stack


def test_telnyxs_copy_is_left_alone_unless_a_setting_says_otherwise(stack: Stack) -> None:
    recorded(stack.links)
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    assert stack.links.told == []


def test_telnyxs_copy_is_deleted_once_every_format_is_kept(deleting: Stack) -> None:
    recorded(deleting.links)
    urls = {"mp3": "https://example.com/a.mp3", "wav": deleting.links.put("/a.wav", wav())}
    deleting.saved(seconds=2.016, recording_urls=urls)
    (message,) = deleting.waiting()
    assert handler("recording_archiver")({"Records": [message]}, Clock(900_000))["batchItemFailures"]
    assert RECORDING in deleting.links.records
    recorded(deleting.links, download_urls={"mp3": deleting.links.put("/a.mp3", mp3(2.016))})
    for _ in range(2):
        assert handler("recording_archiver")({"Records": [message]}, Clock(900_000)) == {"batchItemFailures": []}
    assert deleting.links.records == {}
    (note,) = deleting.notes("RECORDING_DELETED")
    assert note["recording_id"] == RECORDING


@pytest.mark.parametrize("urls", [{"wav": "short"}, {"wav": "s3://theirs/a"}])
def test_telnyxs_copy_is_left_alone_when_ours_is_remarkable_or_elsewhere(deleting: Stack, urls: dict[str, str]) -> None:
    recorded(deleting.links)
    short = deleting.links.put("/a.wav", wav(1.0))
    deleting.saved(seconds=60.0, recording_urls={name: short if url == "short" else url for name, url in urls.items()})
    assert deleting.work() == []
    assert RECORDING in deleting.links.records


# Transcripts of recordings


def transcribed(stack: Stack, **payload: Any) -> None:
    stack.deliver(
        "call.recording.transcription.saved",
        **({"recording_transcription_id": "t-1", "transcription_text": "Bonjour à tous."} | payload),
    )


@pytest.mark.parametrize("transcript_first", [True, False])
def test_a_transcript_lies_beside_its_recording_whichever_comes_first(stack: Stack, transcript_first: bool) -> None:
    # The recording began before midnight, its transcript came after.
    began = "2026-11-20T23:59:58.000000Z"
    link = stack.links.put("/a.wav", wav())
    recorded(stack.links, recording_started_at=began)

    def recording() -> None:
        stack.saved(recording_started_at=began, recording_urls={"wav": link})
        assert stack.work() == []

    def transcript() -> None:
        transcribed(stack)
        assert stack.work() == []

    for step in (transcript, recording) if transcript_first else (recording, transcript):
        step()
    beside = f"recordings/2026/11/20/{SESSION}/{LEG}/{RECORDING}"
    objects = stack.objects()
    assert set(objects) == {f"{beside}.json", f"{beside}.txt", f"{beside}.wav"}
    assert objects[f"{beside}.txt"].decode() == "Bonjour à tous."
    document = json.loads(objects[f"{beside}.json"])
    assert (document["text"], document["recording_id"], document["call_leg_id"]) == ("Bonjour à tous.", RECORDING, LEG)
    (note,) = stack.notes("RECORDING_TEXT")
    assert (note["key"], note["json_key"]) == (f"{beside}.txt", f"{beside}.json")
    assert note["sha256"] == hashlib.sha256("Bonjour à tous.".encode()).hexdigest()


def test_a_transcript_delivered_again_is_the_same_transcript(stack: Stack) -> None:
    transcribed(stack)
    (message,) = stack.waiting()
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: handler("recording_archiver")({"Records": [message]}, Clock(900_000)), range(5)))
    assert len(stack.objects()) == 2
    assert len(stack.notes("RECORDING_TEXT")) == 1


def test_a_second_transcript_of_a_recording_does_not_replace_the_first(stack: Stack) -> None:
    transcribed(stack)
    transcribed(stack, recording_transcription_id="t-2", transcription_text="Bonjour à toutes.")
    assert stack.work() == []
    texts = {content.decode() for key, content in stack.objects().items() if key.endswith(".txt")}
    assert texts == {"Bonjour à tous.", "Bonjour à toutes."}
    assert len({note["key"] for note in stack.notes("RECORDING_TEXT")}) == 2


def test_a_transcript_too_long_for_an_item_is_kept_whole(stack: Stack) -> None:
    text = "Ein langes Gespräch. " * 30_000
    transcribed(stack, transcription_text=text)
    assert stack.work() == []
    assert stack.objects("recordings/")[stack.notes("RECORDING_TEXT")[0]["key"]].decode() == text


def test_a_transcript_that_the_event_does_not_carry_is_asked_for(stack: Stack) -> None:
    for number, text in enumerate(["old", "new"]):
        stack.links.transcriptions.append(
            {
                "id": f"t-{text}",
                "recording_id": RECORDING,
                "status": "completed",
                "transcription_text": text,
                "created_at": f"2026-11-21T09:0{number}:00Z",
            }
        )
    transcribed(stack, transcription_text=None)
    assert stack.work() == []
    (note,) = stack.notes("RECORDING_TEXT")
    assert note["recording_transcription_id"] == "t-new"


def test_a_transcript_that_nobody_has_stays_in_the_queue(stack: Stack) -> None:
    transcribed(stack, transcription_text=None)
    assert len(stack.work()) == 1
    assert stack.objects() == {}


def test_a_message_that_is_quicker_than_its_journal_entry_waits_for_it(stack: Stack) -> None:
    identity = Identity(LEG, "v3:a-leg", SESSION, "not-yet")
    message = {
        "event_id": "not-yet",
        "event_type": "call.recording.transcription.saved",
        "occurred_at": "2026-11-21T09:02:03.000000Z",
        "identity": identity._asdict(),
        "recording": {"recording_id": RECORDING},
    }
    with ThreadPoolExecutor(1) as thread:
        record = {"messageId": "m", "body": json.dumps(message)}
        working = thread.submit(handler("recording_archiver"), {"Records": [record]}, Clock(900_000))
        time.sleep(0.3)
        transcribed(stack, event_id="not-yet")
        assert working.result() == {"batchItemFailures": []}
    assert stack.notes("RECORDING_TEXT")[0]["event_id"] == "not-yet"


# What comes in


@pytest.mark.parametrize(
    "payload",
    [
        {"recording_urls": None},
        {"recording_urls": "https://example.com/a.mp3"},
        {"recording_urls": {"mp3": 7, "wav": None}},
        {"recording_urls": {"mp3": ["https://example.com"]}},
        {"recording_id": {"a": 1}, "channels": 7, "recording_started_at": 5, "recording_ended_at": "yesterday"},
        {"recording_urls": {"exe": "https://s3.amazonaws.com/b/a.exe"}},
        {"recording_id": "", "recording_started_at": "9999-99-99", "connection_id": "\u0000"},
        {"public_recording_urls": {"mp3": None}, "recording_urls": {}},
        {"recording_urls": {"mp3": "https://[", "wav": "https://s3.amazonaws.com:99999/"}},
        {"recording_urls": {"mp3": "https://s3.amazonaws.com/\nHost: evil"}},
    ],
)
def test_garbage_is_answered_queued_and_ends_in_a_dead_letter_not_in_an_accident(
    stack: Stack, payload: dict[str, object]
) -> None:
    data: dict[str, Any] = {"recording_urls": {}, **payload}
    assert stack.saved(**data)["status"] == 200
    message = wanted(stack)
    with pytest.raises(HooklineError):
        stack.archive().keep(message, until=until())
    assert stack.objects() == {}


def test_nothing_that_came_in_is_logged(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "X-Amz-Signature=a-secret"
    link = stack.links.put("/a.wav", wav()) + f"?{secret}"
    stack.saved(recording_urls={"wav": link, "mp3": f"https://example.com/a.mp3?{secret}"})
    transcribed(stack, transcription_text="my card number is")
    stack.work()
    logged = capsys.readouterr().out
    assert "not kept" in logged
    assert secret not in logged
    assert "card number" not in logged
    assert secret not in json.dumps([stack.notes(), stack.notes("RECORDING_FAULT")])


def test_an_s3_that_fails_leaves_the_message_in_the_queue(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    messages = stack.waiting()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    stack.cold()
    assert len(handler("recording_archiver")({"Records": messages}, Clock(900_000))["batchItemFailures"]) == 1
    assert stack.journal.notes(IDENTITY, "RECORDING") == []


def test_a_broken_download_says_so_and_not_that_all_is_well(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "http://127.0.0.1:9/a.wav"})
    with pytest.raises(DownloadBroken):
        stack.archive().keep(wanted(stack), until=until())
