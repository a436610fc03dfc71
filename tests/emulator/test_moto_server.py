"""hookline_local.emulator.moto_server for code that is not asynchronous."""

import httpx

from hookline_local.emulator.moto_server import running_moto


def test_moto_runs_for_the_block() -> None:
    with running_moto() as url:
        assert httpx.get(f"{url}/moto-api/data.json").status_code == 200
    try:
        httpx.get(url)
    except httpx.ConnectError:
        return
    raise AssertionError("moto is still running")
