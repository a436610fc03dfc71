"""The one URL: every event that has no route of its own yet, or never will.

This is what stands in the Telnyx portal. The first event of every call comes here, and with per-event routing switched
off all of them. The decisions are those of the events' own functions, imported and called in this process: no second
hop and no second cold start while a caller hears silence. An event type without a decision is journalled.
"""

from typing import Any

import call_answered.app
import call_bridged.app
import call_dtmf_received.app
import call_fork_started.app
import call_fork_stopped.app
import call_gather_ended.app
import call_hangup.app
import call_initiated.app
import call_machine_detection_ended.app
import call_playback_ended.app
import call_playback_started.app
import call_recording_error.app
import call_recording_saved.app
import call_recording_transcription_saved.app
import call_speak_ended.app
import call_speak_started.app
import call_transcription.app
import streaming_failed.app
import streaming_started.app
import streaming_stopped.app
from hookline import Context, receive

DECISIONS = {
    "call.answered": call_answered.app.decide,
    "call.bridged": call_bridged.app.decide,
    "call.dtmf.received": call_dtmf_received.app.decide,
    "call.fork.started": call_fork_started.app.decide,
    "call.fork.stopped": call_fork_stopped.app.decide,
    "call.gather.ended": call_gather_ended.app.decide,
    "call.hangup": call_hangup.app.decide,
    "call.initiated": call_initiated.app.decide,
    "call.machine.detection.ended": call_machine_detection_ended.app.decide,
    "call.playback.ended": call_playback_ended.app.decide,
    "call.playback.started": call_playback_started.app.decide,
    "call.recording.error": call_recording_error.app.decide,
    "call.recording.saved": call_recording_saved.app.decide,
    "call.recording.transcription.saved": call_recording_transcription_saved.app.decide,
    "call.speak.ended": call_speak_ended.app.decide,
    "call.speak.started": call_speak_started.app.decide,
    "call.transcription": call_transcription.app.decide,
    "streaming.failed": streaming_failed.app.decide,
    "streaming.started": streaming_started.app.decide,
    "streaming.stopped": streaming_stopped.app.decide,
}


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove, decide, tell, remember, answer: see hookline.webhook.receive."""
    return receive(request, context, DECISIONS)
