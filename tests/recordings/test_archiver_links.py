"""A recording is archived however its link, or what is behind it, behaves, and nothing else is fetched."""

import threading
from typing import Any
from uuid import uuid4

import boto3
import pytest

from hookline.errors import HooklineError
from hookline.recordings.download import LinkForbidden, OutOfTime, TooLarge
from hookline.recordings.findings import RecordingError
from hookline.recordings.storage import PART_BYTES
from hookline.recordings.transfer import MAX_FRUITLESS_ATTEMPTS
from tests.support.link_server import (
    LinkServer,
    Turn,
    a_piece,
    announcing,
    another_rest,
    as_s3_was_given_it,
    chunked,
    cut_after,
    cut_each_time,
    cut_in_a_size,
    dripping,
    encoded,
    endless,
    endless_and_slow,
    page,
    redirected,
    status,
)
from tests.support.recording_stack import FOLDER, LARGE, LEG, RECORDING, Deployment, Stack, a_stack, until
from tests.support.sound import mp3, wav
from tests.support.world import Clock, handler

# However the link behaves


@pytest.mark.parametrize("turn", [status(403), status(404), status(410), status(400)])
def test_an_expired_link_is_replaced_by_a_fresh_one(stack: Stack, turn: Turn) -> None:
    sound = mp3()
    dead = stack.links.put("/dead.mp3", sound, *[turn] * MAX_FRUITLESS_ATTEMPTS)
    stack.recorded(download_urls={"mp3": stack.links.put("/fresh.mp3", sound)})
    stack.saved(recording_urls={"mp3": dead})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]
    assert [path for path, _ in stack.links.requests] == ["/dead.mp3", "/fresh.mp3"]
    assert stack.links.api_requests == [("GET", f"/v2/recordings/{RECORDING}")]


def test_a_recording_without_an_id_is_found_by_its_leg_and_its_beginning(stack: Stack) -> None:
    sound = mp3()
    dead = stack.links.put("/dead.mp3", sound, *[status(403)] * MAX_FRUITLESS_ATTEMPTS)
    fresh = stack.links.put("/fresh.mp3", sound)
    other = stack.links.put("/other.mp3", mp3(9.0))
    stack.recorded(id="earlier", recording_started_at="2026-11-21T08:59:00Z", download_urls={"mp3": other})
    stack.recorded(
        id="later",
        recording_started_at="2026-11-21T09:01:00Z",
        created_at="2026-11-21T09:03:00Z",
        download_urls={"mp3": other},
    )
    began = "2026-11-21T09:00:00.400000Z"
    stack.recorded(id="old", recording_started_at=began, created_at="2026-11-21T09:00:09Z")
    stack.recorded(
        id="this",
        recording_started_at=began,
        created_at="2026-11-21T09:02:00Z",
        download_urls={"mp3": fresh},
    )
    stack.saved(recording_id=None, recording_urls={"mp3": dead})
    assert stack.work() == []
    assert stack.objects() == {f"{FOLDER}/20261121090000000000.mp3": sound}


def test_a_recording_announced_without_a_link_is_asked_for(stack: Stack) -> None:
    stack.recorded(download_urls={"wav": stack.links.put("/a.wav", wav())})
    stack.saved(recording_urls={})
    assert stack.work() == []
    assert list(stack.objects()) == [f"{FOLDER}/{RECORDING}.wav"]


def test_of_two_recordings_of_a_leg_the_one_that_began_then_is_archived(stack: Stack) -> None:
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


def test_pieces_without_a_length_are_whole_when_their_end_is_marked(stack: Stack) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, chunked)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [sound]


def test_a_download_cut_in_the_middle_goes_on_where_it_stopped(stack: Stack) -> None:
    stopped = PART_BYTES + 12_345
    link = stack.links.put("/a.wav", LARGE, cut_after(stopped))
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": link})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    first, second = stack.links.ranges_requested("/a.wav")
    assert first is None
    assert second == f"bytes={stopped}-"
    assert stack.notes()[0]["attempts"] == 2


