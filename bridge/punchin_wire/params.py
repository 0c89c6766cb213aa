"""Every parameter of a take, declared once. Pure.

The command line, OSC, surfaces and their layouts, MIDI mappings, sweeps, hosts' settings, the messages' bounds and the
documentation read :data:`TABLE`. A new parameter is its declaration here, its field in :class:`Sampling`, or in
:class:`Denoising` and :class:`AskedDenoising`, and the engine that uses it.

>>> build("inpaint", {"takes": 2, "temperature": 0.8}).sampling
Sampling(temperature=0.8, top_k=None, guidance=None)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, overload

import msgspec
from msgspec import Meta

from .errors import BadSetting
from .parameter import Engine, Parameter, Value

MAX_TAKES = 16
ENGINES: tuple[Engine, ...] = get_args(Engine)
Control = Literal["chord", "drums", "piano"]
"""What takes follow."""
ByEar = Literal["chord", "piano"]
"""What of it can be read by ear."""
ChordRhythm = Literal["clean", "compat"]
"""The rule that places chords on beats: `clean`, or `compat` as the published adapters were trained."""
Source = Literal["given", "auto"]
"""Where chords or a piano part come from: `auto` has them read by ear where nobody gives any."""
TaskName = Literal["timbre", "genre", "accompaniment"]
Method = Literal["adapter", "sdedit"]
"""`sdedit` is the paper's baseline: AudioLDM2 without adapter, started from the clip noised by `strength`."""
Pooling = Literal[1, 2, 4, 8]
Solver = Literal["ddim", "dpm++", "unipc"]
"""How noise is taken away step by step; `ddim` with 50 steps is what was published."""

PACKS, _TASKS, _DRAWN = "the pack's", "the task's", "drawn"
_INPAINT: tuple[Engine, ...] = ("inpaint",)
_TRANSFER: tuple[Engine, ...] = ("transfer",)


def _weight(name: Control, what: str) -> Parameter[float]:
    return Parameter(
        name, f"How much takes follow {what}; 0 is not at all.", _INPAINT, 1.0, 0.0, 4.0, fader=(0.0, 2.0),
        flag="control", path=f"weights.{name}",
    )  # fmt: skip


def _source(name: str, what: str, short: str) -> Parameter[Source]:
    return Parameter[Source](
        f"{name}_from", f"Where {what} come from that nobody gives: auto reads them by ear in the audio.", _INPAINT,
        "given", choices=get_args(Source), flag=name, path=name, short=short,
    )  # fmt: skip


def _pooling(name: str, what: str, short: str) -> Parameter[Pooling]:
    return Parameter(
        f"pooling_{name}", f"ω in {name}: how loosely the clip's {what} is kept.", _TRANSFER, 2,
        choices=get_args(Pooling), unsaid=_TASKS, tasks={"genre": 4}, methods=("adapter",), flag="pooling",
        path=f"pooling.pooling_{name}", short=short,
    )  # fmt: skip


TAKES = Parameter("takes", "How many takes are made.", ENGINES, 1, 1, MAX_TAKES)
SEED = Parameter(
    "seed", "Seed of the first take; the next takes have the next seeds.", ENGINES, -1, 0, 2**53, fader=(-1, 2**31 - 1),
    unsaid=_DRAWN,
)  # fmt: skip
PACK = Parameter(
    "pack", "Model pack.", ENGINES, "tiny", length=64, pattern=r"^[A-Za-z0-9._-]+\Z",
    letters="letters, digits, dots, dashes and underscores",
)  # fmt: skip

