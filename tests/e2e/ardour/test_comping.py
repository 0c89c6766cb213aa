"""Takes as regions of one playlist, in a real Ardour: chosen, put together of pieces, edited, undone, saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.bridge import RunningBridge
from fakes.harness import until
from hosts.ardour import Session
from hosts.studio import Placed, Samples, Studio, make_song, noise, studio
from punchin_bridge.hosts.protocol import JobView
from punchin_wire.params import InpaintParams

pytestmark = [pytest.mark.e2e, pytest.mark.host]
RATE = 48_000
BAR = 2 * RATE
START, END = 4 * BAR, 6 * BAR


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return make_song(tmp_path / "song", RATE)


@pytest.fixture
def song(
    session: Session,
    home: Path,
    running: RunningBridge,  # noqa: ARG001
    display: str,
    tmp_path: Path,
) -> Iterator[Studio]:
    with studio(tmp_path / "own", session, home, display) as found:
        found.lay("Piano", noise(40.0, 2, RATE, 3))
        found.save()
        yield found


def takes(song: Studio, start: int, end: int, count: int) -> tuple[JobView, list[Samples]]:
    song.select("Piano", start, end)
    view = song.run("inpaint", InpaintParams(takes=count, seed=1))
    return view, [soundfile.read(take.path, dtype="float32", always_2d=True)[0] for take in view.takes]


def piece(song: Studio, name: str, act: str) -> None:
    """Do Lua `act` with the first `region` of that name, as Ardour's own editing does it: in an undo step."""
    song.ardour.lua(
        f"""local playlist = Session:route_by_name ("Piano"):to_track ():playlist ()
        for region in playlist:region_list ():iter () do
          if region:name () == "{name}" then
            Session:begin_reversible_command ("by hand")
            playlist:to_stateful ():clear_changes ()
            region:to_stateful ():clear_changes ()
            {act}
            Session:add_stateful_diff_command (playlist:to_statefuldestructible ())
            Session:add_stateful_diff_command (region:to_statefuldestructible ())
            Session:commit_reversible_command (nil)
            return
          end
        end
        error ("no region {name}")"""
    )


