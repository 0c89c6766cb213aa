"""The CLAP in a small host of ours, whose steady clock is not the song's position."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from fakes.plugin_build import DPF
from hosts.plugin import Region, Samples, dpf_state, noise, state, take_file

pytestmark = pytest.mark.slow

START, END = 96_777, 120_777


@pytest.fixture(scope="module")
def claphost(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - skips where nothing is built
    program = tmp_path_factory.mktemp("claphost") / "claphost"
    source = Path(__file__).with_name("claphost.c")
    flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-Wall", "-I", str(DPF / "distrho" / "src")]
    subprocess.run(["gcc", *flags, str(source), "-o", str(program), "-ldl"], check=True, timeout=120)
    return program


@pytest.mark.parametrize("steady", [0, 100_000, 2**40, -1])
def test_the_take_follows_the_song_not_the_steady_clock(
    claphost: Path, binaries: Path, tmp_path: Path, steady: int
) -> None:
    song, audio = noise(4 * 48_000, 1), noise(END - START, 2)
    take = take_file(tmp_path / "take.wav", audio)
    saved = tmp_path / "state"
    saved.write_bytes(dpf_state(state(Region(START, END, [take]))))
    want = song.copy()
    want[:, START:END] = audio
    about, heard = _played(claphost, binaries / "Punchin.clap", tmp_path, song, saved, 0, steady)
    assert about == ["org.punchin.punchin", "Punchin", "0", "stereo 2", "stereo 2"]
    assert np.array_equal(heard, want)
    _, heard = _played(claphost, binaries / "Punchin.clap", tmp_path, song[:, 100_000:], saved, 100_000, steady)
    assert np.array_equal(heard, want[:, 100_000:])


def test_on_a_mono_track_it_is_mono(claphost: Path, binaries: Path, tmp_path: Path) -> None:
    song, audio = noise(4 * 48_000, 1, 1), noise(END - START, 2, 1)
    saved = tmp_path / "state"
    saved.write_bytes(dpf_state(state(Region(START, END, [take_file(tmp_path / "take.wav", audio)]))))
    about, heard = _played(claphost, binaries / "Punchin.clap", tmp_path, song, saved, 0, 0)
    assert about[3:] == ["mono 1", "mono 1"]
    want = song.copy()
    want[:, START:END] = audio
    assert np.array_equal(heard, want)


def test_the_hosts_parameter_goes_where_the_take_has_gone_without_it(
    claphost: Path, binaries: Path, tmp_path: Path
) -> None:
    """Once, and not into its automation."""
    take = take_file(tmp_path / "take.wav", noise(END - START, 2))
    saved = tmp_path / "state"
    saved.write_bytes(dpf_state(state(Region(START, END, [take, take], choice=2)), take=None))
    about, _ = _played(claphost, binaries / "Punchin.clap", tmp_path, noise(48_000, 1), saved, 0, 0)
    assert about[5:] == ["parameter 0 2"]


def test_idle_both_pass_what_comes_in(claphost: Path, binaries: Path, tmp_path: Path) -> None:
    for name in ("Punchin.clap", "PunchinChords.clap"):
        for channels in (1, 2):
            song = noise(48_000, 3, channels)
            _, heard = _played(claphost, binaries / name, tmp_path, song, None, 0, 0)
            assert np.array_equal(heard, song)


def _played(
    host: Path, plugin: Path, folder: Path, song: Samples, saved: Path | None, first: int, steady: int
) -> tuple[list[str], Samples]:
    source, out = folder / "song.f32", folder / "out.f32"
    source.write_bytes(np.ascontiguousarray(song.T).tobytes())
    arguments = [plugin, len(song), saved or "-", source, out, "48000", first, steady]
    done = subprocess.run([host, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines(), np.frombuffer(out.read_bytes(), np.float32).reshape(-1, len(song)).T
