"""Takes on REAPER's time line: at the sample, in one undo step, nothing else touched, nothing placed twice."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.reaper_project import audio_item, load, save
from punchin_bridge.hosts.documents import Bye, Drop, Held, Placed
from punchin_bridge.tempo_map import Tempo

from .conftest import RATE, Studio, song, write

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


# ---- a song that changed under the job -----------------------------------------------------------------------


def test_an_item_that_moved_takes_its_takes_along(studio: Studio) -> None:
    said = studio.submit()
    studio.project.track("Keys").items[0].info["D_POSITION"] = 1.5
    studio.reaper.answers = [6]  # Yes: at the new place
    studio.ready(said)
    assert studio.hear(Placed).at == START + round(1.5 * RATE)
    assert [held.reason for held in studio.heard(Held)] == ["What was selected has been moved."]
    assert len(studio.reaper.undos[0]) == 1


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
    studio.reaper.answers = [7 if what == "track" else 2 if what == "tempo" else 7]  # drop, or later
    studio.ready(said)
    held = studio.hear(Held)
    assert held.reason
    for _ in range(10):
        studio.tell()
        studio.reaper.tick()
    assert [(item.guid, dict(item.info)) for track in studio.project.tracks for item in track.items] == before
    assert len(studio.reaper.said) == 1
    assert len(studio.heard(Drop)) == (what not in ("tempo", "track"))


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
