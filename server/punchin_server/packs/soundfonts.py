"""The soundfont of a pack: found in its folder, or brought there. Knows no torch."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import BadSetting, PackCorrupt

from .registry import Manifest

SUFFIXES = {".sf2", ".sf3"}
PUBLISHED = "MS_Basic"
"""MuseScore's, which the published chord and piano adapters learned from."""


def find(folder: Path) -> str | None:
    """The path inside `folder` of a soundfont there or one level below: the published one, else the first by name."""
    found = [p for p in [*folder.glob("*"), *folder.glob("*/*")] if p.suffix.lower() in SUFFIXES and p.is_file()]
    first = min(found, key=lambda p: (p.stem != PUBLISHED, len(p.parts), p), default=None)
    return first.relative_to(folder).as_posix() if first else None


def bring(soundfont: Path, folder: Path) -> str:
    """The path inside `folder` of `soundfont`, which is copied there from elsewhere.

    Raises FileMissing, PackCorrupt for what is no soundfont, BadSetting.
    """
    from ..conditioning.soundfont import Soundfont  # brings numpy, which listing packs does without

    soundfont = soundfont.expanduser().resolve()
    try:
        Soundfont(soundfont)
    except PackCorrupt as error:
        raise PackCorrupt(str(error), "Name an .sf2 or .sf3 file.") from error
    if soundfont.is_relative_to(folder):
        return soundfont.relative_to(folder).as_posix()
    if soundfont.suffix.lower() not in SUFFIXES:
        raise BadSetting(f"{soundfont.name} is not called .sf2 or .sf3.", "Name it so.")
    copy = folder / soundfont.name
    if copy.exists():
        if filecmp.cmp(soundfont, copy, shallow=False):
            return copy.name
        raise BadSetting(f"There is another {copy.name} in {folder}.", "Name that one, or move it away.")
    with soundfont.open("rb") as original, replacing(copy, durable=True, next_step=OWN_FOLDER) as file:
        shutil.copyfileobj(original, file)
    return copy.name


def lacking(manifest: Manifest) -> str | None:
    """What to say where published adapters that hear notes have no soundfont; None where nothing is to be said."""
    if manifest.soundfont or manifest.conditions != "published" or not {"chord", "piano"} & manifest.adapters.keys():
        return None
    return (
        f"chords and piano are played by TimGM6mb; the published adapters learned from MuseScore's {PUBLISHED}.sf2: "
        "add the pack again with --soundfont FILE (`punchin packs pull soundfont` brings MuseScore's newer one)"
    )
