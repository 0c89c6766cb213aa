"""Notes as a host sends them: how long they sound, and which chords they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from punchin_wire.messages import Note

from ..music import chord_names, chords, pedals
from ..music.tempo_map import TempoMap
from . import timeline
from .protocol import MidiNote, NameChords, NamedChord, NamedChords, PedalMove


def named(document: NameChords) -> NamedChords:
    """The chords of its notes. Ten minutes of broken chords take a third of a second. Raises BadSetting."""
    grid, rate = timeline.tempo_map(document.timeline), document.timeline.rate
    labels = chords.label_notes(tuple(sounding(document.notes, document.pedals, grid)), grid)
    found = tuple(
        NamedChord(round(each.start * rate), round(each.end * rate), chord_names.written(each.label))
        for each in labels
        if each.label != "N"
    )
    return NamedChords(document.ask, found)


def sounding(notes: Sequence[MidiNote], moves: Sequence[PedalMove], grid: TempoMap) -> Iterator[Note]:
    """The notes in seconds of the project, channel by channel, as long as the pedals hold them."""
    for channel in sorted({note.channel for note in notes}):
        keys = [
            Note(grid.seconds(note.start), grid.seconds(note.end), note.pitch, note.velocity)
            for note in notes
            if note.channel == channel and note.end > note.start
        ]
        own = [pedals.Move(grid.seconds(m.quarter), m.pedal, m.value) for m in moves if m.channel == channel]
        yield from pedals.hold(keys, own)
