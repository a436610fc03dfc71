"""The effect of each command on a call: one function per action, all of it or nothing.

`execute` is the entry point: the state of the call, the repeated command_id, then the function. Errors carry codes of
Telnyx's "API errors" page. Where it has no code for a mistake (answering twice, rejecting an answered call) 10027.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from hookline_local.simulator.api_errors import NOT_SIMULATED, ApiError
from hookline_local.simulator.calls.gathering import Gathering
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.media import Dialogflow, Forking, Streaming
from hookline_local.simulator.calls.playing import File, Sound, Speech, player_of
from hookline_local.simulator.calls.queueing import Queueing
from hookline_local.simulator.calls.recording import Recording
from hookline_local.simulator.calls.switch import CALL_SECONDS, Switch
from hookline_local.simulator.calls.transcribing import Transcribing
from hookline_local.simulator.scenario import Scenario
from hookline_local.simulator.stream_codecs import NOT_PLAYED, NOT_STREAMED

COMMAND_ID_SECONDS = 60.0
"""Wall-clock time: how long a command_id is known."""
Body = Mapping[str, Any]
Result = dict[str, Any]

BEFORE_ANSWER = frozenset({"answer", "reject", "hangup", "client_state_update"})
"""Commands for a leg that still rings; everything else is 90034."""


def execute(switch: Switch, leg: Leg, action: str, body: Body) -> tuple[Result, bool]:
    """Execute a command. Returns `data` of the answer, and whether the command_id was repeated and nothing was done.

    Raises ApiError, and then nothing has changed.
    """
    known = _known_result(leg.command_ids, body)
    if known is not None:
        return known, True
    if leg.state == "ended":
        raise ApiError("90018", "The call has already ended; no command can be sent to it.")
    if leg.state == "ringing" and action == "record_start" and leg.direction == "outgoing":
        raise ApiError("90020")
    if leg.state == "ringing" and action not in BEFORE_ANSWER:
        raise ApiError("90034", "This call cannot be commanded before it has been answered.")
    _check_codecs(body)
    if action not in ACTIONS:
        detail = f"The parameters are valid. The simulator does not simulate {action}, and has done nothing."
        raise ApiError(NOT_SIMULATED, detail)
    before, leg.client_state = leg.client_state, body.get("client_state", leg.client_state)
    try:
        result: Result = {"result": "ok", **(ACTIONS[action](switch, leg, body) or {})}
    except ApiError:
        leg.client_state = before
        raise
    _store_result(leg.command_ids, body, result)
    leg.log("command", action, body)
    leg.session.happened(action, body)
    return result, False


def _check_codecs(body: Body) -> None:
    """Raise ApiError for a codec of a stream that the simulator has no encoder or no measure for."""
    for parameter, missing in (("stream_codec", NOT_STREAMED), ("stream_bidirectional_codec", NOT_PLAYED)):
        if body.get(parameter) in missing:
            detail = f"The value is valid. The simulator does not simulate {parameter} {body[parameter]}."
            raise ApiError(NOT_SIMULATED, detail, pointer=f"/{parameter}")


def _known_result(command_ids: MutableMapping[str, tuple[float, Result]], body: Body) -> Result | None:
    """The result of the command with this id, if it is less than 60 s old."""
    for command_id in [old for old, (until, _) in command_ids.items() if until < time.monotonic()]:
        del command_ids[command_id]
    known = command_ids.get(body.get("command_id", ""))
    return None if known is None else known[1]


def _store_result(command_ids: MutableMapping[str, tuple[float, Result]], body: Body, result: Result) -> None:
    if "command_id" in body:
        command_ids[body["command_id"]] = (time.monotonic() + COMMAND_ID_SECONDS, result)


def dial(switch: Switch, body: Body) -> tuple[Result, bool]:
    """POST /v2/calls: a leg of its own session, or of the one that link_to names."""
    known = _known_result(switch.dialled, body)
    if known is not None:
        return known, True
    if body["connection_id"] not in switch.account.applications:
        raise ApiError("10027", "Unknown Call Control Application.", pointer="/connection_id")
    _check_codecs(body)
    linked = switch.leg(body["link_to"]) if "link_to" in body else None
    numbers = body["to"] if isinstance(body["to"], list) else [number_of(body["to"])]
    session = linked.session if linked is not None else switch.new_session()
    legs = [
        switch.call_out(
            session,
            from_number=body["from"],
            to_number=number,
            connection_id=body["connection_id"],
            client_state=body.get("client_state"),
            body=body,
        )
        for number in numbers
    ]
    recording = _recording_id(body)
    for leg in legs:
        leg.spawn(_dialled(switch, leg, legs, linked, body, recording))
    first = legs[0]
    result: Result = {**first.status(), "is_alive": False, **recording}
    _store_result(switch.dialled, body, result)
    first.log("command", "dial", body)
    session.happened("dial", body)
    return result, False


def number_of(to: str) -> str:
    """The number without the digits behind it, which the callee hears as tones."""
    return to.partition(",")[0] if to.startswith("+") else to


def place_call(switch: Switch, scenario: Scenario, *, connection_id: str | None = None) -> Leg:
    """Place the call of a scenario, as the caller or, with `dial`, as the application's own client does.

    Raises ValueError for an unknown application.
    """
    if scenario.dial is None:
        return switch.place_inbound_call(scenario, connection_id=connection_id)
    body = {"from": scenario.from_number, "to": scenario.to_number, **scenario.dial}
    body["connection_id"] = connection_id or switch.account.connection_of(scenario.from_number)
    if "client_state" in body:
        body["client_state"] = base64.b64encode(json.dumps(body["client_state"]).encode()).decode()
    switch.callees.update(scenario.callees)
    called = switch.callees.get(scenario.to_number, switch.config.callee)
    switch.callees[scenario.to_number] = replace(called, steps=called.steps or scenario.steps)
    try:
        placed, _ = dial(switch, body)
    except ApiError as error:
        raise ValueError(f"{body['connection_id']}: unknown application") from error
    return switch.leg(str(placed["call_control_id"]))


async def _dialled(
    switch: Switch, leg: Leg, legs: list[Leg], linked: Leg | None, body: Body, recording: Result
) -> None:
    """Several numbers ring at once; the first that answers has the call."""
    if not await switch.pick_up(leg, body):
        return
    for other in legs:
        if other is not leg:
            other.end("originator_cancel", "caller")
    if "audio_url" in body or "media_name" in body:
        player_of(leg).add(File(leg, body))
    _at_answer(switch, leg, body, recording_id=recording.get("recording_id"))
    if linked is not None and linked.state == "answered" and body.get("bridge_on_answer"):
        leg.bridge(linked)


def _at_answer(switch: Switch, leg: Leg, body: Body, *, recording_id: str | None = None) -> None:
    """Begin record, stream_* and transcription of answer, dial and transfer."""
    if "record" in body:
        Recording(
            leg,
            recording_id=recording_id,
            channels=body.get("record_channels", "dual"),
            file_format=body.get("record_format", "mp3"),
            track=body.get("record_track", "both"),
            max_seconds=body.get("record_max_length", 0),
            silence_seconds=body.get("record_timeout_secs", 0),
            file_name=body.get("record_custom_file_name"),
            initiated_by="OutboundAPI" if leg.direction == "outgoing" else "StartCallRecordingAPI",
        )
    if "stream_url" in body or body.get("enable_dialogflow"):
        streaming_start(switch, leg, body)
    if body.get("transcription"):
        transcription_start(switch, leg, body.get("transcription_config", {}))


def _recording_id(body: Body) -> Result:
    """With `record`, the answer to the command names the recording."""
    return {"recording_id": str(uuid.uuid4())} if "record" in body else {}


# Lifecycle


def answer(switch: Switch, leg: Leg, body: Body) -> Result:
    """call.answered, a little later: until then everything else is too early."""
    if leg.direction == "outgoing":
        raise ApiError("90102")
    if leg.answering or leg.state == "answered":
        raise ApiError("10027", "The call has been answered already.")
    leg.set_webhooks(body)
    leg.answering = True
    result = _recording_id(body)
    leg.spawn(_answered(switch, leg, body, result))
    return result


async def _answered(switch: Switch, leg: Leg, body: Body, result: Result) -> None:
    await leg.clock.sleep(switch.config.answer_seconds)
    leg.answered()
    leg.spawn(switch.time_limit(leg, CALL_SECONDS))
    _at_answer(switch, leg, body, recording_id=result.get("recording_id"))


def hangup(switch: Switch, leg: Leg, body: Body) -> None:
    """call.hangup; the application is the called party of an inbound call."""
    if leg.state == "ringing":
        cause = "call_rejected" if leg.direction == "incoming" else "originator_cancel"
    else:
        cause = "normal_clearing"
    leg.end(cause, "callee" if leg.direction == "incoming" else "caller")


def reject(switch: Switch, leg: Leg, body: Body) -> None:
    """call.hangup with the cause for the caller's network."""
    if leg.state == "answered":
        raise ApiError("10027", "The call has been answered already.")
    if leg.direction == "outgoing":
        raise ApiError("10027", "An outbound call cannot be rejected.")
    cause = {"CALL_REJECTED": "call_rejected", "NOT_FOUND": "not_found", "USER_BUSY": "user_busy"}
    leg.end(cause.get(body["cause"], "unspecified"), "callee", sip=REJECTED[body["cause"]])


