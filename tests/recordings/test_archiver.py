"""A recording that was announced is archived, whole, once, and found again.

In by the webhook, through the queue, out of the bucket and the journal; AWS is moto over HTTP, what is behind the links
is tests/support/link_server.py.
"""

import base64
import hashlib
import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hookline.environment import environment
from hookline.errors import HooklineError
from hookline.events import Identity
from hookline.recordings.archiver import NoLink
from hookline.recordings.download import DownloadFailed
from hookline.recordings.job import ArchiveJob
from hookline.recordings.storage import PART_BYTES
from tests.support.link_server import announcing, meanwhile, page, status
from tests.support.recording_stack import FOLDER, IDENTITY, LARGE, LEG, RECORDING, SESSION, Stack, until
from tests.support.sound import id3, mp3, wav
from tests.support.world import Clock, handler


def codes(note: dict[str, Any]) -> list[str]:
    """The codes of a note's findings."""
    return [finding["code"] for finding in note["findings"]]


def shorter(seconds: float) -> dict[str, Any]:
    return {"code": "shorter_than_reported", "figures": {"seconds": seconds}}


# It is archived


def test_a_recording_is_in_the_bucket_and_in_the_journal(stack: Stack) -> None:
    sound = mp3(1.8)
    link = stack.links.put("/a.mp3", sound)
    answer = stack.saved(seconds=1.8, recording_urls={"mp3": link}, connection_id="1684641123236054244")
    assert answer == {"status": 200, "event": answer["event"], "commands": []}
    assert stack.work() == []
    key = f"{FOLDER}/{RECORDING}.mp3"
    assert stack.objects() == {key: sound}
    (note,) = stack.notes()
    sha256 = hashlib.sha256(sound).hexdigest()
    assert note["name"] == f"{RECORDING}.mp3"
    assert (note["bucket"], note["key"], note["size"], note["sha256"]) == (stack.bucket, key, len(sound), sha256)
    assert (note["duration_seconds"], note["format"], note["channels"]) == (1.8, "mp3", "single")
    assert (note["event_id"], note["recording_id"], note["findings"]) == (answer["event"], RECORDING, [])
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
def test_a_recording_of_any_size_is_archived_to_the_byte(stack: Stack, size: int) -> None:
    sound = (4 * LARGE)[:size]
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]
    assert stack.notes()[0]["size"] == size


def test_both_formats_are_archived_when_both_links_are_given(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3()), "wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_urls=urls)
    assert stack.work() == []
    assert set(stack.objects()) == {f"{FOLDER}/{RECORDING}.mp3", f"{FOLDER}/{RECORDING}.wav"}
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]


def test_a_recording_with_public_links_alone_is_archived(stack: Stack) -> None:
    stack.saved(recording_urls=None, public_recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    assert list(stack.objects().values()) == [wav()]


def test_public_links_that_the_queue_leaves_to_the_journal_are_found_there(stack: Stack) -> None:
    public = {name: stack.links.put(f"/public.{name}", sound) for name, sound in (("mp3", mp3()), ("wav", wav()))}
    expired = stack.links.put("/a.wav", wav(), *[status(403)] * 9)
    stack.saved(recording_urls={"wav": expired}, public_recording_urls=public)
    (message,) = stack.waiting()
    assert "/public." not in message["body"]
    assert stack.run(message) == {"batchItemFailures": []}
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]
    assert [path for path, _ in stack.links.requests] == ["/public.mp3", "/a.wav", "/public.wav"]


def test_a_message_whose_public_links_are_gone_with_the_journal_still_leads_to_telnyx(stack: Stack) -> None:
    stack.recorded(download_urls={"wav": stack.links.put("/fresh.wav", wav())})
    stack.saved(recording_urls=None, public_recording_urls={"wav": stack.links.put("/public.wav", wav())})
    message = {**stack.waiting()[0]}
    body = json.loads(message["body"])
    job = ArchiveJob.from_message(json.dumps({**body, "event_id": "expired"}))
    stack.archiver().archive(job, until=until())
    assert [path for path, _ in stack.links.requests] == ["/fresh.wav"]


