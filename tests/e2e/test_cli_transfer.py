"""`punchin transfer` as a musician uses it, against the real daemon with the fake engine: files, words, exit codes."""

import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.command import Punchin
from fakes.engine import TONE_HZ
from fakes.harness import RunningDaemon, daemon
from fakes.songs import RATE, SECONDS, audio, write_silence, write_song
from punchin_bridge.takes import recipe

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(autouse=True)
def home(running: RunningDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(running.home))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three seconds of the song and a bit, so that no rate divides it."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, audio()[:, : 3 * RATE + 7].T, RATE, subtype="PCM_16")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "takes"


@pytest.fixture
def punchin(capsys: pytest.CaptureFixture[str]) -> Punchin:
    return Punchin(capsys)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- takes ---------------------------------------------------------------------------------------------------


def test_a_clip_comes_back_at_its_own_length(punchin: Punchin, clip: Path, out: Path) -> None:
    """The main job: piano to violin, two takes, to the sample, at the clip's rate and channels."""
    words = ["--to", "violin", "--from", "piano", "--takes", 2, "--seed", 7, "--score", "--out", out]
    report = punchin.json("transfer", clip, *words)
    files = ["clip_violin_take1_seed7.wav", "clip_violin_take2_seed8.wav"]
    assert names(out) == files
    for name in files:
        info = soundfile.info(out / name)
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 2, 3 * RATE + 7, "PCM_24")
    assert report["settings"] == {
        "task": "timbre",
        "method": "adapter",
        "prompt": "a recording of a violin solo",
        "negative_prompt": "a recording of a piano solo",
        "pooling": [2, 2],
        "alpha": 0.5,
        "guidance": 7.5,
        "strength": None,
        "hold": None,
        "scheduler": None,
        "steps": None,
        "air": "extend",
        "width": "replaced",
    }
    assert list(report["timings"]) == ["queue", "load", "encode", "denoise", "codec", "splice", "total"]
    for number, take in enumerate(report["takes"]):
        assert (Path(take["path"]).name, take["seed"], take["controls"]) == (files[number], 7 + number, {})
        assert take["scores"] == {"clap": pytest.approx(0.2)}
        assert 0.5 < take["fidelity"] < 1.0
        [seam] = take["seam"]
        assert seam["left"] is seam["right"] is seam["outside_delta"] is None
        assert (seam["gain"]["source"], seam["width"]) == ("replaced", "from what the take replaces")
        assert (seam["bandwidth_hz"], seam["air"][:10]) == (8000.0, "the take's")
    made = recipe.read(out / files[1])
    assert (made.request.takes[0].seed, made.splice.highband, made.task and made.task.to) == (8, "extend", "violin")


def test_a_take_is_as_loud_as_its_clip(punchin: Punchin, clip: Path, out: Path) -> None:
    [take] = punchin.json("transfer", clip, "--to", "violin", "--pooling", 1, "--seed", 1, "--out", out)["takes"]
    made, was = (soundfile.read(path)[0] for path in (take["path"], clip))
    assert 20 * np.log10(np.std(made) / np.std(was)) == pytest.approx(0, abs=1.5)
    assert take["seam"][0]["gain"]["left_db"] == pytest.approx(6, abs=1)  # the fake engine plays at half the level


def test_the_full_song_is_the_song_outside_the_region(punchin: Punchin, song: Path, out: Path) -> None:
    words = ["--to", "violin", "--bars", "3:4", "--tempo", 120, "--seed", 1, "--out", out]
    [take] = punchin.json("transfer", song, *words, "--full")["takes"]
    assert Path(take["path"]).name == "song_violin_bars3-4_take1_seed1.wav"
    [seam] = take["seam"]
    assert seam["outside_delta"] == 0.0
    assert seam["left"]["fade"] == seam["right"]["fade"] == 882
    before, after = (soundfile.read(p, dtype="int32")[0] for p in (song, take["path"]))
    assert before.shape == after.shape
    differing = np.flatnonzero((before != after).any(axis=1))
    assert differing.min() >= 4 * RATE
    assert differing.max() < 8 * RATE
    assert len(differing) > 3 * RATE
    [alone] = punchin.json("transfer", song, *words)["takes"]
    assert soundfile.info(alone["path"]).frames == 4 * RATE
    inside = soundfile.read(take["path"], dtype="int32")[0][4 * RATE : 8 * RATE]
    assert np.array_equal(soundfile.read(alone["path"], dtype="int32")[0], inside)
    assert alone["fidelity"] == take["fidelity"]