REJECTED = {"CALL_REJECTED": "603", "NOT_FOUND": "404", "TEMPORARILY_UNAVAILABLE": "480", "USER_BUSY": "486"}


def transfer(switch: Switch, leg: Leg, body: Body) -> None:
    """A second leg of the same session; when it answers, the two are bridged."""
    new = switch.call_out(
        leg.session,
        from_number=body.get("from", leg.to_number),
        to_number=number_of(body["to"]),
        connection_id=leg.connection_id,
        client_state=body.get("target_leg_client_state"),
        body=body,
    )
    leg.park_after_unbridge = leg.park_after_unbridge or "park_after_unbridge" in body
    leg.calling.append(new)
    new.spawn(_transferred(switch, leg, new, body))


async def _transferred(switch: Switch, leg: Leg, new: Leg, body: Body) -> None:
    """If the target does not answer, only its leg ends; if the caller leaves meanwhile, so does that leg."""
    if not await switch.pick_up(new, body):
        return
    leg.calling.remove(new)
    _at_answer(switch, new, body)
    player_of(leg).stop("all")
    leg.bridge(new)


def bridge(switch: Switch, leg: Leg, body: Body) -> Result:
    """With another leg, or with the first one in a queue."""
    if "video_room_id" in body:
        raise ApiError("10005", "There is no such video room.", pointer="/video_room_id")
    if "queue" in body:
        pointer = "/queue"
        first = switch.queues.first(body["queue"])
        if first is None:
            raise ApiError("90035", "The queue is empty.", pointer=pointer)
        other = first
    else:
        pointer = "/call_control_id"
        other = switch.leg(body["call_control_id"])
    if other.state == "ended":
        raise ApiError("90018", "The other call has already ended.", pointer=pointer)
    if other.state == "ringing":
        raise ApiError("90034", "The other call has not been answered yet.", pointer=pointer)
    if other is leg:
        raise ApiError("10027", "A call cannot be bridged with itself.", pointer=pointer)
    if body.get("prevent_double_bridge") and (leg.other is not None or other.other is not None):
        raise ApiError("10027", "One of the calls is bridged already.", pointer="/prevent_double_bridge")
    queueing = other.find(Queueing)
    if queueing is not None:
        queueing.leave("bridged")
    leg.unbridge()
    other.unbridge()
    leg.park_after_unbridge = "park_after_unbridge" in body
    leg.bridge(other)
    result = _recording_id(body)
    _at_answer(switch, leg, body, recording_id=result.get("recording_id"))
    return result


