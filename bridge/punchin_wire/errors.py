"""The one error tree. Every error has a code, says what is wrong, and names the musician's next step.

::

    PunchinError                 code
    ├── InputError                                 what the musician handed in
    │   ├── FileMissing          file_missing
    │   ├── BadAudio             bad_audio
    │   ├── BadMidi              bad_midi
    │   ├── BadRegion            bad_region
    │   ├── UnknownChord         unknown_chord
    │   ├── NothingHeard         nothing_heard
    │   ├── BadSetting           bad_setting
    │   ├── BadKey               bad_key
    │   ├── NotWritten           not_written
    │   ├── NotAccepted          not_accepted
    │   └── BadRecipe            bad_recipe
    ├── PackError                                  what is installed
    │   ├── NotInstalled         not_installed
    │   ├── PackMissing          pack_missing
    │   ├── PackCorrupt          pack_corrupt
    │   ├── BadCheckpoint        bad_checkpoint
    │   ├── AdapterMismatch      adapter_mismatch
    │   ├── SourceRefused        source_refused
    │   ├── Unsupported          unsupported
    │   └── SilentTake           silent_take
    ├── ProtocolError                              what came over the wire
    │   ├── VersionMismatch      version_mismatch
    │   ├── BadMessage           bad_message
    │   └── TooLarge             too_large
    ├── DaemonError                                where the work runs
    │   ├── DaemonUnreachable    daemon_unreachable
    │   │   └── RemoteUnreachable remote_unreachable   the daemon of another computer
    │   ├── KeyRefused           key_refused
    │   ├── QueueFull            queue_full
    │   ├── UnknownJob           unknown_job
    │   ├── JobCancelled         cancelled
    │   ├── JobLost              job_lost
    │   ├── WorkerDied           worker_died
    │   └── OutOfMemory          out_of_memory
    ├── SourceUnreachable        source_unreachable where models come from
    └── InternalError            internal          our mistake

Errors travel as :class:`ErrorInfo`; :func:`from_info` builds the same class again on the other side. The exit code of
`punchin` is that of the branch; :data:`EXITS` says them all in words.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


def readable(text: str) -> str:
    """`text` as it can be shown and sent: bytes of file names that are not UTF-8 become `\\xe9`.

    >>> readable("caf\\udce9.wav")
    'caf\\\\xe9.wav'
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character that is no byte of a file name
        return text.encode("utf-8", "backslashreplace").decode()


class ErrorInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error as it travels: `code` from the tree, one sentence of `message`, one of `next_step`."""

    code: str
    message: str
    next_step: str


class PunchinError(Exception):
    """Root of the tree. `str()` is the message; `next_step` is what the musician can do about it."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70
    exit_text: ClassVar[str] = "our mistake: `punchin doctor` collects what we need to know"
    default_next_step: ClassVar[str] = "Run `punchin doctor` and send its report to the developers."

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(readable(message))
        self.next_step = readable(next_step or self.default_next_step)

    def info(self) -> ErrorInfo:
        return ErrorInfo(self.code, str(self), self.next_step)


class InputError(PunchinError):
    code = "bad_input"
    exit_code = 2
    exit_text = "something in the request: a file, the region, a chord, an option"
    default_next_step = "Correct the request and send it again."


class FileMissing(InputError):
    code = "file_missing"
    default_next_step = "Check the path: the file must exist and be readable."


class BadAudio(InputError):
    code = "bad_audio"
    default_next_step = "Render the file again as an uncompressed WAV."


class BadMidi(InputError):
    code = "bad_midi"
    default_next_step = "Export the MIDI track again, with its notes inside the song."


class BadRegion(InputError):
    code = "bad_region"
    default_next_step = "Select a region that lies inside the song."


class UnknownChord(InputError):
    """A chord label outside the Harte syntax (for example `H:major`)."""

    code = "unknown_chord"
    default_next_step = "Write chords like C:maj, A:min7, F#:7, D:min/5, or N for silence."

    def __init__(self, label: str, next_step: str | None = None) -> None:
        super().__init__(f"{label[:60]!r} is not a chord label.", next_step)


class NothingHeard(InputError):
    """Audio in which chords or notes were to be read by ear has none."""

    code = "nothing_heard"
    default_next_step = "Give chords or notes as a file, or a stem that plays them."


class BadSetting(InputError):
    code = "bad_setting"
    default_next_step = "Correct that value and ask again."


class BadKey(InputError):
    """A key that is none, or a file with one that others could have read or written."""

    code = "bad_key"
    default_next_step = "`punchin keys list`, on the computer that is meant, shows its key."


class NotWritten(InputError):
    """Takes are made, but cannot be written; the daemon still has them."""

    code = "not_written"
    default_next_step = "Make room on the disk, or choose another folder, and ask again."


class NotAccepted(InputError):
    """What a licence asks was not accepted; nothing was fetched."""

    code = "not_accepted"
    default_next_step = "Read the licence, and name it with --accept when you accept it."


class BadRecipe(InputError):
    code = "bad_recipe"
    default_next_step = "Use a take written by Punchin; other WAV files carry no recipe."


class PackError(PunchinError):
    code = "bad_pack"
    exit_code = 3
    exit_text = "something installed, or not: a model pack, a checkpoint, a part of Punchin"
    default_next_step = "Run `punchin packs verify` to see which pack is damaged."


class NotInstalled(PackError):
    """A part of Punchin, or a package that it needs."""

    code = "not_installed"
    default_next_step = "Install the server part: pip install 'punchin[server]'."


