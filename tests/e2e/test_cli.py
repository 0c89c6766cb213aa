"""`punchin` as a musician uses it, against the real daemon with the fake engine: files, words, exit codes."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from fakes.command import Punchin
from fakes.harness import RunningDaemon, daemon, until
from fakes.songs import RATE, SECONDS, audio, write_chords, write_drums, write_song
from punchin_bridge.takes import recipe
from punchin_server.engines.tries import another_seed
from punchin_wire import VERSION, paths

pytestmark = pytest.mark.e2e
PATIENCE = 60.0
"""Seconds that a process may take to start on a busy machine."""


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
def out(tmp_path: Path) -> Path:
    return tmp_path / "takes" / "here"


@pytest.fixture
def punchin(capsys: pytest.CaptureFixture[str]) -> Punchin:
    return Punchin(capsys)


# ---- takes ---------------------------------------------------------------------------------------------------


def test_bars_after_a_chord_track(punchin: Punchin, tmp_path: Path, song: Path, out: Path) -> None:
    """The main job: bars 5 to 8, two takes, exactly the region, at the song's rate, channels and depth."""
    chords = write_chords(tmp_path)
    report = punchin.json("inpaint", song, "--bars", "5:8", "--chords", chords, "--takes", 2, "--seed", 7, "--out", out)
    names = ["song_bars5-8_take1_seed7.wav", "song_bars5-8_take2_seed8.wav"]
    assert sorted(p.name for p in out.iterdir()) == names
    assert [(Path(t["path"]).name, t["seed"], t["controls"]) for t in report["takes"]] == [
        (names[0], 7, {"chord": 1.0}),
        (names[1], 8, {"chord": 1.0}),
    ]
    assert report["region"] == {"start": 8 * RATE, "end": 16 * RATE, "start_seconds": 8.0, "end_seconds": 16.0}
    assert list(report["timings"]) == ["queue", "load", "encode", "prefill", "decode", "codec", "splice", "total"]
    assert report["timings"]["total"] >= report["timings"]["splice"] > 0
    assert [len(t["seam"]) for t in report["takes"]] == [1, 1]
    for name in names:
        info = soundfile.info(out / name)
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 2, 8 * RATE, "PCM_24")
    assert recipe.read(out / names[1]).request.takes[0].seed == 8


def test_the_full_song_is_the_song_outside_the_region(punchin: Punchin, song: Path, out: Path) -> None:
    report = punchin.json("inpaint", song, "--start", 4, "--end", 6.5, "--seed", 1, "--full", "--out", out)
    [take] = report["takes"]
    assert take["seam"][0]["outside_delta"] == 0.0
    before, after = (soundfile.read(p, dtype="int32")[0] for p in (song, take["path"]))
    assert before.shape == after.shape
    differing = np.flatnonzero((before != after).any(axis=1))
    assert differing.min() >= 4 * RATE
    assert differing.max() < 6.5 * RATE
    assert len(differing) > RATE


def test_different_takes_may_follow_different_things(punchin: Punchin, tmp_path: Path, song: Path, out: Path) -> None:
    words = ["--chords", write_chords(tmp_path), "--drums", write_drums(tmp_path), "--control", "drums=.5"]
    takes = ["--take", "chord", "--take", "chord=2+drums", "--take", "free"]
    report = punchin.json("inpaint", song, "--start", 4, "--end", 6, "--out", out, *words, *takes)
    assert [t["controls"] for t in report["takes"]] == [{"chord": 1.0}, {"chord": 2.0, "drums": 0.5}, {}]


def test_without_a_seed_one_is_drawn_and_told(punchin: Punchin, song: Path, out: Path) -> None:
    seeds = {
        punchin.json("inpaint", song, "--start", 4, "--end", 5, "--out", out)["takes"][0]["seed"] for _ in range(2)
    }
    assert len(seeds) == 2
    assert punchin("inpaint", song, "--start", 4, "--end", 5, "--seed", 41, "--takes", 2, "--out", out) == 0
    assert "41" in punchin.stdout
    assert "42" in punchin.stdout


def test_nothing_is_ever_replaced(punchin: Punchin, song: Path, out: Path) -> None:
    words = ["inpaint", song, "--start", 4, "--end", 5, "--seed", 1, "--out", out]
    names = [Path(punchin.json(*words)["takes"][0]["path"]).name for _ in range(3)]
    assert names == [f"song_4.000-5.000s_take1_seed1{suffix}.wav" for suffix in ("", "_2", "_3")]
    assert len(list(out.iterdir())) == 3


