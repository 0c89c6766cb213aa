"""The page in a real browser, between real processes with the fake engine: what is shown, what is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.bridge import RunningBridge
from fakes.harness import RunningDaemon, until
from fakes.host import FakeHost
from fakes.page import write_song, write_take
from peers.browser import Browser, browser
from peers.opened import address, opened
from punchin_bridge import remotes
from punchin_bridge.hosts.protocol import CommandResult
from punchin_wire.params import InpaintParams

pytestmark = pytest.mark.e2e


@pytest.fixture
def tab(home: Path, running: RunningBridge) -> Iterator[Browser]:  # noqa: ARG001
    with opened(home) as found:
        yield found


SLOW = InpaintParams(takes=1, seed=1, text="steps=400 step=0.02")


# ---- coming in -----------------------------------------------------------------------------------------------


def test_the_address_opens_the_page_once_and_a_tab_stays_in(home: Path, running: RunningBridge) -> None:  # noqa: ARG001
    where = address(home)
    with browser() as tab:
        tab.open(where)
        tab.until("document.querySelector('.welcome .big')")
        assert "#" not in tab.call("address")
        tab.call("go", tab.call("address"))
        tab.until("document.querySelector('.welcome .big')")
        assert tab.log == []
        tab.open(where)  # another tab with the address that was used
        tab.until("document.querySelector('.refused')")
        assert "punchin open" in tab.text(".refused")


def test_another_page_gets_nothing(tab: Browser) -> None:
    where = tab.call("address")
    tab.open("data:text/html,<h1>evil</h1>")
    found = tab.run(
        f"""async () => {{
          const said = [];
          for (const path of ["", "api/session", "app/main.js"]) {{
            said.push(await fetch("{where}" + path).then((r) => r.status, () => "refused"));
          }}
          said.push(await new Promise((done) => {{
            const socket = new WebSocket("{where}".replace("http", "ws") + "api/events", ["punchin", "x"]);
            socket.onopen = () => done("open");
            socket.onerror = () => done("refused");
          }}));
          return said;
        }}"""
    )
    assert found == ["refused"] * 4


# ---- names are texts -----------------------------------------------------------------------------------------

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_names_are_shown_as_they_are(home: Path, tab: Browser, running: RunningBridge, tmp_path: Path) -> None:
    """Of a song, a track, a project and a chord: none of them is markup."""
    song = write_song(tmp_path / "a <b onclick=x>&amp;.wav")
    tab.open(address(home, song))
    tab.until("document.querySelector('.song h2')")
    assert "<b onclick" not in tab.run("document.querySelector('.song').innerHTML")
    host = FakeHost(running.spool, project=EVIL)
    host.hello()
    job = host.submit(params=InpaintParams(takes=1, seed=1, text="steps=60 step=0.02"))
    tab.until("document.querySelector('.chip')")
    assert EVIL in tab.text("header")
    assert tab.count("header img") + tab.count("header script") + tab.count("main img") == 0
    host.place(job)
    host.bye()
    assert tab.log == []


# ---- jobs of a DAW -------------------------------------------------------------------------------------------


def test_a_daws_job_is_shown_as_it_goes_heard_and_used(tab: Browser, running: RunningBridge) -> None:
    host = FakeHost(running.spool, can=("inpaint", "cancel", "pick", "repeat"))
    host.hello()
    job = host.submit(params=InpaintParams(takes=2, seed=5, text="steps=60 step=0.02"))
    tab.until(f"document.querySelector('[data-job=\"{job}\"] progress')?.value > 0")
    line = tab.text(f'[data-job="{job}"]')
    assert "Keys" in line
    assert "Fake 1.0" in line
    assert "%" in line
    host.place(job)
    listen = f'[data-job="{job}"] .primary'
    tab.until(f"document.querySelectorAll('[data-take]').length === 3 || document.querySelector('{listen}')")
    if tab.count(listen):  # another one is shown
        tab.click(listen)
    tab.until("document.querySelectorAll('[data-take]').length === 3")
    tab.until("[...document.querySelectorAll('.take .level')].every((e) => e.innerText.includes('LUFS'))")
    assert "seed 6" in tab.text(".take:nth-child(3)")
    tab.press("2", " ")
    tab.until("document.querySelector('#play[aria-pressed=true]')")
    tab.press(" ")
    tab.click(".take.chosen .does .primary")
    until(host.asks)
    asked = host.asks()[-1]
    assert (asked.action, asked.take, asked.job) == ("pick", 1, job)
    host.post(CommandResult(host.name, asked.ask, "These takes do not stand any more."))
    tab.until("document.querySelector('.notice.bad')")
    assert "do not stand" in tab.text(".notice.bad")
    tab.click(".take.chosen .does .primary")
    until(host.asks)
    host.post(CommandResult(host.name, host.asks()[-1].ask))
    tab.until("document.querySelector('.notice.good')")
    tab.run("[...document.querySelectorAll('.takes button')].find((e) => e.innerText === 'Again').click()")
    until(lambda: host.asks() and host.asks()[-1].action == "repeat")
    host.post(CommandResult(host.name, host.asks()[-1].ask))
    host.bye()
    assert tab.log == []


def test_a_job_is_cancelled_within_a_second_and_errors_say_what_next(tab: Browser, running: RunningBridge) -> None:
    host = FakeHost(running.spool)
    host.hello()
    job = host.submit(params=SLOW)
    tab.until(f"document.querySelector('[data-job=\"{job}\"] progress')?.value > 0")
    tab.click(f'.jobs li[data-job="{job}"] > button:last-child')
    host.wait(job, "cancelled")
    tab.until(f"!document.querySelector('[data-job=\"{job}\"]')", 5)
    failing = host.submit(params=InpaintParams(takes=1, seed=1, text="fail"))
    tab.until(f"document.querySelector('[data-job=\"{failing}\"].failed')")
    assert tab.text(".jobs .failed .line .dim")
    host.bye()


def test_how_busy_the_daemon_is_stands_below_the_jobs(
    tab: Browser, running: RunningBridge, served: RunningDaemon
) -> None:
    """Where others have their takes made there, too; a job that is alone says nothing of it."""
    others = served.client()
    busy = others.occupy()
    host = FakeHost(running.spool)
    host.hello()
    job = host.submit(params=SLOW)
    tab.until("document.querySelector('.jobs .seats')", 60)
    assert tab.text(".jobs .seats") == "1 seat, 1 busy; 1 job of others."
    tab.until(f"document.querySelector('[data-job=\"{job}\"]')?.innerText.includes('Waiting behind 1.')", 60)
    others.stop(*busy)
    tab.until("!document.querySelector('.jobs .seats')", 60)
    tab.until(f"document.querySelector('[data-job=\"{job}\"] progress')?.value > 0", 60)
    tab.click(f'.jobs li[data-job="{job}"] > button:last-child')
    host.wait(job, "cancelled")
    host.bye()
    assert tab.log == []


# ---- listening -----------------------------------------------------------------------------------------------


def test_blind_mode_says_nothing(home: Path, tab: Browser, tmp_path: Path) -> None:
    listening(home, tab, write_song(tmp_path / "blind.wav"), 3)
    assert "seed 2" in tab.text(".takes")
    tab.press("x")
    tab.until("document.querySelector('.take b').innerText === 'Candidate A'")
    shown = tab.text(".takes .list")
    assert "seed" not in shown
    assert "Take" not in shown
    assert "song" not in shown
    assert tab.count(".takes canvas") == 0
    assert tab.count(".takes .does") == 0
    assert tab.run("document.querySelector('.takes').innerHTML.includes('seed')") is False
    assert tab.log == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_a_small_window(home: Path, running: RunningBridge, tmp_path: Path, scheme: str) -> None:  # noqa: ARG001
    """800 × 600: nothing is wider than the window, in either colours."""
    song = write_song(tmp_path / f"{scheme} with a name that is much longer than any name of a song should ever be.wav")
    with opened(home, song, colorScheme=scheme, viewport={"width": 800, "height": 600}) as tab:
        tab.until("document.querySelector('.make')")
        assert tab.run("document.documentElement.scrollWidth") <= 800
        assert tab.log == []


def listening(home: Path, tab: Browser, song: Path, count: int) -> None:
    """Open a song with so many takes of its fourth second, and show them."""
    tab.open(address(home, song))
    tab.until("document.querySelector('.make')")
    folder = Path(tab.run("async () => (await import('/app/state.js')).song.value.folder"))
    for seed in range(1, count + 1):
        write_take(song, folder, 3.0, 4.0, seed)
    tab.run("async () => (await import('/app/state.js')).doing('reset', {})")
    tab.until(f"async () => (await import('/app/state.js')).groups.value.some((g) => g.takes.length === {count})")
    tab.fill("#region-last", "4")
    tab.fill("#region-first", "3")
    tab.until(f"document.querySelectorAll('[data-take]').length === {count + 1}")
    tab.until("[...document.querySelectorAll('.take .level')].at(-1).innerText.includes('LUFS')")
    tab.run("document.activeElement.blur()")


def test_what_is_written_down_stays_and_the_bin_gives_back(home: Path, tab: Browser, tmp_path: Path) -> None:
    song = write_song(tmp_path / "notes.wav")
    listening(home, tab, song, 2)
    tab.press("2", "f")
    tab.until("document.querySelector('.take:nth-child(3) .star[aria-pressed=true]')")
    tab.click(".take.chosen summary")
    tab.fill(".take.chosen .about input", "The good one")
    tab.until("document.querySelector('.take:nth-child(3) b').innerText === 'The good one'")
    tab.call("go", tab.call("address"))
    tab.until("document.querySelector('.take:nth-child(3) b')?.innerText === 'The good one'")
    tab.press("1")
    tab.click(".take.chosen .does button:last-child")
    tab.until("document.querySelectorAll('[data-take]').length === 2")
    tab.click(".notice.good button")
    tab.until("document.querySelectorAll('[data-take]').length === 3")
    assert tab.log == []


def test_chords_that_are_refused_stay_and_are_marked(home: Path, tab: Browser, tmp_path: Path) -> None:
    listening(home, tab, write_song(tmp_path / "chords.wav"), 1)
    tab.call("fill", ".typed input", "Am | Qx")
    tab.press("Enter")
    tab.until("document.querySelector('.typed input[aria-invalid=true]')")
    assert "Qx" in tab.text("#chords-wrong")
    assert tab.run("document.querySelector('.typed input').value") == "Am | Qx"
    assert tab.count(".notice") == 0
    tab.call("fill", ".typed input", "Am | F")
    tab.until("document.querySelector('.typed input[aria-invalid=false]')")
    tab.press("Enter")
    tab.until("document.querySelector('[data-control=chord] input:checked')")
    assert tab.run("document.querySelector('.typed input').value") == "Am | F"
    assert tab.log == []


def test_several_notices_cover_nothing(home: Path, running: RunningBridge, tmp_path: Path) -> None:  # noqa: ARG001
    """760 px: one after the other, each as long as it is not read; the button below stays free."""
    with opened(home, write_song(tmp_path / "notices.wav"), viewport={"width": 760, "height": 600}) as tab:
        tab.until("document.querySelector('.make')")
        tab.fill("#region-first", "1")
        tab.run(
            """async () => {
              const { complain } = await import("/app/state.js");
              for (const n of ["first", "second", "third"]) {
                complain({ message: `The ${n} of some sentences that say what went wrong here.`, next_step: "Look." });
              }
            }"""
        )
        tab.until("document.querySelector('.notice')?.innerText.includes('third')")
        assert tab.count(".notice") == 1
        assert "and 2 more" in tab.text(".notice")
        tab.run("document.querySelector('#punch').scrollIntoView()")
        apart = tab.run(
            """() => {
              const box = (where) => document.querySelector(where).getBoundingClientRect();
              const [punch, notice] = [box("#punch"), box(".notice")];
              return punch.bottom <= notice.top || punch.top >= notice.bottom;
            }"""
        )
        assert apart
        tab.click(".notice .quiet")
        tab.until("document.querySelector('.notice').innerText.includes('second')")


def test_abx_counts_what_is_told_apart(home: Path, tab: Browser, tmp_path: Path) -> None:
    listening(home, tab, write_song(tmp_path / "abx.wav"), 2)
    tab.press("2")
    tab.run("[...document.querySelectorAll('.takes button')].find((e) => e.innerText === 'ABX').click()")
    tab.until("document.querySelector('.abx')")
    assert "seed" not in tab.text("main .columns > div")
    for wrong in (False, True, False, False, False, False):
        right = tab.run("async () => (await import('/app/views/abx.js')).test.value.x")
        tab.press("a", "b", "x", "ArrowRight" if (right == "b") != wrong else "ArrowLeft")
    assert "5 of 6 right" in tab.text(".abx p")
    assert "p = 0.109" in tab.text(".abx p")
    heard = tab.run(
        """async () => {
          const { player } = await import("/app/audition.js"), { test } = await import("/app/views/abx.js");
          return [player.loop[1] - player.loop[0], player.chosen === test.value[test.value.x]];
        }"""
    )
    assert heard == [44_100, True]
    tab.press("Escape")
    tab.until("!document.querySelector('.abx')")
    assert tab.log == []


def test_two_hundred_takes_scroll(home: Path, tab: Browser, tmp_path: Path) -> None:
    song = write_song(tmp_path / "many.wav", rate=16_000, channels=1)
    listening(home, tab, song, 200)
    assert tab.count(".take") == 201
    frames = tab.run(
        """async () => {
          const list = document.querySelector(".takes .list"), before = performance.now();
          for (let i = 1; i <= 20; i++) {
            list.scrollTop = (i * list.scrollHeight) / 20;
            await new Promise(requestAnimationFrame);
          }
          return [list.scrollTop > 1000, performance.now() - before];
        }"""
    )
    assert frames[0]
    assert tab.run("async () => (await import('/app/audition.js')).loaded.value.size") <= 18
    assert tab.log == []


def test_a_song_of_two_hours_opens_at_once(home: Path, tab: Browser, tmp_path: Path) -> None:
    """1.27 GB, most of it silence that no disk holds; its shape is there before it was read."""
    song = write_song(tmp_path / "two hours.wav", 10.0)
    frames = 2 * 3600 * 44_100
    with song.open("r+b") as file:
        file.truncate(44 + 4 * frames)
        for at, size in ((4, 36 + 4 * frames), (40, 4 * frames)):
            file.seek(at)
            file.write(size.to_bytes(4, "little"))
    where = address(home, song)
    began = time.monotonic()
    tab.open(where)
    tab.until("document.querySelector('.make')")
    tab.until("async () => !!(await import('/app/views/wave.js')).shape.value")
    took = time.monotonic() - began
    print(f"{took:.2f} s until the song's shape is seen")
    assert took < 15.0  # under 3 s where nothing else runs
    assert tab.run("async () => (await import('/app/state.js')).song.value.samples") == frames
    tab.fill("#region-first", "7000")
    tab.until("['silent', '-inf LUFS'].includes(document.querySelector('.take .level')?.innerText)")
    assert tab.log == []


# ---- other computers -----------------------------------------------------------------------------------------


def test_another_computer_is_chosen_among_the_packs(home: Path, tab: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one click, for all that is asked for next; where its packs cannot be had, there is a way back."""
    monkeypatch.setenv("PUNCHIN_HOME", str(home))
    remotes.add("box", "127.0.0.1:1", "ab" * 32)
    try:
        tab.run("[...document.querySelectorAll('header button')].find((each) => each.textContent === 'Packs').click()")
        tab.until("document.querySelector('dialog.packs select')?.value === 'local'")
        choose = """() => { const list = document.querySelector('dialog.packs select'); list.value = '%s';
                            list.dispatchEvent(new Event('change', {bubbles: true})); }"""
        tab.run(choose % "box")
        until(lambda: remotes.read().used == "box")
        tab.until("document.querySelector('dialog.packs select')?.value === 'box'")
        tab.run(choose % "local")
        until(lambda: remotes.read().used == "")
    finally:
        remotes.remove("box")
