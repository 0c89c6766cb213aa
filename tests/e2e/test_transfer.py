"""The whole path of a transfer with nothing replaced: daemon, worker, a real engine with random weights, files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes.machine import machine, punchin
from fakes.songs import RATE, SECONDS, audio, write_song
from fakes.transfer_pack import write_transfer_pack

pytestmark = [pytest.mark.e2e, pytest.mark.model]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    pack = tmp_path_factory.mktemp("packs") / "moves"
    write_transfer_pack(pack)
    with machine(tmp_path_factory.mktemp("home"), pack) as found:
        yield found


def transfer(env: dict[str, str], *words: object) -> Any:
    return punchin(env, "transfer", *words)


def test_a_region_of_a_song_and_again(env: dict[str, str], tmp_path: Path) -> None:
    song = write_song(tmp_path)
    words = [song, "--pack", "moves", "--to", "violin", "--from", "piano", "--start", 4, "--end", 6.5, "--takes", 2]
    report = transfer(env, *words, "--seed", 3, "--score", "--full", "--out", tmp_path / "out")
    assert all(report["timings"][stage] > 0 for stage in ("load", "encode", "denoise", "codec", "splice"))
    assert report["models"]["pack"] == "moves 5"
    assert [report["settings"][name] for name in ("scheduler", "steps", "hold")] == ["dpm++", 4, 0.0]
    before = soundfile.read(song, dtype="int32")[0]
    hole = slice(4 * RATE, round(6.5 * RATE))
    after = [soundfile.read(take["path"], dtype="int32")[0] for take in report["takes"]]
    for take, sound in zip(report["takes"], after, strict=True):
        assert take["seam"][0]["outside_delta"] == 0.0
        assert -1.0 <= take["scores"]["clap"] <= 1.0
        assert 0.0 <= take["scores"]["notes"] <= 1.0
        assert 0.0 <= take["fidelity"] <= 1.0
        differs = (sound != before).any(axis=1)
        assert differs[hole].mean() > 0.9
        differs[hole] = False
        assert not differs.any()
    assert not np.array_equal(after[0], after[1])
    [again] = transfer(env, "--again", report["takes"][1]["path"], "--out", tmp_path / "again")["takes"]
    assert np.array_equal(soundfile.read(again["path"], dtype="int32")[0], after[1])


@pytest.mark.parametrize(
    ("rate", "channels", "samples", "words"),
    [
        (192_000, 6, 19_201, []),
        (16_000, 1, 16_000 * 12 + 1, ["--guidance", 1]),
        (44_100, 2, 44_100, ["--method", "sdedit"]),
    ],
)
def test_lengths_formats_and_methods(
    env: dict[str, str], tmp_path: Path, rate: int, channels: int, samples: int, words: list[object]
) -> None:
    """A tenth of a second in 6 channels at 192 kHz; more than a window without a second branch; the baseline."""
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, audio(samples / rate, channels, rate).T, rate, subtype="FLOAT")
    [take] = transfer(env, clip, "--pack", "moves", "--to", "violin", *words, "--out", tmp_path / "out")["takes"]
    info = soundfile.info(take["path"])
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, samples)
    assert np.isfinite(soundfile.read(take["path"])[0]).all()


def test_an_accompaniment_and_a_sweep(env: dict[str, str], tmp_path: Path) -> None:
    clip = write_song(tmp_path, channels=1)
    out, words = tmp_path / "out", ["--pack", "moves", "--to", "cello", "--start", 1, "--end", 2]
    [take] = transfer(env, clip, *words, "--task", "accompaniment", "--mix", "--full", "--out", out)["takes"]
    assert soundfile.info(take["path"]).frames == RATE
    assert soundfile.info(take["mix"]["path"]).frames == SECONDS * RATE
    assert take["mix"]["outside_delta"] == 0.0
    found = transfer(env, clip, *words, "--steps", 2, "--sweep", "pooling=1,8", "guidance=1,7.5", "--out", out)
    assert [row["swept"] for row in found["rows"]][2] == {"pooling": [8, 8], "guidance": 1.0}
    assert all(row["fidelity"] is not None and row["transferability"] is not None for row in found["rows"])
    assert len({row["fidelity"] for row in found["rows"]}) == 4
