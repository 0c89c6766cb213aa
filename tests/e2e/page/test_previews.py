"""Takes while they grow, in a real browser over the fake engine: seen and heard before they are ready, gone after."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import songs
from fakes.bridge import RunningBridge, bridge
from fakes.harness import RunningDaemon, until
from fakes.host import FakeHost
from fakes.page import write_song
from fakes.room import submit
from peers.browser import Browser
from peers.opened import address, end, opened
from punchin_bridge.daemon.follow import Sent, follow
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.previews import Previews
from punchin_bridge.hosts.protocol import Rendered, Span, Track
from punchin_bridge.hosts.runner import HasFailed, IsReady, JobRunner
from punchin_bridge.hosts.spool import Spool
from punchin_bridge.settings import Settings
from punchin_bridge.splice.place import GUARD
from punchin_bridge.takes import render
from punchin_wire.params import InpaintParams

pytestmark = pytest.mark.e2e

RATE = 44_100
SEED = 3


@pytest.fixture
def running(home: Path, served: RunningDaemon) -> Iterator[RunningBridge]:  # noqa: ARG001
    with bridge(home) as found:
        yield found


LISTENS = "async () => Object.keys((await import('/app/state.js')).knobs.value).length > 0"
"""Something was told to the page, so the bridge knows that it shows: only then previews are asked for."""


@pytest.fixture
def tab(home: Path, running: RunningBridge) -> Iterator[Browser]:  # noqa: ARG001
    with opened(home) as found:
        found.until(LISTENS, 60)
        yield found


def punch(home: Path, tab: Browser, song: Path, text: str) -> None:
    """Have the fourth second of a song made anew."""
    tab.open(address(home, song))
    tab.until("document.querySelector('.make')")
    for name, value in (("takes", 1), ("seed", SEED), ("text", text)):
        tab.run(
            f"async () => (await import('/app/state.js')).doing('turn', {json.dumps({'name': name, 'value': value})})"
        )
    tab.fill("#region-last", "4")
    tab.fill("#region-first", "3")
    tab.until("async () => (await import('/app/audition.js')).loaded.value.has('song')")
    tab.run("document.activeElement.blur()")
    tab.press("p")


GROWN = """async () => {
  const { player, growing, heard, loaded, chosen, playing } = await import("/app/audition.js");
  const [each] = growing.value, buffer = each && loaded.value.has(each.name) && player.buffers.get(each.name);
  if (!buffer) return null;
  const [start, end] = heard.value.region;
  const data = [...Array(buffer.numberOfChannels).keys()].map((c) => [...buffer.getChannelData(c)]);
  return { round: each.round, samples: each.samples, start, end, data, chosen: chosen.value, playing: playing.value };
}"""


def grown(tab: Browser, samples: int, round: int = 0) -> dict[str, Any]:
    """The one take that grows as it lies in the player, once so much of it is there."""
    tab.until(
        f"""async () => {{
          const {{ growing, player, heard }} = await import("/app/audition.js"), [each] = growing.value;
          const buffer = each && player.buffers.get(each.name);
          return each?.round === {round} && each.samples === {samples} && buffer
            && buffer.getChannelData(0)[heard.value.region[0] + {samples} - 1] !== 0;
        }}""",
        60,
    )
    found: dict[str, Any] = tab.run(GROWN)
    return found


HALF = RATE // 2 - GUARD


def test_a_take_is_seen_and_heard_while_it_grows(home: Path, tab: Browser, tmp_path: Path) -> None:
    """As far as it has come it is the raw take, sample by sample; silence follows, and around it the song. The take
    comes in its place."""
    song, hold = write_song(tmp_path / "grows.wav"), tmp_path / "go"
    punch(home, tab, song, f"steps=10 hold={hold}")
    tab.until("document.querySelector('.jobs .grows canvas')", 60)
    assert "of 1.0 s" in tab.text(".jobs .grows")
    assert "as the model hears it" in tab.text(".take.growing")
    tab.press("1", " ")
    found = grown(tab, HALF)
    before, _ = soundfile.read(song, dtype="float32", always_2d=True)
    first, last = found["start"], found["end"]
    heard = np.array(found["data"], np.float32)
    window = before[: heard.shape[1]].T
    raw = (1 + SEED) * window[0, first:last]
    assert (first, last) == (3 * RATE, 4 * RATE)
    assert np.abs(heard[:, first : first + HALF] - raw[:HALF]).max() < 1e-5
    assert not heard[:, first + HALF : last].any()
    assert np.array_equal(heard[:, :first], window[:, :first])
    assert np.array_equal(heard[:, last:], window[:, last:])
    assert found["playing"]
    assert found["chosen"].startswith("preview")
    hold.touch()
    tab.until("document.querySelectorAll('[data-take]').length === 2 && !document.querySelector('.growing')", 60)
    tab.until("document.querySelector('.take:nth-child(2).chosen')", 60)
    left = tab.run(
        """async () => {
          const { player, playing, loaded } = await import("/app/audition.js");
          const isPreview = (name) => name.startsWith("preview");
          return [playing.value, loaded.value.size, [...player.voices.keys()].some(isPreview)];
        }"""
    )
    assert left == [True, 2, False]
    tab.press(" ")
    assert tab.log == []


def test_what_grows_for_a_daw_is_heard_and_gone_when_it_is_cancelled(
    tab: Browser, running: RunningBridge, tmp_path: Path
) -> None:
    host = FakeHost(running.spool)
    host.hello()
    job = host.submit(params=InpaintParams(takes=1, seed=SEED, text=f"steps=10 hold={tmp_path / 'never'}"))
    tab.until("document.querySelector('.jobs .grows button')", 60)
    tab.click(".jobs .grows button")
    tab.until("document.querySelector('.take.growing.chosen')")
    found = grown(tab, host.rate - GUARD)  # half of two seconds
    first = found["start"]
    window = host.track[:, 4 * host.rate - first :]
    heard = np.array(found["data"][1][: first + host.rate - GUARD], np.float32)
    assert np.array_equal(heard[:first], window[1, :first])
    assert np.abs(heard[first:] - (1 + SEED) * window[0, first : first + host.rate - GUARD]).max() < 1e-5
    tab.click(f'.jobs li[data-job="{job}"] > button:last-child')
    host.wait(job, "cancelled")
    tab.until("!document.querySelector('.growing')", 60)
    tab.until("document.querySelector('.take.chosen')?.dataset.take === 'song'")
    tab.until("async () => (await import('/app/audition.js')).loaded.value.size === 1")
    assert tab.log == []
    host.bye()


def test_a_preview_begins_anew_where_the_worker_dies_and_costs_no_try(home: Path, tab: Browser, tmp_path: Path) -> None:
    song, hold = write_song(tmp_path / "dies.wav"), tmp_path / "go"
    punch(home, tab, song, f"steps=10 hold={hold} die once={tmp_path / 'died'}")
    tab.until("document.querySelector('.take.growing')", 60)
    grown(tab, HALF)
    hold.touch()
    again = grown(tab, HALF, round=1)
    assert not any(again["data"][0][again["start"] + HALF : again["end"]])
    hold.touch()
    tab.until("document.querySelectorAll('[data-take]').length === 2 && !document.querySelector('.growing')", 60)
    assert tab.log == []


def test_a_bridge_that_was_killed_asks_for_the_very_same(home: Path, served: RunningDaemon, tmp_path: Path) -> None:  # noqa: ARG001
    """Though nobody watches any more: the daemon knows the job by its request, and goes on with it."""
    hold = tmp_path / "go"
    with bridge(home) as first:
        host = FakeHost(first.spool)
        host.hello()
        with opened(home) as tab:
            tab.until(LISTENS, 60)
            job = host.submit(params=InpaintParams(takes=1, seed=1, text=f"steps=10 hold={hold}"))
            tab.until("async () => (await import('/app/state.js')).jobs.value.some((j) => j.previews.length)", 60)
        first.stop(signal.SIGKILL)
    with bridge(home):
        host.hello()
        host.wait(job, "running")
        hold.touch()
        host.place(job)
        host.bye()


def test_where_nobody_watches_no_preview_is_asked_for(running: RunningBridge) -> None:
    host = FakeHost(running.spool)
    host.hello()
    job = host.submit(params=InpaintParams(takes=1, seed=1))
    record = until(lambda: next(running.spool.glob(f"jobs/{job}/*.json"), None))
    assert json.loads(record.read_bytes())["preview"] is False
    host.place(job)
    host.bye()


@pytest.mark.model
def test_a_preview_is_the_beginning_of_the_models_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the built-in pack: of each take the first seconds, sample by sample, as it is before it is levelled and
    laid."""
    home = tmp_path / "home"
    monkeypatch.setenv("PUNCHIN_HOME", str(home))
    sent: list[Sent] = []

    def following(*args: Any) -> Any:
        followed = follow(*args)
        sent.extend(followed.takes)
        return followed

    monkeypatch.setattr(render, "follow", following)
    monkeypatch.setattr(Previews, "drop", lambda *_: None)  # to be looked at afterwards
    spool = Spool(tmp_path / "spool")
    spool.open()
    song = tmp_path / "song.wav"
    soundfile.write(song, songs.audio(12.0, 2, 48_000).T, 48_000)
    track = Track("t", "Keys", Rendered(str(song), 0))
    params = InpaintParams(takes=2, seed=7)
    asked = submit(target=track, region=Span(4 * 48_000, 7 * 48_000), params=params)
    runner = JobRunner(spool, Settings())
    try:
        address(home)  # starts a daemon, which the runner finds
        runner.start(JobRecord(asked, 1.0, 7, preview=True))
        while not isinstance(event := runner.events.get(timeout=240), IsReady | HasFailed):
            pass
    finally:
        end(home)
    assert isinstance(event, IsReady), event
    previews = runner.previews.of(asked.job)
    assert [preview.take for preview in previews] == [0, 1]
    for preview, (take, audio) in zip(previews, sent, strict=True):
        assert take.seed == 7 + preview.take  # the first try, which alone is shown
        heard = np.concatenate([chunk.audio for chunk in preview.chunks])
        first = preview.chunks[0].start - take.start
        assert len(heard) >= 2 * preview.rate
        assert np.abs(heard - audio[0, first : first + len(heard)]).max() < 1e-3
