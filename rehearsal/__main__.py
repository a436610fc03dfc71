"""`make rehearse`: deploy, deploy again, play a call, read it, delete. Exit status 1 for any fault.

.venv/bin/python -m rehearsal                    the rehearsal
.venv/bin/python -m rehearsal --without SID      the same with a permission taken away, which must fail
"""

import argparse
import json
import secrets
import signal
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from nacl.signing import SigningKey

from hookline_local.simulator import Config, SimulatorInThread, simulator_in_thread
from rehearsal import sam
from rehearsal.call import PlayedCall, play_call, post, sample
from rehearsal.deployment import STACK, Deployment, leftovers
from rehearsal.emulator import Emulator, EmulatorFailed, in_environment, running_emulator

LIMIT_SECONDS = 600
"""Of all of it, whatever hangs."""
ARCHIVE_LIMIT_SECONDS = 60.0
SPEED = 4.0
"""Call seconds per second."""
PATIENCE = 10.0
APPLICATION, NUMBER = "simulator", "+12025550123"
"""As the simulator has them at its start; no webhook URL is set."""
HOOKLINE = sam.PROJECT / ".venv" / "bin" / "hookline"


class Failed(Exception):
    """Something of the deployment is not as it should be."""


def expect(condition: bool, text: str) -> None:
    """Raise Failed with this text unless the condition holds."""
    if not condition:
        raise Failed(text)


