"""What may happen to a song while takes are made, in a real Ardour: moved, edited, closed, killed; other rates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.bridge import RunningBridge
from fakes.harness import until
from hosts.studio import Placed, Studio, make_song, noise, studio
from punchin_bridge.hosts.protocol import LEASE_SECONDS
from punchin_wire.params import InpaintParams

pytestmark = [pytest.mark.e2e, pytest.mark.host]
RATE = 44_100
BAR = 2 * RATE
SLOW = InpaintParams(seed=1, text="steps=20 step=0.03")
WHERE = "Punchin: where do the takes belong"


@pytest.fixture(scope="module")
def song(
    home: Path,
    running: RunningBridge,  # noqa: ARG001
    display: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Studio]:
    """44.1 kHz."""
    folder = tmp_path_factory.mktemp("ardour")
    with studio(folder / "own", make_song(folder / "song", RATE), home, display) as found:
        found.lay("Bass", noise(8.0, 1, RATE, 2), start=2 * BAR)
        found.lay("Piano", noise(30.0, 2, RATE, 3))
        found.save()
        yield found


def begin(song: Studio, track: str, start: int, end: int) -> str:
    """Ask for a take that takes a while; its job, once it is at work."""
    song.select(track, start, end)
    known = [view.job for view in song.jobs()]
    assert song.ask("inpaint", SLOW) == "done"
    return song.wait("running", known=known).job


def ended(song: Studio, job: str, *phases: str) -> object:
    return until(lambda: next((view for view in song.jobs() if view.job == job and view.phase in phases), None), 30)


def move(song: Studio, track: str, samples: int) -> None:
    song.ardour.lua(
        f"""local list = Session:route_by_name ("{track}"):to_track ():playlist ()
        for region in list:region_list ():iter () do
          region:set_position (Temporal.timepos_t (region:position ():samples () + {samples}))
        end"""
    )


@pytest.mark.parametrize("track", ["Bass", "Piano"])
def test_takes_at_44100(song: Studio, track: str) -> None:
    """Mono and stereo, to the sample."""
    start, end = 3 * BAR + 7, 4 * BAR - 5
    song.select(track, start, end)
    view = song.run("inpaint", InpaintParams(seed=1))
    take = view.takes[0]
    assert Placed(take.name, start, end - start) in song.regions(track)
    sound, rate = soundfile.read(take.path, dtype="float32", always_2d=True)
    assert rate == RATE
    np.testing.assert_array_equal(song.heard(track, start, end), sound)


def test_a_region_that_was_moved_takes_its_takes_along_if_the_musician_says_so(song: Studio) -> None:
    before = [region.name for region in song.regions("Bass")]
    job = begin(song, "Bass", 4 * BAR, 5 * BAR)
    move(song, "Bass", RATE)
    ended(song, job, "held")
    assert [region.name for region in song.regions("Bass")] == before
    song.ardour.confirm(WHERE)
    view = ended(song, job, "placed")
    take = view.takes[0]  # type: ignore[attr-defined]
    assert Placed(take.name, 4 * BAR + RATE, BAR) in song.regions("Bass")


@pytest.mark.endurance
def test_a_musician_may_think_for_longer_than_the_bridge_awaits_ardour(song: Studio, running: RunningBridge) -> None:
    """While a dialog waits that our script has opened, it is called no more: the bridge misses Ardour meanwhile."""
    job = begin(song, "Bass", 3 * BAR, 4 * BAR)
    move(song, "Bass", RATE)
    ended(song, job, "held")
    until(lambda: f"{song.host} is gone" in running.log, 3 * LEASE_SECONDS)
    song.ardour.confirm(WHERE)
    view = ended(song, job, "placed")
    take = view.takes[0]  # type: ignore[attr-defined]
    assert Placed(take.name, 3 * BAR + RATE, BAR) in song.regions("Bass")


def test_after_a_tempo_edit_takes_are_made_anew_for_their_bars(song: Studio) -> None:
    job = begin(song, "Piano", 6 * BAR, 7 * BAR)
    song.ardour.lua(
        """local map = Temporal.TempoMap.fetch_writable ()
        map:set_tempo (Temporal.Tempo (100, 100, 4), Temporal.timepos_t (0))
        Temporal.TempoMap.update (map)"""
    )
    ended(song, job, "held")
    known = [view.job for view in song.jobs()]
    song.ardour.confirm(WHERE)
    ended(song, job, "dropped")
    take = song.wait("placed", known=known).takes[0]
    first, last = (round(quarter * 60 / 100 * RATE) for quarter in (24, 28))
    assert Placed(take.name, first, last - first) in song.regions("Piano")


def test_takes_of_a_track_that_is_gone_are_kept_as_files(song: Studio) -> None:
    song.lay("Drums", noise(20.0, 1, RATE, 9))
    job = begin(song, "Drums", BAR, 2 * BAR)
    song.ardour.osc("/access_action", "Editor/remove-track")
    song.ardour.confirm("Remove track")
    ended(song, job, "held")
    song.ardour.confirm(WHERE)
    view = ended(song, job, "dropped")
    assert Path(view.takes[0].path).is_file()  # type: ignore[attr-defined]


def test_what_went_wrong_is_said(song: Studio) -> None:
    song.select("Piano", BAR, 2 * BAR)
    known = [view.job for view in song.jobs()]
    song.ask("inpaint", InpaintParams(seed=1, text="fail"))
    assert song.wait("failed", known=known).next_step
    song.ardour.confirm("^Punchin$")
    song.ardour.lua('Editor:access_action ("Main", "Escape") Editor:get_selection ():clear_all ()')
    song.ardour.lua("local loop = Session:locations ():auto_loop_location () Session:locations ():remove (loop)")
    assert "Select a range" in song.ask("inpaint")
    song.click("inpaint")
    song.ardour.confirm("^Punchin$")


def test_settings_are_a_dialog(song: Studio, home: Path) -> None:
    song.click("settings")
    song.ardour.confirm("Punchin: settings")
    path = home / "data" / "hosts" / "ardour-settings.json"
    kept = json.loads(until(lambda: path.exists() and path.read_text()))
    assert kept["inpaint"]["takes"] == 3
    assert kept["tracks"]["chords"] == "chords"
    kept["transfer"] |= {"to": "violin", "source": "piano"}
    path.write_text(json.dumps(kept))
    song.select("Piano", BAR, 2 * BAR)
    known = [view.job for view in song.jobs()]
    song.click("transfer")
    song.ardour.confirm("Punchin: transfer")
    view = song.wait("placed", known=known)
    assert view.engine == "transfer"
    assert "violin" in view.takes[0].name


def test_takes_wait_for_a_session_that_was_killed(
    home: Path, running: RunningBridge, display: str, tmp_path: Path
) -> None:
    """96 kHz. The takes are ready after Ardour has died; they stand when the session is opened again."""
    rate = 96_000
    session = make_song(tmp_path / "song", rate)
    start, end = 2 * rate + 1, 4 * rate + 3
    with studio(tmp_path / "own", session, home, display) as song:
        song.lay("Piano", noise(10.0, 2, rate, 3))
        song.save()
        job = begin(song, "Piano", start, end)
        song.ardour.kill()
    record = running.spool / "jobs" / job / "job.json"
    until(lambda: '"phase":"ready"' in record.read_text())
    until(lambda: list(session.folder.glob("interchange/*/audiofiles/*take1*.wav")))  # moved once that is written
    with studio(tmp_path / "own", session, home, display) as song:
        song.parts["Piano"] = (0, noise(10.0, 2, rate, 3))
        view = ended(song, job, "placed")
        take = view.takes[0]  # type: ignore[attr-defined]
        assert Placed(take.name, start, end - start) in song.regions("Piano")
        sound = soundfile.read(take.path, dtype="float32", always_2d=True)[0]
        np.testing.assert_array_equal(song.heard("Piano", start, end), sound)
        assert not song.progress()
        until(lambda: not record.exists())
        song.ardour.kill()  # the takes stood, and were reported so; the session was never saved with them
    with studio(tmp_path / "own", session, home, display) as song:
        assert song.playing("Piano", start) == ["Piano"]
        song.ardour.confirm("^Punchin$")
        until(lambda: Placed(take.name, start, end - start) in song.regions("Piano"))
