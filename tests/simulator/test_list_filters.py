"""Lists of the simulator: each filter of the official SDK is applied, or refused by name; none is ignored."""

import typing
from collections.abc import Iterator
from typing import Any

import pytest
import telnyx
import typing_extensions
from telnyx import Telnyx
from telnyx.types import (
    call_control_application_list_params,
    call_event_list_params,
    recording_list_params,
    recording_transcription_list_params,
    webhook_delivery_list_params,
)

from hookline_local.simulator import SimulatorInThread
from tests.support.flow_server import KEY, CallApplication, answered_call, app_and_telnyx

LISTS: dict[str, Any] = {
    "recordings": recording_list_params.Filter,
    "recording_transcriptions": recording_transcription_list_params.Filter,
    "webhook_deliveries": webhook_delivery_list_params.Filter,
    "call_events": call_event_list_params.Filter,
    "call_control_applications": call_control_application_list_params.Filter,
}


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[CallApplication, SimulatorInThread, dict[str, Any]]]:
    """A call that was recorded, and its recording."""
    with app_and_telnyx() as (app, telnyx_):
        leg = answered_call(app, telnyx_)
        app.send(leg.call_control_id, "record_start", channels="single", format="wav")
        app.send(leg.call_control_id, "hangup")
        app.wait_for("call.recording.saved")
        telnyx_.settle(leg)
        (recording,) = app.request("GET", "/recordings").json()["data"]
        yield app, telnyx_, recording


def names(filter_type: Any) -> Iterator[tuple[str, Any]]:
    """The name of each filter on the wire, and its type."""
    for name, hint in typing.get_type_hints(filter_type, include_extras=True).items():
        notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        wire = next((note.alias for note in notes if getattr(note, "alias", None)), name)
        if typing_extensions.is_typeddict(hint):
            yield from ((f"{wire}][{key}", key) for key in typing.get_type_hints(hint))
        else:
            yield wire, None


@pytest.mark.parametrize(
    "path, name", [(path, name) for path, filter_type in LISTS.items() for name, _ in names(filter_type)]
)
def test_a_filter_of_the_sdk_is_applied_or_refused_by_name(
    recorded: tuple[CallApplication, SimulatorInThread, dict[str, Any]], path: str, name: str
) -> None:
    """A value that nothing has (or a time after everything) leaves nothing; so the filter was not ignored."""
    app, _, _ = recorded
    value = "1970-01-01T00:00:00Z" if name.endswith(("[lte", "[lt", "[eq")) else "2999-01-01T00:00:00Z"
    answer = app.request("GET", f"/{path}?filter[{name}]={value}")
    if answer.status_code == 200:
        assert answer.json()["data"] == []
    else:
        (error,) = answer.json()["errors"]
        assert error["code"] == "not_simulated"
        assert name.partition("]")[0] in error["detail"]


def test_an_unknown_filter_is_refused(
    recorded: tuple[CallApplication, SimulatorInThread, dict[str, Any]],
) -> None:
    app, _, _ = recorded
    answer = app.request("GET", "/recordings?filter[call_legs]=x")
    assert answer.json()["errors"][0]["code"] == "not_simulated"
    assert app.request("GET", "/recordings?filter[created_at][gte]=yesterday").json()["errors"][0]["code"] == "10015"


def test_the_sdk_finds_a_recording_by_times_of_any_offset(
    recorded: tuple[CallApplication, SimulatorInThread, dict[str, Any]],
) -> None:
    _, simulator, recording = recorded
    same = recording["created_at"].removesuffix("Z").removesuffix("+00:00")
    with Telnyx(api_key=KEY, base_url=simulator.api_base_url, max_retries=0) as client:
        for zone in ("+00:00", "Z", ""):
            assert len(list(client.recordings.list(filter={"created_at": {"gte": f"{same}{zone}"}}))) == 1
        assert list(client.recordings.list(filter={"created_at": {"gte": f"{same}-01:00"}})) == []  # an hour later
        assert len(list(client.recordings.list(filter={"created_at": {"gte": f"{same}+01:00"}}))) == 1
        assert list(client.recordings.list(filter={"created_at": {"lte": f"{same}+01:00"}})) == []
        assert len(list(client.call_events.list(filter={"connection_id": recording["connection_id"]}))) > 1
        assert list(client.call_events.list(filter={"connection_id": "other"})) == []
        assert len(list(client.call_events.list(filter={"name": "call.initiated", "to": recording["to"]}))) == 1
        with pytest.raises(telnyx.UnprocessableEntityError, match="failed"):
            client.call_events.list(filter={"failed": True})


def test_applications_are_found_by_a_part_of_their_name_and_sorted(
    recorded: tuple[CallApplication, SimulatorInThread, dict[str, Any]],
) -> None:
    _, simulator, _ = recorded
    with Telnyx(api_key=KEY, base_url=simulator.api_base_url, max_retries=0) as client:
        client.call_control_applications.create(application_name="a desk", webhook_event_url="https://x.test")
        (found,) = client.call_control_applications.list(filter={"application_name": {"contains": "desk"}})
        assert found.application_name == "a desk"
        names = [each.application_name for each in client.call_control_applications.list(sort="connection_name")]
        assert names == sorted(names, key=str)


def test_the_answer_to_a_deletion_of_recordings_is_the_sdk_s(
    recorded: tuple[CallApplication, SimulatorInThread, dict[str, Any]],
) -> None:
    _, simulator, _ = recorded
    with Telnyx(api_key=KEY, base_url=simulator.api_base_url, max_retries=0) as client:
        assert client.recordings.actions.delete(ids=["unknown"]).status == "ok"
