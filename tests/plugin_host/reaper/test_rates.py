"""A project without a rate of its own has the audio device's, which REAPER closes when it likes: takes stay there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from fakes.reaper import Reaper
from fakes.reaper_project import audio_item, render
from punchin_bridge.hosts.protocol import Command, Held, Placed, Rendered, Submit

from .conftest import RATE, SECONDS, Studio

pytestmark = pytest.mark.slow

START, END = 2 * RATE, 4 * RATE
CHANGES: dict[str, int | None] = {"closed": None, "twice the rate": 2 * RATE, "CD": 44_100}


@pytest.fixture
def studio(studio: Studio) -> Studio:
    """The device is open at 12 kHz."""
    studio.project.has_rate, studio.reaper.device = False, RATE
    return studio


@pytest.mark.parametrize("device", CHANGES.values(), ids=CHANGES)
def test_takes_stand_where_they_were_asked_for(studio: Studio, device: int | None) -> None:
    before, said = studio.sound(), studio.submit()
    assert (said.timeline.rate, said.region.start, said.region.end) == (RATE, START, END)
    studio.reaper.device = device
    view = studio.ready(said)
    assert studio.hear(Placed).at is None
    assert not studio.heard(Held)
    after = studio.sound()
    take = soundfile.read(view.takes[0].path, dtype="float32")[0]
    assert np.array_equal(after[START:END].astype(np.float32), take)
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])


@pytest.mark.parametrize("device", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("button", ["Where asked", "At the new place"])
def test_takes_of_an_edited_song_stand_where_the_musician_says(studio: Studio, device: int | None, button: str) -> None:
    said = studio.submit()
    studio.reaper.device = device
    studio.project.track("Keys").items[0].info["D_POSITION"] = 1.5
    studio.ready(said)
    studio.press(button)
    by = round(1.5 * RATE) if button == "At the new place" else 0
    assert studio.hear(Placed).at == (START + by if by else None)
    [item] = [item for item in studio.project.track("Keys").items if len(item.takes) > 1]
    assert (round(item.start * RATE), round(item.stop * RATE)) == (START + by, END + by)


@pytest.mark.parametrize("device", CHANGES.values(), ids=CHANGES)
def test_what_is_refused_is_refused_at_the_jobs_own_place(studio: Studio, device: int | None) -> None:
    """What is locked begins where the selection ends; at another rate it would begin elsewhere."""
    keys = studio.project.track("Keys")
    keys.items[0].info["D_LENGTH"] = 4.0
    keys.items.append(audio_item(studio.project.folder / "keys.wav", 4.0, 1.0, C_LOCK=1.0))
    said = studio.submit()
    studio.reaper.device = device
    studio.ready(said)
    studio.hear(Placed)


def test_what_fades_at_an_edge_is_kept_at_its_own_rate(studio: Studio) -> None:
    said = studio.submit()
    studio.reaper.device = 2 * RATE
    studio.project.track("Keys").items[0].info["D_FADEOUTLEN"] = SECONDS - 3.0
    studio.ready(said)
    assert "rate is another" in studio.hear(Held).reason
    studio.reaper.device = RATE
    studio.press("Where asked")
    studio.hear(Placed)


@pytest.mark.parametrize("device", CHANGES.values(), ids=CHANGES)
def test_stems_are_read_at_the_rate_of_the_click(studio: Studio, device: int | None) -> None:
    studio.click("Inpaint selection")
    studio.reaper.tick()  # the bridge is not heard yet
    studio.reaper.device = device
    said = next(iter(studio.reaper.ticks(lambda: studio.tell() or studio.heard(Submit))))
    assert isinstance(said.target.audio, Rendered)
    sound, rate = soundfile.read(said.target.audio.path, dtype="float32", always_2d=True)
    assert rate == said.timeline.rate == RATE
    played = render(studio.project.track("Keys"), RATE, said.target.audio.start, len(sound), 2)
    assert np.array_equal(sound, played.astype(np.float32))


def again(studio: Studio) -> None:
    """REAPER is started anew with this project; the device stays closed."""
    studio.reaper.quit()
    studio.reaper = Reaper(studio.resources, [studio.project])


def close(studio: Studio) -> None:
    studio.reaper.device = None


@pytest.mark.parametrize("change", [close, again])
def test_the_rate_that_was_heard_last_holds(studio: Studio, change: Callable[[Studio], None]) -> None:
    studio.submit()
    change(studio)
    said = studio.submit()
    assert (said.timeline.rate, said.region.start, said.region.end) == (RATE, START, END)


def test_the_last_request_is_repeated_at_the_same_place(studio: Studio) -> None:
    studio.submit()
    studio.reaper.device = 2 * RATE
    said = studio.submit("Repeat last")
    assert (said.timeline.rate, said.region.start, said.region.end) == (2 * RATE, 2 * START, 2 * END)


def test_a_mark_stays_where_it_was_set(studio: Studio) -> None:
    studio.submit()
    studio.reaper.cursor = 1.0
    assert studio.asked(Command("in", "mark_in")) == ""
    studio.reaper.device, studio.reaper.cursor = 2 * RATE, 3.0
    assert studio.asked(Command("out", "mark_out")) == ""
    assert studio.project.selection == (1.0, 3.0)
