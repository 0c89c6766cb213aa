"""The one table of OSC addresses: what each means, with which typed arguments. Knows no sockets and no OSC encoding.

Every packet, both ways, passes :func:`check`; docs/osc.md shows the table. Grammar:
`/punchin/<object>/<verb>`, the job id first. Answers go to the port a packet came from. Packets stay under
:data:`MAX_PACKET` bytes and never carry audio, only job ids and file paths.

>>> check("/punchin/job/cancel", ["a1b2c3d4"])
('a1b2c3d4',)
>>> check("/punchin/events/subscribe", [30])
(30.0,)
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias, get_args

from ..errors import BadMessage, BadSetting
from ..messages import JOB_ID, OWNED_JOB_ID
from ..parameter import Engine
from ..params import MAX_TAKES, SEED, Flag, flags

OscValue: TypeAlias = str | int | float

PAGE = "See docs/osc.md."
MAX_PACKET = 1500
PROGRESS_HZ = 20
"""Packets of progress a second that one surface gets for one job, at most."""
MAX_SUBSCRIPTION = 3600.0
MAX_DOCUMENT = 8192
"""Characters of a document that travels as one string; macOS takes no longer packets than 9216 bytes."""

Direction = Literal["to", "from"]
Program = Literal["daemon", "bridge", "surfaces"]
"""The three ports: the daemon's, the bridge's for hosts, and the bridge's for control surfaces."""
Type = Literal["s", "i", "h", "f", "v"]
"""OSC type tags; `v` is any of them."""

_LINE, _PATH = r"[^\x00-\x1f]*", r"[^\x00-\x1f]+"
_TYPES: dict[Type, tuple[type, ...]] = {
    "s": (str,),
    "i": (int,),
    "h": (int,),
    "f": (float, int),
    "v": (str, int, float),
}


@dataclass(frozen=True)
class Arg:
    """One argument. `type` is its OSC type tag; an `f` may also be sent as `d` or `i`, and an `h` is sent as `i` where
    that is enough. Numbers lie in `[low, high]`, texts match `pattern`; an option is checked by its `flag`. The
    last one of an address may be `optional`."""

    name: str
    type: Type
    doc: str
    low: float = -math.inf
    high: float = math.inf
    pattern: str = _LINE
    optional: bool = False
    flag: Flag | None = None

    def check(self, value: object) -> OscValue:
        """The value as its Python type. Raises BadSetting."""
        if isinstance(value, bool) or not isinstance(value, _TYPES[self.type]):
            raise BadSetting(f"{self.name!r} is of OSC type {self.type!r}, not {type(value).__name__}.", PAGE)
        if self.flag is not None:
            self.flag.check(value)
        if isinstance(value, str):
            if not re.fullmatch(self.pattern, value):
                raise BadSetting(f"{self.name!r} cannot be {value[:60]!r}.", f"It is {self.doc}.")
            return value
        assert isinstance(value, int | float)
        if not self.low <= value <= self.high or not math.isfinite(value):
            raise BadSetting(f"{self.name!r} cannot be {value}: it lies from {self.low:g} to {self.high:g}.")
        return float(value) if self.type == "f" else value


@dataclass(frozen=True)
class Address:
    """One address. `direction` is as Punchin sees it: sent `to` it, or `from` it. `options` follow as name, value.
    `at` is the port that it belongs to. A path that ends in `*` stands for many, whose last word is a name."""

    path: str
    direction: Direction
    doc: str
    args: tuple[Arg, ...] = ()
    options: tuple[Arg, ...] = ()
    at: Program = "daemon"


JOB = Arg("job", "s", "the job's id, chosen by whoever submits it", pattern=JOB_ID)
_NAMED = Arg("job", "s", "the job's id as the daemon has it, another computer's with its owner", pattern=OWNED_JOB_ID)
_SEED = Arg("seed", "h", "seed of the take", low=SEED.low, high=SEED.high)
_CODE = Arg("code", "s", "the error's code")
_MESSAGE = Arg("message", "s", "what is wrong")
_NEXT = Arg("next_step", "s", "what to do about it")
_END = Arg("end", "f", "end of the region, seconds", low=0, high=1e6)
_OUT = Arg("out", "s", "folder for the takes, absolute path", pattern=_PATH)


