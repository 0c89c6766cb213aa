"""The plug-in in a VST3 host, the bridge and the daemon: real processes, the real spool. Time is the song's."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from fakes import bridge as bridges
from fakes import harness, plugin_build
from fakes.bridge import bridge
from fakes.harness import daemon, until
from fakes.page import at_bridge
from hosts.plugin import Hosted, Midi, Samples, hosted, noise
from msgspec import UNSET
from punchin_bridge.audio.wavfile import probe
from punchin_bridge.hosts.protocol import Command
from punchin_bridge.hosts.spool import Caller, Spool
from punchin_bridge.takes import recipe
from punchin_wire.errors import DaemonError
from punchin_wire.messages import InpaintRequest
from punchin_wire.params import InpaintParams
from punchin_wire.paths import read_bridge_record

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]  # the first of them builds the plug-in

RATE = 48_000
SECONDS = 12
START, END = 4 * RATE, 6 * RATE
"""Bar 3 of the song, at 120 bpm."""


SONG = noise(SECONDS * RATE, 3)


@pytest.fixture(scope="session")
def built() -> Path:
    return plugin_build.bundles()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def installed(home: Path, built: Path) -> Path:
    return plugin_build.install(home / "plug-ins", built)


@pytest.fixture
def track(installed: Path) -> Iterator[Callable[..., Hosted]]:
    made: list[Hosted] = []

    def add(name: str, plugin: str = "Punchin", channels: int = 2, **settings: Any) -> Hosted:
        found = hosted(installed / f"{plugin}.vst3", channels=channels)
        made.append(found)
        found.write(name=name, **settings)
        return found

    yield add
    for each in made:
        each.plugin.close()


def do(home: Path, target: str, action: str, params: Any = UNSET, **details: Any) -> None:
    """What `punchin host do` does, once the plug-in is there."""

    def is_done() -> bool:
        me = Caller(Spool(home / "spool"), f"cli-{uuid.uuid4().hex[:8]}")
        try:
            me.want(target, Command(uuid.uuid4().hex[:12], action, params, **details), time.monotonic() + 60)
        except DaemonError as error:
            if "is connected" not in str(error):
                raise
            return False
        finally:
            me.leave()
        return True

    until(is_done, 60)


def arrived(home: Path, plugins: int) -> None:
    """Wait until so many plug-ins have said hello."""
    until(lambda: len(list((home / "spool" / "hosts").glob("plugin-*"))) == plugins, 60)


def punch(home: Path, track: Hosted, name: str, params: InpaintParams | None = None) -> list[Samples]:
    """Have takes of bar 3 made, and wait until one plays in place: the takes, as their files are."""
    do(home, name, "select", start=START / RATE, end=END / RATE, unit="seconds")
    before = len(takes_of(track))
    do(home, name, "inpaint", params or InpaintParams(takes=2, seed=1))
    until(lambda: len(takes_of(track)) > before, 120)
    return [read(Path(take["path"])) for take in takes_of(track)[before:]]


def takes_of(track: Hosted) -> list[Any]:
    return [take for region in track.state["regions"] for take in region["takes"]]


def read(path: Path) -> Samples:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(audio.T)


def settled(track: Hosted, song: Samples) -> Samples:
    """What plays once the ramp to a new take is over."""
    track.play(song[:, :RATE])
    return track.play(song)


def check_in_place(heard: Samples, song: Samples, take: Samples) -> None:
    """Inside it is the take to the sample, outside what came in bit for bit."""
    assert np.array_equal(heard[:, START:END], take)
    assert np.array_equal(heard[:, :START], song[:, :START])
    assert np.array_equal(heard[:, END:], song[:, END:])


# ---- the main job ----------------------------------------------------------------------------------------------


def test_from_the_played_song_to_takes_in_place(home: Path, track: Callable[..., Hosted]) -> None:
    with daemon(home), bridge(home):
        keys = track("Keys", song_name="My song")
        assert np.array_equal(keys.play(SONG), SONG)
        takes = punch(home, keys, "Keys")
        assert len(takes) == 2
        check_in_place(settled(keys, SONG), SONG, takes[0])
        do(home, "Keys", "next_take")
        check_in_place(settled(keys, SONG), SONG, takes[1])
        assert keys.take == 2
        do(home, "Keys", "next_take")
        assert np.array_equal(settled(keys, SONG), SONG)
        assert keys.take == 0
        [made] = keys.state["settings"]["jobs"]
        browser = at_bridge(home)
        [job] = [job for job in browser.part("jobs") if job["job"] == made["job"]]
        assert (job["track"], job["project_name"], job["phase"]) == ("Keys", "My song", "placed")
        assert browser.act("use", job=made["job"], take=1).status == 200
        check_in_place(settled(keys, SONG), SONG, takes[1])
        assert keys.take == 2
        path = Path(takes_of(keys)[0]["path"])
        assert path.parent == home / "takes" / "My song"
        assert probe(path).time_reference == START
        assert recipe.read(path).request.takes[0].seed == 1


def test_on_a_mono_track_takes_are_mono(home: Path, track: Callable[..., Hosted]) -> None:
    with daemon(home), bridge(home):
        song, voice = SONG[:1], track("Voice", channels=1)
        assert np.array_equal(voice.play(song), song)
        for take in punch(home, voice, "Voice"):
            assert take.shape == (1, END - START)
        check_in_place(settled(voice, song), song, read(Path(takes_of(voice)[0]["path"])))
        [edges] = [region["edges"] for region in voice.state["regions"]]
        assert len(edges["start"]) == len(edges["end"]) == 1


def test_two_tracks_and_the_chords_of_one_song(home: Path, track: Callable[..., Hosted]) -> None:
    """On the built-in pack: a take follows what was played on the drum track and the chords."""
    with daemon(home, env={"REAL_WORKER": "1"}), bridge(home):
        keys, drums, chords = track("Keys"), track("Drums"), track("Chords", "PunchinChords")
        hits = noise(SECONDS * RATE, 5)
        keys.play(SONG)
        assert np.array_equal(drums.play(hits), hits)
        assert np.array_equal(chords.play(SONG, midi=cadence()), SONG)
        arrived(home, 3)
        take, *_ = punch(home, keys, "Keys", InpaintParams(takes=1, seed=1))
        check_in_place(settled(keys, SONG), SONG, take)
        assert np.array_equal(drums.play(hits), hits)
        made = recipe.read(Path(takes_of(keys)[0]["path"])).request
        assert isinstance(made, InpaintRequest)
        assert {chord.label for chord in made.chords} >= {"C:maj", "G:maj"}
        assert made.drums is not None
        assert made.takes[0].controls == {"chord": 1.0, "drums": 1.0}


def test_a_piano_part_is_followed_as_the_musician_says(home: Path, track: Callable[..., Hosted]) -> None:
    """On the built-in pack: the notes that pass through *Punchin Chords* are the request's piano, note by note."""
    with daemon(home, env={"REAL_WORKER": "1"}), bridge(home):
        keys, piano = track("Keys"), track("Grand", "PunchinChords", feeds="piano")
        keys.play(SONG)
        assert np.array_equal(piano.play(SONG, midi=cadence()), SONG)
        arrived(home, 2)
        take, *_ = punch(home, keys, "Keys", InpaintParams(takes=1, seed=1))
        check_in_place(settled(keys, SONG), SONG, take)
        made = recipe.read(Path(takes_of(keys)[0]["path"])).request
        assert isinstance(made, InpaintRequest)
        assert made.takes[0].controls == {"piano": 1.0}
        assert made.chords == ()
        hole = made.holes[0].start / made.source.sample_rate
        here = [note for note in made.piano if note.start == pytest.approx(hole, abs=0.01)]
        assert {note.pitch for note in here} == {60, 64, 67}