def test_again_is_the_same_take(punchin: Punchin, tmp_path: Path, song: Path, out: Path) -> None:
    words = ["--bars", "3:4", "--chords", write_chords(tmp_path), "--drums", write_drums(tmp_path)]
    report = punchin.json("inpaint", song, *words, "--takes", 3, "--seed", 5, "--out", out)
    second = Path(report["takes"][1]["path"])
    [again] = punchin.json("inpaint", "--again", second, "--out", out / "again")["takes"]
    assert again["seed"] == 6
    assert Path(again["path"]).name == second.name == "song_bars3-4_take2_seed6.wav"
    assert np.array_equal(soundfile.read(second)[0], soundfile.read(again["path"])[0])
    [once_more] = punchin.json("inpaint", "--again", again["path"], "--full", "--out", out / "full")["takes"]
    assert soundfile.info(once_more["path"]).frames == SECONDS * RATE
    write_drums(tmp_path, seconds=3)
    assert "drums.wav has changed" in punchin.fails(2, "bad_recipe", "inpaint", "--again", second, "--out", out)


def test_a_silent_take_is_made_with_another_seed_that_is_kept(punchin: Punchin, song: Path, out: Path) -> None:
    """File, report, note and recipe say which; `--again` gives the same samples at once."""
    report = punchin.json("inpaint", song, "--bars", "3:4", "--tempo", 120, "--takes", 2, "--seed", 5,
                          "--text", "silent=6", "--out", out)  # fmt: skip
    first, second = report["takes"]
    other = second["seed"]
    assert (first["seed"], other) == (5, another_seed(6))
    assert f"Take 2 came out mostly silent with seed 6, so it was made with seed {other}." in report["notes"]
    assert Path(second["path"]).stem.endswith(f"take2_seed{other}")
    kept = recipe.read(Path(second["path"])).request
    assert (kept.takes[0].seed, kept.retries) == (other, 0)
    again = punchin.json("inpaint", "--again", second["path"], "--out", out / "again")
    assert np.array_equal(*(soundfile.read(take["path"])[0] for take in (second, again["takes"][0])))
    assert again["notes"] == []


def test_a_job_can_be_fetched_again_by_its_name(
    punchin: Punchin, running: RunningDaemon, song: Path, out: Path
) -> None:
    """The program dies while its job runs with --keep; the same words fetch the result."""
    words = ["inpaint", song, "--start", 4, "--end", 5, "--seed", 1, "--keep", "--job", "kept-job", "--out", out]
    words += ["--text", "steps=30 step=0.05"]
    client = running.client()
    with run(*words) as process:
        until(lambda: client.state("kept-job") == "running", PATIENCE)
        process.kill()
    until(lambda: client.state("kept-job") == "done", PATIENCE)
    report = punchin.json(*words)
    assert report["job"] == "kept-job"
    assert Path(report["takes"][0]["path"]).exists()