@pytest.mark.parametrize(
    ("rate", "channels", "samples", "subtype"),
    [
        (192_000, 6, 50_001, "PCM_24"),
        (8000, 1, 800, "PCM_16"),
        (44_100, 2, 2205, "FLOAT"),
        (16_000, 1, 16_001, "PCM_16"),
    ],
)
def test_any_format_and_a_tenth_of_a_second(
    punchin: Punchin, tmp_path: Path, out: Path, rate: int, channels: int, samples: int, subtype: str
) -> None:
    sound = audio(samples / rate, channels, rate)
    soundfile.write(tmp_path / "odd.wav", sound.T, rate, subtype=subtype)
    [take] = punchin.json("transfer", tmp_path / "odd.wav", "--to", "flute", "--out", out)["takes"]
    info = soundfile.info(take["path"])
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, samples)
    made = soundfile.read(take["path"])[0]
    assert np.isfinite(made).all()
    assert 20 * np.log10(np.std(made) / np.std(sound)) == pytest.approx(0, abs=3)


def test_every_parameter_is_in_the_report_and_guidance_may_be_one(punchin: Punchin, clip: Path, out: Path) -> None:
    words = ["--task", "genre", "--to", "Jazz", "--pooling", "8,1", "--alpha", 0, "--guidance", 1, "--steps", 5]
    words += ["--scheduler", "dpm++", "--highband", "none", "--width", "mono", "--negative", "noise"]
    settings = punchin.json("transfer", clip, *words, "--out", out)["settings"]
    assert (settings["prompt"], settings["negative_prompt"]) == ("Jazz style music", "noise")
    assert (settings["pooling"], settings["alpha"], settings["guidance"]) == ([8, 1], 0.0, 1.0)
    assert (settings["steps"], settings["scheduler"]) == (5, "dpm++")
    assert (settings["air"], settings["width"]) == ("none", "mono")
    words = ["--to", "violin", "--method", "sdedit", "--strength", 0.3, "--guidance", 0]
    settings = punchin.json("transfer", clip, *words, "--out", out)["settings"]
    assert [settings[name] for name in ("method", "strength", "pooling", "alpha")] == ["sdedit", 0.3, None, None]


def test_people_read_what_was_done(punchin: Punchin, clip: Path, out: Path) -> None:
    assert punchin("transfer", clip, "--to", "violin", "--seed", 41, "--score", "--pack", "deaf", "--out", out) == 0
    for said in (
        "a recording of a violin solo",
        "Low quality",
        "pooling 2, alpha 0.5, guidance 7.5, ",
        "8 kHz",
        "clip_violin_take1_seed41",
    ):
        assert said in punchin.stdout
    assert "no model that hears it" in punchin.stdout


def test_brackets_are_no_markup(punchin: Punchin, clip: Path, out: Path) -> None:
    bracketed = clip.rename(clip.with_name("clip [v2] [x].wav"))
    assert punchin("transfer", bracketed, "--to", "[/bold] bells, far away", "--negative", "", "--out", out) == 0
    assert "To “[/bold] bells, far away”\n" in punchin.stdout
    assert "clip [v2] [x]_bold-bells-far-away" in punchin.stdout


