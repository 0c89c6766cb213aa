"""What the plug-in's window shows, and what the mouse and the keys do in it: all keys reach all that the mouse does."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest
from punchin_wire.params import BY_NAME, TABLE

from .window import Seen, Window

RATE = 48_000
BAR = 2 * RATE
PLAYED = (
    "rate 48000",
    "track Piano",
    f"heard 0 {8 * BAR}",
    "bars 1 " + " ".join(str(bar * BAR) for bar in range(9)),
)
"""Bars 1 to 8, at 120 bpm."""
NOTES = ("hears_notes", "has_notes", *PLAYED)
"""The same, in the window of *Punchin Chords*."""
TAKES = (f"region {4 * BAR} {6 * BAR}", "take Punchin 1 · bars 5-6 · seed 7", "take Punchin 2 · bars 5-6 · seed 8")


def test_the_empty_window_says_the_first_step(window: Window) -> None:
    seen = window.run("rate 48000")
    assert seen.controls["wave"].value == seen.shown["line"]
    assert seen.shown["line"].startswith("Play the part once")
    enabled = {name for name, each in seen.controls.items() if each.is_enabled}
    assert {"wave", "all", "loop", "punch", "cancel", "keep", "show"} & enabled == set()


def test_the_line_leads_to_punch_in(window: Window) -> None:
    """Each step says the next, and only the last lets takes be asked for."""
    steps = ["heard 0 96000", "bars 1 0 96000", "key Right"]
    lines = [window.run(*steps[:count]) for count in range(len(steps) + 1)]
    said = [each.shown["line"] for each in lines]
    assert said[1] == said[2] == "Drag over the bars that should be made anew."
    assert said[3] == "Bar 1"
    assert [each.controls["punch"].is_enabled for each in lines] == [False] * 3 + [True]


def test_a_drag_selects_the_bars_that_it_touches(window: Window) -> None:
    seen = window.run(*PLAYED, *window.drag(4.2 / 8, 5.7 / 8))
    assert seen.asked == [f"select {4 * BAR} {6 * BAR}"]
    assert seen.shown["line"] == "Bars 5 to 6 of Piano"
    seen = window.run(*PLAYED, "remote box", *window.drag(4.2 / 8, 5.7 / 8))
    assert seen.shown["line"] == "Bars 5 to 6 of Piano, made by box"


def test_a_drag_to_the_left_and_beyond_the_edge(window: Window) -> None:
    wave = window.run(*PLAYED).controls["wave"]
    seen = window.run(*PLAYED, f"press {wave.at(1.5 / 8)}", "move -400 90", "release -400 90")
    assert seen.asked == [f"select 0 {2 * BAR}"]


@pytest.mark.parametrize("held", ["alt", "control"])
def test_a_free_drag_leaves_the_bars(window: Window, held: str) -> None:
    [asked] = window.run(*PLAYED, *window.drag(4.25 / 8, 5.75 / 8, held)).asked
    start, end = map(int, asked.split()[1:])
    assert abs(start - 4.25 * BAR) < 200
    assert abs(end - 5.75 * BAR) < 200


def test_escape_leaves_a_drag_without_a_trace(window: Window) -> None:
    press, move, _ = window.drag(0.1, 0.5)
    seen = window.run(*PLAYED, press, move, "key Escape")
    assert seen.asked == []
    assert seen.shown["selection"] == "0 0"


def test_an_edge_of_the_selection_is_dragged(window: Window) -> None:
    seen = window.run(*PLAYED, *window.drag(2.5 / 8, 3.5 / 8), *window.drag(4 / 8, 5.5 / 8))
    assert seen.asked[-1] == f"select {2 * BAR} {6 * BAR}"


def test_shift_extends_the_selection(window: Window) -> None:
    seen = window.run(*PLAYED, *window.drag(4.5 / 8, 4.6 / 8), *window.drag(1.5 / 8, 1.5 / 8, "shift"))
    assert seen.asked[-1] == f"select {BAR} {5 * BAR}"


def test_what_was_not_heard_must_be_played_first(window: Window) -> None:
    gap = [*PLAYED, f"heard 0 {2 * BAR} {3 * BAR} {8 * BAR}"]
    seen = window.run(*gap, *window.drag(0.5 / 8, 7.5 / 8))
    assert seen.shown["line"] == "Bar 3 of the selection has not been heard: play it once."
    assert not seen.controls["punch"].is_enabled


def test_without_a_tempo_the_selection_is_in_seconds(window: Window) -> None:
    seen = window.run("rate 48000", "heard 0 480000", *window.drag(0.25, 0.5))
    assert seen.shown["line"] == "2.50 s to 5.00 s"
    assert window.run("rate 48000", "heard 0 480000", "key Right", "key Right").asked[-1] == "select 48000 96000"


def test_arrows_move_the_selection_by_bars_and_stop_at_the_ends(window: Window) -> None:
    seen = window.run(*PLAYED, *["key Right"] * 3, "key Right shift", "key Left", *["key Left"] * 9)
    assert seen.asked[:5] == [
        f"select {start * BAR} {end * BAR}" for start, end in [(0, 1), (1, 2), (2, 3), (2, 4), (1, 3)]
    ]
    assert seen.asked[-1] == f"select 0 {2 * BAR}"
    last = window.run(*PLAYED, *["key Right"] * 20, *["key Right shift"] * 3).asked[-1]
    assert last == f"select {7 * BAR} {8 * BAR}"


def test_the_hosts_loop_and_all_that_was_heard(window: Window) -> None:
    looped = [*PLAYED, f"loop {BAR} {3 * BAR}"]
    assert window.run(*window.click("loop", *looped)).asked == [f"select {BAR} {3 * BAR}"]
    assert window.run(*window.click("all", *looped)).asked == [f"select 0 {8 * BAR}"]
    assert not window.run(*PLAYED).controls["loop"].is_enabled


def test_every_control_is_reached_by_tab_and_nothing_twice(window: Window) -> None:
    for start in (
        [*PLAYED, *TAKES, "key Right"],
        window.click("transfer", *PLAYED, *TAKES),
        window.click("song", *PLAYED),
        [*NOTES],
    ):
        stops = [name for name, each in window.run(*start).controls.items() if each.is_enabled and each.is_stop]
        reached = window.run(*start, *["key Tab", "where"] * len(stops)).reached
        assert sorted(reached) == sorted(stops)
        assert window.run(*start, "key Tab").shown["shows_focus"] == "1"
        back = window.run(*start, "key Tab", "key Tab", "key Tab shift").shown["focus"]
        assert back == reached[0]


def test_punch_in_by_keys_alone(window: Window) -> None:
    lines = window.tab_to("punch", *PLAYED, "key Right", "key Right")
    assert window.run(*lines, "key Enter").asked[-1] == "punch inpaint"
    assert window.run(*lines, "key Space").asked[-1] == "punch inpaint"


def test_space_and_letters_that_mean_nothing_are_the_hosts(window: Window) -> None:
    assert window.run(*PLAYED, "key Space", "type r", "key Enter").asked == [
        "unused key Space",
        "unused type r",
        "unused key Enter",
    ]


def test_a_job_on_its_way_can_only_be_cancelled(window: Window) -> None:
    busy = [*PLAYED, "key Right", "progress 0.4 3 Making take 1 of 2"]
    seen = window.run(*busy)
    assert not seen.controls["punch"].is_enabled
    assert window.run(*window.click("punch", *busy)).asked[-1] != "punch inpaint"
    assert window.run(*window.tab_to("cancel", *busy), "key Enter").asked[-1] == "cancel"


def test_takes_are_chosen_by_mouse_arrows_and_digits(window: Window) -> None:
    seen = window.run(*window.click("take 2", *PLAYED, *TAKES))
    assert seen.asked == ["choose 2"]
    assert [seen.controls[f"take {take}"].is_lit for take in range(3)] == [False, False, True]
    arrows = window.run(*window.tab_to("take 0", *PLAYED, *TAKES), "key Right", "key Right", "key Right", "key Left")
    assert arrows.asked == ["choose 1", "choose 2", "choose 1"]
    assert arrows.shown["focus"] == "take 1"
    assert window.run(*PLAYED, *TAKES, "type 2", "type 0", "type 3").asked == ["choose 2", "choose 0", "unused type 3"]


def test_all_original_is_a_switch(window: Window) -> None:
    assert not window.run(*PLAYED).controls["original"].is_enabled
    seen = window.run(*window.click("original", *window.click("original", *PLAYED, *TAKES)))
    assert seen.asked == ["original 1", "original 0"]


def test_a_place_with_takes_is_chosen_above_it_or_by_page_keys(window: Window) -> None:
    """Where two overlap, the later one lies on top, as it is heard."""
    two = [*PLAYED, *TAKES, f"region {5 * BAR} {7 * BAR}", "take Punchin 3"]
    x, y, width, _ = window.run(*two).controls["wave"].box
    asked = [window.run(*two, f"press {x + width * bar / 8} {y + 4}").asked for bar in (4.5, 5.5, 1.5)]
    assert asked == [
        ["activate 0", f"select {4 * BAR} {6 * BAR}"],
        ["activate 1", f"select {5 * BAR} {7 * BAR}"],
        [],
    ]
    keys = window.run(*two, "key PageUp", "key PageUp", "key PageDown")
    assert [line for line in keys.asked if "select" not in line] == ["activate 0", "unused key PageUp", "activate 1"]


def bar_lines(window: Window, heard: str, *said: str) -> list[tuple[int, int]]:
    shown = window.run("rate 48000", f"heard {heard}", f"said {' '.join(said)}").shown["bars"]
    return [(int(number), int(at)) for number, at in (each.split(":") for each in shown.split("\t"))]


def test_bar_lines_are_where_the_host_said(window: Window) -> None:
    """From the middle of bar 3 on, a change to 3/4 in bar 5, then to another tempo; told up to a block late."""
    said = ("120 240000 3 2 4 4", "120 384512 5 0.0213333 3 4", "90 528000 7 0 3 4")
    lines = bar_lines(window, "240000 700000", *said)
    assert [number for number, _ in lines] == [3, 4, 5, 6, 7, 8, 9]
    expected = [192000, 288000, 384000, 456000, 528000, 624000, 720000]
    assert max(abs(at - wanted) for (_, at), wanted in zip(lines, expected, strict=True)) <= 1


def test_bar_lines_in_eighths_and_before_the_song(window: Window) -> None:
    assert bar_lines(window, "-24000 96000", "120 -24000 0 4 6 8") == [(0, -72000), (1, 0), (2, 72000), (3, 144000)]


def test_a_missing_take_says_so_and_has_no_file(window: Window) -> None:
    seen = window.run(*window.click("take 1", *PLAYED, f"region 0 {BAR}", "missing Punchin 1"))
    assert seen.controls["take 1"].value == "Its file is missing."
    assert not seen.controls["show"].is_enabled


def test_what_can_be_done_with_a_take(window: Window) -> None:
    chosen = window.click("take 1", *PLAYED, *TAKES)
    for name, asked in (("keep", "keep"), ("show", "show"), ("page", "page")):
        assert window.run(*window.click(name, *chosen)).asked[-1] == asked


def assert_apart(seen: Seen, size: str) -> None:
    """No two controls meet, and none lies beyond the window."""
    boxes = [each.box for each in seen.controls.values()]
    _, width, height = size.split()
    for place, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + w <= float(width)
        assert y + h <= float(height)
        for x2, y2, w2, h2 in boxes[:place]:
            assert x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h


def test_sixteen_takes_lie_apart_from_all_else(window: Window) -> None:
    for size in ("size 840 620", "size 700 520", "size 1600 1200"):
        lines = [*PLAYED, "region 0 9", *[f"take {take}" for take in range(16)], size]
        assert_apart(window.run(*lines), size)
        assert_apart(window.run(*window.click("transfer", *lines)), size)


def test_the_settings_are_those_of_the_table(window: Window) -> None:
    for engine in ("inpaint", "transfer"):
        seen = window.run(*window.click(engine, *PLAYED))
        assert {each.name for each in TABLE if engine in each.engines} <= set(seen.controls)
        assert {each.name for each in TABLE if engine not in each.engines} & set(seen.controls) == set()


def test_faders_stand_where_the_tables_do(driver: Path) -> None:
    done = subprocess.run([driver, "faders"], capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {name for name, *_ in rows} == {each.name for each in TABLE if each.is_fader} - {"seed"}
    for name, place, plain, normalized in rows:
        expected = BY_NAME[name].plain(float(place))
        if isinstance(expected, str):
            assert plain == expected
        else:
            assert float(plain) == pytest.approx(expected, rel=1e-9)
        assert float(normalized) == pytest.approx(BY_NAME[name].normalized(expected), abs=1e-5)


def test_a_fader_by_mouse_wheel_and_keys(window: Window) -> None:
    drums = window.run(*PLAYED).controls["drums"]
    seen = window.run(*PLAYED, f"press {drums.at(0.25)}", f"move {drums.at(0.75)}", f"release {drums.at(0.75)}")
    assert seen.asked == ["set drums 0.5", "set drums 1.5"]
    assert window.run(*PLAYED, f"scroll {drums.at()} 1").asked == ["set drums 1.02"]
    keys = window.tab_to("takes", *PLAYED)
    assert window.run(*keys, "key Right", "key End", "key Right", "key Delete").asked == [
        "set takes 2",
        "set takes 16",
        "set takes 16",
        "set takes ",
    ]


def test_what_nobody_has_said_is_shown_as_whose_it_is(window: Window) -> None:
    seen = window.run(*PLAYED)
    assert seen.controls["temperature"].value == "the pack's"
    assert seen.controls["seed"].value == "drawn"
    assert seen.controls["takes"].value == "1"


def test_a_choice_goes_round_by_clicks(window: Window) -> None:
    lines = list(PLAYED)
    for _ in range(3):
        lines = window.click("chord_rhythm", *lines)
    asked = window.run(*lines).asked
    assert asked == [f"set chord_rhythm {value}" for value in ("clean", "compat", "pack")]


def test_settings_of_another_method_are_dark(window: Window) -> None:
    seen = window.run(*window.click("transfer", *PLAYED))
    assert (seen.controls["alpha"].is_enabled, seen.controls["strength"].is_enabled) == (True, False)
    other = window.run(*window.click("method", *window.click("transfer", *PLAYED)))
    assert (other.controls["alpha"].is_enabled, other.controls["strength"].is_enabled) == (False, True)


def test_a_transfer_needs_a_target(window: Window) -> None:
    start = [*window.click("transfer", *PLAYED), "key Escape"]
    start = [*window.tab_to("wave", *start), "key Right"]
    assert window.run(*start).controls["punch"].is_enabled is False
    named = [*window.tab_to("to", *start), "type v", "type i", "key Enter"]
    seen = window.run(*named)
    assert seen.asked[-1] == "set to vi"
    assert seen.controls["punch"].is_enabled
    assert window.run(*named, "type p").asked[-1] == "punch transfer"


def test_chords_are_written_in_their_field(window: Window) -> None:
    field = window.tab_to("chords", *PLAYED)
    written = [*field, "type A", "type m", "space", "type ♭", "key Left", "key Backspace", "key End", "type 7"]
    seen = window.run(*written)
    assert seen.shown["draft"] == "Am♭7"
    assert seen.asked == []
    assert window.run(*written, "key Enter").asked == ["write chords Am♭7"]
    assert window.run(*written, "key Tab").asked == ["write chords Am♭7"]
    assert window.run(*written, "leave").asked == ["write chords Am♭7"]
    assert window.run(*written, "key Escape").asked == []
    assert window.run(*field, "key Tab").asked == []  # nothing was written


def test_chords_that_were_read_by_ear_are_corrected_in_their_field(window: Window) -> None:
    """Enter takes them as they are, or as they were corrected; passing through changes nothing."""
    by_ear = (
        *PLAYED,
        f"chord {4 * BAR} {5 * BAR} 0.9 Am",
        f"chord {5 * BAR} {int(5.5 * BAR)} 0.7 F",
        f"chord {int(5.5 * BAR)} {7 * BAR} 0.95 G",
        *window.drag(4.2 / 8, 6.8 / 8),
    )
    assert window.run(*by_ear).controls["chords"].value == "by ear: Am | F G | G"
    field = window.tab_to("chords", *by_ear)
    assert window.run(*field).shown["draft"] == "Am | F G | G"
    assert window.run(*field, "key Tab").asked[-1].startswith("select")
    assert window.run(*field, "key Enter").asked[-1] == "write chords Am | F G | G"
    assert window.run(*field, "type 7", "key Tab").asked[-1] == "write chords Am | F G | G7"


def test_the_song_and_the_track_are_named(window: Window) -> None:
    start = window.click("song", *PLAYED)
    for name in ("track", "song_name", "folder"):
        asked = window.run(*window.tab_to(name, *start), "key End", "type x", "key Enter").asked
        assert asked == [f"write {name} {'Piano' if name == 'track' else ''}x"]


def test_the_songs_name_by_another_window_is_shown_and_ones_own_counts(window: Window) -> None:
    start = window.click("song", *PLAYED, "song My song")
    seen = window.run(*start).controls["song_name"]
    assert (seen.value, seen.is_lit) == ("My song", False)
    own = window.run(*window.tab_to("song_name", *start), "type x", "key Enter").controls["song_name"]
    assert (own.value, own.is_lit) == ("x", True)


def test_what_punch_in_makes_is_what_was_looked_at_last(window: Window) -> None:
    """Looking at the song's page in between changes nothing of it."""
    named = [*window.tab_to("to", *window.click("transfer", *PLAYED)), "type v", "key Enter", "key Right"]
    assert window.run(*window.click("song", *named), "type p").asked[-1] == "punch transfer"
    assert window.run(*window.click("inpaint", *named), "type p").asked[-1] == "punch inpaint"


