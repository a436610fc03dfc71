"""hookline_local.stacks.running: the stacks of this machine find each other by small files."""

import os
import tempfile
from pathlib import Path

import pytest

from hookline_local.base.errors import CliError
from hookline_local.stacks.running import CHECKOUT, RunningStack, all_running, announced, doubt, find, folder


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def stack(*, port: int, pid: int | None = None, checkout: str = CHECKOUT) -> RunningStack:
    return RunningStack(
        pid=pid or os.getpid(),
        url=f"http://127.0.0.1:{port}",
        webhook_url=f"http://127.0.0.1:{port}/webhooks",
        telnyx_url=None,
        telnyx_api_base_url="",
        aws_endpoint_url=f"http://127.0.0.1:{port + 1}",
        region="us-east-1",
        table="table",
        bucket="bucket",
        template="template.yaml",
        checkout=checkout,
    )


def test_a_stack_is_found_by_any_of_its_urls_while_it_is_announced() -> None:
    running = stack(port=8080)
    with announced(running):
        assert find() == running
        assert find("http://localhost:8081/anything") == running
        with pytest.raises(CliError, match="no stack is running at"):
            find("http://127.0.0.1:9")
    with pytest.raises(CliError, match="no stack is running"):
        find()


def test_the_file_of_a_killed_stack_is_removed() -> None:
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    with announced(stack(port=8080, pid=dead)):
        assert all_running() == []
        assert not (folder() / f"{dead}.json").exists()


def test_another_checkout_s_stack_is_found_only_where_there_is_none_of_our_own_and_never_silently() -> None:
    ours, newer = stack(port=8080), stack(port=8090, pid=os.getppid(), checkout="/home/elsewhere")
    with announced(newer):
        assert (find(), doubt(newer)) == (newer, "it runs the code in /home/elsewhere")
        with announced(ours):
            os.utime(folder() / f"{ours.pid}.json", (0, 0))
            assert (find(), doubt(ours)) == (ours, "running as well: http://127.0.0.1:8090")
    with announced(ours):
        assert doubt(find()) == ""
