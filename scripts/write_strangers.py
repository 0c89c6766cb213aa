"""Write the ten songs of another hand, for measuring packs on music that shares no player and no sound with what they
learned from: `punchin eval inpaint --songs OUT --masks "one gap"`. Needs the program fluidsynth.

    python scripts/write_strangers.py build/strangers
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _listening import strangers
from punchin_train.evaluation.excerpts import other_soundfont


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the songs; 100 MB")
    parser.add_argument("--soundfont", type=Path, help="what plays them (default: one that packs are not trained on)")
    options = parser.parse_args()
    font = options.soundfont or other_soundfont()
    if font is None:
        parser.error("no soundfont that packs are not trained on (Debian: fluid-soundfont-gm)")
    strangers.lay(font, options.out)
    print(f"{len(strangers.SONGS)} songs in {options.out}")


if __name__ == "__main__":
    main()