@pytest.mark.parametrize("count, name", [(1, "single"), (2, "dual")])
def test_the_channels_that_an_event_does_not_name_are_those_of_the_sound(stack: Stack, count: int, name: str) -> None:
    stack.saved(channels=None, recording_urls={"wav": stack.links.put("/a.wav", wav(channels=count))})
    assert stack.work() == []
    (note,) = stack.notes()
    assert (note["channels"], note["findings"]) == (name, [])


def test_dual_channel_is_noted_and_one_channel_under_that_name_is_a_finding(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.saved(channels="dual", recording_urls={"wav": stack.links.put("/a.wav", wav(channels=2))})
    stack.saved(
        channels="dual", recording_id="mono", recording_urls={"wav": stack.links.put("/b.wav", wav(channels=1))}
    )
    assert stack.work() == []
    true, false = stack.notes()
    assert (true["channels"], true["findings"]) == ("dual", [])
    assert (false["channels"], codes(false)) == ("dual", ["channels_differ"])
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=true["key"])["TagSet"]
    assert {"Key": "channels", "Value": "dual"} in tags
    assert capsys.readouterr().out.count('"RecordingAnomaly":') == 1


@pytest.mark.parametrize(
    "link, noted",
    [
        ("s3://their-bucket/a/b", "s3://their-bucket/a/b"),
        ("gs://their-bucket/a/b", "gs://their-bucket/a/b"),
        ("s3://key:secret@Their-Bucket/a", "s3://Their-Bucket/a"),
        ("https://acct.blob.core.windows.net/c/a?sig=secret", "https://acct.blob.core.windows.net/c/a"),
    ],
)
def test_a_recording_in_the_customers_own_storage_is_noted_as_external(stack: Stack, link: str, noted: str) -> None:
    stack.saved(recording_urls={"mp3": link})
    assert stack.work() == []
    (note,) = stack.notes()
    assert note["external_uri"] == noted
    assert stack.objects() == {}


@pytest.mark.parametrize("host", ["a.blob.core.example.com", "blob.core.windows.net.example.com", "core.windows.net"])
def test_a_host_that_only_looks_like_azures_is_no_external_storage(stack: Stack, host: str) -> None:
    stack.saved(recording_urls={"mp3": f"https://{host}/c/a"})
    assert len(stack.work()) == 1
    assert stack.notes() == []


@pytest.mark.parametrize("seconds, differs", [(10.0, False), (11.9, False), (12.1, True), (7.0, True)])
def test_a_large_difference_of_duration_is_noted_and_counted(
    stack: Stack, capsys: pytest.CaptureFixture[str], seconds: float, differs: bool
) -> None:
    stack.saved(seconds=10.0, recording_urls={"wav": stack.links.put("/a.wav", wav(seconds))})
    assert stack.work() == []
    (note,) = stack.notes()
    assert (note["duration_seconds"], note["reported_seconds"]) == (seconds, 10.0)
    code = "shorter_than_reported" if seconds < 10 else "longer_than_reported"
    assert codes(note) == ([code] if differs else [])
    assert ("RecordingAnomaly" in capsys.readouterr().out) is differs


def paused_call(stack: Stack, *, began: float, ended: float, seconds: float, keys: str = "1") -> dict[str, Any]:
    """Keys, 10 s apart, and a recording that began and ended these seconds from the first of them; its note."""
    for number, key in enumerate(keys):
        stack.deliver("call.dtmf.received", occurred_at=f"2026-11-21T10:00:{number * 10:02}.000000Z", digit=key)
    first = datetime(2026, 11, 21, 10, tzinfo=UTC)
    times: dict[str, Any] = {
        "recording_started_at": (first + timedelta(seconds=began)).isoformat(),
        "recording_ended_at": (first + timedelta(seconds=ended)).isoformat(),
    }
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(seconds))}, **times)
    assert stack.work() == []
    (note,) = stack.notes()
    return note


