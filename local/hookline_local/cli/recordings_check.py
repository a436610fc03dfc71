"""Verifies archived recordings and shows the findings."""

from dataclasses import asdict
from datetime import date, timedelta

from hookline.recordings.audit import EXPIRED, Retention, verify
from hookline.recordings.audit import days as days_between
from hookline.recordings.storage import Bucket
from hookline_local.cli.screen import Screen
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources


def verify_recordings(resources: StackResources, last_day: str, days: int, screen: Screen, *, read_all: bool) -> bool:
    """Whether every recording announced on these days is archived and intact; a line for each, and for transcripts."""
    last = date.fromisoformat(last_day)
    checked_days = days_between(last - timedelta(days=days - 1), last)
    findings = []
    bucket = Bucket(resources.s3, resources.bucket)
    retention = Retention.by(resources.parameters)
    with explain_aws_errors(resources):
        for finding in verify(resources.journal, bucket, checked_days, read_all=read_all, retention=retention):
            findings.append(finding)
            screen.unwrapped((f"{finding.state:9} ", "green" if finding.good else "bold red"), finding.key)
            if not finding.good:
                screen.field("", f"{finding.detail} (call {finding.call_leg_id or 'unknown'})", width=8)
    wrong = [finding for finding in findings if not finding.good]
    screen.document(
        {
            "ok": not wrong,
            "days": checked_days,
            "findings": [{**asdict(finding), "good": finding.good} for finding in findings],
        }
    )
    if wrong:
        are = "is" if len(wrong) == 1 else "are"
        screen.paragraph(f"{len(wrong)} of {len(findings)} {are} missing or damaged.", "bold red")
    elif findings:
        expired = sum(finding.state == EXPIRED for finding in findings)
        intact = len(findings) - expired
        have = f", {expired} {'has' if expired == 1 else 'have'} expired" if expired else ""
        screen.paragraph(f"{intact} of {len(findings)} {'is' if intact == 1 else 'are'} intact{have}.")
    else:
        screen.paragraph("No recordings.")
    return not wrong
