"""What the bands of the second edition play, genre by genre. Tables only: no dice, no notes, no audio.

Rhythms are strings, one character a sixteenth note of a bar. Drums: `X` loud, `x` as usual, `o` soft, `.` nothing.
Bass: `1`, `3`, `5` and `8` are the chord's root, third, fifth and octave, `a` leads to the next chord, `-` goes on.
Comping: `x` strikes the chord, `^` plays its tones one after the other. Melody: `x` is a note, `-` goes on.

A bar whose time signature a table does not name plays the start of the 4/4 pattern, or that and its start again; only
bars of dotted quarters (6/8) always have patterns of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Patterns = dict[str, tuple[str, ...]]
"""By time signature, e.g. "4/4"."""
Progression = tuple[str, ...]

PIECES = {  # General MIDI keys by the letters of grooves and fills
    "K": 36, "S": 38, "R": 37, "L": 39, "H": 42, "P": 44, "O": 46, "C": 49, "D": 51, "T": 50, "M": 47, "F": 43, "A": 70,
}  # fmt: skip
LOUDNESS = {"X": 112, "x": 88, "o": 56}

FILLS = ("SSSSTTFF", "S.SSM.FF", "TTMMFFFF", "SSSS", "S.TF", "TTFF", "S..S", "K.SS")
"""Struck up to the end of a section, a letter of PIECES a sixteenth note."""
SOFT_FILLS = ("R.RR", "S..S", "..SS", "R..R..RR")


def _lines(text: str) -> tuple[Progression, ...]:
    return tuple(tuple(line.split()) for line in text.split(","))


@dataclass(frozen=True)
class Genre:
    """How a band of one genre plays. Programs are General MIDI's, from 0; probabilities from 0 to 1."""

    tempo: tuple[int, int]  # quarter notes a minute, from and to
    time_signatures: tuple[str, ...]  # the first is the usual one
    major: tuple[Progression, ...]
    minor: tuple[Progression, ...]
    held_out_major: tuple[Progression, ...]
    held_out_minor: tuple[Progression, ...]
    grooves: Patterns  # several pieces, each a letter of PIECES followed by its rhythm
    bass: Patterns
    comp: Patterns
    basses: tuple[int, ...]
    comps: tuple[int, ...]
    pads: tuple[int, ...]
    leads: tuple[int, ...]
    kits: tuple[int, ...] = (0,)
    swing: tuple[float, ...] = (0.0,)  # how much later an off-eighth comes, in quarter notes
    minors: float = 0.4  # songs in minor keys
    sevenths: tuple[float, ...] = (0.0, 0.2)  # chords that are sevenths, in a section
    bars_a_chord: tuple[float, ...] = (1, 1, 1, 2, 0.5)
    pad_sections: float = 0.6
    fills: tuple[str, ...] = FILLS
    lines: Patterns = field(default_factory=lambda: MELODY)


MELODY: Patterns = {
    "4/4": (
        "x---x-x-x---x---",
        "x-x-x---..x-x-x-",
        "x-----x-x-------",
        "..x-x-x-x---x---",
        "x---x---x-x-x-x-",
        "x-------..x-x-x-",
    ),
    "6/8": ("x---x-x-----", "x-x-x-x---x-", "x-----x-x-x-", "x---x-x---x-"),
}
JAZZ_LINES: Patterns = {
    "4/4": ("..x-x-x-x-x-x-x-", "x-x-x-x-x---..x-", "x-----x-....x-x-", "..x---x-x-x-x---"),
    "6/8": MELODY["6/8"],
}

