"""Files and options become one request; everything that is wrong with them is said before any work is done."""

import time
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.songs import LABELS, RATE, SECONDS, audio, write_chords, write_drums, write_silence, write_song
from punchin_bridge.audio import bwf, wavfile
from punchin_bridge.music.region import Region
from punchin_bridge.takes import recipe
from punchin_bridge.takes.inpaint import Sources, compose, repeat
from punchin_bridge.takes.location import Where
from punchin_bridge.takes.order import Order
from punchin_wire.errors import (
    BadAudio,
    BadMidi,
    BadRecipe,
    BadRegion,
    BadSetting,
    FileMissing,
    InputError,
    TooLarge,
    UnknownChord,
)
from punchin_wire.messages import Hole
from punchin_wire.params import InpaintParams

BARS = Where(bars="5:8")
SECONDS_4_TO_6 = Where(4.0, 6.0)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path)


def test_bars_and_beats_follow_the_chord_tracks_own_tempo(tmp_path: Path, song: Path) -> None:
    order = compose(song, BARS, Sources(chords=write_chords(tmp_path)), InpaintParams(takes=2), 3)
    assert order.region == Region(8 * RATE, 16 * RATE)
    assert order.around == Region(0, SECONDS * RATE)
    assert [c.label for c in order.request.chords] == list(LABELS) * 3
    assert order.request.beats == tuple(i / 2 for i in range(2 * SECONDS))
    assert [(t.seed, t.controls) for t in order.request.takes] == [(3, {"chord": 1.0}), (4, {"chord": 1.0})]
    assert (order.scene, order.tempo) == ("bars5-8", bwf.Tempo(120.0))
    assert not order.notes
    assert np.allclose(order.audio[0], audio(), atol=2**-23)
    assert order.inputs[0].sha256 == recipe.sha256(order.audio[0])


def test_the_tempo_asked_for_wins_over_the_chord_tracks(tmp_path: Path, song: Path) -> None:
    chords = write_chords(tmp_path)
    order = compose(song, Where(bars="2", tempo=60, downbeat=0.5), Sources(chords), InpaintParams(), 0)
    assert order.region == Region(round(4.5 * RATE), round(8.5 * RATE))
    assert order.request.beats[:2] == (0.5, 1.5)
    assert [c.start for c in order.request.chords][:3] == [0, 2, 4]
    assert compose(song, Where(bars="2", midi_tempo=chords), Sources(), InpaintParams(), 0).scene == "bars2"


def test_a_chord_file_without_tempo_has_no_beats_and_says_so(tmp_path: Path, song: Path) -> None:
    lab = tmp_path / "song.lab"
    lab.write_text("0 4.5 C:maj\n4.5 24 A:min/b3\n")
    order = compose(song, SECONDS_4_TO_6, Sources(lab), InpaintParams(), 0)
    assert [c.label for c in order.request.chords] == ["C:maj", "A:min/b3"]
    assert order.request.beats == ()
    assert "only where they start" in order.notes[0]
    assert (order.scene, order.tempo) == ("4.000-6.000s", None)
    assert compose(song, Where(4, 6, tempo=120), Sources(lab), InpaintParams(), 0).request.beats[1] == 0.5


def test_bars_and_beats_of_a_recording(tmp_path: Path, song: Path) -> None:
    """Beats that a tracker found, unsteady as people play: bars begin at its downbeats."""
    times = [0.31 + 0.5 * i + 0.02 * (i % 3) for i in range(40)]
    beats, lab = tmp_path / "beats.txt", tmp_path / "a.lab"
    beats.write_text("".join(f"{time:.2f}\t{(i + 2) % 4 + 1}.0\n" for i, time in enumerate(times)))
    lab.write_text("0 24 C:maj\n")
    order = compose(song, Where(bars="2:3", beats=beats), Sources(lab), InpaintParams(), 0)
    assert order.region == Region(round(times[6] * RATE), round(times[14] * RATE))
    assert order.request.beats[2:40] == pytest.approx([round(time, 2) for time in times[2:]])
    assert order.tempo is None


