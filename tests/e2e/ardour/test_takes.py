"""Punchin in a real Ardour: its own windows, scripts, regions, undo and export; a real bridge and a real daemon.

The fake engine plays the hole itself, times the seed; so a take's samples are known.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import soundfile
from fakes.bridge import RunningBridge, launch
from fakes.harness import until
from fakes.page import at_bridge
from hosts.ardour import Tempo
from hosts.studio import Placed, Samples, Studio, make_song, noise, studio
from punchin_bridge.cli.main import main
from punchin_bridge.hosts.installers.ardour import closed
from punchin_bridge.hosts.installers.install import scripts
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import JobView, Rendered, Timeline
from punchin_bridge.hosts.timeline import tempo_map
from punchin_bridge.music import chord_names
from punchin_wire.errors import BadSetting
from punchin_wire.params import InpaintParams, TransferParams

pytestmark = [pytest.mark.e2e, pytest.mark.host]
SCRIPTS = scripts()
RATE = 48_000
SECONDS = 40.0
BAR = 2 * RATE  # 4/4 at 120
RAMP = (Tempo(0, 120), Tempo(32, 120, ramp=True), Tempo(48, 90))
"""Bars 9 to 12 slow down from 120 to 90."""


@pytest.fixture(scope="module")
def song(
    home: Path,
    running: RunningBridge,  # noqa: ARG001
    display: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Studio]:
    """48 kHz, with a tempo ramp and a change of time signature after it."""
    folder = tmp_path_factory.mktemp("ardour")
    session = make_song(folder / "song", RATE, RAMP, ((48, 3, 4),))
    with studio(folder / "own", session, home, display) as found:
        found.lay("Drums", noise(SECONDS, 1, RATE, 1))
        found.lay("Bass", noise(8.0, 1, RATE, 2), start=4 * BAR)
        found.lay("Piano", noise(SECONDS, 2, RATE, 3))
        found.lay_chords()
        found.save()
        yield found


def take_file(view: JobView, number: int = 0) -> Samples:
    sound: Samples = soundfile.read(view.takes[number].path, dtype="float32", always_2d=True)[0]
    return sound


def outside(before: Samples, after: Samples) -> None:
    """A bar on either side of the hole is what it was, bit for bit; the hole is not."""
    np.testing.assert_array_equal(after[:BAR], before[:BAR])
    np.testing.assert_array_equal(after[-BAR:], before[-BAR:])
    assert np.any(after[BAR:-BAR] != before[BAR:-BAR], axis=1).mean() > 0.9


# ---- the main job --------------------------------------------------------------------------------------------


def test_selected_bars_become_takes_at_the_exact_sample(song: Studio) -> None:
    start, end = 4 * BAR, 6 * BAR
    song.select("Piano", start, end)
    before = song.heard("Piano", start - BAR, end + BAR)
    view = song.run("inpaint", InpaintParams(takes=3, seed=1))
    assert [(take.start, take.end, take.channels) for take in view.takes] == 3 * [(start, end, 2)]
    names = [take.name for take in view.takes]
    assert song.regions("Piano") == [
        Placed("Piano", 0, round(SECONDS * RATE)),
        *(Placed(name, start, end - start, plays=name == names[0]) for name in reversed(names)),
    ]
    assert song.playlists("Piano") == ["Piano"]
    after = song.heard("Piano", start - BAR, end + BAR)
    np.testing.assert_array_equal(after[BAR:-BAR], take_file(view))
    outside(before, after)


def test_a_key_that_was_installed_asks_for_takes(song: Studio) -> None:
    known = [view.job for view in song.jobs()]
    song.select("Piano", 10 * BAR, 11 * BAR)
    window = song.ardour.dialog(song.session.name)
    song.ardour.xdotool("windowfocus", window, "key", "shift+F1")
    assert song.wait("placed", known=known).phase == "placed"
    song.undo()


def test_nothing_is_installed_while_ardour_runs(song: Studio) -> None:
    config = song.ardour.home / "config" / "ardour7"
    before = (config / "ui_scripts").read_bytes()
    with pytest.raises(BadSetting, match=r"^Ardour is running\.$"):
        closed(config)
    assert main(["host", "install", "ardour", "--folder", str(config)]) == BadSetting.exit_code
    assert (config / "ui_scripts").read_bytes() == before


def test_one_undo_takes_all_takes_away_and_one_redo_brings_them_back(song: Studio) -> None:
    start, end = 7 * BAR, 8 * BAR
    song.select("Piano", start, end)
    was, before = song.regions("Piano"), song.heard("Piano", start - BAR, end + BAR)
    song.run("inpaint", InpaintParams(takes=2, seed=1))
    now, after = song.regions("Piano"), song.heard("Piano", start - BAR, end + BAR)
    for _ in range(2):
        song.undo()
        assert song.regions("Piano") == was
        assert song.playlists("Piano") == ["Piano"]  # nothing empty is left
        np.testing.assert_array_equal(song.heard("Piano", start - BAR, end + BAR), before)
        song.redo()
        assert song.regions("Piano") == now
        np.testing.assert_array_equal(song.heard("Piano", start - BAR, end + BAR), after)


def test_the_export_differs_inside_the_hole_only(song: Studio) -> None:
    """Through faders, panners and the master bus, in stereo and in mono."""
    for track in ("Piano", "Bass"):
        start, end = 5 * BAR + 1, 6 * BAR - 12_345  # on no line of any grid
        song.select(track, start, end)
        before = song.export(start - BAR, end + BAR)
        np.testing.assert_array_equal(before, song.export(start - BAR, end + BAR))
        song.run("inpaint", InpaintParams(seed=2, text="backwards"))
        outside(before, song.export(start - BAR, end + BAR))


def test_what_the_bridge_is_told(song: Studio, running: RunningBridge) -> None:
    """Chords with their places, the drums, the ramp; the song around the region as the playlist plays it."""
    start, end = 9 * BAR, 10 * BAR
    song.select("Piano", start, end)
    known = [view.job for view in song.jobs()]
    song.ask("inpaint", InpaintParams(seed=1, text="steps=4000 step=0.05"))
    view = song.wait("running", known=known)
    kept = msgspec.json.decode((running.spool / "jobs" / view.job / "job.json").read_bytes(), type=JobRecord).submit
    assert [(point.quarter, point.bpm, point.curve) for point in kept.timeline.tempos] == [
        (0, 120, "steady"),
        (32, 120, "quarters"),
        (48, 90, "steady"),
    ]
    assert [(point.quarter, point.numerator) for point in kept.timeline.time_signatures] == [(0, 4), (48, 3)]
    assert {(note.start, note.end, note.pitch) for note in kept.chords} >= {(32, 36, 48), (36, 40, 53), (40, 44, 59)}
    moves = {(move.quarter, move.pedal, move.value) for move in kept.chord_pedals}
    assert moves >= {(33, "sustain", 127), (34, "sustain", 0), (37, "sustain", 127), (38, "sustain", 0)}
    assert isinstance(kept.target.audio, Rendered)
    assert kept.drums is not None
    assert isinstance(kept.drums.audio, Rendered)
    assert (kept.target.name, kept.target.channels, kept.drums.name, kept.drums.channels) == ("Piano", 2, "Drums", 1)
    for track in (kept.target, kept.drums):
        sound, rate = soundfile.read(track.audio.path, dtype="float32", always_2d=True)
        assert rate == RATE
        first = track.audio.start
        np.testing.assert_array_equal(sound, song.heard(track.name, first, first + len(sound)))
        assert first <= start - 5 * RATE
        assert first + len(sound) >= end + 5 * RATE
    assert song.ask("cancel", job=view.job) == "done"
    song.wait("cancelled", known=known)


def test_what_the_bridge_reads_as_chords_is_the_bridges_matter(
    song: Studio, running: RunningBridge, home: Path
) -> None:
    """Where no track has chords, every marker and range is sent; a musician's silence stays one. Ours are not sent."""
    marks = [(0, "Am7"), (2 * BAR, "N.C."), (4 * BAR, "C△9"), (6 * BAR, "F")]
    ranges = ["E7alt", "D∆", "A♭maj7", "C–7", "Cdom7", "Cno3", "C maj7", "Dm7 b5", "C half dim", "Chorus", "F#:maj/3"]
    for place, name in marks:
        song.locate(place)
        song.ardour.osc("/add_marker", name)
        until(lambda name=name: name in song.markers())  # type: ignore[misc]
    for i, name in enumerate(ranges):
        start = 8 * BAR + i * RATE // 4
        song.ardour.lua(
            f"""Session:locations ():add_range (Temporal.timepos_t ({start}), Temporal.timepos_t ({start + RATE // 4}))
              :set_name ("{name}")"""
        )
    settings = home / "data" / "hosts" / "ardour-settings.json"
    settings.write_text('{"tracks": {"chords": "none such"}}')
    song.select("Piano", 2 * BAR, 4 * BAR)
    known = [view.job for view in song.jobs()]
    song.ask("inpaint", InpaintParams(seed=1, text="steps=4000 step=0.05"))
    first = song.wait("running", known=known)
    until(song.progress)  # a marker of ours stands there now
    song.ask("inpaint", InpaintParams(seed=1, text="steps=4000 step=0.05"))
    second = song.wait("queued", known=[*known, first.job])
    settings.unlink()
    kept = msgspec.json.decode((running.spool / "jobs" / second.job / "job.json").read_bytes(), type=JobRecord).submit
    for view in (second, first):
        assert song.ask("cancel", job=view.job) == "done"
    until(lambda: all(view.phase == "cancelled" for view in song.jobs() if view.job in (first.job, second.job)))
    assert not kept.chords
    assert {name.name for name in kept.chord_names} == {name for _, name in marks} | set(ranges)
    read = chord_names.segments(kept.chord_names, tempo_map(kept.timeline))
    assert [(chord.start, chord.end, chord.label) for chord in read[:4]] == [
        (0, 4, "A:min7"),
        (4, 8, "N"),
        (8, 12, "C:maj9"),
        (12, 16, "F:maj"),
    ]
    assert len(read) == len(marks) + len(ranges) - 1  # all but the chorus


