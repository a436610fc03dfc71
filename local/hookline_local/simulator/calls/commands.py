"""What each command does to a call: one function per action, each at once or not at all.

`obey` is the door: the state of the call, the repeated command_id, then the function. Refusals carry the codes of
Telnyx's "API errors" page. Where it has no code for a mistake (answering twice, rejecting an answered call) 10027.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hookline_local.simulator.api_errors import Refusal
from hookline_local.simulator.calls.exchange import COMMAND_ID_SECONDS, Exchange
from hookline_local.simulator.calls.gathering import Gathering
from hookline_local.simulator.calls.legs import Leg, Transcribing
from hookline_local.simulator.calls.media import Forking, Streaming
from hookline_local.simulator.calls.playing import File, Sound, Speech
from hookline_local.simulator.calls.recording import Recording

if TYPE_CHECKING:
    from collections.abc import MutableMapping

Body = Mapping[str, Any]
Result = dict[str, Any]

BEFORE_ANSWER = frozenset({"answer", "reject", "hangup", "client_state_update"})
"""What a leg that still rings can be told; everything else is 90034."""


def obey(exchange: Exchange, leg: Leg, action: str, body: Body) -> tuple[Result, bool]:
    """Do it, and what `data` of the answer holds; True when the command_id was a repeated one and nothing was done.

    Raises Refusal, and then nothing has changed.
    """
    remembered = _remembered(leg.command_ids, body)
    if remembered is not None:
        return remembered, True
    if leg.state == "ended":
        raise Refusal("90018", "The call has already ended; no command can be sent to it.")
    if leg.state == "ringing" and action == "record_start" and leg.direction == "outgoing":
        raise Refusal("90020")
    if leg.state == "ringing" and action not in BEFORE_ANSWER:
        raise Refusal("90034", "This call cannot be commanded before it has been answered.")
    before, leg.client_state = leg.client_state, body.get("client_state", leg.client_state)
    try:
        result: Result = {"result": "ok", **(ACTIONS[action](exchange, leg, body) or {})}
    except Refusal:
        leg.client_state = before
        raise
    _remember(leg.command_ids, body, result)
    exchange.note(leg, "command", action, body)
    leg.session.happened(action, body)
    return result, False


def _remembered(command_ids: "MutableMapping[str, tuple[float, Result]]", body: Body) -> Result | None:
    """What the command of this id was answered, if that was less than 60 s ago."""
    for command_id in [known for known, (until, _) in command_ids.items() if until < time.monotonic()]:
        del command_ids[command_id]
    known = command_ids.get(body.get("command_id", ""))
    return None if known is None else known[1]


def _remember(command_ids: "MutableMapping[str, tuple[float, Result]]", body: Body, result: Result) -> None:
    if "command_id" in body:
        command_ids[body["command_id"]] = (time.monotonic() + COMMAND_ID_SECONDS, result)


def dial(exchange: Exchange, body: Body) -> tuple[Result, bool]:
    """POST /v2/calls: a leg of its own session, or of the one that link_to names."""
    remembered = _remembered(exchange.dialled, body)
    if remembered is not None:
        return remembered, True
    if body["connection_id"] not in exchange.applications:
        raise Refusal("10027", "No Call Control Application has this id.", pointer="/connection_id")
    linked = exchange.leg(body["link_to"]) if "link_to" in body else None
    numbers = body["to"] if isinstance(body["to"], list) else [body["to"]]
    session = linked.session if linked is not None else exchange.new_session()
    legs = [
        exchange.call_out(
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
        leg.spawn(_dialled(exchange, leg, legs, linked, body, recording))
    first = legs[0]
    result: Result = {**first.status(), "is_alive": False, **recording}
    _remember(exchange.dialled, body, result)
    exchange.note(first, "command", "dial", body)
    session.happened("dial", body)
    return result, False


async def _dialled(
    exchange: Exchange, leg: Leg, legs: list[Leg], linked: Leg | None, body: Body, recording: Result
) -> None:
    """Several numbers ring at once; the first that answers has the call."""
    if not await exchange.pick_up(leg, body):
        return
    for other in legs:
        if other is not leg:
            other.end("originator_cancel", "caller")
    if "audio_url" in body or "media_name" in body:
        leg.player.add(File(leg, body))
    _at_answer(exchange, leg, body, recording_id=recording.get("recording_id"))
    if linked is not None and linked.state == "answered" and body.get("bridge_on_answer"):
        leg.bridge(linked)


def _at_answer(exchange: Exchange, leg: Leg, body: Body, *, recording_id: str | None = None) -> None:
    """record, stream_* and transcription of answer, dial and transfer begin with the call."""
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
    if "stream_url" in body:
        streaming_start(exchange, leg, body)
    if body.get("transcription"):
        transcription_start(exchange, leg, body.get("transcription_config", {}))


def _recording_id(body: Body) -> Result:
    """With `record`, the answer to the command names the recording that is to come."""
    return {"recording_id": str(uuid.uuid4())} if "record" in body else {}


# Lifecycle


def answer(exchange: Exchange, leg: Leg, body: Body) -> Result:
    """call.answered, a moment later: until then everything else is still too early."""
    if leg.direction == "outgoing":
        raise Refusal("90102")
    if leg.answering or leg.state == "answered":
        raise Refusal("10027", "The call has been answered already.")
    leg.take_webhooks(body)
    leg.answering = True
    result = _recording_id(body)
    leg.spawn(_answered(exchange, leg, body, result))
    return result


async def _answered(exchange: Exchange, leg: Leg, body: Body, result: Result) -> None:
    await leg.clock.sleep(exchange.config.answer_seconds)
    leg.answered()
    leg.spawn(exchange.time_limit(leg, 14_400))
    _at_answer(exchange, leg, body, recording_id=result.get("recording_id"))


def hangup(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.hangup; the application is the called party of an inbound call."""
    if leg.state == "ringing":
        cause = "call_rejected" if leg.direction == "incoming" else "originator_cancel"
    else:
        cause = "normal_clearing"
    leg.end(cause, "callee" if leg.direction == "incoming" else "caller")