def test_a_last_bar_that_the_song_cuts_short_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", audio()[:, : 8 * RATE - 30].T, RATE)
    order = compose(tmp_path / "short.wav", Where(bars="3:4", tempo=120), Sources(), InpaintParams(), 0)
    assert order.region == Region(4 * RATE, 8 * RATE - 30)
    assert "before the last bar does" in order.notes[0]


def test_drums_travel_at_their_own_rate_and_end_in_silence(tmp_path: Path, song: Path) -> None:
    order = compose(song, SECONDS_4_TO_6, Sources(drums=write_drums(tmp_path, seconds=5.0)), InpaintParams(), 0)
    assert [a.shape for a in order.audio] == [(2, SECONDS * RATE), (1, SECONDS * 32000)]
    assert np.abs(order.audio[1][:, : 5 * 32000]).max() > 0.1
    assert not order.audio[1][:, 5 * 32000 :].any()
    assert order.request.takes[0].controls == {"drums": 1.0}


def test_drums_that_no_take_follows_stay_here(tmp_path: Path, song: Path) -> None:
    sources = Sources(write_chords(tmp_path), write_drums(tmp_path))
    order = compose(song, SECONDS_4_TO_6, sources, InpaintParams(specs=("chord",)), 0)
    assert len(order.audio) == len(order.inputs) == 1
    assert order.request.drums is None


def test_the_piano_travels_as_notes(tmp_path: Path, song: Path) -> None:
    order = compose(song, Where(bars="2:3"), Sources(piano=write_chords(tmp_path)), InpaintParams(), 0)
    assert len(order.request.piano) == 39
    assert order.request.takes[0].controls == {"piano": 1.0}


def test_only_the_excerpt_of_a_long_song_travels(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 600, np.float32), 8000, subtype="PCM_16")
    order = compose(path, Where(300.0, 304.0), Sources(), InpaintParams(), 0)
    assert order.around == Region(270 * 8000, 334 * 8000)
    assert order.audio[0].shape == (1, 64 * 8000)
    assert order.request.holes == (Hole(30 * 8000, 34 * 8000),)


def test_a_seven_hour_song_costs_its_excerpt(tmp_path: Path) -> None:
    path = write_silence(tmp_path / "long.wav", 22050, 2, 7 * 3600)
    order = compose(path, Where(7 * 3600 - 5, 7 * 3600 - 1), Sources(), InpaintParams(), 0)
    assert order.audio[0].shape == (2, 35 * 22050)
    with pytest.raises(BadRegion, match="7200 s long"):
        compose(path, Where(0, 7200), Sources(), InpaintParams(), 0)


def test_more_audio_than_a_request_carries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_silence(tmp_path / "wide.wav", 192000, 16, 180)
    with pytest.raises(TooLarge, match="16 channels"):
        compose(path, Where(1, 179), Sources(), InpaintParams(), 0)


# ---- what is wrong -------------------------------------------------------------------------------------------


def test_files_that_are_missing(tmp_path: Path, song: Path) -> None:
    gone = tmp_path / "gone.x"
    for where, sources in [
        (SECONDS_4_TO_6, Sources(chords=gone)),
        (SECONDS_4_TO_6, Sources(drums=gone)),
        (SECONDS_4_TO_6, Sources(piano=gone)),
        (Where(4, 6, midi_tempo=gone), Sources()),
    ]:
        with pytest.raises(FileMissing, match="gone"):
            compose(song, where, sources, InpaintParams(), 0)
    with pytest.raises(FileMissing, match="gone"):
        compose(gone, SECONDS_4_TO_6, Sources(), InpaintParams(), 0)


