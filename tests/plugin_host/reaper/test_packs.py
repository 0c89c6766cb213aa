"""Model packs in REAPER: seen, fetched under licences that were accepted one by one, stopped, chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from punchin_bridge.hosts.protocol import ListPacks, PackView, Pull, PullView, StopPull, Terms
from punchin_wire.params import InpaintParams

from .conftest import Studio, _studio

pytestmark = pytest.mark.slow

TINY = PackView("tiny", "here", "", "", ("Apache-2.0",), "", ("inpaint", "transfer"))
AIRGEN = PackView("airgen", "offered", "MusicGen large", "7.7 GB", ("CC-BY-NC-4.0", "none-stated"), "It fits.")
TERMS = (
    Terms("CC-BY-NC-4.0", "CC-BY-NC-4.0: NON-COMMERCIAL use only\n  https://example.org/nc"),
    Terms("none-stated", "NONE STATED: the authors say nothing\n  https://example.org/none"),
)


@pytest.fixture(params=[False, True], ids=["gfx", "imgui"])
def studio(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    yield from _studio(tmp_path, monkeypatch, has_imgui=request.param)


def window(studio: Studio) -> str:
    """What it shows, its lines put together again."""
    studio.reaper.tick()
    return " ".join(studio.reaper.window().split())


def says(studio: Studio, text: str) -> None:
    studio.reaper.ticks(lambda: studio.tell() or text in window(studio))


def opened(studio: Studio, *packs: PackView) -> None:
    studio.click("Model packs")
    studio.hear(ListPacks)
    studio.packs = packs
    says(studio, packs[0].name)


def want(studio: Studio) -> PullView:
    """The musician wants airgen, and the bridge has found what is to be accepted."""
    opened(studio, AIRGEN)
    studio.press("Get")
    assert studio.hear(Pull) == Pull(studio.host, "airgen")
    studio.pull = PullView("p1", "airgen", "asking", "airgen: 7.7 GB to fetch. It fits.", 0.0, TERMS)
    return studio.pull


def accept(studio: Studio, licence: str) -> None:
    """Read what it says, and accept it."""
    says(studio, f"Do you accept {licence} for airgen?")
    studio.reaper.skip(1.0)
    studio.press("I accept")
    studio.reaper.tick()


def test_packs_are_shown_with_size_and_licences(studio: Studio) -> None:
    studio.click("Model packs")
    says(studio, "Looking for model packs.")
    studio.packs = (TINY, AIRGEN, PackView("old", "damaged"))
    says(studio, "old: damaged. Install it again.")
    assert "tiny: is here · Apache-2.0 · chosen for new takes · chosen for transfers" in window(studio)
    assert "airgen: MusicGen large · 7.7 GB · CC-BY-NC-4.0, none-stated · It fits." in window(studio)
    studio.press("Close")
    studio.reaper.ticks(lambda: not studio.reaper.window())


def test_each_licence_is_accepted_by_itself(studio: Studio) -> None:
    want(studio)
    says(studio, "Do you accept CC-BY-NC-4.0 for airgen?")
    assert "NON-COMMERCIAL use only https://example.org/nc" in window(studio)
    accept(studio, "CC-BY-NC-4.0")
    says(studio, "Do you accept that no licence is stated for airgen?")
    assert "https://example.org/none" in window(studio)
    studio.press("I accept")  # the second click of a double click
    studio.reaper.tick()
    assert "that no licence is stated" in window(studio)
    assert studio.heard(Pull) == []
    accept(studio, "that no licence is stated")
    assert studio.hear(Pull) == Pull(studio.host, "airgen", ("CC-BY-NC-4.0", "none-stated"))
    studio.reaper.ticks(lambda: not studio.reaper.window())


def test_what_is_not_accepted_is_not_fetched(studio: Studio) -> None:
    want(studio)
    accept(studio, "CC-BY-NC-4.0")
    says(studio, "no licence is stated")
    studio.press("I do not")
    studio.hear(StopPull)
    studio.reaper.ticks(lambda: studio.tell() or not studio.reaper.window())
    assert studio.heard(Pull) == []


def test_a_pull_is_seen_and_stopped(studio: Studio) -> None:
    want(studio)
    accept(studio, "CC-BY-NC-4.0")
    accept(studio, "that no licence is stated")
    studio.pull = PullView("p2", "airgen", "running", "airgen: 12 % · 3.1 of 14 GB", 0.12)
    says(studio, "airgen: 12 % · 3.1 of 14 GB")
    studio.press("Stop")
    studio.hear(StopPull)
    studio.pull = PullView("p2", "airgen", "stopped", "airgen is not whole; what came is kept.", 0.12)
    says(studio, "airgen is not whole; what came is kept.")
    studio.press("OK")
    studio.reaper.ticks(lambda: studio.tell() or not studio.reaper.window())
    for _ in range(5):
        studio.tell()
        assert window(studio) == ""  # said once


def test_what_came_is_chosen_for_the_next_takes(studio: Studio) -> None:
    opened(studio, AIRGEN)
    studio.press("Get")
    studio.pull = PullView("p1", "airgen", "done", "airgen is here.", 1.0)
    says(studio, "airgen is here. It is among the model packs now.")
    studio.press("OK")
    opened(studio, PackView("airgen", "here", "MusicGen large", "", ("CC-BY-NC-4.0",), "", ("inpaint",)))
    studio.press("For new takes")
    says(studio, "chosen for new takes")
    assert studio.submit().params == InpaintParams(takes=3, pack="airgen")
