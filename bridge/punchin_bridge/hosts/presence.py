"""A host that is here, and whether it has to be sent anything. Pure: no clock, no files, no jobs of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from punchin_wire import VERSION
from punchin_wire.errors import BadMessage, QueueFull
from punchin_wire.throttle import Throttle

from .protocol import BEAT_SECONDS, Command, Hello, JobView, NamedChords, PackView, PullView, State

MAX_COMMANDS = 16
PROGRESS_HZ = 10
"""Progress alone is sent so often at most."""

CHORDS_SECONDS = 5.0
"""How long the chords of its notes are told, for they may be many, and its state goes out every second."""


@dataclass
class Presence:
    """Its last `hello`, when something `came` from it last, what it was `sent` last. `commands` are what it
    is to do, by id; `answers` what became of those it had another host do. `trouble` is the last document that could
    not be used, `refused` the job that it named; `chords` those of its notes, until it has had time to hear of them."""

    hello: Hello
    came: float
    commands: dict[str, Command] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    refused: str = ""
    chords: NamedChords | None = None
    chords_until: float = 0.0
    sent: State | None = None
    throttle: Throttle = field(default_factory=lambda: Throttle(PROGRESS_HZ))

    def name(self, chords: NamedChords, now: float) -> None:
        """Tell it what its notes are called."""
        self.chords, self.chords_until = chords, now + CHORDS_SECONDS

    def command(self, command: Command) -> None:
        """Have it do something. Raises BadMessage where it cannot, and QueueFull."""
        program, can = self.hello.program, self.hello.can
        if command.action not in can:
            raise BadMessage(f"{program} cannot {command.action}.", f"It can: {', '.join(can) or 'nothing'}.")
        if len(self.commands) >= MAX_COMMANDS:
            late = f"{program} has not done the last {MAX_COMMANDS} things it was asked for."
            raise QueueFull(late, "Look whether it hangs, or shows a question.")
        self.commands[command.ask] = command

    def news(
        self,
        jobs: tuple[JobView, ...],
        now: float,
        packs: tuple[PackView, ...] | None = None,
        pull: PullView | None = None,
        remote: str = "",
        song: str = "",
    ) -> State | None:
        """The state to send, if it must be sent now: changes at once, mere progress now and then, the beat every
        second."""
        before = self.sent
        revision, beat = before.revision if before else 0, int(now / BEAT_SECONDS)
        commands = tuple(self.commands.values())
        answers = dict(self.answers)
        chords = self.chords if now < self.chords_until else None
        state = State(
            self.hello.host, revision, beat, VERSION, jobs, commands, self.trouble, answers, self.refused, packs, pull,
            chords, remote, song,
        )  # fmt: skip
        if before is None or not _same(state, before):
            if not self.throttle.passes(now, urgent=before is None or not _only_progress(state, before)):
                return None
            state = msgspec.structs.replace(state, revision=revision + 1)
        elif beat == before.beat:
            return None
        self.sent = state
        return state


def _same(now: State, before: State) -> bool:
    return msgspec.structs.replace(now, beat=0, revision=0) == msgspec.structs.replace(before, beat=0, revision=0)


def _only_progress(now: State, before: State) -> bool:
    def rest(state: State) -> tuple[object, ...]:
        pull = (state.pull.pull, state.pull.phase) if state.pull else None
        jobs = [(job.job, job.phase) for job in state.jobs]
        told = state.packs, pull, state.chords, state.remote, state.song
        return state.asks, state.trouble, state.answers, jobs, told

    return rest(now) == rest(before)