def test_a_download_goes_on_behind_a_fresh_link_to_the_same_content(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES), status(403), etag='"one"')
    stack.recorded(download_urls={"wav": stack.links.put("/fresh.wav", LARGE, etag='"one"')})
    stack.saved(recording_urls={"wav": link})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    assert stack.links.ranges_requested("/fresh.wav") == [f"bytes={PART_BYTES}-"]


def test_a_download_that_is_cut_again_and_again_arrives_as_long_as_it_comes_further(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE, *[cut_each_time(len(LARGE) // 20)] * 99)
    stack.saved(recording_urls={"wav": link})
    stack.archiver().archive(stack.job(), until=until())
    assert list(stack.objects().values()) == [LARGE]


def test_a_hiccup_of_seconds_does_not_cost_the_link(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[status(503)] * (MAX_FRUITLESS_ATTEMPTS - 1))})
    pauses: list[float] = []
    stack.archiver(sleep=pauses.append).archive(stack.job(), until=until())
    assert sum(pauses) > 10


def test_bytes_are_taken_as_they_are_given_not_as_s3_once_got_them(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), as_s3_was_given_it)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [wav()]


def test_a_public_link_is_the_last_resort(stack: Stack) -> None:
    stack.saved(
        recording_urls={"wav": stack.links.put("/dead.wav", wav(), *[status(403)] * 9)},
        public_recording_urls={"wav": stack.links.put("/public.wav", wav())},
    )
    assert stack.work() == []
    assert len(stack.links.requests) == 2


def test_a_forbidden_link_is_not_tried_again_when_telnyx_gives_no_other(stack: Stack) -> None:
    link = stack.links.put("/a.wav", wav(), *[redirected("https://example.com/a")] * 9)
    stack.recorded(download_urls={"wav": link})
    stack.saved(recording_urls={"wav": link})
    assert len(stack.work()) == 1
    assert len(stack.links.requests) == 1


def test_a_recording_of_another_time_or_leg_is_not_taken_for_the_one_without_an_id(stack: Stack) -> None:
    link = stack.links.put("/another.wav", wav())
    stack.recorded(id="later", recording_started_at="2026-11-21T09:01:00Z", download_urls={"wav": link})
    stack.recorded(id="another leg's", call_leg_id="another", download_urls={"wav": link})
    stack.saved(recording_id=None, recording_urls={"wav": stack.links.put("/dead.wav", wav(), *[status(403)] * 9)})
    assert len(stack.work()) == 1
    assert stack.objects() == {}


@pytest.mark.parametrize("secret", [None, "KÉY", b"KEY", " \n", '{\n  "key": "KEY"\n}'])
def test_an_api_key_that_cannot_be_read_takes_nothing_from_links_that_work(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, secret: str | bytes | None
) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"
    if secret is not None:
        value: dict[str, Any] = {"SecretBinary" if isinstance(secret, bytes) else "SecretString": secret}
        arn = boto3.client("secretsmanager").create_secret(Name=str(uuid4()), **value)["ARN"]
    monkeypatch.setenv("TELNYX_API_KEY_SECRET_ARN", arn)
    stack.cold()
    urls = {"mp3": stack.links.put("/a.mp3", mp3(), *[status(403)] * 9)}
    urls["wav"] = stack.links.put("/a.wav", wav(), cut_after(2_000))
    stack.saved(recording_urls=urls)
    assert len(stack.work()) == 1
    assert [note["format"] for note in stack.notes()] == ["wav"]
    (failure,) = stack.notes("RECORDING_FAILURE")
    assert [cause["code"] for cause in failure["causes"]] == ["no_fresh_link", "api_key_unreadable"]


def test_a_server_that_knows_no_ranges_is_asked_for_everything_again(stack: Stack) -> None:
    stack.links.ranges = False
    link = stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES + 1))
    stack.saved(seconds=len(LARGE) / 16_000, recording_urls={"wav": link})
    assert stack.work() == []
    assert list(stack.objects().values()) == [LARGE]
    assert stack.unfinished() == []


@pytest.mark.parametrize("etag", ['"one"', 'W/"one"', None])
def test_two_different_files_are_never_joined(stack: Stack, etag: str | None) -> None:
    before, after, cut = LARGE, LARGE[:44] + LARGE[:43:-1], cut_after(PART_BYTES + 1)
    stack.recorded(download_urls={"wav": stack.links.put("/after.wav", after, etag=etag and '"two"')})
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", before, cut, status(403), etag=etag)})
    assert stack.work() == []
    assert list(stack.objects().values()) == [after]


