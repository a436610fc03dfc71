"""Commands to Telnyx about a call, one plain function each.

The functions lie beside this file by subject: media, legs, digits, assistants.

A function checks what can be checked before the network and returns a Command, which is only a value: sending it is
the business of hookline.telnyx. The names are Telnyx's (`POST /v2/calls/{call_control_id}/actions/{name}`), and so
are the parameters, with these four rules:

* Everything is given by keyword. None means "not sent", and Telnyx's own default holds.
* `client_state` and `target_leg_client_state` take any value that JSON can hold, and are encoded here.
* `from` is a word of Python: it is `from_` here and `from` on the wire.
* `on` is the call_control_id of the leg to command, when it is not the leg the event is about. (Telnyx has it in
  the path and, for bridge, a second `call_control_id` in the body: its name is unchanged.)

`flow` of dial and `target_flow` of transfer are ours: the flow that decides on the leg that the command places. It
travels in that leg's client_state; without it no flow decides on the leg.

`command_id` is not a parameter: it is derived from the event when the command is sent, see `command_id`.

A mistake raises ValueError naming the action and the parameter; a parameter that must be there and is not even
mentioned is Python's own TypeError. Text the caller wrote is never in the message. Ranges, lengths and closed lists
stand in hookline.command_schema. Source: the OpenAPI description of the Voice API (as of Telnyx's Python SDK 4.189.0)
and developers.telnyx.com, "Call commands".
"""

from hookline.commands.assistants import (
    ai_assistant_add_messages,
    ai_assistant_join,
    ai_assistant_start,
    ai_assistant_stop,
    conversation_relay_start,
    conversation_relay_stop,
    gather_using_ai,
)
from hookline.commands.command import (
    Command,
    command_id,
)
from hookline.commands.digits import (
    gather,
    gather_stop,
    gather_using_audio,
    gather_using_speak,
    pay,
    send_dtmf,
)
from hookline.commands.legs import (
    answer,
    bridge,
    client_state_update,
    dial,
    enqueue,
    hangup,
    leave_queue,
    refer,
    reject,
    send_sip_info,
    switch_supervisor_role,
    transfer,
)
from hookline.commands.media import (
    fork_start,
    fork_stop,
    playback_start,
    playback_stop,
    record_pause,
    record_resume,
    record_start,
    record_stop,
    siprec_start,
    siprec_stop,
    speak,
    streaming_start,
    streaming_stop,
    suppression_start,
    suppression_stop,
    transcription_start,
    transcription_stop,
)

__all__ = [
    "Command",
    "ai_assistant_add_messages",
    "ai_assistant_join",
    "ai_assistant_start",
    "ai_assistant_stop",
    "answer",
    "bridge",
    "client_state_update",
    "command_id",
    "conversation_relay_start",
    "conversation_relay_stop",
    "dial",
    "enqueue",
    "fork_start",
    "fork_stop",
    "gather",
    "gather_stop",
    "gather_using_ai",
    "gather_using_audio",
    "gather_using_speak",
    "hangup",
    "leave_queue",
    "pay",
    "playback_start",
    "playback_stop",
    "record_pause",
    "record_resume",
    "record_start",
    "record_stop",
    "refer",
    "reject",
    "send_dtmf",
    "send_sip_info",
    "siprec_start",
    "siprec_stop",
    "speak",
    "streaming_start",
    "streaming_stop",
    "suppression_start",
    "suppression_stop",
    "switch_supervisor_role",
    "transcription_start",
    "transcription_stop",
    "transfer",
]
