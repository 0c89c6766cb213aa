"""What a host submits becomes the order that the command line would have made, at any place of the project."""

import time
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.songs import CHORDS, LABELS, RATE, SECONDS, audio, write_chords, write_drums, write_song
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from punchin_bridge.audio import bwf, wavfile
from punchin_bridge.hosts import compose, protocol
from punchin_bridge.hosts.protocol import (
    ChordName,
    Clip,
    Clips,
    MidiNote,
    PedalMove,
    Project,
    Rendered,
    Span,
    Submit,
    TempoPoint,
    Timeline,
    TimeSignaturePoint,
    Track,
    WarpPoint,
)
from punchin_bridge.hosts.timeline import tempo_map
from punchin_bridge.music.region import Region
from punchin_bridge.takes import inpaint
from punchin_bridge.takes.inpaint import Sources
from punchin_bridge.takes.location import Where
from punchin_bridge.takes.order import ModelTake, Output
from punchin_bridge.takes.recipe import decode, encode
from punchin_wire.errors import BadAudio, BadMidi, BadRegion, BadSetting, FileMissing, InputError, UnknownChord
from punchin_wire.frames import describe
from punchin_wire.messages import InpaintRequest, Take, TransferRequest
from punchin_wire.params import InpaintParams, TransferParams

STARTS = (0, 12345, -7 * RATE, 2**40 - 60 * RATE)
"""Where the rendered file begins on the time line: anywhere."""


