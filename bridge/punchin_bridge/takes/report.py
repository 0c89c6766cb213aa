"""What a finished job reports, and what `--json` prints."""

from __future__ import annotations

import msgspec
from punchin_wire.messages import HeardChord
from punchin_wire.params import AskedDenoising, Control, TaskName

from ..splice.seam import SeamReport


class TakeReport(msgspec.Struct, frozen=True):
    """One take: its file (absolute), its seed, the weight of each control it follows, and how it sits in the song."""

    path: str
    seed: int
    controls: dict[Control, float]
    seam: tuple[SeamReport, ...]


class RegionReport(msgspec.Struct, frozen=True):
    """Samples `[start, end)` of the song, and the same in seconds."""

    start: int
    end: int
    start_seconds: float
    end_seconds: float


class HeardReport(msgspec.Struct, frozen=True):
    """What was read by ear of the region: its `chords` in seconds of the song and how sure each is, and how many
    `notes` of a piano part begin there."""

    chords: tuple[HeardChord, ...]
    notes: int
    notes_sure: float


class PartReport(msgspec.Struct, frozen=True):
    """How an accompaniment was taken out of the model's take (:mod:`punchin_bridge.splice.separate`): the clip's level
    in the take, the part's over the clip, and the share of the take's energy that was the clip's."""

    made: str
    clip_db: float | None
    part_db: float | None
    explained: float


class MixReport(msgspec.Struct, frozen=True):
    """The part with the clip: the file (absolute), how far and for what share of the time the part ducks so that
    nothing clips, and the largest difference outside the region where the whole clip was written."""

    path: str
    ducked_db: float
    ducked: float
    outside_delta: float | None = None


class TransferTake(TakeReport, frozen=True, kw_only=True):
    """A take of a transfer, which follows no controls. `fidelity` is how much it plays what the clip plays
    (:mod:`punchin_bridge.audio.chroma`; None where that cannot be said), `scores` are the models' own measures."""

    fidelity: float | None
    scores: dict[str, float]
    part: PartReport | None = None
    mix: MixReport | None = None


class TransferSettings(AskedDenoising, frozen=True, kw_only=True):
    """What a transfer was made with. `None` is what its method does not have or, where the pack chose, what the engine
    did not say. `highband` is `air` in JSON."""

    task: TaskName
    prompt: str
    negative_prompt: str
    highband: str = msgspec.field(name="air")
    width: str


class Report(msgspec.Struct, frozen=True):
    """A finished job. `timings` in seconds: the stages of its engine as the daemon measured them, splice (laying and
    writing all takes) and total (submission to the last file) as we did. `notes` are sentences for the musician,
    `heard` what was read by ear, if anything was. Only a transfer has `settings`; its takes are
    :class:`TransferTake`\\ s."""

    job: str
    song: str
    rate: int
    region: RegionReport
    pack: str
    takes: tuple[TakeReport, ...]
    timings: dict[str, float]
    models: dict[str, str]
    notes: tuple[str, ...] = ()
    settings: TransferSettings | msgspec.UnsetType = msgspec.UNSET
    heard: HeardReport | msgspec.UnsetType = msgspec.UNSET
