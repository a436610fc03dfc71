"""One sample event, signed now and posted, to the local stack or to any URL."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx

from hookline_local.base.errors import CliError
from hookline_local.base.signing import sign
from hookline_local.base.urls import checked_url
from hookline_local.cli.screen import Screen
from hookline_local.cli.trigger_call import payload
from hookline_local.samples.catalog import Sample

AGENT = "hookline-trigger"
TIMEOUT_SECONDS = 35.0
"""Longer than API Gateway's own 30 s, so that its answer is shown."""


def target(url: str, path: str) -> str:
    """Where to post: a URL without a path of its own gets the sample's. Raises CliError for an invalid URL."""
    parts = urlsplit(checked_url(url, "--url http://127.0.0.1:8080"))
    return url if parts.path.strip("/") else f"{url.rstrip('/')}{path}"


def post(sample: Sample, url: str, screen: Screen, *, copies: int, seed: bytes) -> bool:
    """Post the copies at once; whether every answer was a 2xx. Raises CliError when there is no answer."""
    url = target(url, sample.path)
    keys = [str(number) for number in range(copies)]
    for key in keys:
        screen.request_received(sample.event_type, key=key, note="the same again" if key != "0" else "")
    good = True
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not _local(url)) as http, ThreadPoolExecutor(copies) as pool:
        answers = pool.map(lambda _: _post(http, url, sample, seed), keys)
        for key, (response, milliseconds) in zip(keys, answers, strict=True):
            good = good and response.is_success
            _show(screen, sample, url, key, response, milliseconds)
    return good


def _show(screen: Screen, sample: Sample, url: str, key: str, response: httpx.Response, milliseconds: float) -> None:
    answer = _json(response)
    screen.response_sent(
        sample.event_type,
        key=key,
        status=response.status_code,
        milliseconds=milliseconds,
        answer=answer,
        problem=None if isinstance(answer, dict) else (response.text[:200].strip() or None),
    )
    screen.row(
        {
            "event_type": sample.event_type,
            "call_leg_id": payload(sample).get("call_leg_id"),
            "url": url,
            "status": response.status_code,
            "milliseconds": round(milliseconds, 1),
            "answer": answer if answer is not None else response.text,
        }
    )


def _local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _post(http: httpx.Client, url: str, sample: Sample, seed: bytes) -> tuple[httpx.Response, float]:
    headers = {"content-type": sample.content_type, "user-agent": AGENT, **sign(sample.body, int(time.time()), seed)}
    began = time.perf_counter()
    try:
        response = http.post(url, content=sample.body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise CliError(f"cannot connect to {url}: {why}", "Is hookline serve running there?") from error
    return response, (time.perf_counter() - began) * 1000


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
