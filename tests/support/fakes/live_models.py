"""A Live Set as a fake: tracks, clips, lanes and slots, with what is known of how Live behaves.

Known, from the Live Object Model's documentation and from what others measured in a running Live (the notes of the
`producer-pal` repository): creating a clip on top of others cuts away what lies under it, and of a clip that sticks out
on both sides loses the far end; new clips come warped by a guess; warping off turns the loop into seconds, ends
looping and leaves the end marker; on an unlooped clip the start marker cannot be set and the loop is what plays; lanes
cannot be deleted; `add_warp_marker` does nothing. Everything else is our reading. No test here ran in a real Live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import soundfile

from .live_stubs import Model


@dataclass(eq=False)
class WarpMarker(Model):
    STUB = "Clip.WarpMarker"
    sample_time: float
    beat_time: float


@dataclass(eq=False)
class MidiNote(Model):
    STUB = "Clip.MidiNote"
    pitch: int
    start_time: float
    duration: float
    velocity: float = 100.0
    mute: bool = False


@dataclass(eq=False)
class Clip(Model):
    """Fields ending in `_` are what the properties of the same name are made of."""

    STUB = "Clip.Clip"
    song: Song
    name: str = ""
    start_time: float = 0.0
    end_time: float = 0.0
    is_audio_clip: bool = True
    is_arrangement_clip: bool = True
    is_take_lane_clip: bool = False
    file_path: str = ""
    sample_rate: float = 44100.0
    sample_length: int = 0
    warping_: bool = False
    warp_mode: int = 0
    warp_markers: list[WarpMarker] = field(default_factory=list)
    looping_: bool = False
    loop_start_: float = 0.0
    loop_end_: float = 0.0
    start_marker_: float = 0.0
    end_marker: float = 0.0
    decibels: float = 0.0
    pitch_coarse: int = 0
    pitch_fine: float = 0.0
    muted_: bool = False
    color: int = 0
    notes: list[MidiNote] = field(default_factory=list)
    fired: int = 0

    @property
    def is_midi_clip(self) -> bool:
        return not self.is_audio_clip

    @property
    def is_session_clip(self) -> bool:
        return not self.is_arrangement_clip

    @property
    def gain_display_string(self) -> str:
        return "-inf dB" if self.decibels <= -70 else f"{self.decibels:.1f} dB"

    @property
    def seconds(self) -> float:
        return self.sample_length / self.sample_rate

    @property
    def warping(self) -> bool:
        return self.warping_

    @warping.setter
    def warping(self, value: bool) -> None:
        if value == self.warping_:
            return
        turn = self._beat_to_seconds if self.warping_ else self._seconds_to_beat
        self.warping_ = value
        self.loop_start_, self.loop_end_ = turn(self.loop_start_), turn(self.loop_end_)
        self.start_marker_ = turn(self.start_marker_)
        if value:
            self.end_marker = turn(self.end_marker)
        else:
            self.looping_ = False

    @property
    def looping(self) -> bool:
        return self.looping_

    @looping.setter
    def looping(self, value: bool) -> None:
        if value and self.is_audio_clip:
            self.warping = True
        self.looping_ = value

    @property
    def start_marker(self) -> float:
        return self.start_marker_

    @start_marker.setter
    def start_marker(self, value: float) -> None:
        if self.looping_:
            self.start_marker_ = value

    @property
    def loop_start(self) -> float:
        return self.loop_start_

    @loop_start.setter
    def loop_start(self, value: float) -> None:
        if value >= self.loop_end_:
            raise RuntimeError("loop_start behind loop_end")
        self.loop_start_ = value
        if not self.looping_:
            self.start_marker_ = value
            self._resize()

    @property
    def loop_end(self) -> float:
        return self.loop_end_

    @loop_end.setter
    def loop_end(self, value: float) -> None:
        if value <= self.loop_start_:
            raise RuntimeError("loop_end before loop_start")
        self.loop_end_ = min(value, self.seconds) if self.is_audio_clip and not self.warping_ else value
        if not self.looping_:
            self._resize()

    @property
    def muted(self) -> bool:
        return self.muted_

    @muted.setter
    def muted(self, value: bool) -> None:
        before = self.muted_
        self.muted_ = value
        self.song.did(lambda: setattr(self, "muted_", before))

    def _resize(self) -> None:
        if self.is_arrangement_clip:
            beats = self.loop_end_ - self.loop_start_
            self.end_time = self.start_time + (beats if self.warping_ else beats * self.song.tempo / 60)

    def _beat_to_seconds(self, beat: float) -> float:
        (a, b) = self.warp_markers[0], self.warp_markers[-1]
        return a.sample_time + (beat - a.beat_time) * (b.sample_time - a.sample_time) / (b.beat_time - a.beat_time)

    def _seconds_to_beat(self, seconds: float) -> float:
        (a, b) = self.warp_markers[0], self.warp_markers[-1]
        return a.beat_time + (seconds - a.sample_time) * (b.beat_time - a.beat_time) / (b.sample_time - a.sample_time)

    def sample_to_beat_time(self, sample_time: float) -> float:
        return self._seconds_to_beat(sample_time / self.sample_rate)

    def get_notes_extended(self, pitch: int, pitches: int, start: float, span: float) -> list[MidiNote]:
        return [
            note
            for note in self.notes
            if pitch <= note.pitch < pitch + pitches and start <= note.start_time < start + span
        ]

    def fire(self) -> None:
        self.fired += 1

    def copy(self) -> Clip:
        return Clip(**{each.name: getattr(self, each.name) for each in fields(self)})


@dataclass(eq=False)
class ClipSlot(Model):
    STUB = "ClipSlot.ClipSlot"
    track: Track
    clip: Clip | None = None

    @property
    def canonical_parent(self) -> Track:
        return self.track

    @property
    def has_clip(self) -> bool:
        return self.clip is not None

    def create_audio_clip(self, file_path: str) -> Clip:
        if self.clip is not None:
            raise RuntimeError("the slot is not empty")
        self.clip = self.track.new_clip(file_path)
        self.clip.is_arrangement_clip = False
        self.track.song.did(self._clear)
        return self.clip

    def delete_clip(self) -> None:
        clip = self.clip
        if clip is None:
            raise RuntimeError("the slot is empty")
        self.clip = None
        self.track.song.did(lambda: setattr(self, "clip", clip))

    def _clear(self) -> None:
        self.clip = None


@dataclass(eq=False)
class TakeLane(Model):
    STUB = "TakeLane.TakeLane"
    track: Track
    name: str = ""
    arrangement_clips: list[Clip] = field(default_factory=list)

    def create_audio_clip(self, file_path: str, start_time: float) -> Clip:
        clip = self.track.new_clip(file_path)
        clip.is_take_lane_clip = True
        self.track.lay(self.arrangement_clips, clip, start_time)
        return clip


@dataclass(eq=False)
class Device(Model):
    STUB = "Device.Device"
    name: str
    can_have_drum_pads: bool = False


@dataclass(eq=False)
class Track(Model):
    """`armed` is what `arm` is made of."""

    STUB = "Track.Track"
    song: Song
    name: str
    has_midi_input: bool = False
    can_be_armed: bool = True
    armed: bool = False
    devices: list[Device] = field(default_factory=list)
    is_foldable: bool = False
    is_frozen: bool = False
    current_input_routing: str = "Ext. In"
    arrangement_clips: list[Clip] = field(default_factory=list)
    clip_slots: list[ClipSlot] = field(default_factory=list)
    take_lanes: list[TakeLane] = field(default_factory=list)
    mixer_device: MixerDevice = field(default_factory=lambda: MixerDevice())

    @property
    def has_audio_input(self) -> bool:
        return not self.has_midi_input and not self.is_foldable

    @property
    def arm(self) -> bool:
        return self.armed

    @arm.setter
    def arm(self, value: bool) -> None:
        if not self.can_be_armed:
            raise RuntimeError("cannot be armed")
        before = self.armed
        self.armed = value
        self.song.did(lambda: setattr(self, "armed", before))

    def delete_clip(self, clip: Clip) -> None:
        if self.is_frozen or clip.is_take_lane_clip or clip not in self.arrangement_clips:
            raise RuntimeError("not a clip of this track that can be deleted")
        before = list(self.arrangement_clips)
        self.arrangement_clips.remove(clip)
        self.song.did(lambda: self.arrangement_clips.__setitem__(slice(None), before))

    def copy(self) -> Track:
        """With clips, lanes and devices of its own."""
        made = Track(**{each.name: getattr(self, each.name) for each in fields(self)})
        made.devices = [Device(device.name, device.can_have_drum_pads) for device in self.devices]
        made.arrangement_clips = [clip.copy() for clip in self.arrangement_clips]
        made.clip_slots = [ClipSlot(made, slot.clip and slot.clip.copy()) for slot in self.clip_slots]
        made.take_lanes = [
            TakeLane(made, lane.name, [clip.copy() for clip in lane.arrangement_clips]) for lane in self.take_lanes
        ]
        return made

    def create_take_lane(self) -> TakeLane:
        lane = TakeLane(self)
        self.take_lanes.append(lane)
        self.song.did(lambda: self.take_lanes.remove(lane))
        return lane

    def create_audio_clip(self, file_path: str, position: float) -> Clip:
        clip = self.new_clip(file_path)
        self.lay(self.arrangement_clips, clip, position)
        return clip

    def duplicate_clip_to_arrangement(self, clip: Clip, destination_time: float) -> Clip:
        if self.is_frozen or clip.is_take_lane_clip or clip.is_midi_clip:
            raise RuntimeError("cannot duplicate this clip")
        assert not clip.is_arrangement_clip, "real Live crashes where such a copy meets another clip"
        copy = clip.copy()
        copy.is_arrangement_clip = True
        self.lay(self.arrangement_clips, copy, destination_time)
        copy._resize()
        return copy

    def new_clip(self, path: str) -> Clip:
        """An audio clip as Live makes it of a file: warped by a guess, unless the preferences say otherwise."""
        if self.has_midi_input or self.is_frozen or self.is_foldable:
            raise RuntimeError("not an audio track, or frozen")
        if self.song.refuses:
            raise RuntimeError(self.song.refuses)
        info = soundfile.info(path)
        clip = Clip(self.song, file_path=path, sample_rate=float(info.samplerate), sample_length=info.frames)
        beats = clip.seconds * self.song.guess / 60
        clip.warp_markers = [WarpMarker(0.0, 0.0), WarpMarker(clip.seconds, beats)]
        clip.warping_ = clip.looping_ = self.song.auto_warp
        clip.loop_end_ = clip.end_marker = beats if clip.warping_ else clip.seconds
        return clip

    def lay(self, clips: list[Clip], clip: Clip, beat: float) -> None:
        """Put a clip among others, which lose what lies under it."""
        if not 0 <= beat <= 1576800:
            raise RuntimeError("outside of the arrangement")
        before = [(each, each.start_time, each.end_time) for each in clips]
        clip.start_time = beat
        clip.end_time = beat + (clip.loop_end_ - clip.loop_start_) * (1 if clip.warping_ else self.song.tempo / 60)
        for other in list(clips):
            if other.start_time < clip.end_time and other.end_time > clip.start_time:
                if other.start_time < clip.start_time:
                    other.end_time = clip.start_time
                elif other.end_time > clip.end_time:
                    other.start_time = clip.end_time
                else:
                    clips.remove(other)
        clips.append(clip)

        def back() -> None:
            clips[:] = [each for each, _, _ in before]
            for each, start, end in before:
                each.start_time, each.end_time = start, end

        self.song.did(back)


@dataclass(eq=False)
class DeviceParameter(Model):
    STUB = "DeviceParameter.DeviceParameter"
    automation_state: int = 0


@dataclass(eq=False)
class MixerDevice(Model):
    STUB = "MixerDevice.MixerDevice"
    song_tempo: DeviceParameter = field(default_factory=DeviceParameter)


@dataclass(eq=False)
class Scene(Model):
    STUB = "Scene.Scene"


@dataclass(eq=False)
class CuePoint(Model):
    STUB = "Song.CuePoint"
    time: float
    name: str


@dataclass(eq=False)
class SongView(Model):
    STUB = "Song.Song.View"
    selected_track: Track | None = None
    detail_clip: Clip | None = None
    highlighted_clip_slot: ClipSlot | None = None


@dataclass(eq=False)
class Song(Model):
    """`guess` is the tempo that auto-warp believes in; `refuses` makes every new clip fail with this reason;
    `most_tracks` is how many this edition of Live has."""

    STUB = "Song.Song"
    tempo: float = 120.0
    signature_numerator: int = 4
    signature_denominator: int = 4
    loop: bool = False
    loop_start: float = 0.0
    loop_length: float = 16.0
    current_song_time: float = 0.0
    is_playing: bool = False
    file_path: str = ""
    name: str = "Untitled"
    tracks: list[Track] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    cue_points: list[CuePoint] = field(default_factory=list)
    view: SongView = field(default_factory=SongView)
    master_track: Track = field(default_factory=lambda: Track(None, "Main"))  # type: ignore[arg-type]
    auto_warp: bool = True
    guess: float = 97.0
    refuses: str = ""
    most_tracks: int = 1000
    steps: list[list[Callable[[], object]]] = field(default_factory=list)
    open_step: list[Callable[[], object]] | None = None

    def did(self, back: Callable[[], object]) -> None:
        """Note how to undo what was just done: in the open undo step, or as one of its own."""
        if self.open_step is None:
            self.steps.append([back])
        else:
            self.open_step.append(back)

    def begin_undo_step(self) -> None:
        assert self.open_step is None, "an undo step in an undo step"
        self.open_step = []

    def end_undo_step(self) -> None:
        assert self.open_step is not None
        if self.open_step:
            self.steps.append(self.open_step)
        self.open_step = None

    def undo(self) -> str:
        for back in reversed(self.steps.pop()):
            back()
        return ""

    def duplicate_track(self, index: int) -> None:
        """The copy lies below, and is selected."""
        if len(self.tracks) >= self.most_tracks:
            raise RuntimeError("no more tracks can be created")
        track = self.tracks[index].copy()
        self.tracks.insert(index + 1, track)
        self.view.selected_track = track
        self.did(lambda: self.tracks.remove(track))

    def create_scene(self, index: int) -> Scene:  # noqa: ARG002 - always the last one here
        scene = Scene()
        self.scenes.append(scene)
        for track in self.tracks:
            track.clip_slots.append(ClipSlot(track))

        def back() -> None:
            self.scenes.remove(scene)
            for track in self.tracks:
                track.clip_slots.pop()

        self.did(back)
        return scene


@dataclass(eq=False)
class ApplicationView(Model):
    STUB = "Application.Application.View"
    focused_document_view: str = "Arranger"


@dataclass(eq=False)
class Application(Model):
    STUB = "Application.Application"
    version: str
    view: ApplicationView = field(default_factory=ApplicationView)

    def get_major_version(self) -> int:
        return int(self.version.split(".")[0])

    def get_minor_version(self) -> int:
        return int(self.version.split(".")[1])

    def get_bugfix_version(self) -> int:
        return int((self.version + ".0").split(".")[2])


MODELS = (WarpMarker, MidiNote, Clip, ClipSlot, TakeLane, Device, Track, DeviceParameter, MixerDevice)
MODELS += (Scene, CuePoint, SongView, Song, ApplicationView, Application)
OURS = {
    Clip: {"song", "seconds", "decibels", "notes", "fired", "open_step", "copy"},
    ClipSlot: {"track"},
    TakeLane: {"track"},
    Track: {"song", "armed", "copy", "new_clip", "lay"},
    Song: {"did", "auto_warp", "guess", "refuses", "most_tracks", "steps", "open_step"},
    Application: {"version"},
}
"""What the fakes have for themselves; the script cannot reach it, since the stubs do not have it."""