def test_again_is_the_same_take(punchin: Punchin, song: Path, out: Path) -> None:
    words = ["--to", "violin", "--start", 4, "--end", 6, "--highband", "source", "--takes", 2, "--seed", 5]
    second = Path(punchin.json("transfer", song, *words, "--out", out)["takes"][1]["path"])
    [again] = punchin.json("transfer", "--again", second, "--out", out / "again")["takes"]
    assert Path(again["path"]).name == second.name
    assert np.array_equal(soundfile.read(second)[0], soundfile.read(again["path"])[0])
    [full] = punchin.json("transfer", "--again", again["path"], "--full", "--out", out / "full")["takes"]
    assert soundfile.info(full["path"]).frames == SECONDS * RATE
    assert punchin("inpaint", "--again", second, "--out", out) == 2
    assert f"`punchin transfer --again {second.name}`" in punchin.stderr
    punchin.fails(2, "bad_setting", "transfer", "--again", second, "--to", "flute", "--out", out)


# ---- accompaniment -------------------------------------------------------------------------------------------


def level_at(path: str, hz: float) -> float:
    sound = soundfile.read(path, always_2d=True)[0].mean(axis=1)
    return float(np.abs(sound @ np.exp(-2j * np.pi * hz * np.arange(len(sound)) / RATE))) / len(sound)


def test_an_accompaniment_is_the_part_alone(punchin: Punchin, clip: Path, out: Path) -> None:
    """The new tone stays, the clip's own chord sinks, and there is nothing else in the folder."""
    words = ["--task", "accompaniment", "--to", "violin", "--pooling", 1, "--alpha", 1, "--seed", 3, "--out", out]
    report = punchin.json("transfer", clip, *words)
    assert report["settings"]["prompt"] == "Duet, Played with violin accompaniment"
    assert report["settings"]["negative_prompt"] == "solo"
    [take] = report["takes"]
    assert names(out) == [Path(take["path"]).name]
    assert soundfile.info(take["path"]).frames == 3 * RATE + 7
    assert level_at(take["path"], TONE_HZ) > 0.02
    chord_hz = 440 * 2 ** ((60 - 69) / 12)
    assert level_at(take["path"], chord_hz) < 0.1 * level_at(str(clip), chord_hz)
    assert 0.2 < take["part"]["explained"] < 0.8
    assert take["part"]["clip_db"] == pytest.approx(-6, abs=2)
    assert take["part"]["part_db"] == pytest.approx(-3, abs=1)  # a sine beside noise and chords
    assert "soft mask" in take["part"]["made"]
    assert take["mix"] is None


def test_its_mix_is_the_clip_and_the_part(punchin: Punchin, song: Path, out: Path) -> None:
    words = ["--task", "accompaniment", "--to", "violin", "--start", 4, "--end", 6, "--seed", 3, "--out", out]
    [take] = punchin.json("transfer", song, *words, "--mix")["takes"]
    assert names(out) == [f"song_violin_4.000-6.000s_take1_seed3{suffix}.wav" for suffix in ("", "_mix")]
    was, part, mix = (soundfile.read(path)[0] for path in (song, take["path"], take["mix"]["path"]))
    assert (take["mix"]["ducked_db"], take["mix"]["ducked"], take["mix"]["outside_delta"]) == (0.0, 0.0, None)
    assert np.max(np.abs(mix - was[4 * RATE : 6 * RATE] - part)) < 2**-22

    [take] = punchin.json("transfer", song, *words, "--mix", "--full")["takes"]
    assert Path(take["mix"]["path"]).name == "song_violin_4.000-6.000s_take1_seed3_2_mix.wav"
    assert soundfile.info(take["path"]).frames == 2 * RATE
    assert take["mix"]["outside_delta"] == 0.0
    whole = soundfile.read(take["mix"]["path"])[0]
    assert np.array_equal(whole[: 4 * RATE], was[: 4 * RATE])
    assert np.max(np.abs(whole[4 * RATE : 6 * RATE] - mix)) < 2**-22
    [again] = punchin.json("transfer", "--again", take["mix"]["path"], "--out", out / "again")["takes"]
    assert np.array_equal(soundfile.read(again["path"])[0], part)
    assert np.array_equal(soundfile.read(again["mix"]["path"])[0], whole)


