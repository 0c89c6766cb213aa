"""The three tasks of a transfer, as the paper sets them (AP-Adapter, arXiv 2407.16564), and every knob open. Pure.

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
from typing import Literal, NamedTuple

import msgspec
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Solver

TaskName = Literal["timbre", "genre", "accompaniment"]
Method = Literal["adapter", "sdedit"]
Pooling = Literal[1, 2, 4, 8]
POOLINGS: tuple[Pooling, ...] = (1, 2, 4, 8)
STRENGTH = 0.55
"""SDEdit's share of the noise, as the paper's authors set their baseline."""


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a transfer was asked for, beyond its request: the preset, the target in the musician's words, and for an
    accompaniment whether it is also written together with the clip."""

    name: TaskName
    to: str
    mix: bool = False


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be set otherwise than the preset has it; `None` is the preset's or, for solver and steps, the pack's.

    `pooling` is ω of time and frequency, `alpha` the weight of the clip, `guidance` λ. Only `sdedit` has a
    `strength`, and it has neither `pooling` nor `alpha`.
    """

    method: Method = "adapter"
    pooling: tuple[Pooling, Pooling] | None = None
    alpha: float | None = None
    guidance: float | None = None
    strength: float | None = None
    scheduler: Solver | None = None
    steps: int | None = None


class Preset(msgspec.Struct, frozen=True):
    """The paper's settings of a task. `sentence` and `unlike` have one place for a name (`{a}`: with its article);
    `otherwise` is the negative prompt when the source is not named."""

    sentence: str
    unlike: str
    otherwise: str
    pooling: Pooling
    alpha: float
    guidance: float


PRESETS: dict[TaskName, Preset] = {
    "timbre": Preset(
        "a recording of {a} solo", "a recording of {a} solo", "Low quality", pooling=2, alpha=0.5, guidance=7.5
    ),
    "genre": Preset("{Name} style music", "{Name} style music", "Low quality", pooling=4, alpha=0.55, guidance=9.5),
    "accompaniment": Preset(
        "Duet, Played with {name} accompaniment", "{name} solo", "solo", pooling=2, alpha=0.5, guidance=7.5
    ),
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


def knobs(task: TaskName, given: Knobs) -> Knobs:
    """`given`, with what it leaves open as the preset has it. Raises BadSetting for a knob that its method lacks."""
    preset = PRESETS[task]
    if given.method == "sdedit":
        if given.pooling is not None or given.alpha is not None:
            raise BadSetting("SDEdit has no audio prompt, so no pooling and no alpha.", "It has a strength instead.")
        return msgspec.structs.replace(
            given, guidance=_or(given.guidance, preset.guidance), strength=_or(given.strength, STRENGTH)
        )
    if given.strength is not None:
        raise BadSetting("Strength belongs to SDEdit.", "Choose the method sdedit, or set alpha and pooling.")
    return msgspec.structs.replace(
        given,
        pooling=given.pooling or (preset.pooling, preset.pooling),
        alpha=_or(given.alpha, preset.alpha),
        guidance=_or(given.guidance, preset.guidance),
    )


def parse_pooling(text: str) -> tuple[Pooling, Pooling]:
    """`4` for time and frequency alike, `4,2` (or `4x2`) apart. Raises BadSetting."""
    parts = [part.strip() for part in re.split("[,x]", text)]
    found = [pooling for part in parts for pooling in POOLINGS if part == str(pooling)]
    if len(found) != len(parts) or len(found) > 2:
        raise BadSetting(
            f"Pooling is 1, 2, 4 or 8, not {text[:40]!r}.", "Write one for both, --pooling 2, or two, --pooling 4,2."
        )
    return found[0], found[-1]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


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
