"""What has come of a take so far, in the samples of its project. Pure; knows no browser."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from punchin_wire.structs import ready

from ..audio.types import Samples
from ..hosts.previews import Preview
from ..splice.place import GUARD, place


class PreviewCard(msgspec.Struct, frozen=True):
    """A take that grows: its number (from 0), the try that it is of, how many samples of its region have come, and the
    largest sample in each column of a small picture of the region, in percent of full scale."""

    take: int
    round: int
    samples: int
    shape: tuple[int, ...]


ready(PreviewCard)


def card(preview: Preview) -> PreviewCard:
    return PreviewCard(preview.take, preview.round, max(0, _end(preview)), preview.shape)


def heard(preview: Preview, first: int) -> Samples:
    """All samples from `first` on, counted from the start of the region, at the project's rate; silence in gaps. Sample
    for sample they lie where those of the take will."""
    rate, here = preview.place.rate, preview.place
    divisor = math.gcd(rate, preview.rate)
    project_step, model_step = rate // divisor, preview.rate // divisor
    wanted = here.region.start - here.start + first  # from the model's first sample on
    steps = max(0, (wanted * preview.rate // rate - GUARD) // model_step)  # both grids begin anew there
    audio = _between(preview, steps * model_step)
    samples = here.region.start - here.start + _end(preview) - steps * project_step
    line = place(audio, 0, preview.rate, rate, max(0, samples))
    return line[max(0, wanted - steps * project_step) :]


def _end(preview: Preview) -> int:
    """How many samples of the region will not change any more when more comes: the resampler mixes in what follows."""
    settled = (preview.end - GUARD) * preview.place.rate // preview.rate
    whole = preview.place.region.samples
    return min(whole, settled + preview.place.start - preview.place.region.start)


def _between(preview: Preview, first: int) -> Samples:
    """The model's own samples, from `first` to the last that came."""
    line = np.zeros(max(0, preview.end - first))
    for start, audio in preview.chunks:
        part = audio[max(0, first - start) :]
        at = max(0, start - first)
        line[at : at + len(part)] = part
    return line