def test_files_that_are_damaged(tmp_path: Path, song: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF\x10\0\0\0WAVEjunk")
    for path, sources in [(bad, Sources()), (song, Sources(drums=bad))]:
        with pytest.raises(BadAudio, match=r"bad\.wav"):
            compose(path, SECONDS_4_TO_6, sources, InpaintParams(), 0)
    broken = tmp_path / "bad.mid"
    broken.write_bytes(b"MThd\0\0\0\6\0\1\0\1")
    for sources in (Sources(chords=broken), Sources(piano=broken)):
        with pytest.raises(BadMidi, match=r"bad\.mid"):
            compose(song, SECONDS_4_TO_6, sources, InpaintParams(), 0)


def test_nan_in_the_song_or_the_drums(tmp_path: Path, song: Path) -> None:
    bad = audio().astype(np.float32)
    bad[0, 5 * RATE] = np.nan
    soundfile.write(tmp_path / "nan.wav", bad.T, RATE, subtype="FLOAT")
    for path, sources in [(tmp_path / "nan.wav", Sources()), (song, Sources(drums=tmp_path / "nan.wav"))]:
        with pytest.raises(BadAudio, match="not numbers"):
            compose(path, SECONDS_4_TO_6, sources, InpaintParams(), 0)


def test_an_empty_midi_file(tmp_path: Path, song: Path) -> None:
    empty = write_chords(tmp_path, "empty.mid", seconds=0)
    for sources in (Sources(chords=empty), Sources(piano=empty)):
        with pytest.raises(BadMidi, match=r"empty\.mid holds no notes"):
            compose(song, SECONDS_4_TO_6, sources, InpaintParams(), 0)


def test_a_chord_track_that_ends_before_the_region(tmp_path: Path, song: Path) -> None:
    with pytest.raises(BadMidi, match="plays nothing") as caught:
        compose(song, BARS, Sources(chords=write_chords(tmp_path, seconds=6)), InpaintParams(), 0)
    assert "It plays from 0.000 to 6.000 s" in caught.value.next_step


@pytest.mark.slow
def test_a_note_that_hangs_for_years_ends_with_the_song(tmp_path: Path, song: Path) -> None:
    """2^28 quarters: read in a moment, and held to the end of the song."""
    held = b"".join(bytes([0, 0x90, pitch, 100]) for pitch in (60, 64, 67))
    ends = b"\xff\xff\xff\x7f" + b"".join(bytes([0x80, pitch, 0, 0]) for pitch in (60, 64, 67))
    track = held + ends[:-1] + b"\0\xff\x2f\0"
    path = tmp_path / "hung.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\1" + b"MTrk" + len(track).to_bytes(4, "big") + track)
    tracemalloc.start()
    began = time.process_time()
    request = compose(song, SECONDS_4_TO_6, Sources(chords=path, piano=path), InpaintParams(), 0).request
    took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(chord.start, chord.end, chord.label) for chord in request.chords] == [(0, SECONDS, "C:maj")]
    assert {(note.start, note.end) for note in request.piano} == {(0, SECONDS)}
    assert took < 5
    assert peak < 100 * 2**20


def test_a_chord_that_is_none(tmp_path: Path, song: Path) -> None:
    (tmp_path / "a.lab").write_text("0 24 H:dur\n")
    with pytest.raises(UnknownChord, match="'H:dur'"):
        compose(song, SECONDS_4_TO_6, Sources(tmp_path / "a.lab"), InpaintParams(), 0)
    (tmp_path / "a.lab").write_text("0 2 C\n")
    with pytest.raises(InputError, match="says nothing"):
        compose(song, SECONDS_4_TO_6, Sources(tmp_path / "a.lab"), InpaintParams(), 0)