def test_a_seed_has_digits_only(window: Window) -> None:
    field = window.tab_to("seed", *PLAYED)
    seen = window.run(*field, "type 4", "type x", "type 2", "key Enter")
    assert seen.asked == ["set seed 42"]
    assert seen.controls["seed"].value == "42"


def test_a_text_is_no_longer_than_it_may_be(window: Window) -> None:
    field = window.tab_to("pack", *PLAYED)
    [asked] = window.run(*field, *["type a"] * 80, "key Enter").asked
    assert asked == "set pack " + "a" * BY_NAME["pack"].length


def test_the_wheel_zooms_where_the_pointer_is(window: Window) -> None:
    wave = window.run(*PLAYED).controls["wave"]
    seen = window.run(*PLAYED, *[f"scroll {wave.at(0.5)} 1"] * 6)
    start, end = map(int, seen.shown["visible"].split())
    assert end - start == pytest.approx(8 * BAR / 1.25**6, abs=10)
    assert (start + end) / 2 == pytest.approx(4 * BAR, abs=10)
    out = window.run(*PLAYED, f"scroll {wave.at(0.5)} 3", *[f"scroll {wave.at(0)} -1"] * 5)
    assert out.shown["visible"] == f"0 {8 * BAR}"
    along = window.run(*PLAYED, f"scroll {wave.at(0.5)} 3", f"scroll {wave.at(0.5)} 50 shift")
    assert along.shown["visible"].split()[0] == "0"