TEXT = Parameter("text", "What new takes should sound like, for packs that read text.", _INPAINT, "")
TEMPERATURE = Parameter(
    "temperature", "How daring new takes are.", _INPAINT, 1.0, 0.0, 10.0, above=True, fader=(0.1, 2.0), log=True,
    unsaid=PACKS, path="sampling.temperature", short="temp",
)  # fmt: skip
TOP_K = Parameter(
    "top_k", "How many tokens may follow one another: fewer are safer, 0 is no limit.", _INPAINT, 250, 0, 65536,
    fader=(1, 2048), log=True, unit="tokens", unsaid=PACKS, path="sampling.top_k",
)  # fmt: skip
TEXT_GUIDANCE = Parameter(
    "text_guidance", "How strictly the text is followed (CFG scale); 1 is without guidance.", _INPAINT, 3.0, 0.0, 30.0,
    fader=(0.0, 10.0), unsaid=PACKS, flag="guidance", path="sampling.guidance", short="guid",
)  # fmt: skip
CONTROL_GUIDANCE = Parameter(
    "control_guidance", "How strictly chords, drums and piano are followed (CFG scale); 1 is without guidance.",
    _INPAINT, 1.0, 0.0, 30.0, fader=(0.0, 5.0), unsaid=PACKS, path="sampling.control_guidance",
    short="ctlgui",
)  # fmt: skip
CHORD = _weight("chord", "the chords")
DRUMS = _weight("drums", "the drums")
PIANO = _weight("piano", "the piano part")
CHORDS_FROM = _source("chords", "chords", "ch src")
PIANO_FROM = _source("piano", "the notes of a piano part", "pn src")
CHORD_RHYTHM = Parameter(
    "chord_rhythm", "How chords fall on beats: clean, or compat as the published adapters were trained.", _INPAINT,
    "pack", choices=get_args(ChordRhythm), unsaid=PACKS, short="rhythm",
)  # fmt: skip

TO = Parameter("to", "What the clip becomes: violin, or a whole sentence.", _TRANSFER, "", pattern=r"\S")
SOURCE = Parameter("source", "What plays in the clip now: piano.", _TRANSFER, "", pattern=r"\S", flag="from")
NEGATIVE = Parameter("negative", "What takes keep away from.", _TRANSFER, "", unsaid=_TASKS)
TASK = Parameter[TaskName]("task", "What kind of transfer.", _TRANSFER, "timbre", choices=get_args(TaskName))
POOLING_TIME = _pooling("time", "rhythm", "w time")
POOLING_FREQUENCY = _pooling("frequency", "pitch", "w freq")
ALPHA = Parameter(
    "alpha", "α: the weight of the clip.", _TRANSFER, 0.5, 0.0, 4.0, fader=(0.0, 1.0), unsaid=_TASKS,
    tasks={"genre": 0.55}, methods=("adapter",),
)  # fmt: skip
GUIDANCE = Parameter(
    "guidance", "λ: the weight of the texts (CFG scale); 1 and below go without the negative text.", _TRANSFER, 7.5,
    0.0, 30.0, fader=(1.0, 15.0), unsaid=_TASKS, tasks={"genre": 9.5}, short="guid",
)  # fmt: skip
SCHEDULER = Parameter(
    "scheduler", "The solver that takes the noise away.", _TRANSFER, "pack", choices=get_args(Solver), unsaid=PACKS,
    short="solver",
)  # fmt: skip
STEPS = Parameter(
    "steps", "Steps of the solver.", _TRANSFER, 0, 1, 1000, fader=(0, 200), unsaid=PACKS,
)  # fmt: skip
METHOD = Parameter[Method](
    "method", "Whether the adapter hears the clip, or sdedit starts from it, the paper's baseline.", _TRANSFER,
    "adapter", choices=get_args(Method),
)  # fmt: skip
STRENGTH = Parameter(
    "strength", "The share of noise that sdedit starts from.", _TRANSFER, 0.55, 0.0, 1.0, above=True, fader=(0.05, 1.0),
    methods=("sdedit",), short="noise",
)  # fmt: skip
HOLD = Parameter(
    "hold", "Structure lock: how firmly takes hold the clip's notes and timing; 0 starts from noise alone.", _TRANSFER,
    0.0, 0.0, 1.0, unsaid=PACKS, tasks={"genre": 0.0, "accompaniment": 0.0}, methods=("adapter",),
)  # fmt: skip

TABLE: tuple[Parameter[Any], ...] = tuple(each for each in list(globals().values()) if isinstance(each, Parameter))
"""All of them, in the order in which they stand above: none can be declared and left out."""
BY_NAME: Mapping[str, Parameter[Any]] = {each.name: each for each in TABLE}


