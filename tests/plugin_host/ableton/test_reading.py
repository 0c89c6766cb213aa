"""What the script reads of a set: the region, clips through their warp markers, notes, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.live_models import CuePoint, Device, MidiNote, WarpMarker
from fakes.live_set import RATE, BridgeEnd, Stage, clip, in_slot, midi_clip, wav
from hypothesis import given
from hypothesis import strategies as st
from Punchin.clips import around, passes
from punchin_bridge.hosts.protocol import Clips, Submit
from punchin_wire.params import InpaintParams, TransferParams

from .conftest import Song

pytestmark = pytest.mark.slow


def asked(on: Stage, action: str = "inpaint") -> Submit:
    """The document that an action sends."""
    assert on.bridge is not None
    before = len(on.bridge.of(Submit))
    on.act(action)
    found = on.bridge.of(Submit)
    assert len(found) > before, on.live.messages
    return found[-1]


def refusal(on: Stage) -> str:
    on.act("inpaint")
    assert on.bridge is not None
    assert on.bridge.of(Submit) == []
    return on.live.messages[-1]


def test_the_brace_over_the_selected_track(on: Stage, song: Song) -> None:
    submit = asked(on)
    assert (submit.region.start, submit.region.end) == (8 * RATE, 16 * RATE)
    assert submit.timeline.rate == RATE
    assert [(p.quarter, p.bpm) for p in submit.timeline.tempos] == [(0.0, 120.0)]
    assert [(m.numerator, m.denominator) for m in submit.timeline.time_signatures] == [(4, 4)]
    assert submit.target.name == "Bass"
    assert isinstance(submit.target.audio, Clips)
    assert (submit.target.audio.span.start, submit.target.audio.span.end) == (0, 46 * RATE)
    [piece] = submit.target.audio.clips
    assert (piece.path, piece.start, piece.end, piece.offset) == (song.clip.file_path, 0.0, 64.0, 0.0)
    assert [(p.quarter, p.seconds) for p in piece.warp] == [(0.0, 0.0), (64.0, 32.0)]
    assert (piece.loop, piece.gain, piece.transpose, piece.repitch) == (None, 1.0, 0.0, False)
    assert submit.params == InpaintParams(takes=3)
    assert submit.folder == str(Path(song.live.song.file_path).parent / "Samples" / "Punchin")
    assert (submit.project.id, submit.project.name) == (song.live.song.file_path, "Tune")
    assert submit.clicked > 1.7e9
    assert 0 < submit.read < 1


def test_an_automated_tempo_is_said(on: Stage, song: Song) -> None:
    asked(on)
    assert on.live.messages[-1] == "Punchin: 16 beats of Bass"
    song.live.song.master_track.mixer_device.song_tempo.automation_state = 1
    asked(on)
    assert "at 120 BPM, the tempo of now; it is automated" in on.live.messages[-1]


def test_what_may_be_followed_is_found_by_name(on: Stage) -> None:
    submit = asked(on)
    assert submit.drums is not None
    assert submit.drums.name == "Drums"
    assert [(note.start, note.end, note.pitch) for note in submit.piano] == [(16.0, 17.0, 72)]
    beats = sorted({note.start for note in submit.chords})
    assert beats == [4.0 * bar for bar in range(16)]  # the chords' clip loops four bars up to its end at beat 64
    assert {note.pitch for note in submit.chords} == {57, 60, 64}


def test_a_clip_called_chords_on_another_track(on: Stage, song: Song) -> None:
    song.chords.name = "Keys"
    assert asked(on).chords == ()
    song.chords.arrangement_clips[0].name = "chords"
    assert len(asked(on).chords) == 48


def test_locators_are_sent_for_the_chords_that_they_name(on: Stage, song: Song) -> None:
    song.live.song.cue_points = [CuePoint(20.0, "Am7"), CuePoint(0.0, "Verse")]
    assert [(n.start, n.end, n.name) for n in asked(on).chord_names] == [(0.0, 0.0, "Verse"), (20.0, 20.0, "Am7")]


def test_the_target_is_not_its_own_drums_and_midi_drums_are_left_out(on: Stage, song: Song) -> None:
    song.live.song.view.selected_track = song.drums
    assert asked(on).drums is None
    assert asked(on).notes == ()
    song.live.song.view.selected_track = song.bass
    song.drums.has_midi_input = True
    submit = asked(on)
    assert submit.drums is None
    assert submit.notes == (
        "Drums plays MIDI, which no script can hear: freeze and flatten a copy of it, and call that drums.",
    )
    assert on.live.messages[-1] == f"Punchin: 16 beats of Bass; {submit.notes[0]}"


def test_a_drum_rack_that_plays_there_is_said(on: Stage, song: Song) -> None:
    song.drums.name = "Breaks"
    assert asked(on).notes == ()
    beat = song.live.track("808", has_midi_input=True, devices=[Device("Drum Rack", can_have_drum_pads=True)])
    assert asked(on).notes == ()  # it has no clips
    midi_clip(beat, 0.0, 32.0, [MidiNote(36, 0.0, 1.0)])
    [note] = asked(on).notes
    assert note.startswith("808 plays MIDI")
    song.live.song.view.selected_track = song.drums
    song.drums.name = "drums"
    assert asked(on).notes == ()


def test_a_group_of_drums_and_silent_drums_are_said(on: Stage, song: Song) -> None:
    song.drums.arrangement_clips[0].muted_ = True
    assert asked(on).notes == ("Drums is silent there, so takes follow no drums.",)
    song.drums.is_foldable = True
    submit = asked(on)
    assert submit.drums is None
    assert submit.notes == ("Drums is a group, which no script can hear: record it into an audio track called drums.",)


def test_with_the_loop_off_the_clip_that_was_clicked(on: Stage, song: Song) -> None:
    song.live.song.loop = False
    song.clip.start_time, song.clip.end_time, song.clip.loop_start_ = 4.0, 12.0, 3.0
    song.live.song.view.detail_clip = song.clip
    submit = asked(on)
    assert (submit.region.start, submit.region.end) == (2 * RATE, 6 * RATE)
    assert isinstance(submit.target.audio, Clips)
    assert submit.target.audio.clips[0].offset == 3.0
    song.live.song.view.detail_clip = None
    on.act("inpaint")
    assert "Ctrl+L" in on.live.messages[-1]


def test_chords_and_piano_are_read_by_ear_where_the_settings_want_it(song: Song, play: Callable[..., Stage]) -> None:
    on = play(song, settings={"takes": 1, "chords_from": "auto", "piano_from": "auto"})
    assert asked(on).params == InpaintParams(takes=1, chords="auto", piano="auto")


def test_another_wish_by_the_settings_and_repeat(song: Song, play: Callable[..., Stage]) -> None:
    on = play(song, settings={"takes": 1, "to": "flute", "weights": {"chord": 0.5}})
    assert asked(on).params == InpaintParams(takes=1, weights={"chord": 0.5})
    assert asked(on, "transfer").params == TransferParams("flute")
    assert asked(on, "repeat").params == TransferParams("flute")
    (on.folder / "settings.json").write_text(json.dumps({"takes": 4}))  # counts at once
    assert asked(on).params == InpaintParams(takes=4)
    (on.folder / "settings.json").write_text('{"tkaes": 4}')
    on.act("inpaint")
    assert "'tkaes', which is no setting" in on.live.messages[-1]
    (on.folder / "settings.json").write_text('{"takes": 17}')
    on.act("inpaint")
    assert "'takes' goes from 1 to 16" in on.live.messages[-1]


def test_loops_gain_and_transposition_of_an_arrangement_clip(on: Stage, song: Song) -> None:
    song.clip.looping_, song.clip.loop_start_, song.clip.loop_end_, song.clip.start_marker_ = True, 4.0, 12.0, 6.0
    song.clip.decibels, song.clip.pitch_coarse, song.clip.pitch_fine = -6.0, 3, 25.0
    song.clip.warp_markers = [WarpMarker(0.5 * beat, 1.0 * beat) for beat in range(65)]
    audio = asked(on).target.audio
    assert isinstance(audio, Clips)
    [piece] = audio.clips
    assert (piece.offset, piece.loop) == (6.0, (4.0, 12.0))
    assert piece.gain == pytest.approx(0.5012, abs=1e-4)
    assert piece.transpose == pytest.approx(3.25)
    assert (piece.warp[0].quarter, piece.warp[-1].quarter) == (4.0, 12.0)


def test_re_pitch_and_unwarped_transposition_change_the_speed(on: Stage, song: Song) -> None:
    song.clip.pitch_coarse, song.clip.warp_mode = 12, 3
    audio = asked(on).target.audio
    assert isinstance(audio, Clips)
    assert (audio.clips[0].repitch, audio.clips[0].transpose) == (True, 0.0)
    song.clip.warping_, song.clip.loop_start_ = False, 2.5
    audio = asked(on).target.audio
    assert isinstance(audio, Clips)
    [piece] = audio.clips
    assert piece.repitch
    assert [(p.quarter, p.seconds) for p in piece.warp] == [(0.0, 2.5), (64.0, 2.5 + 64.0)]  # twice as fast: an octave
    song.clip.pitch_coarse = 0
    audio = asked(on).target.audio
    assert isinstance(audio, Clips)
    assert (audio.clips[0].warp, audio.clips[0].offset, audio.clips[0].repitch) == ((), 2.5, False)


def test_muted_clips_and_notes_are_not_read(on: Stage, song: Song) -> None:
    song.drums.arrangement_clips[0].muted_ = True
    submit = asked(on)
    assert submit.drums is None
    song.clip.muted_ = True
    on.act("inpaint")
    assert "No audio clip of Bass" in on.live.messages[-1]


def test_a_session_slot_is_its_loop_again_and_again(on: Stage, song: Song) -> None:
    live = song.live
    live.application.view.focused_document_view = "Session"
    loop = in_slot(song.clip, song.bass.clip_slots[0])
    loop.looping_, loop.loop_start_, loop.loop_end_ = True, 8.0, 16.0
    chords = in_slot(song.chords.arrangement_clips[0], song.chords.clip_slots[0])
    assert chords.loop_end_ == 16.0
    live.song.view.highlighted_clip_slot = song.bass.clip_slots[0]
    submit = asked(on)
    assert submit.region.end - submit.region.start == 4 * RATE
    assert submit.region.start == 32 * RATE  # eight whole loops of four seconds hold thirty seconds of context
    assert isinstance(submit.target.audio, Clips)
    [piece] = submit.target.audio.clips
    assert (piece.start, piece.end, piece.loop) == (4.0, 132.0, (8.0, 16.0))
    assert (piece.offset - 8.0 + 64.0 - piece.start) % 8.0 == 0.0  # the loop starts where the region does
    at_region = [note for note in submit.chords if note.start == 64.0]
    assert {note.pitch for note in at_region} == {57, 60, 64}
    assert submit.drums is None  # nothing in its slot of this row


def test_an_empty_slot_is_refused(on: Stage, song: Song) -> None:
    song.live.application.view.focused_document_view = "Session"
    song.live.song.view.highlighted_clip_slot = song.bass.clip_slots[0]
    assert "Highlight a slot" in refusal(on)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda song: setattr(song.bass, "is_frozen", True), "unfreeze"),
        (lambda song: setattr(song.bass, "has_midi_input", True), "MIDI track"),
        (lambda song: setattr(song.bass, "is_foldable", True), "group"),
        (lambda song: song.live.song.tracks.remove(song.bass), "return track"),
        (lambda song: song.bass.arrangement_clips.clear(), "No audio clip of Bass"),
        (lambda song: setattr(song.live.song, "loop_length", 0.0), "no length"),
        (lambda song: Path(song.clip.file_path).unlink(), "missing"),
    ],
)
def test_what_cannot_be_read_is_one_clear_message(
    on: Stage, song: Song, change: Callable[[Song], None], said: str
) -> None:
    change(song)
    assert said in refusal(on)


def test_a_track_that_plays_another_is_told_so(on: Stage, song: Song) -> None:
    song.bass.arrangement_clips.clear()
    song.bass.current_input_routing = "Synth"
    assert "Bass plays Synth" in refusal(on)


def test_a_set_that_was_never_saved(song: Song, on: Stage) -> None:
    song.live.song.file_path = ""
    submit = asked(on)
    assert submit.project.id.startswith("unsaved-ableton-")
    assert submit.folder == str(Path.home() / "Music" / "Punchin")


def test_long_documents_go_as_files_and_packets_stay_small(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    notes = [MidiNote(40 + n % 40, n / 64, 1 / 64) for n in range(64 * 60)]
    song.piano.arrangement_clips.clear()
    midi_clip(song.piano, 0.0, 64.0, notes)
    assert len(asked(on).piano) == len(notes)
    assert bridge.longest <= 8192
    assert not list((bridge.spool / "inbox").iterdir())


def test_too_many_notes_are_refused(on: Stage, song: Song) -> None:
    midi_clip(song.piano, 0.0, 64.0, [MidiNote(40, n / 256, 1 / 256) for n in range(256 * 60)])
    assert "more than 8192 notes" in refusal(on)


def test_another_rate_of_the_file_is_the_rate_of_the_takes(on: Stage, song: Song, tmp_path: Path) -> None:
    song.bass.arrangement_clips.clear()
    clip(song.bass, wav(tmp_path / "a.wav", 4.0, 44_100), 0.0, 8.0)
    clip(song.bass, wav(tmp_path / "b.wav", 8.0, 96_000), 16.0, 16.0)
    submit = asked(on)
    assert submit.timeline.rate == 96_000
    assert submit.region.start == 8 * 96_000


TIMES = st.floats(-100, 100)


@given(st.lists(TIMES, min_size=2, max_size=30, unique=True), TIMES, st.floats(0, 50))
def test_the_markers_that_are_kept_draw_the_same_line(beats: list[float], low: float, span: float) -> None:
    points = [(beat, 0.1 * index * index) for index, beat in enumerate(sorted(beats))]

    def seconds(at: float, line: list[tuple[float, float]]) -> float:
        index = min(max(sum(point[0] <= at for point in line), 1), len(line) - 1)
        (a, y), (b, z) = line[index - 1], line[index]
        return y + (at - a) * (z - y) / (b - a)

    kept = around(points, low, low + span)
    assert 2 <= len(kept) <= len(points)
    for share in (0.0, 0.3, 1.0):
        at = low + share * span
        assert seconds(at, kept) == pytest.approx(seconds(at, points), rel=1e-6, abs=1e-6)


@given(st.floats(0, 50), st.floats(0.1, 60), st.floats(0, 8), st.floats(0.5, 8), st.floats(0, 60), st.floats(0.1, 40))
def test_passes_of_a_loop_cover_what_sounds_once_and_in_order(
    start: float, beats: float, offset: float, length: float, low: float, span: float
) -> None:
    loop = (1.0, 1.0 + length)
    offset = min(offset, loop[1] - 0.01)
    found = list(passes((start, start + beats, offset, loop), low, low + span))
    first, last = max(start, low), min(start + beats, low + span)
    assert sum(b - a for _, a, b in found) == pytest.approx(max(last - first, 0.0), abs=1e-6)
    at = first
    for beat, a, b in found:
        assert beat == pytest.approx(at, abs=1e-6)
        played = offset + beat - start
        if played >= loop[1]:
            played = loop[0] + (played - loop[1]) % length
        distance = abs(a - played)
        assert min(distance, abs(distance - length)) < 1e-6
        assert b <= loop[1] + 1e-9
        at += b - a
