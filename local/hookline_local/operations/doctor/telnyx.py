"""The Telnyx side: API key, public key, application, number, and the last webhook in Telnyx's log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from hookline.signature import public_keys
from hookline_local.base.urls import host_of, region_of
from hookline_local.operations.doctor.finding import Finding, fault, ok, unknown, warning
from hookline_local.operations.doctor.probe import Probe
from hookline_local.operations.telnyx_account import ApiKeyRefused, TelnyxAccount, TelnyxAccountError

SHORTEST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS = 2, 5
"""A webhook is answered within 2 s or not at all. Waiting less repeats what is being handled, waiting longer only
delays the retry. What 0 means is not documented."""

ACTIVE = "active"
"""The status of a number that rings."""


@dataclass(frozen=True)
class Expected:
    """The expected configuration.

    application: its name or id. number: E.164, or None for any. region: of the stack, None on this machine.
    """

    application: str
    webhook_url: str
    public_keys: Sequence[str]
    number: str | None = None
    region: str | None = None


class TelnyxSide:
    """One account, compared with what a stack expects."""

    def __init__(self, account: TelnyxAccount, expected: Expected) -> None:
        self._account, self._expected = account, expected
        self._numbers: list[dict[str, Any]] = []

    def examine(self) -> Iterator[Finding]:
        """All of it; nothing more after the first request that fails."""
        try:
            applications = self._account.applications()
            yield ok("api_key")
            self._numbers = self._account.phone_numbers()
            application = self._application(applications)
            yield from self._keys(is_ours=application is not None)
            if application is None:
                yield fault("application_missing", application=self._expected.application)
                return
            yield from self._settings(application)
            yield self._number(application)
            yield from self._deliveries()
        except ApiKeyRefused as error:
            yield fault("api_key_refused", reason=str(error))
        except TelnyxAccountError as error:
            yield unknown("telnyx_unavailable", url=self._account.base_url, reason=str(error))

    def _application(self, applications: list[dict[str, Any]]) -> dict[str, Any] | None:
        """By id, by name, by its webhook URL, or the one that the number belongs to."""
        connections = {
            entry["connection_id"] for entry in self._numbers if entry["phone_number"] == self._expected.number
        }
        tests = (
            lambda entry: entry["id"] == self._expected.application,
            lambda entry: entry["application_name"] == self._expected.application,
            lambda entry: entry.get("webhook_event_url") == self._expected.webhook_url,
            lambda entry: entry["id"] in connections,
        )
        return next((entry for test in tests for entry in applications if test(entry)), None)

    def _keys(self, *, is_ours: bool) -> Iterator[Finding]:
        """is_ours: the account has our application. When it has neither, the API key is of another account."""
        configured, current = self._expected.public_keys, self._account.public_key()
        if current is None:
            yield unknown("public_key_unknown")
        elif current not in configured:
            yield fault("public_key_of_another_account" if is_ours else "api_key_of_another_account", current=current)
        else:
            dead = [key for key in configured if key != current and _is_public_key(key)]
            for key in dead:
                yield warning("public_key_dead", key=key)
            if not dead:
                yield ok("public_key")

    def _settings(self, application: Mapping[str, Any]) -> Iterator[Finding]:
        name = application["application_name"]
        found = [
            _webhook_url(application, self._expected),
            _api_version(application),
            _timeout(application),
            None if application.get("active", True) else fault("application_inactive", application=name),
        ]
        wrong = [finding for finding in found if finding is not None]
        yield from wrong
        if not wrong:
            yield ok("application", application=name, webhook_url=self._expected.webhook_url)
        yield _failover(application, self._expected.webhook_url)

    def _number(self, application: Mapping[str, Any]) -> Finding:
        numbers = self._numbers
        if self._expected.number is not None:
            numbers = [entry for entry in numbers if entry["phone_number"] == self._expected.number]
        if not numbers:
            return fault("no_number", number=self._expected.number or "any")
        own = [entry for entry in numbers if entry["connection_id"] == application["id"]]
        if own:
            return _own_number(own)
        other = numbers[0]
        if not other["connection_id"]:
            return fault("number_unassigned", number=other["phone_number"])
        return fault("number_elsewhere", number=other["phone_number"], application=other["connection_id"])

    def _deliveries(self) -> Iterator[Finding]:
        """The newest webhook that Telnyx has sent to this URL: a signed round trip that has really happened."""
        host = host_of(self._expected.webhook_url)
        newest = next((entry for entry in self._account.deliveries() if _host(entry) == host), None)
        if newest is None:
            yield unknown("no_deliveries")
            return
        response = newest["attempts"][0].get("http", {}).get("response", {})
        facts = {
            "event_type": newest["webhook"]["event_type"],
            "at": newest["started_at"],
            "status": response.get("status"),
        }
        yield ok("deliveries", **facts) if newest["status"] == "delivered" else fault("delivery_failed", **facts)


def _host(delivery: Mapping[str, Any]) -> str:
    attempts = delivery.get("attempts") or [{}]
    return host_of(str(attempts[0].get("http", {}).get("request", {}).get("url", "")))


def _is_public_key(text: str) -> bool:
    return not public_keys(text, development=True)[1]


def _own_number(own: Sequence[Mapping[str, Any]]) -> Finding:
    """own: the numbers of the application. One that is being ported, for example, does not ring yet."""
    active = [entry for entry in own if entry.get("status", ACTIVE) == ACTIVE]
    if not active:
        return fault("number_inactive", number=own[0]["phone_number"], status=own[0]["status"])
    return ok("number", number=active[0]["phone_number"], numbers=len(own))


def _webhook_url(application: Mapping[str, Any], expected: Expected) -> Finding | None:
    url = application.get("webhook_event_url")
    if not url:
        return fault("webhook_url_missing", expected=expected.webhook_url)
    if url == expected.webhook_url:
        return None
    code = _difference(url, expected.webhook_url)
    region = region_of(url)
    if code == "webhook_url_elsewhere" and region and expected.region and region != expected.region:
        return fault("webhook_url_region", url=url, expected=expected.webhook_url, region=region)
    return fault(code, url=url, expected=expected.webhook_url)


def _difference(url: str, expected: str) -> str:
    """The code of what is wrong with a webhook URL."""
    if url.rstrip("/") == expected:
        return "webhook_url_slash"
    if url == expected.replace("https://", "http://", 1):
        return "webhook_url_http"
    if host_of(url) == host_of(expected):
        return "webhook_url_path"
    return "webhook_url_elsewhere"


def _failover(application: Mapping[str, Any], webhook_url: str) -> Finding:
    """Another URL than the stack's own is tried as the stack's own is."""
    url = application.get("webhook_event_failover_url")
    if not url:
        return warning("failover_url_missing")
    if url == webhook_url:
        return ok("failover_same")
    if url.startswith("http://") and webhook_url.startswith("https://"):
        return fault("failover_http", url=url)
    try:
        status = Probe(url).forged_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return fault("failover_unreachable", url=url, reason=str(error) or type(error).__name__)
    if status != httpx.codes.UNAUTHORIZED:
        return fault("failover_not_a_webhook", url=url, status=status)
    return ok("failover", url=url)


def _api_version(application: Mapping[str, Any]) -> Finding | None:
    version = application.get("webhook_api_version")
    if version is None:
        return fault("api_version_unset")
    return None if str(version) == "2" else fault("api_version", version=version)


def _timeout(application: Mapping[str, Any]) -> Finding | None:
    seconds = application.get("webhook_timeout_secs")
    if seconds is None:
        return warning("timeout_unset")
    if seconds < SHORTEST_TIMEOUT_SECONDS:
        return fault("timeout_short", seconds=seconds)
    return fault("timeout", seconds=seconds) if seconds > LONGEST_TIMEOUT_SECONDS else None