def enqueue(switch: Switch, leg: Leg, body: Body) -> None:
    """call.enqueued."""
    switch.queues.enqueue(
        leg,
        body["queue_name"],
        max_size=body.get("max_size"),
        max_wait_seconds=body.get("max_wait_time_secs"),
        keep_after_hangup=body.get("keep_after_hangup", False),
    )


def leave_queue(switch: Switch, leg: Leg, body: Body) -> None:
    """call.dequeued."""
    switch.queues.dequeue(leg, "leave")


def client_state_update(switch: Switch, leg: Leg, body: Body) -> None:
    """`execute` has stored it."""


def send_sip_info(switch: Switch, leg: Leg, body: Body) -> None:
    """No event: the other end of the leg has no application."""


def suppression_start(switch: Switch, leg: Leg, body: Body) -> None:
    """No event, and no noise."""


def suppression_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """No event."""


# Sound towards the person


def _add(leg: Leg, sound: Sound, body: Body) -> None:
    player = player_of(leg)
    if "stop" in body:
        player.stop(body["stop"])
    player.add(sound)


def speak(switch: Switch, leg: Leg, body: Body) -> None:
    """call.speak.started and .ended."""
    _add(leg, Speech(leg, body), body)


def playback_start(switch: Switch, leg: Leg, body: Body) -> None:
    """call.playback.started and .ended."""
    sound = File(leg, body)
    if sound.overlay and player_of(leg).playing:
        player_of(leg).overlay(sound)
    else:
        _add(leg, sound, body)


