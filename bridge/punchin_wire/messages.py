"""Every message of the protocol, as a frozen struct that checks itself. Knows no sockets and holds no audio.

A message refers to its audio by :class:`AudioRef`; the samples travel as raw frames beside the header
(:mod:`punchin_wire.frames`). Times inside a request are seconds from the start of its source excerpt; hole edges
are samples of it. A client names its jobs, so that submitting twice, or again after a lost connection, is one job.

Which replies end a request:

=================  ==========================================================================
`Submit`           `Accepted` or `Refused`; then `Event`\\ s until `Done`, `Failed` or `Cancelled`
`Attach`           `Accepted` or `Refused`; then the job's `Event`\\ s from `after` on
`Cancel`           `Accepted` (the job stops within one decode step) or `Refused`
`Release`          `Accepted` or `Refused`; the daemon may forget the job's results
`StatusQuery`      `Status`
`PackQuery`        `Packs` until one has a `code`, or `Refused`; `stop` ends what was asked before
`Ping`             `Pong`
=================  ==========================================================================

>>> import msgspec
>>> msgspec.json.encode(Cancel(job="a1b2c3d4"))
b'{"type":"cancel","job":"a1b2c3d4"}'
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from .errors import BadRegion, BadSetting, ErrorInfo
from .params import CHORD, MAX_TAKES, PACK, TEXT, ByEar, ChordRhythm, Control, Denoising, Sampling, Seed
from .structs import ready

PROTOCOL = 3
"""Version of everything in this module. Both sides must have the same.

1 knew one worker; since 2 a status shows seats; since 3 a request can have chords and piano read by ear. Takes and
endings have not changed, so what is kept of 1 and 2 can be read.
"""

MAX_SECONDS = 900.0
"""Longest source excerpt of one request; the bridge refuses longer regions before it reads them."""
MAX_CHANNELS = 16
MAX_CHORDS = 8192
MAX_NOTES = 65536
SLACK = 1.0
"""Seconds by which chords, notes and beats may reach beyond their source: rounding, and notes that ring on."""
OVERLAP = 0.05
"""Seconds by which a chord may begin before the one ahead of it ends."""

MAX_NAME = 64
JOB_ID = rf"[A-Za-z0-9_-]{{4,{MAX_NAME}}}"
"""What a job is called by whoever wants it."""
MAX_JOB = 96
OWNED_JOB_ID = rf"[A-Za-z0-9_-]{{4,{MAX_JOB}}}"
JobId = Annotated[str, Meta(pattern=f"^{OWNED_JOB_ID}$")]
"""What it is called on the wire: in a daemon with keys, between it and its worker, with its owner before it."""
Seconds = Annotated[float, Meta(ge=0.0, le=MAX_SECONDS)]
Pack = Annotated[str, PACK.meta]
Retries = Annotated[int, Meta(ge=0, le=8)]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower):
    """Base of all messages; on the wire `type` is the class name in lower case."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what messages are made of."""


# ---- what requests are made of -------------------------------------------------------------------------------


class AudioRef(Part, frozen=True):
    """One raw float32 frame `[channels, samples]` of the packet, by its index."""

    frame: Annotated[int, Meta(ge=0, le=15)]
    sample_rate: Annotated[int, Meta(ge=4000, le=768_000)]
    channels: Annotated[int, Meta(ge=1, le=MAX_CHANNELS)]
    samples: Annotated[int, Meta(ge=0)]

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


class Hole(Part, frozen=True):
    """A region to fill: samples `[start, end)` of the source excerpt."""

    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=0)]


class ChordSegment(Part, frozen=True):
    """A chord from `start` to `end` (seconds) with a Harte label such as `A:min7/b3`; `N` is no chord."""

    start: float
    end: float
    label: Annotated[str, Meta(max_length=60)]


class Note(Part, frozen=True):
    """A MIDI note. Times in seconds; `program` is General MIDI 0-127."""

    start: float
    end: float
    pitch: Annotated[int, Meta(ge=0, le=127)]
    velocity: Annotated[int, Meta(ge=1, le=127)] = 100
    program: Annotated[int, Meta(ge=0, le=127)] = 0
    drum: bool = False


class TakeSpec(Part, frozen=True):
    """One take to make: its seed and the weight of each control it follows (absent = not followed)."""

    seed: Seed
    controls: dict[Control, Annotated[float, Meta(gt=0.0, le=CHORD.high)]] = {}


