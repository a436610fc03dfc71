"""The state that all calls share: settings, applications, faults, webhooks on their way, recordings, logs."""

import logging
import ssl
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from hookline_local.simulator.calls.recording_store import RecordingStore
from hookline_local.simulator.clock import format_timestamp
from hookline_local.simulator.faults import FaultInjector
from hookline_local.simulator.observations import CommandReceived, Observers
from hookline_local.simulator.settings import Config
from hookline_local.simulator.webhooks import WebhookSender

logger = logging.getLogger(__name__)


class Account:
    """The Telnyx account that every call belongs to."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.injector = FaultInjector(config.seed, config.faults)
        self.observers = Observers()
        # No timeout of its own: webhooks.py and playing.py keep the time.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=2.0)
        trust = True if config.webhook_ca is None else ssl.create_default_context(cafile=config.webhook_ca)
        self.http = httpx.AsyncClient(
            timeout=None,  # noqa: S113
            follow_redirects=False,
            trust_env=False,
            limits=limits,
            verify=trust,
        )
        self.webhook_sender = WebhookSender(config, self.injector, self.observers, self.http)
        self.recordings = RecordingStore(links_expire_after_seconds=config.links_expire_after_seconds)
        self.applications: dict[str, dict[str, Any]] = {}
        self.phone_numbers = {entry["id"]: entry for entry in map(self._phone_number, config.phone_numbers)}
        self.call_events: deque[dict[str, Any]] = deque(maxlen=config.log_limit)
        self.commands: deque[CommandReceived] = deque(maxlen=config.log_limit)
        self.bugs: list[BaseException] = []
        self.add_application(
            {
                "application_name": "simulator",
                "webhook_event_url": config.webhook_url,
                "webhook_api_version": config.webhook_api_version,
            },
            connection_id=config.connection_id,
        )

    def _phone_number(self, phone_number: str) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4().int % 10**19),
            "record_type": "phone_number",
            "phone_number": phone_number,
            "status": "active",
            "connection_id": self.config.connection_id,
            "tags": [],
        }

    def connection_of(self, phone_number: str) -> str:
        """The application that a number belongs to; the configured one for a number that the account does not have."""
        for entry in self.phone_numbers.values():
            if entry["phone_number"] == phone_number:
                return str(entry["connection_id"])
        return self.config.connection_id

    def report_bug(self, error: BaseException) -> None:
        """Log a fault of the simulator's own; it is raised when the simulator stops."""
        logger.error("the Telnyx simulator has a bug", exc_info=error)
        self.bugs.append(error)

    def add_application(self, settings: Mapping[str, Any], *, connection_id: str | None = None) -> dict[str, Any]:
        """A Call Control Application. By API its webhooks are version 1 unless set otherwise, as at Telnyx."""
        now = format_timestamp(datetime.now(UTC))
        application: dict[str, Any] = {
            "id": connection_id or str(uuid.uuid4().int % 10**19),
            "record_type": "call_control_application",
            "active": True,
            "anchorsite_override": "Latency",
            "application_name": "",
            "call_cost_in_webhooks": False,
            "created_at": now,
            "dtmf_type": "RFC 2833",
            "first_command_timeout": False,
            "first_command_timeout_secs": 30,
            "inbound": {},
            "outbound": {},
            "redact_dtmf_debug_logging": False,
            "tags": [],
            "updated_at": now,
            "webhook_api_version": "1",
            "webhook_event_failover_url": None,
            "webhook_event_url": None,
            "webhook_timeout_secs": None,
            **settings,
        }
        self.applications[application["id"]] = application
        return application