def playback_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """End speak too."""
    player_of(leg).stop("overlay" if body.get("overlay") else body.get("stop", "all"))


def send_dtmf(switch: Switch, leg: Leg, body: Body) -> None:
    """The person hears the tones; on a bridged call the other leg gets the keys."""
    if leg.other is not None:
        for digit in body["digits"]:
            if digit not in "wW":
                leg.other.press(digit)


# Digits


def _cancel_gather(leg: Leg) -> None:
    gathering = leg.find(Gathering)
    if gathering is not None:
        gathering.end("cancelled")


def gather(switch: Switch, leg: Leg, body: Body) -> None:
    """call.gather.ended."""
    _cancel_gather(leg)
    Gathering(leg, body)


def gather_using_speak(switch: Switch, leg: Leg, body: Body) -> None:
    """The prompt has no events of its own."""

    def prompt(again: bool) -> Sound:
        text = body.get("invalid_payload", body["payload"]) if again else body["payload"]
        return Speech(leg, {**body, "payload": text}, quiet=True)

    _cancel_gather(leg)
    Gathering(leg, body, prompt=prompt)


def gather_using_audio(switch: Switch, leg: Leg, body: Body) -> None:
    """The prompt is a playback with its events."""

    def prompt(again: bool) -> Sound:
        file: dict[str, object] = {key: body[key] for key in ("audio_url", "media_name") if key in body}
        if again and "invalid_audio_url" in body:
            file = {"audio_url": body["invalid_audio_url"]}
        elif again and "invalid_media_name" in body:
            file = {"media_name": body["invalid_media_name"]}
        return File(leg, file)

    _cancel_gather(leg)
    Gathering(leg, body, prompt=prompt)


def gather_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """call.gather.ended, if digits are being gathered."""
    _cancel_gather(leg)


# Recording


def record_start(switch: Switch, leg: Leg, body: Body) -> None:
    """No event reports its start, and the answer does not name the recording: only that of `record` does."""
    if body.get("timeout_secs") and leg.find(Transcribing) is not None:
        raise ApiError("90053", pointer="/timeout_secs")
    Recording(
        leg,
        channels=body["channels"],
        file_format=body["format"],
        track=body.get("recording_track", "both"),
        max_seconds=body.get("max_length", 0),
        silence_seconds=body.get("timeout_secs", 0),
        file_name=body.get("custom_file_name"),
        transcription=body.get("transcription", False),
    )


