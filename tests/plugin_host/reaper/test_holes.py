"""Takes of several razor areas: one request, one file a take, an item for each area, one undo step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.reaper_project import Item
from punchin_bridge.hosts.compose import order
from punchin_bridge.hosts.protocol import Command, JobView, Placed, Span, Submit
from punchin_bridge.music.tempo_map import Tempo
from punchin_wire.messages import InpaintRequest

from .conftest import RATE, Studio

pytestmark = pytest.mark.slow

FIRST, SECOND = slice(5 * RATE, round(6.5 * RATE)), slice(8 * RATE, 9 * RATE)


RAZORS = {
    "two areas": ('5.0 6.5 "" 8.0 9.0 ""', None),
    "as REAPER 7 lists them": ("", '5.0 6.5,0.0 9.0 "{ENVELOPE}",8.0 9.0 "" 0 0.5,8.2 8.7 "" 0.5 1'),
}


@pytest.mark.parametrize("razor", RAZORS.values(), ids=RAZORS)
def test_razor_areas_of_a_track_are_holes_of_one_request(studio: Studio, razor: tuple[str, str | None]) -> None:
    """The bars between are nobody's."""
    keys = studio.project.track("Keys")
    keys.razor, keys.lane_razor = razor
    studio.project.track("Drums").razor = '1.0 2.0 ""'  # of two tracks, the one that is not the drums
    for title in ("Inpaint selection", "Repeat last"):
        said = studio.submit(title)
        assert (said.region, said.target.name) == (Span(5 * RATE, 9 * RATE), "Keys")
        assert said.holes == (Span(5 * RATE, round(6.5 * RATE)), Span(8 * RATE, 9 * RATE))
        keys.razor, keys.lane_razor = "", None


def test_a_transfer_takes_one_razor_area_at_a_time(studio: Studio) -> None:
    studio.project.track("Keys").razor = '5.0 6.5 "" 8.0 9.0 ""'
    studio.reaper.inputs = ["violin|piano|timbre|2"]
    studio.click("Transfer selection")
    said: list[Submit] = []
    studio.reaper.ticks(lambda: studio.tell() or said.extend(studio.heard(Submit)) or len(said) == 2)
    assert [one.region for one in said] == [Span(5 * RATE, round(6.5 * RATE)), Span(8 * RATE, 9 * RATE)]
    assert [one.holes for one in said] == [(), ()]


def test_areas_that_no_model_hears_together_are_jobs_of_their_own(studio: Studio) -> None:
    studio.project.track("Keys").razor = '1.0 2.0 "" 3.0 4.0 "" 40.0 41.0 ""'
    studio.click("Inpaint selection")
    said: list[Submit] = []
    studio.reaper.ticks(lambda: studio.tell() or said.extend(studio.heard(Submit)) or len(said) == 2)
    assert [one.region for one in said] == [Span(RATE, 4 * RATE), Span(40 * RATE, 41 * RATE)]
    assert [len(one.holes) for one in said] == [2, 0]


def test_holes_are_an_order_for_one_request(studio: Studio, tmp_path: Path) -> None:
    studio.project.track("Keys").razor = '5.0 6.5 "" 8.0 9.0 ""'
    made = order(studio.submit(), 7, tmp_path)
    assert isinstance(made.request, InpaintRequest)
    assert [(hole.start, hole.end) for hole in made.holes] == [(5 * RATE, round(6.5 * RATE)), (8 * RATE, 9 * RATE)]
    assert len(made.request.holes) == 2
    assert made.scene == "5.000-6.500s+8.000-9.000s"


def placed(studio: Studio) -> JobView:
    studio.project.track("Keys").razor = '5.0 6.5 "" 8.0 9.0 ""'
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    return view


def punched(studio: Studio) -> list[Item]:
    items = sorted(studio.project.track("Keys").items, key=lambda item: item.start)
    return [item for item in items if any(take.name.startswith("Punchin") for take in item.takes)]


def test_takes_of_two_areas_leave_the_bars_between(studio: Studio) -> None:
    before = studio.sound()
    take = soundfile.read(placed(studio).takes[0].path, dtype="float32")[0]
    after = studio.sound()
    for hole in (FIRST, SECOND):
        there = take[hole.start - FIRST.start : hole.stop - FIRST.start]
        assert np.array_equal(after[hole].astype(np.float32), there)
    changed = np.flatnonzero(np.any(after != before, axis=1))
    assert np.array_equal(changed, np.concatenate([np.arange(hole.start, hole.stop) for hole in (FIRST, SECOND)]))
    assert len(studio.reaper.undos[0]) == 1
    studio.reaper.undo()
    assert np.array_equal(studio.sound(), before)
    assert len(studio.project.track("Keys").items) == 1


def test_another_take_is_shown_in_all_areas_or_in_the_one_that_is_selected(studio: Studio) -> None:
    placed(studio)
    studio.click("Next take")
    studio.reaper.ticks(lambda: len(studio.reaper.undos[0]) == 2)
    assert [item.active for item in punched(studio)] == [2, 2]
    punched(studio)[1].selected = True
    studio.click("Previous take")
    studio.reaper.ticks(lambda: len(studio.reaper.undos[0]) == 3)
    assert [item.active for item in punched(studio)] == [2, 1]
    punched(studio)[1].selected = False
    assert studio.asked(Command("keep", "commit")) == ""
    assert [[take.name for take in item.takes] for item in punched(studio)] == [["Punchin 2"], ["Punchin 1"]]


def test_areas_made_anew_lie_on_their_bars(studio: Studio) -> None:
    """The tempo was edited meanwhile."""
    studio.project.track("Keys").razor = '5.0 6.5 "" 8.0 9.0 ""'
    first = studio.submit()
    quarters = [studio.project.map.quarters(edge / RATE) for hole in first.holes for edge in (hole.start, hole.end)]
    studio.project.tempos = (Tempo(0.0, 120.0), Tempo(8.0, 100.0))
    studio.ready(first)
    studio.press("Make them anew")
    again = studio.hear(Submit)
    wanted = [studio.project.map.sample(quarter, RATE) for quarter in quarters]
    assert [edge for hole in again.holes for edge in (hole.start, hole.end)] == wanted
    assert (again.region.start, again.region.end) == (wanted[0], wanted[-1])


def test_an_area_where_takes_cannot_stand_is_said_before_anything_is_read(studio: Studio) -> None:
    studio.project.track("Keys").razor = '5.0 6.5 "" 8.0 9.0 ""'
    right = studio.project.track("Keys").items[0].split(7.0)
    assert right is not None
    right.info["C_LOCK"] = 1.0
    studio.project.track("Keys").items.append(right)
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert "locked" in studio.reaper.said[0]
