"""The Telnyx account as its own API shows it: applications, numbers, the public key, the log of webhook deliveries.

Owns the client for what is configured at Telnyx. Calls are commanded by hookline.telnyx.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

BASE_URL = "https://api.telnyx.com/v2"
TIMEOUT_SECONDS = 15.0
PAGE_SIZE = 250
FEWEST_DIGITS = 3
"""filter[phone_number] wants three digits, and finds nothing for a number with its plus sign."""

APPLICATION_REQUIRED = ("application_name", "webhook_event_url")
"""A PATCH of an application must hold these, changed or not. Source: Telnyx's OpenAPI description."""


class TelnyxAccountError(Exception):
    """Telnyx's API has not answered as hoped. The text is Telnyx's own, or the reason of the failure."""


class ApiKeyRefused(TelnyxAccountError):
    """401 or 403: the API key is wrong, revoked, or may not do this."""


class TelnyxAccount:
    """One account, by its API key: printable ASCII.

    server_time: of the newest answer, in seconds since 1970 UTC; None until there is one.
    """

    def __init__(self, api_key: str, base_url: str = BASE_URL) -> None:
        self.base_url = base_url
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            headers={"authorization": f"Bearer {api_key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=not base_url.startswith("http://127.0.0.1"),
        )
        self.server_time: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def applications(self) -> list[dict[str, Any]]:
        """All Call Control applications. Raises TelnyxAccountError, as everything here does."""
        return list(self._all("call_control_applications"))

    def create_application(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A new application, as it is then."""
        return self._request("POST", "call_control_applications", settings)

    def update_application(self, application: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change some settings of an application; it, as it is then."""
        required = {name: application[name] for name in APPLICATION_REQUIRED}
        return self._request("PATCH", f"call_control_applications/{quote(application['id'])}", required | dict(changes))

    def phone_number(self, number: str) -> dict[str, Any] | None:
        """A number of the account, by its E.164 form; None when the account does not have it."""
        found = self._all("phone_numbers", {"filter[phone_number]": number.removeprefix("+")})
        return next((entry for entry in found if entry["phone_number"] == number), None)

    def phone_numbers(self) -> list[dict[str, Any]]:
        """All numbers of the account."""
        return list(self._all("phone_numbers"))

    def move_number(self, number: Mapping[str, Any], application_id: str) -> dict[str, Any]:
        """Give a number to an application; the number, as it is then."""
        return self._request("PATCH", f"phone_numbers/{quote(number['id'])}", {"connection_id": application_id})

    def public_key(self) -> str | None:
        """The key that verifies the account's webhooks, base64; None when Telnyx does not show it.

        The address is used by Telnyx's own examples and missing from its API reference: hence the None.
        """
        answer = self._send("GET", "public_key")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        key = self._data(answer).get("public")
        return key if isinstance(key, str) else None

    def deliveries(self) -> list[dict[str, Any]]:
        """The newest webhook deliveries, one page of Telnyx's log, newest first."""
        answer = self._send("GET", "webhook_deliveries", params={"page[size]": "50"})
        found = _content(answer)["data"]
        return found if isinstance(found, list) else []

    def _all(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        number = 1
        while True:
            page = {"page[number]": str(number), "page[size]": str(PAGE_SIZE)}
            content = _content(self._send("GET", path, params={**(params or {}), **page}))
            yield from content["data"]
            if number >= content.get("meta", {}).get("total_pages", 1):
                return
            number += 1

    def _request(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._data(self._send(method, path, json=dict(body)))

    def _data(self, answer: httpx.Response) -> dict[str, Any]:
        found = _content(answer)["data"]
        if not isinstance(found, dict):
            raise TelnyxAccountError(f"{answer.request.url.path}: an unexpected answer")
        return found

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        with _explained():
            answer = self._http.request(method, path, **request)
        date = answer.headers.get("date")
        if date is not None:
            try:
                self.server_time = parsedate_to_datetime(date).timestamp()
            except ValueError:
                self.server_time = None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ApiKeyRefused(_reason(answer))
        return answer


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TelnyxAccountError(str(error) or type(error).__name__) from error


def _content(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise TelnyxAccountError(_reason(answer))
    try:
        content = answer.json()
    except ValueError as error:
        raise TelnyxAccountError(f"{answer.request.url.path}: the answer is not JSON") from error
    if not isinstance(content, dict) or "data" not in content:
        raise TelnyxAccountError(f"{answer.request.url.path}: an unexpected answer")
    return content


def _reason(answer: httpx.Response) -> str:
    """Telnyx's code and sentence, or the status."""
    try:
        error = answer.json()["errors"][0]
        return f"{error['code']} {error['title']}: {error['detail']}"
    except (ValueError, LookupError, TypeError):
        return f"{answer.request.method} {answer.request.url.path}: HTTP {answer.status_code}"