def test_takes_are_chosen_edited_undone_and_saved(
    song: Studio, session: Session, home: Path, display: str, tmp_path: Path
) -> None:
    """Each choice is an undo step; edits by hand stay; outside the selection nothing ever changes."""
    before, was = song.export(START - BAR, END + BAR), song.regions("Piano")
    view, sounds = takes(song, START, END, 3)
    names = [take.name for take in view.takes]

    def check(sound: Samples) -> None:
        np.testing.assert_array_equal(song.heard("Piano", START, END), sound)
        exported = song.export(START - BAR, END + BAR)
        for side in (slice(None, BAR), slice(-BAR, None)):
            np.testing.assert_array_equal(exported[side], before[side])

    check(sounds[0])
    assert song.ask("next_take") == "done"
    assert song.regions("Piano") == [
        *was,
        Placed(names[2], START, END - START, plays=False),
        Placed(names[0], START, END - START, plays=False),
        Placed(names[1], START, END - START),  # what plays is seen
    ]
    check(sounds[1])
    song.undo()
    check(sounds[0])
    song.undo()
    assert song.regions("Piano") == was
    np.testing.assert_array_equal(song.export(START - BAR, END + BAR), before)
    assert song.ask("next_take").startswith("No takes of ours stand here")
    song.redo()
    check(sounds[0])
    song.redo()
    check(sounds[1])

    # By hand: the take that plays begins half a bar later, and what was there before is heard until then.
    piece(song, names[1], f"region:trim_front (Temporal.timepos_t ({START + BAR // 2}))")
    original = song.parts["Piano"][1][START : START + BAR // 2]
    mended = np.concatenate([original, sounds[1][BAR // 2 :]])
    check(mended)
    assert song.ask("next_take") == "done"
    check(sounds[2])
    assert song.ask("previous_take") == "done"
    check(mended)
    edited = song.regions("Piano")
    song.save()
    song.ardour.kill()
    with studio(tmp_path / "own", session, home, display) as again:
        again.parts = song.parts
        assert again.regions("Piano") == edited
        np.testing.assert_array_equal(again.heard("Piano", START, END), mended)
        again.select_regions("Piano")
        assert again.ask("next_take") == "done"
        np.testing.assert_array_equal(again.heard("Piano", START, END), sounds[2])
        again.undo()
        assert again.regions("Piano") == edited
        assert again.playlists("Piano") == ["Piano"]


def test_a_choice_leaves_the_rest_of_the_track_as_it_is(song: Studio) -> None:
    """Takes elsewhere, and edits that came later, on top of a take too."""
    first, sounds = takes(song, START, END, 2)
    second, others = takes(song, 8 * BAR, 9 * BAR, 2)
    third, patch = takes(song, START + BAR, END, 1)  # over the first ones
    assert song.ask("pick", take=1, job=first.job) == "done"
    np.testing.assert_array_equal(song.heard("Piano", START, START + BAR), sounds[1][:BAR])
    np.testing.assert_array_equal(song.heard("Piano", START + BAR, END), patch[0])
    np.testing.assert_array_equal(song.heard("Piano", 8 * BAR, 9 * BAR), others[0])
    assert song.playing("Piano", START) == ["Piano", first.takes[1].name]
    assert song.playing("Piano", 8 * BAR) == ["Piano", second.takes[0].name]
    assert song.playing("Piano", START + BAR)[-1] == third.takes[0].name
    song.select("Piano", 8 * BAR, 9 * BAR)  # what is selected says which takes are meant
    assert song.ask("next_take") == "done"
    np.testing.assert_array_equal(song.heard("Piano", 8 * BAR, 9 * BAR), others[1])
    np.testing.assert_array_equal(song.heard("Piano", START, START + BAR), sounds[1][:BAR])


def test_pieces_of_takes_are_put_together(song: Studio) -> None:
    """All takes are split at a bar line; in what is selected another one is chosen; the rest is put away."""
    view, sounds = takes(song, START, END, 3)
    for take in view.takes:
        piece(song, take.name, f"playlist:split_region (region, Temporal.timepos_t ({START + BAR}))")
    song.select("Piano", START + BAR, END)
    for _ in range(2):
        assert song.ask("next_take") == "done"
    comp = np.concatenate([sounds[0][:BAR], sounds[2][BAR:]])
    np.testing.assert_array_equal(song.heard("Piano", START, END), comp)
    song.select("Piano", START, END)
    before = song.regions("Piano")
    song.click("commit")
    kept = until(lambda: len(now := song.regions("Piano")) == 3 and now)
    assert {region[1:] for region in kept[1:]} == {(START, BAR, True), (START + BAR, BAR, True)}
    np.testing.assert_array_equal(song.heard("Piano", START, END), comp)
    song.undo()
    assert sorted(song.regions("Piano")) == sorted(before)


def test_a_selection_may_end_within_a_crossfade(song: Studio) -> None:
    """The takes are heard as they are, without any region's gain or fade; and no fade is cut. (Ardour itself rounds a
    fade by where it begins to read: what is compared is read from the same sample on.)"""
    piece(song, "Piano", f"playlist:split_region (region, Temporal.timepos_t ({END}))")
    song.ardour.lua(
        f"""for region in Session:route_by_name ("Piano"):to_track ():playlist ():region_list ():iter () do
          local audio, is_left = region:to_audioregion (), region:position ():samples () == 0
          audio:set_scale_amplitude (0.5)
          if is_left then
            region:trim_end (Temporal.timepos_t ({END + BAR // 2}))
          else
            region:raise_to_top ()
            audio:set_fade_in_length ({BAR // 2})
            audio:set_fade_in_active (true)
          end
          audio:set_fade_out_length ({BAR // 4})
        end"""
    )
    was, end = song.regions("Piano"), END + BAR // 4  # half way through the crossfade
    faded, plain = song.heard("Piano", END, END + BAR // 2), song.parts["Piano"][1][END : END + BAR // 2]
    assert np.abs(faded - 0.5 * plain).max() > 0.05, "there is a crossfade"
    outside = ((START - BAR, START), (end, end + BAR))
    before = [song.heard("Piano", *span) for span in outside]
    exported = [song.export(*span) for span in outside]
    _, (sound,) = takes(song, START, end, 1)
    np.testing.assert_array_equal(song.heard("Piano", START, end), sound)
    for span, heard, mixed in zip(outside, before, exported, strict=True):
        np.testing.assert_array_equal(song.heard("Piano", *span), heard)
        mix, rest = song.export(*span), BAR // 4  # how long the crossfade goes on
        np.testing.assert_allclose(mix[:rest], mixed[:rest], atol=3e-6, rtol=0)
        np.testing.assert_array_equal(mix[rest:], mixed[rest:])
    song.undo()
    assert song.regions("Piano") == was
    np.testing.assert_array_equal(song.heard("Piano", END, END + BAR // 2), faded)


def test_selected_regions_that_are_apart_are_holes_of_one_request(song: Studio) -> None:
    """What lies between them, and beside them, is not touched; they are chosen and undone together."""
    piece(song, "Piano", f"playlist:split_region (region, Temporal.timepos_t ({START}))")
    piece(song, "Piano.2", f"playlist:split_region (region, Temporal.timepos_t ({END}))")
    song.ardour.lua(
        f"""local playlist = Session:route_by_name ("Piano"):to_track ():playlist ()
        for region in playlist:region_list ():iter () do
          if region:position ():samples () == 0 then region:trim_front (Temporal.timepos_t ({START - BAR})) end
          if region:position ():samples () == {END} then region:trim_end (Temporal.timepos_t ({END + BAR})) end
        end
        for region in playlist:region_list ():iter () do
          if region:position ():samples () == {START} then playlist:remove_region (region) end
        end"""
    )
    was, spans = song.regions("Piano"), ((START - BAR, START), (END, END + BAR))
    assert [(region.start, region.start + region.length) for region in was] == list(spans)
    song.select_regions("Piano")
    view = song.run("inpaint", InpaintParams(takes=2, seed=1))
    sounds = [soundfile.read(take.path, dtype="float32", always_2d=True)[0] for take in view.takes]
    for chosen, sound in enumerate(sounds):
        for start, end in spans:
            take = Placed(view.takes[chosen].name, start, end - start)
            assert song.regions("Piano").count(take) == 1
            part = sound[start - (START - BAR) : end - (START - BAR)]
            np.testing.assert_array_equal(song.heard("Piano", start, end), part)
        assert not song.heard("Piano", START, END).any()
        assert song.ask("next_take") == "done"
    for _ in range(3):
        song.undo()
    assert song.regions("Piano") == was


def test_several_ranges_are_refused(song: Studio) -> None:
    """Drawn by the mouse, the second one with Ctrl: what lies between them would be made anew, too."""
    song.ardour.lua(
        'Editor:access_action ("Main", "Escape") Editor:access_action ("MouseMode", "set-mouse-mode-range")'
    )
    window = song.ardour.dialog(song.session.name)
    song.ardour.xdotool("windowfocus", window)
    for first, more in ((400, ()), (600, ("keydown", "ctrl"))):
        song.ardour.xdotool(*more, "mousemove", "--window", window, first, 360, "mousedown", 1)
        for x in range(first, first + 80, 10):
            song.ardour.xdotool("mousemove", "--window", window, x, 360)
        song.ardour.xdotool("mouseup", 1, "keyup", "ctrl")
    until(lambda: song.ardour.lua("return Editor:get_selection ().time:size ()") == 2)
    assert song.ask("inpaint").startswith("Several ranges are selected")
