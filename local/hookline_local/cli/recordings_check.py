"""Verifies archived recordings and shows the results of the audit."""

from collections.abc import Sequence
from datetime import date, timedelta

from hookline.recordings.audit import AuditResult, Retention, verify
from hookline.recordings.audit import days as days_between
from hookline.recordings.findings import Code, Severity, describe
from hookline.recordings.storage import Bucket
from hookline_local.cli.screen import Screen
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources


def verify_recordings(resources: StackResources, last_day: str, days: int, screen: Screen, *, read_all: bool) -> bool:
    """Return whether all that was announced on these days is archived; show a line for each file."""
    last = date.fromisoformat(last_day)
    checked_days = days_between(last - timedelta(days=days - 1), last)
    results = []
    bucket = Bucket(resources.s3, resources.bucket)
    retention = Retention.from_parameters(resources.parameters)
    with explain_aws_errors(resources):
        for result in verify(resources.journal, bucket, checked_days, read_all=read_all, retention=retention):
            results.append(result)
            _show(result, screen)
    ok = all(result.ok for result in results)
    screen.document({"ok": ok, "days": checked_days, "results": [result.to_dict() for result in results]})
    screen.paragraph(_summary(results), "" if ok else "bold red")
    return ok


def _show(result: AuditResult, screen: Screen) -> None:
    status = result.findings[0].code.value if result.findings else "intact"
    screen.unwrapped((f"{status:22} ", "green" if result.ok else "bold red"), result.key)
    for finding in result.findings:
        if finding.severity > Severity.INFO:
            screen.field("", f"{describe(finding)} (call {result.call_leg_id or 'unknown'})", width=8)


def _summary(results: Sequence[AuditResult]) -> str:
    bad = sum(not result.ok for result in results)
    if not results:
        return "No recordings."
    if bad:
        return f"{bad} of {len(results)} {'is' if bad == 1 else 'are'} missing or damaged."
    expired = sum(result.has(Code.EXPIRED) for result in results)
    intact = len(results) - expired
    suffix = f", {expired} {'has' if expired == 1 else 'have'} expired" if expired else ""
    return f"{intact} of {len(results)} {'is' if intact == 1 else 'are'} intact{suffix}."
