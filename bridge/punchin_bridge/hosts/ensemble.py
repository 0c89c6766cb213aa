"""What was played on other tracks of a song, for the job of a plug-in, which hears its own track only. Pure.

Two plug-ins are of one song when they carry the same project id, which a project keeps for all of its own; else when
they run in one process, as those do that were added since the project was saved; else when the musician gave their song
the same name, where each has a process of its own. That a track is followed as drums is in its name; whether its notes
are chords, a piano part or both, the musician has said in its window.

A job that wants to follow others is held back until each of them has answered, or was silent for too long. What could
not be had is said with the takes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from punchin_wire.errors import PunchinError
from punchin_wire.params import Control

from ..takes.excerpt import CONTEXT_SECONDS
from . import timeline
from .presence import Presence
from .protocol import Command, Hello, MidiNote, Part, Rendered, Stem, Submit, Track

STEM = "stem"
"""The action that fetches what was played; plug-ins have it in their `can`."""
PATIENCE_SECONDS = 3.0
"""How long a plug-in may take to write down what was played on its track."""
ARRIVAL_SECONDS = 1.5
"""How long after its start a bridge waits for plug-ins to say hello: twice as long as one that hears no bridge is
silent, half a second and what its thread sleeps at the most."""
DRUMS = frozenset({"drum", "drums", "drumkit", "kit", "percussion", "beat", "beats"})
"""By which word in its name a track is followed as drums."""

Adopt = Callable[[str, Control, str, str], str]
"""Makes the file of host `host` at a path the job's own: (job, what it is, host, path) to its new path. Raises
PunchinError where it is not one of that host's."""


@dataclass
class _Asked:
    """One plug-in, by the name of its track, that was asked for a part."""

    control: Control
    host: str
    name: str
    until: float


@dataclass
class _Held:
    """A job that is held back. `asked` by the commands' ids, None until the others were asked."""

    submit: Submit
    asked: dict[str, _Asked] | None = None


@dataclass
class Ensemble:
    """[loop] The jobs that are held back."""

    _began: float | None = None
    _held: dict[str, _Held] = field(default_factory=dict)

    def hold(self, submit: Submit) -> None:
        """Hold a job back that follows others."""
        self._held[submit.job] = _Held(submit)

    def is_holding(self, job: str) -> bool:
        return job in self._held

    def drop(self, job: str) -> None:
        """It was cancelled."""
        self._held.pop(job, None)

    def receive(self, stem: Stem, adopt: Adopt) -> None:
        """A plug-in has answered; what nobody waits for any more is passed over."""
        for held in self._held.values():
            if held.asked is None or stem.ask not in held.asked or held.asked[stem.ask].host != stem.host:
                continue
            asked = held.asked.pop(stem.ask)
            try:
                held.submit = _joined(held.submit, asked, stem, adopt)
            except PunchinError as error:
                held.submit = _noted(held.submit, f"{error} Takes do not follow {asked.name}.")

    def step(self, now: float, hosts: Mapping[str, Presence]) -> Iterator[Submit]:
        """The jobs that need no longer be held back, with all that came."""
        self._began = now if self._began is None else self._began
        for job, held in list(self._held.items()):
            if held.asked is None:
                players = _players(held.submit, hosts)
                if len(players) < len(held.submit.follow) and now - self._began < ARRIVAL_SECONDS:
                    continue
                held.asked = {}
                for control, presence in players.items():
                    self._ask(held, control, presence, now)
            self._expire(held, now, hosts)
            if not held.asked:
                del self._held[job]
                yield msgspec.structs.replace(held.submit, follow=())

    def _ask(self, held: _Held, control: Control, presence: Presence, now: float) -> None:
        assert held.asked is not None
        assert presence.hello.part is not None
        region, rate = held.submit.region, held.submit.timeline.rate
        command = Command(
            uuid.uuid4().hex[:12],
            STEM,
            start=region.start / rate - CONTEXT_SECONDS,
            end=region.end / rate + CONTEXT_SECONDS,
            unit="seconds",
        )
        name = presence.hello.part.name
        try:
            presence.command(command)
        except PunchinError:
            held.submit = _noted(held.submit, _silent(name))
        else:
            held.asked[command.ask] = _Asked(control, presence.hello.host, name, now + PATIENCE_SECONDS)

    def _expire(self, held: _Held, now: float, hosts: Mapping[str, Presence]) -> None:
        """Wait no more for those that are gone or silent."""
        assert held.asked is not None
        for ask, asked in list(held.asked.items()):
            if asked.host in hosts and now < asked.until:
                continue
            del held.asked[ask]
            held.submit = _noted(held.submit, _silent(asked.name))
            if asked.host in hosts:
                hosts[asked.host].commands.pop(ask, None)


