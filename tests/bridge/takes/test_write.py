"""Takes that exceed full scale at their level: floats where the file is theirs, turned down where it is the song's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.songs import RATE, audio
from punchin_bridge.takes.inpaint import Sources, compose
from punchin_bridge.takes.location import Where
from punchin_bridge.takes.order import ModelTake, Order, Output
from punchin_bridge.takes.report import TakeReport
from punchin_wire.frames import describe
from punchin_wire.messages import Take
from punchin_wire.params import InpaintParams

MODEL = 32_000


def write(order: Order, folder: Path) -> tuple[TakeReport, np.ndarray, str]:
    """A take of short notes, as it was written."""
    time = np.arange(24 * MODEL) / MODEL
    sound = (np.sin(2000 * time) * np.exp(-20 * (time % 0.25))).astype(np.float32)
    folder.mkdir()
    header = Take(0, 7, 0, describe(sound[None], MODEL))
    report = order.write(ModelTake(0, header, sound.astype(np.float64), "job", {}, ""), Output(folder))
    return report, soundfile.read(report.path)[0], soundfile.info(report.path).subtype


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A region of a master that was clipped until it was dense."""
    song = tmp_path / "master.wav"
    soundfile.write(song, np.tanh(50 * audio(12.0)).T, RATE, subtype="PCM_24")
    return compose(song, Where(4, 6), Sources(), InpaintParams(), 7)


def test_a_region_of_its_own_keeps_its_level_in_floats(tmp_path: Path, order: Order) -> None:
    report, sound, subtype = write(order, tmp_path / "out")
    (seam,) = report.seam
    assert (subtype, seam.reduction_db) == ("FLOAT", 0.0)
    assert seam.level_error_db == pytest.approx(0.0, abs=0.5)
    assert seam.peak_dbfs == pytest.approx(20 * np.log10(np.max(np.abs(sound))), abs=0.01)
    assert seam.peak_dbfs > 3.0


def test_a_whole_song_of_integers_turns_it_down(tmp_path: Path, order: Order) -> None:
    report, sound, subtype = write(dataclasses.replace(order, full=True), tmp_path / "out")
    (seam,) = report.seam
    assert subtype == "PCM_24"
    assert seam.reduction_db > 3.0
    assert np.max(np.abs(sound[4 * RATE : 6 * RATE])) < 1.0


def test_what_stays_below_full_scale_is_as_before(tmp_path: Path, order: Order) -> None:
    """So are takes of recipes that were laid by an older rule."""
    soundfile.write(order.song.path, audio(12.0).T, RATE, subtype="PCM_24")
    assert write(order, tmp_path / "quiet")[2] == "PCM_24"
    older = msgspec.structs.replace(order.splice, level="replaced")
    soundfile.write(order.song.path, np.tanh(50 * audio(12.0)).T, RATE, subtype="PCM_24")
    report, _, subtype = write(dataclasses.replace(order, splice=older), tmp_path / "older")
    assert subtype == "PCM_24"
    assert report.seam[0].reduction_db > 3.0
