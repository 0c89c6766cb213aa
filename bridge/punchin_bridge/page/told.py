"""What the page is told, as JSON: parameters, songs, what is heard of a region and how loud it is. Knows no HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from punchin_wire.errors import PunchinError
from punchin_wire.parameter import Parameter

from . import listening
from .groups import Group
from .listening import Levels
from .songs import PageSong

MOST_BARS = 20_000


def parameter(of: Parameter[Any]) -> dict[str, Any]:
    """A parameter for the page: its words, its range, and how its fader maps where it has one that glides."""
    is_number = of.type is not str and not of.choices
    return {
        "name": of.name,
        "text": of.text,
        "engines": of.engines,
        "methods": of.methods,
        "default": of.default,
        "type": of.type.__name__,
        "stops": of.stops,
        "low": of.low if is_number else None,
        "high": of.high if is_number else None,
        "ends": of.ends if is_number else None,
        "log": of.log,
        "unit": of.unit,
        "unsaid": of.unsaid,
        "range": of.range,
    }


def described(song: PageSong) -> dict[str, Any]:
    """A song, its bars as samples, and what its takes may follow."""
    file, heard, material = song.song, song.heard, song.material
    bars: list[int] = []
    if heard.grid is not None:
        number = max(1, heard.grid.bar_at(0.0))
        while len(bars) < MOST_BARS and (at := heard.grid.sample(heard.grid.bar(number), file.rate)) <= file.samples:
            bars.append(at)
            number += 1
    return {
        "id": song.id,
        "name": song.name,
        "revision": song.revision,
        "rate": file.rate,
        "channels": file.channels,
        "samples": file.samples,
        "folder": str(song.folder),
        "bars": bars,
        "bpm": material.bpm or (heard.grid.tempos[0].bpm if heard.grid else 0.0),
        "typed_tempo": bool(material.bpm),
        "downbeat": material.downbeat if material.bpm else (heard.grid.origin if heard.grid else 0.0),
        "beats": heard.grid.time_signatures[0].numerator if heard.grid else 4,
        "chords": [(round(c.start * file.rate), round(c.end * file.rate), c.label) for c in heard.labels],
        "typed_chords": material.typed.text if material.typed else "",
        "follows": {
            "chord": "typed" if material.typed else Path(material.chords).name,
            "drums": Path(material.drums).name,
            "piano": Path(material.piano).name,
            "tempo": Path(material.tempo).name,
        },
        "notes": file.notes,
    }


def window(group: Group) -> dict[str, Any]:
    heard = listening.window(group)
    return {
        "start": heard.start,
        "samples": heard.samples,
        "rate": heard.rate,
        "region": heard.region,
        "takes": [take.id for take in listening.last_heard(group)],
        "has_song": bool(group.source),
    }


def matched(group: Group, known: Levels) -> dict[str, Any]:
    """The level and the gain of the song and of each take; None where its file is gone or was cut."""
    heard = listening.window(group)
    levels = {listening.SONG: known.of(group, heard, None)}
    missing: dict[str, None] = {}
    for take in listening.last_heard(group):
        try:
            levels[take.id] = known.of(group, heard, take)
        except PunchinError:
            missing[take.id] = None
    gains = listening.matched(levels)
    return missing | {
        name: {"lufs": round(level.lufs, 2) if level.lufs > -200 else None, "peak": level.peak, "gain": gains[name]}
        for name, level in levels.items()
    }
