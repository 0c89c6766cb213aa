"""All that a host and the bridge tell each other, as frozen structs that check themselves. Knows no files, no sockets.

A host says single things (:data:`FromHost`): here is work, cancel it, the takes stand. The bridge says one thing only,
:class:`State`: all that this host should know now. A host acts on what it finds there and has not done yet, so a
document may come twice, or be read after a restart of either side, and nothing goes wrong.

Positions in audio are samples of the project at the project's rate, counted from the start of its time line; musical
positions are quarter notes from the start of bar 1. Times of day are Unix seconds. JSON; unknown fields are refused.

>>> import msgspec
>>> msgspec.json.encode(Cancel("reaper-1", "a1b2c3d4"))
b'{"type":"cancel","host":"reaper-1","job":"a1b2c3d4"}'
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from punchin_wire.messages import MAX_NOTES, JobId
from punchin_wire.parameter import Engine
from punchin_wire.params import Control, Params
from punchin_wire.structs import ready

from ..music.pedals import Pedal

MAX_BYTES = 16 * 2**20
"""Longest document, as JSON."""
LEASE_SECONDS = 30.0
"""A host not heard for this long is gone; its jobs stay for whoever opens the project next."""
HELLO_SECONDS = 5.0
"""How often a host says hello."""
BEAT_SECONDS = 1.0
"""How often `State.beat` grows; a bridge whose beat stands still for three times this is not running."""

HostId = Annotated[str, Meta(pattern=r"^[a-z]{2,16}-[A-Za-z0-9]{1,32}$")]
"""`reaper-3f2a`: the program, and what tells its running copies apart."""
Text = Annotated[str, Meta(max_length=500)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Sample = Annotated[int, Meta(ge=-(2**40), le=2**40)]
PackName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Rate = Annotated[int, Meta(ge=4000, le=768_000)]
Quarter = Annotated[float, Meta(ge=-1e7, le=1e7)]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower):
    """Base of what is sent as a whole; `type` is the class name in lower case."""


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what documents are made of."""


# ---- time ----------------------------------------------------------------------------------------------------


class Span(Piece, frozen=True):
    """Samples `[start, end)` of the project."""

    start: Sample
    end: Sample


class TempoPoint(Piece, frozen=True):
    """From `quarter` on, `bpm` quarter notes a minute; on the way to the next point the tempo stays (`steady`), or
    changes evenly in `time` (REAPER) or in `quarters` (Ardour)."""

    quarter: Quarter
    bpm: Annotated[float, Meta(ge=1.0, le=2000.0)]
    curve: Literal["steady", "time", "quarters"] = "steady"


class TimeSignaturePoint(Piece, frozen=True):
    """From the bar that starts at `quarter` on, `numerator` notes of `1/denominator` a bar."""

    quarter: Quarter
    numerator: Annotated[int, Meta(ge=1, le=255)] = 4
    denominator: Literal[1, 2, 4, 8, 16, 32, 64] = 4


class Timeline(Piece, frozen=True):
    """The project's clock: its rate, its tempos and its time signatures. The first points lie at quarter 0, which
    sounds at sample `origin` (not always a whole one). The host's ruler calls the bar there `first_bar`.
    Where it `is_free` nobody knows the tempo: its quarters only say when something sounds, and there are no bars and no
    beats."""

    rate: Rate
    tempos: Annotated[tuple[TempoPoint, ...], Meta(min_length=1, max_length=65536)]
    time_signatures: Annotated[tuple[TimeSignaturePoint, ...], Meta(min_length=1, max_length=65536)] = msgspec.field(
        name="metres"
    )
    origin: float = 0.0
    first_bar: Annotated[int, Meta(ge=-(2**20), le=2**20)] = 1
    is_free: bool = msgspec.field(default=False, name="free")


# ---- what plays ----------------------------------------------------------------------------------------------


class MidiNote(Piece, frozen=True):
    """A note from `start` to `end`, in quarters: as long as its key is down, whatever the pedals do. Muted notes are
    not sent."""

    start: Quarter
    end: Quarter
    pitch: Annotated[int, Meta(ge=0, le=127)]
    velocity: Annotated[int, Meta(ge=1, le=127)] = 100
    channel: Annotated[int, Meta(ge=0, le=15)] = 0


class PedalMove(Piece, frozen=True):
    """At `quarter` a pedal went to `value`, for the notes of its channel (:mod:`punchin_bridge.music.pedals`)."""

    quarter: Quarter
    value: Annotated[int, Meta(ge=0, le=127)]
    pedal: Pedal = "sustain"
    channel: Annotated[int, Meta(ge=0, le=15)] = 0


