"""Takes on REAPER's time line: at the sample, in one undo step, nothing else touched, nothing placed twice."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.reaper import Step
from fakes.reaper_project import Item, audio_item, load, save
from hypothesis import given
from hypothesis import strategies as st
from lupa import lua54
from punchin_bridge.hosts.installers.install import scripts
from punchin_bridge.hosts.protocol import Bye, Command, Drop, Held, Placed
from punchin_bridge.music.tempo_map import Tempo

from .conftest import RATE, Studio, song, write

pytestmark = pytest.mark.slow

START, END = 2 * RATE, 4 * RATE


def test_takes_are_added_where_one_item_plays(studio: Studio) -> None:
    before = studio.sound()
    view = studio.ready(studio.submit())
    placed = studio.hear(Placed)
    assert (placed.job, placed.at) == (view.job, None)
    _, middle, _ = sorted(studio.project.track("Keys").items, key=lambda item: item.start)
    assert [take.name for take in middle.takes] == ["keys", "Punchin 1", "Punchin 2"]
    assert middle.active == 1
    assert round(middle.start * RATE), round(middle.stop * RATE) == (START, END)
    after = studio.sound()
    first = soundfile.read(view.takes[0].path)[0]
    assert np.array_equal(after[START:END].astype(np.float32), first.astype(np.float32))
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    middle.active = 0
    assert np.array_equal(studio.sound(), before)


def test_one_undo_takes_all_away_and_one_redo_brings_it_back(studio: Studio) -> None:
    before = studio.sound()
    studio.ready(studio.submit())
    studio.hear(Placed)
    after = studio.sound()
    assert len(studio.reaper.undos[0]) == 1
    assert studio.reaper.undo() == "Punchin: 2 takes of bars 2-2"
    assert np.array_equal(studio.sound(), before)
    assert len(studio.project.track("Keys").items) == 1
    studio.reaper.redo()
    assert np.array_equal(studio.sound(), after)


@pytest.mark.parametrize("items", [[(0.0, 3.0), (3.0, 7.0)], [(0.0, 2.5)], [(2.5, 1.0)], []])
def test_elsewhere_takes_are_an_item_of_their_own(
    studio: Studio, tmp_path: Path, items: list[tuple[float, float]]
) -> None:
    path = write(tmp_path / "other.wav", 2, seed=8)
    keys = studio.project.track("Keys")
    keys.items = [audio_item(path, start, length) for start, length in items]
    before = studio.sound()
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    after = studio.sound()
    first = soundfile.read(view.takes[0].path)[0]
    assert np.array_equal(after[START:END].astype(np.float32), first.astype(np.float32))
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    for item in studio.project.track("Keys").items:
        item.info["B_MUTE"] = float(any(take.name.startswith("Punchin") for take in item.takes))
    assert np.array_equal(studio.sound(), before)  # the old material is all there


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_the_projects_rate_is_the_takes(studio: Studio, tmp_path: Path, rate: int) -> None:
    studio.reaper.tabs[0] = song(tmp_path / "Fast", rate)
    studio.project.selection = (2.00001, 3.33333)  # no whole samples
    before = studio.sound()
    said = studio.submit()
    view = studio.ready(said)
    studio.hear(Placed)
    start, end = said.region.start, said.region.end
    assert (start, end) == (round(2.00001 * rate), round(3.33333 * rate))
    after = studio.sound()
    assert np.array_equal(after[start:end].astype(np.float32), soundfile.read(view.takes[0].path, dtype="float32")[0])
    assert np.array_equal(after[:start], before[:start])
    assert np.array_equal(after[end:], before[end:])


def test_an_items_volume_does_not_count_twice(studio: Studio) -> None:
    studio.project.track("Keys").items[0].info["D_VOL"] = 0.5
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    assert np.allclose(studio.sound()[START:END], soundfile.read(view.takes[0].path)[0], atol=1e-7)


@pytest.mark.parametrize(
    "info",
    [{"D_FADEOUTLEN": 2.0}, {"D_FADEINLEN": 0.01}, {"D_FADEOUTLEN_AUTO": 0.5}, {"D_VOL": 0.0}, {"D_VOL": 1e-9}],
    ids=repr,
)
def test_what_an_item_does_to_its_sound_is_not_done_to_its_takes(studio: Studio, info: dict[str, float]) -> None:
    """What was heard has it in already: the takes stand as they are, beside the item that keeps its own."""
    keys = studio.project.track("Keys")
    keys.items[0].info |= {"D_POSITION": 2.0, "D_LENGTH": 2.0} | info
    before, kept = studio.sound(), dict(keys.items[0].info)
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    after = studio.sound()
    assert np.array_equal(after[START:END].astype(np.float32), soundfile.read(view.takes[0].path, dtype="float32")[0])
    old, new = keys.items
    assert old.info == kept | {"B_MUTE": 1.0}
    assert all(math.isfinite(take.info["D_VOL"]) for take in new.takes)
    old.info["B_MUTE"], new.info["B_MUTE"] = 0.0, 1.0
    assert np.array_equal(studio.sound(), before)


def test_a_lane_that_does_not_play_is_left_alone(studio: Studio, tmp_path: Path) -> None:
    keys = studio.project.track("Keys")
    keys.lane = 1
    keys.items[0].info["I_FIXEDLANE"] = 1.0
    keys.items.append(audio_item(write(tmp_path / "comp.wav", 2, seed=5), 1.0, 2.0))
    other = dict(keys.items[1].info)
    before = studio.sound()
    studio.ready(studio.submit())
    studio.hear(Placed)
    assert other in [item.info for item in keys.items]
    assert np.array_equal(studio.sound()[:START], before[:START])
    assert [len(item.takes) for item in keys.items if item.info["I_FIXEDLANE"] == 1.0] == [1, 3, 1]
    studio.project.selection = (1.0, 2.0)  # no item alone: the takes get one of their own, in the lane that plays
    keys.items[0].info["D_LENGTH"] = 1.5
    studio.ready(studio.submit())
    studio.hear(Placed)
    [new] = [item for item in keys.items if len(item.takes) == 2]
    assert (round(new.start * RATE), new.info["I_FIXEDLANE"]) == (RATE, 1.0)


def test_where_all_takes_play_none_is_added(studio: Studio) -> None:
    """They would all sound at once."""
    studio.project.track("Keys").items[0].info["B_ALLTAKESPLAY"] = 1.0
    studio.ready(studio.submit())
    studio.hear(Placed)
    assert sorted(len(item.takes) for item in studio.project.track("Keys").items) == [1, 1, 1, 2]


def test_what_is_locked_is_not_cut(studio: Studio) -> None:
    info = studio.project.track("Keys").items[0].info
    info["C_LOCK"] = 1.0
    before = dict(info)
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert "locked" in studio.reaper.said[0]
    assert info == before
    info["C_LOCK"] = 0.0
    said = studio.submit()
    info["C_LOCK"] = 1.0
    studio.ready(said)
    studio.shown("locked")
    studio.press("Where asked")
    for _ in range(2):  # the button goes down, and up again
        studio.reaper.tick()
    assert len(studio.project.track("Keys").items) == 1
    info["C_LOCK"] = 0.0
    studio.press("Where asked")
    assert studio.hear(Placed).job == said.job


@given(sample=st.integers(0, 2**33), rate=st.sampled_from([8_000, 44_100, 48_000, 88_200, 96_000, 192_000]))
def test_a_sample_comes_back_from_its_second_however_it_is_rounded(sample: int, rate: int) -> None:
    source = (scripts() / "reaper/lib/line.lua").read_text(encoding="utf-8")
    start = source.index("function line.second_of")
    function = source[start : source.index("\nend", start) + 4]
    second = lua54.LuaRuntime().execute(f"local line = {{}} {function} return line.second_of")
    found = second(sample, rate)
    assert math.floor(found * rate) == round(found * rate) == sample
    assert round(float(f"{found:.14f}") * rate) == sample  # as REAPER writes it into the project


def test_the_project_file_holds_the_takes(studio: Studio, tmp_path: Path) -> None:
    """Written as `.RPP`, read again: the same sound to the sample."""
    studio.ready(studio.submit())
    studio.hear(Placed)
    path = tmp_path / "song.RPP"
    studio.project.tracks.remove(studio.project.track("Chords"))
    save(studio.project, path)
    before = studio.sound()
    studio.reaper.tabs[0] = load(path)
    assert np.array_equal(studio.sound(), before)
    middle = sorted(studio.project.track("Keys").items, key=lambda item: item.start)[1]
    assert [take.name for take in middle.takes] == ["keys", "Punchin 1", "Punchin 2"]


@pytest.mark.parametrize("what", ["file", "REAPER"])
def test_what_cannot_be_placed_leaves_nothing(studio: Studio, what: str) -> None:
    before = studio.sound()
    view = studio.ready(studio.submit())
    if what == "file":
        Path(view.takes[1].path).unlink()
    studio.reaper.breaks = what == "REAPER"
    studio.reaper.undos[0] = [Step("Theirs", studio.project, studio.project)]
    assert studio.hear(Held).reason.startswith("The takes could not be placed")
    assert [step.name for step in studio.reaper.undos[0]] == ["Theirs"]
    assert len(studio.project.track("Keys").items) == 1
    assert np.array_equal(studio.sound(), before)
    if what == "REAPER":
        studio.reaper.breaks = False
        studio.press("Where asked")
        assert studio.hear(Placed).job == view.job


def test_takes_that_were_undone_do_not_come_again(studio: Studio) -> None:
    """Undone before the bridge has heard that they stood."""
    studio.ready(studio.submit())
    studio.hear(Placed)
    studio.reaper.undo()
    for _ in range(20):
        studio.tell()
        studio.reaper.tick()
    assert len(studio.project.track("Keys").items) == 1


def test_takes_that_stand_are_not_placed_again(studio: Studio) -> None:
    studio.ready(studio.submit())
    studio.hear(Placed)
    items = len(studio.project.track("Keys").items)
    studio.reaper.quit()  # the bridge has not heard of it; REAPER is started again
    studio.heard(Bye)
    studio.click("Next take")
    studio.hear(Placed)
    assert len(studio.project.track("Keys").items) == items
    assert len(studio.reaper.undos[0]) == 2  # the takes, and the choice of the next one


def test_next_and_previous_take_go_round(studio: Studio) -> None:
    studio.ready(studio.submit())
    studio.hear(Placed)

    def shown() -> str:
        item = sorted(studio.project.track("Keys").items, key=lambda item: item.start)[1]
        return item.takes[item.active].name

    names = []
    for title in ("Next take", "Next take", "Next take", "Previous take"):
        studio.click(title)
        studio.reaper.tick()
        names.append(shown())
    assert names == ["Punchin 2", "keys", "Punchin 1", "keys"]


def test_a_second_job_on_the_same_bars_adds_its_takes(studio: Studio) -> None:
    """The first one's split changes nothing of what the second one saw."""
    first, second = studio.submit(), studio.submit("Repeat last")
    studio.ready(first)
    studio.hear(Placed)
    studio.ready(second)
    studio.hear(Placed)
    middle = sorted(studio.project.track("Keys").items, key=lambda item: item.start)[1]
    assert len(middle.takes) == 5
    assert studio.reaper.said == []