def test_drums_that_end_before_the_region(tmp_path: Path, song: Path) -> None:
    with pytest.raises(BadAudio, match=r"ends at 3\.000 s, before the region"):
        compose(song, SECONDS_4_TO_6, Sources(drums=write_drums(tmp_path, seconds=3)), InpaintParams(), 0)


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (Where(), BadRegion),
        (Where(1.0), BadRegion),
        (Where(2.0, 2.0), BadRegion),
        (Where(20.0, 25.0), BadRegion),
        (Where(bars="12:13", tempo=120), BadRegion),
        (Where(bars="1:2"), BadSetting),
        (Where(1, 2, bars="1:2", tempo=120), BadSetting),
        (Where(1, 2, tempo=0), BadSetting),
        (Where(1, 2, downbeat=1), BadSetting),
        (Where(1, 1e308), BadRegion),
        (Where(bars="1", tempo=120, downbeat=1e308), BadSetting),
        (Where(bars="1", tempo=120, downbeat=float("nan")), BadSetting),
        (Where(1, 2, tempo=120, midi_tempo=Path("a.mid")), BadSetting),
        (Where(1, 2, beats=Path("a.txt"), midi_tempo=Path("a.mid")), BadSetting),
    ],
)
def test_regions_that_are_none(song: Path, where: Where, error: type[Exception]) -> None:
    with pytest.raises(error):
        compose(song, where, Sources(), InpaintParams(), 0)


# ---- again ---------------------------------------------------------------------------------------------------


def keep(order: Order, folder: Path, take: int = 0) -> Path:
    """A file with the order's recipe, as a take has it."""
    path = folder / "take.wav"
    tags = bwf.Tags("r", "song", order.scene, 1, "2025-01-31T18:20:05")
    payload = recipe.encode(order.recipe(take, order.request.takes[take].seed, {"pack": "tiny"}, "0.1.0", tags.created))
    wavfile.write_region(path, order.song, order.region.start, np.zeros((2, order.region.samples)), tags, payload)
    return path


@pytest.fixture
def take(tmp_path: Path, song: Path) -> Path:
    sources = Sources(write_chords(tmp_path), write_drums(tmp_path), write_chords(tmp_path, "piano.mid"))
    return keep(compose(song, BARS, sources, InpaintParams(takes=2, text="jazz"), 3), tmp_path, take=1)


def test_a_recipe_orders_the_same_take_again(tmp_path: Path, song: Path, take: Path) -> None:
    sources = Sources(tmp_path / "chords.mid", tmp_path / "drums.wav", tmp_path / "piano.mid")
    fresh = compose(song, BARS, sources, InpaintParams(text="jazz"), 4)
    (tmp_path / "chords.mid").unlink()  # its chords are in the recipe
    order = repeat(take)
    assert order.request == msgspec.structs.replace(fresh.request, retries=0)  # its seed is known to be good
    assert (order.region, order.around, order.tempo) == (fresh.region, fresh.around, fresh.tempo)
    assert all(map(np.array_equal, order.audio, fresh.audio))
    assert order.models == {"pack": "tiny"}
    assert (order.scene, order.first) == ("bars5-8", 2)


def test_it_says_which_file_has_changed(tmp_path: Path, song: Path, take: Path) -> None:
    write_drums(tmp_path, seconds=20)
    with pytest.raises(BadRecipe, match=r"drums\.wav has changed"):
        repeat(take)
    write_drums(tmp_path)
    soundfile.write(song, audio().T * 0.5, RATE, subtype="PCM_24")
    with pytest.raises(BadRecipe, match=r"song\.wav has changed .* \(from 0\.000 to 24\.000 s\)"):
        repeat(take)
    song.unlink()
    with pytest.raises(FileMissing, match=r"song\.wav"):
        repeat(take)


def test_the_song_may_have_moved(tmp_path: Path, song: Path, take: Path) -> None:
    moved = song.rename(tmp_path / "moved.wav")
    order = repeat(take, moved)
    assert order.song.path == moved
    assert order.inputs[0].path == str(moved)


def test_other_files_carry_no_recipe(song: Path) -> None:
    with pytest.raises(BadRecipe, match=r"song\.wav carries no recipe"):
        repeat(song)