def submit(folder: Path, start: int = 0, **changes: object) -> Submit:
    """Bars 5 to 8 of the song, which is rendered from its bar 1 at project sample `start`; a bar is 4 quarters, 2 s."""
    notes = tuple(
        MidiNote(4 * bar, 4 * (bar + 1), pitch) for bar in range(SECONDS // 2) for pitch in CHORDS[bar % len(CHORDS)]
    )
    said: dict[str, object] = {
        "host": "reaper-1",
        "job": "job-1",
        "project": Project("p"),
        "timeline": Timeline(RATE, (TempoPoint(0, 120),), (TimeSignaturePoint(0),), start),
        "region": Span(start + 8 * RATE, start + 16 * RATE),
        "target": Track("1", "Lead/Guitar", Rendered(str(folder / "song.wav"), start), 2),
        "chords": notes,
        "params": InpaintParams(takes=2),
    }
    return Submit(**{**said, **changes})  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_song(tmp_path)
    return tmp_path


def asked(made: compose.Order) -> InpaintRequest:
    assert isinstance(made.request, InpaintRequest)
    return made.request


# ---- the same order as from files ----------------------------------------------------------------------------


@pytest.mark.parametrize("start", STARTS)
def test_it_is_the_order_that_the_files_would_have_made(folder: Path, start: int) -> None:
    drums = Track("2", "Drums", Rendered(str(write_drums(folder, rate=RATE)), start))
    made = compose.order(submit(folder, start, drums=drums), 3, folder)
    files = Sources(write_chords(folder), folder / "drums.wav")
    theirs = inpaint.compose(folder / "song.wav", Where(bars="5:8"), files, InpaintParams(takes=2), 3)
    assert (made.region, made.around, made.scene, made.tempo) == (
        theirs.region, theirs.around, theirs.scene, theirs.tempo,
    )  # fmt: skip
    assert made.inputs == theirs.inputs
    assert all(map(np.array_equal, made.audio, theirs.audio))
    mine, other = asked(made), asked(theirs)
    assert (mine.source, mine.holes, mine.takes, mine.drums) == (other.source, other.holes, other.takes, other.drums)
    assert [chord.label for chord in mine.chords] == [chord.label for chord in other.chords] == list(LABELS) * 3
    assert [c.start for c in mine.chords] == pytest.approx([c.start for c in other.chords], abs=1e-6)
    assert mine.beats == pytest.approx(other.beats, abs=1e-6)


@pytest.mark.parametrize("start", STARTS)
def test_takes_say_where_they_belong_in_the_project(folder: Path, start: int) -> None:
    made = compose.order(submit(folder, start), 3, folder)
    path = folder / "take.wav"
    tags = bwf.Tags("r", made.name, made.scene, 1, "2025-01-31T18:20:05")
    payload = encode(made.recipe(0, 7, {}, "0.1.0", tags.created))
    wavfile.write_region(path, made.song, made.region.start, np.zeros((2, made.region.samples)), tags, payload)
    assert wavfile.probe(path).time_reference == max(0, start + 8 * RATE)
    assert made.name == "Lead-Guitar"


def test_a_project_whose_bar_1_is_elsewhere(folder: Path) -> None:
    """Bar 1 sounds 10 s before the file begins, at another tempo; the region is off the bar lines."""
    timeline = Timeline(RATE, (TempoPoint(0, 60), TempoPoint(5, 120)), (TimeSignaturePoint(0, 3),), -10.0 * RATE)
    notes = tuple(MidiNote(5, 61, pitch) for pitch in (60, 64, 67))
    region = Span(4 * RATE, 6 * RATE)
    made = compose.order(submit(folder, timeline=timeline, region=region, chords=notes), 0, folder)
    assert (made.region, made.scene) == (Region(4 * RATE, 6 * RATE), "4.000-6.000s")
    assert made.tempo == bwf.Tempo(120.0, 3, 4)
    assert asked(made).beats == pytest.approx([i / 2 for i in range(2 * SECONDS)], abs=1e-9)
    assert [(c.start, c.end, c.label) for c in asked(made).chords] == [(0, pytest.approx(23), "C:maj")]


def test_notes_follow_a_tempo_ramp(folder: Path) -> None:
    """60 to 120 over 24 quarters, evenly in time, takes 16 s; quarter 10 sounds after 8 s at 90 bpm."""
    timeline = Timeline(RATE, (TempoPoint(0, 60, "time"), TempoPoint(24, 120)), (TimeSignaturePoint(0),))
    notes = (*(MidiNote(0, 10, p) for p in (60, 64, 67)), *(MidiNote(10, 40, p) for p in (57, 60, 64)))
    made = compose.order(submit(folder, timeline=timeline, chords=notes), 0, folder)
    speed = 1 + 1 / 16 * 16 / 2  # quarters a second, on the mean
    at = 24 / speed * ((1 + 2 * 10 * (3 / 2) / 24) ** 0.5 - 1)
    assert asked(made).chords[1].start == pytest.approx(at, abs=1e-9)
    assert made.tempo is None


@st.composite
def clocks(draw: st.DrawFn) -> Timeline:
    """Slow enough that a chord of two quarters is none too short to be heard."""
    tempos, quarter = [], 0.0
    for _ in range(draw(st.integers(1, 4))):
        curve = draw(st.sampled_from(["steady", "time", "quarters"]))
        tempos.append(TempoPoint(quarter, draw(st.floats(40, 160)), curve))
        quarter += draw(st.floats(1, 12))
    time_signatures = (TimeSignaturePoint(0, draw(st.integers(2, 7)), draw(st.sampled_from([4, 8]))),)
    return Timeline(RATE, tuple(tempos), time_signatures, draw(st.floats(-20 * RATE, 2 * RATE)))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clocks(), st.integers(-(10**9), 10**9), st.integers(4 * RATE, 12 * RATE), st.integers(3 * RATE, 8 * RATE))
def test_music_meets_the_audio_to_the_sample_on_any_map(
    folder: Path, clock: Timeline, start: int, first: int, samples: int
) -> None:
    """A chord changes where the region begins, and a beat falls there, whatever the tempo does and wherever it is."""
    clock = msgspec.structs.replace(clock, origin=clock.origin + start)
    grid = tempo_map(clock)
    region = Span(start + first, start + first + samples)
    at, end = (grid.quarter_of(edge, RATE) for edge in (region.start, region.end))
    notes = (*(MidiNote(at - 8, at, p) for p in (60, 64, 67)), *(MidiNote(at, end, p) for p in (57, 61, 64)))
    made = asked(compose.order(submit(folder, start, timeline=clock, region=region, chords=notes), 0, folder))
    [hole] = made.holes
    assert (hole.start, hole.end - hole.start) == (first, samples)
    change = next(chord for chord in made.chords if chord.label == "A:maj")
    assert change.start * RATE == pytest.approx(hole.start, abs=0.01)
    assert change.end * RATE == pytest.approx(hole.end, abs=0.01)
    places = [grid.quarters((start / RATE) + beat) for beat in made.beats]
    steps = {round(there - here, 6) for here, there in pairwise(places)}
    assert steps <= {0.5, 1.0, 1.5}


