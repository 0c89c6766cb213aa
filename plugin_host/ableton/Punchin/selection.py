"""What the musician means: which track, from which beat to which, in the arrangement or in a session slot.

The Live Object Model does not show the arrangement's time selection. So a region is the loop brace while the loop is
on (select time, press Ctrl+L or Cmd+L), else the clip that was clicked; in the Session View, the highlighted slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .settings import Refusal

if TYPE_CHECKING:
    from Live.Clip import Clip
    from Live.ClipSlot import ClipSlot
    from Live.Song import Song
    from Live.Track import Track

CONTEXT = 30.0
"""Seconds of the song that are read on either side of a region."""


class Region(NamedTuple):
    """Beats `[start, end)` of `track` (its `number` in the song).

    `scene` is None in the arrangement. For a session slot, time is counted as if all slots of row `scene` were launched
    together and looped: the slot's clip plays its loop from `start` to `end`, and again before and after.
    """

    track: Track
    number: int
    start: float
    end: float
    scene: int | None = None

    @property
    def track_id(self) -> str:
        return f"{self.number}:{self.track.name}"[:200]


def region(song: Song, view: str, choice: str) -> Region:
    """What is selected; `view` is the focused document view (`Session` or `Arranger`). Raises Refusal."""
    if choice == "slot" or (choice == "auto" and view == "Session"):
        return _slot(song)
    if choice == "brace" or (choice == "auto" and song.loop):
        return _checked(song, song.view.selected_track, song.loop_start, song.loop_start + song.loop_length)
    clip = song.view.detail_clip
    if clip is None or not clip.is_arrangement_clip:
        raise Refusal("Select some time in the arrangement and press Ctrl+L (Cmd+L), or click a clip.")
    for track in all_tracks(song):
        if any(other == clip for other in track.arrangement_clips):
            return _checked(song, track, clip.start_time, clip.end_time)
    raise Refusal("The clip is in a take lane: click a clip of the main lane.")


def heard(song: Song, late: float) -> float:
    """The beat where the song was `late` seconds ago."""
    return max(0.0, song.current_song_time - (late * song.tempo / 60 if song.is_playing else 0.0))


def select(song: Song, start: float, end: float) -> None:
    """Put the loop brace around beats `[start, end)`, and turn the loop on. Raises Refusal."""
    start = max(0.0, start)
    if end <= start:
        raise Refusal("There is nothing between these two places.")
    song.loop_start, song.loop_length = start, end - start
    song.loop = True


def all_tracks(song: Song) -> list[Track]:
    """The tracks of the set, without returns and the main track."""
    return list(song.tracks)


def slots(track: Track) -> list[ClipSlot]:
    """The session slots of a track, one a scene."""
    return list(track.clip_slots)


def context(song: Song, found: Region) -> tuple[float, float]:
    """Beats from where to where the song around a region is read."""
    beats = CONTEXT * song.tempo / 60
    return max(0.0, found.start - beats), found.end + beats


def tempo_moves(song: Song) -> bool:
    """Whether the tempo is automated. What it is elsewhere, the Live Object Model does not tell."""
    return bool(song.master_track.mixer_device.song_tempo.automation_state)


def find_track(song: Song, track_id: str) -> tuple[int, Track] | None:
    """The track that was called `track_id` (see :attr:`Region.track_id`), also after others were moved around it."""
    index, _, name = track_id.partition(":")
    tracks = all_tracks(song)
    if index.isdigit() and int(index) < len(tracks) and tracks[int(index)].name == name:
        return int(index), tracks[int(index)]
    named = [(number, track) for number, track in enumerate(tracks) if track.name == name]
    return named[0] if len(named) == 1 else None


def _slot(song: Song) -> Region:
    slot = song.view.highlighted_clip_slot
    if slot is None or not slot.has_clip:
        raise Refusal("Highlight a slot with an audio clip in the Session View.")
    track, clip = slot.canonical_parent, slot.clip
    scene = [other == slot for other in slots(track)].index(True)
    beats = loop_beats(song, clip)
    ahead = -(-CONTEXT * song.tempo / 60 // beats) * beats  # whole loops, so that beat 0 is where a loop starts
    return _checked(song, track, ahead, ahead + beats, scene)


def loop_beats(song: Song, clip: Clip) -> float:
    """How many beats a session clip's loop, or the whole clip when it does not loop, lasts."""
    length = clip.loop_end - clip.loop_start
    beats = length if clip.is_midi_clip or clip.warping else length * song.tempo / 60
    if beats <= 0:
        raise Refusal(f"The loop of {clip.name!r} has no length.")
    return beats


def _checked(song: Song, track: Track, start: float, end: float, scene: int | None = None) -> Region:
    """The region, if takes can be laid on its track. Raises Refusal."""
    name = track.name
    numbers = [number for number, other in enumerate(all_tracks(song)) if other == track]
    if not numbers:
        raise Refusal(f"Select an audio track: {name} is a return track or the main track.")
    if track.is_foldable:
        raise Refusal(f"{name} is a group: select one of the audio tracks in it.")
    if track.has_midi_input:
        raise Refusal(f"{name} is a MIDI track: freeze and flatten it, or bounce it to an audio track.")
    if track.is_frozen:
        raise Refusal(f"{name} is frozen, and Live adds no clips to frozen tracks: unfreeze it.")
    if end <= start:
        raise Refusal("The region has no length.")
    return Region(track, numbers[0], start, end, scene)