def test_a_recording_that_was_paused_is_rightly_shorter(deleting: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    deleting.recorded()
    note = paused_call(deleting, began=-20, ended=40, seconds=20.0)
    assert (note["paused_seconds"], note["findings"]) == (40.0, [])
    assert "RecordingAnomaly" not in capsys.readouterr().out
    assert deleting.links.records == {}


@pytest.mark.parametrize("keys, paused", [("12", 10.0), ("1122", 20.0), ("1212", 20.0), ("2", 0.0), ("121", 30.0)])
def test_what_was_resumed_is_recorded_again(stack: Stack, keys: str, paused: float) -> None:
    note = paused_call(stack, began=-20, ended=40, seconds=60.0 - paused - 5, keys=keys)
    assert (note["paused_seconds"], note["findings"]) == (paused, [shorter(5.0)])


@pytest.mark.parametrize("began, ended", [(-100, -40), (5, 65)])
def test_a_pause_at_another_time_does_not_explain_a_shorter_recording(
    deleting: Stack, began: float, ended: float
) -> None:
    deleting.recorded()
    note = paused_call(deleting, began=began, ended=ended, seconds=20.0)
    assert (note["paused_seconds"], note["findings"]) == (0.0, [shorter(40.0)])
    assert RECORDING in deleting.links.records


def test_a_pause_that_telnyx_never_heard_of_is_none(stack: Stack) -> None:
    stack.links.api_status = 503
    note = paused_call(stack, began=-20, ended=40, seconds=20.0)
    assert note["paused_seconds"] == 0.0
    assert codes(note) == ["shorter_than_reported"]


@pytest.mark.parametrize("stated, lasts, differs", [(600.0, 590.0, False), (600.0, 585.0, True)])
def test_a_long_recording_may_differ_by_two_per_cent(stack: Stack, stated: float, lasts: float, differs: bool) -> None:
    stack.saved(seconds=stated, recording_urls={"wav": stack.links.put("/a.wav", wav(lasts))})
    assert stack.work() == []
    assert bool(stack.notes()[0]["findings"]) is differs


def test_the_longest_ids_there_are_fit(stack: Stack) -> None:
    longest: dict[str, Any] = {"recording_id": "r" * 512, "call_session_id": "s" * 512, "call_leg_id": "l" * 512}
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())}, **longest)
    for text in ("one", "two"):
        ids = {"recording_transcription_id": text * 170, **longest}
        stack.deliver("call.recording.transcription.saved", transcription_text=text, **ids)
    assert stack.work() == []
    identity = Identity("l" * 512, None, None, "")
    assert len(stack.notes(identity=identity)) == 1
    assert len(stack.notes("TRANSCRIPTION", identity)) == 2


def test_ids_from_outside_make_no_path_of_their_own(stack: Stack) -> None:
    odd: dict[str, Any] = {"recording_id": "../../x/y z", "call_session_id": "..", "call_leg_id": "a/../b"}
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())}, **odd)
    assert stack.work() == []
    (key,) = stack.objects()
    day, session, leg, name = key.removeprefix("recordings/2026/11/").split("/")
    assert day == "21"
    for part in (session, leg, name.removesuffix(".wav")):
        assert part.replace("-", "").isalnum()


# Nothing in it