def _recordings(leg: Leg, body: Body) -> list[Recording]:
    """Those that are running, or the named one."""
    if "recording_id" not in body:
        return leg.running(Recording)
    named = [recording for recording in leg.running(Recording) if recording.id == body["recording_id"]]
    if not named:
        raise ApiError("10027", "No such recording is running.", pointer="/recording_id")
    return named


def record_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """call.recording.saved, a little later."""
    for recording in _recordings(leg, body):
        recording.stop()


def record_pause(switch: Switch, leg: Leg, body: Body) -> None:
    """No event."""
    for recording in _recordings(leg, body):
        recording.pause()


def record_resume(switch: Switch, leg: Leg, body: Body) -> None:
    """No event."""
    for recording in _recordings(leg, body):
        recording.resume()


# Sound to elsewhere


def transcription_start(switch: Switch, leg: Leg, body: Body) -> None:
    """call.transcription, many times."""
    if leg.find(Transcribing) is not None or _stops_at_silence(leg):
        raise ApiError("90054")
    engine = body.get("transcription_engine", "Google")
    config = body.get("transcription_engine_config", {})
    Transcribing(
        leg,
        tracks=body.get("transcription_tracks", "inbound"),
        interim=engine not in ("Telnyx", "B") and config.get("interim_results", True),
    )


def _stops_at_silence(leg: Leg) -> bool:
    return any(recording.silence_seconds for recording in leg.running(Recording))


def transcription_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """No event."""
    if _stops_at_silence(leg):
        raise ApiError("90055")
    transcribing = leg.find(Transcribing)
    if transcribing is not None:
        transcribing.stop()


def streaming_start(switch: Switch, leg: Leg, body: Body) -> None:
    """streaming.started, or streaming.failed."""
    if _streaming(leg) is not None or leg.find(Forking) is not None:
        raise ApiError("90045")
    if "stream_url" in body:
        Streaming(leg, body)
    else:
        Dialogflow(leg)


def _streaming(leg: Leg) -> Streaming | Dialogflow | None:
    """At most one streams: to a WebSocket, or to Dialogflow."""
    return leg.find(Streaming) or leg.find(Dialogflow)


def streaming_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """streaming.stopped."""
    streaming = _streaming(leg)
    if streaming is None or body.get("stream_id", streaming.id) != streaming.id:
        raise ApiError("90048")
    streaming.stop()


def fork_start(switch: Switch, leg: Leg, body: Body) -> None:
    """call.fork.started; a fork replaces a streaming."""
    if leg.find(Forking) is not None:
        raise ApiError("90045", "The call is forked already.")
    streaming = _streaming(leg)
    if streaming is not None:
        streaming.stop()
    Forking(leg, rx=body["rx"], tx=body["tx"])


def fork_stop(switch: Switch, leg: Leg, body: Body) -> None:
    """call.fork.stopped. The stream_type must be the started one; its default is raw."""
    forking = leg.find(Forking)
    if forking is None:
        raise ApiError("90031")
    if body.get("stream_type", "raw") != "decrypted":
        raise ApiError("90031", "The call is forked with stream_type decrypted.", pointer="/stream_type")
    forking.stop()


ACTIONS: Mapping[str, Callable[[Switch, Leg, Body], Result | None]] = {
    function.__name__: function
    for function in (
        answer,
        bridge,
        client_state_update,
        enqueue,
        fork_start,
        fork_stop,
        gather,
        gather_stop,
        gather_using_audio,
        gather_using_speak,
        hangup,
        leave_queue,
        playback_start,
        playback_stop,
        record_pause,
        record_resume,
        record_start,
        record_stop,
        reject,
        send_dtmf,
        send_sip_info,
        speak,
        streaming_start,
        streaming_stop,
        suppression_start,
        suppression_stop,
        transcription_start,
        transcription_stop,
        transfer,
    )
}