class Rehearsal:
    """One deployment, from nothing to nothing."""

    def __init__(self, emulator: Emulator, folder: Path, *, without: str | None) -> None:
        self.emulator, self.folder, self.without = emulator, folder, without
        self.seed = secrets.token_bytes(32)
        self.api_key = f"KEY{secrets.token_hex(16)}"
        self.environment = emulator.environment()
        self._began = time.monotonic()

    def done(self, text: str) -> None:
        """A line about a step that has succeeded."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def play(self) -> None:
        """All steps. Raises Failed, or what a step raises."""
        template = sam.build(self.folder, self.environment)
        if self.without is not None:
            taken = sam.take_away(self.without, template)
            expect(taken > 0, f"no policy statement has the Sid {self.without}")
            self.done(f"taken away: {taken} statements {self.without}")
        self.done("built, for this machine")
        config = Config(
            api_key=self.api_key,
            signing_seed=self.seed,
            speed=SPEED,
            patience=PATIENCE,
            webhook_ca=str(self.emulator.certificate),
        )
        with simulator_in_thread(config) as simulator:
            parameters = self._parameters(simulator)
            self._fail(template, parameters)
            deployment = self._deploy(template, parameters)
            self._deploy_again(template, deployment)
            self._check_enforcement(deployment)
            self._check_consumers(deployment)
            self._check_deferral(deployment)
            self._connect()
            call = play_call(simulator)
            self._check_call(call)
            self._read(call)
        self._delete()

    def _parameters(self, simulator: SimulatorInThread) -> dict[str, str]:
        """With a secret of our own: the emulator's `!Ref` of a secret is its name, and AWS's its ARN."""
        secret = boto3.client("secretsmanager").create_secret(Name="telnyx/api-key", SecretString=self.api_key)
        return {
            "TelnyxPublicKeys": b64encode(bytes(SigningKey(self.seed).verify_key)).decode(),
            "TelnyxApiKeySecretArn": secret["ARN"],
            "TelnyxApiBaseUrl": simulator.api_base_url,
            "SavedQueries": "off",  # the emulator has no AWS::Logs::QueryDefinition
        }

    def _fail(self, template: Path, parameters: Mapping[str, str]) -> None:
        """A first deployment that fails leaves no resource, and `make deploy` names the way out."""
        broken = sam.with_an_invalid_queue(template)
        try:
            sam.deploy(broken, parameters, self.environment)
        except sam.CommandFailed:
            left = leftovers()
            expect(not (left["functions"] or left["queues"] or left["tables"]), f"left behind: {left}")
        else:
            raise Failed("an invalid queue was deployed")
        try:
            sam.run(["make", "--no-print-directory", "deployable"], self.environment)
        except sam.CommandFailed as error:
            shown = " ".join(str(error).split())
            for part in ("ROLLBACK_COMPLETE", "make delete, then make deploy", "the first failure: QuarantineQueue"):
                expect(part in shown, f"not explained, {part}: {error}")
        else:
            raise Failed("make deploy would try to deploy a stack whose first deployment has failed")
        sam.delete(self.environment)
        sam.run(["make", "--no-print-directory", "deployable"], self.environment)
        self.done("a first deployment that fails leaves nothing; make delete clears the way")

    def _deploy(self, template: Path, parameters: Mapping[str, str]) -> Deployment:
        """The first one that succeeds."""
        sam.deploy(template, parameters, self.environment)
        deployment = Deployment(self.emulator.url)
        deployment.fill_gaps()
        status = post(self.emulator, deployment.webhook_url, sample(), self.seed)
        expect(status == 200, f"a signed webhook was answered {status}")
        status = post(self.emulator, deployment.webhook_url, sample(), secrets.token_bytes(32))
        expect(status == 401, f"a webhook with a stranger's signature was answered {status}")
        self.done("deployed; a signed webhook is answered 200, a forged one 401")
        return deployment

    def _deploy_again(self, template: Path, deployment: Deployment) -> None:
        """With other parameters: the rest keep their values."""
        before = deployment.parameters()
        changed = {"MemorySize": "1024", "Tracing": "Active", "WebhookBaseUrl": deployment.base_url}
        sam.deploy(template, changed, self.environment)
        deployment.fill_gaps()
        expect(deployment.parameters() == before | changed, "the second deployment has changed other parameters")
        expect(deployment.memory_size("CallAnsweredFunction") == 1024, "MemorySize has not reached the functions")
        self.done("deployed again with three changed parameters; all others have their old values")

    def _check_enforcement(self, deployment: Deployment) -> None:
        """That a permission which is missing shows: otherwise the call proves none of them."""
        with deployment.without_statement("WebhookPolicy", "ReadAndAppendEvents"):
            status = post(self.emulator, deployment.webhook_url, sample(), self.seed)
        expect(status >= 500, f"without the permission to journal a webhook was answered {status}: IAM is not enforced")
        self.done(f"without the permission to journal a webhook is answered {status}: IAM is enforced")

    def _check_consumers(self, deployment: Deployment) -> None:
        """The emulator hands messages to functions whatever their roles allow: the policies are evaluated instead."""
        denied = deployment.denied_to_consumers()
        expect(not denied, f"a function may not read its queue: {', '.join(denied)}")

    def _check_deferral(self, deployment: Deployment) -> None:
        """An event on the route of another type goes through the deferred queue to the journal."""
        webhook = sample()
        status = post(self.emulator, f"{deployment.webhook_url}/call.answered", webhook, self.seed)
        expect(status == 200, f"a webhook on the wrong route was answered {status}")
        event_id = json.loads(webhook.body)["data"]["id"]
        deadline = time.monotonic() + ARCHIVE_LIMIT_SECONDS
        while not deployment.is_journalled(event_id):
            expect(
                time.monotonic() < deadline, f"a deferred webhook is not journalled after {ARCHIVE_LIMIT_SECONDS:.0f} s"
            )
            time.sleep(0.2)
        self.done("a webhook on the wrong route was deferred and journalled")

    def _connect(self) -> None:
        """The application and the number, and whether all is well then."""
        self._hookline("connect", "--application", APPLICATION, "--number", NUMBER, "--yes")
        key = b64encode(self.seed).decode()
        self._hookline("doctor", "--application", APPLICATION, "--number", NUMBER, "--key", key)
        self.done("connected with hookline connect; hookline doctor finds no fault")

    def _check_call(self, call: PlayedCall) -> None:
        expect(set(call.answers) == {200}, f"webhooks were answered {dict(call.answers)}")
        expect(not call.refused, f"Telnyx has refused {', '.join(call.refused)}")
        due = {"answer", "speak", "record_start", "transcription_start", "record_pause", "record_resume", "hangup"}
        expect(due <= call.commands.keys(), f"never sent: {', '.join(sorted(due - call.commands.keys()))}")
        expect(call.saved == 1, f"{call.saved} recordings were saved")
        self.done(f"a call: {call.answers.total()} webhooks answered 200, {call.commands.total()} commands")

    def _read(self, call: PlayedCall) -> None:
        """Read it with `hookline ... --stack`, once its recording is archived."""
        document = self._archived(call)
        expect(document["call"]["ended_at"] is not None, "the journal does not have the end of the call")
        expect(call.call_leg_id in self._hookline("calls", "--json"), "`calls` does not list the call")
        expect(bool(self._hookline("calls", "transcript", call.call_leg_id).strip()), "the transcript is empty")
        self._hookline("replay", call.call_leg_id)
        self._hookline("recordings", "verify")
        self.done("read with calls, calls show, calls transcript, replay, recordings verify")

    def _archived(self, call: PlayedCall) -> Any:
        deadline = time.monotonic() + ARCHIVE_LIMIT_SECONDS
        while True:
            document = json.loads(self._hookline("calls", "show", call.call_leg_id, "--json"))
            if any(recording.get("key") for recording in document["recordings"]):
                return document
            expect(
                time.monotonic() < deadline,
                f"not archived after {ARCHIVE_LIMIT_SECONDS:.0f} s: {document['recordings']}",
            )

    def _hookline(self, *words: str) -> str:
        return sam.run([HOOKLINE, *words, "--stack", STACK], self.environment)

    def _delete(self) -> None:
        sam.delete(self.environment)
        left = leftovers()
        expect(not left["functions"], f"left behind: {left['functions']}")
        expect(not any("-CommandQueue-" in queue for queue in left["queues"]), "CommandQueue was left behind")
        retained = ("DeferredQueue", "RecordingQueue", "QuarantineQueue", "CommandDeadLetterQueue")
        for name in retained:
            expect(any(name in queue for queue in left["queues"]), f"{name} is gone")
        expect(any("CallsTable" in table for table in left["tables"]), "the table is gone")
        expect(any("recordingsbucket" in bucket for bucket in left["buckets"]), "the bucket is gone")
        self.done("deleted; table, bucket and queues with messages stay")


def _stop(number: int, frame: object) -> None:
    """End by an exception, so that everything that was started is ended as well."""
    if number == signal.SIGALRM:
        raise Failed(f"no end after {LIMIT_SECONDS} s")
    raise SystemExit(128 + number)


def main(arguments: list[str]) -> int:
    """Rehearse; the exit status."""
    parser = argparse.ArgumentParser(prog="make rehearse", description="Deploy the stack to an emulator and call it.")
    parser.add_argument("--without", metavar="SID", help="take the policy statements of this Sid away; must fail")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGALRM, _stop)
    signal.signal(signal.SIGTERM, _stop)
    signal.alarm(LIMIT_SECONDS)
    with tempfile.TemporaryDirectory(prefix="hookline-rehearsal-") as name:
        try:
            with running_emulator(Path(name)) as emulator:
                in_environment(emulator.environment())
                Rehearsal(emulator, Path(name), without=options.without).play()
        except (Failed, TimeoutError, EmulatorFailed, sam.CommandFailed) as error:
            print(f"FAILED  {'the call did not end' if isinstance(error, TimeoutError) else error}", file=sys.stderr)
            return 1
    print("rehearsed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
