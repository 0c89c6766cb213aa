"""A song in the fake Live, one Live a version, with the script running in it and the bridge's end of the wire."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.live import Live
from fakes.live_models import Clip, MidiNote, Track
from fakes.live_set import BridgeEnd, Stage, clip, midi_clip, stage, wav


@dataclass
class Song:
    """120 BPM, 4/4; four tracks from beat 0 to 64, and a brace from beat 16 to 32."""

    live: Live
    bass: Track
    drums: Track
    chords: Track
    piano: Track
    clip: Clip


@pytest.fixture
def make_song(tmp_path: Path) -> Callable[[str], Song]:
    def make(version: str) -> Song:
        live = Live(version)
        project = tmp_path / "Tune Project"
        live.song.file_path, live.song.name = str(project / "Tune.als"), "Tune"
        bass, drums = live.track("Bass"), live.track("Drums")
        chords, piano = live.track("Chords", has_midi_input=True), live.track("piano", has_midi_input=True)
        path = wav(project / "Samples" / "Recorded" / "bass.wav", 32.0)
        made = clip(bass, path, 0.0, 64.0)
        clip(drums, wav(project / "Samples" / "Recorded" / "drums.wav", 32.0, seed=1), 0.0, 64.0)
        triad = [MidiNote(pitch, 4.0 * bar, 4.0) for bar in range(4) for pitch in (57, 60, 64)]
        midi_clip(chords, 0.0, 64.0, triad, looping_=True, loop_end_=16.0)
        midi_clip(piano, 16.0, 16.0, [MidiNote(72, 0.0, 1.0), MidiNote(74, 1.0, 1.0, mute=True)])
        live.song.loop, live.song.loop_start, live.song.loop_length = True, 16.0, 16.0
        live.song.view.selected_track = bass
        return Song(live, bass, drums, chords, piano, made)

    return make


@pytest.fixture
def song(make_song: Callable[[str], Song]) -> Song:
    return make_song("12.2.1")


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeEnd]:
    made = BridgeEnd(tmp_path / "home" / "spool")
    yield made
    made.socket.close()


@pytest.fixture
def play(tmp_path: Path, bridge: BridgeEnd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stage]]:
    """Start the script in a song's Live. The bridge has heard its hello, and has answered, which counts for a minute,
    unless it is not `there`."""
    with ExitStack() as stack:

        def start(song: Song, there: bool = True, **more: Any) -> Stage:
            on = stack.enter_context(stage(song.live, tmp_path, bridge, **more))
            monkeypatch.setattr(sys.modules["Punchin.link"], "ALIVE_SECONDS", 60.0)
            monkeypatch.setattr(sys.modules["Punchin.watch"], "LOOK_SECONDS", 0.05)
            on.turn()
            if there:
                bridge.say()
                on.turn()
            return on

        yield start


@pytest.fixture
def on(song: Song, play: Callable[..., Stage]) -> Stage:
    return play(song)