@pytest.mark.parametrize("format_, content", [("mp3", b""), ("wav", b""), ("mp3", id3(300))])
def test_a_recording_of_no_bytes_or_of_a_tag_is_archived_as_one_without_audio(
    deleting: Stack, format_: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    deleting.recorded()
    deleting.saved(seconds=1.0, channels="dual", recording_urls={format_: deleting.links.put(f"/a.{format_}", content)})
    assert deleting.work() == []
    assert deleting.objects() == {f"{FOLDER}/{RECORDING}.{format_}": content}
    (note,) = deleting.notes()
    assert (codes(note), note["format"], note["duration_seconds"]) == (["no_audio"], format_, 0.0)
    assert deleting.notes("RECORDING_FAILURE") == []
    assert '"RecordingAnomaly":' in capsys.readouterr().out
    assert RECORDING in deleting.links.records


def test_an_answer_of_no_bytes_is_not_believed_the_first_time(stack: Stack) -> None:
    link = stack.links.put("/a.wav", wav(), announcing("0"))
    stack.saved(recording_urls={"wav": link})
    stack.archiver().archive(stack.job(), until=until())
    assert list(stack.objects().values()) == [wav()]
    assert (stack.notes()[0]["attempts"], stack.notes()[0]["findings"]) == (2, [])


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
    assert len(stack.links.requests) == 10, "the ten did not meet"
    assert answers == [{"batchItemFailures": []}] * 10
    assert stack.objects() == {f"{FOLDER}/{RECORDING}.wav": LARGE}
    (note,) = stack.notes()
    assert note["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert stack.unfinished() == []


def test_what_is_archived_is_not_fetched_again(stack: Stack) -> None:
    for _ in range(3):
        stack.saved(event_id="a-delivery", recording_urls={"wav": stack.links.put("/a.wav", wav())})
        assert stack.work() == []
    assert len(stack.links.requests) == 1
    assert len(stack.notes()) == 1


def test_an_object_that_was_never_noted_is_read_and_noted(stack: Stack) -> None:
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
    assert differing <= {"created_at", "attempts", "length_source"}
    assert len(stack.links.requests) == 1
    tags = stack.s3.get_object_tagging(Bucket=stack.bucket, Key=key)["TagSet"]
    assert {"Key": "sha256", "Value": after["sha256"]} in tags


def test_what_is_archived_is_not_missed_when_it_is_announced_again_without_a_link(stack: Stack) -> None:
    stack.recorded(download_urls={"wav": stack.links.put("/a.wav", wav())})
    stack.saved(recording_urls=None)
    (message,) = stack.waiting()
    assert stack.run(message) == {"batchItemFailures": []}
    stack.links.records.clear()  # and Telnyx has nothing any more
    assert stack.run(message) == {"batchItemFailures": []}
    assert stack.notes("RECORDING_FAILURE") == []
    assert len(stack.notes()) == 1


def test_a_format_is_not_forgotten_when_telnyx_is_down_while_it_is_announced_again_without_links(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3()), "wav": stack.links.put("/a.wav", wav(), *[page] * 20)}
    stack.recorded(download_urls=urls)
    stack.saved(recording_urls=None)
    message = stack.job()
    with pytest.raises(HooklineError):
        stack.archiver().archive(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["mp3"]
    stack.links.turns["/a.wav"] = []
    stack.links.api_status = 503
    with pytest.raises(NoLink):
        stack.archiver().archive(message, until=until())
    stack.links.api_status = 200
    stack.archiver().archive(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]


def test_what_is_lost_and_gone_at_telnyx_too_fails(stack: Stack) -> None:
    stack.recorded(download_urls={"wav": stack.links.put("/a.wav", wav())})
    stack.saved(recording_urls=None)
    (message,) = stack.waiting()
    assert stack.run(message) == {"batchItemFailures": []}
    stack.s3.delete_object(Bucket=stack.bucket, Key=stack.notes()[0]["key"])
    stack.links.records.clear()
    assert stack.run(message)["batchItemFailures"]


def test_a_recording_is_not_taken_for_another_whose_name_begins_like_it(stack: Stack) -> None:
    stack.saved(recording_id="r.2", recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    stack.saved(recording_id="r", recording_urls=None)
    assert len(stack.work()) == 1


@pytest.mark.parametrize(
    "code, status_",
    [
        ("ConditionalRequestConflict", 409),
        ("XAmzContentChecksumMismatch", 400),
        ("SlowDown", 503),
    ],
)
def test_an_s3_that_will_not_take_one_format_takes_the_other(stack: Stack, code: str, status_: int) -> None:
    def refuse(params: Any, model: Any, **_: object) -> None:
        if ".mp3" in params["url_path"]:
            error = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status_}}
            raise ClientError(error, model.name)  # type: ignore[arg-type]

    environment().s3.meta.events.register("before-call.s3.PutObject", refuse)
    stack.saved(recording_urls={"mp3": stack.links.put("/a.mp3", mp3()), "wav": stack.links.put("/a.wav", wav())})
    assert len(stack.work()) == 1
    assert [note["format"] for note in stack.notes()] == ["wav"]


def test_an_upload_that_another_delivery_has_ended_is_tried_again(stack: Stack) -> None:
    ended = iter([ClientError({"Error": {"Code": "NoSuchUpload"}}, "CompleteMultipartUpload")])

    def end(**_: object) -> None:
        for error in ended:
            raise error

    environment().s3.meta.events.register("before-call.s3.CompleteMultipartUpload", end)
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": stack.links.put("/a.wav", LARGE)})
    (message,) = stack.waiting()
    assert stack.run(message)["batchItemFailures"]
    assert stack.run(message) == {"batchItemFailures": []}
    assert list(stack.objects().values()) == [LARGE]


def test_what_s3_checks_is_our_sum_and_not_one_that_was_made_on_the_way(stack: Stack) -> None:
    given: list[Any] = []
    environment().s3.meta.events.register(
        "provide-client-params.s3.PutObject",
        lambda params, **_: given.append((params["Key"].rpartition(".")[2], params.get("ChecksumSHA256"))),
    )
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    assert [checksum for kind, checksum in given if kind == "wav"] == [
        base64.b64encode(hashlib.sha256(wav()).digest()).decode()
    ]


@pytest.mark.parametrize("as_ours", [False, True])
def test_an_object_that_is_not_the_one_we_put_there_is_never_taken_for_it(deleting: Stack, as_ours: bool) -> None:
    stack, key = deleting, f"{FOLDER}/{RECORDING}.wav"
    link = stack.links.put("/a.wav", wav())
    stack.recorded(download_urls={"wav": link})
    stack.saved(recording_urls={"wav": link})
    (message,) = stack.waiting()
    another = wav()[:-2] + b"\x55\x55"
    put = iter([another])

    def overwrite(**_: object) -> None:
        for content in put:
            found = stack.s3.head_object(Bucket=stack.bucket, Key=key)["Metadata"] if as_ours else {}
            stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=content, Metadata=found)

    environment().s3.meta.events.register("after-call.s3.PutObject", overwrite)
    for _ in range(2):
        assert len(stack.run(message)["batchItemFailures"]) == 1
        assert stack.notes() == []
        assert stack.notes("RECORDING_FAILURE")[0]["code"] == "object_differs"
    assert RECORDING in stack.links.records


