"""Publishes one summary of each call, `call.completed`, once it has ended and its recordings are archived.

Trigger: the summary queue, to which a rule of the bus sends every `call.hangup`. The message waits in the queue until
nothing is missing, and 15 minutes at most. The summary is journalled, once for each call, and so takes the way out of
every event.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from hookline.call import Call
from hookline.call_summary import Leg, summary_event
from hookline.environment import Environment, environment
from hookline.errors import HooklineError
from hookline.events import TRANSCRIPTION_EVENT, Identity, parse_event, seconds_between
from hookline.journal import Entry, timestamp
from hookline.journal_pages import Page
from hookline.recordings.job import event_of
from hookline.recordings.storage import Bucket
from hookline.transcripts import segments
from hookline.webhook import Context

WAIT_SECONDS = 900
"""After its hang-up a call is published without what is still missing."""

LEG_WAIT_SECONDS = 120
"""A leg that is still live after this time will have a hang-up of its own: no index lags so long."""

MOST_SEGMENTS = 1000
"""Of the transcript of a leg."""

_RECORDS = frozenset({"record_start"})
_TAKEN = frozenset({"accepted", "already_done"})


class Hangup(NamedTuple):
    """The announcement in a message. key: of the call, its session or leg id. age_seconds: since it was received.

    log_fields: the ids that are known of it.
    """

    key: str
    session: str | None
    leg: str | None
    age_seconds: float
    log_fields: Mapping[str, Any]


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Publish what is complete. The answer names the messages that stay in the queue."""
    env = environment()
    failures = []
    for record in request["Records"]:
        hangup = _hangup_of(json.loads(record["body"])["detail"])
        try:
            is_done = _summarize(env, hangup)
        except HooklineError as error:
            fields = {"message_id": record["messageId"], "error": type(error).__name__, "reason": str(error)}
            env.logger.error("call not summarized yet", extra={**hangup.log_fields, **fields})
            is_done = False
        if not is_done:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _summarize(env: Environment, hangup: Hangup) -> bool:
    """Whether the message is done with."""
    legs = _legs(env, hangup)
    if not legs or not all(leg.call.ended for leg in legs):
        is_over = hangup.age_seconds > LEG_WAIT_SECONDS
        if is_over:
            env.log_info("call goes on with another leg", **hangup.log_fields)
        return is_over
    if any(leg.awaits_recordings for leg in legs) and hangup.age_seconds < WAIT_SECONDS:
        return False
    body = summary_event(hangup.key, hangup.session, legs, bucket=env.bucket)
    if env.journal.append_summary(hangup.key, body, at=time.time()):
        env.log_info("call summarized", legs=len(legs), **hangup.log_fields)
    return True


def _hangup_of(detail: Mapping[str, Any]) -> Hangup:
    """detail: as the bus has it. A field without a value is absent, null or empty."""
    session, leg = detail.get("call_session_id") or None, detail.get("call_leg_id") or None
    key = session or leg
    if key is None:
        identity = parse_event(detail["body"].encode()).identity
        key = identity.any_id
    names = ("event_id", "event_type", "call_leg_id", "call_session_id")
    fields = {name: detail[name] for name in names if detail.get(name)}
    return Hangup(key, session, leg, seconds_between(detail["received_at"], timestamp(time.time())), fields)


def _legs(env: Environment, hangup: Hangup) -> list[Leg]:
    """The legs of the call, in the order they began: a bounded number of bounded reads."""
    ids = env.journal_pages.legs(hangup.session) if hangup.session else []
    ids += [hangup.leg] if hangup.leg and hangup.leg not in ids else []
    found = [env.journal_pages.find(one) for one in ids or [hangup.key]]
    return [_leg(env, identity) for identity in found if identity is not None]


def _leg(env: Environment, identity: Identity) -> Leg:
    pages = env.journal_pages
    page = pages.state(identity)
    spoken = pages.segments(identity, after=("", ""), limit=MOST_SEGMENTS).entries
    spoken = [*spoken, *(entry for entry in page.entries if entry.event_type == TRANSCRIPTION_EVENT)]
    bucket = Bucket(env.s3, env.bucket)
    events = [event for entry in spoken if (event := event_of(entry, bucket)) is not None]
    return Leg(
        call=Call.of(entry.event for entry in page.entries if entry.event is not None),
        flow=next((entry.flow for entry in page.entries if entry.flow), None),
        notes=pages.notes(identity),
        segments=segments(events),
        may_record=any(_has_recorded(entry, page) for entry in page.entries),
    )


def _has_recorded(entry: Entry, page: Page) -> bool:
    """Whether Telnyx has taken a command to record in answer to this event."""
    return any(
        command.get("action") in _RECORDS
        and page.results.get(command.get("command_id", ""), command).get("result") in _TAKEN
        for command in entry.commands
    )