def test_z_shows_the_selection_and_then_everything(window: Window) -> None:
    chosen = [*PLAYED, *window.drag(4.5 / 8, 5.5 / 8)]
    assert window.run(*chosen, "type z").shown["visible"] == f"{int(3.5 * BAR)} {int(6.5 * BAR)}"
    assert window.run(*chosen, "type z", "type z").shown["visible"] == f"0 {8 * BAR}"


def test_nothing_changes_when_the_same_is_told_again(window: Window) -> None:
    """The window is drawn when this says so, and only then; the playhead counts once it has moved by a point."""
    wave = window.run(*PLAYED).controls["wave"]
    point = int(8 * BAR / wave.box[2])
    steps = ("again", f"position {point // 2}", f"position {point + 1}", f"position {2 * point - 9}", "track Bass")
    seen = [int(window.run(*PLAYED, *steps[:count]).shown["changes"]) for count in range(len(steps) + 1)]
    assert [after - before for before, after in itertools.pairwise(seen)] == [0, 0, 1, 0, 1]


def test_a_take_is_dragged_out_of_the_window(window: Window) -> None:
    """And not chosen by that; the original has no file, and a click is no drag."""

    def asked(*lines: str) -> list[str]:
        return [line for line in window.run(*lines).asked if not line.startswith("unused")]

    ready = ["can_drag", *PLAYED, *TAKES]
    at = window.run(*ready).controls
    out = [f"press {at['take 2'].at()}", "move 900 20", "move 950 20", "release 950 20"]
    assert asked(*ready, *out) == ["drag 2"]
    assert asked(*ready[1:], *out) == []
    original = [f"press {at['take 0'].at()}", "move 900 20", "release 900 20"]
    assert asked(*ready, *original) == []
    x, y = at["take 2"].point()
    assert asked(*ready, f"press {x} {y}", f"move {x + 2} {y}", f"release {x + 2} {y}") == ["choose 2"]


