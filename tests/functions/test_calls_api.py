"""The calls API, by its routes: what it answers about calls, to whom, and at what cost."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.client
import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from hookline.api.operations import OPERATIONS
from hookline.api.query import cursor_of
from hookline_local.emulator.template import load_template
from tests.support.calls_api import CallsApi
from tests.support.world import PROJECT, Clock, World, handler, refused, request_of, sample_data, start_cold

CALLER, LINE = "+12025550101", "+12025550199"
TODAY = datetime.now(UTC).strftime("%Y-%m-%d")


@pytest.fixture
def api(world: World) -> CallsApi:
    return CallsApi(world.template)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The name of every DynamoDB request from here on, and how many items it answered."""
    calls: list[tuple[str, int]] = []
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def note(self: Any, operation: str, arguments: Any) -> Any:
        answer = send(self, operation, arguments)
        if self.meta.service_model.service_name == "dynamodb":
            calls.append((operation, len(answer.get("Items", []))))
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", note)
    return calls


class Line:
    """A caller whose webhooks are delivered one after the other, a second apart."""

    def __init__(self, leg: str, session: str, *, at: datetime | None = None, caller: str = CALLER) -> None:
        self.caller = caller
        self.leg, self.session, self.control = leg, session, f"v3:{leg}"
        self.at = at or datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)

    def event(self, event_type: str, event_id: str = "", *, occurred_at: datetime | None = None, **payload: Any) -> str:
        """Deliver an event; its id."""
        self.at += timedelta(seconds=1)
        data = sample_data(event_type)
        data["id"] = event_id or str(uuid.uuid4())
        data["occurred_at"] = (occurred_at or self.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ids = {"call_leg_id": self.leg, "call_session_id": self.session, "call_control_id": self.control}
        numbers = {name: value for name, value in {"from": self.caller, "to": LINE}.items() if name in data["payload"]}
        data["payload"] |= {**ids, **numbers, **payload}
        answer = handler(event_type)(request_of(data, age=10), Clock())
        assert answer["statusCode"] == 200
        return str(data["id"])


def incoming(name: str, *, at: datetime | None = None, caller: str = CALLER) -> Line:
    line = Line(f"leg-{name}", f"session-{name}", at=at, caller=caller)
    line.event("call.initiated", direction="incoming")
    return line


# Lists


def test_the_calls_of_today_come_newest_first_each_once(world: World, api: CallsApi) -> None:
    incoming("one").event("call.answered")
    line = incoming("two")
    line.event("call.hangup")
    first = Line("leg-three", "session-three", at=datetime.now(UTC).replace(hour=0, minute=1, second=0))
    first.event("call.initiated", direction="incoming")
    found = api.get("/calls").json()
    assert [call["call_leg_id"] for call in found["calls"]] == ["leg-three", "leg-two", "leg-one"]
    assert [call["status"] for call in found["calls"]] == ["ringing", "ended", "answered"]
    assert found["calls"][0]["from"] == CALLER
    assert (found["day"], found["next"]) == (TODAY, None)


def test_a_call_is_listed_also_after_its_recording_was_saved(world: World, api: CallsApi) -> None:
    line = incoming("recorded")
    line.event("call.hangup")
    line.event("call.recording.saved")
    other = incoming("other")
    other.event("call.recording.saved")
    for query in ({}, {"day": TODAY}, {"number": CALLER}, {"status": "ended"}):
        found = {call["call_leg_id"] for call in api.get("/calls", query).json()["calls"]}
        assert found == ({"leg-recorded"} if "status" in query else {"leg-recorded", "leg-other"})


def test_a_list_is_continued_from_its_cursor_without_a_gap_and_without_a_call_twice(
    world: World, api: CallsApi
) -> None:
    start = datetime.now(UTC).replace(hour=0, minute=0, second=1)
    lines = [incoming(f"{number:02}", at=start + timedelta(seconds=number)) for number in range(7)]
    for line in lines:  # so that the events of one call lie on both sides of a page
        line.event("call.answered", occurred_at=line.at + timedelta(seconds=3))
    for query in ({}, {"number": CALLER}, {"number": LINE, "day": TODAY}):
        found: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(9):
            page = api.get("/calls", {"limit": "2", **query, **cursor}).json()
            found += [call["call_leg_id"] for call in page["calls"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == [f"leg-{number:02}" for number in reversed(range(7))]


def test_a_cursor_continues_its_own_list_alone(world: World, api: CallsApi) -> None:
    for number in range(3):
        incoming(f"{number}")
    asked = {"number": LINE, "day": TODAY, "limit": "1"}
    cursor = api.get("/calls", asked).json()["next"]
    assert len(api.get("/calls", {**asked, "cursor": cursor}).json()["calls"]) == 1
    others: tuple[dict[str, str], ...] = (
        {"day": "2020-01-01"},
        {"number": CALLER},
        {"status": "ended"},
        {"trouble": "true"},
    )
    for other in others:
        assert api.get("/calls", {**asked, **other, "cursor": cursor}).problem == "invalid-parameter"
    forged = {"day": TODAY, "of": [LINE, False, None, None, None], "after": {"by_to": ["2020-01-01T", "LEG#x", "y"]}}
    assert api.get("/calls", {**asked, "cursor": cursor_of(forged)}).problem == "invalid-parameter"


def test_a_list_is_filtered(world: World, api: CallsApi) -> None:
    incoming("ringing")
    ended = incoming("ended", caller="+12025550177")
    ended.event("call.hangup")
    world.replies = lambda request: refused(422, "90099") if b"speak" in request.url.raw_path else httpx.Response(200)
    trouble = incoming("trouble")
    trouble.event("call.answered")

    def legs(**query: str) -> set[str]:
        return {call["call_leg_id"].removeprefix("leg-") for call in api.get("/calls", query).json()["calls"]}

    assert legs(status="ended") == {"ended"}
    assert legs(number="+12025550177") == {"ended"}
    assert legs(number="+12025550177", direction="outgoing") == set()
    assert legs(direction="incoming") == {"ringing", "ended", "trouble"}
    assert legs(trouble="true") == {"trouble"}
    assert legs(flow="reception") == {"ringing", "trouble", "ended"}
    assert legs(flow="another") == set()
    assert legs(day="2020-01-01") == set()


@pytest.mark.parametrize("part", ["timeline", "transcript"])
def test_a_wrong_parameter_of_a_call_is_refused_too(world: World, api: CallsApi, part: str) -> None:
    path = f"/calls/{incoming('one').leg}/{part}"
    assert api.get(path).status == 200
    assert api.get(path, {"limit": "0"}).problem == "invalid-parameter"


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"day": "yesterday"}, ["?day"]),
        ({"day": "1999-01-01"}, ["?day"]),
        ({"status": "busy", "direction": "up"}, ["?direction", "?status"]),
        ({"limit": "0"}, ["?limit"]),
        ({"limit": "1e9"}, ["?limit"]),
        ({"cursor": "abc"}, ["?cursor"]),
        ({"cursor": "bnVsbA"}, ["?cursor"]),
        ({"sort": "name"}, ["?sort"]),
        ({"number": "'; drop"}, ["?number"]),
        ({"flow": "../x"}, ["?flow"]),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(api: CallsApi, query: dict[str, str], pointers: list[str]) -> None:
    answer = api.get("/calls", query)
    assert (answer.status, answer.problem) == (422, "invalid-parameter")
    assert sorted(fault["pointer"] for fault in answer.json()["errors"]) == pointers


# One call


@pytest.mark.parametrize("by", ["leg-one", "session-one", "v3:leg-one", "last"])
def test_a_call_is_found_by_each_of_its_ids_and_as_the_last(world: World, api: CallsApi, by: str) -> None:
    line = incoming("one")
    line.event("call.answered")
    other = Line("leg-two", "session-one", at=line.at - timedelta(hours=0, seconds=1))
    other.event("call.hangup", occurred_at=line.at - timedelta(seconds=1), direction="outgoing")
    found = api.get(f"/calls/{by}").json()
    assert found["call"]["call_leg_id"] in ("leg-one", "leg-two")
    if by != "session-one":
        assert (found["call"]["call_leg_id"], found["call"]["status"]) == ("leg-one", "answered")
    assert set(found["legs"]) == {"leg-one", "leg-two"}


def test_a_call_shows_what_runs_on_it(world: World, api: CallsApi) -> None:
    line = incoming("one")
    line.event("call.answered")
    assert api.get("/calls/leg-one").json()["running"] | {"audio": None} == {
        "recording": "on",
        "transcription": True,
        "audio": None,
        "gathering": False,
        "streaming": False,
        "forking": False,
    }
    line.event("call.speak.started")
    line.event("call.dtmf.received", digit="1")
    running = api.get("/calls/leg-one").json()["running"]
    assert (running["recording"], running["transcription"], running["audio"]) == ("paused", False, "speak")
    line.event("call.hangup")
    ended = api.get("/calls/leg-one").json()
    assert (ended["call"]["status"], ended["running"]["recording"]) == ("ended", "off")


@pytest.mark.parametrize("path", ["/calls/x", "/calls/x/timeline", "/calls/x/transcript", "/calls/x/recordings"])
def test_an_unknown_call_is_404(world: World, api: CallsApi, path: str) -> None:
    incoming("one")
    assert (api.get(path).status, api.get(path).problem) == (404, "call-not-found")
    assert api.get(path.replace("x", "%00")).problem == "call-not-found"


def test_nothing_of_another_call_is_shown(world: World, api: CallsApi) -> None:
    incoming("one").event("call.answered")
    incoming("two", caller="+12025550177").event("call.transcription")
    for path in ("", "/timeline", "/transcript", "/recordings"):
        body = api.get(f"/calls/leg-one{path}").body.decode()
        assert not [text for text in ("two", "50177") if text in body]


# Timeline


def test_the_timeline_is_read_page_by_page_in_order_with_the_commands(world: World, api: CallsApi) -> None:
    line = incoming("one")
    ids = [line.event("call.answered")]
    for digit in "12*":
        ids += [line.event("call.dtmf.received", digit=digit), line.event("call.speak.started")]
    ids.append(line.event("call.hangup"))
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = api.get("/calls/leg-one/timeline", {"limit": "2", **cursor}).json()
        found += page["entries"]
        cursor = {"after": page["cursor"]}
        if not page["more"]:
            break
    assert [entry["id"] for entry in found][1:] == ids
    assert [entry["occurred_at"] for entry in found] == sorted(entry["occurred_at"] for entry in found)
    assert [command["action"] for command in found[1]["commands"]] == ["speak", "record_start", "transcription_start"]


def test_an_unchanged_answer_is_304_and_a_changed_one_is_not(world: World, api: CallsApi) -> None:
    line = incoming("one")
    for path in ("/calls", "/calls/leg-one", "/calls/leg-one/timeline", "/calls/leg-one/transcript"):
        first = api.get(path)
        again = api.get(path, if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
    tag = api.get("/calls/leg-one/timeline").headers["etag"]
    line.event("call.answered")
    assert api.get("/calls/leg-one/timeline", if_none_match=tag).status == 200


def test_an_event_that_comes_late_changes_the_page_it_belongs_to(world: World, api: CallsApi) -> None:
    line = incoming("one")
    line.event("call.hangup", occurred_at=line.at + timedelta(seconds=60))
    tag = api.get("/calls/leg-one/timeline").headers["etag"]
    late = line.event("call.speak.started")
    page = api.get("/calls/leg-one/timeline", if_none_match=tag).json()
    assert [entry["id"] for entry in page["entries"]][1] == late


# Transcript


def transcribed(line: Line, text: str, track: str = "inbound") -> None:
    data = {"transcript": text, "confidence": 0.9, "is_final": True, "transcription_track": track}
    line.event("call.transcription", transcription_data=data)


def test_a_transcript_is_json_text_or_subtitles_as_the_client_accepts(world: World, api: CallsApi) -> None:
    line = incoming("one")
    line.event("call.answered")
    transcribed(line, "I --> <b>you</b> & me")
    transcribed(line, "Certainly.", "outbound")
    path = "/calls/leg-one/transcript"
    segments = api.get(path).json()["segments"]
    assert [segment["text"] for segment in segments] == ["I --> <b>you</b> & me", "Certainly."]
    text = api.get(path, accept="text/plain")
    assert text.body.decode().splitlines()[1] == "00:00:02  line  Certainly."
    vtt = api.get(path, accept="text/vtt;q=0.9, image/png").body.decode()
    assert vtt.startswith(
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v caller>I --&gt; &lt;b&gt;you&lt;/b&gt; &amp; me\n"
    )
    assert api.get(path, accept="application/xml").problem == "not-acceptable"
    assert api.get(path, accept="text/*").headers["content-type"].startswith("text/plain")
    assert api.get(path, accept="*/*, application/json;q=0").headers["content-type"].startswith("text/plain")
    assert api.get(path, accept="application/json;q=0").problem == "not-acceptable"


@pytest.mark.parametrize("media_type", ["text/plain", "text/vtt", "application/json"])
def test_half_a_character_and_controls_of_a_speaker_end_no_transcript(
    media_type: str, world: World, api: CallsApi
) -> None:
    line = incoming("one")
    line.event("call.answered")
    transcribed(line, "tickets \ud83d \x1b[2J\x9b1m\u202e\u200b")
    body = api.get("/calls/leg-one/transcript", accept=media_type).body.decode()
    assert "tickets" in body
    assert media_type == "application/json" or not set("\x1b\x9b\u202e\u200b") & set(body)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_a_number_that_json_cannot_write_is_null(number: str, world: World, api: CallsApi) -> None:
    line = incoming("one")
    line.event("call.answered", quality=float(number), inside=[{"rate": float(number)}])
    timeline = api.get("/calls/leg-one/timeline").body.decode()
    (answered,) = [entry for entry in json.loads(timeline)["entries"] if entry["event_type"] == "call.answered"]
    assert (answered["payload"]["quality"], answered["payload"]["inside"]) == (None, [{"rate": None}])
    assert "NaN" not in timeline
    assert "Infinity" not in timeline


# Cost


def test_the_state_of_a_very_long_call_reads_no_more_than_a_page(
    world: World, api: CallsApi, reads: list[tuple[str, int]]
) -> None:
    line = incoming("one")
    (item,) = world.dynamodb.scan(TableName=world.settings["TABLE_NAME"])["Items"]
    for number in range(600):
        sk = {"S": f"KEY#7973-90-98T85:96:91.{number:06}Z#key-{number}"}
        copy = item | {"sk": sk, "event_id": {"S": f"key-{number}"}, "event_type": {"S": "call.dtmf.received"}}
        copy["body"] = {"S": json.dumps({"data": {**sample_data("call.dtmf.received"), "id": f"key-{number}"}})}
        copy.pop("day", None)
        world.dynamodb.put_item(TableName=world.settings["TABLE_NAME"], Item=copy)
    line.event("call.answered")
    for path, most in (("", 400), ("/timeline", 900), ("/transcript", 400)):
        reads.clear()
        assert api.get(f"/calls/leg-one{path}").status == 200
        assert len(reads) <= 12
        assert sum(items for _, items in reads) <= most


# Who may


def test_every_operation_has_its_route_and_its_scope_in_the_template() -> None:
    given = {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"}
    token = {"CallsApi": "token", "CallsApiIssuer": "https://id.example.com", "CallsApiAudience": "desk"}
    for parameters in (given, given | token):
        template = load_template(PROJECT / "template.yaml", parameters)
        routes = [template.properties(name) for name in template.resources("AWS::ApiGatewayV2::Route")]
        assert {route["RouteKey"] for route in routes} == set(OPERATIONS)
        for route in routes:
            scopes = [f"hookline/{OPERATIONS[route['RouteKey']].scope}"]
            by_token = parameters is not given
            assert route["AuthorizationType"] == ("JWT" if by_token else "AWS_IAM")
            assert route.get("AuthorizationScopes") == (scopes if by_token else None)
    off = load_template(PROJECT / "template.yaml", given | {"CallsApi": "off"})
    assert not off.private_routes()
    assert "CallsApiFunction" not in off.functions()


def test_without_an_authorizer_nothing_is_answered_but_on_a_laptop(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming("one")
    monkeypatch.setenv("AWS_SAM_LOCAL", "false")
    start_cold(world)
    assert api.get("/calls").problem == "not-authorized"
    api.authorizer = {"iam": {"userArn": "arn:aws:iam::123456789012:user/operator"}}
    assert api.get("/calls").status == 200


def test_a_token_without_the_scope_is_refused_with_the_name_of_the_scope(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming("one")
    monkeypatch.setenv("CALLS_API_SCOPE_PREFIX", "hookline/")
    start_cold(world)
    claims = {"iss": "https://id.example.com", "sub": "ann"}
    api.authorizer = {"jwt": {"claims": claims, "scopes": ["hookline/listen"]}}
    answer = api.get("/calls")
    assert (answer.problem, answer.json()["detail"]) == ("scope-missing", "listCalls needs the scope hookline/read")
    api.authorizer = {"jwt": {"claims": {**claims, "scope": "openid hookline/read"}}}
    assert api.get("/calls").status == 200


def test_a_journal_that_is_away_is_503_with_a_time_to_try_again(
    world: World, api: CallsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Any, operation: str, arguments: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", away)
    answer = api.get("/calls")
    assert (answer.problem, answer.headers["retry-after"]) == ("dependency-unavailable", "2")
