"""A model pack that is wanted in a real Ardour: seen, its licence accepted, fetched from a fake of its source."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fakes import sources as fakes
from fakes.bridge import bridge
from fakes.harness import until
from hosts.studio import Studio, make_song, studio
from punchin_server.conditioning.render import default_soundfont

pytestmark = [pytest.mark.e2e, pytest.mark.host]

NAME = "a-font"
"""The first in the alphabet, as the dialog has what it can do."""
LIST = "Punchin: model packs"


def get(song: Studio) -> None:
    """Choose the first thing that can be done: open the menu of what can be done, and take its first entry."""
    song.click("packs")
    window = song.ardour.dialog(LIST, 30)
    place = dict(line.split("=") for line in song.ardour.xdotool("getwindowgeometry", "--shell", window).split())
    menu = (int(place["WIDTH"]) - 150, int(place["HEIGHT"]) - 60)
    song.ardour.xdotool("mousemove", "--window", window, *menu, "click", 1)
    time.sleep(0.5)  # until the menu is open
    song.ardour.xdotool("key", "Home")
    song.ardour.xdotool("key", "Return")
    time.sleep(0.3)
    song.ardour.confirm(LIST)


def test_a_pack_is_accepted_and_fetched(home: Path, display: str, tmp_path: Path) -> None:
    with fakes.running() as sources:
        fakes.publish_soundfont(sources, default_soundfont().read_bytes(), tmp_path / "catalog", NAME)
        env = {"PUNCHIN_CATALOG": str(tmp_path / "catalog"), "HF_HOME": str(home / "hf")} | sources.env()
        with (
            bridge(home, env=env),
            studio(tmp_path / "own", make_song(tmp_path / "song", 48_000), home, display) as song,
        ):
            get(song)
            song.ardour.dialog("^Punchin$", 30)
            time.sleep(0.6)  # it is read
            assert sources.served == 0
            song.ardour.confirm("^Punchin$")
            pack = home / "data" / "packs" / NAME / "font.sf2"
            until(pack.is_file, 60)
            until(lambda: "a-font is here" in " ".join(song.progress()), 30)
            assert pack.read_bytes() == sources.plain["font.sf2"]
