"""What the page may ask for, as structs that check themselves. JSON; unknown fields are refused.

Takes, jobs and songs are named by their ids: no path ever comes from a browser.

>>> msgspec.json.decode(b'{"do":"stop","job":"a1b2c3d4"}', type=Act)
Stop(job='a1b2c3d4')
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from punchin_wire.messages import JobId
from punchin_wire.parameter import Engine, Value
from punchin_wire.params import Control
from punchin_wire.remote.keys import NAME
from punchin_wire.structs import ready

from ..hosts.protocol import PackName, Sample

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
Name = Annotated[str, Meta(min_length=1, max_length=60)]


class _Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag=str.lower):
    """Base of them; `do` is the class name in lower case."""


class Punch(_Act, frozen=True):
    """New takes of samples `[start, end)` of a song, which follow those of its materials that are named."""

    song: Id
    start: Sample
    end: Sample
    engine: Engine
    follow: tuple[Control, ...] = ()


class Sweep(_Act, frozen=True):
    """A transfer of samples `[start, end)` at each point of a grid, all with one seed: `pooling=1,2,4 alpha=.3,.5`."""

    song: Id
    start: Sample
    end: Sample
    over: Annotated[str, Meta(min_length=1, max_length=500)]


class Again(_Act, frozen=True):
    """The same as this job, with new seeds."""

    job: JobId


class Stop(_Act, frozen=True):
    """Cancel a job of any host."""

    job: JobId


class Use(_Act, frozen=True):
    """Let the host show this take (from 0) of its job."""

    job: JobId
    take: Annotated[int, Meta(ge=0)]


class Turn(_Act, frozen=True):
    """Set a parameter of the next takes."""

    name: Name
    value: Value


class Reset(_Act, frozen=True):
    """Parameters as if nobody had touched them."""


class Tempo(_Act, frozen=True):
    """The song's tempo in quarter notes a minute, and where its bar 1 starts in seconds."""

    song: Id
    bpm: Annotated[float, Meta(ge=1.0, le=2000.0)]
    downbeat: Annotated[float, Meta(ge=-86_400.0, le=86_400.0)] = 0.0
    beats: Annotated[int, Meta(ge=1, le=32)] = 4


class Chords(_Act, frozen=True):
    """Chords that were typed, for the region from sample `start` to `end`: `Am7 | F C | G`."""

    song: Id
    text: Annotated[str, Meta(max_length=2000)]
    start: Sample
    end: Sample


class Forget(_Act, frozen=True):
    """Takes of this song no longer follow that."""

    song: Id
    what: Control | str


class Save(_Act, frozen=True):
    """Write the whole song with this take in it."""

    take: Id


class Show(_Act, frozen=True):
    """Show this take's file in its folder."""

    take: Id


class Write(_Act, frozen=True, omit_defaults=True):
    """Write something down about a take."""

    take: Id
    favourite: bool | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    comment: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET


class Bin(_Act, frozen=True):
    """Put a take of an open song into the bin, a folder beside it."""

    take: Id


class Restore(_Act, frozen=True):
    """Take a file out of the bin of an open song again."""

    song: Id
    file: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^/\\\x00]+$")]


class Fetch(_Act, frozen=True):
    """Fetch a model pack of the catalog, under licences that somebody has read and accepted."""

    pack: PackName
    accept: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=16)] = ()


class StopFetching(_Act, frozen=True):
    """Stop it; what has come so far stays."""


class UseRemote(_Act, frozen=True):
    """Have takes made by another computer from now on; `local` is this one."""

    remote: Annotated[str, Meta(pattern=rf"^{NAME}\Z")]


Act = (
    Punch
    | Sweep
    | Again
    | Stop
    | Use
    | Turn
    | Reset
    | Tempo
    | Chords
    | Forget
    | Save
    | Show
    | Write
    | Bin
    | Restore
    | Fetch
    | StopFetching
    | UseRemote
)

ready(Act)