class ChordName(Piece, frozen=True):
    """A region or marker, in quarters, by the name that the musician gave it. Send all of them: the bridge reads those
    that name chords (`Am7`, `F#:maj/3`; see :mod:`..music.chord_names`). A marker's `end` is its `start`; it lasts
    until the next chord."""

    start: Quarter
    end: Quarter
    name: Annotated[str, Meta(max_length=4096)]


class Rendered(Piece, frozen=True, tag_field="as", tag="rendered"):
    """A WAV file that the host rendered; its first sample lies at project sample `start`, at the project's rate. The
    bridge deletes it when the job has ended, if it lies in the host's own folder of the spool."""

    path: Path
    start: Sample


class WarpPoint(Piece, frozen=True):
    """Second `seconds` of a clip's file sounds at `quarter` of the clip's own time."""

    quarter: Quarter
    seconds: float


class Clip(Piece, frozen=True):
    """A piece of a file on the time line: quarters `[start, end)` of the project play the file from clip time `offset`
    (quarters where `warp` has points, else seconds), through `warp`, times `gain`. With `loop`, clip time from its
    first to its second number repeats. Where `warp` changes the speed, the pitch stays, plus `transpose` semitones;
    with `repitch` it follows the speed, as on tape. Beyond its points, `warp` goes on as between the nearest two."""

    path: Path
    start: Quarter
    end: Quarter
    offset: float = 0.0
    warp: tuple[WarpPoint, ...] = ()
    loop: tuple[float, float] | None = None
    gain: Annotated[float, Meta(ge=0.0, le=16.0)] = 1.0
    transpose: Annotated[float, Meta(ge=-48.0, le=48.0)] = 0.0
    repitch: bool = False


class Clips(Piece, frozen=True, tag_field="as", tag="clips"):
    """What a host that renders nothing (Live) plays: the clips of one track over samples `span`, silence between them.
    Where two overlap, the later one in the list sounds."""

    clips: Annotated[tuple[Clip, ...], Meta(max_length=4096)]
    span: Span


class Track(Piece, frozen=True):
    """A track's audio around the region: as much of the song on either side as there is, up to 30 s.

    `id` is what the host finds the track by again; `channels` what takes on it must have.
    """

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Text
    audio: Rendered | Clips
    channels: Annotated[int, Meta(ge=1, le=16)] | None = None


class Part(Piece, frozen=True):
    """What a plug-in sits on. `track` is the same whenever its project is opened; `name` and `colour` (`#rrggbb`) are
    the host's for it, or the musician's; `process` tells apart the programs that run. `hears` says whether it can be
    asked for what was played there as audio, or as notes; and of notes, `feeds` what takes follow them as."""

    track: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Text = ""
    colour: Annotated[str, Meta(pattern=r"^(#[0-9a-f]{6})?$")] = ""
    process: Annotated[str, Meta(max_length=80)] = ""
    hears: Literal["audio", "notes"] = "audio"
    feeds: Annotated[tuple[Literal["chord", "piano"], ...], Meta(min_length=1, max_length=2)] = ("chord",)


# ---- host -> bridge ------------------------------------------------------------------------------------------


class Project(Piece, frozen=True):
    """What is open in the host. `id` is the same whenever this project is opened (its path, or an id kept in it)."""

    id: Annotated[str, Meta(max_length=4096)]
    name: Text = ""


class Hello(Document, frozen=True):
    """I am here, with this project open. Said at the start, when the project changes, and every :data:`HELLO_SECONDS`.
    `port` is where a host that has a socket hears OSC; 0 for hosts that read files. `can` names the actions that
    :class:`Command` may ask for. A plug-in is a host of its own, and says which `part` of the project it is."""

    host: HostId
    program: Annotated[str, Meta(max_length=80)]
    project: Project
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    can: tuple[Annotated[str, Meta(max_length=40)], ...] = ()
    part: Part | None = None


class Bye(Document, frozen=True):
    """I am closing."""

    host: HostId


