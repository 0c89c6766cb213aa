"""Chord names as musicians write them on regions and markers, as Harte labels. Pure.

A name is a root (`A` to `G`), a kind from `_KINDS`, changed tones from `_TONES`, and after a slash the bass; spaces,
commas and brackets do not matter. Harte's own labels (`A:min7/b3`) are names too. German `H` is none: whether
`B` is then a B or a Bb, nobody knows.

Projects have other regions and markers, too. **Which names are chords**:

- A name that can be read as a chord is one. A letter alone, or with a digit up to 4 (`A`, `B2`), could as well be a
  rehearsal mark: where all that can be read is such letters, and other names are no chords (`Intro`, `A`, `B`), it is.
- A name that is built like a chord but cannot be read (`Cmja7`) is a mistake, and said: UnknownChord.
- Any other name (`Verse 1`, `Bridge`, `Emotional`) is passed over.

>>> [read(name) for name in ("Am7", "F#m7b5", "Bb/D", "C△9", "N.C.")]
['A:min7', 'F#:hdim7', 'Bb:maj/3', 'C:maj9', 'N']
>>> [written(label) for label in ("A:min7", "F#:hdim7", "Bb:maj/3", "G:sus4(b7)", "N")]
['Am7', 'F#m7b5', 'Bb/D', 'G7sus4', 'N.C.']
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Protocol

from punchin_wire import harte
from punchin_wire.errors import UnknownChord
from punchin_wire.messages import ChordSegment

from . import chords
from .tempo_map import TempoMap

HELP = "Write chords like C, Am7, F#m7b5, Bb/D, Gsus4 or E7(b9), and N.C. where there is none."

_SILENT = frozenset({"N", "X", "NC", "N.C.", "N.C", "N/C", "n.c.", "No chord", "no chord"})
_SIGNS = {
    "♭": "b", "♯": "#", "△": "maj7", "Δ": "maj7", "∆": "maj7", "ø": "hdim7", "Ø": "hdim7", "°": "dim", "º": "dim",
    "–": "-", "−": "-", "＋": "+",
}  # fmt: skip

# What follows the root, all lower case but `M`, which is `maj` by then: words for kinds, then kinds to Harte.
_MAJ, _MIN, _DIM, _AUG = "maj|major|ma", "min|minor|mi|m|-", "dim|o", r"aug|\+"
_KINDS: tuple[tuple[str, str], ...] = (
    (rf"(?:{_MIN})(?:{_MAJ})7", "minmaj7"),
    (rf"(?:{_MIN})(?:{_MAJ})9", "minmaj7(9)"),
    (rf"(?:{_MIN})(?:7b5|7-5)|h(?:alf)?dim7?|hdim77", "hdim7"),
    (rf"(?:{_DIM})7", "dim7"),
    (rf"(?:{_DIM})", "dim"),
    (rf"(?:{_AUG})(?:{_MAJ})7|(?:{_MAJ})7(?:#5|\+5)", "maj7(*5,#5)"),
    (rf"(?:{_AUG})7|7\+|7(?:#5|\+5)", "7(*5,#5)"),
    (rf"(?:{_AUG})9|9\+|9(?:#5|\+5)", "9(*5,#5)"),
    (rf"(?:{_AUG})|(?:{_MAJ})?(?:#5|\+5)", "aug"),
    (r"7alt|alt", "7(*5,#5,#9)"),
    (r"7sus4?", "sus4(b7)"),
    (r"9sus4?", "sus4(b7,9)"),
    (r"13sus4?", "sus4(b7,9,13)"),
    (r"7sus2", "sus2(b7)"),
    (r"sus2", "sus2"),
    (r"sus4?", "sus4"),
    (rf"(?:{_MIN})(?:69|6/9)", "min6(9)"),
    (rf"(?:{_MAJ})?(?:69|6/9)", "maj6(9)"),
    *((rf"(?:{_MIN}){n}", f"min{n}") for n in ("6", "7", "9", "11", "13")),
    *((rf"(?:{_MAJ}){n}", f"maj{n}") for n in ("6", "7", "9", "13")),
    (rf"(?:{_MAJ})11", "maj9(11)"),
    (r"6", "maj6"),
    *((rf"(?:dom)?{n}", n) for n in ("7", "9", "11", "13")),
    (r"5", "5"),
    (r"2", "maj(9)"),
    (r"4", "sus4"),
    (rf"(?:{_MIN})", "min"),
    (rf"(?:{_MAJ})?", "maj"),
)  # fmt: skip
_TONES: tuple[tuple[str, str], ...] = (
    (r"(?:add)?(?:b|-)9", "b9"),
    (r"(?:add)?(?:#|\+)9", "#9"),
    (r"(?:add)?(?:#|\+)11", "#11"),
    (r"(?:add)?(?:b|-)13", "b13"),
    (r"add(?:9|2)", "9"),
    (r"add(?:11|4)", "11"),
    (r"add(?:13|6)", "13"),
    (r"add(?:maj)?7", "7"),
    (r"(?:b|-)5", "*5,b5"),
    (r"(?:#|\+)5", "*5,#5"),
    (r"(?:no|omit)3", "*3"),
    (r"(?:no|omit)5", "*5"),
)
_LONGEST = 40
"""Letters of a name that may be a chord's; notes to oneself are longer."""
_NAME = re.compile(r"(?P<root>[A-G][b#]?)(?P<rest>.*?)(?:/(?P<bass>[A-Ga-g][b#]?))?")
_STARTS = tuple((re.compile(pattern), kind) for pattern, kind in _KINDS)
_CHANGES = tuple((re.compile(pattern), degrees) for pattern, degrees in _TONES)
_WEAK = re.compile("[A-G][1-4]?|N|X")
_DIGIT = "(?:#|5|6|7|9|11|13)"
_LIKE_A_CHORD = re.compile(rf"[A-H][b#]?(?=[mM]|dim|aug|sus|add|dom|[-+(/]|{_DIGIT})\S*{_DIGIT}\S*")