def _options(engine: Engine, *without: str) -> tuple[Arg, ...]:
    """The options of an engine as the command line has them."""
    return tuple(_option(flag) for name, flag in flags(engine).items() if name not in without)


def _option(flag: Flag) -> Arg:
    kind: Type = "s"
    if len(flag.parameters) == 1 and (only := flag.parameters[0]).type is not str:
        kind = "f" if only.type is float else "h" if only.high >= 2**31 else "i"
    return Arg(flag.name, kind, flag.text, flag=flag)


SUBMIT_OPTIONS = (
    Arg("chords", "s", "Chord file, .mid or .lab; a stem, whose chords are read by ear; or auto.", pattern=_PATH),
    Arg("drums", "s", "Drum stem, WAV.", pattern=_PATH),
    Arg("piano", "s", "Piano part, .mid; a stem, whose notes are read by ear; or auto.", pattern=_PATH),
    *_options("inpaint", "chords", "piano"),
)
TRANSFER_OPTIONS = _options("transfer", "to")

_VALUE = Arg("value", "v", "its value")
_PRESS = Arg("value", "f", "0 when a button is let go, which does nothing", optional=True)
_NORMALIZED = Arg("normalized", "f", "0 to 1", low=0, high=1)
_FRACTION = Arg("fraction", "f", "0 to 1", low=0, high=1)


def _at_surfaces(path: str, direction: Direction, doc: str, *args: Arg, options: tuple[Arg, ...] = ()) -> Address:
    return Address(f"/punchin/{path}", direction, doc, args, options, "surfaces")


