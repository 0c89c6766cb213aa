"""The three tasks of a transfer, as the paper sets them (AP-Adapter, arXiv 2407.16564): their texts and values. Pure.

A target is a name or a sentence. **A name has up to three words, none of them one that the task's own sentence is made
of** (`violin`, `an acoustic guitar`, `Jazz`); it is put into that sentence, with the right article. Anything else is a
sentence (`a violin solo`, `slow brushed drums in a church`) and is used as it is.

>>> prompts("timbre", "acoustic guitar", "the piano")
Prompts(prompt='a recording of an acoustic guitar solo', negative='a recording of a piano solo')
>>> prompts("genre", "Jazz")
Prompts(prompt='Jazz style music', negative='Low quality')
>>> prompts("accompaniment", "Duet, Played with cello accompaniment, soft").negative
'solo'
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from punchin_wire.errors import BadSetting
from punchin_wire.params import DENOISING, PACKS, TaskName, TransferParams


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a transfer was asked for, beyond its request: the preset, the target in the musician's words, and for an
    accompaniment whether it is also written together with the clip."""

    name: TaskName
    to: str
    mix: bool = False


class Preset(msgspec.Struct, frozen=True):
    """The paper's texts of a task; its numbers stand in the table of parameters. `sentence` and `unlike` have one place
    for a name (`{a}`: with its article); `otherwise` is the negative prompt when the source is not named."""

    sentence: str
    unlike: str
    otherwise: str


PRESETS: dict[TaskName, Preset] = {
    "timbre": Preset("a recording of {a} solo", "a recording of {a} solo", "Low quality"),
    "genre": Preset("{Name} style music", "{Name} style music", "Low quality"),
    "accompaniment": Preset("Duet, Played with {name} accompaniment", "{name} solo", "solo"),
}


class Prompts(NamedTuple):
    prompt: str
    negative: str


def prompts(task: TaskName, to: str, source: str | None = None, negative: str | None = None) -> Prompts:
    """The texts of a transfer `to` a target, from a `source` that the musician names or a `negative` text of his own.

    Raises BadSetting for texts that say nothing, and where two say the negative prompt.
    """
    preset = PRESETS[task]
    if source is not None and negative is not None:
        raise BadSetting("The source and the negative text both say the negative prompt.", "Leave one of them out.")
    if negative is None:
        negative = preset.otherwise if source is None else _sentence(source, preset.unlike, "The name of the source")
    return Prompts(_sentence(to, preset.sentence, "The target"), " ".join(negative.split()))


def filled(params: TransferParams) -> TransferParams:
    """`params`, with what they leave to their task; what is the pack's stays open. Raises BadSetting for what their
    method lacks."""
    chosen: dict[str, object] = {}
    for name, flag in DENOISING.items():
        first, given = flag.parameters[0], getattr(params, name)
        if not flag.is_of(params.method):
            if given is not None:
                other = f"Leave it out, or choose the method {first.methods[0]}."
                raise BadSetting(f"The method {params.method} has no {name}.", other)
        elif given is None and (first.unsaid != PACKS or params.task in first.tasks):
            values = tuple(each.of_task(params.task) for each in flag.parameters)
            chosen[name] = values if len(values) > 1 else values[0]
    return msgspec.structs.replace(params, **chosen)


# ---- names and sentences -------------------------------------------------------------------------------------


def _sentence(text: str, pattern: str, what: str) -> str:
    words = text.split()
    if not words:
        raise BadSetting(f"{what} says nothing.", "Name an instrument or a style, for example violin.")
    name = words[1:] if words[0].lower() in ("a", "an", "the") and len(words) > 1 else words
    own = re.findall(r"\w+", pattern.lower())
    is_name = len(name) <= 3 and all(re.fullmatch(r"[\w'’&/+-]+", word) and word.lower() not in own for word in name)
    if not is_name:
        return " ".join(words)
    plain = " ".join(name)
    return pattern.format(name=plain, Name=plain[0].upper() + plain[1:], a=_with_article(plain))


def _with_article(name: str) -> str:
    """`a violin`, `an organ`, `a ukulele`; `drums` and other plurals have none."""
    lower = name.lower()
    if lower.endswith("s") and not lower.endswith(("ss", "us")):
        return name
    vowel = re.match(r"(?!eu|uk|uni|one\b)[aeiou]|8", lower)
    return f"{'an' if vowel else 'a'} {name}"