_WRITTEN = {
    "maj": "", "min": "m", "maj6": "6", "min6": "m6", "min7": "m7", "min9": "m9", "min11": "m11", "min13": "m13",
    "minmaj7": "m(maj7)", "hdim7": "m7b5", "sus4(b7)": "7sus4", "maj(9)": "add9", "min(9)": "madd9", "7(b9)": "7b9",
    "7(#9)": "7#9", **{same: same for same in (
        "5", "7", "9", "11", "13", "maj7", "maj9", "maj13", "dim", "dim7", "aug", "sus2", "sus4",
    )},
}  # fmt: skip
"""The kinds that notes are named by, as musicians write them."""
_LETTERS = "CDEFGAB"
_PARTS = re.compile(r"(?P<root>[A-G][b#]*)(?::(?P<kind>[^/]*))?(?:/(?P<bass>.*))?")


class Named(Protocol):
    """A region or marker of a project, in quarters; a marker's `end` is its `start`."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def name(self) -> str: ...


def segments(names: Sequence[Named], tempo_map: TempoMap) -> tuple[ChordSegment, ...]:
    """The chords among `names` in seconds of the project, in order and without overlap (see the module).

    A name without length is a marker: it lasts until the next chord. Raises UnknownChord.
    """
    readings = [(name, _read(name.name)) for name in names]
    has_others = any(label is None for _, label in readings)
    if has_others and all(label is None or _WEAK.fullmatch(name.name.strip()) for name, label in readings):
        return ()
    found = sorted((name.start, name.end, label) for name, label in readings if label is not None)
    segments: list[ChordSegment] = []
    for index, (start, end, label) in enumerate(found):
        following = next((other for other, _, _ in found[index + 1 :] if other > start), math.inf)
        end = min(end if end > start else math.inf, following)
        begin = tempo_map.seconds(start)
        if segments and segments[-1].start == begin:
            segments.pop()  # of two names on one spot the longer one counts
        segments.append(ChordSegment(begin, tempo_map.seconds(end) if end < math.inf else math.inf, label))
    return tuple(segments)


def read(name: str) -> str:
    """The Harte label of a chord name. Raises UnknownChord."""
    text = name.strip()
    if text in _SILENT:
        return "N"
    if len(text) > _LONGEST:
        raise UnknownChord(text, HELP)
    try:
        harte.parse(text)
    except UnknownChord:
        label = _label(text)
        if label is None:
            raise UnknownChord(text, HELP) from None
        return label
    return text if ":" in text or "/" in text else f"{text}:maj"


def written(label: str) -> str:
    """The name of a Harte label, which :func:`read` reads again; of a kind that has no other name the label itself.
    Raises UnknownChord."""
    parsed = harte.parse(label)
    parts = _PARTS.fullmatch(label)
    if parsed is None or parts is None:
        return "N.C."
    kind = _WRITTEN.get(parts["kind"] or "maj")
    if kind is None:
        return label
    bass = f"/{_bass(parts['root'], parts['bass'], parsed)}" if parts["bass"] else ""
    return f"{parts['root']}{kind}{bass}"


def _bass(root: str, degree: str, parsed: harte.Harte) -> str:
    """A bass by its note: on the letter that its degree counts to, where one sign is enough for that."""
    pitch_class = (parsed.root + parsed.bass) % 12
    letter = _LETTERS[(_LETTERS.index(root[0]) + int(degree.lstrip("b#")) - 1) % 7]
    signs = {0: "", 1: "#", 11: "b"}
    sign = signs.get((pitch_class - _pitch_class(letter)) % 12)
    return letter + sign if sign is not None else chords.ROOTS[pitch_class]


def _read(name: str) -> str | None:
    """The label of a name, or None for a name that is no chord. Raises UnknownChord for one that is built like one."""
    try:
        return read(name)
    except UnknownChord:
        plain = _plain(name)
        is_german = re.match("H.", plain) and _label("B" + plain[1:])
        if len(plain) <= _LONGEST and (is_german or _LIKE_A_CHORD.fullmatch(plain)):
            raise
        return None


def _plain(text: str) -> str:
    """`text` in ASCII, as far as it has signs of chords."""
    text = re.sub("[△Δ∆](?=[0-9])", "maj", text.strip())
    text = re.sub("[øØ]7?", "ø", text)
    return "".join(_SIGNS.get(sign, sign) for sign in text)


def _label(text: str) -> str | None:
    match = _NAME.fullmatch(_plain(text))
    if match is None:
        return None
    rest = re.sub(r"[\s(),\[\]]", "", match["rest"])
    rest = re.sub(r"M(?![AIai])", "maj", rest).lower()
    for start, kind in _STARTS:
        begun = start.match(rest)
        if begun is not None and (degrees := _changes(rest[begun.end() :])) is not None:
            return _spelt(match["root"], kind, degrees, match["bass"])
    return None


def _changes(rest: str) -> list[str] | None:
    """The degrees that `rest` changes, or None where it says something else."""
    found: list[str] = []
    while rest:
        rest = rest.removeprefix("/")
        for pattern, degrees in _CHANGES:
            if begun := pattern.match(rest):
                found += degrees.split(",")
                rest = rest[begun.end() :]
                break
        else:
            return None
    return found


def _spelt(root: str, kind: str, more: list[str], bass: str | None) -> str | None:
    quality, _, own = kind.rstrip(")").partition("(")
    degrees = [*filter(None, own.split(",")), *more]
    label = f"{root}:{quality}" + (f"({','.join(dict.fromkeys(degrees))})" if degrees else "")
    if bass is None:
        return label
    semitones = (_pitch_class(bass) - _pitch_class(root)) % 12
    return label if semitones == 0 else f"{label}/{chords.degree(quality, semitones)}"


def _pitch_class(note: str) -> int:
    parsed = harte.parse(note[0].upper() + note[1:])
    assert parsed is not None
    return parsed.root