def test_chords_are_read_from_the_audio_where_the_window_says_so(home: Path, track: Callable[..., Hosted]) -> None:
    """On the built-in pack: nobody gives chords, and the track itself plays C and G, a bar each."""
    with daemon(home, env={"REAL_WORKER": "1"}), bridge(home):
        keys = track("Keys", parameters={"chords_from": "auto"})
        song = sounding(cadence())
        assert np.array_equal(keys.play(song), song)
        arrived(home, 1)
        do(home, "Keys", "select", start=START / RATE, end=END / RATE, unit="seconds")
        do(home, "Keys", "inpaint")  # as the window says
        until(lambda: takes_of(keys), 120)
        made = recipe.read(Path(takes_of(keys)[0]["path"])).request
        assert isinstance(made, InpaintRequest)
        assert made.takes[0].controls == {"chord": 1.0}
        hole = made.holes[0].start / made.source.sample_rate
        [label] = {chord.label for chord in made.chords if chord.start <= hole + 1.0 < chord.end}
        assert label == "C:maj"


def sounding(midi: list[Midi]) -> Samples:
    """The keys as sines with two overtones, which fade as a piano's do."""
    song = np.zeros(SECONDS * RATE)
    for start, kind, pitch, _ in midi:
        if kind == 0x90:
            seconds = np.arange(min(2 * RATE, len(song) - start)) / RATE
            tone = sum(np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * n * seconds) / n**2 for n in (1, 2, 3))
            song[start : start + len(seconds)] += 0.1 * np.exp(-seconds) * tone
    return np.stack([song, song]).astype(np.float32)