# Telnyx's copy


def test_telnyxs_copy_is_left_alone_by_default(stack: Stack) -> None:
    stack.recorded()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    assert stack.links.api_requests == []


def test_telnyxs_copy_is_deleted_once_every_format_is_archived(deleting: Stack) -> None:
    deleting.recorded()
    urls = {"mp3": "https://example.com/a.mp3", "wav": deleting.links.put("/a.wav", wav())}
    deleting.saved(seconds=2.016, recording_urls=urls)
    (message,) = deleting.waiting()
    assert handler("recording_archiver")({"Records": [message]}, Clock(900_000))["batchItemFailures"]
    assert RECORDING in deleting.links.records
    deleting.recorded(download_urls={"mp3": deleting.links.put("/a.mp3", mp3(2.016))})
    for _ in range(2):
        assert handler("recording_archiver")({"Records": [message]}, Clock(900_000)) == {"batchItemFailures": []}
    assert deleting.links.records == {}
    (note,) = deleting.notes("RECORDING_DELETED")
    assert note["recording_id"] == RECORDING


@pytest.mark.parametrize(
    "stated, lasts", [({}, 0.0), ({"recording_started_at": None}, 0.1), ({"seconds": 600.0}, 595.0)]
)
def test_telnyxs_copy_is_left_alone_while_there_is_any_doubt_about_ours(
    deleting: Stack, stated: dict[str, Any], lasts: float
) -> None:
    deleting.recorded()
    deleting.saved(recording_urls={"wav": deleting.links.put("/a.wav", wav(lasts))}, **stated)
    assert deleting.work() == []
    assert len(deleting.notes()) == 1
    assert RECORDING in deleting.links.records
    assert (codes(deleting.notes()[0]) == ["no_audio"]) is (lasts == 0.0)


