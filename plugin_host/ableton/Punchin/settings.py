"""What the musician may choose (`settings.json`) and what the installer wrote (`installed.json`), beside this file.

`settings.json` may name any of :data:`DEFAULTS`; it is read again before every action, so an edit counts at once.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from .params import PARAMS

FOLDER = os.path.dirname(os.path.abspath(__file__))
MAX_BYTES = 1 << 20
ACTIONS = (
    "inpaint",
    "transfer",
    "repeat",
    "next_take",
    "previous_take",
    "pick",
    "cancel",
    "settings",
    "place",
    "drop",
    "mark_in",
    "mark_out",
    "select",
)
"""What can be asked of this script; `pick` and `select` need numbers and come from outside only."""

DEFAULTS: dict[str, object] = {
    "takes": 3,
    "pack": PARAMS["pack"]["default"],
    "text": PARAMS["text"]["default"],
    "weights": {},  # how closely chords, drums and piano are followed
    "chords_from": PARAMS["chords_from"]["default"],  # or "auto": by ear, where the Set has none
    "piano_from": PARAMS["piano_from"]["default"],
    "to": "violin",  # of transfers
    "task": PARAMS["task"]["default"],
    "region": "auto",  # or "brace", "clip", "slot"
    "place": "auto",  # or "lanes", "tracks", "files"
    "chords_track": "chords",
    "drums_track": "drums",
    "piano_track": "piano",
    "folder": "",  # of takes; empty: Samples/Punchin beside the Live Set
    "start_bridge": True,
    "midi_channel": 16,
    "notes": {
        "36": "inpaint",
        "37": "transfer",
        "38": "repeat",
        "39": "previous_take",
        "40": "next_take",
        "41": "cancel",
        "42": "place",
        "43": "drop",
        "44": "settings",
    },
    "controls": {
        "102": "inpaint",
        "103": "transfer",
        "104": "repeat",
        "105": "previous_take",
        "106": "next_take",
        "107": "cancel",
        "108": "place",
        "109": "drop",
        "110": "settings",
    },
}
CHOICES = {
    "region": ("auto", "brace", "clip", "slot"),
    "place": ("auto", "lanes", "tracks", "files"),
    **{name: PARAMS[name]["choices"] for name in ("task", "chords_from", "piano_from")},
}


class Refusal(Exception):
    """Why something cannot be done: one sentence for the musician, with what to do about it."""


def load(folder: str = FOLDER) -> dict[str, object]:
    """The musician's choices over the defaults. Raises Refusal, which names the file and what is wrong in it."""
    path = os.path.join(folder, "settings.json")
    chosen = read_json(path) if os.path.exists(path) else {}
    for name, value in chosen.items():
        if name not in DEFAULTS:
            raise Refusal(f"{path} names {name!r}, which is no setting.")
        if type(value) is not type(DEFAULTS[name]):
            raise Refusal(f"{path}: {name!r} cannot be {value!r}.")
        if name in CHOICES and value not in CHOICES[name]:
            raise Refusal("{}: {!r} is one of {}.".format(path, name, ", ".join(CHOICES[name])))
        parameter = PARAMS.get(name, {})
        if "low" in parameter and not parameter["low"] <= chosen[name] <= parameter["high"]:
            raise Refusal("{}: {!r} goes from {low} to {high}.".format(path, name, **parameter))
    return dict(DEFAULTS, **chosen)


def triggers(settings: dict[str, object]) -> dict[tuple[str, int], str]:
    """Which note or controller does what: `("note", 36)` to `"inpaint"`. Raises Refusal."""
    found = {}
    for kind, name in (("note", "notes"), ("control", "controls")):
        table = settings[name]
        assert isinstance(table, dict)
        for number, action in table.items():
            if not str(number).isdigit() or int(number) > 127 or action not in ACTIONS:
                raise Refusal(f"settings.json: {name!r} cannot map {number!r} to {action!r}.")
            found[kind, int(number)] = str(action)
    return found


class Installed(NamedTuple):
    """What the installer wrote: the spool folder, the file in which a bridge says its port, and how one is started."""

    spool: str
    record: str
    command: list[str]


def installed(folder: str = FOLDER) -> Installed:
    """Raises Refusal when Punchin was not installed here by its installer."""
    try:
        found = read_json(os.path.join(folder, "installed.json"))
        spool, record, command = str(found["spool"]), str(found["record"]), found["command"]
    except (Refusal, KeyError):
        raise Refusal("Run `punchin host install ableton`: installed.json is missing or damaged.") from None
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise Refusal("Run `punchin host install ableton` again: installed.json names no command.")
    return Installed(spool, record, command)


def read_json(path: str) -> dict[str, object]:
    """A small JSON object. Raises Refusal."""
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError) as problem:
        raise Refusal(f"Cannot read {path}: {problem}.") from None
    if not isinstance(value, dict):
        raise Refusal(f"{path} is not a JSON object.")
    return value