def test_a_download_that_starts_over_is_measured_from_its_start(stack: Stack) -> None:
    stack.links.ranges = False
    stack.saved(seconds=1.44, recording_urls={"mp3": stack.links.put("/a.mp3", mp3(1.44), cut_after(1_000))})
    assert stack.work() == []
    (note,) = stack.notes()
    assert (note["duration_seconds"], note["findings"]) == (1.44, [])


OTHER = LARGE[:44] + LARGE[:43:-1]


@pytest.mark.parametrize(
    "rest",
    [
        another_rest(OTHER),
        another_rest(OTHER + OTHER, etag=None),
        another_rest(LARGE, ahead=100, etag=None),
        a_piece,
    ],
)
def test_what_is_not_certainly_the_rest_is_not_taken_for_it(stack: Stack, rest: Turn) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", LARGE, cut_after(PART_BYTES + 1), rest)})
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
        cut_in_a_size,
        encoded,
        page,
    ],
)
def test_what_went_wrong_once_is_tried_again(stack: Stack, turn: Turn) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, turn)})
    keys = stack.archiver().archive(stack.job(), until=until())
    assert stack.objects() == {keys[0]: sound}
    assert stack.notes()[0]["attempts"] == 2


def test_a_file_longer_than_announced_is_not_taken_for_whole_in_silence(stack: Stack) -> None:
    stack.saved(seconds=2.0, recording_urls={"wav": stack.links.put("/a.wav", wav(2.0), announcing("30044"))})
    assert stack.work() == []
    assert stack.notes()[0]["findings"] == [{"code": "header_announces_more", "figures": {"bytes": 2000}}]


def test_a_silent_server_is_not_waited_for(stack: Stack) -> None:
    sound = wav()
    given_up = threading.Event()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, cut_after(1000, pause=given_up))})
    stack.archiver(silence_seconds=1.0).archive(stack.job(), until=until())
    given_up.set()
    assert list(stack.objects().values()) == [sound]
    assert stack.links.ranges_requested("/a.wav")[:2] == [None, "bytes=1000-"]


def test_a_dripping_server_is_as_good_as_a_silent_one(stack: Stack) -> None:
    sound = wav()
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", sound, dripping(10, 0.5))})  # for half an hour
    stack.archiver(slowest_bytes_per_second=5_000, slowness_seconds=0.4).archive(stack.job(), until=until())
    assert list(stack.objects().values()) == [sound]


@pytest.mark.parametrize("turn", [status(403), status(500), cut_after(2_000), page, encoded, announcing(None)])
def test_what_keeps_going_wrong_ends_noted_counted_and_in_the_queue(
    stack: Stack, turn: Turn, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.links.ranges = False
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[turn] * 50)})
    with pytest.raises(RecordingError) as raised:
        stack.archiver().archive(stack.job(), until=until())
    assert len(stack.links.requests) <= MAX_FRUITLESS_ATTEMPTS + 1
    assert stack.objects() == {}
    assert stack.unfinished() == []
    assert stack.notes() == []
    (failure,) = stack.notes("RECORDING_FAILURE")
    assert (failure["name"], failure["code"]) == (f"{RECORDING}.wav", raised.value.code)


def test_an_expired_link_and_why_there_is_no_other_are_noted_together(stack: Stack) -> None:
    stack.links.api_keys = {"another"}
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[status(403)] * 9)})
    assert len(stack.work()) == 1
    (failure,) = stack.notes("RECORDING_FAILURE")
    refused = {"code": "telnyx_refused", "figures": {"http_status": 401, "telnyx_code": "10009"}}
    causes = [{"code": "no_fresh_link", "figures": {}}, refused]
    assert (failure["code"], failure["figures"], failure["causes"]) == ("link_expired", {"http_status": 403}, causes)
    stack.saved(recording_id="no-link", recording_urls=None)
    assert len(stack.work()) == 1
    failures = {failure["name"]: failure for failure in stack.notes("RECORDING_FAILURE")}
    assert (failures["no-link"]["code"], failures["no-link"]["causes"]) == ("no_link", causes)