GENRES: dict[str, Genre] = {
    "pop": Genre(
        tempo=(88, 128),
        time_signatures=("4/4", "6/8", "3/4"),
        major=_lines("I V vi IV, vi IV I V, I vi IV V, I IV vi V, I iii IV V, IV V iii vi"),
        minor=_lines("i VI III VII, i VII VI VII, i iv VII III, VI VII i i"),
        held_out_major=_lines("I V ii IV, vi iii IV I"),
        held_out_minor=_lines("i VII VI V"),
        grooves={
            "4/4": (
                "K X.....x.X....... S ....X.......X... H x.o.x.o.x.o.x.o.",
                "K X..x....X.x..... S ....X.......X... H xoxoxoxoxoxoxoxo",
                "K X...x...X...x... L ....X.......X... O ..x...x...x...x.",
            ),
            "6/8": ("K X.......x... S ......X..... H x.o.o.x.o.o.", "K X...x....... S ......X..... D x.o.o.x.o.o."),
        },
        bass={
            "4/4": ("1-----1-1-----1-", "1-1-1-1-1-1-1-1-", "1-------5---1---"),
            "6/8": ("1-----5-----", "1---1-1---1-"),
        },
        comp={
            "4/4": ("x---x---x---x---", "x-----x---x-----", "^-^-^-^-^-^-^-^-"),
            "6/8": ("x-----x---x-", "^-^-^-^-^-^-"),
        },
        basses=(33, 34, 38),
        comps=(0, 1, 4, 24, 25, 27),
        pads=(48, 50, 89, 91),
        leads=(0, 73, 80, 26, 65),
        swing=(0.0, 0.0, 0.1),
    ),
    "rock": Genre(
        tempo=(100, 160),
        time_signatures=("4/4", "6/8", "5/4"),
        major=_lines("I IV V IV, I bVII IV I, I IV I V, vi V IV V, I I I I IV IV I I V IV I V"),
        minor=_lines("i VII VI VII, i III VII IV, i VI VII i, i i VII VI"),
        held_out_major=_lines("I V bVII IV"),
        held_out_minor=_lines("i VI iv VII, i III iv VI"),
        grooves={
            "4/4": (
                "K X.......X.x..... S ....X.......X... H X.x.X.x.X.x.X.x.",
                "K X.x.....X.x..... S ....X.......X... O x...x...x...x...",
                "K X..X....X..X..x. S ....X.......X... D x.x.x.x.x.x.x.x.",
            ),
            "6/8": ("K X.........x. S ......X..... H X.x.x.X.x.x.",),
            "5/4": ("K X.....X.....X....... S ....X...X.......X... D x.x.x.x.x.x.x.x.x.x.",),
        },
        bass={
            "4/4": ("1.1.1.1.1.1.1.1.", "1-1-1-1-1-1-1-8-", "1---1-1-1---5---"),
            "6/8": ("1.1.1.1.1.1.", "1-----1---5-"),
        },
        comp={
            "4/4": ("x-x-x-x-x-x-x-x-", "x-------x-x-----", "x---..x-x---..x-"),
            "6/8": ("x-x-x-x-x-x-", "x-----x-----"),
        },
        basses=(33, 34),
        comps=(27, 29, 30, 18),
        pads=(18, 16, 48),
        leads=(29, 30, 26, 81),
        kits=(16, 0, 8),
        bars_a_chord=(1, 1, 2),
        pad_sections=0.3,
    ),
    "jazz": Genre(
        tempo=(110, 190),
        time_signatures=("4/4", "3/4", "5/4"),
        major=_lines("ii V I vi, iii vi ii V, I vi ii V, ii V I I, I I ii V, IV iv I vi ii V I I"),
        minor=_lines("iio V i i, i iv iio V, iv VII III VI iio V i i"),
        held_out_major=_lines("I VI ii V, iii VI ii V"),
        held_out_minor=_lines("i VI iio V"),
        grooves={
            "4/4": (
                "D X...x.x.X...x.x. P ....x.......x... K o...o...o...o...",
                "D X...x.x.X...x.x. P ....x.......x... R ..........o.....",
            ),
            "3/4": ("D X...x.x.x... P ....x....... K x...........", "D X...x.x.x.x. P ....x...x... K x..........."),
            "5/4": ("D X...x.x.x...X...x.x. P ....x...........x... K x...........x.......",),
        },
        bass={
            "4/4": ("1---3---5---a---", "1---5---8---a---", "1---5---3---a---"),
            "3/4": ("1-------5---", "1---3---a---"),
            "5/4": ("1---3---5---1---a---",),
        },
        comp={"4/4": ("x-----x-........", "......x-......x-", "x---......x-....", "x.......x-......")},
        basses=(32,),
        comps=(0, 26, 4, 11),
        pads=(48, 52, 16),
        leads=(66, 65, 56, 71, 11),
        kits=(32, 0, 40),
        swing=(0.14, 0.1667, 0.1667),
        minors=0.35,
        sevenths=(1.0, 0.9),
        pad_sections=0.2,
        fills=SOFT_FILLS,
        lines=JAZZ_LINES,
    ),
    "bossa": Genre(
        tempo=(104, 144),
        time_signatures=("4/4", "3/4"),
        major=_lines("I II ii V, I vi ii V, I iv I V, ii V I I"),
        minor=_lines("i iv iio V, i VI iv V, i iio V i"),
        held_out_major=_lines("I iii ii V"),
        held_out_minor=_lines("i VII iio V"),
        grooves={
            "4/4": (
                "K X.....x.X.....x. R x..x..x...x..x.. H x.x.x.x.x.x.x.x.",
                "K X.....x.X.....x. R ..x..x..x..x...x A xoxoxoxoxoxoxoxo",
            ),
            "3/4": ("K X.....x.X... R x..x....x... H x.x.x.x.x.x.",),
        },
        bass={"4/4": ("1-----5-5-----1-", "1-----5-1-----5-")},
        comp={"4/4": ("x-.x-.x-..x-.x-.", "x-..x-.x-..x-..."), "3/4": ("x-.x-...x-..",)},
        basses=(32, 32, 33),
        comps=(24, 24, 0, 4),
        pads=(48, 89, 52),
        leads=(73, 66, 71, 26),
        sevenths=(0.8, 1.0),
        pad_sections=0.4,
        fills=SOFT_FILLS,
    ),
    "funk": Genre(
        tempo=(92, 118),
        time_signatures=("4/4", "5/4"),
        major=_lines("I IV I IV, I bVII I IV, ii V ii V, I I IV IV"),
        minor=_lines("i IV i IV, i i iv iv, i VII iv i"),
        held_out_major=_lines("I bVII IV V"),
        held_out_minor=_lines("i iv IV VII"),
        grooves={
            "4/4": (
                "K X..X......x..x.. S ....X..o.o..X..o H xoxoxoxoxoxoxoxo",
                "K X.x...x...X..x.. S ....X....o..X.o. H x.x.x.x.x.x.x... O ..............x.",
                "K X.......x.x..... S ....X..o....X..o H xxoxxxoxxxoxxxox",
            ),
        },
        bass={"4/4": ("1..1..8...1.8...", "1...8.1...1..5..", "1.1...5.8..1..5.")},
        comp={"4/4": ("..x.x..x....x.x.", "....x..x....x..x", "x..x..x.....x.x.")},
        basses=(36, 33, 37),
        comps=(27, 28, 4, 7),
        pads=(16, 50, 17),
        leads=(65, 56, 80, 26, 66),
        kits=(0, 8),
        swing=(0.0, 0.0, 0.06),
        minors=0.6,
        sevenths=(1.0, 0.6),
        bars_a_chord=(1, 2, 2),
        pad_sections=0.3,
    ),
    "ballad": Genre(
        tempo=(60, 92),
        time_signatures=("3/4", "6/8", "4/4"),
        major=_lines("I vi IV V, I V vi iii IV I IV V, I iii IV iv, IV V I vi, I IV ii V"),
        minor=_lines("i VI III VII, i iv VII III VI iv V V, i v VI iv"),
        held_out_major=_lines("I vi iii IV, I iv IV V"),
        held_out_minor=_lines("i III VI iv"),
        grooves={
            "4/4": ("K X.........x..... R ....X.......X... H x.x.x.x.x.x.x.x.",),
            "3/4": ("K X........... R ....x...x... D x...x...x...", "K X.......o... S ....o...x... H x.x.x.x.x.x."),
            "6/8": ("K X.....o..... R ......X..... H x.o.o.x.o.o.",),
        },
        bass={
            "4/4": ("1-------5-------", "1---------------"),
            "3/4": ("1-----------", "1-------5---"),
            "6/8": ("1-----5-----",),
        },
        comp={
            "4/4": ("^-^-^-^-^-^-^-^-", "x-------x-------"),
            "3/4": ("....x---x---", "^-^-^-^-^-^-"),
            "6/8": ("^-^-^-^-^-^-", "x---x-x---x-"),
        },
        basses=(32, 33, 35),
        comps=(0, 1, 24, 46),
        pads=(48, 49, 52, 89, 91),
        leads=(40, 71, 73, 68, 0),
        kits=(0, 40),
        pad_sections=0.8,
        fills=SOFT_FILLS,
    ),
    "electronic": Genre(
        tempo=(116, 140),
        time_signatures=("4/4", "5/4"),
        major=_lines("vi IV I V, IV I V vi, I V IV IV, vi V I IV"),
        minor=_lines("i VI VII i, i III VII VI, i i VI VII, iv VI i VII"),
        held_out_major=_lines("IV vi I iii"),
        held_out_minor=_lines("i v III VII"),
        grooves={
            "4/4": (
                "K X...X...X...X... L ....X.......X... O ..x...x...x...x.",
                "K X...X...X...X... S ....x.......x... H xoxoxoxoxoxoxoxo",
                "K X.........X..... S ....X.......X..o H x.xxx.x.x.xxx.x.",
            ),
        },
        bass={"4/4": ("..1-..1-..1-..1-", "1.1.1.8.1.1.1.8.", "1..1..1.1..1..8.")},
        comp={"4/4": ("x..x..x.x..x..x.", "^^^^^^^^^^^^^^^^", "..x-..x-..x-..x-")},
        basses=(38, 39),
        comps=(81, 80, 90, 62),
        pads=(89, 90, 95, 50),
        leads=(81, 80, 87),
        kits=(24, 25),
        minors=0.6,
        pad_sections=0.7,
    ),
}