def cadence() -> list[Midi]:
    """C and G, a bar each."""
    found: list[Midi] = []
    for bar in range(SECONDS // 2):
        for pitch in (60, 64, 67) if bar % 2 == 0 else (55, 59, 62):
            found += [(bar * 2 * RATE, 0x90, pitch, 100), ((bar + 1) * 2 * RATE - 100, 0x80, pitch, 0)]
    return sorted(found)


def test_it_starts_the_bridge_when_none_answers(home: Path, track: Callable[..., Hosted]) -> None:
    """As the bridge is killed, with the request on its way, the plug-in starts the next one; the takes come once."""
    with daemon(home):
        first = bridges.launch(home)
        try:
            keys = track("Keys")
            keys.play(SONG)
            do(home, "Keys", "select", start=START / RATE, end=END / RATE, unit="seconds")
            do(home, "Keys", "inpaint", InpaintParams(takes=2, text="steps=20 step=0.05"))
        finally:
            first.stop(signal.SIGKILL)
        try:
            until(lambda: takes_of(keys), 120)
            assert len(takes_of(keys)) == 2
            until(lambda: not any((home / "spool" / "jobs").iterdir()), 60)
            assert len(takes_of(keys)) == 2
        finally:
            stop_bridge()


def stop_bridge() -> None:
    """End the bridge that a plug-in has started."""
    record = read_bridge_record()
    if record is not None and psutil.pid_exists(record.pid):
        os.kill(record.pid, signal.SIGKILL)


# ---- whatever dies ---------------------------------------------------------------------------------------------

BARS, BAR = 40, 2 * RATE
JUMP = 0.02
"""What neighbouring samples of a slow sine may differ by, and of a ramp of 8 ms beside it; a click differs by more."""
LONG = [pytest.mark.endurance, pytest.mark.timeout(1800)]


def tone() -> Samples:
    """`[2, samples]` of 110 Hz, which begins anew with every bar as if it went on."""
    one = 0.3 * np.sin(2 * np.pi * 110 * np.arange(BARS * BAR) / RATE)
    return np.stack([one, one]).astype(np.float32)


@dataclass
class Performance:
    """A track that plays on and on in a thread of its own, and looks at all that comes out. `wrong` is what was heard
    that must not be; of the bars `free` nobody wants takes, so they never change."""

    track: Hosted
    song: Samples
    free: frozenset[int]
    wrong: list[str] = field(default_factory=list)
    passes: int = 0

    def __enter__(self) -> Performance:
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until(lambda: self.passes or self.wrong, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        last = np.zeros((2, 1), np.float32)
        while not self._ends.is_set():
            for bar in range(BARS):
                came = self.song[:, bar * BAR : (bar + 1) * BAR]
                heard = self.track.play(came, bar * BAR)
                if bar in self.free and not np.array_equal(heard, came):
                    self.wrong.append(f"bar {bar} is not what came in")
                if not np.abs(np.diff(np.hstack([last, heard]), axis=1)).max() < JUMP:
                    self.wrong.append(f"bar {bar} clicks, or is no number")
                last = heard[:, -1:]
                time.sleep(0.005)  # the machine has others to run
            self.passes += 1


@dataclass
class Backstage:
    """What can die: the daemon, which the test bears again at the same port, and bridges, which the plug-in starts."""

    home: Path
    port: int

    def __post_init__(self) -> None:
        self.born_daemon()
        self.first_bridge = bridges.launch(self.home)

    def born_daemon(self) -> None:
        self.daemon = harness.launch(self.home, "--port", str(self.port))
        record = self.home / "runtime" / "daemon.json"
        until(lambda: record.exists() and f'"pid":{self.daemon.pid},' in record.read_text(), 60)

    def kill_daemon(self) -> None:
        self.close_daemon()
        self.born_daemon()

    def close_daemon(self) -> None:
        family = psutil.Process(self.daemon.pid).children(recursive=True)
        self.daemon.kill()
        self.daemon.communicate()
        for child in family:
            child.kill()

    def kill_bridge(self) -> None:
        stop_bridge()


@pytest.fixture
def backstage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backstage]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("PUNCHIN_BRIDGE_DAEMON", f"127.0.0.1:{port}")
    monkeypatch.setenv("PUNCHIN_BRIDGE_SILENCE_SECONDS", "1")
    found = Backstage(home, port)
    yield found
    found.close_daemon()
    stop_bridge()
    found.first_bridge.stop(signal.SIGKILL)


@pytest.mark.parametrize("deaths", [3, pytest.param(30, marks=LONG)])
def test_the_song_goes_on_whatever_dies(
    home: Path, backstage: Backstage, track: Callable[..., Hosted], deaths: int
) -> None:
    """No sample outside changes, nothing clicks, no take is lost, and none comes twice."""
    chance, keys, song = random.Random(7), track("Keys"), tone()
    kills = [backstage.kill_daemon, backstage.kill_bridge]
    order = [*kills, *chance.choices(kills, k=deaths - len(kills))]
    bars = range(2, 2 + deaths)
    with Performance(keys, song, frozenset(range(BARS)) - frozenset(bars)) as performance:
        for bar, kill in zip(bars, order, strict=True):
            do(home, "Keys", "select", start=bar * 2.0, end=(bar + 1) * 2.0, unit="seconds")
            do(home, "Keys", "inpaint", InpaintParams(takes=2, text="steps=40 step=0.05"))  # longer than we wait
            time.sleep(chance.uniform(0.0, 0.6))
            kill()
            until(lambda: performance.wrong or len(takes_of(keys)) == 2 * (bar - 1), 120)  # noqa: B023
        passes = performance.passes
        until(lambda: performance.wrong or performance.passes > passes + 2, 120)
    assert performance.wrong == []
    until(lambda: not any((home / "spool" / "jobs").iterdir()), 60)
    takes = [take["path"] for take in takes_of(keys)]
    assert len(set(takes)) == len(takes) == 2 * deaths
    heard = keys.play(song)
    for region in keys.state["regions"]:
        place = region["place"]
        start, end = place["start"], place["end"]
        chosen = read(Path(region["takes"][region["choice"] - 1]["path"]))
        assert np.array_equal(heard[:, start:end], chosen)
