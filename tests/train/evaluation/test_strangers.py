"""The songs of another hand, as `punchin eval` reads them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from punchin_server.conditioning.render import default_soundfont
from punchin_train.evaluation import excerpts

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
from _listening import strangers

pytestmark = pytest.mark.torch
RATE = 32_000


def test_songs_of_another_hand_are_read_with_all_that_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With drums and without; drums are heard where they are written."""
    chosen = tuple(song for song in strangers.SONGS if song.name in ("rock", "hymn"))
    monkeypatch.setattr(strangers, "SONGS", chosen)
    monkeypatch.setattr(strangers, "TIMES", 1)
    strangers.lay(default_soundfont(), tmp_path)
    hymn, rock = excerpts.from_folder(tmp_path, 2, 6 * RATE, RATE)
    assert hymn.chords_from == rock.chords_from == "score"
    assert not hymn.drums.any()
    assert {chord.label for chord in rock.chords} <= {"E:maj", "A:maj", "C#:min", "B:maj"}
    assert np.diff(rock.beats) == pytest.approx(60 / 132, abs=1e-5)
    assert {note.pitch for note in rock.piano}
    loud = np.abs(rock.drums) > 0.2 * np.abs(rock.drums).max()
    assert min(abs(hit - np.argmax(loud) / RATE) for hit in rock.hits) < 0.05
