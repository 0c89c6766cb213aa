"""The whole product with nothing replaced: Ardour, a bridge that it starts itself, the daemon, the built-in pack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from fakes import songs
from fakes.harness import until
from hosts.studio import Placed, Studio, make_song, studio
from punchin_wire.params import TransferParams

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.model]
RATE = 48_000
BAR = 2 * RATE


@pytest.fixture(scope="module")
def song(home: Path, display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Neither bridge nor daemon runs: the first click starts them."""
    folder = tmp_path_factory.mktemp("ardour")
    environ = {"PUNCHIN_SERVE_OSC_PORT": "0"}
    drums, _ = soundfile.read(songs.write_drums(folder, rate=RATE), dtype="float32", always_2d=True)
    with studio(folder / "own", make_song(folder / "song", RATE), home, display, environ, alone=True) as found:
        found.lay("Drums", drums)
        found.lay("Piano", songs.audio(rate=RATE).T.astype(np.float32))
        found.lay("Bass", songs.audio(4.0, 1, RATE).T.astype(np.float32), start=4 * BAR)
        found.lay_chords()
        yield found
    for name in ("bridge", "daemon"):
        record = home / "runtime" / f"{name}.json"
        if record.exists():
            process = psutil.Process(json.loads(record.read_text())["pid"])
            process.terminate()
            process.wait(30)


def test_bars_are_played_anew(song: Studio) -> None:
    start, end = 4 * BAR, 6 * BAR
    song.select("Piano", start, end)
    before = song.heard("Piano", start - BAR, end + BAR)
    song.click("inpaint")
    view = until(lambda: next((view for view in song.jobs() if view.phase in ("placed", "failed")), None), 200)
    assert view.phase == "placed", view
    print(json.dumps({stage: round(seconds, 3) for stage, seconds in view.timings.items()}))
    assert len(view.takes) == 3
    after = song.heard("Piano", start - BAR, end + BAR)
    np.testing.assert_array_equal(after[:BAR], before[:BAR])
    np.testing.assert_array_equal(after[-BAR:], before[-BAR:])
    hole, was = after[BAR:-BAR], before[BAR:-BAR]
    assert 0.1 < np.sqrt(np.mean(hole**2)) / np.sqrt(np.mean(was**2)) < 10
    assert abs(np.corrcoef(hole.mean(1), was.mean(1))[0, 1]) < 0.9
    song.undo()
    np.testing.assert_array_equal(song.heard("Piano", start - BAR, end + BAR), before)
    song.redo()
    np.testing.assert_array_equal(song.heard("Piano", start - BAR, end + BAR), after)


def test_a_region_on_another_instrument(song: Studio) -> None:
    song.select_regions("Bass")
    before = song.heard("Bass", 4 * BAR, 6 * BAR)
    view = song.run("transfer", TransferParams("violin", source="piano", seed=1), seconds=200)
    print(json.dumps({stage: round(seconds, 3) for stage, seconds in view.timings.items()}))
    (take,) = view.takes
    assert Placed(take.name, 4 * BAR, 2 * BAR) in song.regions("Bass")
    after = song.heard("Bass", 4 * BAR, 6 * BAR)
    assert np.any(after != before)
    assert 0.1 < np.sqrt(np.mean(after**2)) / np.sqrt(np.mean(before**2)) < 10