def test_our_tempo_map_is_ardours_to_the_sample(song: Studio) -> None:
    timeline = song.ardour.lua(
        f"""local function chunk (path, ...) return assert (loadfile ("{SCRIPTS}/" .. path)) (...) end
        local json = chunk ("lua/json.lua")
        return json.encode (chunk ("ardour/project.lua", json, nil, chunk ("ardour/tracks.lua")).timeline ())"""
    )
    grid = tempo_map(msgspec.json.decode(timeline, type=Timeline))
    ticks = np.sort(np.random.default_rng(5).integers(0, 60 * 1920, 300)).tolist()
    theirs = song.ardour.lua(
        f"""local all = {{}}
        for i, ticks in ipairs ({{ {", ".join(map(str, ticks))} }}) do
          all[i] = Temporal.timepos_t.from_ticks (ticks):samples ()
        end
        return all"""
    )
    ours = [grid.seconds(tick / 1920) * RATE for tick in ticks]
    np.testing.assert_allclose(ours, theirs, atol=1.0)  # Ardour cuts fractions of a sample off


# ---- the rest of what musicians do ---------------------------------------------------------------------------


def test_a_transfer_of_a_selected_region(song: Studio) -> None:
    song.select_regions("Bass")
    known = [view.job for view in song.jobs()]
    assert song.ask("transfer", TransferParams("violin", source="bass")) == "done"
    view = song.wait("placed", "failed", "held", known=known)
    assert (view.engine, view.phase) == ("transfer", "placed")
    (take,) = view.takes
    assert (take.start, take.end, take.channels) == (4 * BAR, 4 * BAR + 8 * RATE, 1)
    assert song.regions("Bass")[-1] == Placed(take.name, take.start, take.end - take.start)


