"""The whole path with nothing replaced: the command starts a daemon, the worker loads a pack, takes lie in the song."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import mini_pack
from fakes.machine import machine, punchin
from fakes.songs import RATE, SECONDS, write_chords, write_drums, write_song

pytestmark = [pytest.mark.e2e, pytest.mark.model]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    pack = mini_pack.write(tmp_path_factory.mktemp("packs") / "mini")
    with machine(tmp_path_factory.mktemp("home"), pack) as found:
        yield found


def test_from_a_song_to_takes_and_again(env: dict[str, str], tmp_path: Path) -> None:
    song, chords, drums = write_song(tmp_path), write_chords(tmp_path), write_drums(tmp_path)
    words = [
        "inpaint",
        song,
        "--pack",
        "mini",
        "--bars",
        "5:6",
        "--chords",
        chords,
        "--drums",
        drums,
        "--piano",
        chords,
    ]
    takes = ["--take", "chord", "--take", "drums+piano=.5", "--take", "free", "--seed", 3]
    report = punchin(env, *words, *takes, "--full", "--preview", "--out", tmp_path / "out")
    assert [t["controls"] for t in report["takes"]] == [{"chord": 1.0}, {"drums": 1.0, "piano": 0.5}, {}]
    assert all(report["timings"][stage] > 0 for stage in ("load", "encode", "prefill", "decode", "codec", "splice"))
    assert report["models"]["pack"] == "mini 1"

    before = soundfile.read(song, dtype="int32")[0]
    after = [soundfile.read(t["path"], dtype="int32")[0] for t in report["takes"]]
    hole = np.zeros(SECONDS * RATE, bool)
    hole[8 * RATE : 12 * RATE] = True
    for take, seam in zip(after, [t["seam"][0] for t in report["takes"]], strict=True):
        differs = (take != before).any(axis=1)
        assert seam["outside_delta"] == 0.0
        assert not differs[~hole].any()
        assert differs[hole].mean() > 0.9
    assert not np.array_equal(after[0], after[1])

    [again] = punchin(env, "inpaint", "--again", report["takes"][1]["path"], "--out", tmp_path / "again")["takes"]
    assert np.array_equal(soundfile.read(again["path"], dtype="int32")[0], after[1])


def test_a_region_longer_than_the_window(env: dict[str, str], tmp_path: Path) -> None:
    """12 s with windows of 2 s, at the very end of the song."""
    song = write_song(tmp_path, channels=1, subtype="FLOAT")
    words = ["inpaint", song, "--pack", "mini", "--start", 12, "--end", 24, "--out", tmp_path / "out", "--seed", 1]
    [take] = punchin(env, *words)["takes"]
    info = soundfile.info(take["path"])
    assert (info.frames, info.channels, info.samplerate) == (12 * RATE, 1, RATE)
    sound = soundfile.read(take["path"])[0]
    level = np.sqrt(np.mean(sound.reshape(12, -1) ** 2, axis=1))
    assert (level > 1e-4).all()
