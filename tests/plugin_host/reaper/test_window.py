"""The plain window: it takes no keyboard from the musician, cuts no text, and is found where it was put."""

from __future__ import annotations

import msgspec
import pytest
from fakes.reaper_strict import Envelope
from punchin_bridge.hosts.protocol import JobView

from .conftest import Studio

pytestmark = pytest.mark.slow

LONG = "MMMMMMMMMMMMM mmmm " * 6 + "/home/anna/" + "Ünïcödé" * 20 + ".wav"


def failed(studio: Studio, text: str = "The region is empty.") -> JobView:
    view = msgspec.structs.replace(studio.ready_view(studio.submit()), phase="failed", line=text, takes=())
    studio.jobs = (view,)
    studio.shown("OK")
    return view


@pytest.mark.parametrize("context", [0, 1, 2])
def test_the_window_leaves_the_keyboard_where_it_was(studio: Studio, context: int) -> None:
    studio.reaper.context, studio.reaper.envelope = context, Envelope()
    failed(studio)
    assert studio.reaper.screen.is_open
    assert (studio.reaper.context, studio.reaper.screen.has_keyboard) == (context, False)
    studio.press("OK")
    studio.reaper.ticks(lambda: studio.tell() or not studio.reaper.screen.is_open)
    assert (studio.reaper.context, studio.reaper.screen.has_keyboard) == (context, False)


def test_a_key_that_it_gets_all_the_same(studio: Studio) -> None:
    """The musician clicked its title."""
    failed(studio)
    for key, plays in ((ord("s"), False), (ord(" "), True)):
        studio.reaper.screen.has_keyboard, studio.reaper.screen.key = True, key
        studio.reaper.tick()
        assert (studio.reaper.screen.has_keyboard, studio.reaper.playing) == (False, plays)


def test_no_text_is_cut(studio: Studio) -> None:
    failed(studio, LONG)
    screen = studio.reaper.screen
    assert "".join(screen.texts[:-1]).replace(" ", "") == LONG.replace(" ", "")
    assert screen.widest <= screen.width
    assert max(y for _, y, _ in screen.picture) < screen.height


def test_it_opens_where_it_was_put(studio: Studio) -> None:
    failed(studio)
    screen = studio.reaper.screen
    screen.place = (513, 20, 900)  # into a docker
    studio.reaper.ticks(lambda: studio.reaper.window_place == "513 20 900")
    studio.press("OK")
    studio.reaper.ticks(lambda: studio.tell() or not screen.is_open)
    screen.place = (0, 0, 0)
    failed(studio, "And again, something longer. " * 9)
    assert screen.place == (513, 20, 900)


def test_a_second_start_replaces_the_first_without_a_question(studio: Studio) -> None:
    """REAPER was held up so long that nobody knows whether the first one runs."""
    studio.submit()
    studio.reaper.skip(60.0)
    studio.click("Inpaint selection")
    assert studio.reaper.ran.count("Punchin_Background.lua") == 2
    assert studio.reaper.scripts_at_work == 1


def test_a_dialog_of_some_seconds_starts_nothing(studio: Studio) -> None:
    studio.submit()
    studio.reaper.skip(5.0)
    studio.click("Inpaint selection")
    assert studio.reaper.ran.count("Punchin_Background.lua") == 1
