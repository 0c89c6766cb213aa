"""Submit a job and follow it to its takes. Knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from punchin_wire.errors import BadMessage, JobCancelled, PunchinError
from punchin_wire.frames import Audio, Packet
from punchin_wire.messages import Accepted, AudioChunk, Done, Heard, Position, Progress, Submit, Take

from .client import Client

AGAIN = "Ask again. If that does not help, run `punchin doctor` and send its report to the developers."


class Display(Protocol):
    """Someone who watches a job. All that is shown is measured, nothing is guessed."""

    def waiting(self, position: int) -> None: ...
    def working(self, progress: Progress) -> None: ...
    def preview(self, take: int, start: int, audio: Audio, rate: int) -> None: ...


class Silent:
    """Shows nothing."""

    def waiting(self, position: int) -> None:
        pass

    def working(self, progress: Progress) -> None:
        pass

    def preview(self, take: int, start: int, audio: Audio, rate: int) -> None:
        pass


class Sent(NamedTuple):
    """A take as the daemon sent it."""

    take: Take
    audio: Audio


class Followed(NamedTuple):
    """A job's takes, all that were asked for and in order, its end, and what was read by ear, if anything was."""

    takes: tuple[Sent, ...]
    done: Done
    heard: Heard | None = None


def follow(submit: Submit, audio: Sequence[Audio], client: Client, display: Display) -> Followed:
    """What comes of the job.

    Ctrl-C cancels the job at the daemon and is a JobCancelled whose cause is the KeyboardInterrupt. Raises what the
    job fails of.
    """
    takes: dict[int, Sent] = {}
    heard: Heard | None = None
    try:
        for packet in client.run(submit, audio):
            body = _receive(packet, display, takes)
            if isinstance(body, Heard):
                heard = body
            if isinstance(body, Done):
                return Followed(_complete(takes, submit), body, heard)
    except KeyboardInterrupt as interrupt:
        try:
            client.cancel(submit.job)
        except PunchinError as error:
            lost = f"Job {submit.job} could not be cancelled: {error}"
            raise JobCancelled(lost, "Look at `punchin status`.") from interrupt
        raise JobCancelled(f"Job {submit.job} was cancelled.") from interrupt
    raise BadMessage("The daemon ended a job without saying how.", AGAIN)


def _receive(packet: Packet, display: Display, takes: dict[int, Sent]) -> Heard | Done | None:
    if isinstance(packet.message, Accepted):
        display.waiting(packet.message.position)
        return None
    match packet.message.body:
        case Position(position):
            display.waiting(position)
        case Progress() as progress:
            display.working(progress)
        case AudioChunk(take, start, ref):
            display.preview(take, start, packet.of(ref), ref.sample_rate)
        case Take(take) as body:
            takes[take] = Sent(body, packet.of(body.audio))
        case Heard() | Done() as body:
            return body
    return None


def _complete(takes: dict[int, Sent], submit: Submit) -> tuple[Sent, ...]:
    wanted = len(submit.request.takes)
    if sorted(takes) != list(range(wanted)):
        raise BadMessage(f"The daemon sent takes {sorted(takes)} of the {wanted} that were asked for.", AGAIN)
    return tuple(takes[index] for index in range(wanted))
