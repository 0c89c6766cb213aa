"""A region of the Live Set as the `Submit` document: what plays around it, what may be followed, and the guard."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Callable

from . import guard
from .clips import Json, audio, clip_notes, notes, playing
from .selection import Region, all_tracks, context
from .settings import Refusal

if TYPE_CHECKING:
    from Live.Song import Song
    from Live.Track import Track

MAX_LOCATORS = 8192
Sample = Callable[[float], int]
"""From beats to samples of the project."""


def submit(song: Song, found: Region, wish: Json, settings: Json, ids: Json, clicked: float) -> Json:
    """The document; `ids` are its `host`, `job` and `project`. Raises Refusal.

    The LOM has no tempo or metre automation: the tempo and signature of now stand for the whole song. Nor does it know
    the set's sample rate: takes are made at the rate of the file that plays in the region.
    """
    began = time.time()
    low, high = context(song, found)
    rate = _rate(song, found, low, high)

    def sample(beat: float) -> int:
        return round(beat * 60.0 / song.tempo * rate)

    target = _track(song, found.track, found, low, high, found.track_id, sample)
    document: Json = {
        "type": "submit",
        "timeline": {
            "rate": rate,
            "tempos": [{"quarter": 0.0, "bpm": song.tempo}],
            "metres": [
                {"quarter": 0.0, "numerator": song.signature_numerator, "denominator": song.signature_denominator}
            ],
        },
        "region": {"start": sample(found.start), "end": sample(found.end)},
        "target": target,
        "wish": wish,
        "chords": chord_notes(song, found, str(settings["chords_track"]), low, high),
        "chord_names": locators(song) if found.scene is None else [],
        "folder": takes_folder(song, str(settings["folder"])),
        "guard": guard.of(song, found, rate),
        "notes": [],
        "clicked": clicked,
    }
    document.update(ids)
    if wish["engine"] == "inpaint":
        _add_followed(document, song, found, settings, low, high, sample)
    document["read"] = time.time() - began
    return document


def _rate(song: Song, found: Region, low: float, high: float) -> int:
    """The sample rate of the file in the region, or nearest to it. Raises Refusal when no audio plays at all."""
    stretches = [
        (max(found.start - stretch[1], stretch[0] - found.end), clip.sample_rate)
        for clip, stretch in playing(song, found.track, found, low, high)
        if clip.is_audio_clip
    ]
    if not stretches:
        raise Refusal(_why_silent(found.track))
    return round(min(stretches)[1])


def _why_silent(track: Track) -> str:
    source = track.current_input_routing
    if source and source not in ("No Input", "Ext. In"):
        return f"{track.name} plays {source} and has no clips here: record it into clips first."
    return f"No audio clip of {track.name} plays in the region or near it: select a track with audio clips."


def _track(song: Song, track: Track, found: Region, low: float, high: float, name: str, sample: Sample) -> Json:
    pieces = []
    for clip, stretch in playing(song, track, found, low, high):
        if clip.is_audio_clip:
            if not clip.file_path or not os.path.exists(clip.file_path):
                raise Refusal(f"The file of {clip.name!r} is missing: find it in Live's File Manager.")
            pieces.append(audio(song, clip, stretch, low, high))
    span = {"start": sample(low), "end": sample(high)}
    return {"id": name, "name": track.name[:500], "audio": {"as": "clips", "clips": pieces, "span": span}}


def _add_followed(
    document: Json, song: Song, found: Region, settings: Json, low: float, high: float, sample: Sample
) -> None:
    """The drums, where they can be heard, else why not; and the notes of the piano track."""
    drums = _drum_track(song, found, str(settings["drums_track"]), low, high)
    why = "" if drums is None else _why_unheard(song, drums, found, str(settings["drums_track"]), low, high)
    if drums is not None and not why:
        document["drums"] = _track(song, drums, found, low, high, "drums", sample)
    if why:
        document["notes"] = [why]
    piano = named(song, str(settings["piano_track"]))
    if piano is not None and piano.has_midi_input:
        document["piano"] = notes(song, piano, found, low, high)


def _drum_track(song: Song, found: Region, name: str, low: float, high: float) -> Track | None:
    """The track called `name`, else one with a Drum Rack that plays around the region; never the target itself, and
    none for an empty name."""
    if not name:
        return None
    drums = named(song, name)
    if drums is not None:
        return drums if drums != found.track else None
    for track in all_tracks(song):
        has_rack = any(device.can_have_drum_pads for device in track.devices)
        if has_rack and track != found.track and any(True for _ in playing(song, track, found, low, high)):
            return track
    return None


def _why_unheard(song: Song, drums: Track, found: Region, name: str, low: float, high: float) -> str:
    """Why the drums cannot be followed, in a sentence; empty where they can."""
    if drums.is_foldable:
        return f"{drums.name} is a group, which no script can hear: record it into an audio track called {name}."
    if drums.has_midi_input:
        return (
            f"{drums.name} plays MIDI, which no script can hear: freeze and flatten a copy of it, and call that {name}."
        )
    if not any(clip.is_audio_clip for clip, _ in playing(song, drums, found, low, high)):
        return f"{drums.name} is silent there, so takes follow no drums."
    return ""


def chord_notes(song: Song, found: Region, name: str, low: float, high: float) -> list[Json]:
    """The notes of the MIDI track called `name`, or else of MIDI clips so called, wherever they lie."""
    track = named(song, name)
    if track is not None and track.has_midi_input:
        return notes(song, track, found, low, high)
    for track in all_tracks(song):
        if track.has_midi_input:
            for clip, stretch in playing(song, track, found, low, high):
                if _same(clip.name, name) and stretch[0] < found.end and stretch[1] > found.start:
                    return clip_notes(clip, stretch, low, high)
    return []


def locators(song: Song) -> list[Json]:
    """All locators of the arrangement; the bridge reads those that name chords."""
    points = [{"start": point.time, "end": point.time, "name": point.name[:60]} for point in song.cue_points]
    return sorted(points, key=lambda point: float(point["start"]))[:MAX_LOCATORS]


def named(song: Song, name: str) -> Track | None:
    """The first track called `name`, in any case. An empty name is no track."""
    return next((track for track in all_tracks(song) if name and _same(track.name, name)), None)


def _same(name: str, wanted: str) -> bool:
    return name.strip().lower() == wanted.strip().lower()


def takes_folder(song: Song, chosen: str) -> str:
    """Where takes are kept: as chosen, else in the Live Set's project, else (not saved yet) in the music folder."""
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    path = getattr(song, "file_path", "")  # Live 12 and late versions of 11
    if path:
        return os.path.join(os.path.dirname(path), "Samples", "Punchin")
    return os.path.join(os.path.expanduser("~"), "Music", "Punchin")


def dump(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
