"""The settings of the simulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hookline_local.base.signing import DEVELOPMENT_SEED
from hookline_local.simulator.faults import Faults
from hookline_local.simulator.scenario import Callee


@dataclass(frozen=True, kw_only=True)
class Config:
    """A simulator of Telnyx on one loopback port."""

    port: int = 0
    """0 lets the system pick one."""

    api_key: str | None = None
    """The only key accepted; None accepts every bearer token that is not empty."""

    webhook_url: str | None = None
    """`webhook_event_url` of the application that numbers belong to; None: nothing is delivered."""
    webhook_api_version: Literal["1", "2"] = "2"
    connection_id: str = "1494404757140276705"
    """The id of that application."""

    phone_numbers: tuple[str, ...] = ("+12025550123",)
    """The numbers of the account, in E.164; at the start they all belong to that application."""

    signing_seed: bytes = DEVELOPMENT_SEED
    """Ed25519 seed, 32 bytes, that signs the webhooks."""
    webhook_ca: str | None = None
    """PEM file with the certificates that https webhook URLs are verified by; None: the usual authorities."""
    webhook_timeout_seconds: float = 2.0
    """Wall-clock time, whatever the speed."""
    patience: float = 1.0
    """Factor on the wall-clock time that a webhook and the person on the phone wait: more on a busy machine."""
    retry_delays_seconds: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Call seconds before each further attempt. Telnyx documents "exponential backoff" and gives no figures."""
    webhook_urls_as: Literal["any", "array", "single"] = "any"
    """Published schemas disagree on whether a value of `webhook_urls` is one URL or an array: take either, or one."""

    speed: float = 1.0
    """Call seconds per second; 0: as fast as it can."""
    grace_seconds: float = 0.005
    """At speed 0: seconds of quiet before the call's time jumps to what is due next."""
    ring_seconds: float = 60.0
    """How long an inbound caller lets it ring."""
    answer_seconds: float = 0.2
    """Call seconds between the command `answer` and call.answered; other commands are refused until then (90034)."""
    webhook_seconds: float = 0.03
    """Call seconds between an event and the first attempt to deliver it."""
    characters_per_second: float = 15.0
    """How fast text to speech speaks."""
    remote_audio_seconds: float = 4.0
    """Length of a file that is not on loopback (it is not fetched) or of an uploaded `media_name`."""
    missing_media: frozenset[str] = frozenset()
    """`media_name`s and `audio_url`s that do not exist."""
    save_seconds: float = 2.0
    """Call seconds between the end of a recording and call.recording.saved."""

    links_expire_after_seconds: float = 600.0
    """Wall-clock time: the life of a download link."""
    rate_limit: int = 10_000
    """Requests per minute."""
    log_limit: int = 5_000
    """How many webhook deliveries and call events the log endpoints hold."""

    callees: Mapping[str, Callee] = field(default_factory=dict)
    """Who answers a dialed number, by number."""
    callee: Callee = field(default_factory=Callee)
    """Who answers any other dialed number."""

    seed: int = 0
    """For the random numbers of faults."""
    faults: Faults = field(default_factory=Faults)
