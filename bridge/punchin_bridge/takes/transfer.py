"""Transfer: orders to hand a clip, or a region of it, to another instrument or genre, or to have it accompanied.

Reads the clip; knows no daemon.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
from punchin_wire.errors import BadAudio, BadSetting
from punchin_wire.frames import Audio
from punchin_wire.messages import AudioRef, TransferRequest
from punchin_wire.params import TransferParams

from ..audio import stems
from ..music.region import Region
from ..splice.lay import SpliceSettings
from . import excerpt, location, presets
from .location import Found, Where
from .order import Place
from .presets import Prompts, Task
from .recipe import read_input, reread
from .request import transfer_request
from .specs import take_specs
from .tasks import AccompanimentOrder, TransferOrder

SILENCE = 10 ** (-90 / 20)
"""Peaks below this are silence: the last bit of 16, and its dither."""
SPLICE = SpliceSettings(level="song", max_gain_db=40.0, width="replaced", highband="extend")
"""How transfers are laid unless something else is asked for: as loud and as wide as what they replace."""


def compose(
    path: Path,
    place: Where,
    params: TransferParams,
    seed: int,
    full: bool = False,
    mix: bool = False,
    score: bool = False,
    splice: SpliceSettings = SPLICE,
) -> TransferOrder:
    """The order for new takes of the clip at `path`, the whole of it where `place` says no region.

    Raises BadSetting, FileMissing, BadAudio (nothing sounds there), BadRegion, BadMidi, TooLarge and InputError.
    """
    clip = stems.probe(path)
    grid = location.asked_tempo(place)
    everything = Found(Region(0, clip.samples), "")
    found = everything if place.is_everywhere else location.find(place, grid, clip)
    return arrange(
        Place(clip, found.region, found.scene, grid, notes=found.notes), params, seed, full, mix, score, splice
    )


def arrange(
    place: Place,
    params: TransferParams,
    seed: int,
    full: bool = False,
    mix: bool = False,
    score: bool = False,
    splice: SpliceSettings = SPLICE,
) -> TransferOrder:
    """The order for new takes of `place`, with seeds from `seed` on; with `full` they are the whole clip, with `mix` an
    accompaniment is also written together with it, with `score` takes are measured against their text.

    Raises BadSetting, FileMissing, BadAudio (nothing sounds there), BadRegion, TooLarge and InputError.
    """
    clip, region, task = place.song, place.region, Task(params.task, params.to, mix)
    kind = _kind(task)
    texts = presets.prompts(task.name, task.to, params.source, params.negative)
    _check_files(task, full, splice)
    excerpt.check_transfer(region, clip.rate)
    source = AudioRef(0, clip.rate, clip.channels, region.samples)
    specs = take_specs(seed, params.takes, (), {})
    request = transfer_request(source, texts, presets.filled(params), specs, score)
    audio, file = read_input(clip, region)
    check_sound(audio, clip.path.name)
    around, scene = kind.surroundings(region, clip), _scene(task, place.scene)
    stems.read(clip, around)  # says what is wrong with it now, not when the takes are there
    laid = kind.settled(splice)
    return kind(
        clip, region, around, request, (audio,), (file,), scene, place.tempo, full, laid, notes=place.notes, task=task
    )


def turned(order: TransferOrder, params: TransferParams, label: str) -> TransferOrder:
    """The order with other parameters, but for its texts; `label` names them in file names. Raises BadSetting."""
    old = order.request
    texts = Prompts(old.prompt, old.negative_prompt)
    request = transfer_request(old.source, texts, presets.filled(params), old.takes, old.score)
    return dataclasses.replace(order, request=request, scene=f"{order.scene}_{label}")


def repeat(take: Path, clip_path: Path | None = None, full: bool = False) -> TransferOrder:
    """The order that makes `take` again from its recipe; `clip_path` is where its clip lies now.

    Raises BadRecipe where there is none, or where the clip has changed; FileMissing, BadAudio, BadSetting.
    """
    made, clip, audio = reread(take, "transfer", clip_path)
    assert isinstance(made.request, TransferRequest)
    task = made.task or Task("timbre", made.request.prompt)
    kind, full = _kind(task), full or made.full
    _check_files(task, full, made.splice)
    region = Region(*made.region)
    named = "" if region == Region(0, clip.samples) else location.name_of_seconds(region, clip.rate)
    around = kind.surroundings(region, clip)
    stems.read(clip, around)
    return kind(
        clip,
        region,
        around,
        made.request,
        audio,
        made.inputs,
        made.scene or _scene(task, named),
        made.tempo,
        full,
        made.splice,
        made.models,
        task=task,
        title=made.title,
        first=made.number,
    )


def check_sound(audio: Audio, name: str) -> None:
    """Raises BadAudio where the region `[channels, samples]` of the clip `name` holds nothing that a model could
    hear: silence, a constant offset, or channels that cancel each other."""
    offset = audio.mean(axis=1, keepdims=True, dtype=np.float64)
    moving = audio - offset
    if np.max(np.abs(moving)) < SILENCE:
        what = "nothing but a constant offset (DC)" if np.max(np.abs(offset)) >= SILENCE else "silence"
        raise BadAudio(f"{name} holds {what} there.", "Select a region where something plays.")
    if np.max(np.abs(moving.mean(axis=0))) < SILENCE:
        raise BadAudio(
            f"The channels of {name} cancel each other there, and the models hear mono.",
            "Reverse the polarity of one channel, or render the clip in mono.",
        )


def _check_files(task: Task, full: bool, splice: SpliceSettings) -> None:
    """Raises BadSetting where the task has no such file."""
    if task.name != "accompaniment":
        if task.mix:
            raise BadSetting("Only an accompaniment has a mix.", "Leave --mix out.")
        return
    if full and not task.mix:
        raise BadSetting(
            "The new part alone is as long as the region.", "Add --mix to hear it in the whole clip, or leave --full."
        )
    if splice.highband == "source":
        raise BadSetting(
            "The clip's own highs stay in the clip, so the new part cannot have them.", "Use --highband extend."
        )


def _kind(task: Task) -> type[TransferOrder]:
    return AccompanimentOrder if task.name == "accompaniment" else TransferOrder


def _scene(task: Task, named: str) -> str:
    target = re.sub(r"\W+", "-", task.to.lower()).strip("-_")[:32]
    return "_".join(filter(None, [target or "transfer", named]))
