"""A selection may end anywhere: what fades at its edges sounds on outside, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.reaper_project import Source, Take, audio_item
from punchin_bridge.hosts.protocol import Held, Placed

from .conftest import RATE, Studio, write

pytestmark = pytest.mark.slow

START, END = 2 * RATE, 4 * RATE
Fades = list[tuple[float, float, dict[str, float]]]
EDGES: dict[str, Fades] = {
    "a crossfade over the end": [
        (0.0, 4.1, {"D_FADEOUTLEN_AUTO": 0.2}),
        (3.9, 6.1, {"D_FADEINLEN_AUTO": 0.2}),
    ],
    "a crossfade over the start": [
        (0.0, 2.037, {"D_FADEOUTLEN": 0.06}),
        (1.977, 5.0, {"D_FADEINLEN": 0.06}),
    ],
    "all within one long fade": [(0.0, 8.0, {"D_FADEOUTLEN": 7.0})],
    "a fade in over both": [(1.0, 6.0, {"D_FADEINLEN": 5.0})],
    "fades off the samples": [
        (0.0, 4.03333333, {"D_FADEOUTLEN": 0.0777777}),
        (3.95555556, 5.0, {"D_FADEINLEN": 0.0777777}),
    ],
    "one fade into the next": [
        (0.0, 4.1, {"D_FADEOUTLEN": 0.2}),
        (3.9, 0.5, {"D_FADEINLEN": 0.2, "D_FADEOUTLEN": 0.35}),
        (4.05, 4.0, {"D_FADEINLEN": 0.35}),
    ],
}


@pytest.mark.parametrize("items", EDGES.values(), ids=EDGES)
def test_an_edge_may_lie_in_a_fade(studio: Studio, tmp_path: Path, items: Fades) -> None:
    keys = studio.project.track("Keys")
    keys.items = [
        audio_item(write(tmp_path / f"{seed}.wav", 2, seed=seed), start, length, offset=0.3, **fades)
        for seed, (start, length, fades) in enumerate(items, 40)
    ]
    before = studio.sound()
    view = studio.ready(studio.submit())
    studio.hear(Placed)
    after = studio.sound()
    take = soundfile.read(view.takes[0].path, dtype="float32")[0]
    assert np.array_equal(after[START:END].astype(np.float32), take)
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    assert [step.name for step in studio.reaper.undos[0]] == ["Punchin: 2 takes of bars 2-2"]
    studio.reaper.undo()
    assert np.array_equal(studio.sound(), before)
    assert len(studio.project.track("Keys").items) == len(items)


def test_a_second_job_over_the_same_fade_joins_the_takes(studio: Studio) -> None:
    """What lies muted under the takes of the first is not touched again."""
    studio.project.track("Keys").items[0].info["D_FADEOUTLEN"] = 7.0
    first, second = studio.submit(), studio.submit("Repeat last")
    before = studio.sound()
    studio.ready(first)
    studio.hear(Placed)
    items = len(studio.project.track("Keys").items)
    studio.ready(second)
    studio.hear(Placed)
    after = studio.sound()
    assert len(studio.project.track("Keys").items) == items
    assert sorted(len(item.takes) for item in studio.project.track("Keys").items)[-1] == 4
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])


@pytest.mark.parametrize("what", ["take effects", "MIDI"])
def test_what_scripts_cannot_hear_is_not_replaced_by_what_they_hear(studio: Studio, what: str) -> None:
    keys = studio.project.track("Keys")
    keys.items[0].info["D_FADEOUTLEN"] = 7.0
    if what == "MIDI":
        keys.items.append(audio_item(studio.project.folder / "keys.wav", 4.0, 1.0))
        keys.items[1].takes = [Take(Source(notes=[]))]
    else:
        keys.items[0].takes[0].effects = 1
    studio.click("Inpaint selection")
    studio.reaper.ticks(lambda: studio.reaper.said)
    assert "past the fade" in studio.reaper.said[0]


def test_take_effects_are_no_matter_where_nothing_fades(studio: Studio) -> None:
    studio.project.track("Keys").items[0].takes[0].effects = 1
    assert studio.submit().target.name == "Keys"


def test_a_fade_that_cannot_be_written_leaves_nothing(studio: Studio) -> None:
    studio.project.track("Keys").items[0].info["D_FADEOUTLEN"] = 7.0
    view = studio.ready(studio.submit())
    for start in (0, RATE, 4 * RATE):  # where its file would be
        (Path(view.takes[0].path.removesuffix(".wav") + f"-fade-2-{start}.wav.part")).mkdir()
    assert studio.hear(Held).reason.startswith("The takes could not be placed")
    assert len(studio.project.track("Keys").items) == 1
    assert studio.reaper.undos == {}
