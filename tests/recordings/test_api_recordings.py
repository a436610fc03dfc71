"""Recordings over the calls API: the list, a link that plays, and who was given one."""

import re

import httpx
import pytest

from tests.support.calls_api import CallsApi
from tests.support.recording_stack import LEG, RECORDING, Deployment, Stack
from tests.support.sound import mp3, wav


@pytest.fixture
def api(deployment: Deployment, stack: Stack) -> CallsApi:
    """The API of a stack that has archived one recording of a call from +12025550101."""
    stack.deliver("call.initiated", direction="incoming", **{"from": "+12025550101", "to": "+12025550199"})
    stack.saved(recording_urls={"wav": stack.links.put("/one.wav", wav(2.0))})
    assert stack.work() == []
    return CallsApi(deployment.template)


def test_a_recording_is_listed_and_its_link_plays_with_the_name_that_a_person_expects(api: CallsApi) -> None:
    (recording,) = api.get(f"/calls/{LEG}/recordings").json()["recordings"]
    for id_ in (recording["id"], LEG):
        answer = api.get(f"/recordings/{id_}/audio")
        assert (answer.status, answer.body) == (302, b"")
        link = answer.headers["location"]
        assert "X-Amz-Expires=300" in link
        part = httpx.get(link, headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        assert re.search(
            r'filename="2026-11-21 09-00 \+12025550101 [0-9a-z-]+\.wav"', part.headers["content-disposition"]
        )
        assert part.headers["content-type"] == "audio/wav"


def test_a_transcript_is_listed_with_its_recording_and_any_other_by_itself(api: CallsApi, stack: Stack) -> None:
    for number in ("t-1", "t-2"):
        text = {"recording_transcription_id": number, "transcription_text": f"Bonjour {number}."}
        stack.deliver("call.recording.transcription.saved", **text)
    assert stack.work() == []
    listed = api.get(f"/calls/{LEG}/recordings").json()["recordings"]
    assert ["id" in recording for recording in listed] == [True, False]
    assert len({recording["transcript"]["key"] for recording in listed}) == 2
    assert [recording["recording_id"] for recording in listed] == [RECORDING] * 2


def test_each_link_is_journalled_with_who_asked_for_it(api: CallsApi, stack: Stack) -> None:
    api.authorizer = {"jwt": {"claims": {"iss": "https://id.example.com", "sub": "ann"}, "scopes": ["hookline/listen"]}}
    for _ in range(2):
        assert api.get(f"/recordings/{LEG}/audio").status == 302
    notes = stack.notes("AUDIO_LINK")
    assert [note["caller"] for note in notes] == ["https://id.example.com#ann"] * 2
    api.authorizer["jwt"]["scopes"] = ["hookline/read"]
    assert api.get(f"/recordings/{LEG}/audio").problem == "scope-missing"


@pytest.mark.parametrize("id_", ["rec_", "rec_AAAA", "rec_!!!", "rec_TEVHI3gKeQ", "nowhere"])
def test_an_unknown_recording_is_404(api: CallsApi, id_: str) -> None:
    assert api.get(f"/recordings/{id_}/audio").problem in ("recording-not-found", "call-not-found")
    assert api.get(f"/recordings/{id_}/peaks").status == 404


def test_the_peaks_of_a_recording_are_served_as_they_were_archived(api: CallsApi, stack: Stack) -> None:
    (archived,) = stack.peaks().values()
    (recording,) = api.get(f"/calls/{LEG}/recordings").json()["recordings"]
    answer = api.get(f"/recordings/{recording['id']}/peaks")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, archived, "application/json")
    peaks = answer.json()
    assert (peaks["sample_rate"], peaks["samples_per_peak"], peaks["full_scale"]) == (8000, 400, 127)
    assert [len(channel) for channel in peaks["channels"]] == [40]
    assert api.get(f"/recordings/{LEG}/peaks", if_none_match=answer.headers["etag"]).status == 304


def test_the_peaks_of_a_recording_come_with_a_delivery_that_only_notes_it(api: CallsApi, stack: Stack) -> None:
    """The first delivery ended between the recording and its note."""
    (note,), before = stack.notes(), stack.peaks()
    key = {"pk": {"S": f"LEG#{LEG}"}, "sk": {"S": f"RECORDING#{note['name']}"}}
    stack.dynamodb.delete_item(TableName=stack.settings["TABLE_NAME"], Key=key)
    stack.s3.delete_object(Bucket=stack.bucket, Key=note["peaks_key"])
    stack.saved(recording_urls={"wav": stack.links.put("/one.wav", wav(2.0))})
    assert stack.work() == []
    (noted,) = stack.notes()
    assert noted["length_source"] == "read_back"
    assert stack.s3.get_object(Bucket=stack.bucket, Key=noted["peaks_key"])["Body"].read() in before.values()


def test_an_mp3_has_no_peaks(api: CallsApi, stack: Stack) -> None:
    stack.saved(recording_id="another", recording_urls={"mp3": stack.links.put("/two.mp3", mp3())})
    assert stack.work() == []
    (recording,) = (one for one in api.get(f"/calls/{LEG}/recordings").json()["recordings"] if one["format"] == "mp3")
    assert api.get(f"/recordings/{recording['id']}/peaks").problem == "peaks-not-found"


def test_a_recording_in_another_storage_is_named(api: CallsApi, stack: Stack) -> None:
    stack.saved(recording_id="another", recording_urls={"wav": "s3://elsewhere/another"})
    stack.work()
    answer = api.get(f"/recordings/{LEG}/audio")
    assert (answer.problem, answer.json()["storage_url"]) == ("recording-elsewhere", "s3://elsewhere/another")