def test_a_click_cancels_and_nothing_is_left(song: Studio) -> None:
    start, end = 2 * BAR, 3 * BAR
    song.select("Piano", start, end)
    known, before = [view.job for view in song.jobs()], song.regions("Piano")
    song.ask("inpaint", InpaintParams(seed=1, text="steps=200 step=0.05"))
    view = song.wait("running", known=known)
    shown = re.compile(r"\d+ % · [1-9]\d* s · 1 take: playing \(Punchin\)")  # what changes comes first
    until(lambda: any(shown.fullmatch(name) for name in song.progress()))
    song.click("cancel")
    assert song.wait("cancelled", known=known).job == view.job
    until(lambda: not song.progress())
    assert song.regions("Piano") == before


def test_a_click_repeats_and_takes_are_stepped_through(song: Studio) -> None:
    start, end = 2 * BAR, 3 * BAR
    song.select("Piano", start, end)
    was = song.playing("Piano", start)[-1]
    song.run("inpaint", InpaintParams(takes=2, seed=1))
    song.undo()
    known = [view.job for view in song.jobs()]
    song.click("repeat")
    view = song.wait("placed", known=known)
    names = [take.name for take in view.takes]
    assert len(names) == 2
    assert view.takes[0].seed != 1
    seen = [song.playing("Piano", start)[-1]]
    for action in ("next_take", "next_take", "next_take", "previous_take"):
        song.click(action)
        seen.append(until(lambda: (now := song.playing("Piano", start)[-1]) != seen[-1] and now))
    assert seen == [names[0], names[1], was, names[0], was]
    assert song.ask("pick", take=1) == "done"
    assert song.playing("Piano", start)[-1] == names[1]
    assert "2 takes" in song.ask("pick", take=5)