def middle_of(studio: Studio) -> Item:
    """The item of the takes."""
    return sorted(studio.project.track("Keys").items, key=lambda item: item.start)[1]


def test_the_take_that_is_kept_stays_alone_until_it_is_undone(studio: Studio) -> None:
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    studio.project.track("Drums").items[0].selected = True
    heard = studio.sound()
    assert studio.asked(Command("keep", "commit")) == ""
    assert [take.name for take in middle_of(studio).takes] == ["Punchin 1"]
    assert np.array_equal(studio.sound(), heard)
    assert all(Path(take.path).is_file() for take in view.takes)
    assert [item.selected for item in studio.project.track("Drums").items] == [True]
    assert not any(item.selected for item in studio.project.track("Keys").items)
    assert studio.asked(Command("gone", "pick", take=1)) == "There are no takes of ours."
    assert studio.reaper.undo() == "Punchin: keep Punchin 1"
    assert len(middle_of(studio).takes) == 3
    assert studio.asked(Command("back", "pick", take=1)) == ""


def test_what_was_kept_is_the_musicians_own(studio: Studio) -> None:
    """A later job on these bars is held when the kept take was moved meanwhile, and its takes lie beside it."""
    studio.ready(studio.submit())
    studio.hear(Placed)
    assert studio.asked(Command("keep", "commit")) == ""
    later = studio.submit()
    middle_of(studio).takes[0].info["D_VOL"] = 0.5
    studio.ready(later)
    assert studio.hear(Held).reason == "What was selected has been edited."