def test_a_deletion_that_telnyx_refuses_is_noted_and_the_recording_is_archived(
    deleting: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    deleting.links.refuse_deleting = True
    deleting.recorded()
    deleting.saved(recording_urls={"wav": deleting.links.put("/a.wav", wav())})
    assert deleting.work() == []
    assert deleting.notes("RECORDING_DELETED") == []
    assert deleting.notes("RECORDING_DELETION_FAILURE")[0]["code"] == "telnyx_refused"
    assert deleting.notes("RECORDING_FAILURE") == []
    logged = capsys.readouterr().out
    assert '"RecordingDeletionFailed":' in logged
    assert "RecordingArchiveFailed" not in logged


def test_nothing_is_deleted_at_telnyx_that_is_not_known_by_its_id(deleting: Stack) -> None:
    deleting.recorded()
    deleting.saved(recording_id=None, recording_urls={"wav": deleting.links.put("/a.wav", wav())})
    assert deleting.work() == []
    assert all(method == "GET" for method, _ in deleting.links.api_requests)


def test_what_is_copied_again_is_noted_again(deleting: Stack) -> None:
    stack, key = deleting, f"{FOLDER}/{RECORDING}.wav"
    link = stack.links.put("/a.wav", wav())
    stack.saved(recording_urls={"wav": link})
    stack.links.api_status = 500
    (message,) = stack.waiting()
    assert stack.run(message)["batchItemFailures"]
    stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    stack.links.files["/a.wav"] = wav()[:-2] + b"\1\1"
    stack.links.api_status = 200
    for _ in range(2):
        assert stack.run(message) == {"batchItemFailures": []}
        assert stack.notes()[0]["sha256"] == hashlib.sha256(stack.links.files["/a.wav"]).hexdigest()


@pytest.mark.parametrize("urls", [{"wav": "short"}, {"wav": "s3://theirs/a"}])
def test_telnyxs_copy_is_left_alone_when_ours_has_findings_or_is_external(
    deleting: Stack, urls: dict[str, str]
) -> None:
    deleting.recorded()
    short = deleting.links.put("/a.wav", wav(1.0))
    deleting.saved(seconds=60.0, recording_urls={name: short if url == "short" else url for name, url in urls.items()})
    assert deleting.work() == []
    assert RECORDING in deleting.links.records


@pytest.mark.parametrize("what", ["gone", "overwritten", "overwritten with as many bytes"])
def test_telnyxs_copy_is_not_deleted_while_ours_is_not_what_was_noted(deleting: Stack, what: str) -> None:
    stack, key = deleting, f"{FOLDER}/{RECORDING}.wav"
    link = stack.links.put("/a.wav", wav())
    stack.links.records[RECORDING] = {"id": RECORDING, "call_leg_id": LEG, "download_urls": {"wav": link}}
    stack.saved(recording_urls={"wav": link})
    stack.links.api_status = 500
    (message,) = stack.waiting()
    stack.run(message)
    if what == "gone":
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    else:
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"x" * (len(wav()) if "many" in what else 4))
    stack.links.api_status = 200
    stays = stack.run(message)["batchItemFailures"]
    if what == "gone":
        again = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()
        assert (stays, again) == ([], wav()), "copied again"
    else:
        assert stays
        assert RECORDING in stack.links.records, "the only copy there is"
        assert stack.notes("RECORDING_FAILURE")[0]["code"] == "object_differs"