def test_a_foot_marks_what_takes_are_made_of(song: Studio) -> None:
    """The playhead stands at one place, then at another; the range between them is selected, and filled."""
    song.select("Piano", 0, BAR)
    start, end = 6 * BAR, 7 * BAR
    assert song.ask("mark_out").startswith("Nothing is marked yet")
    for action, place in (("mark_in", end), ("mark_out", start)):
        song.locate(place)
        assert song.ask(action) == "done"
        assert song.progress() == (["marked in (Punchin)"] if action == "mark_in" else [])
    selected = "local s = Editor:get_selection ().time return { s:start_sample (), s:end_sample () }"
    assert song.ardour.lua(selected) == [start, end]
    assert song.ask("select", start=4.0, end=8.0, unit="quarters") == "done"
    assert song.ardour.lua(selected) == [BAR, 2 * BAR]
    assert song.ask("select", start=4.0, end=6.0, unit="seconds") == "done"
    assert song.ardour.lua(selected) == [4 * RATE, 6 * RATE]
    view = song.run("inpaint", InpaintParams(seed=1))
    assert (view.takes[0].start, view.takes[0].end) == (4 * RATE, 6 * RATE)


def test_a_request_that_the_bridge_refuses_is_said(song: Studio, home: Path) -> None:
    settings = home / "data" / "hosts" / "ardour-settings.json"
    settings.write_text(json.dumps({"inpaint": {"text": 600 * "a"}}))  # longer than a request may have it
    song.select("Piano", 2 * BAR, 3 * BAR)
    known = [view.job for view in song.jobs()]
    song.click("inpaint")
    song.ardour.confirm("^Punchin$")
    settings.unlink()
    assert [view.job for view in song.jobs() if view.job not in known] == []
    until(lambda: not song.progress())
    song.run("inpaint", InpaintParams(seed=1))  # all goes on


def test_a_bridge_that_dies_under_a_job_is_replaced(song: Studio, running: RunningBridge) -> None:
    start, end = 14 * BAR, 15 * BAR
    song.select("Piano", start, end)
    known = [view.job for view in song.jobs()]
    song.ask("inpaint", InpaintParams(seed=1, text="steps=20 step=0.05"))
    view = song.wait("running", known=known)
    running.stop(signal.SIGKILL)
    placed = song.wait("placed", known=known)
    assert placed.job == view.job
    name = placed.takes[0].name
    assert Placed(name, start, end - start) in song.regions("Piano")
    record = json.loads((running.home / "runtime" / "bridge.json").read_bytes())
    assert record["pid"] != running.process.pid
    psutil.Process(record["pid"]).kill()  # Ardour's own; the fixture ends the one that the test started
    running.process = launch(running.home).process
    until(lambda: "connected" not in song.ask("cancel", job=view.job))  # Ardour has said hello to it


def test_the_page_lets_it_show_a_take_in_one_step(song: Studio, home: Path) -> None:
    """Use on the page: the take plays, and one undo takes that back."""
    browser = at_bridge(home)
    start = 2 * BAR
    song.select("Piano", start, 3 * BAR)
    view = song.run("inpaint", InpaintParams(takes=2, seed=1))
    names = [take.name for take in view.takes]
    assert song.playing("Piano", start)[-1] == names[0]
    used = browser.act("use", job=view.job, take=1)
    assert used.status == 200, used.body
    assert song.playing("Piano", start)[-1] == names[1]
    song.undo()
    assert song.playing("Piano", start)[-1] == names[0]
    [group] = [each for each in browser.part("groups") if view.job in each["jobs"]]
    assert [take["seed"] for take in group["takes"]] == [1, 2]
    audio = browser.get(f"/api/audio/{group['id']}/{group['takes'][1]['id']}")
    assert audio.status == 200
    refused = browser.act("use", job=view.job, take=9)
    assert refused.status == 400
    assert "takes" in refused.json["error"]["message"]