# ---- sweeps --------------------------------------------------------------------------------------------------


def test_a_sweep_writes_its_takes_a_table_and_a_plot(punchin: Punchin, clip: Path, out: Path) -> None:
    words = ["--to", "violin", "--seed", 3, "--out", out, "--sweep", "pooling=1,8", "alpha=0.3,0.7"]
    report = punchin.json("transfer", clip, *words)
    labels = [f"pooling{pooling}_alpha{alpha}" for pooling in (1, 8) for alpha in (0.3, 0.7)]
    takes = [f"clip_violin_{label}_take1_seed3.wav" for label in labels]
    assert names(out) == sorted([*takes, *(f"clip_violin_sweep.{ending}" for ending in ("md", "json", "png"))])
    assert [Path(row["path"]).name for row in report["rows"]] == takes
    assert [row["swept"] for row in report["rows"]][1] == {"pooling": [1, 1], "alpha": 0.7}
    assert {row["seed"] for row in report["rows"]} == {3}
    assert [row["transferability"] for row in report["rows"]] == pytest.approx([0.1, 0.1, 0.8, 0.8])
    free, kept = report["rows"][2]["fidelity"], report["rows"][1]["fidelity"]
    assert free < kept - 0.1
    assert json.loads(Path(report["data"]).read_text()) == report
    assert "| 8 | 0.7 | 3 |" in Path(report["table"]).read_text()
    assert Path(report["plot"]).read_bytes()[:4] == b"\x89PNG"


def test_a_sweep_for_people_without_scores(punchin: Punchin, clip: Path, out: Path) -> None:
    words = ["--to", "violin", "--pack", "deaf", "--sweep", "method=adapter,sdedit", "--takes", 2, "--out", out]
    assert punchin("transfer", clip, *words) == 0
    assert "–" in punchin.stdout
    assert "no model that hears it" in punchin.stdout
    assert "no model that hears it" in (out / "clip_violin_sweep.md").read_text()
    assert len(list(out.glob("*.wav"))) == 4


def test_a_point_that_fails_ends_the_sweep_and_leaves_what_was_made(punchin: Punchin, clip: Path, out: Path) -> None:
    words = ["--to", "fail least=4", "--seed", 1, "--out", out, "--sweep", "pooling=1,2,4,8"]
    punchin.fails(3, "adapter_mismatch", "transfer", clip, *words)
    assert "2 of 4 points were made" in punchin.stderr
    made = ["clip_fail-least-4_pooling1_take1_seed1.wav", "clip_fail-least-4_pooling2_take1_seed1.wav"]
    assert [name for name in names(out) if name.endswith(".wav")] == made
    data = json.loads((out / "clip_fail-least-4_sweep.json").read_text())
    assert (data["points"], len(data["rows"])) == (4, 2)
    assert all(np.isfinite(soundfile.read(out / name)[0]).all() for name in made)