SURFACES = (
    _at_surfaces("ping", "to", "Is anybody there? Answered by `/punchin/pong`."),
    _at_surfaces("pong", "from", "Yes.", Arg("version", "s", "version of Punchin")),
    _at_surfaces(
        "listen",
        "to",
        "Send all that changes to this port, or another of this surface, for a while; repeat to go on. Answered by all "
        "there is.",
        Arg("seconds", "f", "how long", low=0, high=MAX_SUBSCRIPTION),
        Arg("port", "i", "where it hears, if not where it sends from", low=1, high=65535, optional=True),
    ),
    _at_surfaces("control/*", "to", "Set a parameter ([which](parameters.md)).", _VALUE),
    _at_surfaces("control/*", "from", "A parameter was set, here or elsewhere.", _VALUE),
    _at_surfaces("fader/*", "to", "Put a parameter's fader somewhere.", _NORMALIZED),
    _at_surfaces("fader/*", "from", "Where a parameter's fader stands.", _NORMALIZED),
    _at_surfaces("get/*", "to", "Answered by a parameter's `/punchin/control/…` and `/punchin/fader/…`."),
    _at_surfaces("action/*", "to", "Do this ([which](surfaces.md#what-can-be-set-and-done)).", _PRESS),
    _at_surfaces(
        "take/pick", "to", "Show this take of the last job.", Arg("take", "i", "from 0", low=0, high=MAX_TAKES - 1)
    ),
    _at_surfaces(
        "region/select",
        "to",
        "Select this part of the song.",
        Arg("start", "f", "from where", low=-1e7, high=1e7),
        Arg("end", "f", "to where", low=-1e7, high=1e7),
        Arg("unit", "s", "seconds, or quarters from bar 1", pattern="seconds|quarters"),
    ),
    _at_surfaces(
        "status/get",
        "to",
        "Answered by `/punchin/status/now`, then `/punchin/host/here` for each host and, while one of your jobs is at "
        "work, `/punchin/seat/here` for each seat.",
    ),
    _at_surfaces("pack/list", "to", "Answered by `/punchin/pack/here` for each model pack, or `/punchin/error`."),
    _at_surfaces(
        "pack/catalog",
        "to",
        "Answered by `/punchin/pack/offer` for each pack that can be fetched.",
    ),
    _at_surfaces(
        "pack/pull",
        "to",
        "Fetch this pack ([what it forbids](models.md)). An error names the licences that must be accepted first.",
        Arg("name", "s", "its name, or hub:OWNER/NAME", pattern=r"[A-Za-z0-9][\w.:/@-]{0,200}"),
        Arg("accept", "s", "licences that you accept, separated by spaces", pattern=r"[\w. -]{0,500}", optional=True),
    ),
    _at_surfaces("pack/stop", "to", "Stop fetching. What came is kept, and the next `/punchin/pack/pull` goes on."),
    _at_surfaces(
        "remote/list",
        "to",
        "Answered by `/punchin/remote/here` for each computer that can make takes ([the studio](studio.md#remotes)).",
    ),
    _at_surfaces(
        "remote/use",
        "to",
        "Have it make what is asked for from now on. Answered as `/punchin/remote/list`.",
        Arg("remote", "s", "its name; local: this computer"),
    ),
    _at_surfaces("job/cancel", "to", "Stop this job.", JOB),
    _at_surfaces(
        "job/pick", "to", "Show this take of this job.", JOB, Arg("take", "i", "from 0", low=0, high=MAX_TAKES - 1)
    ),
    _at_surfaces(
        "host/choose", "to", "Drive this host; empty: the one that worked last.", Arg("host", "s", "its id or program")
    ),
    _at_surfaces(
        "midi/learn",
        "to",
        "Let the next key or knob of a MIDI controller drive this.",
        Arg("name", "s", "a parameter or an action"),
    ),
    _at_surfaces(
        "status/now",
        "from",
        "The bridge at a glance.",
        Arg("version", "s", "version of Punchin"),
        Arg("host", "s", "id of the host that is driven, or empty"),
        Arg("hosts", "i", "hosts that are here", low=0),
        Arg("jobs", "i", "jobs that wait or run", low=0),
    ),
    _at_surfaces("host/here", "from", "A host that can be chosen.", Arg("host", "s", "its id")),
    _at_surfaces(
        "seat/here",
        "from",
        "A seat of the daemon that has your last job at work ([the studio](studio.md#seats)), and when it changes.",
        Arg("number", "i", "from 1", low=1),
        Arg("of", "i", "how many there are", low=1),
        Arg("state", "s", "off, starting, idle or busy"),
        Arg("device", "s", "what models run on"),
        Arg("job", "s", "your job that runs there, or empty", pattern=rf"({JOB_ID})?"),
    ),
    _at_surfaces(
        "remote/here",
        "from",
        "A computer that can make takes.",
        Arg("number", "i", "from 0", low=0),
        Arg("of", "i", "how many there are", low=0),
        Arg("name", "s", "its name; local: this one"),
        Arg("used", "i", "1 where it makes what is asked for now", low=0, high=1),
    ),
    _at_surfaces(
        "pack/here",
        "from",
        "A model pack that is installed.",
        Arg("number", "i", "from 0", low=0),
        Arg("of", "i", "how many there are", low=0),
        Arg("name", "s", "its name, for the parameter `pack`"),
        Arg("version", "s", "its version"),
        Arg("engines", "s", "inpaint, transfer or both"),
        Arg("state", "s", "ok, or an error's code"),
    ),
    _at_surfaces(
        "pack/offer",
        "from",
        "A model pack that can be fetched.",
        Arg("number", "i", "from 0", low=0),
        Arg("of", "i", "how many there are", low=0),
        Arg("name", "s", "its name, for `/punchin/pack/pull`"),
        Arg("title", "s", "what it is"),
        Arg("size", "s", "how much is fetched"),
        Arg("memory", "s", "whether it fits this computer"),
    ),
    _at_surfaces(
        "pack/pulling",
        "from",
        "How fetching goes.",
        Arg("name", "s", "the pack"),
        Arg("state", "s", "running, done, stopped or failed"),
        _FRACTION,
        Arg("line", "s", "the same for people"),
    ),
    _at_surfaces(
        "job/state",
        "from",
        "A job has gone on.",
        JOB,
        Arg("state", "s", "preparing, queued, running, ready, held, placed, failed, cancelled or dropped"),
        Arg("line", "s", "the same for people"),
    ),
    _at_surfaces("job/progress", "from", f"Work really done, at most {PROGRESS_HZ} times a second.", JOB, _FRACTION),
    _at_surfaces(
        "job/take",
        "from",
        "A take is ready.",
        JOB,
        Arg("take", "i", "its number from 0", low=0),
        _SEED,
        Arg("name", "s", "its name"),
    ),
    _at_surfaces("job/error", "from", "A job has failed.", JOB, _CODE, _MESSAGE, _NEXT),
    _at_surfaces("now/host", "from", "The program that is driven, or empty.", Arg("program", "s", "its name")),
    _at_surfaces("now/line", "from", "Its last job in one line.", Arg("line", "s", "for people")),
    _at_surfaces("now/fraction", "from", "How much of that job is done.", _FRACTION),
    _at_surfaces("now/takes", "from", "How many takes it has.", Arg("takes", "i", "ready ones", low=0)),
    _at_surfaces(
        "now/seats",
        "from",
        "How busy the daemon is, while one of your jobs is at work; empty where it has one seat, and nobody else.",
        Arg("line", "s", "for people"),
    ),
    _at_surfaces("now/foot", "from", "What the foot has marked.", Arg("foot", "s", "up, in or out")),
    _at_surfaces("now/chord", "from", "The chord that is played live.", Arg("chord", "s", "its name, or empty")),
    _at_surfaces(
        "error", "from", "A packet could not be used, or a host has not done what was asked.", _CODE, _MESSAGE, _NEXT
    ),
)

