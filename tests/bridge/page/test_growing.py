"""What the page hears of a take that grows lies where the take will, however it came and was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from punchin_bridge.hosts.previews import Place, Previews
from punchin_bridge.music.region import Region
from punchin_bridge.page import growing
from punchin_bridge.splice.place import place


@pytest.mark.parametrize(("model", "project"), [(32_000, 44_100), (32_000, 48_000), (16_000, 44_100), (32_000, 32_000)])
@pytest.mark.parametrize("start", [0, -1234, 98_765])
def test_pieces_are_the_whole(model: int, project: int, start: int) -> None:
    """In pieces as they come, the samples of the region are those of the take that is placed in one."""
    region = Region(start + project + 17, start + 3 * project + 5)
    first = model - 640  # the model's frames do not begin where the region does
    whole = np.random.default_rng(2).uniform(-0.5, 0.5, 2 * model + 2000)
    previews, came = Previews(), np.zeros(0)
    previews.begin("job", Place(start, project, region))
    for at in range(0, len(whole), model // 2):
        chunk = whole[None, at : at + model // 2].astype(np.float32)
        previews.grow("job", 0, first + at, chunk, model)
        [found] = previews.of("job")
        came = np.concatenate([came, growing.heard(found, len(came))])
        assert len(came) == growing.card(found).samples
    line = place(whole.astype(np.float32).astype(np.float64), first, model, project, 4 * project)
    wanted = line[region.start - start : region.end - start]
    assert len(wanted) - len(came) <= 2 * 1024 * project / model
    assert np.abs(came - wanted[: len(came)]).max() < 1e-4


def test_a_gap_is_silent_and_nothing_comes_before_its_time() -> None:
    previews = Previews()
    previews.begin("job", Place(0, 32_000, Region(32_000, 64_000)))
    previews.grow("job", 0, 32_000, np.full((1, 500), 0.5, np.float32), 32_000)
    [found] = previews.of("job")
    assert growing.card(found).samples == 0
    assert len(growing.heard(found, 0)) == 0
    previews.grow("job", 0, 40_000, np.full((1, 4000), 0.25, np.float32), 32_000)
    [found] = previews.of("job")
    heard = growing.heard(found, 0)
    assert np.array_equal(np.unique(heard[500:8000]), [0.0])
    assert heard[8000:].min() == 0.25
    assert np.array_equal(growing.heard(found, 9000), heard[9000:])
    assert len(growing.heard(found, 32_000)) == 0
