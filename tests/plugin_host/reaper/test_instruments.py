"""Instruments and folders: as drums, as targets, and what cannot be heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes.reaper_project import Project, Track, audio_item, midi_item, stem
from punchin_bridge.hosts.compose import order
from punchin_bridge.hosts.protocol import Held, Placed, Rendered
from punchin_bridge.hosts.protocol import Track as Sent

from .conftest import RATE, SECONDS, Studio, write

pytestmark = pytest.mark.slow

START, END = 2 * RATE, 4 * RATE
KICK = [(float(beat), beat + 0.5, 36) for beat in range(16)]


def instrument(project: Project, name: str, **more: Any) -> Track:
    return project.add(name, midi_item(0.0, SECONDS, *KICK), instrument="on", **more)


def heard(sent: Sent | None) -> Any:
    assert sent is not None
    assert isinstance(sent.audio, Rendered)
    return soundfile.read(sent.audio.path, dtype="float32", always_2d=True)[0]


def without_drums(studio: Studio) -> Project:
    studio.project.tracks.remove(studio.project.track("Drums"))
    return studio.project


def mix(studio: Studio) -> Any:
    """What the whole song plays."""
    project, frames = studio.project, round(SECONDS * RATE)
    tops = [track for track in project.tracks if project.parent(track) is None]
    return sum(stem(project, track, RATE, 0, frames) for track in tops)


# ---- drums ---------------------------------------------------------------------------------------------------


def test_drums_of_an_instrument_are_rendered_and_the_window_is_as_it_was(studio: Studio) -> None:
    project = without_drums(studio)
    drums = instrument(project, "VSTi Drums", effects=0.5)
    drums.info["D_VOL"] = 0.5
    before, selected = dict(project.render), [track.selected for track in project.tracks]
    said = studio.submit()
    sound = heard(said.drums)
    assert np.array_equal(sound, stem(project, drums, RATE, 0, len(sound)).astype(np.float32))
    assert np.any(sound)
    assert (said.notes, studio.reaper.rendered) == ((), [["VSTi Drums"]])
    assert (project.render, [track.selected for track in project.tracks]) == (before, selected)
    assert not list(studio.spool.rglob("*-render.wav"))


@pytest.mark.parametrize("how", ["render_breaks", "render_fails"])
def test_what_the_musician_set_stays_when_a_render_goes_wrong(studio: Studio, how: str) -> None:
    project = without_drums(studio)
    instrument(project, "Drums")
    setattr(studio.reaper, how, True)
    before = dict(project.render)
    studio.click("Inpaint selection")
    studio.shown("The tracks could not be read: ")
    assert project.render == before
    assert [track.name for track in project.tracks if track.selected] == ["Keys"]
    assert not list(studio.spool.glob("hosts/*/audio/*"))


def test_a_folder_of_drums_is_the_sum_of_its_tracks_by_their_faders(studio: Studio, tmp_path: Path) -> None:
    project = without_drums(studio)
    project.add("DRUM BUS", depth=1)
    files = [write(tmp_path / f"{name}.wav", 1, seed=seed) for seed, name in enumerate(("kick", "snare", "hat"), 5)]
    kick = project.add("Kick", audio_item(files[0], 0.0))
    inner = project.add("Tops", audio_item(files[1], 0.0), depth=1)
    hat = project.add("Hat", audio_item(files[2], 0.0), depth=-2)
    muted = project.add("Loop", audio_item(files[2], 0.0))
    project.tracks.insert(project.tracks.index(inner), project.tracks.pop(project.tracks.index(muted)))
    kick.info["D_VOL"], inner.info["D_VOL"], hat.info["D_VOL"], muted.info["B_MUTE"] = 0.5, 0.25, 2.0, 1.0
    sound = heard(studio.submit().drums)
    kicks, snares, hats = (soundfile.read(path, dtype="float64", always_2d=True)[0] for path in files)
    wanted = 0.5 * kicks + 0.25 * snares + 0.5 * hats
    assert np.allclose(sound, np.repeat(wanted, 2, axis=1), atol=1e-6)
    assert studio.reaper.rendered == []


def test_a_folder_with_an_instrument_in_it_is_rendered(studio: Studio) -> None:
    project = without_drums(studio)
    bus = project.add("DRUM BUS", depth=1, effects=0.5)
    instrument(project, "Kick")
    project.add("Room", audio_item(project.folder / "drums.wav", 0.0), depth=-1)
    sound = heard(studio.submit().drums)
    assert np.array_equal(sound, stem(project, bus, RATE, 0, len(sound)).astype(np.float32))
    assert studio.reaper.rendered == [["DRUM BUS"]]


def test_a_bus_that_other_tracks_send_to_is_rendered(studio: Studio) -> None:
    without_drums(studio)
    studio.project.add("Drum Bus", receives=2)
    assert studio.submit().drums is not None
    assert studio.reaper.rendered == [["Drum Bus"]]


def test_audio_beside_the_midi_of_an_instrument_is_read_as_it_is(studio: Studio) -> None:
    """Within the selection nothing but audio plays: its takes are added there."""
    keys = studio.project.track("Keys")
    keys.instrument = "on"
    keys.items.append(midi_item(6.0, 2.0, (0.0, 1.0, 60)))
    said = studio.submit()
    assert studio.reaper.rendered == []
    studio.ready(said)
    studio.hear(Placed)
    assert max(len(item.takes) for item in keys.items) == 3


def _muted(drums: Track) -> None:
    drums.info["B_MUTE"] = 1.0


def _item_muted(drums: Track) -> None:
    drums.items[0].info["B_MUTE"] = 1.0


def _offline(drums: Track) -> None:
    source = drums.items[0].takes[0].source
    assert source is not None
    source.path = str(Path(source.path).with_name("gone.wav"))


def _midi(drums: Track) -> None:
    drums.items = [midi_item(0.0, SECONDS, *KICK)]


def _instrument_offline(drums: Track) -> None:
    _midi(drums)
    drums.instrument = "offline"


def _effects_off(drums: Track) -> None:
    _midi(drums)
    drums.instrument = "on"
    drums.info["I_FXEN"] = 0.0


REASONS = {
    "Drums is muted": _muted,
    "Drums plays nothing there": _item_muted,
    "the media of Drums are offline": _offline,
    "Drums plays MIDI, and has no instrument": _midi,
    "the instrument of Drums is offline": _instrument_offline,
    "the instrument of Drums is bypassed": _effects_off,
}


@pytest.mark.parametrize(("why", "change"), REASONS.items(), ids=REASONS)
def test_drums_that_cannot_be_heard_are_said(studio: Studio, why: str, change: Any, tmp_path: Path) -> None:
    change(studio.project.track("Drums"))
    said = studio.submit()
    assert (said.drums, said.notes) == (None, (f"Takes follow no drums: {why}.",))
    made = order(said, 7, tmp_path)
    assert made.notes[0] == said.notes[0]
    assert [take.controls for take in made.request.takes] == [{"chord": 1.0}] * 3


def test_drums_in_a_folder_that_is_muted(studio: Studio) -> None:
    project = studio.project
    project.tracks.insert(0, Track("Rhythm", depth=1))
    project.track("Drums").depth = -1
    project.track("Rhythm").info["B_MUTE"] = 1.0
    assert studio.submit().notes == ("Takes follow no drums: Rhythm is muted.",)


def test_the_first_drums_that_sound_are_followed(studio: Studio, tmp_path: Path) -> None:
    _muted(studio.project.track("Drums"))
    studio.project.add("Drums 2", audio_item(write(tmp_path / "more.wav", 1, seed=9), 0.0))
    said = studio.submit()
    assert said.drums is not None
    assert (said.drums.name, said.notes) == ("Drums 2", ())


# ---- targets -------------------------------------------------------------------------------------------------


def aim(studio: Studio, track: Track) -> None:
    for other in studio.project.tracks:
        other.selected = other is track


def test_takes_of_an_instrument_lie_beside_it_as_loud_as_they_were_heard(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth", effects=0.5)
    synth.info["D_VOL"] = 0.25
    aim(studio, synth)
    before, names = mix(studio), [track.name for track in studio.project.tracks]
    said = studio.submit()
    sound = heard(said.target)
    assert np.array_equal(sound, stem(studio.project, synth, RATE, 0, len(sound)).astype(np.float32))
    alone = stem(studio.project, synth, RATE, 0, len(before))
    view = studio.ready(said)
    studio.hear(Placed)
    assert [track.name for track in studio.project.tracks] == [*names[:-1], "Synth (Punchin)", "Synth"]
    take = soundfile.read(view.takes[0].path)[0]
    after = mix(studio)
    assert np.allclose(after[START:END], before[START:END] - alone[START:END] + take, atol=1e-6)
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    [item] = studio.project.track("Synth (Punchin)").items
    assert [made.name for made in item.takes] == ["Punchin 1", "Punchin 2"]
    assert len(studio.reaper.undos[0]) == 1
    studio.reaper.undo()
    assert np.array_equal(mix(studio), before)
    assert [track.name for track in studio.project.tracks] == names


@pytest.mark.parametrize("selected", ["Synth", "Synth (Punchin)"])
def test_a_second_job_hears_the_take_that_plays_and_joins_it(studio: Studio, selected: str) -> None:
    synth = instrument(studio.project, "Synth")
    aim(studio, synth)
    studio.ready(studio.submit())
    studio.hear(Placed)
    aim(studio, studio.project.track(selected))
    said = studio.submit()
    assert said.target.name == "Synth"
    [item] = studio.project.track("Synth (Punchin)").items
    source = item.takes[0].source
    assert source is not None
    sound = heard(said.target)
    assert np.allclose(sound[START:END], soundfile.read(source.path)[0], atol=1e-6)
    assert np.any(sound[:START])
    studio.ready(said)
    studio.hear(Placed)
    [item] = studio.project.track("Synth (Punchin)").items
    assert len(item.takes) == 4
    assert len([track for track in studio.project.tracks if "Punchin" in track.name]) == 1


def test_takes_of_a_folder_silence_its_tracks_there(studio: Studio, tmp_path: Path) -> None:
    project = studio.project
    bus = project.add("Strings", depth=1, effects=0.5)
    project.add("Violin", audio_item(write(tmp_path / "violin.wav", 2, seed=21), 0.0, D_FADEINLEN=3.0))
    project.add("Viola", audio_item(write(tmp_path / "viola.wav", 1, seed=22), 1.0), depth=-1)
    bus.info["D_VOL"] = 0.5
    aim(studio, bus)
    before, alone = mix(studio), stem(project, bus, RATE, 0, round(SECONDS * RATE))
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    after = mix(studio)
    take = soundfile.read(view.takes[0].path)[0]
    assert np.allclose(after[START:END], before[START:END] - alone[START:END] + take, atol=1e-6)
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    assert project.parent(project.track("Strings (Punchin)")) is None


def test_two_areas_of_an_instrument(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth")
    edges = [studio.project.map.seconds(quarter) for quarter in (2.0, 3.75, 9.0, 11.75)]
    synth.razor = f'{edges[0]} {edges[1]} "" {edges[2]} {edges[3]} ""'
    before = mix(studio)
    studio.ready(studio.submit())
    studio.hear(Placed)
    changed = np.flatnonzero(np.any(mix(studio) != before, axis=1))
    samples = [round(edge * RATE) for edge in edges]
    inside = np.concatenate([np.arange(*samples[:2]), np.arange(*samples[2:])])
    assert set(changed) <= set(inside)
    assert len(changed) > 0.9 * len(inside)
    assert [len(item.takes) for item in studio.project.track("Synth (Punchin)").items] == [2, 2]
    assert len(studio.reaper.undos[0]) == 1


@pytest.mark.parametrize(("end", "is_held"), [(7.75, False), (8.0, False), (7.25, True)])
def test_a_note_that_is_held_over_the_end_is_said(studio: Studio, end: float, is_held: bool) -> None:
    """REAPER cuts the item there. Notes are half a quarter long."""
    aim(studio, instrument(studio.project, "Synth"))
    studio.project.selection = (2.0, studio.project.map.seconds(end))
    said = "A note of Synth is held over the end of the selection, where its item is cut: listen there."
    assert studio.submit().notes == ((said,) if is_held else ())


def test_sends_that_takes_lack_are_said_once(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth", sends=1)
    aim(studio, synth)
    said = studio.submit()
    assert said.notes == ("The takes' track has none of the sends of Synth.",)
    studio.ready(said)
    studio.hear(Placed)
    assert studio.submit().notes == ()


def test_a_long_render_is_no_reason_to_start_anew(studio: Studio) -> None:
    """What was clicked meanwhile runs before the background script does."""
    aim(studio, instrument(studio.project, "Synth"))
    studio.reaper.render_seconds = 600.0
    studio.reaper.during_render = lambda: studio.click("Settings")
    studio.reaper.inputs = [None]
    assert studio.submit().target.name == "Synth"
    assert studio.reaper.ran.count("Punchin_Background.lua") == 1


def test_notes_that_were_edited_meanwhile_are_asked_about(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth")
    aim(studio, synth)
    said = studio.submit()
    source = synth.items[0].takes[0].source
    assert source is not None
    assert source.notes is not None
    source.notes[6] = (*source.notes[6][:2], 40, *source.notes[6][3:])
    studio.ready(said)
    assert studio.hear(Held).reason == "What was selected has been edited."


def test_two_jobs_of_one_instrument_at_once(studio: Studio) -> None:
    """What the first one cuts and mutes is no edit to the second."""
    aim(studio, instrument(studio.project, "Synth"))
    first, second = studio.submit(), studio.submit("Repeat last")
    for said in (first, second):
        studio.ready(said)
        studio.hear(Placed)
    [item] = studio.project.track("Synth (Punchin)").items
    assert len(item.takes) == 4


def test_an_instrument_that_cannot_be_heard_is_said(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth")
    synth.instrument = "bypassed"
    aim(studio, synth)
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said[0].startswith("The instrument of Synth is bypassed, and takes are made of what is heard.")


@pytest.mark.parametrize("name", ["Synth", "Strings"])
def test_a_target_that_others_silence_by_their_solo(studio: Studio, name: str) -> None:
    project = studio.project
    instrument(project, "Synth")
    project.add("Strings", depth=1)
    project.add("Violin", audio_item(project.folder / "keys.wav", 0.0), depth=-1)
    aim(studio, project.track(name))
    project.track("Drums").info["I_SOLO"] = 1.0
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said[0].startswith(f"{name} is not heard while other tracks are soloed")
    project.track("Violin" if name == "Strings" else name).info["I_SOLO"] = 1.0
    assert studio.submit().target.name == name


def test_an_instrument_that_is_muted_is_no_target_though_it_has_takes(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth")
    aim(studio, synth)
    studio.ready(studio.submit())
    studio.hear(Placed)
    synth.info["B_MUTE"] = 1.0
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert studio.reaper.said[0].startswith("Synth is muted, and takes are made of what is heard.")


def test_a_solo_or_mute_that_came_meanwhile_is_no_matter_to_the_takes(studio: Studio) -> None:
    synth = instrument(studio.project, "Synth")
    aim(studio, synth)
    said = studio.submit()
    synth.info["B_MUTE"] = studio.project.track("Keys").info["I_SOLO"] = 1.0
    studio.ready(said)
    assert studio.hear(Placed).job == said.job


def test_nothing_is_rendered_while_reaper_records(studio: Studio) -> None:
    aim(studio, instrument(studio.project, "Synth"))
    studio.reaper.recording = True
    studio.click("Inpaint selection")
    studio.shown("The tracks could not be read: REAPER records, and renders nothing meanwhile.")
    assert studio.reaper.rendered == []
