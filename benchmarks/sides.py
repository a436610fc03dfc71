"""Our handler beside the same written on Telnyx's official SDK, and beside the libraries used bare.

Each verifies the signature, reads the call's history from DynamoDB, sends its commands, writes the event and answers.
Each runs in a process of its own; AWS (moto) and Telnyx (a server that accepts all) are elsewhere. All figures are
processor time.

    cold  of the whole process: it starts, imports, and answers its first webhook, which sends one command
    warm  per webhook, of those after the first; each sends three commands
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import process_time
from typing import Any

PROJECT = Path(__file__).parents[1]
SIDES = ("ours", "sdk", "bare")
COLD_ROUNDS, WARM_ROUNDS, WARM_RUNS = 7, 3, 60

NOT_DEPLOYED = ("click", "pygments", "rich")
"""Packages of the development environment that no layer has. Where they are, httpx imports its own command line."""

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def measure() -> dict[str, float]:
    """Both, each side in turn, so that a busy time hits all of them."""
    from benchmarks.archiver import deploy
    from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
    from hookline_local.emulator.moto_server import running_moto

    with running_moto() as aws, _telnyx() as telnyx, tempfile.TemporaryDirectory() as folder:
        settings = {**deploy(aws), "TELNYX_API_BASE_URL": telnyx, "TELNYX_API_KEY": "KEY", "PER_EVENT_ROUTING": "off"}
        settings |= {"HOOKLINE_PATIENCE": "30", "TELNYX_PUBLIC_KEY": DEVELOPMENT_PUBLIC_KEY}
        cold: dict[str, list[float]] = {side: [] for side in SIDES}
        warm: dict[str, list[float]] = {side: [] for side in SIDES}
        for number in range(COLD_ROUNDS + 1):
            for side in SIDES:
                seconds = _run(side, settings, "call.initiated", 1, Path(folder))["whole"]
                if number:  # the first one writes byte code
                    cold[side].append(seconds)
        for _ in range(WARM_ROUNDS):
            for side in SIDES:
                warm[side].append(_run(side, settings, "call.answered", WARM_RUNS, Path(folder))["each"])
    figures = {}
    for kind, seconds_of in (("cold", cold), ("warm", warm)):
        medians = {side: statistics.median(seconds_of[side]) for side in SIDES}
        for side in SIDES:
            print(f"{kind} {side:5} {medians[side] * 1000:8.1f} ms of processor time", flush=True)
        for other in ("sdk", "bare"):
            figures[f"{kind}-{other}"] = medians["ours"] / medians[other]
            print(f"{kind} ours / {other}: {figures[f'{kind}-{other}']:.3f}", flush=True)
    return figures


def _run(side: str, settings: dict[str, str], event_type: str, runs: int, folder: Path) -> dict[str, float]:
    from tests.support.world import request_of, sample_data

    requests = []
    for _ in range(runs):
        data = sample_data(event_type)
        data["id"] = str(uuid.uuid4())
        for name in ("call_leg_id", "call_session_id", "call_control_id"):
            data["payload"][name] = str(uuid.uuid4())
        requests.append(request_of(data))
    (folder / "requests.json").write_text(json.dumps(requests))
    paths = os.pathsep.join(str(PROJECT / path) for path in ("", "functions", "layers/hookline"))
    ran = subprocess.run(
        [sys.executable, __file__, side, event_type, str(folder / "requests.json")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    measured: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return measured


@contextmanager
def _telnyx() -> Iterator[str]:
    """A Telnyx that obeys everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Yes) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v2"
        finally:
            server.shutdown()
            thread.join()


class _Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = b'{"data":{"result":"ok"}}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        self.wfile.write(head.encode() + answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        pass


# From here on: what runs in the process that is measured.


def _ours(event_type: str) -> Handler:
    os.environ["EVENT_TYPE"] = event_type
    from webhook import lambda_handler

    return lambda_handler


def _commands(event_type: str) -> list[tuple[str, dict[str, Any]]]:
    """The commands that both of the others send: as much as ours does."""
    if event_type == "call.initiated":
        return [("answer", {})]
    return [
        (
            "speak",
            {"payload": "Hello.", "voice": "AWS.Polly.Joanna-Neural", "language": "en-US"},
        ),
        ("record_start", {"channels": "dual", "format": "mp3"}),
        ("transcription_start", {"transcription_engine": "Telnyx", "transcription_tracks": "both"}),
    ]