def test_a_take_that_cannot_be_kept_is_said(studio: Studio) -> None:
    studio.submit()
    assert studio.asked(Command("none", "commit")) == "There are no takes of ours."
    studio.ready(studio.submit())
    studio.hear(Placed)
    middle_of(studio).info["C_LOCK"] = 1.0
    steps = len(studio.reaper.undos[0])
    assert "unlock" in studio.asked(Command("locked", "commit"))
    assert len(middle_of(studio).takes) == 3
    assert len(studio.reaper.undos[0]) == steps


# ---- a song that changed under the job -----------------------------------------------------------------------


def test_an_item_that_moved_takes_its_takes_along(studio: Studio) -> None:
    said = studio.submit()
    studio.project.track("Keys").items[0].info["D_POSITION"] = 1.5
    studio.ready(said)
    studio.press("At the new place")
    assert studio.hear(Placed).at == START + round(1.5 * RATE)
    assert [held.reason for held in studio.heard(Held)] == ["What was selected has been moved."]
    assert len(studio.reaper.undos[0]) == 1


def test_an_edited_tempo_moves_takes_to_the_very_sample_late_in_a_long_set(studio: Studio, tmp_path: Path) -> None:
    studio.reaper.tabs[0] = song(tmp_path / "Set", 48_000)
    studio.project.track("Keys").items[0].info["D_POSITION"] = 40_000.0
    studio.project.selection = (40_001.23456, 40_002.5)
    quarter = studio.project.map.quarter_of(round(40_001.23456 * 48_000), 48_000)
    said = studio.submit()
    studio.project.tempos = (*studio.project.tempos[:-1], Tempo(12.0, 91.0))
    studio.ready(said)
    studio.press("At the new place")
    assert studio.hear(Placed).at == studio.project.map.sample(quarter, 48_000)


