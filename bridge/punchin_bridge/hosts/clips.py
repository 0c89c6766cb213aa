"""What the clips of a track sound like, written to a WAV: for hosts that render nothing. Reads the clips' files.

Where a clip runs at the project's speed its samples are copied (resampled by soxr where its file has another rate, and
from the nearest sample on where it begins between two). Where it is stretched, Signalsmith Stretch keeps its pitch, one
straight piece after the other, with short crossfades inside the stretched pieces. Fades, envelopes and devices of the
host are not heard. Of clips that overlap, the later one in the list sounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import BadAudio, FileMissing, TooLarge
from punchin_wire.frames import MAX_AUDIO, Audio

from ..audio import stems
from ..audio.sound import BLOCK
from ..audio.wavfile import Song
from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..splice.place import GUARD
from .protocol import Clip
from .warp import Piece, pieces

FADE_SECONDS = 0.005
"""Length of the crossfades where a stretched piece begins or ends."""
LONGEST_SECONDS = 30.0
"""More than this is stretched in parts, so that memory is bounded."""
SLOWEST, FASTEST = 1 / 32, 32.0


def compose(
    clips: Sequence[Clip], grid: TempoMap, span: Region, rate: int, channels: int, path: Path
) -> tuple[str, ...]:
    """Write what `clips` play in samples `span` of the project, at its `rate`, to `path` as 32-bit float: as many
    channels as the widest file, at least `channels`. Returns what a musician should know of it.

    Raises FileMissing, BadAudio, BadSetting (a map that cannot be played) and TooLarge, all before anything is written.
    """
    start, end = span.start / rate, span.end / rate
    here = [clip for clip in clips if grid.seconds(clip.start) < end and grid.seconds(clip.end) > start]
    songs = [_open(clip) for clip in here]
    width = max([channels, *(song.channels for song in songs)])
    if 4 * width * span.samples > MAX_AUDIO:
        raise TooLarge(f"{span.samples / rate:.0f} s of {width} channels at {rate} Hz are too much.")
    canvas = np.zeros((width, span.samples), np.float32)
    notes = dict.fromkeys(note for song in songs for note in song.notes)
    for clip, song in zip(here, songs, strict=True):
        player = _Player(song, rate, clip)
        parts = player.parts(pieces(clip, grid, start, end))
        _lay(player, parts, canvas, span.start)
        if altered := [part.speed for part in parts if not part.copied]:
            notes[player.note(min(altered), max(altered))] = None
    with (
        replacing(path, durable=False, next_step=OWN_FOLDER) as file,
        soundfile.SoundFile(file, "w", rate, width, subtype="FLOAT", format="WAV") as sound,
    ):
        for at in range(0, span.samples, BLOCK):
            sound.write(canvas[:, at : at + BLOCK].T)
    return tuple(notes)


def _open(clip: Clip) -> Song:
    path = Path(clip.path)
    if not path.is_absolute():
        raise FileMissing(f"{path} does not say in which folder it lies.", "Save the project first.")
    return stems.probe(path)


# ---- pieces to samples ---------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """Samples `[start, end)` of the project play the file from second `first` on, at `speed`. `copied`: as it is.
    `joins` says that the file runs on from the part before."""

    start: int
    end: int
    first: float
    speed: float
    copied: bool
    joins: bool

    @property
    def samples(self) -> int:
        return self.end - self.start


def _lay(player: _Player, parts: Sequence[_Part], canvas: Audio, origin: int) -> None:
    """Play `parts` onto `canvas` `[channels, samples]`, whose first sample is sample `origin` of the project.

    Where the file runs on, the part before goes on (or the part after begins early) under a crossfade, which always
    lies in a stretched part: copies stay as they are.
    """
    longest = round(FADE_SECONDS * player.rate)
    before = np.zeros((player.song.channels, 0), np.float32)
    for index, part in enumerate(parts):
        after = parts[index + 1] if index + 1 < len(parts) and parts[index + 1].joins else None
        more = min(longest, after.samples // 2) if after and not after.copied else 0
        audio = player.play(part, part.samples + more)
        if part.joins and not part.copied:
            fade = before.shape[1]
            audio[:, :fade] = _crossfaded(before, audio[:, :fade])
        audio, before = audio[:, : part.samples], audio[:, part.samples :]
        if after and after.copied and not part.copied:
            fade = min(longest, part.samples // 2)
            early = player.play(after._replace(first=after.first - fade / player.rate), fade)
            audio[:, part.samples - fade :] = _crossfaded(audio[:, part.samples - fade :], early)
        sound = _widened(audio, len(canvas)) * np.float32(player.clip.gain)
        canvas[:, part.start - origin : part.end - origin] = sound


def _crossfaded(out: Audio, into: Audio) -> Audio:
    """At equal gain, `[channels, samples]` both: they are the same sound."""
    rise = (np.arange(out.shape[1], dtype=np.float32) + 0.5) / max(out.shape[1], 1)
    mixed: Audio = out * (1 - rise) + into * rise
    return mixed


def _widened(audio: Audio, channels: int) -> Audio:
    """Mono on every channel; more channels as they are, silence on those they lack."""
    if len(audio) == 1:
        return np.repeat(audio, channels, axis=0)
    return np.pad(audio, ((0, channels - len(audio)), (0, 0)))


class _Player(NamedTuple):
    """A clip's file as it sounds at the project's `rate`."""

    song: Song
    rate: int
    clip: Clip

    def parts(self, played: Sequence[Piece]) -> list[_Part]:
        """The pieces on the project's samples, none longer than :data:`LONGEST_SECONDS`."""
        found: list[_Part] = []
        for piece in played:
            copied = self._copies(piece)
            if not copied and not SLOWEST <= piece.speed <= FASTEST:
                raise BadAudio(
                    f"{self.song.path.name} is played at {piece.speed:.3g} times its speed.",
                    "Consolidate the clip, or bring its warp markers closer to its own tempo.",
                )
            begin, until = (math.floor(time * self.rate + 0.5) for time in (piece.start, piece.end))
            speed = 1.0 if copied else piece.speed
            first = piece.first + (begin / self.rate - piece.start) * speed
            if copied:  # from a whole sample on, so that parts of it go on where they should
                first = math.floor(first * self.rate + 0.5) / self.rate
            for start in range(begin, until, round(LONGEST_SECONDS * self.rate)):
                end = min(start + round(LONGEST_SECONDS * self.rate), until)
                at = first + (start - begin) / self.rate * speed
                found.append(_Part(start, end, at, speed, copied, piece.joins or start > begin))
        return found

    def _copies(self, piece: Piece) -> bool:
        """Whether a piece runs at the project's speed and pitch; it may be off by half a sample."""
        drift = (piece.last - piece.first) - (piece.end - piece.start)
        return abs(drift) * self.rate <= 0.5 and (self.clip.repitch or not self.clip.transpose)

    def play(self, part: _Part, samples: int) -> Audio:
        """`samples` of the project from the part's start on, also beyond its end, `[channels of the file, samples]`."""
        if part.copied:
            return self._at_project_rate(math.floor(part.first * self.rate + 0.5), samples)
        return self._repitched(part, samples) if self.clip.repitch else self._stretched(part, samples)

    def _at_project_rate(self, index: int, samples: int) -> Audio:
        """Samples of the file at the project's rate, from `index` on; silence where it has none."""
        if self.song.rate == self.rate:
            return stems.read(self.song, Region(index, index + samples))
        # Read from where a sample of either grid falls on the same instant, so that nothing is shifted.
        divisor = math.gcd(self.song.rate, self.rate)
        file_step, step = self.song.rate // divisor, self.rate // divisor
        guard = GUARD * max(1, math.ceil(self.song.rate / self.rate))
        begin = index // step - math.ceil(guard / file_step)
        wanted = index - begin * step
        count = math.ceil((wanted + samples) * self.song.rate / self.rate) + guard
        audio = stems.read(self.song, Region(begin * file_step, begin * file_step + count))
        return _resampled(audio, self.song.rate, self.rate)[:, wanted : wanted + samples]

    def _repitched(self, part: _Part, samples: int) -> Audio:
        """As tape at another speed; it begins with the nearest sample of the file."""
        rate = self.song.rate * part.speed  # of the file's samples, as they go by
        guard = GUARD * max(1, math.ceil(rate / self.rate))
        begin = math.floor(part.first * self.song.rate + 0.5)
        lead = math.ceil(guard * self.rate / rate)  # samples of the project, and what lies under them in the file:
        under = round(lead * rate / self.rate)
        count = math.ceil((lead + samples) * rate / self.rate) + 2 * guard
        audio = stems.read(self.song, Region(begin - under, begin - under + count))
        return _resampled(audio, rate, self.rate)[:, lead : lead + samples]

    def _stretched(self, part: _Part, samples: int) -> Audio:
        """At another speed and its own pitch, plus the clip's transposition. Neighbours feed its windows."""
        from python_stretch import Signalsmith  # loads a library; only clips that are stretched need it

        stretch = Signalsmith.Stretch(0)
        stretch.preset(self.song.channels, self.rate)
        stretch.setTimeFactor(part.speed)
        stretch.setTransposeSemitones(self.clip.transpose)
        guard = stretch.blockSamples()
        begin = math.floor(part.first * self.rate - guard * part.speed + 0.5)
        audio = self._at_project_rate(begin, math.ceil((samples + 2 * guard) * part.speed) + 1)
        made: Audio = np.asarray(stretch.process(np.ascontiguousarray(audio)), np.float32)
        return made[:, guard : guard + samples]

    def note(self, slow: float, fast: float) -> str:
        """What a musician should know of parts that are not copied, between these speeds."""
        name, shift = self.song.path.name, self.clip.transpose
        speed = f"{slow:.4g}" if f"{slow:.4g}" == f"{fast:.4g}" else f"{slow:.4g} to {fast:.4g}"
        if self.clip.repitch:
            return f"{name} is heard at {speed} times its speed and pitch."
        higher = f" and transposed by {shift:+g} semitones" if shift else ""
        return f"{name} is heard at {speed} times its speed{higher}: Punchin stretched it, not its host."


def _resampled(audio: Audio, rate: float, other: int) -> Audio:
    made: Audio = soxr.resample(np.ascontiguousarray(audio.T), rate, other, quality="VHQ").T
    return made
