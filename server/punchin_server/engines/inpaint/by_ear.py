"""What a request asks to have read by ear: chords and the notes of a piano part, brought before any take is begun.

Knows no torch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from msgspec import structs
from punchin_wire.errors import NothingHeard
from punchin_wire.frames import Audio
from punchin_wire.harte import NO_CHORD
from punchin_wire.messages import MAX_CHORDS, MAX_NOTES, Heard, HeardChord, InpaintRequest, Progress

from ...listening import chords, notes
from ..audio import mono
from ..clock import Clock
from ..events import Emission

SURE = 0.7
"""How sure the chords of the holes, and of all that is heard, must be on the whole to be any: those found in noise,
speech and drums are .27 to .66 so (24 s, holes of 8 s), those of music .77 and more."""
LEAST = 0.1
"""The share of the holes that has chords, at least."""
FEWEST = 2
"""Notes that a piano part begins in the holes, at least."""
CHORDS_STEP = "Give a chord track, a chord file, or a stem that plays the harmony; or let takes follow something else."
PIANO_STEP = "Give the piano part as MIDI, or a stem that plays one; or let takes follow something else."

Spans = Sequence[tuple[float, float]]


def brought(request: InpaintRequest, audio: Sequence[Audio], clock: Clock) -> Generator[Emission, None, InpaintRequest]:
    """The request with all that it asks to have read by ear, which is said on the way.

    Raises NothingHeard where the holes have none of it, and what :func:`...listening.notes.installed` does.
    """
    if not request.hear:
        return request
    ref, rate = request.stem or request.source, request.source.sample_rate
    with clock("encode"):
        transcriber = notes.installed()
        sound = mono(audio[ref.frame], ref.sample_rate, notes.RATE)
    windows, parts = notes.windows(sound), []
    for number, window in enumerate(windows, start=1):
        with clock("encode"):
            parts.append(transcriber.hear_window(window))
        yield Emission(Progress("encode", number, len(windows)))
    with clock("encode"):
        heard = _read(request, notes.joined(parts, len(sound)))
    _check(request, heard, [(hole.start / rate, hole.end / rate) for hole in request.holes])
    yield Emission(heard)
    return request.with_heard(heard)


def _read(request: InpaintRequest, said: notes.Heard) -> Heard:
    heard = Heard()
    if "chord" in request.hear:
        found = chords.recognise(said, np.array(request.beats))
        heard = structs.replace(heard, chords=found[:MAX_CHORDS])
    if "piano" in request.hear:
        heard = structs.replace(heard, piano=said.notes[:MAX_NOTES], piano_sure=said.sureness)
    return heard


def _check(request: InpaintRequest, heard: Heard, holes: Spans) -> None:
    everything = [(0.0, request.source.seconds)]
    if "chord" in request.hear and min(_sureness(heard.chords, spans) for spans in (holes, everything)) < SURE:
        raise NothingHeard("No chords are heard in the region.", CHORDS_STEP)
    begun = sum(start <= note.start < end for note in heard.piano for start, end in holes)
    if "piano" in request.hear and begun < FEWEST:
        raise NothingHeard("No notes are heard in the region.", PIANO_STEP)


def _sureness(found: Sequence[HeardChord], spans: Spans) -> float:
    """How sure the chords are that sound in these seconds; 0 where next to none do."""
    named = [chord for chord in found if chord.label not in NO_CHORD]
    shares = np.array(
        [[max(0.0, min(chord.end, end) - max(chord.start, start)) for start, end in spans] for chord in named]
    ).reshape(len(named), len(spans))
    lasting = shares.sum(1)
    if not lasting.sum() > LEAST * sum(end - start for start, end in spans):
        return 0.0
    return float(np.average([chord.sure for chord in named], weights=lasting))