def find(name: str) -> Parameter[Any]:
    """Raises BadSetting."""
    if name not in BY_NAME:
        raise BadSetting(f"There is no parameter {name[:60]!r}.", f"There are {', '.join(BY_NAME)}.")
    return BY_NAME[name]


@dataclass(frozen=True)
class Flag:
    """An option of the command line and of OSC, with the parameters that it sets."""

    name: str
    parameters: tuple[Parameter[Any], ...]
    text: str

    def is_of(self, method: str) -> bool:
        """Whether a transfer of this method has it."""
        return self.parameters[0].is_of(method)

    def check(self, value: object) -> dict[str, Value]:
        """What this value sets. Raises BadSetting."""
        if len(self.parameters) > 1:
            return self.read(str(value))
        [only] = self.parameters
        return {only.name: replace(only, name=self.name).check(value)}  # by the name that people know it by here

    def read(self, text: str) -> dict[str, Value]:
        """What is set by this text: one parameter, or several by `2` (all of them), `2,4` or `2x4` (one after the
        other) or `chord=1,drums=.5`. Raises BadSetting."""
        if len(self.parameters) == 1:
            return {self.parameters[0].name: replace(self.parameters[0], name=self.name).read(text)}
        parts = re.split("[,x]", text.replace(" ", ""))
        if "=" in text:
            return dict(map(self._named, parts))
        if len(parts) not in (1, len(self.parameters)):
            raise BadSetting(f"{self.name} cannot be {text[:60]!r}.", self.text)
        parts = parts * len(self.parameters) if len(parts) == 1 else parts
        return {each.name: each.read(part) for each, part in zip(self.parameters, parts, strict=True)}

    def _named(self, part: str) -> tuple[str, Value]:
        word, _, text = part.partition("=")
        for each in self.parameters:
            if word.rstrip("s") == each.name.rstrip("s"):  # whoever writes chords or drum is understood
                return each.name, each.read(text)
        names = ", ".join(each.name for each in self.parameters)
        raise BadSetting(f"{self.name} has no {word[:60]!r}.", f"It has {names}.")


SHARED = {
    "control": f"How much takes follow what they are given, {CHORD.range} each: chord=1,drums=.5.",
    "pooling": f"ω, how loosely the clip is kept, {POOLING_TIME.range}: one for time and frequency, or 2,4.",
}
"""What options say that several parameters share, and how they are written."""


def flags(engine: Engine) -> dict[str, Flag]:
    """The options of an engine, by their names: its own ones first."""
    mine = sorted((each for each in TABLE if engine in each.engines), key=lambda each: len(each.engines))
    found = {each.flag: tuple(other for other in mine if other.flag == each.flag) for each in mine}
    return {name: Flag(name, shared, SHARED.get(name, shared[0].text)) for name, shared in found.items()}


# ---- what holds them -----------------------------------------------------------------------------------------

Weight = Annotated[float, CHORD.meta]
Seed = Annotated[int, SEED.meta]
Specs = Annotated[tuple[Annotated[str, Meta(max_length=80)], ...], Meta(max_length=MAX_TAKES)]


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How tokens are drawn; `None` means the pack's own default (MusicGen: temperature 1, top-k 250, guidance 3)."""

    temperature: Annotated[float, TEMPERATURE.meta] | None = None
    top_k: Annotated[int, TOP_K.meta] | None = None
    guidance: Annotated[float, TEXT_GUIDANCE.meta] | None = msgspec.field(default=None, name="cfg")
    control_guidance: Annotated[float, CONTROL_GUIDANCE.meta] | None = None


