"""hookline.recordings.findings: codes decide, sentences only show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.errors import ApiKeyUnreadable, TelnyxRefused, TelnyxUnavailable
from hookline.recordings.download import DownloadFailed, LinkExpired
from hookline.recordings.findings import (
    SENTENCES,
    Code,
    Finding,
    Severity,
    describe,
    describe_all,
    failure_findings,
    failure_of,
)

FIGURES = st.dictionaries(st.text(max_size=9), st.none() | st.integers() | st.floats(allow_nan=False) | st.text())


def test_every_code_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Code)


@given(st.sampled_from(Code), FIGURES)
def test_a_finding_is_read_as_it_was_written_and_described_whatever_its_figures(
    code: Code, figures: dict[str, int | float | str | None]
) -> None:
    finding = Finding(code, figures)
    assert Finding.from_dict(finding.to_dict()) == finding
    assert describe(finding)


@pytest.mark.parametrize("written", [{}, {"code": "of_another_release", "figures": {}}, {"code": "no_audio"}])
def test_a_finding_of_another_release_is_unknown_and_never_harmless(written: dict[str, object]) -> None:
    finding = Finding.from_dict(written)
    assert (finding.code, finding.severity) == (Code.UNKNOWN, Severity.ERROR)


def test_the_severity_follows_from_the_code() -> None:
    by_severity: dict[Severity, set[Code]] = {severity: set() for severity in Severity}
    for code in Code:
        by_severity[Finding(code).severity].add(code)
    assert by_severity[Severity.INFO] == {Code.IN_EXTERNAL_STORAGE, Code.EXPIRED}
    assert by_severity[Severity.WARNING] == {
        Code.NO_AUDIO,
        Code.FORMAT_DIFFERS,
        Code.CHANNELS_DIFFER,
        Code.LONGER_THAN_REPORTED,
        Code.UNREADABLE_BYTES,
        Code.PEAKS_MISSING,
    }


def test_sentences_carry_the_figures() -> None:
    findings = [
        Finding(Code.SHORTER_THAN_REPORTED, {"seconds": 1799.04}),
        Finding(Code.SIZE_DIFFERS, {"actual_bytes": 5, "expected_bytes": 32_044}),
        Finding(Code.LINK_FORBIDDEN, {"reason": "host_not_allowed"}),
    ]
    assert describe_all(findings) == (
        "it lasts 1799.0 s shorter than Telnyx reports; it has 5 bytes and should have 32,044; "
        "the link is not allowed: host not allowed"
    )


def test_an_error_carries_its_findings_and_shows_their_sentences() -> None:
    cause = Finding(Code.NO_FRESH_LINK)
    error = LinkExpired(cause, http_status=403)
    assert error.findings == (Finding(Code.LINK_EXPIRED, {"http_status": 403}), cause)
    assert str(error) == "the link has expired (HTTP 403); Telnyx gives no fresh link"
    failure, *causes = (finding.to_dict() for finding in error.findings)
    assert failure_of({**failure, "causes": causes}) == list(error.findings)


def test_every_error_that_ends_archiving_has_a_code() -> None:
    refused = Finding(Code.TELNYX_REFUSED, {"http_status": 401, "telnyx_code": "10009"})
    assert failure_findings(TelnyxRefused(401, "10009")) == (refused,)
    assert failure_findings(ApiKeyUnreadable("x")) == (Finding(Code.API_KEY_UNREADABLE),)
    assert failure_findings(TelnyxUnavailable("x")) == (Finding(Code.TELNYX_UNAVAILABLE),)
    assert failure_findings(DownloadFailed(reason="cut")) == (Finding(Code.DOWNLOAD_FAILED, {"reason": "cut"}),)
