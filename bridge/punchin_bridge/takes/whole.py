"""The whole song with a finished take in it, from the take's file. Knows no daemon: the take is not made again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from punchin_wire import VERSION, disk
from punchin_wire.errors import BadRecipe

from ..audio import wavfile
from ..audio.bwf import Tags
from ..audio.wavfile import Song
from ..music.region import Region
from . import recipe


def write(take: Path, song: Song, folder: Path) -> tuple[Path, float]:
    """Write `song` with `take` in its region to a free name in `folder`; the file, and the largest difference outside
    the region, read back from disk. Raises BadRecipe where the take is no region of a song, BadSetting, BadAudio."""
    made = recipe.read(take)
    region, sound = Region(*made.region), wavfile.probe(take)
    if made.full or (sound.samples, sound.rate) != (region.samples, song.rate):
        raise BadRecipe(f"{take.name} is not the region of this song alone.", "Choose a take of a region.")
    spec = made.request.takes[0]
    tags = Tags(
        reference=take.stem[-32:],
        project=song.path.stem,
        scene=take.stem,
        take=1,
        created=made.created,
        history=f"Punchin {VERSION} {made.request.pack} seed {spec.seed}",
        tempo=made.tempo,
    )
    path = folder / f"{disk.free_stem(folder, f'{take.stem}_song', '.wav')}.wav"
    payload = recipe.encode(msgspec.structs.replace(made, full=True))
    wavfile.write_full(path, song, [(region.start, wavfile.read(sound))], tags, payload)
    return path, wavfile.outside_delta(song, path, [region])
