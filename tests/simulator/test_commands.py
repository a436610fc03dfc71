"""The simulator takes what Telnyx takes and refuses what Telnyx refuses, with Telnyx's codes."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import telnyx.types as sdk_types
import telnyx.types.calls as sdk_calls
import typing_extensions

from hookline import pay
from hookline.telnyx import Outcome, Telnyx
from hookline_local.simulator import Faults, SimulatorInThread
from hookline_local.simulator.command_schema import check, parameters_of
from tests.support.flow_server import KEY, CallApplication, answered_call, app_and_telnyx

SDK_NAMES = {
    "ai_assistant_add_messages": "ActionAddAIAssistantMessagesParams",
    "ai_assistant_join": "ActionJoinAIAssistantParams",
    "ai_assistant_start": "ActionStartAIAssistantParams",
    "ai_assistant_stop": "ActionStopAIAssistantParams",
    "answer": "ActionAnswerParams",
    "bridge": "ActionBridgeParams",
    "client_state_update": "ActionUpdateClientStateParams",
    "conversation_relay_start": "ActionStartConversationRelayParams",
    "conversation_relay_stop": "ActionStopConversationRelayParams",
    "enqueue": "ActionEnqueueParams",
    "fork_start": "ActionStartForkingParams",
    "fork_stop": "ActionStopForkingParams",
    "gather": "ActionGatherParams",
    "gather_stop": "ActionStopGatherParams",
    "gather_using_ai": "ActionGatherUsingAIParams",
    "gather_using_audio": "ActionGatherUsingAudioParams",
    "gather_using_speak": "ActionGatherUsingSpeakParams",
    "hangup": "ActionHangupParams",
    "leave_queue": "ActionLeaveQueueParams",
    "pay": "ActionPayParams",
    "playback_start": "ActionStartPlaybackParams",
    "playback_stop": "ActionStopPlaybackParams",
    "record_pause": "ActionPauseRecordingParams",
    "record_resume": "ActionResumeRecordingParams",
    "record_start": "ActionStartRecordingParams",
    "record_stop": "ActionStopRecordingParams",
    "refer": "ActionReferParams",
    "reject": "ActionRejectParams",
    "send_dtmf": "ActionSendDtmfParams",
    "send_sip_info": "ActionSendSipInfoParams",
    "siprec_start": "ActionStartSiprecParams",
    "siprec_stop": "ActionStopSiprecParams",
    "speak": "ActionSpeakParams",
    "streaming_start": "ActionStartStreamingParams",
    "streaming_stop": "ActionStopStreamingParams",
    "suppression_start": "ActionStartNoiseSuppressionParams",
    "suppression_stop": "ActionStopNoiseSuppressionParams",
    "switch_supervisor_role": "ActionSwitchSupervisorRoleParams",
    "transcription_start": "ActionStartTranscriptionParams",
    "transcription_stop": "ActionStopTranscriptionParams",
    "transfer": "ActionTransferParams",
}
OLDER = {"transcription_start": {"language"}}
"""Parameters that the SDK has no longer, and live calls still do."""


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[CallApplication, SimulatorInThread]]:
    with app_and_telnyx() as both:
        yield both


@pytest.fixture(scope="module")
def ccid(running: tuple[CallApplication, SimulatorInThread]) -> str:
    """Of a call that was answered."""
    return answered_call(*running).call_control_id


def error(answer: Any) -> dict[str, Any]:
    (only,) = answer.json()["errors"]
    assert isinstance(only["code"], str)
    assert only["title"]
    assert only["detail"]
    return dict(only)


@pytest.mark.parametrize("action", [*SDK_NAMES, "dial"])
def test_every_parameter_of_the_official_sdk_is_known_and_no_other(action: str) -> None:
    params = sdk_types.CallDialParams if action == "dial" else getattr(sdk_calls, SDK_NAMES[action])
    module = importlib.import_module(inspect.getmodule(params).__name__)  # type: ignore[union-attr]
    names = set()
    for key, hint in typing_extensions.get_type_hints(params, vars(module), include_extras=True).items():
        aliases = [getattr(extra, "alias", None) for extra in getattr(hint, "__metadata__", ())]
        for inner in typing_extensions.get_args(hint):
            aliases += [getattr(extra, "alias", None) for extra in getattr(inner, "__metadata__", ())]
        names.add(next((alias for alias in aliases if alias), key))
    assert set(parameters_of(action)) - OLDER.get(action, set()) == names


SPEAK = {"payload": "Hello.", "voice": "female"}
RECORD = {"channels": "dual", "format": "wav"}


@pytest.mark.parametrize(
    "action, body, code, pointer",
    [
        ("speak", {"voice": "female"}, "10004", "/payload"),
        ("speak", {"payload": "Hello."}, "10004", "/voice"),
        ("speak", SPEAK | {"payload": ""}, "90010", "/payload"),
        ("speak", SPEAK | {"payload": "x" * 5001}, "90010", "/payload"),
        ("speak", SPEAK | {"voice": "Joanna"}, "90012", "/voice"),
        ("speak", SPEAK | {"language": "en-XX"}, "90013", "/language"),
        ("speak", SPEAK | {"payload_type": "html"}, "90011", "/payload_type"),
        ("speak", SPEAK | {"service_level": "basic", "language": "de-DE"}, "90013", "/language"),
        ("speak", SPEAK | {"service_level": "gold"}, "90030", "/service_level"),
        ("speak", SPEAK | {"loop": 0}, "90009", "/loop"),
        ("speak", SPEAK | {"loop": True}, "90009", "/loop"),
        ("speak", SPEAK | {"loop": 101}, "90009", "/loop"),
        ("speak", SPEAK | {"stop": "overlay"}, "90016", "/stop"),
        ("speak", SPEAK | {"volume": 11}, "10015", "/volume"),
        ("speak", SPEAK | {"client_state": "not base64!"}, "90017", "/client_state"),
        ("playback_start", {}, "10004", "/audio_url"),
        ("playback_start", {"audio_url": "http://a/b.wav", "media_name": "m"}, "10015", "/media_name"),
        ("playback_start", {"audio_url": "ftp://a/b.wav"}, "10015", "/audio_url"),
        ("playback_start", {"audio_url": "http://["}, "10015", "/audio_url"),
        ("playback_start", {"audio_url": "http://127.0.0.1:99999/b.wav"}, "10015", "/audio_url"),
        ("playback_start", {"audio_url": "http://\0/b.wav"}, "10015", "/audio_url"),
        ("playback_start", {"playback_content": "%%%"}, "10015", "/playback_content"),
        ("playback_stop", {"stop": "overlay"}, "90016", "/stop"),
        ("record_start", {"format": "wav"}, "10004", "/channels"),
        ("record_start", RECORD | {"channels": "stereo"}, "90001", "/channels"),
        ("record_start", RECORD | {"format": "ogg"}, "90000", "/format"),
        ("record_start", RECORD | {"recording_track": "left"}, "90059", "/recording_track"),
        ("record_start", RECORD | {"max_length": 14_401}, "10033", "/max_length"),
        (
            "record_start",
            RECORD | {"transcription_engine": "deepgram/nova-3", "transcription_language": "de"},
            "10032",
            "/transcription_language",
        ),
        ("record_start", RECORD | {"transcription_language": "klingon"}, "10032", "/transcription_language"),
        ("record_pause", {"recording_id": "unknown"}, "10027", "/recording_id"),
        ("fork_start", {"rx": "udp:127.0.0.1:1"}, "10004", "/tx"),
        ("fork_start", {"rx": "127.0.0.1:1", "tx": "udp:127.0.0.1:1"}, "10015", "/rx"),
        ("fork_start", {"target": "udp:127.0.0.1:1"}, "10015", "/target"),
        ("fork_stop", {}, "90031", None),
        ("streaming_start", {}, "10004", "/stream_url"),
        ("streaming_start", {"stream_url": "https://x.test"}, "10015", "/stream_url"),
        ("streaming_start", {"stream_url": "ws://["}, "10015", "/stream_url"),
        ("streaming_start", {"stream_url": "ws://:80"}, "10015", "/stream_url"),
        ("streaming_start", {"stream_url": "ws://a..test"}, "10015", "/stream_url"),
        ("streaming_start", {"stream_url": "wss://x.test", "stream_track": "both"}, "10032", "/stream_track"),
        ("streaming_stop", {}, "90048", None),
        ("transcription_start", {"language": "en-US"}, "90013", "/language"),
        ("transcription_start", {"language": "en", "transcription_engine": "B"}, "10015", "/language"),
        (
            "transcription_start",
            {"transcription_engine": "Telnyx", "transcription_engine_config": {"language": "de-DE"}},
            "90013",
            "/transcription_engine_config/language",
        ),
        (
            "transcription_start",
            {"transcription_engine_config": {"language": "klingon"}},
            "90013",
            "/transcription_engine_config/language",
        ),
        (
            "transcription_start",
            {
                "transcription_engine": "Deepgram",
                "transcription_engine_config": {"transcription_engine": "deepgram/nova-3", "language": "bg"},
            },
            "90013",
            "/transcription_engine_config/language",
        ),
        (
            "transcription_start",
            {"transcription_engine": "B", "transcription_engine_config": {"interim_results": True}},
            "10015",
            "/transcription_engine_config/interim_results",
        ),
        ("ai_assistant_start", {"assistant": {}}, "10004", "/assistant/id"),
        ("ai_assistant_join", {"conversation_id": "c"}, "10004", "/participant"),
        ("conversation_relay_start", {}, "10004", "/url"),
        ("conversation_relay_start", {"url": "https://a"}, "10015", "/url"),
        ("gather_using_ai", {}, "10004", "/parameters"),
        ("gather_using_ai", {"parameters": {}, "language": "de-DE"}, "90013", "/language"),
        ("pay", {"transaction_type": "charge"}, "10004", "/amount"),
        ("pay", {"valid_card_types": ["gold"]}, "10032", "/valid_card_types/0"),
        ("refer", {}, "10004", "/sip_address"),
        ("send_sip_info", {"body": "a"}, "10004", "/content_type"),
        ("siprec_start", {"command_id": "x"}, "10015", "/command_id"),
        ("siprec_start", {"session_timeout_secs": 89}, "10033", "/session_timeout_secs"),
        ("suppression_start", {"noise_suppression_engine": "E"}, "10032", "/noise_suppression_engine"),
        ("switch_supervisor_role", {"role": "none"}, "10032", "/role"),
        ("transcription_start", {"transcription_engine": "Siri"}, "10032", "/transcription_engine"),
        (
            "transcription_start",
            {"transcription_engine": "Azure", "transcription_engine_config": {"transcription_engine": "Azure"}},
            "10004",
            "/transcription_engine_config/region",
        ),
        (
            "transcription_start",
            {"transcription_engine": "B", "transcription_engine_config": {"transcription_engine": "A"}},
            "10027",
            "/transcription_engine_config/transcription_engine",
        ),
        ("gather", {"minimum_digits": 5, "maximum_digits": 4}, "90028", "/minimum_digits"),
        ("gather", {"initial_timeout_millis": 120_001}, "90056", "/initial_timeout_millis"),
        ("gather", {"inter_digit_timeout_millis": 0}, "90026", "/inter_digit_timeout_millis"),
        ("gather_using_audio", {}, "10004", "/audio_url"),
        ("send_dtmf", {"digits": "12x"}, "90014", "/digits"),
        ("send_dtmf", {"digits": "1", "duration_millis": 99}, "10033", "/duration_millis"),
        ("client_state_update", {"client_state": "aGk=", "command_id": "x"}, "10015", "/command_id"),
        ("transfer", {"to": "12025550100"}, "10016", "/to"),
        ("transfer", {"to": "+12025550100", "time_limit_secs": 20_000}, "90029", "/time_limit_secs"),
        ("transfer", {"to": "+12025550100,now"}, "10016", "/to"),
        ("fork_start", {"rx": "udp:[127.0.0.1]:1", "tx": "udp:127.0.0.1:1"}, "10015", "/rx"),
        ("fork_start", {"rx": "udp:127.0.0.1:0", "tx": "udp:127.0.0.1:1"}, "10015", "/rx"),
        ("bridge", {}, "10004", "/call_control_id"),
        ("bridge", {"call_control_id": "a", "queue": "b"}, "10015", "/queue"),
        ("bridge", {"call_control_id": "a"}, "90015", None),
        ("reject", {"cause": "BORED"}, "10032", "/cause"),
        ("leave_queue", {}, "90035", None),
        ("answer", {}, "10027", None),
        ("answer", {"webhook_urls": {"call.answer": ["http://x.test"]}}, "90057", "/webhook_urls/call.answer"),
        (
            "answer",
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": [1] * 6}}},
            "10033",
            "/webhook_retries_policies/call.hangup/retries_ms",
        ),
        ("hangup", {"reason": "no\nnewlines"}, "10015", "/reason"),
    ],
)
def test_a_mistake_in_a_command_is_refused_and_pointed_at(
    running: tuple[CallApplication, SimulatorInThread],
    ccid: str,
    action: str,
    body: dict[str, Any],
    code: str,
    pointer: str | None,
) -> None:
    app, _ = running
    answer = app.send(ccid, action, **body)
    assert answer.status_code == 422
    assert error(answer)["code"] == code
    assert error(answer).get("source", {}).get("pointer") == pointer
    assert app.request("GET", f"/calls/{ccid}").json()["data"]["is_alive"] is True


NOT_SIMULATED: dict[str, dict[str, Any]] = {
    "ai_assistant_add_messages": {},
    "ai_assistant_join": {"conversation_id": "c", "participant": {"id": "v3:x", "role": "user"}},
    "ai_assistant_start": {},
    "ai_assistant_stop": {},
    "conversation_relay_start": {"url": "wss://relay.example.com"},
    "conversation_relay_stop": {},
    "gather_using_ai": {"parameters": {}},
    "pay": {},
    "refer": {"sip_address": "sip:desk@sip.example.com"},
    "siprec_start": {},
    "siprec_stop": {},
    "switch_supervisor_role": {"role": "barge"},
}


@pytest.mark.parametrize("action", NOT_SIMULATED)
def test_what_is_not_simulated_is_refused_by_name_and_changes_nothing(
    running: tuple[CallApplication, SimulatorInThread], ccid: str, action: str
) -> None:
    app, _ = running
    sent = app.send(ccid, action, **NOT_SIMULATED[action])
    assert (sent.status_code, error(sent)["code"]) == (422, "not_simulated")
    assert f"does not simulate {action}," in error(sent)["detail"]


def test_a_flow_s_command_that_is_not_simulated_is_refused_for_good(
    running: tuple[CallApplication, SimulatorInThread], ccid: str
) -> None:
    """So its `otherwise` is sent in its place, and it is not sent again."""
    with httpx.HTTPTransport() as transport:
        client = Telnyx(lambda refresh: KEY, base_url=running[1].api_base_url, transport=transport)
        answer = client.send(pay(), call_control_id=ccid, command_id="an-id", seconds=60)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "not_simulated")


@pytest.mark.parametrize(
    "action, body",
    [
        ("send_sip_info", {"body": "Signal=5", "content_type": "application/dtmf-relay"}),
        ("suppression_start", {"noise_suppression_engine": "Krisp"}),
        ("suppression_stop", {}),
    ],
)
def test_a_command_without_a_webhook_is_accepted(
    running: tuple[CallApplication, SimulatorInThread], ccid: str, action: str, body: dict[str, Any]
) -> None:
    app, _ = running
    assert app.send(ccid, action, **body).json() == {"data": {"result": "ok"}}


VALID: list[tuple[str, dict[str, Any]]] = [
    (
        "transcription_start",
        {"transcription_engine": "B", "transcription_engine_config": {"transcription_model": "openai/whisper-tiny"}},
    ),
    (
        "transcription_start",
        {
            "transcription_engine": "Deepgram",
            "transcription_engine_config": {"transcription_engine": "deepgram/nova-2"},
        },
    ),
    ("transcription_start", {"language": "en"}),
    ("gather", {"terminating_digit": ""}),
    ("gather_using_speak", SPEAK | {"terminating_digit": ""}),
    ("speak", SPEAK | {"voice": "Polly.Amy-Neural"}),
    ("speak", SPEAK | {"voice": "Rime.Arcana.cove"}),
    ("speak", SPEAK | {"voice": "ElevenLabs"}),
    ("speak", SPEAK | {"voice": "Soniox.tts-rt-v2.Emma", "language": "it"}),
    ("speak", SPEAK | {"payload": "x" * 5000}),
    ("streaming_start", {"enable_dialogflow": True}),
    ("fork_start", {"rx": "udp:[::1]:9000", "tx": "udp:[2001:db8::1]:9000"}),
    ("answer", {"webhook_urls": {"call.deepfake_detection.result": ["https://x.test"]}}),
    ("answer", {"webhook_urls": {"call.payment.completed": ["https://x.test"]}}),
    ("dial", {"connection_id": "1", "from": "+12025550100", "to": "+18004247767,200"}),
    ("transfer", {"to": "+18004247767,200"}),
]


@pytest.mark.parametrize("action, body", VALID)
def test_what_telnyx_s_description_allows_is_accepted(action: str, body: dict[str, Any]) -> None:
    check(action, body)


def test_the_digits_behind_a_number_are_not_part_of_it() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        app.send(leg.call_control_id, "transfer", to="+18004247767,200")
        placed = app.wait_for("call.initiated", 2)
        assert placed.payload["to"] == "+18004247767"


def test_the_answer_to_record_start_names_no_recording(
    running: tuple[CallApplication, SimulatorInThread], ccid: str
) -> None:
    app, _ = running
    assert app.send(ccid, "record_start", **RECORD).json() == {"data": {"result": "ok"}}


def test_requests_that_are_no_commands_are_refused(
    running: tuple[CallApplication, SimulatorInThread], ccid: str
) -> None:
    app, telnyx = running
    url = f"{telnyx.api_base_url}/calls/{ccid}/actions/speak"
    authorised = {"authorization": f"Bearer {KEY}"}
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
        refused = httpx.post(url, json=SPEAK, headers=headers)
        assert (refused.status_code, error(refused)["code"]) == (401, "10009")
    not_json = httpx.post(url, content=b"{", headers=authorised)
    assert (not_json.status_code, error(not_json)["code"]) == (400, "10023")
    no_object = httpx.post(url, content=b"[]", headers=authorised)
    assert (no_object.status_code, error(no_object)["code"]) == (422, "10015")
    assert app.send(ccid, "sing").status_code == 404
    assert app.request("PUT", f"/calls/{ccid}/actions/speak", SPEAK).status_code == 404
    assert error(app.send("v3:unknown", "speak", **SPEAK))["code"] == "90015"
    assert app.request("GET", "/calls/v3:unknown").status_code == 404


def test_the_state_of_the_call_decides_which_commands_are_accepted() -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        ccid = leg.call_control_id
        assert error(app.send(ccid, "speak", **SPEAK))["code"] == "90034"
        assert error(app.send(ccid, "record_start", **RECORD))["code"] == "90034"
        assert app.send(ccid, "client_state_update", client_state="aGk=").status_code == 200
        assert app.send(ccid, "answer").status_code == 200
        app.wait_for("call.answered")

        assert app.send(ccid, "transcription_start").status_code == 200
        assert error(app.send(ccid, "transcription_start"))["code"] == "90054"
        assert error(app.send(ccid, "record_start", **RECORD, timeout_secs=5))["code"] == "90053"
        assert app.send(ccid, "transcription_stop").status_code == 200
        assert app.send(ccid, "record_start", **RECORD, timeout_secs=5000).status_code == 200
        assert error(app.send(ccid, "transcription_stop"))["code"] == "90055"

        fork = {"rx": "udp:127.0.0.1:9", "tx": "udp:127.0.0.1:9"}
        assert app.send(ccid, "fork_start", **fork).status_code == 200
        assert error(app.send(ccid, "streaming_start", stream_url="ws://127.0.0.1:9"))["code"] == "90045"
        assert error(app.send(ccid, "fork_stop"))["code"] == "90031"  # its default is raw
        assert app.send(ccid, "fork_stop", stream_type="decrypted").status_code == 200

        assert app.send(ccid, "hangup").status_code == 200
        assert error(app.send(ccid, "speak", **SPEAK))["code"] == "90018"
        assert error(app.send(ccid, "hangup"))["code"] == "90018"
        telnyx.settle(leg)
        assert app.types.count("call.hangup") == 1


def test_an_outbound_leg_cannot_be_answered_nor_recorded_before_it_is() -> None:
    with app_and_telnyx(lambda app, received: None, speed=1) as (app, _):
        dialled = {"connection_id": "1494404757140276705", "from": "+12025550199", "to": "+12025550100"}
        ccid = app.request("POST", "/calls", dialled).json()["data"]["call_control_id"]
        assert error(app.send(ccid, "answer"))["code"] == "90102"
        assert error(app.send(ccid, "record_start", **RECORD))["code"] == "90020"
        assert error(app.send(ccid, "speak", **SPEAK))["code"] == "90034"
        assert app.send(ccid, "hangup").status_code == 200
        assert app.wait_for("call.hangup").payload["hangup_cause"] == "originator_cancel"


def test_a_repeated_command_is_executed_once() -> None:
    with app_and_telnyx() as (app, telnyx):
        leg = answered_call(app, telnyx)
        ccid = leg.call_control_id
        first = app.send(ccid, "speak", **SPEAK, command_id="one")
        assert app.send(ccid, "speak", **SPEAK, command_id="one").json() == first.json() == {"data": {"result": "ok"}}
        app.send(ccid, "speak", **SPEAK, command_id="two")
        app.wait_for("call.speak.ended", 2)
        recordings = [app.send(ccid, "record_start", **RECORD, command_id="rec").json() for _ in range(2)]
        assert recordings[0] == recordings[1]
        app.send(ccid, "hangup", command_id="bye")
        assert app.send(ccid, "hangup", command_id="bye").status_code == 200
        assert app.send(ccid, "hangup", command_id="again").status_code == 422
        telnyx.settle(leg)
        assert app.types.count("call.speak.started") == 2
        assert app.types.count("call.recording.saved") == 1


def test_a_refused_command_is_executed_when_it_is_repeated_in_time() -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        assert app.send(leg.call_control_id, "speak", **SPEAK, command_id="one").status_code == 422
        app.send(leg.call_control_id, "answer")
        app.wait_for("call.answered")
        assert app.send(leg.call_control_id, "speak", **SPEAK, command_id="one").status_code == 200
        app.wait_for("call.speak.ended")


def test_dials_share_their_command_ids(running: tuple[CallApplication, SimulatorInThread]) -> None:
    app, _ = running
    dialled = {
        "connection_id": "1494404757140276705",
        "from": "+12025550199",
        "to": "+12025550100",
        "command_id": "dial",
    }
    first, second = (app.request("POST", "/calls", dialled).json()["data"] for _ in range(2))
    assert first == second
    assert first["is_alive"] is False
    other = app.request("POST", "/calls", dialled | {"command_id": "other"}).json()["data"]
    assert other["call_control_id"] != first["call_control_id"]


def test_client_state_is_carried_until_it_is_replaced() -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        assert app.wait_for("call.initiated").payload["client_state"] is None
        app.send(leg.call_control_id, "answer", client_state="b25l")
        assert app.wait_for("call.answered").payload["client_state"] == "b25l"
        app.send(leg.call_control_id, "speak", **SPEAK)
        assert app.wait_for("call.speak.ended").payload["client_state"] == "b25l"
        for refused in (
            app.send(leg.call_control_id, "speak", client_state="dHdv", payload="", voice="female"),
            app.send(leg.call_control_id, "streaming_stop", client_state="dHdv"),
        ):
            assert refused.status_code == 422
        assert app.request("GET", f"/calls/{leg.call_control_id}").json()["data"]["client_state"] == "b25l"
        app.send(leg.call_control_id, "client_state_update", client_state="dGhyZWU=")
        assert app.request("GET", f"/calls/{leg.call_control_id}").json()["data"]["client_state"] == "dGhyZWU="
        app.send(leg.call_control_id, "hangup")
        assert app.wait_for("call.hangup").payload["client_state"] == "dGhyZWU="


def test_webhook_urls_decide_where_the_events_go() -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        app.wait_for("call.initiated")
        app.send(
            leg.call_control_id,
            "answer",
            webhook_url=f"{app.url}/rest",
            webhook_urls={"call.answered": [f"{app.url}/mine"], "call.speak.ended": f"{app.url}/single"},
        )
        app.wait_for("call.answered")
        app.send(leg.call_control_id, "speak", **SPEAK)
        app.wait_for("call.speak.ended")
        paths = {received.type: received.path for received in app.received}
        assert paths == {
            "call.initiated": "/webhooks",
            "call.answered": "/mine",
            "call.speak.started": "/rest",
            "call.speak.ended": "/single",
        }
        assert app.all("call.answered")[0].body["meta"]["delivered_to"] == f"{app.url}/mine"


@pytest.mark.parametrize(
    "config, value, refused",
    [
        ({"webhook_urls_as": "array"}, "http://x.test/", True),
        ({"webhook_urls_as": "array"}, ["http://x.test/"], False),
        ({"webhook_urls_as": "single"}, ["http://x.test/"], True),
        ({"webhook_urls_as": "single"}, "http://x.test/", False),
        ({"faults": Faults(refuse_webhook_urls=True)}, ["http://x.test/"], True),
    ],
)
def test_a_simulator_can_require_either_form_of_webhook_urls(
    config: dict[str, Any], value: object, refused: bool
) -> None:
    with app_and_telnyx(lambda app, received: None, **config) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        answer = app.send(leg.call_control_id, "answer", webhook_urls={"call.hangup": value})
        assert (answer.status_code == 422) is refused
        if refused:
            assert error(answer)["source"]["pointer"].startswith("/webhook_urls")


def test_the_rate_limit_is_reported_and_enforced() -> None:
    with app_and_telnyx(rate_limit=3) as (app, _):
        answers = [app.request("GET", "/calls/none") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert 0 < int(answers[3].headers["x-ratelimit-reset"]) <= 60
        assert error(answers[3])["code"] == "10011"


def test_answered_calls_can_be_recorded_streamed_and_transcribed_from_the_start() -> None:
    with app_and_telnyx(lambda app, received: None) as (app, telnyx):
        leg = telnyx.place_inbound_call()
        sent = app.send(
            leg.call_control_id,
            "answer",
            record="record-from-answer",
            transcription=True,
            transcription_config={"transcription_engine": "B"},
        ).json()["data"]
        app.wait_for("call.answered")
        telnyx.speak(leg, "Good morning.")
        transcription = app.wait_for("call.transcription").payload["transcription_data"]
        assert transcription["transcript"] == "Good morning."
        app.send(leg.call_control_id, "hangup")
        saved = app.wait_for("call.recording.saved").payload
        assert saved["recording_id"] == sent["recording_id"]
        assert (saved["channels"], saved["format"]) == ("dual", "mp3")