class PackMissing(PackError):
    code = "pack_missing"
    default_next_step = "Run `punchin packs list` to see what is installed."


class PackCorrupt(PackError):
    code = "pack_corrupt"
    default_next_step = "Install the pack again: a file differs from its manifest."


class BadCheckpoint(PackError):
    code = "bad_checkpoint"
    default_next_step = "Install the checkpoint again; its tensors are not those of this model."


class AdapterMismatch(PackError):
    code = "adapter_mismatch"
    default_next_step = "Use the adapter made for this size of the base model."


class SourceRefused(PackError):
    """Where a model comes from answers, but does not give the file: it is gone, gated, or another one."""

    code = "source_refused"
    default_next_step = "Download the file in a browser and give it to Punchin with `punchin packs add FOLDER`."


class Unsupported(PackError):
    """The installed pack cannot do what was asked (for example follow text without a text encoder)."""

    code = "unsupported"
    default_next_step = "Choose another pack, or leave that out: `punchin packs list` shows what each of them can."


class SilentTake(PackError):
    """A model makes next to no sound where there should be some, whatever the seed."""

    code = "silent_take"
    default_next_step = "Select a longer region, or one in which more plays; ask for another seed, or for another pack."


class ProtocolError(PunchinError):
    code = "protocol"
    exit_code = 4
    exit_text = "both sides do not speak the same protocol"
    default_next_step = "Update Punchin on both sides so that they speak the same protocol."


class VersionMismatch(ProtocolError):
    code = "version_mismatch"
    default_next_step = "Update the older side, and end a daemon that still runs in it: the next job starts a new one."


class BadMessage(ProtocolError):
    code = "bad_message"
    default_next_step = "Check what else sends to this port; Punchin ignored the message."


class TooLarge(ProtocolError):
    code = "too_large"
    default_next_step = "Select a shorter region."


class DaemonError(PunchinError):
    code = "daemon"
    exit_code = 5
    exit_text = "the daemon, its queue or the network: not reachable, full, job cancelled, worker died"
    default_next_step = "Look at `punchin status`."


class DaemonUnreachable(DaemonError):
    code = "daemon_unreachable"
    default_next_step = "Start the daemon with `punchin serve`."


class RemoteUnreachable(DaemonUnreachable):
    """The daemon of another computer, that makes takes for this one."""

    code = "remote_unreachable"
    default_next_step = (
        "Look whether that computer is on, with `punchin serve --keys`, the network is well, and its address is the "
        "one that `punchin remote list` shows; or work here with `--remote local`."
    )


class KeyRefused(DaemonError):
    """The daemon does not know this computer's key, or is not the one whose key this computer knows."""

    code = "key_refused"
    default_next_step = (
        "On the daemon's computer, run `punchin keys allow NAME KEY` with the key that `punchin keys list` shows here."
    )


class QueueFull(DaemonError):
    code = "queue_full"
    default_next_step = "Wait for a job to finish, or cancel one with `punchin cancel JOB`."


class UnknownJob(DaemonError):
    code = "unknown_job"
    default_next_step = "Look at `punchin status` for the jobs the daemon knows."


class JobCancelled(DaemonError):
    code = "cancelled"
    default_next_step = "Nothing was written. Submit again when you are ready."


class JobLost(DaemonError):
    """The daemon that had the job is not the one that is asked."""

    code = "job_lost"
    default_next_step = "Submit it again."


class WorkerDied(DaemonError):
    code = "worker_died"
    default_next_step = "Submit again; the daemon has already started a new worker."


class OutOfMemory(DaemonError):
    code = "out_of_memory"
    default_next_step = "Ask for fewer takes, choose a smaller pack, or close other programs."


class SourceUnreachable(PunchinError):
    """Where a model comes from does not answer, or no longer; what came is kept."""

    code = "source_unreachable"
    exit_code = DaemonError.exit_code
    exit_text = DaemonError.exit_text
    default_next_step = "Look at the network, then give the same command: it goes on where it stopped."


class InternalError(PunchinError):
    code = "internal"


def _tree(root: type[PunchinError]) -> dict[str, type[PunchinError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


BY_CODE: dict[str, type[PunchinError]] = _tree(PunchinError)
"""Every error class of the tree by its code."""

INTERRUPTED = 130
EXITS: dict[int, str] = {
    0: "done",
    **dict(sorted((error.exit_code, error.exit_text) for error in BY_CODE.values())),
    INTERRUPTED: "interrupted by Ctrl-C: the job, if there was one, was cancelled",
}
"""Every exit code of `punchin`, and what it means."""


def of_import(error: ImportError, train: bool = False) -> PunchinError:
    """A package that is missing or broken, as the musician's error; where our own is, that is our mistake. With `train`
    it is wanted for training or measuring."""
    install = "Install what training and measuring need: pip install 'punchin[server,train]'." if train else None
    name = (error.name or "").split(".")[0]
    if name.startswith("punchin"):
        return InternalError(f"{type(error).__name__}: {error}.")
    if isinstance(error, ModuleNotFoundError) and name:
        return NotInstalled(f"{name} is not installed.", install)
    why = (str(error).splitlines() or ["it does not say why"])[0].rstrip(".")[:300]
    return NotInstalled(f"{name or 'A library'} cannot be loaded: {why}.", install)


def from_info(info: ErrorInfo) -> PunchinError:
    """The error that `info` describes. A code of a newer peer becomes a plain :class:`PunchinError`."""
    cls = BY_CODE.get(info.code, PunchinError)
    error = cls.__new__(cls)
    PunchinError.__init__(error, info.message, info.next_step)
    return error