class InpaintRequest(Part, frozen=True, tag_field="engine", tag="inpaint"):
    """Fill the holes of `source` anew (AIRGen, arXiv 2402.09508).

    `source` is the song around the holes, `drums` the drum stem of the same excerpt, at any rate and channel count.
    `chords` with `beats` and `piano` are symbolic and rendered by the engine. `None` is the pack's own rule.
    `at_learned_loudness` has the models hear the song as loud as the music they learned from; takes come back at the
    song's level. A take that is mostly silent is made again with another seed, up to `retries` times, then the job
    fails; with none it is sent as it is. (Recipes from before these have none, and repeat without.)
    """

    source: AudioRef
    holes: Annotated[tuple[Hole, ...], Meta(min_length=1, max_length=64)]
    takes: Annotated[tuple[TakeSpec, ...], Meta(min_length=1, max_length=MAX_TAKES)]
    pack: Pack = PACK.default
    chords: Annotated[tuple[ChordSegment, ...], Meta(max_length=MAX_CHORDS)] = ()
    beats: Annotated[tuple[float, ...], Meta(max_length=MAX_CHORDS)] = ()
    drums: AudioRef | None = None
    piano: Annotated[tuple[Note, ...], Meta(max_length=MAX_NOTES)] = ()
    text: Annotated[str, TEXT.meta] = TEXT.default
    chord_rhythm: ChordRhythm | None = msgspec.field(default=None, name="strikes")
    sampling: Sampling = Sampling()
    preview: bool = False
    at_learned_loudness: bool = False
    retries: Retries = 0
    hear: Annotated[tuple[ByEar, ...], Meta(max_length=2)] = ()
    stem: AudioRef | None = None

    def __post_init__(self) -> None:
        _check_length(self.source)
        last = 0
        for hole in self.holes:
            if not last <= hole.start < hole.end <= self.source.samples:
                raise BadRegion(
                    f"The region of samples {hole.start} to {hole.end} is empty, overlaps another, "
                    f"or lies outside the audio of {self.source.samples} samples."
                )
            last = hole.end
        seconds = self.source.seconds
        _check_times("chord", [(chord.start, chord.end) for chord in self.chords], seconds)
        _check_times("note", [(note.start, note.end) for note in self.piano], seconds)
        _check_times("beat", [(beat, beat) for beat in self.beats], seconds)
        if any(after.start < before.end - OVERLAP for before, after in pairwise(self.chords)):
            raise BadSetting("A chord starts before the one ahead of it ends.")
        if any(after < before for before, after in pairwise(self.beats)):
            raise BadSetting("A beat comes before the one ahead of it.")
        given = {"chord": bool(self.chords), "drums": self.drums is not None, "piano": bool(self.piano)}
        for heard in self.hear:
            if given[heard]:
                raise BadSetting(f"{heard} is brought, so it cannot be read by ear, too.")
        for take in self.takes:
            for control in take.controls:
                if not given[control] and control not in self.hear:
                    raise BadSetting(f"A take follows {control!r}, but the request brings no {control}.")

    def with_heard(self, heard: Heard) -> InpaintRequest:
        """The same work, with what was read by ear brought."""
        chords = tuple(ChordSegment(each.start, each.end, each.label) for each in heard.chords)
        brought = {"chords": chords} if "chord" in self.hear else {}
        notes = {"piano": heard.piano} if "piano" in self.hear else {}
        return msgspec.structs.replace(self, hear=(), stem=None, **brought, **notes)


class TransferRequest(Denoising, frozen=True, tag_field="engine", tag="transfer"):
    """Play `source`, all of it, on another instrument or in another genre (AP-Adapter, arXiv 2407.16564).

    With `score` each take says how near it is to `prompt` and how like `source` it plays; with `loop_short` the models
    hear a clip of a few seconds in a loop, not before a long silence. (Recipes from before it have none, and repeat
    without.) `retries` is as for holes.
    """

    source: AudioRef
    prompt: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
    takes: Annotated[tuple[TakeSpec, ...], Meta(min_length=1, max_length=MAX_TAKES)]
    pack: Pack = PACK.default
    negative_prompt: Annotated[str, Meta(max_length=500)] = ""
    score: bool = False
    preview: bool = False
    loop_short: bool = False
    retries: Retries = 0

    def __post_init__(self) -> None:
        _check_length(self.source)
        if any(take.controls for take in self.takes):
            raise BadSetting("A take of a transfer follows its prompts, not chords, drums or piano.")


