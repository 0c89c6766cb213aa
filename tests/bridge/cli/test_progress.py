"""What is shown is what was told: the queue, each stage, real steps, and nothing that is left behind."""

import io
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile
from punchin_bridge.cli.preview import Preview
from punchin_bridge.cli.progress import Bars
from punchin_bridge.daemon.follow import Silent
from punchin_bridge.daemon.stages import STAGES
from punchin_wire.errors import BadMessage, BadSetting
from punchin_wire.messages import Progress, Stage
from rich.console import Console


def test_bars_show_the_queue_then_every_stage() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Bars(console) as bars:
        bars.waiting(2)
        assert [task.description for task in bars._bars.tasks] == ["Waiting behind 2 jobs"]
        bars.waiting(1)
        assert [task.description for task in bars._bars.tasks] == ["Waiting behind 1 job"]
        bars.working(Progress("encode", 1, 1))
        bars.working(Progress("decode", 10, 400))
        bars.working(Progress("decode", 20, 400))
        shown = [(task.description, task.completed, task.total, task.fields["count"]) for task in bars._bars.tasks]
    assert shown == [("Listening", 1, 1, ""), ("Playing", 20, 400, "20 of 400 frames")]
    assert re.search("Playing .*20 of 400 frames", console.file.getvalue())  # type: ignore[attr-defined]


def test_every_stage_has_words() -> None:
    assert tuple(STAGES) == get_args(Stage)


def tone(samples: int) -> np.ndarray:
    return np.linspace(-0.9, 0.9, samples, dtype=np.float32)[None]


def test_a_preview_can_be_read_while_it_grows_and_goes_away(tmp_path: Path) -> None:
    sound = tone(9000)
    with Preview(Silent(), tmp_path, "song_bars5-8") as preview:
        for start in range(0, 9000, 3000):
            preview.preview(0, 640 + start, sound[:, start : start + 3000], 32000)
            heard, rate = soundfile.read(tmp_path / "song_bars5-8_take1_preview.wav", dtype="float32")
            assert rate == 32000
            assert np.abs(heard - sound[0, : start + 3000]).max() <= 2**-15
        preview.preview(1, 640, sound, 32000)
        assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())


def test_a_preview_of_another_try_takes_the_place_of_the_first(tmp_path: Path) -> None:
    with Preview(Silent(), tmp_path, "song") as preview:
        preview.preview(0, 640, tone(500), 32000)
        preview.preview(0, 320, tone(100), 32000)
        heard, _ = soundfile.read(tmp_path / "song_take1_preview.wav", dtype="float32")
        assert np.abs(heard - tone(100)[0]).max() <= 2**-15


def test_a_preview_that_changes_its_format_or_has_no_place_is_refused(tmp_path: Path) -> None:
    with Preview(Silent(), tmp_path, "song") as preview:
        preview.preview(0, 640, tone(100), 32000)
        with pytest.raises(BadMessage):
            preview.preview(0, 740, tone(100), 44100)
    with Preview(Silent(), tmp_path / "gone", "song") as preview, pytest.raises(BadSetting):
        preview.preview(0, 0, tone(100), 32000)