def followed_as(part: Part) -> tuple[Control, ...]:
    """What a track is followed as, if as anything.

    >>> followed_as(Part("t", "Drum bus"))
    ('drums',)
    >>> followed_as(Part("t", "My MIDI", hears="notes", feeds=("chord", "piano")))
    ('chord', 'piano')
    """
    if part.hears == "notes":
        return part.feeds
    return ("drums",) if DRUMS & set(re.findall("[a-z]+", part.name.casefold())) else ()


def _players(submit: Submit, hosts: Mapping[str, Presence]) -> dict[Control, Presence]:
    """Whom to ask for what: of several the one of the same saved song, and of those the one that came first."""
    asker = hosts[submit.host].hello if submit.host in hosts else None
    found: dict[Control, Presence] = {}
    for is_near in (_same_song, _same_process, _same_name):
        for presence in hosts.values():
            part = presence.hello.part
            if part is None or presence.hello.host == submit.host or part.track == submit.target.id:
                continue
            if is_near(submit, asker, presence.hello):
                for control in (each for each in followed_as(part) if each in submit.follow):
                    found.setdefault(control, presence)
    return found


def _same_song(submit: Submit, _asker: Hello | None, other: Hello) -> bool:
    return other.project.id == submit.project.id


def _same_process(_submit: Submit, asker: Hello | None, other: Hello) -> bool:
    mine, theirs = (hello.part.process if hello and hello.part else "" for hello in (asker, other))
    return mine == theirs != ""


def _same_name(submit: Submit, _asker: Hello | None, other: Hello) -> bool:
    return other.project.name == submit.project.name != ""


def _joined(submit: Submit, asked: _Asked, stem: Stem, adopt: Adopt) -> Submit:
    """The job with what a plug-in brought. Raises PunchinError."""
    if stem.error:
        return _noted(submit, f"{stem.error} Takes do not follow {asked.name}.")
    if asked.control == "drums" and stem.audio is not None:
        path = adopt(submit.job, asked.control, stem.host, stem.audio.path)
        audio = Rendered(path, stem.audio.start)
        return msgspec.structs.replace(submit, drums=Track(asked.host, asked.name, audio))
    if asked.control == "piano" and not _plays(stem.notes, submit):
        return _noted(submit, f"{asked.name} plays no key there, so takes do not follow it as a piano part.")
    if asked.control == "piano":
        return msgspec.structs.replace(submit, piano=stem.notes, piano_pedals=stem.pedals)
    if asked.control == "chord":
        return msgspec.structs.replace(submit, chords=stem.notes, chord_pedals=stem.pedals)
    return _noted(submit, _silent(asked.name))


def _plays(notes: Sequence[MidiNote], submit: Submit) -> bool:
    """Whether a key is down in the region. Raises BadSetting."""
    grid, rate = timeline.tempo_map(submit.timeline), submit.timeline.rate
    first, last = (grid.quarter_of(sample, rate) for sample in (submit.region.start, submit.region.end))
    return any(note.start < last and note.end > first for note in notes)


def _silent(name: str) -> str:
    return f"{name} has not answered, so takes do not follow it."


def _noted(submit: Submit, note: str) -> Submit:
    return msgspec.structs.replace(submit, notes=(*submit.notes, note[:500])[-8:])
