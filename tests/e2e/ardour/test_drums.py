"""What takes keep time by in a real Ardour: a track, the sum of a group, a VCA or a bus, an instrument by a bounce."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.bridge import RunningBridge
from fakes.harness import until
from hosts.studio import Samples, Studio, make_song, noise, studio
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import Rendered, Submit, Track
from punchin_wire.params import InpaintParams

pytestmark = [pytest.mark.e2e, pytest.mark.host]
RATE = 48_000
BAR = 2 * RATE
SYNTH = "https://community.ardour.org/node/7596"  # comes with Ardour


@pytest.fixture(scope="module")
def song(
    home: Path,
    running: RunningBridge,  # noqa: ARG001
    display: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("ardour")
    with studio(folder / "own", make_song(folder / "song", RATE), home, display) as found:
        found.lay("Drums", noise(20.0, 1, RATE, 1))
        found.lay("Bass", noise(8.0, 1, RATE, 2), start=2 * BAR)
        found.lay("Piano", noise(20.0, 2, RATE, 3))
        found.lay_chords()
        yield found


@pytest.fixture
def settings(home: Path) -> Iterator[Path]:
    path = home / "data" / "hosts" / "ardour-settings.json"
    yield path
    path.unlink(missing_ok=True)


def asked(song: Studio, running: RunningBridge) -> tuple[Submit, Samples | None]:
    """What the bridge is told of bar 4 of the piano, and the drums that it gets; the job is stopped then."""
    song.select("Piano", 3 * BAR, 4 * BAR)
    known = [view.job for view in song.jobs()]
    assert song.ask("inpaint", InpaintParams(seed=1, text="steps=4000 step=0.05")) == "done"
    view = song.wait("running", known=known)
    record = running.spool / "jobs" / view.job / "job.json"
    submit = msgspec.json.decode(record.read_bytes(), type=JobRecord).submit
    sound = read(submit.drums)
    assert song.ask("cancel", job=view.job) == "done"
    song.wait("cancelled", known=known)
    return submit, sound


def read(track: Track | None) -> Samples | None:
    if track is None:
        return None
    assert isinstance(track.audio, Rendered)
    sound: Samples = soundfile.read(track.audio.path, dtype="float32", always_2d=True)[0]
    assert sound.shape[1] == track.channels
    return sound


DRUMS_AND_BASS = 'for _, name in ipairs ({ "Drums", "Bass" }) do local track = Session:route_by_name (name) '
GROUP = f"""local group = Session:new_route_group ("My drums") {DRUMS_AND_BASS} group:add (track) end"""
VCA = f"""local vca for each in Session:vca_manager ():create_vca (1, "Kit"):iter () do vca = each end
    {DRUMS_AND_BASS} track:to_slavable ():assign (vca) end
    Session:route_by_name ("Piano"):to_slavable ():assign (vca)"""
BUS = f"""Session:new_audio_route (2, 2, nil, 1, "Drum bus", ARDOUR.PresentationInfo.Flag.AudioBus,
      ARDOUR.PresentationInfo.max_order)
    local bus = Session:route_by_name ("Drum bus"):input ()
    {DRUMS_AND_BASS} local out = track:output ()
      for i = 0, out:n_ports ():n_total () - 1 do
        out:nth (i):disconnect_all () out:nth (i):connect (bus:nth (i):name ())
      end
    end"""


@pytest.mark.parametrize(("made", "name"), [(GROUP, "My drums"), (VCA, "Kit"), (BUS, "Drum bus")])
def test_what_goes_into_one_fader_is_summed(
    song: Studio, running: RunningBridge, settings: Path, made: str, name: str
) -> None:
    """By the faders of its tracks; without the track that takes are wanted for."""
    song.ardour.lua(made)
    song.ardour.lua(
        'Session:route_by_name ("Bass"):gain_control ():set_value (0.5, PBD.GroupControlDisposition.NoGroup)'
    )
    settings.write_bytes(msgspec.json.encode({"tracks": {"drums": name.upper()}}))
    submit, sound = asked(song, running)
    assert submit.drums is not None
    assert sound is not None
    assert submit.drums.name == name
    first = submit.drums.audio.start  # type: ignore[union-attr]
    whole = song.heard("Drums", first, first + len(sound)) + np.float32(0.5) * song.heard(
        "Bass", first, first + len(sound)
    )
    np.testing.assert_array_equal(sound, whole)


def test_what_cannot_be_heard_is_passed_over(song: Studio, running: RunningBridge) -> None:
    """Muted regions; a track without regions there."""
    mute = """for region in Session:route_by_name ("Drums"):to_track ():playlist ():region_list ():iter () do
      region:set_muted (%s)
    end"""
    song.ardour.lua(
        'local last = ARDOUR.PresentationInfo.max_order Session:new_audio_track (1, 2, nil, 1, "A drum", last,'
        " ARDOUR.TrackMode.Normal, true)"
    )
    groups = "for group in Session:route_groups ():iter () do group:clear () end"
    song.ardour.lua(groups)
    assert asked(song, running)[0].drums.name == "Drum bus"  # type: ignore[union-attr]
    song.ardour.lua(mute % "true")
    submit, _ = asked(song, running)
    assert submit.drums is not None
    assert submit.drums.name == "Drum bus", "its other track is heard"
    song.ardour.lua('Session:route_by_name ("Bass"):mute_control ():set_value (1, PBD.GroupControlDisposition.NoGroup)')
    submit, _ = asked(song, running)
    assert submit.drums is None
    assert submit.notes == ("Drum bus is silent there, so takes follow no drums.",)
    song.select("Piano", 3 * BAR, 4 * BAR)
    view = song.run("inpaint", InpaintParams(seed=1))
    assert view.line == "1 take placed. Drum bus is silent there, so takes follow no drums."
    assert " · chord · " in view.takes[0].name
    until(lambda: song.progress() == ["Drum bus is silent there, so takes follow no drums (Punchin)"])
    until(lambda: not song.progress())
    song.undo()
    song.ardour.lua(mute % "false")


def test_drums_that_are_named_and_not_there_are_said(song: Studio, running: RunningBridge, settings: Path) -> None:
    settings.write_bytes(msgspec.json.encode({"tracks": {"drums": "Congas"}}))
    submit, _ = asked(song, running)
    assert submit.drums is None
    [note] = submit.notes
    assert note.startswith("There is no track, bus, VCA or group “Congas”")


def test_an_instrument_is_bounced_where_the_settings_name_it(
    song: Studio, running: RunningBridge, settings: Path
) -> None:
    song.ardour.lua(
        f"""Session:route_by_name ("chords"):to_track ():add_processor_by_index (
          ARDOUR.LuaAPI.new_plugin (Session, "{SYNTH}", ARDOUR.PluginType.LV2, ""), 0, nil, true)"""
    )
    settings.write_bytes(msgspec.json.encode({"tracks": {"drums": "Chords"}}))
    submit, sound = asked(song, running)
    assert submit.drums is not None
    assert sound is not None
    assert (submit.drums.name, submit.drums.channels) == ("chords", 2)
    assert submit.drums.audio.start == submit.target.audio.start  # type: ignore[union-attr]
    bars = sound[: len(sound) // BAR * BAR].reshape(-1, BAR, 2)
    assert len(bars) >= 8
    assert np.abs(bars).max((1, 2)).min() > 0.05, "each bar has a chord"


def test_takes_of_an_instrument_are_not_possible_and_that_is_said(song: Studio) -> None:
    song.ardour.lua('Editor:access_action ("Main", "Escape") Editor:get_selection ():clear_all ()')
    song.select("chords", 3 * BAR, 4 * BAR)
    assert "“chords” plays MIDI, and takes are audio" in song.ask("inpaint")