TABLE: tuple[Address, ...] = (
    Address("/punchin/ping", "to", "Is anybody there? Answered by `/punchin/pong`."),
    Address("/punchin/pong", "from", "Yes.", (Arg("version", "s", "version of Punchin"),)),
    Address(
        "/punchin/status/get",
        "to",
        "Answered by `/punchin/status`, then `/punchin/seat` for each seat and `/punchin/job/state` for each job.",
    ),
    Address(
        "/punchin/status",
        "from",
        "The daemon at a glance.",
        (
            Arg("version", "s", "version of Punchin"),
            Arg("worker", "s", "off, starting, idle or busy: that of the busiest seat"),
            Arg("running", "s", "the running job, or empty; of several one"),
            Arg("waiting", "i", "jobs in the queue", low=0),
        ),
    ),
    Address(
        "/punchin/seat",
        "from",
        "A device, and what is done there.",
        (
            Arg("seat", "i", "its number, from 1", low=1),
            Arg("state", "s", "off, starting, idle or busy"),
            Arg("device", "s", "what models run on"),
            Arg("running", "s", "the running job, or empty"),
        ),
    ),
    Address(
        "/punchin/job/submit",
        "to",
        "Make takes for a region of a song, write them as WAV. Answered by `/punchin/job/accepted` or "
        "`/punchin/job/error`; the sender then gets the job's events as if it had subscribed.",
        (
            JOB,
            Arg("song", "s", "the song, WAV, absolute path", pattern=_PATH),
            Arg("start", "f", "start of the region, seconds (send a double for sample precision)", low=0, high=1e6),
            _END,
            _OUT,
        ),
        SUBMIT_OPTIONS,
    ),
    Address(
        "/punchin/job/transfer",
        "to",
        "Hand a region of a clip to another instrument or genre, write the takes as WAV. Answered like "
        "`/punchin/job/submit`.",
        (
            JOB,
            Arg("clip", "s", "the clip, WAV, absolute path", pattern=_PATH),
            Arg("start", "f", "start of the region, seconds", low=0, high=1e6),
            _END,
            Arg("to", "s", "the instrument or style, or a whole sentence", pattern=_PATH),
            _OUT,
        ),
        TRANSFER_OPTIONS,
    ),
    Address("/punchin/job/accepted", "from", "The job was taken.", (JOB,)),
    Address(
        "/punchin/job/cancel", "to", "Stop a job. Answered by `/punchin/job/state` or `/punchin/job/error`.", (_NAMED,)
    ),
    Address(
        "/punchin/job/state",
        "from",
        "A job's state has changed, or was asked for.",
        (
            _NAMED,
            Arg("state", "s", "queued, running, cancelling, done, failed or cancelled"),
            Arg("position", "i", "jobs ahead of it", low=0),
        ),
    ),
    Address(
        "/punchin/job/progress",
        "from",
        f"Work really done, at most {PROGRESS_HZ} times a second.",
        (
            _NAMED,
            Arg("stage", "s", "load, encode, prefill, decode, denoise or codec"),
            Arg("step", "i", "steps done in this stage", low=0),
            Arg("total", "i", "steps of this stage", low=0),
        ),
    ),
    Address(
        "/punchin/job/take",
        "from",
        "A take is computed.",
        (_NAMED, Arg("take", "i", "its number from 0", low=0), _SEED),
    ),
    Address(
        "/punchin/job/result",
        "from",
        "A take is written, spliced into the song's level and rate.",
        (_NAMED, Arg("take", "i", "its number from 0", low=0), _SEED, Arg("path", "s", "the WAV file")),
    ),
    Address("/punchin/job/error", "from", "A job was refused or has failed.", (_NAMED, _CODE, _MESSAGE, _NEXT)),
    Address("/punchin/error", "from", "A packet could not be used.", (_CODE, _MESSAGE, _NEXT)),
    Address(
        "/punchin/events/subscribe",
        "to",
        "Send every job's events to this port for a while; repeat to go on. Answered by `/punchin/events/subscribed`.",
        (Arg("seconds", "f", "how long", low=1, high=MAX_SUBSCRIPTION),),
    ),
    Address("/punchin/events/subscribed", "from", "Events will come for so long.", (Arg("seconds", "f", "how long"),)),
    Address("/punchin/events/unsubscribe", "to", "Send no more events to this port."),
    Address(
        "/punchin/host/post",
        "to",
        "A host's document (`punchin_bridge.hosts.protocol`).",
        (Arg("json", "s", "the document, up to 8192 characters"),),
        at="bridge",
    ),
    Address(
        "/punchin/host/state",
        "from",
        "All that a host should know now.",
        (Arg("json", "s", "the document, up to 8192 characters"),),
        at="bridge",
    ),
    Address(
        "/punchin/host/state_file",
        "from",
        "The same, where it is longer.",
        (Arg("path", "s", "the file that holds it", pattern=_PATH),),
        at="bridge",
    ),
    *SURFACES,
)
"""Every address there is."""