def test_a_job_whose_daemon_died_is_made_by_the_next_one(
    punchin: Punchin, tmp_path: Path, song: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same words."""
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PUNCHIN_BRIDGE_REFUSED_SECONDS", "0.5")
    words = ["inpaint", song, "--start", 4, "--end", 5, "--seed", 1, "--keep", "--job", "kept-job", "--out", out]
    words += ["--text", "steps=40 step=0.05"]
    with daemon(tmp_path / "home") as mortal, run(*words) as process:
        client = mortal.client()
        until(lambda: client.state("kept-job") == "running", PATIENCE)
        mortal.process.kill()
        assert "The daemon has ended" in process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 5
    with daemon(tmp_path / "home"):
        report = punchin.json(*words)
    assert report["job"] == "kept-job"
    assert [path.name for path in out.iterdir()] == [Path(report["takes"][0]["path"]).name]


def test_a_full_disk_gets_no_take_and_the_takes_can_be_fetched(
    punchin: Punchin, song: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is full at the second of three."""
    words = ["inpaint", song, "--start", 4, "--end", 5, "--takes", 3, "--out", out]
    sync, synced = os.fsync, []

    def full(file: int) -> None:
        synced.append(file)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert "No space left" in punchin.fails(2, "not_written", *words)
    assert list(out.iterdir()) == []
    found = re.search(r"with --job (\w+) --seed (\d+) the same command", punchin.stderr)
    assert found is not None
    report = punchin.json(*words, "--job", found[1], "--seed", found[2])
    assert report["job"] == found[1]
    assert len(list(out.iterdir())) == len(report["takes"]) == 3


def test_a_preview_is_there_while_the_job_runs_and_gone_after(punchin: Punchin, song: Path, out: Path) -> None:
    punchin.json("inpaint", song, "--start", 4, "--end", 5, "--preview", "--out", out)
    assert [p.name for p in out.iterdir() if "preview" in p.name] == []


# ---- errors --------------------------------------------------------------------------------------------------


def test_every_mistake_is_one_clear_error_and_the_next_job_works(
    punchin: Punchin, tmp_path: Path, song: Path, out: Path
) -> None:
    region = ["--start", 4, "--end", 6, "--out", out]
    (corrupt := tmp_path / "corrupt.wav").write_bytes(song.read_bytes()[:30] + b"\xff" * 40)
    (label := tmp_path / "a.lab").write_text("0 24 H:dur\n")
    nan = audio().astype(np.float32)
    nan[1, 5 * RATE] = np.nan
    soundfile.write(tmp_path / "nan.wav", nan.T, RATE, subtype="FLOAT")
    empty = write_chords(tmp_path, "empty.mid", seconds=0)
    cases: list[tuple[str, list[object]]] = [
        ("file_missing", [tmp_path / "gone.wav", *region]),
        ("bad_audio", [corrupt, *region]),
        ("bad_audio", [tmp_path / "nan.wav", *region]),
        ("bad_region", [song, "--start", 20, "--end", 30, "--out", out]),
        ("bad_region", [song, "--start", 5, "--end", 5, "--out", out]),
        ("bad_region", [song, "--out", out]),
        ("unknown_chord", [song, *region, "--chords", label]),
        ("bad_midi", [song, *region, "--chords", empty]),
        ("bad_midi", [song, *region, "--piano", empty]),
        ("bad_setting", [song, *region, "--takes", 0]),
        ("bad_setting", [song, *region, "--takes", "many"]),
        ("bad_setting", [song, *region, "--nonsense"]),
        ("bad_setting", [song, *region, "--chord-rhythm", "loud"]),
        ("bad_setting", [song, *region, "--temperature", 0]),
        ("bad_setting", [song, *region, "--job", "a b"]),
        ("bad_setting", [song, *region, "--takes", 2, "--take", "free"]),
        ("bad_setting", [*region]),
        ("bad_setting", [song, "--start", 4, "--end", 6, "--out", song / "below"]),
        ("bad_recipe", ["--again", song, "--out", out]),
        ("bad_setting", ["--again", song, *region]),
    ]
    for code, words in cases:
        punchin.fails(2, code, "inpaint", *words)
    assert not out.exists() or not list(out.iterdir())
    punchin.fails(3, "adapter_mismatch", "inpaint", song, *region, "--text", "fail")
    punchin.fails(5, "worker_died", "inpaint", song, *region, "--text", "die")
    assert not list(out.iterdir())
    assert punchin.json("inpaint", song, *region)["takes"]


def test_a_home_below_a_file_is_named(punchin: Punchin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever needs it, in one line."""
    (file := tmp_path / "file").touch()
    monkeypatch.setenv("PUNCHIN_HOME", str(file / "home"))
    song = write_song(tmp_path)
    for words in (
        ["inpaint", song, "--start", 4, "--end", 5, "--out", tmp_path],
        ["bridge"],
        ["host", "install", "reaper"],
    ):
        assert punchin(*words) == 2
        assert punchin.stderr.count("\n") == 1
        assert str(file) in punchin.stderr
        assert "PUNCHIN_HOME" in punchin.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text_are_refused_before_any_work(
    punchin: Punchin, tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / os.fsdecode(b"d\xe9")
    odd.mkdir()
    shutil.copy(song, odd / "song.wav")
    region = ["--start", 4, "--end", 5, "--full"]
    assert "not in UTF-8" in punchin.fails(2, "bad_setting", "inpaint", odd / "song.wav", *region, "--out", tmp_path)
    assert "not in UTF-8" in punchin.fails(2, "bad_setting", "inpaint", song, *region, "--out", odd)
    assert r"d\xe9" in punchin.stderr
    for words in (["packs", "add", odd, "--name", "x"], ["host", "install", "reaper", "--folder", odd]):
        punchin.fails(2, "bad_setting", *words)
    monkeypatch.chdir(odd)
    assert r"d\xe9/song.wav" in punchin.fails(2, "bad_setting", "inpaint", "song.wav", *region, "--out", tmp_path)
    monkeypatch.setenv("PUNCHIN_HOME", str(odd))
    punchin.fails(2, "bad_setting", "doctor")
    assert [path.name for path in odd.iterdir()] == ["song.wav"]


def test_a_wrong_value_shows_the_page_that_lists_the_right_ones(punchin: Punchin, song: Path) -> None:
    assert punchin("inpaint", song, "--bars", 1, "--tempo", 0) == 2
    assert punchin.stderr.endswith("See `punchin inpaint --help` for the values that are allowed.\n")


def test_errors_without_json_are_one_line(punchin: Punchin, tmp_path: Path) -> None:
    assert punchin("inpaint", tmp_path / "gone.wav", "--start", 1, "--end", 2) == 2
    assert punchin.stdout == ""
    assert punchin.stderr.count("\n") == 1
    assert "gone.wav" in punchin.stderr


# ---- the daemon ----------------------------------------------------------------------------------------------


def test_status_and_cancel(punchin: Punchin, running: RunningDaemon) -> None:
    client = running.client()
    client.accepted("a-long-job", "steps=1000 step=0.02", keep=True)
    until(lambda: client.state("a-long-job") == "running")
    found = punchin.json("status")
    assert (found["version"], found["pid"]) == (VERSION, running.process.pid)
    assert [j["state"] for j in found["jobs"] if j["job"] == "a-long-job"] == ["running"]
    assert punchin("status") == 0
    assert "a-long-job" in punchin.stdout
    assert f"OSC port {running.record.osc_port}" in punchin.stdout
    assert punchin("cancel", "a-long-job") == 0
    until(lambda: client.state("a-long-job") == "cancelled")
    punchin.fails(5, "unknown_job", "cancel", "no-such-job")


def test_without_a_daemon_status_says_so_and_starts_none(
    punchin: Punchin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "nobody"))
    assert "No daemon" in punchin.fails(5, "daemon_unreachable", "status")
    assert paths.read_daemon_record() is None


@contextmanager
def run(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own; nothing of it is left, whatever the test finds."""
    with subprocess.Popen(
        [sys.executable, "-m", "punchin_bridge.cli", *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """As in a terminal: a shell's background job ignores SIGINT, and hands that down to all it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_the_job_at_the_daemon(running: RunningDaemon, song: Path, out: Path, how: int) -> None:
    job = f"stopped-{how}"
    words = ["inpaint", song, "--start", 4, "--end", 5, "--job", job, "--keep", "--out", out]
    client = running.client()
    with run(*words, "--text", "steps=5000 step=0.02") as process:
        until(lambda: client.state(job) == "running", PATIENCE)
        process.send_signal(how)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
    told = f"Nothing was written. Ask again with another --job, or without: {job} stays cancelled."
    assert stderr == f"punchin: Job {job} was cancelled. {told}\n"
    assert stdout == ""
    until(lambda: client.state(job) == "cancelled")
    assert not list(out.iterdir())
    with run(*words) as again:
        stderr = again.communicate(timeout=PATIENCE)[1]
        assert again.returncode == 2
    assert f"There is a job {job} already, which is cancelled" in stderr
    assert "another name (--job) or none" in stderr


def test_status_into_a_pipe_prints_each_picture(running: RunningDaemon) -> None:
    """One below the other, an empty line between: nothing stands still there."""
    with run("status", "--watch") as process:
        assert process.stdout is not None
        for _ in range(2):
            picture = list(iter(process.stdout.readline, "\n"))
            assert f"process {running.process.pid}," in picture[0]
            assert picture[1].startswith("Seat 1 ")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_status_goes_on_until_ctrl_c(running: RunningDaemon) -> None:
    with run("status", "--watch", "--json") as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
    assert [found["pid"] for found in told] == [running.process.pid] * 2
    assert told[0]["uptime"] < told[1]["uptime"]
    assert "Traceback" not in stderr


def test_the_servers_own_commands_are_the_servers() -> None:
    """Words, output and exit codes pass through."""
    with run("serve", "--help") as listed:
        assert "--queue" in listed.communicate(timeout=PATIENCE)[0]
    with run("serve", "--queue", "0") as wrong:
        assert "queue" in wrong.communicate(timeout=PATIENCE)[1]
        assert wrong.returncode == 2


def test_inpaint_starts_a_daemon_when_none_runs(tmp_path: Path, song: Path, out: Path) -> None:
    """With the real engine's packs absent the job fails, but by the word of a daemon that was started for it."""
    env = os.environ | {"PUNCHIN_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    env |= {"PUNCHIN_SERVE_OSC_PORT": "0"}
    words = ["inpaint", song, "--start", 4, "--end", 5, "--pack", "no-such-pack", "--out", out]
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words)]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    record = json.loads((tmp_path / "home" / "runtime" / "daemon.json").read_text())
    process = psutil.Process(record["pid"])
    try:
        assert process.is_running()
        assert ended.returncode not in (0, 5), ended.stderr  # 5 would be a daemon that is not there
    finally:
        process.terminate()
        process.wait(20)


def test_the_command_line_is_light() -> None:
    """No command waits for what only some of them need."""
    heavy = {"torch", "scipy", "librosa", "pyloudnorm", "matplotlib"}
    code = f"import sys, punchin_bridge.cli.main; print({heavy} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE).stdout
        == "set()\n"
    )