def test_a_telnyx_that_is_unavailable_for_a_while_is_asked_again_for_a_fresh_link(stack: Stack) -> None:
    def recovered(handler: Any, server: LinkServer, content: bytes, etag: str) -> None:
        server.api_status = 200
        status(403)(handler, server, content, etag)

    stack.links.api_status = 503
    stack.recorded(download_urls={"wav": stack.links.put("/fresh.wav", wav())})
    expired = stack.links.put("/expired.wav", wav(), status(403), recovered)
    stack.saved(recording_urls={"wav": expired})
    stack.archiver().archive(stack.job(), until=until())
    assert [path for path, _ in stack.links.requests] == ["/expired.wav", "/expired.wav", "/fresh.wav"]


def test_fresh_links_that_have_expired_too_come_to_an_end(stack: Stack) -> None:
    dead = stack.links.put("/dead.wav", wav(), *[status(403)] * 50)
    stack.recorded(download_urls={"wav": dead})
    stack.saved(recording_urls={"wav": dead})
    with pytest.raises(HooklineError):
        stack.archiver().archive(stack.job(), until=until())
    assert len(stack.links.requests) == MAX_FRUITLESS_ATTEMPTS
    assert stack.notes("RECORDING_FAILURE")[0]["figures"] == {"http_status": 403}


def test_an_api_key_that_was_replaced_is_read_again(stack: Stack) -> None:
    stack.recorded(download_urls={"wav": stack.links.put("/fresh.wav", wav())})

    def lost_link() -> list[str]:
        stack.saved(recording_urls={"wav": stack.links.put("/dead.wav", wav(), *[status(403)] * 9)})
        return stack.work()

    assert lost_link() == []
    stack.links.api_keys = {"KEY-that-is-new"}
    secret = stack.settings["TELNYX_API_KEY_SECRET_ARN"]
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="KEY-that-is-new")
    (stays,) = stack.objects()
    stack.recorded(id="next", download_urls={"wav": stack.links.put("/next.wav", wav(1.0))})
    stack.saved(recording_id="next", recording_urls={"wav": stack.links.put("/gone.wav", wav(), *[status(403)] * 9)})
    assert stack.work() == []
    assert len(stack.objects()) == 2
    assert stays in stack.objects()


def test_a_failed_message_stays_with_all_that_a_redrive_needs(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": "https://example.com/a.wav"})
    messages = stack.waiting()
    context = Clock(900_000)
    answer = handler("recording_archiver")({"Records": messages}, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[0]["messageId"]}]}
    # Ten days later, from the dead-letter queue: the link is no good, the message still leads to the recording.
    stack.recorded(download_urls={"wav": stack.links.put("/fresh.wav", wav())})
    assert handler("recording_archiver")({"Records": messages}, context) == {"batchItemFailures": []}
    assert list(stack.objects()) == [f"{FOLDER}/{RECORDING}.wav"]


def test_one_bad_message_of_a_batch_holds_up_no_other(stack: Stack) -> None:
    bad = [{"messageId": f"bad-{n}", "body": body} for n, body in enumerate(["{", "[]", '{"recording": 7}', "null"])]
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    answer = handler("recording_archiver")({"Records": [*bad, *stack.waiting()]}, Clock(900_000))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [m["messageId"] for m in bad]
    assert len(stack.objects()) == 1