def _appending() -> Callable[[dict[str, Any], str], Any]:
    """DynamoDB as ours uses it: one query before, one conditional write after, both by boto3 itself."""
    import boto3

    client: Any = boto3.client("dynamodb")
    table = os.environ["TABLE_NAME"]

    def read(data: dict[str, Any]) -> None:
        leg = {":p": {"S": f"LEG#{data['payload']['call_leg_id']}"}}
        client.query(TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues=leg)

    def append(data: dict[str, Any], body: str) -> None:
        if not body:
            return read(data)
        item = {
            "pk": {"S": f"LEG#{data['payload']['call_leg_id']}"},
            "sk": {"S": f"EVENT#{data['occurred_at']}#{data['id']}"},
            "body": {"S": body},
        }
        client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        return None

    return append


def _sdk(event_type: str) -> Handler:
    from telnyx import Telnyx

    client = Telnyx(
        api_key=os.environ["TELNYX_API_KEY"],
        public_key=os.environ["TELNYX_PUBLIC_KEY"],
        base_url=os.environ["TELNYX_API_BASE_URL"],
    )
    actions: Any = client.calls.actions
    send = {
        "answer": actions.answer,
        "speak": actions.speak,
        "record_start": actions.start_recording,
        "transcription_start": actions.start_transcription,
    }
    append = _appending()

    def handler(request: dict[str, Any], context: Any) -> dict[str, Any]:
        event: Any = client.webhooks.unwrap(request["body"], headers=request["headers"])
        data = json.loads(request["body"])["data"]
        append(data, "")
        for action, params in _commands(event_type):
            send[action](event.data.payload.call_control_id, command_id=str(uuid.uuid4()), **params)
        append(data, request["body"])
        return {"statusCode": 200, "body": json.dumps({"event": event.data.id})}

    return handler


def _bare(event_type: str) -> Handler:
    from base64 import b64decode

    import httpx
    from nacl.signing import VerifyKey

    key = VerifyKey(b64decode(os.environ["TELNYX_PUBLIC_KEY"]))
    http = httpx.Client(base_url=os.environ["TELNYX_API_BASE_URL"], trust_env=False)
    headers = {"authorization": f"Bearer {os.environ['TELNYX_API_KEY']}"}
    append = _appending()

    def handler(request: dict[str, Any], context: Any) -> dict[str, Any]:
        signed = f"{request['headers']['telnyx-timestamp']}|{request['body']}".encode()
        key.verify(signed, b64decode(request["headers"]["telnyx-signature-ed25519"]))
        data = json.loads(request["body"])["data"]
        append(data, "")
        for action, params in _commands(event_type):
            path = f"/calls/{data['payload']['call_control_id']}/actions/{action}"
            body = {**params, "command_id": str(uuid.uuid4())}
            http.post(path, json=body, headers=headers).raise_for_status()
        append(data, request["body"])
        return {"statusCode": 200, "body": json.dumps({"event": data["id"]})}

    return handler


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 9_000


def run(side: str, event_type: str, path: str) -> None:
    """Answer every request; print the processor time of the process so far, and per request after the first."""
    handler = {"ours": _ours, "sdk": _sdk, "bare": _bare}[side](event_type)
    requests, context = json.loads(Path(path).read_text()), _Context()
    seconds = []
    for request in requests:
        began = process_time()
        answer = handler(request, context)
        seconds.append(process_time() - began)
        assert answer["statusCode"] == 200, answer
        commands = json.loads(answer["body"]).get("commands", [])
        assert all(command.endswith(": accepted") for command in commands), answer
    whole = process_time()
    each = statistics.fmean(seconds[len(seconds) // 3 :])
    print(json.dumps({"whole": whole, "each": each}))


if __name__ == "__main__":
    for package in NOT_DEPLOYED:
        sys.modules[package] = None  # type: ignore[assignment]  # its import fails, as where it is not installed
    run(*sys.argv[1:])
