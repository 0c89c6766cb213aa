"""A pack that is wanted in REAPER: the scripts, the bridge, the server's program and a fake of the pack's source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import sources as fakes
from fakes.bridge import RunningBridge, bridge
from fakes.reaper import Reaper
from fakes.reaper_song import song
from fakes.sources import Sources
from punchin_bridge.hosts.installers import install, reaper

pytestmark = pytest.mark.e2e

NAME = "font"


@pytest.fixture
def sources() -> Iterator[Sources]:
    with fakes.running() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, sources: Sources) -> Path:
    """A computer whose catalog has one pack, a soundfont, which loads no model."""
    fakes.publish_soundfont(sources, _soundfont(), tmp_path / "catalog", NAME)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _soundfont() -> bytes:
    from punchin_server.conditioning.render import default_soundfont

    return default_soundfont().read_bytes()


@pytest.fixture
def running(home: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBridge]:
    for name in ("PUNCHIN_PACKS", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    env = {"PUNCHIN_CATALOG": str(home.parent / "catalog"), "HF_HOME": str(home / "hf")}
    with bridge(home, env=env | sources.env()) as found:
        yield found


class Desk:
    """REAPER with our scripts, and whoever sits before it."""

    def __init__(self, folder: Path, spool: Path) -> None:
        resources = folder / "REAPER"
        resources.mkdir()
        install.install(reaper.INSTALLER, (resources,), install.Config(spool, ("true",)))
        self.scripts = resources / reaper.FOLDER
        self.reaper = Reaper(resources, [song(folder / "Song")], has_imgui=True)

    def click(self, title: str) -> None:
        self.reaper.run(self.scripts / f"Punchin_{title}.lua")

    def until(self, found: Callable[[], object]) -> None:
        self.reaper.ticks(found, 90.0)

    def says(self, text: str) -> None:
        self.until(lambda: text in self.reaper.window())

    def press(self, caption: str) -> None:
        self.until(lambda: caption in self.reaper.screen.texts)
        self.reaper.press(caption)
        self.reaper.tick()

    def get(self) -> None:
        """Ask for the one pack that is not here."""
        self.click("Model packs")
        self.says(f"{NAME}: mini")
        self.reaper.screen.press("Get", f"pack {NAME}")
        self.reaper.tick()


def test_a_pack_is_accepted_stopped_gone_on_with_and_here(
    running: RunningBridge, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "data"))
    size = len(sources.plain["font.sf2"])
    sources.faults.rate = size / 30
    desk = Desk(tmp_path, running.spool)
    desk.get()
    desk.says("Do you accept CC-BY-NC-4.0 for font?")
    assert "NON-COMMERCIAL" in desk.reaper.window()
    assert "https://example.org/licence" in desk.reaper.window()
    assert sources.served == 0
    desk.reaper.skip(1.0)  # it is read
    desk.press("I accept")
    desk.says(" % · ")
    desk.until(lambda: sources.served > size / 10)
    desk.press("Stop")
    desk.says("font is not whole; what came is kept.")
    desk.press("OK")

    sources.faults.rate = None
    desk.get()  # what was accepted is not asked again
    desk.says("font is here. It is among the model packs now.")
    assert (running.home / "data" / "packs" / NAME / "font.sf2").read_bytes() == sources.plain["font.sf2"]
    assert sources.served < 1.5 * size
    desk.press("OK")
    desk.click("Model packs")
    desk.says("font: is here · mini · CC-BY-NC-4.0")
    desk.reaper.quit()
    assert desk.reaper.console == []