def test_telnyxs_copy_is_deleted_when_two_deliveries_have_shared_the_formats(deleting: Stack) -> None:
    stack = deleting
    urls = {"mp3": stack.links.put("/a.mp3", mp3(2.016))}

    def second_delivery() -> None:
        stack.links.api_status = 500  # it archives and notes the file, and cannot delete
        assert stack.run(message)["batchItemFailures"]
        stack.links.api_status = 200

    urls["wav"] = stack.links.put("/a.wav", wav(2.016), meanwhile(second_delivery))
    stack.recorded(download_urls=urls)
    stack.saved(seconds=2.016, recording_urls=urls)
    (message,) = stack.waiting()
    assert stack.run(message) == {"batchItemFailures": []}
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]
    assert stack.links.records == {}
    assert len(stack.notes("RECORDING_DELETED")) == 1


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
    message = stack.job()
    with pytest.raises(HooklineError):
        stack.archiver().archive(message, until=until())
    assert stack.objects() == {}


def test_every_line_about_a_call_carries_all_of_its_ids(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    urls = {"wav": stack.links.put("/a.wav", wav()), "mp3": "https://example.com/a.mp3"}
    for number, links in enumerate([{"wav": urls["wav"]}, {"wav": urls["wav"]}, urls]):
        stack.saved(event_id=f"e{number}", recording_urls=links)
        stack.work()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    messages = ["recording archived", "recording already archived", "recording archive failed"]
    lines = [line for line in lines if line.get("message") in messages]
    assert [line["message"] for line in lines] == messages
    for number, line in enumerate(lines):
        assert line["message_id"]
        assert {name: line.get(name) for name in (*IDS, "event_id")} == {**IDS, "event_id": f"e{number}"}
    assert (lines[2]["error"], lines[2]["findings"][0]["code"]) == ("LinkForbidden", "link_forbidden")


IDS = {
    "event_type": "call.recording.saved",
    "call_leg_id": LEG,
    "call_session_id": SESSION,
    "recording_id": RECORDING,
}


def test_each_failure_is_counted(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.saved(recording_urls={"mp3": "https://example.com/a.mp3", "wav": "https://example.com/a.wav"})
    stack.work()
    assert capsys.readouterr().out.count('"RecordingArchiveFailed":') == 2
    assert [codes({"findings": [failure]}) for failure in stack.notes("RECORDING_FAILURE")] == [["link_forbidden"]] * 2


def test_nothing_that_came_in_is_logged(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "X-Amz-Signature=a-secret"
    link = stack.links.put("/a.wav", wav()) + f"?{secret}"
    stack.saved(recording_urls={"wav": link, "mp3": f"https://example.com/a.mp3?{secret}"})
    stack.deliver("call.recording.transcription.saved", transcription_text="my card number is")
    stack.work()
    logged = capsys.readouterr().out
    assert "recording archive failed" in logged
    assert secret not in logged
    assert "card number" not in logged
    assert secret not in json.dumps([stack.notes(), stack.notes("RECORDING_FAILURE")])


def test_an_s3_that_fails_leaves_the_message_in_the_queue(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    messages = stack.waiting()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    stack.cold()
    assert len(handler("recording_archiver")({"Records": messages}, Clock(900_000))["batchItemFailures"]) == 1
    assert stack.journal.notes(IDENTITY, "RECORDING") == []


def test_a_failed_download_fails(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "http://127.0.0.1:9/a.wav"})
    with pytest.raises(DownloadFailed):
        stack.archiver().archive(stack.job(), until=until())