def test_one_format_that_fails_does_not_stop_the_other(stack: Stack) -> None:
    urls = {"mp3": stack.links.put("/a.mp3", mp3(), *[page] * 50), "wav": stack.links.put("/a.wav", wav())}
    stack.saved(recording_urls=urls)
    message = stack.job()
    with pytest.raises(HooklineError):
        stack.archiver().archive(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["wav"]
    stack.links.turns["/a.mp3"] = []
    stack.archiver().archive(message, until=until())
    assert [note["format"] for note in stack.notes()] == ["mp3", "wav"]
    assert len(stack.links.ranges_requested("/a.wav")) == 1


def test_one_format_that_never_ends_does_not_starve_the_other(stack: Stack) -> None:
    endless_mp3 = stack.links.put("/a.mp3", mp3(), *[endless_and_slow] * 50)
    stack.saved(recording_urls={"mp3": endless_mp3, "wav": stack.links.put("/a.wav", wav())})
    assert len(stack.work(milliseconds=68_000)) == 1
    assert [note["format"] for note in stack.notes()] == ["wav"]
    assert [(failure["name"], failure["code"]) for failure in stack.notes("RECORDING_FAILURE")] == [
        (f"{RECORDING}.mp3", "out_of_time")
    ]


def test_a_function_that_runs_out_of_time_takes_back_what_it_uploaded(stack: Stack) -> None:
    link = stack.links.put("/a.wav", LARGE, dripping(PART_BYTES // 64, 0.1))
    stack.saved(recording_urls={"wav": link})
    with pytest.raises(OutOfTime):
        stack.archiver().archive(stack.job(), until=until(1.0))
    assert stack.unfinished() == []
    assert stack.objects() == {}


def test_lambdas_own_clock_ends_a_download(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", LARGE, dripping(1 << 16, 0.2))})
    assert len(stack.work(milliseconds=61_000)) == 1


@pytest.mark.parametrize("host", ["a..telnyx.com", "a" * 64 + ".telnyx.com"])
def test_a_link_with_an_invalid_host_does_not_stop_the_other(stack: Stack, host: str) -> None:
    stack.saved(recording_urls={"mp3": f"https://{host}/a.mp3", "wav": stack.links.put("/a.wav", wav())})
    assert len(stack.work()) == 1
    assert [note["format"] for note in stack.notes()] == ["wav"]


# Where it comes from


def test_no_link_ever_sees_the_api_key(stack: Stack) -> None:
    fresh = stack.links.put("/fresh.wav", wav(), redirected("/there.wav"))
    stack.links.put("/there.wav", wav())
    stack.recorded(download_urls={"wav": fresh})
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[status(403)] * 9)})
    assert stack.work() == []
    assert {path for path, _ in stack.links.requests} == {"/a.wav", "/fresh.wav", "/there.wav"}
    for _, headers in stack.links.requests:
        assert {name.lower() for name in headers} <= {"host", "accept", "accept-encoding", "user-agent"}
    assert stack.links.api_requests  # and there it was sent: without it the server answers 401


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
def test_a_redirect_to_a_forbidden_host_is_not_followed(stack: Stack, to: str) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[redirected(to)] * 50)})
    with pytest.raises(LinkForbidden):
        stack.archiver().archive(stack.job(), until=until())
    assert stack.objects() == {}
    assert stack.notes("RECORDING_FAILURE")[0]["code"] == "link_forbidden"


def test_redirects_come_to_an_end(stack: Stack) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(), *[redirected("/a.wav")] * 50)})
    with pytest.raises(LinkForbidden):
        stack.archiver().archive(stack.job(), until=until())
    assert len(stack.links.requests) == 4


def test_a_loopback_link_is_forbidden_outside_the_local_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav())})
    monkeypatch.delenv("AWS_SAM_LOCAL")
    stack.cold()
    assert len(stack.work()) == 1
    assert stack.links.requests == []
    assert stack.notes("RECORDING_FAILURE")[0]["figures"] == {"reason": "scheme_not_https"}


@pytest.mark.parametrize("turn", [None, chunked, endless])
def test_more_bytes_than_allowed_are_not_taken(stack: Stack, turn: Turn | None) -> None:
    stack.saved(recording_urls={"wav": stack.links.put("/a.wav", wav(4.0), *([turn] * 9 if turn else []))})
    with pytest.raises(TooLarge):
        stack.archiver(largest_bytes=50_000).archive(stack.job(), until=until())
    assert len(stack.links.requests) == 1
    assert stack.objects() == {}


def test_the_largest_size_is_a_setting(
    deployment: Deployment, links: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_stack(deployment, links, monkeypatch, {"RECORDING_MAX_BYTES": "32044"}) as stack:
        stack.saved(recording_urls={"wav": links.put("/a.wav", wav(2.0))})
        assert stack.work() == []
        stack.saved(recording_id="larger", recording_urls={"wav": links.put("/b.wav", wav(2.01))})
        assert len(stack.work()) == 1