# ---- what takes may follow -----------------------------------------------------------------------------------


def test_auto_hears_only_what_the_host_does_not_give(folder: Path) -> None:
    params = InpaintParams(chords="auto", piano="auto")
    given = asked(compose.order(submit(folder, params=params), 0, folder))
    assert (given.hear, bool(given.chords)) == (("piano",), True)
    both = compose.order(submit(folder, params=params, chords=()), 0, folder)
    assert (asked(both).hear, asked(both).stem, len(both.audio)) == (("chord", "piano"), None, 1)
    assert asked(both).takes[0].controls == {"chord": 1.0, "piano": 1.0}


def test_a_harmony_track_is_heard_in_place_of_the_target(folder: Path) -> None:
    params = InpaintParams(chords="auto")
    keys = Track("3", "Keys", Rendered(str(write_drums(folder, rate=RATE)), 0))
    made = compose.order(submit(folder, params=params, chords=(), harmony=keys), 0, folder)
    stem = asked(made).stem
    assert stem is not None
    assert (stem.frame, len(made.audio)) == (1, 2)
    given = compose.order(submit(folder, params=params, harmony=keys), 0, folder)
    assert (asked(given).stem, len(given.audio)) == (None, 1)


def test_drums_are_cut_to_the_excerpt_from_a_start_of_their_own(folder: Path) -> None:
    write_drums(folder, seconds=6, rate=RATE)
    drums = Track("2", "Drums", Rendered(str(folder / "drums.wav"), 7 * RATE))
    made = compose.order(submit(folder, chords=(), drums=drums), 0, folder)
    hits, _ = soundfile.read(folder / "drums.wav", dtype="float32")
    assert made.audio[1].shape == (1, SECONDS * RATE)
    assert np.array_equal(made.audio[1][0, 7 * RATE : 13 * RATE], hits)
    assert not made.audio[1][:, : 7 * RATE].any()
    assert not made.audio[1][:, 13 * RATE :].any()
    assert made.inputs[1].start == -7 * RATE
    assert decode(encode(made.recipe(0, 7, {}, "0", ""))).inputs == made.inputs


@pytest.mark.parametrize("start", [1 * RATE, 17 * RATE])
def test_drums_that_do_not_sound_in_the_region(folder: Path, start: int) -> None:
    write_drums(folder, seconds=6, rate=RATE)
    drums = Track("2", "Drums", Rendered(str(folder / "drums.wav"), start))
    with pytest.raises(BadAudio, match=r"ends at 7\.000 s, before|begins at 17\.000 s, after"):
        compose.order(submit(folder, drums=drums), 0, folder)


def test_the_piano_travels_as_notes(folder: Path) -> None:
    piano = (MidiNote(20, 21, 60, 90), MidiNote(17, 17, 64), MidiNote(18, 20, 64, 80))
    made = compose.order(submit(folder, 12345, piano=piano), 0, folder)
    assert [(n.start, n.end, n.pitch, n.velocity) for n in asked(made).piano] == [
        (pytest.approx(9, abs=1e-9), pytest.approx(10), 64, 80),
        (pytest.approx(10, abs=1e-9), pytest.approx(10.5), 60, 90),
    ]
    assert asked(made).takes[0].controls == {"chord": 1.0, "piano": 1.0}