@pytest.mark.parametrize("what", ["volume", "trimmed", "gone", "tempo", "track"])
def test_an_edited_song_is_never_written_over_unasked(studio: Studio, what: str) -> None:
    said = studio.submit()
    keys = studio.project.track("Keys")
    if what == "volume":
        keys.items[0].info["D_VOL"] = 0.7
    elif what == "trimmed":
        keys.items[0].info["D_LENGTH"] = 3.0
    elif what == "gone":
        keys.items.clear()
    elif what == "tempo":
        studio.project.tempos = (Tempo(0.0, 121.0),)
    else:
        studio.project.tracks.remove(keys)
    before = [(item.guid, dict(item.info)) for track in studio.project.tracks for item in track.items]
    studio.ready(said)
    held = studio.hear(Held)
    studio.shown(held.reason)
    for _ in range(10):
        studio.tell()
        studio.reaper.tick()
    assert [(item.guid, dict(item.info)) for track in studio.project.tracks for item in track.items] == before
    assert studio.heard(Held, Drop) == []
    assert studio.reaper.said == []  # nothing stands in the musician's way
    assert ("Where asked" in studio.reaper.screen.texts) == (what != "track")
    studio.press("Drop them")
    assert studio.hear(Drop).job == said.job
    assert [(item.guid, dict(item.info)) for track in studio.project.tracks for item in track.items] == before


def test_takes_can_stand_where_they_were_asked_for_in_an_edited_song(studio: Studio) -> None:
    said = studio.submit()
    studio.project.track("Keys").items[0].info["D_VOL"] = 0.7
    view = studio.ready(said)
    studio.press("Where asked")
    assert studio.hear(Placed).at is None
    assert np.allclose(studio.sound()[START:END], soundfile.read(view.takes[0].path)[0], atol=1e-7)


def test_a_closed_window_answers_nothing_and_comes_back(studio: Studio) -> None:
    said = studio.submit()
    studio.project.track("Keys").items[0].info["D_VOL"] = 0.7
    studio.ready(said)
    studio.shown("edited")
    studio.reaper.screen.closing = True
    for _ in range(5):
        studio.tell()
        studio.reaper.tick()
    assert studio.reaper.window() == ""
    assert studio.heard(Drop, Placed) == []
    studio.reaper.inputs = [None]
    studio.click("Settings")
    studio.press("Drop them")
    assert studio.hear(Drop).job == said.job


def test_nothing_is_placed_while_recording(studio: Studio) -> None:
    said = studio.submit()
    studio.reaper.recording = True
    studio.ready(said)
    for _ in range(10):
        studio.tell()
        studio.reaper.tick()
    assert not studio.heard(Placed)
    studio.reaper.recording = False
    studio.hear(Placed)


def test_takes_of_another_project_wait_for_it(studio: Studio) -> None:
    said = studio.submit()
    view = studio.ready(said)
    studio.jobs = ()
    studio.reaper.tabs.append(song(studio.project.folder.parent / "Other"))
    studio.reaper.front = 1
    studio.hear(Bye)
    assert len(studio.project.track("Keys").items) == 1
    studio.reaper.front = 0
    studio.jobs = (msgspec.structs.replace(view),)
    assert studio.hear(Placed).job == said.job
