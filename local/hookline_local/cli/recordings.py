"""`hookline recordings verify`: what verify finds, shown."""

from dataclasses import asdict
from datetime import date, timedelta

from hookline.recordings.audit import EXPIRED, Retention, verify
from hookline.recordings.audit import days as days_between
from hookline.recordings.storage import Bucket
from hookline_local.cli.screen import Screen
from hookline_local.stacks.deployed import reached
from hookline_local.stacks.resources import Place


def verify_recordings(place: Place, last_day: str, days: int, screen: Screen, *, read_all: bool) -> bool:
    """Whether all that was announced on these days is kept, whole; a line for each recording and transcript."""
    last = date.fromisoformat(last_day)
    wanted = days_between(last - timedelta(days=days - 1), last)
    findings = []
    bucket = Bucket(place.s3, place.bucket)
    retention = Retention.by(place.parameters)
    with reached(place):
        for finding in verify(place.journal, bucket, wanted, read_all=read_all, retention=retention):
            findings.append(finding)
            screen.whole((f"{finding.state:9} ", "green" if finding.good else "bold red"), finding.key)
            if not finding.good:
                screen.fact("", f"{finding.detail} (call {finding.call_leg_id or 'unknown'})", width=8)
    wrong = [finding for finding in findings if not finding.good]
    screen.document(
        {
            "ok": not wrong,
            "days": wanted,
            "findings": [{**asdict(finding), "good": finding.good} for finding in findings],
        }
    )
    if wrong:
        are = "is" if len(wrong) == 1 else "are"
        screen.say(f"{len(wrong)} of {len(findings)} {are} missing or damaged.", "bold red")
    elif findings:
        expired = sum(finding.state == EXPIRED for finding in findings)
        intact = len(findings) - expired
        have = f", {expired} {'has' if expired == 1 else 'have'} expired" if expired else ""
        screen.say(f"{intact} of {len(findings)} {'is' if intact == 1 else 'are'} intact{have}.")
    else:
        screen.say("There are none.")
    return not wrong
