"""What REAPER's scripts read and hand over, checked against the documents and the sound of the project."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.reaper_project import Marker, Source, Take, midi_item, render
from punchin_bridge.hosts import naming, timeline
from punchin_bridge.hosts.compose import order
from punchin_bridge.hosts.protocol import Bye, Cancel, Command, CommandResult, Hello, Rendered, Submit
from punchin_bridge.music.tempo_map import Tempo
from punchin_wire.params import InpaintParams, TransferParams

from .conftest import RATE, SECONDS, Studio, song

pytestmark = pytest.mark.slow


def test_the_selection_and_what_is_around_it(studio: Studio) -> None:
    said = studio.submit()
    assert (said.region.start, said.region.end) == (2 * RATE, 4 * RATE)
    assert (said.target.name, said.target.channels) == ("Keys", 2)
    assert said.drums is not None
    assert (said.drums.name, said.drums.channels) == ("Drums", 1)
    assert said.params == InpaintParams(takes=3)
    assert said.folder == str(studio.project.folder / "Punchin")
    assert said.project.name == "Song"
    assert 0 <= said.read < 1
    assert studio.reaper.console == []


@pytest.mark.parametrize("track", ["target", "drums"])
def test_stems_are_what_the_tracks_play_to_the_bit(studio: Studio, track: str) -> None:
    keys = studio.project.track("Keys").items[0]
    keys.info |= {"D_VOL": 0.5, "D_FADEINLEN": 1.0, "D_LENGTH": 7.0}
    said = getattr(studio.submit(), track)
    assert isinstance(said.audio, Rendered)
    sound, rate = soundfile.read(said.audio.path, dtype="float32", always_2d=True)
    assert rate == RATE
    played = render(studio.project.track(said.name), RATE, said.audio.start, len(sound), said.channels)
    assert np.array_equal(sound, played.astype(np.float32))
    assert len(sound) >= 9 * RATE


def test_the_clock_is_reapers_to_the_sample(studio: Studio) -> None:
    said = studio.submit().timeline
    ours, theirs = timeline.tempo_map(said), studio.project.map
    assert [point.curve for point in said.tempos] == ["steady", "time", "steady"]
    for quarter in np.linspace(0, 30, 301):
        assert ours.sample(float(quarter), RATE) == theirs.sample(float(quarter), RATE)
    assert [ours.bar(bar) for bar in range(1, 6)] == [theirs.bar(bar) for bar in range(1, 6)]


@pytest.mark.parametrize(("offset", "place"), [(0, "bar 2"), (-5, "bar -3"), (16, "bar 18")])
def test_bars_are_called_as_on_the_ruler(studio: Studio, offset: int, place: str) -> None:
    """REAPER keeps by how many they are more than they would be."""
    studio.project.measure_offset = offset
    said = studio.submit()
    assert naming.place(timeline.holes(said), timeline.ruler(said.timeline)) == place


def test_chords_of_a_looped_item_that_are_not_muted(studio: Studio) -> None:
    source = studio.project.track("Chords").items[0].takes[0].source
    assert source is not None
    assert source.notes is not None
    source.notes.append((0.0, 960.0, 72, 90, True))
    said = studio.submit().chords
    assert {note.pitch for note in said} == {60, 64, 67}
    assert sorted({note.start for note in said})[:3] == [0.0, 4.0, 8.0]
    assert max(note.end for note in said) <= studio.project.map.quarters(SECONDS) + 1e-9


def test_pedals_of_a_looped_item_that_are_not_muted(studio: Studio) -> None:
    """They move in each round, and come up with the item; what else is turned, and what is muted, is not read."""
    source = studio.project.track("Chords").items[0].takes[0].source
    assert source is not None
    source.controllers += [(960.0, 64, 127, False), (1920.0, 64, 10, False), (0.0, 66, 127, True), (0.0, 1, 99, False)]
    said = studio.submit()
    end = max(note.end for note in said.chords)
    moves = sorted((move.quarter, move.value) for move in said.chord_pedals)
    assert {move.pedal for move in said.chord_pedals} == {"sustain"}
    assert moves[:4] == [(1.0, 127), (2.0, 10), (5.0, 127), (6.0, 10)]
    assert moves[-1] == (pytest.approx(end), 0)
    assert said.piano_pedals == ()


def test_a_midi_item_that_plays_faster_loops_sooner(studio: Studio) -> None:
    """Four quarters at twice the speed are two: the next round begins there."""
    studio.project.track("Chords").items[0].takes[0].info["D_PLAYRATE"] = 2.0
    said = studio.submit().chords
    assert sorted({(note.start, note.end) for note in said})[:3] == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_stems_begin_with_the_very_sample_wherever_they_are_read(studio: Studio, rate: int) -> None:
    """The second of a sample, as a number, may lie a hair before it."""
    studio.reaper.tabs[0] = song(studio.project.folder.parent / "Rate", rate)
    said = studio.submit().target
    assert isinstance(said.audio, Rendered)
    sound = soundfile.read(said.audio.path, dtype="float32")[0]
    assert np.array_equal(sound, render(studio.project.track("Keys"), rate, 0, len(sound), 2).astype(np.float32))


def test_chord_names_stand_in_for_a_chord_track(studio: Studio) -> None:
    studio.project.tracks.remove(studio.project.track("Chords"))
    studio.project.markers = [Marker(0.0, None, "Am7"), Marker(3.0, None, "F"), Marker(5.0, 6.0, "Verse 1")]
    said = studio.submit()
    assert said.chords == ()
    quarters = studio.project.map.quarters
    assert [(name.name, name.start, name.end) for name in said.chord_names] == [
        ("Am7", 0.0, 0.0),
        ("F", 6.0, 6.0),
        ("Verse 1", pytest.approx(quarters(5.0)), pytest.approx(quarters(6.0))),
    ]


def test_a_submission_is_an_order(studio: Studio, tmp_path: Path) -> None:
    """The bridge makes a request of it as it is."""
    said = order(studio.submit(), 7, tmp_path)
    assert said.region.samples == 2 * RATE
    assert [take.controls for take in said.request.takes] == [{"chord": 1.0, "drums": 1.0}] * 3


def test_a_razor_edit_is_narrower_than_the_time_selection(studio: Studio) -> None:
    studio.project.track("Keys").razor = '5.0 6.5 "" 0.0 9.0 "{ENVELOPE}"'
    studio.project.track("Drums").selected = True
    said = studio.submit()
    assert (said.region.start, said.region.end) == (5 * RATE, round(6.5 * RATE))
    assert said.target.name == "Keys"


def test_razor_areas_on_two_tracks_are_asked_about(studio: Studio) -> None:
    studio.project.track("Keys").razor = '5.0 6.5 ""'
    studio.project.add("Bass").razor = '5.0 6.5 ""'
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said[0].startswith("Razor areas lie on several tracks.")


def test_a_selected_item_is_a_region(studio: Studio) -> None:
    studio.project.selection = (0.0, 0.0)
    studio.project.track("Keys").selected = False
    item = studio.project.track("Keys").items[0]
    item.selected = True
    item.info |= {"D_POSITION": 1.0, "D_LENGTH": 3.0}
    assert (studio.submit().region.start, studio.project.track("Keys").items[0].stop) == (RATE, 4.0)


def test_nothing_selected_is_said(studio: Studio) -> None:
    studio.project.selection = (0.0, 0.0)
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said == ["Select a time range, a razor area, or an item: the bars that you want anew."]


def test_several_tracks_are_asked_about_unless_one_is_the_drums(studio: Studio) -> None:
    studio.project.track("Drums").selected = True
    assert studio.submit().target.name == "Keys"
    studio.project.add("Bass").selected = True
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert "Select one track" in studio.reaper.said[0]


def test_a_mono_item_wants_mono_takes(studio: Studio) -> None:
    studio.project.track("Keys").selected = False
    studio.project.track("Drums").selected = True
    said = studio.submit()
    assert (said.target.name, said.target.channels, said.drums) == ("Drums", 1, None)


def test_a_transfer_brings_the_region_alone(studio: Studio) -> None:
    studio.reaper.inputs = ["violin|piano|timbre|2"]
    said = studio.submit("Transfer selection")
    assert said.params == TransferParams("violin", source="piano", takes=2)
    assert isinstance(said.target.audio, Rendered)
    assert soundfile.info(said.target.audio.path).frames == 2 * RATE


def test_settings_are_kept_for_all_projects(studio: Studio) -> None:
    studio.reaper.inputs = ["5|slow|tiny|tiny|harmony|Drums|||20", None]
    studio.click("Settings")
    studio.click("Settings")  # dismissed
    said = studio.submit()
    assert said.params == InpaintParams(takes=5, text="slow")
    assert said.chords == ()


def test_auto_in_place_of_a_track_has_its_part_read_by_ear(studio: Studio) -> None:
    studio.reaper.inputs = ["3||tiny|tiny|auto||auto||30"]
    studio.click("Settings")
    said = studio.submit()
    assert said.params == InpaintParams(takes=3, chords="auto", piano="auto")
    assert said.chords  # the track called so is looked for nevertheless, and then not heard
    assert said.piano == ()


def test_which_tracks_are_meant_is_the_projects_own(studio: Studio) -> None:
    studio.reaper.inputs = ["5|slow|tiny|tiny|harmony|none|||20", "2|slow|tiny|tiny|chords|none|||20"]
    studio.click("Settings")
    assert studio.submit().chords == ()
    studio.reaper.tabs.append(song(studio.project.folder.parent / "Other"))
    studio.reaper.front = 1
    studio.click("Settings")
    assert len(studio.submit().chords) > 0
    studio.reaper.front = 0
    said = studio.submit()
    assert (said.chords, said.drums) == ((), None)
    assert said.params == InpaintParams(takes=2, text="slow")


def test_repeating_asks_for_the_same_with_another_seed(studio: Studio) -> None:
    first = studio.submit()
    studio.project.selection = (0.0, 0.0)
    again = studio.submit("Repeat last")
    assert (again.region, again.target.id, again.params) == (first.region, first.target.id, first.params)
    assert again.job != first.job


def test_one_background_script_runs_whatever_is_clicked(studio: Studio) -> None:
    studio.submit()
    studio.submit()
    studio.submit("Repeat last")
    assert studio.reaper.ran.count("Punchin_Background.lua") == 1


def test_the_bridge_is_started_when_it_does_not_answer(studio: Studio) -> None:
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.children)
    assert "Starting Punchin" in studio.reaper.window()
    assert [child.wait(5) for child in studio.reaper.children] == [0]
    assert isinstance(studio.hear(Submit), Submit)
    assert len(studio.reaper.children) == 1


def test_a_job_is_stopped_from_the_window_and_by_the_action(studio: Studio) -> None:
    for stop in ("window", "action"):
        view = studio.ready(studio.submit())
        studio.jobs = (msgspec.structs.replace(view, phase="running", line="playing, 40 %", takes=()),)
        studio.shown("playing, 40 %")
        if stop == "window":
            studio.press("Stop")
        else:
            studio.click("Cancel")
        assert studio.hear(Cancel).job == view.job
        studio.jobs = (msgspec.structs.replace(studio.jobs[0], phase="cancelled", line="Cancelled."),)
        studio.reaper.ticks(lambda: studio.tell() or not studio.reaper.window())


def test_a_failure_is_said_once_with_what_to_do(studio: Studio) -> None:
    said = studio.submit()
    failed = msgspec.structs.replace(
        studio.ready(said), phase="failed", line="The region is empty.", next_step="Select more.", takes=()
    )
    studio.jobs = (failed,)
    studio.shown("The region is empty. Select more.")
    studio.press("OK")
    for _ in range(30):
        studio.tell()
        studio.reaper.tick()
    assert studio.reaper.window() == ""
    assert studio.reaper.said == []


def test_what_the_bridge_cannot_use_is_said(studio: Studio) -> None:
    studio.submit()
    studio.trouble = "The tempos do not follow each other. Tell us."
    studio.shown("The tempos do not follow each other. Tell us.")


def test_a_job_that_nobody_knows_any_more_is_not_shown_as_work(studio: Studio) -> None:
    said = studio.submit()
    view = studio.ready(said)
    studio.jobs = (msgspec.structs.replace(view, phase="running", line="playing", takes=()),)
    studio.shown("playing")
    studio.jobs = ()
    studio.reaper.ticks(lambda: studio.tell() or not studio.reaper.window())


def test_others_may_ask(studio: Studio) -> None:
    studio.submit()
    studio.asks = (Command("ask-1", "inpaint", InpaintParams(takes=1, seed=5)), Command("ask-2", "dance"))
    assert studio.hear(Submit).params == InpaintParams(takes=1, seed=5)
    assert sorted((did.ask, did.error) for did in studio.heard(CommandResult)) == [
        ("ask-1", ""),
        ("ask-2", "REAPER cannot do that."),
    ]


def test_a_foot_marks_what_plays(studio: Studio) -> None:
    studio.submit()
    reaper = studio.reaper
    reaper.playing, reaper.position, reaper.cursor = True, 8.0, 1.0
    assert studio.asked(Command("early", "mark_out")).startswith("Nothing is marked yet")
    assert studio.asked(Command("in", "mark_in")) == ""
    studio.shown("Marked in at 8.000.")
    assert studio.asked(Command("still", "mark_out")).startswith("The song has not moved")
    reaper.position = 6.0  # it goes round in a loop
    assert studio.asked(Command("out", "mark_out")) == ""
    assert studio.project.selection == (6.0, 8.0)
    studio.reaper.ticks(lambda: studio.tell() or "Marked" not in studio.reaper.window())
    reaper.playing = False
    assert studio.asked(Command("again", "mark_in")) == ""
    reaper.cursor = 3.0
    assert studio.asked(Command("there", "mark_out")) == ""
    assert studio.project.selection == (1.0, 3.0)


def test_the_way_of_a_press_is_made_up_for(studio: Studio) -> None:
    studio.submit()
    reaper = studio.reaper
    reaper.playing, reaper.position, reaper.play_rate = True, 20.0, 2.0
    assert studio.asked(Command("in", "mark_in", pressed=time.time() - 60)) == ""  # no press is that late
    reaper.position = 30.0
    assert studio.asked(Command("out", "mark_out", pressed=time.time() + 60)) == ""
    assert studio.project.selection == (16.0, 30.0)


def test_a_mark_belongs_to_its_project(studio: Studio) -> None:
    studio.submit()
    assert studio.asked(Command("in", "mark_in")) == ""
    studio.reaper.tabs.append(song(studio.project.folder.parent / "Other"))
    studio.reaper.front = 1
    assert studio.asked(Command("out", "mark_out")).startswith("Nothing is marked yet")


def test_a_surface_selects_a_part_of_the_song(studio: Studio) -> None:
    studio.submit()
    assert studio.asked(Command("a", "select", start=1.0, end=2.5, unit="seconds")) == ""
    assert studio.project.selection == (1.0, 2.5)
    assert studio.asked(Command("b", "select", start=4.0, end=8.0, unit="quarters")) == ""
    times = [studio.project.map.seconds(quarter) for quarter in (4.0, 8.0)]
    assert studio.project.selection == pytest.approx(tuple(times), abs=1 / RATE)
    assert studio.asked(Command("c", "select", start=2.0, end=2.0)).startswith("There is nothing")


def test_another_project_is_another_host(studio: Studio) -> None:
    first = studio.submit()
    studio.reaper.tabs.append(song(studio.project.folder.parent / "Other"))
    studio.reaper.front = 1
    assert studio.hear(Bye).host == first.host
    studio.reaper.ticks(lambda: "Other" in [hello.project.name for hello in studio.heard(Hello)])
    assert studio.submit().host != first.host


def test_what_was_clicked_is_read_when_its_project_is_in_front_again(studio: Studio) -> None:
    studio.click("Inpaint selection")
    studio.reaper.tick()  # the bridge is not heard yet
    studio.reaper.tabs.append(song(studio.project.folder.parent / "Other"))
    studio.reaper.front = 1
    for _ in range(20):
        studio.tell()
        studio.reaper.tick()
    assert studio.heard(Submit) == []
    studio.reaper.front = 0
    assert studio.hear(Submit).project.name == "Song"


def test_a_copy_of_a_project_is_another_project(studio: Studio) -> None:
    """Saved under another name and opened beside it, it has the same id within."""
    first = studio.submit()
    studio.reaper.tabs.append(copy.deepcopy(studio.project))
    studio.reaper.front = 1
    second = studio.submit()
    assert second.project.id != first.project.id
    studio.reaper.front = 0
    assert studio.submit().project.id == first.project.id


def test_a_track_that_goes_while_it_is_read(studio: Studio) -> None:
    studio.click("Inpaint selection")
    studio.reaper.tick()
    studio.project.tracks.remove(studio.project.track("Keys"))
    studio.shown("The tracks could not be read: a track is gone.")
    assert not list(studio.spool.glob("hosts/*/audio/*"))


def test_a_mono_item_off_the_middle_is_heard_in_stereo(studio: Studio) -> None:
    studio.project.track("Drums").items[0].takes[0].info["D_PAN"] = -0.5
    drums = studio.submit().drums
    assert drums is not None
    assert drums.channels == 2


def test_stems_end_with_the_song(studio: Studio) -> None:
    said = studio.submit()
    assert isinstance(said.target.audio, Rendered)
    assert soundfile.info(said.target.audio.path).frames == SECONDS * RATE


# ---- with ReaImGui -------------------------------------------------------------------------------------------


def test_forms_and_the_window_with_reaimgui(fancy: Studio) -> None:
    fancy.click("Settings")
    fancy.shown("Punchin: settings")
    fancy.reaper.screen.typed = {"Takes of an inpaint (1-16)": 7, "Style in words": "slow"}
    fancy.press("OK")
    fancy.reaper.tick()
    said = fancy.submit()
    assert said.params == InpaintParams(takes=7, text="slow")
    view = fancy.ready(said)
    fancy.jobs = (msgspec.structs.replace(view, phase="running", line="playing, 40 %", fraction=0.4, takes=()),)
    fancy.shown("playing, 40 %")
    fancy.press("Stop")
    assert fancy.hear(Cancel).job == said.job


def test_a_transfer_is_asked_about_with_reaimgui(fancy: Studio) -> None:
    fancy.click("Transfer selection")
    fancy.shown("Punchin: transfer the selection")
    fancy.reaper.screen.typed = {
        "To (violin; slow brushed drums)": "flute",
        "Task (timbre; genre; accompaniment)": "genre",
    }
    fancy.press("OK")
    assert fancy.hear(Submit).params == TransferParams("flute", task="genre")


@pytest.mark.parametrize("how", ["Cancel", "closed"])
def test_a_form_that_is_dismissed_changes_nothing(fancy: Studio, how: str) -> None:
    fancy.click("Settings")
    fancy.shown("Punchin: settings")
    fancy.reaper.screen.typed = {"Takes of an inpaint (1-16)": 7}
    fancy.reaper.tick()
    if how == "closed":
        fancy.reaper.screen.closing = True
    else:
        fancy.press("Cancel")
    fancy.reaper.ticks(lambda: not fancy.reaper.window())
    assert fancy.submit().params == InpaintParams(takes=3)


def test_reading_never_holds_up_the_screen(studio: Studio) -> None:
    """A tick is its budget and one chunk: where a chunk takes longer than the budget, it is the only one."""
    studio.reaper.tabs[0] = song(studio.project.folder.parent / "Stereo", 96_000)
    studio.reaper.sound_seconds = 0.01
    studio.submit()
    print(f"longest tick {studio.reaper.longest_tick * 1e3:.1f} ms")
    assert studio.reaper.most_asked["GetAudioAccessorSamples"] == 1


def test_a_large_project_is_read_at_once(studio: Studio) -> None:
    """A tempo for every beat of ten minutes, and a piano that plays 20 notes a second."""
    studio.project.tempos = tuple(Tempo(float(beat), 100.0 + beat % 7) for beat in range(1000))
    studio.project.add("piano", midi_item(0.0, SECONDS, *((q / 10, q / 10 + 0.1, 60) for q in range(200))))
    studio.reaper.inputs = ["3||tiny|tiny|chords||piano||30"]
    studio.click("Settings")
    said = studio.submit()
    assert len(said.timeline.tempos) == 1000
    assert len(said.piano) > 150
    asked = studio.reaper.most_asked
    print(f"longest tick {studio.reaper.longest_tick * 1e3:.1f} ms, {asked.total()} questions: {asked.most_common(5)}")
    assert asked.total() < 10_000


def test_midi_alone_is_refused(studio: Studio) -> None:
    studio.project.track("Keys").items[0].takes = [Take(Source(notes=[]))]
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said[0].startswith(
        "Keys plays MIDI, and has no instrument, and takes are made of what is heard."
    )
