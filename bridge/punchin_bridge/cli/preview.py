"""Writes a job's preview while it grows: one WAV a take that any player can open before the take is done."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from punchin_wire.errors import BadSetting
from punchin_wire.frames import Audio
from punchin_wire.messages import Progress

from ..daemon.follow import Display
from ..daemon.growth import Growth


class Preview:
    """Passes everything on to `inner`, and appends preview audio to `DIR/NAME_take<N>_preview.wav` at the model's rate.

    The file begins at the first previewed sample. It is not spliced and not levelled, and goes away when the job has
    ended. A context manager.
    """

    def __init__(self, inner: Display, folder: Path, name: str) -> None:
        self._inner = inner
        self._stem = folder / name
        self._files: dict[int, tuple[soundfile.SoundFile, Path, Growth]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file, path, _ in self._files.values():
            file.close()
            path.unlink(missing_ok=True)

    def waiting(self, position: int) -> None:
        self._inner.waiting(position)

    def working(self, progress: Progress) -> None:
        self._inner.working(progress)

    def preview(self, take: int, start: int, audio: Audio, rate: int) -> None:
        self._inner.preview(take, start, audio, rate)
        if take not in self._files or not self._files[take][2].goes_on(start, audio, rate):
            self._begin(take, Growth.of(start, audio, rate))
        file, _, grown = self._files[take]
        file.seek(start - grown.first)
        file.write(np.clip(audio.T, -1.0, 1.0))
        file.flush()

    def _begin(self, take: int, grown: Growth) -> None:
        """An empty file for a take, in place of what came of an earlier try."""
        if take in self._files:
            self._files[take][0].close()
        path = self._stem.with_name(f"{self._stem.name}_take{take + 1}_preview.wav")
        try:
            file = soundfile.SoundFile(path, "w", grown.rate, grown.channels, "PCM_16")
        except (soundfile.SoundFileError, OSError):
            raise BadSetting(f"{path} cannot be written.", "Make room on the disk, or choose another --out.") from None
        self._files[take] = file, path, grown