def reject(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.hangup with the cause that the caller's network is told."""
    if leg.state == "answered":
        raise Refusal("10027", "The call has been answered already.")
    if leg.direction == "outgoing":
        raise Refusal("10027", "An outbound call cannot be rejected.")
    cause = {"CALL_REJECTED": "call_rejected", "NOT_FOUND": "not_found", "USER_BUSY": "user_busy"}
    leg.end(cause.get(body["cause"], "unspecified"), "callee", sip=REJECTED[body["cause"]])


REJECTED = {"CALL_REJECTED": "603", "NOT_FOUND": "404", "TEMPORARILY_UNAVAILABLE": "480", "USER_BUSY": "486"}


def transfer(exchange: Exchange, leg: Leg, body: Body) -> None:
    """A second leg of the same session; when it answers, the two are bridged."""
    new = exchange.call_out(
        leg.session,
        from_number=body.get("from", leg.to_number),
        to_number=body["to"],
        connection_id=leg.connection_id,
        client_state=body.get("target_leg_client_state"),
        body=body,
    )
    leg.park_after_unbridge = leg.park_after_unbridge or "park_after_unbridge" in body
    leg.calling.append(new)
    new.spawn(_transferred(exchange, leg, new, body))


async def _transferred(exchange: Exchange, leg: Leg, new: Leg, body: Body) -> None:
    """If the target does not answer, only its leg ends; if the caller leaves meanwhile, so does that leg."""
    if not await exchange.pick_up(new, body):
        return
    leg.calling.remove(new)
    _at_answer(exchange, new, body)
    leg.player.stop("all")
    leg.bridge(new)


def bridge(exchange: Exchange, leg: Leg, body: Body) -> Result:
    """With another leg, or with the first one in a queue."""
    if "video_room_id" in body:
        raise Refusal("10005", "There is no such video room.", pointer="/video_room_id")
    if "queue" in body:
        pointer = "/queue"
        queue = exchange.queues.get(body["queue"])
        if queue is None:
            raise Refusal("90035", "There is nobody in this queue.", pointer=pointer)
        other = queue.legs[0]
    else:
        pointer = "/call_control_id"
        other = exchange.leg(body["call_control_id"])
    if other.state == "ended":
        raise Refusal("90018", "The other call has already ended.", pointer=pointer)
    if other.state == "ringing":
        raise Refusal("90034", "The other call has not been answered yet.", pointer=pointer)
    if other is leg:
        raise Refusal("10027", "A call cannot be bridged with itself.", pointer=pointer)
    if body.get("prevent_double_bridge") and (leg.other is not None or other.other is not None):
        raise Refusal("10027", "One of the calls is bridged already.", pointer="/prevent_double_bridge")
    if other.queue is not None:
        exchange.dequeue(other, "bridged")
    leg.unbridge()
    other.unbridge()
    leg.park_after_unbridge = "park_after_unbridge" in body
    leg.bridge(other)
    result = _recording_id(body)
    _at_answer(exchange, leg, body, recording_id=result.get("recording_id"))
    return result


def enqueue(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.enqueued."""
    exchange.enqueue(
        leg,
        body["queue_name"],
        max_size=body.get("max_size"),
        max_wait_seconds=body.get("max_wait_time_secs"),
    )
    leg.keep_queued = body.get("keep_after_hangup", False)


def leave_queue(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.dequeued."""
    exchange.dequeue(leg, "leave")


def client_state_update(exchange: Exchange, leg: Leg, body: Body) -> None:
    """`obey` has carried it over."""


# Sound towards the person


def _add(leg: Leg, sound: Sound, body: Body) -> None:
    if "stop" in body:
        leg.player.stop(body["stop"])
    leg.player.add(sound)


def speak(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.speak.started and .ended."""
    _add(leg, Speech(leg, body), body)


def playback_start(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.playback.started and .ended."""
    sound = File(leg, body)
    if sound.overlay and leg.player.playing:
        leg.player.lay_over(sound)
    else:
        _add(leg, sound, body)


def playback_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """Ends speak too."""
    leg.player.stop("overlay" if body.get("overlay") else body.get("stop", "all"))


def send_dtmf(exchange: Exchange, leg: Leg, body: Body) -> None:
    """The person hears the tones; on a bridged call the other leg gets the keys."""
    if leg.other is not None:
        for digit in body["digits"]:
            if digit not in "wW":
                leg.other.press(digit)


# Digits


def _gather(leg: Leg, make: Callable[[], Gathering]) -> None:
    if leg.gathering is not None:
        leg.gathering.end("cancelled")
    leg.gathering = make()


def gather(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.gather.ended."""
    _gather(leg, lambda: Gathering(leg, body))


def gather_using_speak(exchange: Exchange, leg: Leg, body: Body) -> None:
    """The prompt has no events of its own."""

    def prompt(again: bool) -> Sound:
        said = body.get("invalid_payload", body["payload"]) if again else body["payload"]
        return Speech(leg, {**body, "payload": said}, quiet=True)

    _gather(leg, lambda: Gathering(leg, body, prompt=prompt))


def gather_using_audio(exchange: Exchange, leg: Leg, body: Body) -> None:
    """The prompt is a playback with its events."""

    def prompt(again: bool) -> Sound:
        file: dict[str, object] = {key: body[key] for key in ("audio_url", "media_name") if key in body}
        if again and "invalid_audio_url" in body:
            file = {"audio_url": body["invalid_audio_url"]}
        elif again and "invalid_media_name" in body:
            file = {"media_name": body["invalid_media_name"]}
        return File(leg, file)

    _gather(leg, lambda: Gathering(leg, body, prompt=prompt))


def gather_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.gather.ended, if anything is being gathered."""
    if leg.gathering is not None:
        leg.gathering.end("cancelled")


# Recording


def record_start(exchange: Exchange, leg: Leg, body: Body) -> Result:
    """No event says that it has begun."""
    if body.get("timeout_secs") and leg.transcribing is not None:
        raise Refusal("90053", pointer="/timeout_secs")
    recording = Recording(
        leg,
        channels=body["channels"],
        file_format=body["format"],
        track=body.get("recording_track", "both"),
        max_seconds=body.get("max_length", 0),
        silence_seconds=body.get("timeout_secs", 0),
        file_name=body.get("custom_file_name"),
        transcription=body.get("transcription", False),
    )
    return {"recording_id": recording.id}


def _recordings(leg: Leg, body: Body) -> list[Recording]:
    """Those that run, or the one that is named."""
    if "recording_id" not in body:
        return list(leg.recordings)
    named = [recording for recording in leg.recordings if recording.id == body["recording_id"]]
    if not named:
        raise Refusal("10027", "No such recording is running.", pointer="/recording_id")
    return named


def record_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.recording.saved, a little later."""
    for recording in _recordings(leg, body):
        recording.stop()


def record_pause(exchange: Exchange, leg: Leg, body: Body) -> None:
    """No event."""
    for recording in _recordings(leg, body):
        recording.pause()


def record_resume(exchange: Exchange, leg: Leg, body: Body) -> None:
    """No event."""
    for recording in _recordings(leg, body):
        recording.resume()


# Sound to elsewhere


def transcription_start(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.transcription, many times."""
    if leg.transcribing is not None or any(recording.silence_seconds for recording in leg.recordings):
        raise Refusal("90054")
    engine = body.get("transcription_engine", "Google")
    config = body.get("transcription_engine_config", {})
    leg.transcribing = Transcribing(
        tracks=body.get("transcription_tracks", "inbound"),
        interim=engine not in ("Telnyx", "B") and config.get("interim_results", True),
    )


def transcription_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """No event."""
    if any(recording.silence_seconds for recording in leg.recordings):
        raise Refusal("90055")
    leg.transcribing = None


def streaming_start(exchange: Exchange, leg: Leg, body: Body) -> None:
    """streaming.started, or streaming.failed."""
    if leg.streaming is not None or leg.forking is not None:
        raise Refusal("90045")
    leg.streaming = Streaming(leg, body)


def streaming_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """streaming.stopped."""
    if leg.streaming is None or body.get("stream_id", leg.streaming.id) != leg.streaming.id:
        raise Refusal("90048")
    leg.streaming.stop()


def fork_start(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.fork.started; a fork takes the place of a streaming."""
    if leg.forking is not None:
        raise Refusal("90045", "The call is forked already.")
    if leg.streaming is not None:
        leg.streaming.stop()
    leg.forking = Forking(leg, rx=body["rx"], tx=body["tx"])


def fork_stop(exchange: Exchange, leg: Leg, body: Body) -> None:
    """call.fork.stopped. The stream_type has to be the one that was started; it is raw unless said otherwise."""
    if leg.forking is None:
        raise Refusal("90031")
    if body.get("stream_type", "raw") != "decrypted":
        raise Refusal("90031", "The call is forked with stream_type decrypted.", pointer="/stream_type")
    leg.forking.stop()


ACTIONS: Mapping[str, Callable[[Exchange, Leg, Body], Result | None]] = {
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
        speak,
        streaming_start,
        streaming_stop,
        transcription_start,
        transcription_stop,
        transfer,
    )
}