def test_pedals_hold_the_notes_of_their_channel(folder: Path) -> None:
    """Short keys under the pedal are the chords and the piano that long keys are."""
    long = submit(folder)
    short = tuple(msgspec.structs.replace(note, end=note.start + 0.5) for note in long.chords)
    moves = tuple(PedalMove(4.0 * bar, value) for bar in range(SECONDS // 2 + 1) for value in (0, 127))
    held = submit(folder, chords=short, chord_pedals=moves, piano=short, piano_pedals=moves)
    made, theirs = (
        asked(compose.order(s, 0, folder)) for s in (held, msgspec.structs.replace(long, piano=long.chords))
    )
    assert (made.chords, made.piano) == (theirs.chords, theirs.piano)
    other = msgspec.structs.replace(held, piano_pedals=(PedalMove(0, 127, channel=1),))
    piano = asked(compose.order(other, 0, folder)).piano
    assert {round(note.end - note.start, 6) for note in piano} == {0.25}


def test_a_chord_track_of_hours_costs_its_excerpt(folder: Path) -> None:
    far = tuple(MidiNote(1000 + i / 4, 1000.2 + i / 4, 40 + i % 40) for i in range(20_000))
    near = (*submit(folder).chords, MidiNote(48, 1e7, 60))
    began = time.monotonic()
    made = compose.order(submit(folder, chords=(*far, *near)), 0, folder)
    assert time.monotonic() - began < 60  # minutes, if it looked at every note
    assert [chord.label for chord in asked(made).chords] == list(LABELS) * 3


def test_chords_that_were_typed_lie_over_the_bars_of_the_region(folder: Path) -> None:
    names = tuple(ChordName(4 * bar, 4 * (bar + 1), name) for bar, name in zip(range(4, 8), "CGCF", strict=True))
    by_names = compose.order(submit(folder, chords=(), chord_names=names), 0, folder)
    typed = compose.order(submit(folder, chords=(), chord_line="C | G | C | F"), 0, folder)
    assert asked(typed).chords == asked(by_names).chords
    shorter = compose.order(submit(folder, chords=(), chord_line="C | G"), 0, folder)
    assert [chord.label for chord in asked(shorter).chords] == ["C:maj", "G:maj", "C:maj", "G:maj"]
    with pytest.raises(UnknownChord):
        compose.order(submit(folder, chords=(), chord_line="Cmja7"), 0, folder)


def test_chord_names_stand_for_a_chord_track(folder: Path) -> None:
    names = (ChordName(0, 16, "Am7"), ChordName(16, 24, "Bb/D"), ChordName(24, 48, "N.C."))
    made = compose.order(submit(folder, chords=(), chord_names=names), 0, folder)
    assert [(c.start, c.end, c.label) for c in asked(made).chords] == [
        (0, 8, "A:min7"), (8, 12, "Bb:maj/3"), (12, 24, "N")
    ]  # fmt: skip


def test_the_wish_reaches_the_request(folder: Path) -> None:
    params = InpaintParams(specs=("free", "chord=0.5"), text="soft", pack="big", chord_rhythm="compat")
    made = compose.order(submit(folder, params=params), 9, folder)
    request = asked(made)
    assert [(take.seed, take.controls) for take in request.takes] == [(9, {}), (10, {"chord": 0.5})]
    assert (request.text, request.pack, request.chord_rhythm) == ("soft", "big", "compat")


def test_a_transfer_takes_its_preset(folder: Path) -> None:
    params = TransferParams("violin", source="guitar", takes=2, alpha=0.3)
    made = compose.order(submit(folder, STARTS[2], params=params), 4, folder)
    request = made.request
    assert isinstance(request, TransferRequest)
    assert (request.prompt, request.alpha, request.pooling) == ("a recording of a violin solo", 0.3, (2, 2))
    assert [take.seed for take in request.takes] == [4, 5]
    assert (made.region, made.scene) == (Region(8 * RATE, 16 * RATE), "violin_bars5-8")
    assert np.allclose(made.audio[0], audio()[:, 8 * RATE : 16 * RATE], atol=2**-23)


# ---- clips ---------------------------------------------------------------------------------------------------


def test_clips_are_put_together_around_the_region(folder: Path) -> None:
    """Only as much as the request carries is written, to the job's own folder."""
    long = Clips((Clip(str(folder / "song.wav"), 96, 144),), Span(0, 600 * RATE))
    region = Span(56 * RATE, 64 * RATE)
    job = folder / "job"
    job.mkdir()
    made = compose.order(submit(folder, target=Track("1", "Lead", long, 2), region=region, chords=()), 0, job)
    assert made.song.path == job / "target.wav"
    assert made.song.samples == 68 * RATE
    assert made.region == Region(30 * RATE, 38 * RATE)
    assert made.song.time_reference == 26 * RATE
    song, _ = soundfile.read(folder / "song.wav", dtype="float32")
    assert np.array_equal(made.audio[0][:, 22 * RATE : 46 * RATE], song.T)
    assert not made.audio[0][:, : 22 * RATE].any()
    assert (made.scene, made.notes) == ("bars29-32", ())


@pytest.mark.slow
def test_a_job_that_is_composed_again_is_the_same(folder: Path) -> None:
    """A restarted bridge must find the daemon's result of the same request."""
    warp = (WarpPoint(0, 0), WarpPoint(8, 3.9))
    target = Track("1", "Lead", Clips((Clip(str(folder / "song.wav"), 0, 48, 0, warp),), Span(0, 24 * RATE)))
    one, other = (compose.order(submit(folder, target=target), 0, folder) for _ in range(2))
    assert (one.request, one.inputs) == (other.request, other.inputs)
    assert np.array_equal(one.audio[0], other.audio[0])
    assert one.notes == ("song.wav is heard at 0.975 times its speed: Punchin stretched it, not its host.",)


def test_drums_may_be_clips(folder: Path) -> None:
    hits = write_drums(folder, "hits.wav", seconds=2, rate=RATE)
    loop = Clips((Clip(str(hits), 0, 48, 0, (), (0.0, 2.0)),), Span(0, 24 * RATE))
    made = compose.order(submit(folder, chords=(), drums=Track("2", "Drums", loop)), 0, folder)
    lap, _ = soundfile.read(hits, dtype="float32")
    assert np.array_equal(made.audio[1][0], np.tile(lap, 12))


def test_clips_elsewhere_than_the_region(folder: Path) -> None:
    far = Track("2", "Drums", Clips((), Span(100 * RATE, 110 * RATE)))
    for changes in ({"drums": far}, {"target": far}):
        with pytest.raises(BadRegion, match=r"clips of Drums are nowhere near the region from 8\.000 to 16\.000 s"):
            compose.order(submit(folder, **changes), 0, folder)
    whole = Track("2", "Lead", Clips((), Span(0, 2000 * RATE)))
    with pytest.raises(BadRegion, match="1900 s long"):
        compose.order(submit(folder, target=whole, region=Span(0, 1900 * RATE)), 0, folder)


# ---- several holes, silent drums -----------------------------------------------------------------------------


def test_several_holes_are_one_request_and_one_file_a_take(folder: Path) -> None:
    holes = (Span(1000 + 8 * RATE, 1000 + 10 * RATE), Span(1000 + 13 * RATE, 1000 + 16 * RATE))
    region = Span(1000 + 8 * RATE, 1000 + 16 * RATE)
    made = compose.order(submit(folder, 1000, region=region, holes=holes), 3, folder)
    assert (made.region, made.scene) == (Region(8 * RATE, 16 * RATE), "8.023-10.023s+13.023-16.023s")
    assert made.holes == (Region(8 * RATE, 10 * RATE), Region(13 * RATE, 16 * RATE))
    length = asked(made).source.samples
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, length)
    header = Take(0, 7, 0, describe(noise[None].astype(np.float32), RATE))
    report = made.write(ModelTake(0, header, noise, "job", {}, "2025-01-31T18:20:05"), Output(folder))
    take, rate = soundfile.read(report.path, dtype="float64", always_2d=True)
    song = soundfile.read(folder / "song.wav", dtype="float64", always_2d=True)[0][8 * RATE : 16 * RATE]
    same = np.all(take == song, axis=1)
    assert (rate, len(take), len(report.seam)) == (RATE, 8 * RATE, 2)
    assert np.all(same[2 * RATE : 5 * RATE])
    assert np.mean(same[: 2 * RATE]) < 0.1
    assert np.mean(same[5 * RATE :]) < 0.1


@pytest.mark.parametrize("params", [InpaintParams(weights={"drums": 0.5}), InpaintParams(specs=("chord+drums=.5",))])
def test_silent_drums_are_said_and_not_followed(folder: Path, params: InpaintParams) -> None:
    soundfile.write(folder / "silent.wav", np.zeros((24 * RATE, 2)), RATE)
    drums = Track("2", "Kit", Rendered(str(folder / "silent.wav"), 0))
    made = compose.order(submit(folder, drums=drums, params=params), 0, folder)
    assert made.notes == ("Kit is silent there, so takes follow no drums.",)
    assert (asked(made).drums, len(made.audio)) == (None, 1)
    assert [take.controls for take in asked(made).takes] == [{"chord": 1.0}]


def test_what_the_host_could_not_hear_is_said(folder: Path) -> None:
    said = "Takes follow no drums: Kit is muted."
    made = compose.order(submit(folder, notes=(said,), params=InpaintParams(weights={"drums": 0.5})), 0, folder)
    assert made.notes == (said,)


# ---- what is wrong -------------------------------------------------------------------------------------------


def track(path: Path, start: int = 0, channels: int | None = None) -> Track:
    return Track("1", "Lead", Rendered(str(path), start), channels)


def names(*said: ChordName) -> dict[str, object]:
    return {"chords": (), "chord_names": said}


LATE = Timeline(RATE, (TempoPoint(1, 120),), (TimeSignaturePoint(0),))


WRONG = {
    "rate": (lambda f: {"target": track(f / "slow.wav")}, BadAudio, "8000 samples a second, but the project 44100"),
    "drum rate": (lambda f: {"drums": track(f / "slow.wav")}, BadAudio, "8000 samples a second"),
    "channels": (lambda f: {"target": track(f / "song.wav", channels=1)}, BadAudio, "2 channels, but .* must have 1"),
    "nan": (lambda f: {"target": track(f / "nan.wav")}, BadAudio, "not numbers"),
    "no wav": (lambda f: {"target": track(f / "none.wav")}, BadAudio, r"none\.wav"),
    "gone": (lambda f: {"target": track(f / "gone.wav")}, FileMissing, "gone"),
    "relative": (lambda _: {"target": track(Path("song.wav"))}, FileMissing, "in which folder"),
    "empty region": (lambda _: {"region": Span(RATE, RATE)}, BadRegion, "has no length"),
    "before": (lambda f: {"target": track(f / "song.wav", 9 * RATE)}, BadRegion, "which goes from 9.000 to 33.000 s"),
    "after": (lambda f: {"target": track(f / "song.wav", -9 * RATE)}, BadRegion, "which goes from -9.000 to 15.000 s"),
    "no chords there": (
        lambda _: {"chords": (MidiNote(0, 4, 60),)},
        BadMidi,
        r"plays nothing from 8\.000 to 16\.000 s",
    ),
    "no names there": (lambda _: names(ChordName(0, 4, "Am7")), InputError, "names a chord from 8.000"),
    "no chord": (lambda _: names(ChordName(0, 40, "Cmja7")), UnknownChord, "'Cmja7'"),
    "no piano there": (lambda _: {"piano": (MidiNote(0, 4, 60),)}, BadMidi, "piano plays no note"),
    "no timeline": (lambda _: {"timeline": LATE}, BadSetting, "starts at 0"),
    "no chords": (
        lambda _: {"chords": (), "params": InpaintParams(specs=("chord",))},
        BadSetting,
        "no chord to",
    ),
    "holes beyond": (
        lambda _: {"holes": (Span(8 * RATE, 9 * RATE), Span(10 * RATE, 17 * RATE))},
        BadRegion,
        "outside it",
    ),
    "holes in holes": (
        lambda _: {"holes": (Span(8 * RATE, 12 * RATE), Span(10 * RATE, 16 * RATE))},
        BadRegion,
        "overlap",
    ),
    "holes of a transfer": (
        lambda _: {"holes": (Span(8 * RATE, 9 * RATE), Span(10 * RATE, 16 * RATE)), "params": TransferParams("cello")},
        BadRegion,
        "one region, not several",
    ),
    "silence": (lambda f: {"target": track(f / "silent.wav"), "params": TransferParams("cello")}, BadAudio, "silence"),
}
"""What is changed in a good submission, and what is said of it."""


@pytest.mark.parametrize("what", WRONG)
def test_one_clear_error_for_what_is_wrong(folder: Path, what: str) -> None:
    broken = audio().T.astype(np.float32)
    broken[10 * RATE] = np.nan
    soundfile.write(folder / "nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(folder / "slow.wav", np.zeros((8000 * 30, 2)), 8000)
    soundfile.write(folder / "silent.wav", np.zeros((24 * RATE, 2)), RATE)
    (folder / "none.wav").write_bytes(b"RIFF")
    changes, error, said = WRONG[what]
    with pytest.raises(error, match=said) as caught:
        compose.order(submit(folder, **changes(folder)), 0, folder)
    assert caught.value.next_step


def test_a_submission_survives_json(folder: Path) -> None:
    told = msgspec.json.encode(submit(folder, -5))
    heard = msgspec.json.decode(told, type=protocol.FromHost)
    assert isinstance(heard, Submit)
    assert compose.order(heard, 0, folder).region == Region(8 * RATE, 16 * RATE)
