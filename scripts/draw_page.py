"""Take docs/page*.png: the page in five states, in a real browser, with real takes of the built-in pack.

python scripts/draw_page.py SONG.wav CHORDS.mid [FOLDER]

Needs Chromium, node and playwright-core. Each state says which colours and which size it is shown in.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the browser that the tests drive

from peers.browser import Browser
from peers.opened import end, opened

LARGE, SMALL = {"width": 1200, "height": 900}, {"width": 800, "height": 600}
MADE = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("chords", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).resolve().parents[1] / "docs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="punchin-page-") as name:
        home = Path(name)
        try:
            draw(home, given.song.resolve(), given.chords.resolve(), given.folder.resolve())
        finally:
            end(home)


def draw(home: Path, song: Path, chords: Path, folder: Path) -> None:
    with shown(home, folder / "page_empty.png", "light", LARGE) as tab:
        tab.until("document.querySelector('.welcome .big')")
    with shown(home, folder / "page_working.png", "light", LARGE, song) as tab:
        tab.until("document.querySelector('.make')")
        tab.drop(chords, ".make")
        tab.until("document.querySelector('#region-first[max=\"12\"]')")
        tab.fill("#region-last", "6")
        tab.fill("#region-first", "5")
        tab.fill("#knob-takes", "4")
        tab.click("#punch")
        tab.until("document.querySelectorAll('.growing').length === 4", MADE)
        tab.press("2")
    with shown(home, folder / "page.png", "dark", LARGE, song) as tab:
        ready(tab)
        tab.press("2", "f")
        tab.until("document.querySelector('.take.chosen .star[aria-pressed=true]')")
    with shown(home, folder / "page_abx.png", "dark", LARGE, song) as tab:
        ready(tab)
        tab.press("2")
        tab.run("[...document.querySelectorAll('.takes button')].find((e) => e.innerText === 'ABX').click()")
        for _ in range(6):  # as somebody answers who hears it
            right = tab.run("async () => (await import('/app/views/abx.js')).test.value.x")
            tab.press("ArrowRight" if right == "b" else "ArrowLeft")
    with shown(home, folder / "page_small.png", "light", SMALL, song) as tab:
        ready(tab)
        tab.press("3")
        tab.run("document.querySelector('.takes').scrollIntoView()")


def ready(tab: Browser) -> None:
    """All takes are there and measured."""
    tab.until("document.querySelectorAll('[data-take]').length === 5", MADE)
    tab.until("[...document.querySelectorAll('.take .level')].every((e) => e.innerText.includes('LUFS'))")


@contextmanager
def shown(home: Path, picture: Path, scheme: str, size: dict[str, int], *song: Path) -> Iterator[Browser]:
    """The page in these colours; what it shows in the end is the picture."""
    with opened(home, *song, colorScheme=scheme, viewport=size) as tab:
        yield tab
        tab.run("new Promise((done) => setTimeout(done, 500))")
        tab.call("picture", str(picture))
        print(picture, *tab.log)


if __name__ == "__main__":
    main()