Request = InpaintRequest | TransferRequest


def _check_length(source: AudioRef) -> None:
    if source.samples == 0:
        raise BadRegion("The audio is empty.")
    if source.seconds > MAX_SECONDS:
        raise BadRegion(f"The audio is {source.seconds:.0f} s long; one request carries {MAX_SECONDS:.0f} s at most.")


def _check_times(what: str, spans: Sequence[tuple[float, float]], seconds: float) -> None:
    """Raises BadSetting for a span that is none, or outside a source of `seconds`: to render it could take a day."""
    for start, end in spans:
        if not -SLACK <= start <= end <= seconds + SLACK:
            raise BadSetting(
                f"A {what} from {start:.6g} to {end:.6g} s lies outside the audio, which is {seconds:.3f} s long.",
                "Count its times from the start of the audio of the request.",
            )


# ---- client -> daemon ----------------------------------------------------------------------------------------


class Submit(Message, frozen=True):
    """Do this work. With `keep` the job goes on, and its results stay, when the client vanishes. With `shrink` its
    takes come in less room, for a slow line."""

    job: JobId
    request: Request
    keep: bool = False
    shrink: bool = False


class Attach(Message, frozen=True):
    """Send me this job's events after number `after` (0: all that are kept), and the ones to come."""

    job: JobId
    after: Annotated[int, Meta(ge=0)] = 0


class Cancel(Message, frozen=True):
    job: JobId


class Release(Message, frozen=True):
    """I have this job's results; they may be deleted."""

    job: JobId


class StatusQuery(Message, frozen=True):
    pass


PackVerb = Literal["list", "offers", "plan", "pull", "stop"]


class PackQuery(Message, frozen=True):
    """What is there of model packs, for who cannot ask the daemon's computer itself: those that are installed, those
    that can be fetched, what it would take to fetch `pack`, or that it be fetched under the licences in `accept`."""

    verb: PackVerb
    pack: Annotated[str, Meta(max_length=64, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?\Z")] = ""
    accept: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=16)] = ()

    def __post_init__(self) -> None:
        if (self.verb in ("plan", "pull")) != bool(self.pack):
            raise BadSetting("Only plan and pull name a pack, and they name one.")


class Ping(Message, frozen=True):
    """Heartbeat. A client that owns jobs sends one at least every :data:`HEARTBEAT_SECONDS`."""


HEARTBEAT_SECONDS = 2.0
VANISHED_SECONDS = 10.0
"""A client not heard for this long has vanished; its jobs without `keep` are cancelled."""


# ---- daemon -> client ----------------------------------------------------------------------------------------


class Accepted(Message, frozen=True):
    """The request was taken. `position` counts the jobs ahead of it (0: it runs now, or nothing had to wait)."""

    job: JobId
    position: int = 0


class Refused(Message, frozen=True):
    """The request was not taken. `job` is empty where the message named none."""

    error: ErrorInfo
    job: str = ""


class Packs(Message, frozen=True):
    """Lines of JSON that `punchin packs` has printed there; the last of them come with its exit `code`."""

    lines: tuple[str, ...]
    code: int | None = None


class Pong(Message, frozen=True):
    version: str


State = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]
"""`cancelling`: the cancel is acknowledged, the model is still inside its last step."""
Stage = Literal["load", "encode", "prefill", "decode", "denoise", "codec"]


class JobStatus(Part, frozen=True):
    """One job as `punchin status` shows it. `step` of `total` counts within `stage`; `seat` is where it runs or ran,
    from 1, or 0."""

    job: str
    engine: str
    pack: str
    state: State
    position: int
    stage: Stage | None
    step: int
    total: int
    age: float
    seat: int = 0


SeatState = Literal["off", "starting", "idle", "busy"]
SEAT_STATES: tuple[SeatState, ...] = get_args(SeatState)
"""From the least busy on."""


class SeatStatus(Part, frozen=True):
    """A device, and the worker process that holds models there. `memory` is its resident size in bytes, `vram` what it
    holds of the GPU; `packs` are loaded now, as `pack:engine`."""

    state: SeatState
    pid: int
    restarts: int
    device: str
    packs: tuple[str, ...]
    memory: int
    vram: int = 0


