"""Errors in words for a musician who sits in a DAW: no commands to type, and nothing of our processes. Pure."""

from __future__ import annotations

import re

from punchin_wire.errors import ErrorInfo

OTHER_PACK = "Choose another model pack in Punchin's settings."
REPAIR = "Choose another model pack in Punchin's settings, or install this one again."
AGAIN = "Ask again."
STEPS: dict[str, str] = {
    "bad_audio": "Render or freeze the track there, and ask again.",
    "bad_midi": "Change the MIDI there, and ask again.",
    "bad_region": "Select another region, and ask again.",
    "bad_setting": "Change that in Punchin's settings, and ask again.",
    "bad_pack": REPAIR,
    "not_installed": "Install Punchin again, with its server.",
    "pack_missing": OTHER_PACK,
    "pack_corrupt": REPAIR,
    "bad_checkpoint": REPAIR,
    "adapter_mismatch": REPAIR,
    "unsupported": OTHER_PACK,
    "version_mismatch": "Close all programs that have Punchin in them, and open them again: a part of it is older.",
    "daemon_unreachable": "Ask again: it is started anew. If that does not help, restart the computer.",
    "bad_key": "Have this computer's key made anew, and let in again where its takes are made.",
    "key_refused": "Have this computer let in where its takes are made: somebody there must allow its key.",
    "remote_unreachable": "Look whether the computer that makes takes is on, and the network is well, and ask again.",
    "queue_full": "Wait for a job to finish, or stop one.",
    "source_unreachable": "Look at the network, and ask again: it goes on where it stopped.",
    "internal": "Ask again. If it happens once more, send Punchin's logs to its developers.",
}
"""The next step in a DAW, where that of an error names a command or an option; :data:`AGAIN` for other codes."""
COMMAND = re.compile(r"`|(?<!\w)--\w|\bdaemon\b|\bOSC\b|\bport\b|\bcommand\b")
"""What only those understand who started Punchin in a terminal."""
ENGINE = (
    (r"\b[Tt]he (Punchin )?daemon\b", "Punchin's engine"),
    (r"\b([Nn]o|[Aa]) (Punchin )?daemon\b", r"\1 engine of Punchin's"),
    (r"\bdaemon\b", "engine"),
)


def in_host(error: ErrorInfo) -> ErrorInfo:
    """The same error as a DAW shows it.

    >>> in_host(ErrorInfo("pack_missing", "There is no pack 'large'.", "Run `punchin packs list`.")).next_step
    "Choose another model pack in Punchin's settings."
    """
    message, step = error.message, error.next_step
    for pattern, words in ENGINE:
        message = re.sub(pattern, words, message)
    return ErrorInfo(error.code, message, STEPS.get(error.code, AGAIN) if COMMAND.search(step) else step)