# ---- Punchin Chords ------------------------------------------------------------------------------------------


def test_the_window_of_notes_says_what_takes_follow(window: Window) -> None:
    assert window.run("hears_notes", *PLAYED).shown["line"].startswith("Play the song once")
    said = [window.run(*window.click(f"feeds {feeds}", *NOTES)).shown["line"] for feeds in FEEDS]
    assert said == [
        "Takes on the song's other tracks follow these chords.",
        "Takes on the song's other tracks follow these notes as a piano part.",
        "Takes on the song's other tracks follow these chords, and the notes as a piano part.",
    ]


FEEDS = ("chord", "piano", "chord piano")


def test_notes_are_followed_as_chords_until_the_musician_says_otherwise(window: Window) -> None:
    assert [window.run(*NOTES).controls[f"feeds {feeds}"].is_lit for feeds in FEEDS] == [True, False, False]
    seen = window.run(*window.tab_to("feeds chord", *NOTES), "key Right", "key Right", "key Left")
    assert seen.asked == ["write feeds piano", "write feeds chord piano", "write feeds piano"]
    assert [seen.controls[f"feeds {feeds}"].is_lit for feeds in FEEDS] == [False, True, False]


def test_the_window_of_notes_is_lower_whenever_it_learns_its_size(window: Window) -> None:
    assert window.run("size 840 360", *NOTES).controls == window.run(*NOTES, "size 840 360").controls
    for control in window.run("size 840 360", *NOTES).controls.values():
        assert control.box[1] + control.box[3] <= 360


def test_the_window_of_notes_selects_nothing_and_chooses_no_take(window: Window) -> None:
    asked = window.run(*NOTES, *window.drag(0.2, 0.6), "type p", "type 0", "type 1").asked
    assert [line for line in asked if not line.startswith("unused")] == []


def test_the_window_of_notes_zooms_and_moves_along_by_keys(window: Window) -> None:
    zoomed = window.run(*NOTES, *["key Up"] * 4).shown["visible"]
    along = window.run(*NOTES, *["key Up"] * 4, "key Right").shown["visible"]
    assert zoomed.split()[0] == "0"
    assert int(along.split()[0]) > 0
    back = window.run(*NOTES, *["key Up"] * 4, "key Right", "key Left", "key Left").shown["visible"]
    assert back == zoomed


def test_the_song_and_the_chords_track_are_named(window: Window) -> None:
    for name in ("track", "song_name"):
        [asked] = window.run(*window.tab_to(name, *NOTES), "key End", "type x", "key Enter").asked
        assert asked == f"write {name} {'Piano' if name == 'track' else ''}x"
