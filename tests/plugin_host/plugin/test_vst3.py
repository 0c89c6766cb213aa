"""The VST3 in hosts: what comes out is the input but for the takes, to the sample."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hosts.plugin import Hosted, Region, hosted, noise, state, take_file

pytestmark = pytest.mark.slow

START, END = 96_777, 120_777


@pytest.fixture
def punchin(binaries: Path) -> Hosted:
    return hosted(binaries / "Punchin.vst3")


@pytest.fixture
def take(tmp_path: Path) -> Path:
    return take_file(tmp_path / "take.wav", noise(END - START, 2))


SONG = noise(4 * 48_000, 1)
WANT = SONG.copy()
WANT[:, START:END] = noise(END - START, 2)


def test_an_idle_plug_in_changes_no_bit_and_has_two_parameters_and_no_latency(punchin: Hosted) -> None:
    assert np.array_equal(punchin.play(SONG), SONG)
    assert [punchin.plugin.get_param_info(i)["name"] for i in range(punchin.plugin.num_params)] == ["Take", "Original"]
    assert punchin.plugin.latency_samples == 0


@pytest.mark.parametrize("most", [1, 31, 512, 8192])
def test_a_take_is_in_its_place_in_blocks_of_any_size(punchin: Hosted, take: Path, most: int) -> None:
    punchin.restore(state(Region(START, END, [take])))
    assert np.array_equal(punchin.play(SONG, most=most, seed=most), WANT)


def test_after_a_locate_and_in_a_loop_too(punchin: Hosted, take: Path) -> None:
    punchin.restore(state(Region(START, END, [take])))
    for first, last in ((100_000, 140_000), (90_000, 110_000), (90_000, 110_000), (0, 100_000)):
        assert np.array_equal(punchin.play(SONG[:, first:last], first), WANT[:, first:last])
    assert np.array_equal(punchin.play(SONG, -1776)[:, : START + 1776], SONG[:, : START + 1776])  # a pre-roll


def test_standing_still_the_input_passes(punchin: Hosted, take: Path) -> None:
    punchin.restore(state(Region(START, END, [take])))
    assert np.array_equal(punchin.play(SONG[:, :4096], START, rolling=False), SONG[:, :4096])


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000])
def test_at_every_rate_a_take_of_that_rate_is_to_the_sample(binaries: Path, tmp_path: Path, rate: int) -> None:
    audio = noise(rate // 2, 3)
    take = take_file(tmp_path / "take.wav", audio, rate)
    plugin = hosted(binaries / "Punchin.vst3", rate)
    plugin.restore(state(Region(1000, 1000 + rate // 2, [take], rate=rate)))
    song = noise(rate, 4)
    want = song.copy()
    want[:, 1000 : 1000 + rate // 2] = audio
    assert np.array_equal(plugin.play(song), want)


@pytest.mark.parametrize("takes_channels", [1, 2])
def test_on_a_mono_track_it_is_mono(binaries: Path, tmp_path: Path, takes_channels: int) -> None:
    """Of a take that was made in stereo the left side is heard."""
    for name in ("Punchin", "PunchinChords"):
        mono = hosted(binaries / f"{name}.vst3", channels=1)
        buses = [mono.plugin.get_bus_info(is_input, 0)["num_channels"] for is_input in (True, False)]
        assert buses == [1, 1]
        assert np.array_equal(mono.play(SONG[:1]), SONG[:1])
    audio = noise(END - START, 2, takes_channels)
    punchin = hosted(binaries / "Punchin.vst3", channels=1)
    punchin.restore(state(Region(START, END, [take_file(tmp_path / "take.wav", audio)])))
    want = SONG[:1].copy()
    want[:, START:END] = audio[:1]
    for most in (1, 512, 8192):
        assert np.array_equal(punchin.play(SONG[:1], most=most), want)


def test_parameters_choose_the_take_and_the_original(punchin: Hosted, take: Path, tmp_path: Path) -> None:
    second = take_file(tmp_path / "second.wav", noise(END - START, 5))
    punchin.restore(state(Region(START, END, [take, second])))
    punchin.plugin.set_param_by_name("Take", 2 / 32)
    assert np.array_equal(punchin.play(SONG)[:, START:END], noise(END - START, 5))
    punchin.plugin.set_param_by_name("Original", 1.0)
    assert np.array_equal(punchin.play(SONG), SONG)


def test_the_hosts_parameter_goes_where_the_take_has_gone_without_it(punchin: Hosted, take: Path) -> None:
    """And stays where the host puts it."""
    punchin.restore(state(Region(START, END, [take, take], choice=2)), take=None)
    assert punchin.take == 1
    punchin.play(SONG[:, :1024])
    assert punchin.take == 2
    punchin.plugin.set_param_by_name("Take", 1 / 32)
    punchin.play(SONG[:, :1024])
    assert punchin.take == 1
    assert [region["choice"] for region in punchin.state["regions"]] == [1]


def test_the_project_brings_the_take_back(punchin: Hosted, binaries: Path, take: Path) -> None:
    punchin.restore(state(Region(START, END, [take])))
    saved = punchin.plugin.get_state()
    assert len(punchin.state["regions"][0]["takes"][0]["hash"]) == 16
    again = hosted(binaries / "Punchin.vst3", 44_100)  # the host tells its rate after the state
    again.plugin.set_state(saved)
    assert again.state == punchin.state
    other = hosted(binaries / "Punchin.vst3")
    other.plugin.set_state(saved)
    assert np.array_equal(other.play(SONG), WANT)
    take.unlink()
    gone = hosted(binaries / "Punchin.vst3")
    gone.plugin.set_state(saved)
    assert np.array_equal(gone.play(SONG), SONG)
    assert gone.state == punchin.state  # not forgotten


def test_punchin_chords_passes_sound_and_is_a_plug_in_of_its_own(binaries: Path) -> None:
    chords = hosted(binaries / "PunchinChords.vst3")
    assert chords.plugin.accepts_midi
    assert np.array_equal(chords.play(SONG), SONG)


def test_pedalboard_loads_it(binaries: Path) -> None:
    pedalboard = pytest.importorskip("pedalboard")
    plugin = pedalboard.load_plugin(str(binaries / "Punchin.vst3"))
    assert plugin.name == "Punchin"
    for song in (SONG, SONG[:1]):
        assert np.array_equal(plugin(song, 48_000, reset=False), song)


def test_ardours_scanner_accepts_both(binaries: Path, tmp_path: Path) -> None:
    folder = Path("/usr/lib/ardour7")
    if not (folder / "ardour-vst3-scanner").exists():
        pytest.skip("not installed: ardour")
    for name in ("Punchin", "PunchinChords"):
        bundle = shutil.copytree(binaries / f"{name}.vst3", tmp_path / f"{name}.vst3")
        done = subprocess.run(
            [folder / "ardour-vst3-scanner", "-f", "-v", bundle],
            capture_output=True,
            text=True,
            timeout=60,
            env={"LD_LIBRARY_PATH": str(folder), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert name.replace("Chords", " Chords") in done.stdout + done.stderr
