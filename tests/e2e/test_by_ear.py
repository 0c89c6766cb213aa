"""A song without MIDI: chords and piano read by ear, corrected and given again, against the real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import tones
from fakes.bridge import bridge
from fakes.command import Punchin
from fakes.harness import RunningDaemon, daemon
from fakes.host import FakeHost
from punchin_bridge.takes import recipe
from punchin_wire.params import InpaintParams

pytestmark = pytest.mark.e2e
RATE = 22_050


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(autouse=True)
def home(running: RunningDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(running.home))


@pytest.fixture
def punchin(capsys: pytest.CaptureFixture[str]) -> Punchin:
    return Punchin(capsys)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, tones.chords(("C", "Am", "F", "G"), 2.0, RATE), RATE)
    return path


def test_chords_are_read_shown_corrected_and_given_again(punchin: Punchin, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "takes"
    words = ["inpaint", song, "--start", 2, "--end", 6, "--seed", 1, "--out", out]
    report = punchin.json(*words, "--chords", "auto", "--piano", "auto")
    [take] = report["takes"]
    assert take["controls"] == {"chord": 1.0, "piano": 1.0}
    long = [chord["label"] for chord in report["heard"]["chords"] if chord["end"] - chord["start"] > 1]
    assert long == ["A:min", "F:maj"]
    assert any(note.startswith("Chords read by ear") and "Am F" in note for note in report["notes"])
    lab, midi = (Path(take["path"]).with_suffix(ending) for ending in (".lab", ".mid"))
    made = recipe.read(Path(take["path"])).request
    assert [chord.label for chord in made.chords] == ["C:maj", "A:min", "F:maj", "G:maj"]
    assert made.piano

    lab.write_text(lab.read_text("utf-8").replace("F:maj", "D:min7"), "utf-8")
    again = punchin.json(*words, "--chords", lab, "--piano", midi)
    corrected = recipe.read(Path(again["takes"][0]["path"])).request
    assert [chord.label for chord in corrected.chords] == ["C:maj", "A:min", "D:min7", "G:maj"]
    assert len(corrected.piano) == len(made.piano)
    assert "heard" not in again


def test_the_recipe_makes_the_take_again_without_listening(punchin: Punchin, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "takes"
    [take] = punchin.json("inpaint", song, "--start", 2, "--end", 6, "--chords", "auto", "--out", out)["takes"]
    [again] = punchin.json("inpaint", "--again", take["path"], "--out", out)["takes"]
    first, second = (soundfile.read(each["path"], dtype="int32")[0] for each in (take, again))
    assert np.array_equal(first, second)
    assert recipe.read(Path(again["path"])).request == recipe.read(Path(take["path"])).request
    assert not Path(again["path"]).with_suffix(".lab").exists()


def test_a_table_says_how_sure_each_chord_is(punchin: Punchin, song: Path, tmp_path: Path) -> None:
    assert punchin("inpaint", song, "--start", 2, "--end", 6, "--chords", "auto", "--out", tmp_path / "takes") == 0
    assert "chord read by ear" in punchin.stdout
    assert "Am" in punchin.stdout


def test_where_nothing_is_heard_one_sentence_says_so(punchin: Punchin, tmp_path: Path) -> None:
    path, out = tmp_path / "noise.wav", tmp_path / "takes"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(8 * RATE), RATE)
    assert punchin("inpaint", path, "--start", 2, "--end", 6, "--chords", "auto", "--out", out) == 2
    assert "No chords are heard in the region." in punchin.stderr
    assert not list(out.glob("*"))


def test_a_host_without_a_chord_track_is_told_the_chords(running: RunningDaemon, tmp_path: Path) -> None:
    """The notes stand in the host's line, and the files beside the takes in its project."""
    with bridge(running.home) as serving:
        host = FakeHost(serving.spool)
        host.hello()
        host.folder = str(tmp_path / "Song")
        host.track = np.tile(tones.chords(("C", "Am", "F", "G"), 2.0, host.rate), (2, 1)).astype(host.track.dtype)
        job = host.submit(start=2.0, end=6.0, params=InpaintParams(seed=1, chords="auto"), chords=())
        ready = host.wait(job, "ready")
        assert "Chords read by ear" in ready.line
        assert "Am F" in ready.line
        lab = Path(ready.takes[0].path).with_suffix(".lab")
        assert lab.parent == tmp_path / "Song"
        assert "A:min" in lab.read_text("utf-8")
        host.bye()