class Submit(Document, frozen=True):
    """Make takes of `region` of `target` and let me place them.

    With `holes`, from the left, only these parts of `region` are made anew, by one request, and the takes have the song
    between them. `chords` are notes of the chord track, or chord names; `drums` and `piano` what takes may follow;
    pedals make notes last, where a host knows of them. `harmony` is a track in which what the wish wants read by
    ear is heard, in place of the target. Takes are written to `folder` (absolute; made when it is not there), or
    where it is empty to a folder of the bridge that is emptied when the takes stand. `guard` is whatever the host
    compares before it places: a digest of the tempo map around the region and of what lies in it. `clicked` is when
    the musician asked; `read` and `render` how many seconds of it the host took to read the project and to render.
    `notes` are sentences of the host that a musician should read with the takes: what it could not hear, and why.
    `said` are parameters by name as a musician wrote them, in place of those of the wish. `chord_line` is chords as
    they are typed (`Am7 | F G | C`), from the region's first bar on. What of `follow` is not brought, the bridge
    asks the plug-ins on other tracks of the song for (:mod:`.ensemble`).
    """

    host: HostId
    job: JobId
    project: Project
    timeline: Timeline
    region: Span
    target: Track
    params: Params = msgspec.field(name="wish")
    chords: Annotated[tuple[MidiNote, ...], Meta(max_length=MAX_NOTES)] = ()
    chord_names: Annotated[tuple[ChordName, ...], Meta(max_length=8192)] = ()
    drums: Track | None = None
    piano: Annotated[tuple[MidiNote, ...], Meta(max_length=MAX_NOTES)] = ()
    chord_pedals: Annotated[tuple[PedalMove, ...], Meta(max_length=MAX_NOTES)] = ()
    piano_pedals: Annotated[tuple[PedalMove, ...], Meta(max_length=MAX_NOTES)] = ()
    holes: Annotated[tuple[Span, ...], Meta(max_length=64)] = ()
    harmony: Track | None = None
    said: Annotated[dict[str, Text], Meta(max_length=64)] = {}
    chord_line: Annotated[str, Meta(max_length=2000)] = ""
    follow: Annotated[tuple[Control, ...], Meta(max_length=3)] = ()
    notes: Annotated[tuple[Text, ...], Meta(max_length=8)] = ()
    folder: Annotated[str, Meta(max_length=4096)] = ""
    guard: Annotated[str, Meta(max_length=65536)] = ""
    clicked: float = 0.0
    read: float = 0.0
    render: float = 0.0


class Cancel(Document, frozen=True):
    """Stop this job."""

    host: HostId
    job: JobId


class Placed(Document, frozen=True):
    """The takes stand on the time line, after `seconds` of work in the host. `at` is where, if not where they were
    asked for."""

    host: HostId
    job: JobId
    seconds: float = 0.0
    at: Sample | None = None


class Held(Document, frozen=True):
    """The time line changed under the job (`reason`, one sentence): nothing was placed, the musician is being asked."""

    host: HostId
    job: JobId
    reason: Text


class Drop(Document, frozen=True):
    """The musician does not want these takes on the time line. Their files stay in the project's folder."""

    host: HostId
    job: JobId


class Command(Piece, frozen=True, omit_defaults=False):
    """Somebody else (a control surface, the command line) wants the host to do `action`, once: one of those it `can`.

    `params` go with `inpaint` and `transfer`, `take` (0-based) with `pick`, `job` with `cancel` and `pick`; `start` and
    `end` with `select`, in `unit`. `pressed` is when the button was, which `mark_in` and `mark_out` make up for.
    `stem` is the bridge's own: a plug-in answers it with a :class:`Stem` of seconds `[start, end)`.
    """

    ask: str
    action: str
    params: Params | UnsetType = msgspec.field(default=UNSET, name="wish")
    take: int | UnsetType = UNSET
    job: str | UnsetType = UNSET
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET
    unit: Literal["seconds", "quarters"] | UnsetType = UNSET
    pressed: float | UnsetType = UNSET


class CommandResult(Document, frozen=True, tag="did"):
    """What :class:`Command` `ask` asked for was done, or why not."""

    host: HostId
    ask: str
    error: Text = ""


class Stem(Document, frozen=True):
    """What was played on a plug-in's track where command `ask` asked: `audio`, which may be shorter, in the host's own
    folder of the spool, or `notes` with their `pedals`. Where there is nothing, `error` says why."""

    host: HostId
    ask: str
    audio: Rendered | None = None
    notes: Annotated[tuple[MidiNote, ...], Meta(max_length=MAX_NOTES)] = ()
    pedals: Annotated[tuple[PedalMove, ...], Meta(max_length=MAX_NOTES)] = ()
    error: Text = ""


class NameChords(Document, frozen=True):
    """Which chords are these notes? `ask` tells questions apart; `State.chords` answers the last one."""

    host: HostId
    ask: Annotated[str, Meta(min_length=1, max_length=40)]
    timeline: Timeline
    notes: Annotated[tuple[MidiNote, ...], Meta(max_length=MAX_NOTES)]
    pedals: Annotated[tuple[PedalMove, ...], Meta(max_length=MAX_NOTES)] = ()


class CommandRequest(Document, frozen=True, tag="want"):
    """Let host `target` (its id, or its program, such as `reaper`) do `ask`. Said by whoever has no time line of its
    own: the command line, a control surface. The outcome appears in its `State.answers`."""

    host: HostId
    target: Annotated[str, Meta(max_length=50)]
    ask: Command


class ListPacks(Document, frozen=True):
    """Which model packs are there, and which can be fetched? The answer is `State.packs`."""

    host: HostId


