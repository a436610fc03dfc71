"""The text of a recording lies beside it, whichever of the two comes first."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hookline.environment import environment
from hookline.events import Identity
from tests.support.recording_stack import LEG, RECORDING, SESSION, Stack
from tests.support.sound import wav
from tests.support.world import Clock, handler


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
    stack.recorded(recording_started_at=began)

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
    (note,) = stack.notes("TRANSCRIPTION")
    assert (note["key"], note["json_key"]) == (f"{beside}.txt", f"{beside}.json")
    assert note["sha256"] == hashlib.sha256("Bonjour à tous.".encode()).hexdigest()


def test_a_transcript_delivered_again_is_the_same_transcript(stack: Stack) -> None:
    transcribed(stack)
    (message,) = stack.waiting()
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: stack.run(message), range(5)))
    assert len(stack.objects()) == 2
    assert len(stack.notes("TRANSCRIPTION")) == 1


def test_a_second_transcript_of_a_recording_does_not_replace_the_first(stack: Stack) -> None:
    transcribed(stack)
    transcribed(stack, recording_transcription_id="t-2", transcription_text="Bonjour à toutes.")
    assert stack.work() == []
    texts = {content.decode() for key, content in stack.objects().items() if key.endswith(".txt")}
    assert texts == {"Bonjour à tous.", "Bonjour à toutes."}
    assert len({note["key"] for note in stack.notes("TRANSCRIPTION")}) == 2


def test_a_transcript_too_long_for_an_item_is_archived_whole(stack: Stack) -> None:
    text = "Ein langes Gespräch. " * 30_000
    transcribed(stack, transcription_text=text)
    assert stack.work() == []
    assert stack.objects("recordings/")[stack.notes("TRANSCRIPTION")[0]["key"]].decode() == text


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
    transcribed(stack, recording_transcription_id=None, transcription_text=None)
    assert stack.work() == []
    (note,) = stack.notes("TRANSCRIPTION")
    assert note["recording_transcription_id"] == "t-new"


def test_a_transcript_that_comes_while_telnyx_is_down_waits_and_then_lies_beside_its_recording(stack: Stack) -> None:
    began = "2026-11-20T23:59:58.000000Z"
    stack.recorded(recording_started_at=began)
    stack.links.api_status = 503
    transcribed(stack)
    (message,) = stack.waiting()
    assert stack.run(message)["batchItemFailures"]
    assert stack.objects() == {}
    stack.links.api_status = 200
    stack.saved(recording_started_at=began, recording_urls={"wav": stack.links.put("/a.wav", wav())})
    assert stack.work() == []
    assert stack.run(message) == {"batchItemFailures": []}
    assert len({key.rpartition(".")[0] for key in stack.objects()}) == 1


def test_the_text_of_another_transcription_is_not_taken_for_this_one(stack: Stack) -> None:
    for id_, recording in (("t-1", RECORDING), ("t-2", "another"), ("t-3", RECORDING)):
        text = "" if id_ == "t-3" else "another text"
        stack.links.transcriptions.append({"id": id_, "recording_id": recording, "transcription_text": text})
    for id_ in ("t-2", "t-3"):
        transcribed(stack, recording_transcription_id=id_, transcription_text=None)
        assert len(stack.work()) == 1
    assert stack.notes("TRANSCRIPTION") == []
    assert stack.notes("RECORDING_FAILURE")[0]["code"] == "no_transcription"


def test_a_transcript_waits_while_telnyx_will_not_say_where_it_belongs(stack: Stack) -> None:
    began = "2026-11-20T23:59:58.000000Z"
    stack.recorded(recording_started_at=began)
    stack.links.api_keys = {"another"}
    transcribed(stack)
    (message,) = stack.waiting()
    assert stack.run(message)["batchItemFailures"]
    stack.links.api_keys = set()
    assert stack.run(message) == {"batchItemFailures": []}
    assert {key.rpartition(".")[0] for key in stack.objects()} == {f"recordings/2026/11/20/{SESSION}/{LEG}/{RECORDING}"}


def test_a_transcript_whose_event_names_only_the_control_id_lies_beside_its_recording_all_the_same(
    stack: Stack,
) -> None:
    stack.recorded()
    transcribed(stack, call_leg_id=None, call_session_id=None)
    assert stack.work() == []
    assert {key.rpartition(".")[0] for key in stack.objects()} == {f"recordings/2026/11/21/{SESSION}/{LEG}/{RECORDING}"}


def test_a_transcript_lies_beside_its_own_recording_and_no_other_of_the_call(stack: Stack) -> None:
    stack.saved(recording_id="first", recording_urls={"wav": stack.links.put("/a.wav", wav())})
    transcribed(stack)
    assert stack.work() == []
    assert {key.rpartition("/")[2] for key in stack.objects() if ".wav" not in key} == {
        f"{RECORDING}.txt",
        f"{RECORDING}.json",
    }


def test_a_transcript_that_does_not_exist_stays_in_the_queue(stack: Stack) -> None:
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
    looked = threading.Event()
    client: Any = environment().journal._client  # noqa: SLF001
    client.meta.events.register("after-call.dynamodb", lambda **_: looked.set())
    with ThreadPoolExecutor(1) as thread:
        record = {"messageId": "m", "body": json.dumps(message)}
        working = thread.submit(handler("recording_archiver"), {"Records": [record]}, Clock(900_000))
        assert looked.wait(60)
        transcribed(stack, event_id="not-yet")
        assert working.result() == {"batchItemFailures": []}
    assert stack.notes("TRANSCRIPTION")[0]["event_id"] == "not-yet"


def test_a_recording_without_speech_has_an_empty_transcript(stack: Stack) -> None:
    stack.deliver("call.recording.transcription.saved", transcription_text="")
    assert stack.work() == []
    assert stack.notes("TRANSCRIPTION")[0]["size"] == 0
