"""Telnyx's error codes and hang-up causes in words, each with what an operator can do.

Sources: developers.telnyx.com, "API errors" (the codes of a command), and the SDK's `call.hangup` event (the causes).
"""

from collections.abc import Mapping

COMMAND_ERRORS: Mapping[str, str] = {
    "10004": "a required parameter is missing; mend the flow",
    "10005": "the call or the resource does not exist; most often the call was already over",
    "10007": "Telnyx had an unexpected error; it is sent again by itself",
    "10008": "Telnyx took too long; it is sent again by itself",
    "10009": "the API key is not valid; put a valid one into the secret",
    "10010": "the API key may not do this; use a key of the account that owns the number",
    "10011": "too many requests; it is sent again by itself, and if this lasts ask Telnyx for a higher rate",
    "10015": "a parameter is malformed; mend the flow",
    "10016": "a phone number is not in E.164 format, such as +12025550123; mend the flow",
    "10023": "the request was not valid JSON; this is a fault of Hookline",
    "10027": "Telnyx cannot process the parameters together; mend the flow",
    "10032": "a parameter has a value that is not in Telnyx's list; mend the flow",
    "10033": "a parameter is outside of its range; mend the flow",
    "10036": "the resource is being processed; it is sent again by itself",
    "10037": "Telnyx is unavailable; it is sent again by itself",
    "10038": "the account may not use this feature; ask Telnyx to enable it",
    "10039": "the account's level limits this feature; ask Telnyx to raise it",
    "90000": "the recording format is not valid; mp3 or wav",
    "90001": "the recording channels are not valid; single or dual",
    "90009": "loop is not valid; mend the flow",
    "90010": "the text to speak is empty or too long; mend the flow",
    "90011": "payload_type is not valid; text or ssml",
    "90012": "the voice is not known to Telnyx; change LineVoice or the flow",
    "90013": "the language is not one of the engine's; change LineTranscriptionLanguage or the flow",
    "90014": "the digits are not valid; mend the flow",
    "90015": "the call control id is not valid; the call belongs to another account, or was over long ago",
    "90016": "stop is not valid; mend the flow",
    "90017": "client_state is not base64; this is a fault of Hookline",
    "90018": "the call had already ended",
    "90020": "recording was started before there was audio; it is sent again by itself",
    "90025": "timeout_millis is outside of its range; mend the flow",
    "90026": "inter_digit_timeout_millis is outside of its range; mend the flow",
    "90028": "the number of digits is not valid; mend the flow",
    "90029": "the time limit is not valid; mend the flow or MaxCallSeconds",
    "90030": "service_level is not valid; basic or premium",
    "90031": "the call was not forked, so there was nothing to stop",
    "90034": "the call was not answered yet; answer it first",
    "90035": "the call is not in a queue",
    "90036": "the queue is full; raise max_size of a new queue",
    "90037": "the size of an existing queue cannot be changed; name another queue",
    "90038": "the call is already in a queue",
    "90040": "the audio file could not be downloaded in time; is its URL public and fast?",
    "90041": "the user has no free channel; raise the channel limit at Telnyx",
    "90042": "the outbound voice profile has no free channel; raise its channel limit",
    "90043": "the connection has no free channel; raise its channel limit",
    "90045": "media streaming was already running",
    "90046": "the media stream did not start; is the WebSocket reachable, and does it accept the token?",
    "90048": "media streaming was not running, so there was nothing to stop",
    "90053": "a recording with timeout_secs cannot run beside a transcription; leave out one of the two",
    "90054": "the transcription was already running",
    "90055": "the transcription of a recording with timeout_secs cannot be stopped",
    "90056": "initial_timeout_millis is outside of its range; mend the flow",
    "90057": "webhook_urls names an event type that Telnyx does not know; set PerEventRouting to off",
    "90059": "the recording track is not valid; inbound, outbound or both",
    "90102": "an outgoing call cannot be answered; mend the flow",
    "90103": "Telnyx limits the account's outgoing calls; see telnyx_error in its answer, and ask Telnyx",
    "dial_not_allowed": "DialAllow of this stack does not list the number; add the shortest beginning that you need",
    "too_many_live_calls": "MaxLiveCalls of this stack was reached; raise it, or find out who places them",
    "not_simulated": "the simulator does not play this out; Telnyx itself would",
}
"""By the code of an error answer, or of a refusal by the stack's own limits."""

HANGUP_CAUSES: Mapping[str, str] = {
    "call_rejected": "it was rejected",
    "no_answer": "no one answered",
    "normal_clearing": "it was hung up",
    "not_found": "the number does not exist",
    "originator_cancel": "the caller hung up",
    "time_limit": "it reached its time limit",
    "timeout": "no one answered in time",
    "unallocated_number": "the number is not in use",
    "unspecified": "Telnyx gives no reason",
    "user_busy": "the line was busy",
}
"""By `hangup_cause`."""


def explain_error(code: object, http_status: object) -> str:
    """One clause about an error answer, with its code; of an unknown code at least where to look it up."""
    if isinstance(code, str) and code in COMMAND_ERRORS:
        return f"{code}: {COMMAND_ERRORS[code]}"
    if code:
        return f"{code}: see developers.telnyx.com, API errors"
    if http_status in (401, 403):
        return f"HTTP {http_status}: {COMMAND_ERRORS['10009' if http_status == 401 else '10010']}"
    return f"HTTP {http_status} without a code" if http_status else "without a code"


def explain_hangup(cause: object) -> str:
    """One clause about the end of a call."""
    if not isinstance(cause, str) or not cause:
        return "no reason was reported"
    return f"{HANGUP_CAUSES[cause]} ({cause})" if cause in HANGUP_CAUSES else cause