class Pull(Document, frozen=True):
    """Fetch this model pack. Without `accept`, `State.pull` says which licences the musician must accept first; then
    the same again, with those that they have read and accepted."""

    host: HostId
    pack: PackName
    accept: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=16)] = ()


class StopPull(Document, frozen=True):
    """Stop fetching, or: the licences are not accepted. What came is kept, and the next :class:`Pull` goes on."""

    host: HostId


FromHost = (
    Hello
    | Bye
    | Submit
    | Cancel
    | Placed
    | Held
    | Drop
    | CommandResult
    | Stem
    | NameChords
    | CommandRequest
    | ListPacks
    | Pull
    | StopPull
)


# ---- bridge -> host ------------------------------------------------------------------------------------------

Phase = Literal["preparing", "queued", "running", "ready", "held", "placed", "failed", "cancelled", "dropped"]
"""`preparing`: the bridge reads stems and builds the request. `ready`: the files are written, place them. `held`: the
host found that the time line had changed."""


class TakeFile(Piece, frozen=True):
    """A take: `path` is a WAV file of exactly samples `[start, end)` of the project, at its rate."""

    path: Path
    name: str
    seed: int
    start: Sample
    end: Sample
    channels: int


class NamedChord(Piece, frozen=True):
    """A chord over samples `[start, end)` of the project, as musicians write it: `Am7`. Where the chord was read by
    ear, `sure` says how sure that is, from 0 to 1."""

    start: Sample
    end: Sample
    name: str
    sure: float = 1.0


class NamedChords(Piece, frozen=True):
    """The answer to :class:`NameChords` `ask`, from the left and without silence."""

    ask: str
    chords: tuple[NamedChord, ...]


class JobView(Piece, frozen=True, omit_defaults=False):
    """One job of this host or of its project.

    `line` is one line for people, `fraction` how much of the work is done (measured, 0 while nothing is known). `undo`
    names the undo step; `guard`, `track`, `region`, `holes` and `engine` are as submitted. `timings` are seconds by
    stage, once known: read, render, prepare, queue, load, encode, prefill, decode, denoise, codec, splice, place.
    `heard` are the chords of the region where they were read by ear.
    """

    job: JobId
    engine: Engine
    phase: Phase
    line: str
    fraction: float
    position: int
    project: str
    track: str
    region: Span
    guard: str
    undo: str
    takes: tuple[TakeFile, ...] = ()
    holes: tuple[Span, ...] = ()
    code: str = ""
    next_step: str = ""
    timings: dict[str, float] = {}
    heard: tuple[NamedChord, ...] = ()


class PackView(Piece, frozen=True, omit_defaults=False):
    """A model pack that is `here`, or that can be fetched (`offered`), and then how large it is (`7.7 GB`) and whether
    it fits this computer's memory. One that is `damaged` can only be installed again. `engines` are those of one that
    is here."""

    name: str
    state: Literal["here", "damaged", "offered"]
    title: str = ""
    size: str = ""
    licences: tuple[str, ...] = ()
    memory: str = ""
    engines: tuple[str, ...] = ()


class Terms(Piece, frozen=True):
    """A licence that must be accepted, by its name, and its `text`: what it forbids, and where it stands."""

    licence: str
    text: str


PullPhase = Literal["planning", "asking", "running", "done", "stopped", "failed"]
"""`asking`: the musician must accept the `terms` first."""


class PullView(Piece, frozen=True, omit_defaults=False):
    """How it goes with a pack that is wanted; `pull` is another for each that is started. `line` is for people,
    `fraction` how much of it is here."""

    pull: str
    pack: str
    phase: PullPhase
    line: str
    fraction: float = 0.0
    terms: tuple[Terms, ...] = ()


class State(Document, frozen=True):
    """All that host `host` should know. `revision` grows when anything but `beat` changes.

    Ended jobs stay for a minute. `trouble` is the last document that could not be used, and what to do about it;
    `refused` is the job that it names, if it names one, of which nothing more need be said. `answers` says what became
    of what this host wanted of others: `done`, why not, or empty while it is open. `packs` are the model packs, once
    they are known to a host that asked; `pull` is of the one that it, or somebody else since, has fetched: until a
    minute after its end. `chords` are those of the notes that it asked for, for some seconds. `remote` names the other
    computer that makes what is asked for now; empty: this one does, or nobody can say. `song` is what a plug-in's song
    is called where its own window does not say, but that of another track does.
    """

    host: HostId
    revision: int
    beat: int
    version: str
    jobs: tuple[JobView, ...] = ()
    asks: tuple[Command, ...] = ()
    trouble: str = ""
    answers: dict[str, str] = {}
    refused: str = ""
    packs: tuple[PackView, ...] | None = None
    pull: PullView | None = None
    chords: NamedChords | None = None
    remote: str = ""
    song: str = ""


ready(FromHost, State)
