"""Plays a recording with a player of this machine."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from hookline_local.base.errors import UNAVAILABLE, CliError
from hookline_local.cli.recordings_download import download, link_of
from hookline_local.cli.screen import Screen
from hookline_local.stacks.resources import StackResources

PLAYERS = {
    "afplay": (),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
    "play": ("-q",),
    "aplay": ("-q",),
}
"""macOS; FFmpeg; SoX; ALSA. Each with what lets it play one file and end."""

ONLY_WAV = ("aplay",)


def play_recording(resources: StackResources, any_id: str, screen: Screen) -> None:
    """Play a recording to its end. Raises CliError."""
    save = f"Install one, or save the recording: hookline recordings get {any_id}"
    if not any(map(shutil.which, PLAYERS)):
        raise CliError(f"no player is installed: {', '.join(PLAYERS)}", save, code=UNAVAILABLE)
    link = link_of(resources, any_id)
    player = _player(link.file_name)
    if player is None:
        raise CliError(f"no player for {Path(link.file_name).suffix} is installed", save, code=UNAVAILABLE)
    with tempfile.TemporaryDirectory(prefix="hookline-") as folder:
        path = Path(folder) / link.file_name
        download(link, path, trust_env=resources.endpoint_url is None, on_bytes=lambda count: None)
        screen.unwrapped(link.file_name)
        ended = subprocess.run([player, *PLAYERS[player], str(path)], check=False, stdout=subprocess.DEVNULL)
    if ended.returncode:
        raise CliError(f"{player} ended with {ended.returncode}", f"Save it: hookline recordings get {any_id}")
    screen.document({"file_name": link.file_name, "player": player})


def _player(file_name: str) -> str | None:
    """The first that is installed and plays such a file."""
    fitting = (name for name in PLAYERS if name not in ONLY_WAV or file_name.endswith(".wav"))
    return next(filter(shutil.which, fitting), None)