_BY_KEY = {(address.at, address.direction, address.path): address for address in TABLE}


def find(path: str, direction: Direction | None = None, at: Program | None = None) -> Address | None:
    """The address that `path` is, of this direction and port, or of any."""
    many = path.rpartition("/")[0] + "/*"
    keys = product([at] if at else get_args(Program), [direction] if direction else get_args(Direction), (path, many))
    return next((_BY_KEY[key] for key in keys if key in _BY_KEY), None)


def check(
    path: str, args: Sequence[object], direction: Direction | None = None, at: Program | None = None
) -> tuple[OscValue, ...]:
    """The arguments as their Python types; options stay flat, name before value. `direction` and `at` are those of the
    port that is spoken to. Raises BadMessage or BadSetting."""
    address = find(path, direction, at)
    if address is None:
        raise BadMessage(f"There is no OSC address {path[:60]!r}.", "docs/osc.md lists every OSC address of Punchin.")
    fixed, rest = args[: len(address.args)], args[len(address.args) :]
    least = sum(not arg.optional for arg in address.args)
    if len(fixed) < least or len(rest) % 2 or (rest and not address.options):
        usage = " ".join(arg.name for arg in address.args) + (" [name value]..." if address.options else "")
        raise BadSetting(f"{path} takes {usage or 'no arguments'}; it came with {len(args)}.", PAGE)
    return (
        *(arg.check(value) for arg, value in zip(address.args, fixed, strict=False)),
        *_checked(address, rest),
    )


def typed(path: str, args: Sequence[object], direction: Direction, at: Program) -> list[tuple[str, OscValue]]:
    """Checked arguments with the type tags that they travel under. Raises BadMessage or BadSetting."""
    checked, address = check(path, args, direction, at), find(path, direction, at)
    assert address is not None
    return [(_tag(arg.type, value), value) for arg, value in zip(address.args, checked, strict=False)]


def _tag(type_: Type, value: OscValue) -> str:
    """`h` is kept for numbers that need it: programs of OSC 1.0's four types, such as node-osc, fall over it."""
    if type_ not in ("v", "h"):
        return type_
    if isinstance(value, str):
        return "s"
    return "f" if isinstance(value, float) else "i" if abs(value) < 2**31 else "h"


def _checked(address: Address, rest: Sequence[object]) -> list[OscValue]:
    known = {arg.name: arg for arg in address.options}
    checked: list[OscValue] = []
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        if not isinstance(name, str) or name not in known or name in checked[::2]:
            raise BadSetting(f"{address.path} has no option {str(name)[:60]!r}, or it came twice.", PAGE)
        checked += [name, known[name].check(value)]
    return checked