class Status(Message, frozen=True):
    """`jobs` are those that the asking client may know; `others` counts jobs of other clients that have not ended."""

    version: str
    pid: int
    uptime: float
    queue_limit: int
    seats: Annotated[tuple[SeatStatus, ...], Meta(min_length=1)]
    jobs: tuple[JobStatus, ...]
    osc_port: int = 0
    events_port: int = 0
    others: int = 0
    metrics_port: int = 0


class Position(Part, frozen=True, tag_field="type", tag="position"):
    """The job waits behind `position` others."""

    position: int


class Progress(Part, frozen=True, tag_field="type", tag="progress"):
    """Work really done: `step` of `total` in `stage` (decode: frames of all windows; denoise: steps of all
    takes; the rest: pieces)."""

    stage: Stage
    step: int
    total: int


class AudioChunk(Part, frozen=True, tag_field="type", tag="audiochunk"):
    """Preview of take `take` (0-based): mono model-rate audio from sample `start` of the source's time line.

    Those of a take follow each other, maybe with gaps. One that begins before the end of the last is of another try:
    the worker died, and all that came of the take is void.
    """

    take: int
    start: int
    audio: AudioRef


class HeardChord(ChordSegment, frozen=True):
    """A chord that was read by ear, and how sure that is, from 0 to 1."""

    sure: Annotated[float, Meta(ge=0.0, le=1.0)]


class Heard(Part, frozen=True, tag_field="type", tag="heard"):
    """What the request asked to have read by ear, in seconds of its source: `chords` without a gap, and the notes of a
    `piano`, which are so sure on the whole. It comes before any take."""

    chords: Annotated[tuple[HeardChord, ...], Meta(max_length=MAX_CHORDS)] = ()
    piano: Annotated[tuple[Note, ...], Meta(max_length=MAX_NOTES)] = ()
    piano_sure: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0


class Take(Part, frozen=True, tag_field="type", tag="take"):
    """A finished take: model-rate audio over the holes and the decoded context around them.

    `start` is the model-rate sample, counted from the start of the source excerpt, of the first sample of `audio`.
    The context is the model's re-synthesis of what was kept: it sets the level, and is never laid on the timeline.
    `seed` is another one than was asked for where that gave silence. `scores` are the models' own measures where the
    request asked for them: `clap` (cosine of sound and prompt), and how like its clip it plays: `notes` and `frames`
    (F1 of note onsets, of sounding pitches), `tempo` (1 where it is kept), `beats` (F). What is not known is left out.
    """

    take: int
    seed: int
    start: int
    audio: AudioRef
    scores: dict[str, float] = {}


class Done(Part, frozen=True, tag_field="type", tag="done"):
    """All takes were sent. `timings` in seconds by stage (queue, load, encode, prefill, decode, denoise,
    codec);
    `models` names what made them (pack, version, sha256 of each file, device, precision) for the recipe."""

    timings: dict[str, float]
    models: dict[str, str]


class Failed(Part, frozen=True, tag_field="type", tag="failed"):
    error: ErrorInfo


class Cancelled(Part, frozen=True, tag_field="type", tag="cancelled"):
    pass


EventBody = Position | Progress | Heard | AudioChunk | Take | Done | Failed | Cancelled
FINAL = (Done, Failed, Cancelled)
"""The events that end a job."""


class Event(Message, frozen=True):
    """Something happened to a job. `seq` counts its events from 1; `Attach(after=seq)` resumes behind it."""

    job: JobId
    seq: int
    body: EventBody


FromClient = Submit | Attach | Cancel | Release | StatusQuery | PackQuery | Ping
FromDaemon = Accepted | Refused | Event | Status | Packs | Pong
AnyMessage = FromClient | FromDaemon
ready(AnyMessage)


def audio_refs(message: Message) -> tuple[AudioRef, ...]:
    """The audio that a message refers to, in no particular order."""
    match message:
        case Submit(request=InpaintRequest(source=source, drums=drums, stem=stem)):
            return tuple(each for each in (source, drums, stem) if each is not None)
        case Submit(request=TransferRequest(source=source)):
            return (source,)
        case Event(body=AudioChunk(audio=audio) | Take(audio=audio)):
            return (audio,)
    return ()