class Denoising(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the noise of a transfer becomes a take: `pooling` is ω for time and frequency, `alpha` the weight of the
    audio prompt, `guidance` λ of CFG (1 and below: no second branch). Takes of the adapter start from the clip under
    1 - `hold` of the noise, at 0 from noise alone. `None` means the pack's own default. (Requests and recipes from
    before `hold` have none, which is 0.)"""

    method: Method = METHOD.default
    pooling: tuple[Pooling, Pooling] = (POOLING_TIME.default, POOLING_FREQUENCY.default)
    alpha: Annotated[float, ALPHA.meta] = ALPHA.default
    guidance: Annotated[float, GUIDANCE.meta] = GUIDANCE.default
    strength: Annotated[float, STRENGTH.meta] = STRENGTH.default
    hold: Annotated[float, HOLD.meta] | None = HOLD.default
    scheduler: Solver | None = None
    steps: Annotated[int, STEPS.meta] | None = None


class InpaintParams(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="engine", tag="inpaint"
):
    """New takes of a region. Empty `specs`: `takes` takes that follow all that is brought, by `weights`, in which 0
    leaves one out; else one take for each. Without `seed` one is drawn. `chords` and `piano` are brought by ear where
    they are `auto` and nobody gives them."""

    takes: Annotated[int, TAKES.meta] = TAKES.default
    seed: Seed | None = None
    weights: dict[Control, Weight] = {}
    specs: Specs = ()
    text: Annotated[str, TEXT.meta] = TEXT.default
    pack: Annotated[str, PACK.meta] = PACK.default
    chord_rhythm: ChordRhythm | None = msgspec.field(default=None, name="strikes")
    sampling: Sampling = Sampling()
    chords: Source = CHORDS_FROM.default
    piano: Source = PIANO_FROM.default

    @property
    def engine(self) -> Engine:
        return "inpaint"

    @property
    def by_ear(self) -> tuple[ByEar, ...]:
        """What is read by ear where nobody gives it."""
        sources: dict[ByEar, Source] = {"chord": self.chords, "piano": self.piano}
        return tuple(control for control, source in sources.items() if source == "auto")


class AskedDenoising(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """:class:`Denoising` as it is asked for: `None` is the task's own, else the pack's."""

    method: Method = METHOD.default
    pooling: tuple[Pooling, Pooling] | None = None
    alpha: Annotated[float, ALPHA.meta] | None = None
    guidance: Annotated[float, GUIDANCE.meta] | None = None
    strength: Annotated[float, STRENGTH.meta] | None = None
    hold: Annotated[float, HOLD.meta] | None = None
    scheduler: Solver | None = None
    steps: Annotated[int, STEPS.meta] | None = None


class TransferParams(AskedDenoising, frozen=True, omit_defaults=True, tag_field="engine", tag="transfer"):
    """A region on another instrument or in another genre. `source` names what plays now."""

    to: Annotated[str, TO.meta]
    task: TaskName = TASK.default
    takes: Annotated[int, TAKES.meta] = TAKES.default
    seed: Seed | None = None
    source: Annotated[str, SOURCE.meta] | None = None
    negative: Annotated[str, NEGATIVE.meta] | None = None
    pack: Annotated[str, PACK.meta] = PACK.default

    @property
    def engine(self) -> Engine:
        return "transfer"


Params = InpaintParams | TransferParams
DENOISING: Mapping[str, Flag] = {
    name: flag for name, flag in flags("transfer").items() if name in Denoising.__struct_fields__
}
"""The options of a transfer that its request holds under the same names."""


@overload
def build(engine: Literal["inpaint"], values: Mapping[str, Value], specs: Sequence[str] = ()) -> InpaintParams: ...
@overload
def build(engine: Literal["transfer"], values: Mapping[str, Value]) -> TransferParams: ...
@overload
def build(engine: Engine, values: Mapping[str, Value]) -> Params: ...
def build(engine: Engine, values: Mapping[str, Value], specs: Sequence[str] = ()) -> Params:
    """What takes are made with, from checked `values` by their parameters' names; what is not among them is left to
    whoever it is up to. Raises BadSetting where a transfer has no target."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if not BY_NAME[name].is_unsaid(value):
            group, _, key = BY_NAME[name].path.partition(".")
            fields |= {group: fields.get(group, {}) | {key: value}} if key else {group: value}
    if engine == "inpaint":
        sampling = {"sampling": Sampling(**fields["sampling"])} if "sampling" in fields else {}
        return InpaintParams(**fields | sampling, specs=tuple(specs))
    if "to" not in fields:
        raise BadSetting("Nobody has said what the clip should become.", "Name an instrument or a style: violin.")
    if "pooling" in fields:
        task, said = fields.get("task", TASK.default), fields["pooling"]
        fields["pooling"] = tuple(said.get(each.name, each.of_task(task)) for each in (POOLING_TIME, POOLING_FREQUENCY))
    return TransferParams(**fields)