def test_a_sweep_on_a_full_disk_says_how_its_takes_come_again(
    punchin: Punchin, clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name of a job is offered, for a sweep takes none: the seed is, which need not have been said."""
    words = ["--to", "violin", "--out", out, "--sweep", "pooling=1,8"]
    sync, synced = os.fsync, []

    def full(file: int) -> None:
        synced.append(file)
        if len(synced) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        punchin.fails(2, "not_written", "transfer", clip, *words)
    [first] = names(out)
    assert "1 of 2 points were made, in" in punchin.stderr
    assert "--job" not in punchin.stderr
    seed = re.search(r"with --seed (\d+) the sweep", punchin.stderr)
    assert seed is not None
    rows = punchin.json("transfer", clip, *words, "--seed", seed[1])["rows"]
    assert len(rows) == 2
    assert np.array_equal(soundfile.read(out / first)[0], soundfile.read(rows[0]["path"])[0])


# ---- errors --------------------------------------------------------------------------------------------------


def test_every_mistake_is_one_clear_error_and_the_next_job_works(
    punchin: Punchin, tmp_path: Path, song: Path, clip: Path, out: Path
) -> None:
    def write(name: str, sound: np.ndarray) -> Path:
        soundfile.write(tmp_path / name, sound.T, RATE, subtype="FLOAT")
        return tmp_path / name

    nan = audio(1.0).astype(np.float32)
    nan[1, 5000] = np.nan
    violin = ["--to", "violin", "--out", out]
    sweep = [clip, *violin, "--sweep"]
    cases: list[tuple[str, list[object]]] = [
        ("bad_audio", [write("silence.wav", np.zeros((2, RATE))), *violin]),
        ("bad_audio", [write("dc.wav", np.full((1, RATE), 0.4)), *violin]),
        ("bad_audio", [write("nan.wav", nan), *violin]),
        ("bad_region", [write_silence(tmp_path / "long.wav", 44_100, 2, 1200), *violin]),
        ("bad_region", [song, "--start", 1, "--end", 1.04, *violin]),
        ("bad_region", [song, "--start", 20, "--end", 30, *violin]),
        ("bad_region", [song, "--start", 4, *violin]),
        ("file_missing", [tmp_path / "gone.wav", *violin]),
        ("bad_setting", [clip, "--to", "  ", "--out", out]),
        ("bad_setting", [clip, "--to", "violin", "--from", "", "--out", out]),
        ("bad_setting", [clip, "--out", out]),
        ("bad_setting", [*violin]),
        ("bad_setting", [clip, clip, *violin]),
        ("bad_setting", [clip, *violin, "--pooling", 3]),
        ("bad_setting", [clip, *violin, "--alpha", -1]),
        ("bad_setting", [clip, *violin, "--guidance", 31]),
        ("bad_setting", [clip, *violin, "--steps", 0]),
        ("bad_setting", [clip, *violin, "--scheduler", "euler"]),
        ("bad_setting", [clip, *violin, "--task", "remix"]),
        ("bad_setting", [clip, *violin, "--strength", 0.5]),
        ("bad_setting", [clip, *violin, "--hold", 1.5]),
        ("bad_setting", [clip, *violin, "--method", "sdedit", "--alpha", 0.5]),
        ("bad_setting", [clip, *violin, "--from", "piano", "--negative", "hiss"]),
        ("bad_setting", [clip, *violin, "--mix"]),
        ("bad_setting", [clip, *violin, "--task", "accompaniment", "--full"]),
        ("bad_setting", [clip, *violin, "--task", "accompaniment", "--highband", "source"]),
        ("bad_setting", [clip, *violin, "--bars", "1:1"]),
        ("bad_setting", [clip, *violin, "--job", "a b"]),
        ("bad_setting", [*sweep, "pooling=1,3"]),
        ("bad_setting", [*sweep, "tempo=1,2"]),
        ("bad_setting", [*sweep, "alpha=.1,9"]),
        ("bad_setting", [*sweep, "alpha=.1,.2", "--alpha", 0.5]),
        ("bad_setting", [*sweep, "method=adapter,sdedit", "alpha=.1,.2"]),
        ("bad_setting", [*sweep, "steps=" + ",".join(map(str, range(1, 66)))]),
        ("bad_setting", [*sweep, "pooling=1,2", "--job", "named"]),
        ("bad_setting", [clip, *violin, "alpha=.1,.2"]),
        ("bad_setting", [clip, "--to", "violin", "--out", clip / "below"]),
        ("bad_recipe", ["--again", song, "--out", out]),
    ]
    for code, words in cases:
        punchin.fails(2, code, "transfer", *words)
    assert not out.exists() or not list(out.iterdir())
    punchin.fails(2, "bad_setting", "transfer", clip, *violin, "--pooling", 16)
    assert "1, 2, 4 or 8" in punchin.stderr
    punchin.fails(3, "adapter_mismatch", "transfer", clip, "--to", "fail", "--out", out)
    punchin.fails(5, "worker_died", "transfer", clip, "--to", "die", "--out", out)
    assert not list(out.iterdir())
    assert punchin.json("transfer", clip, *violin)["takes"]
