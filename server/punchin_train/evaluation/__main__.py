"""`python -m punchin_train.evaluation inpaint | transfer`: parses words, runs, prints the report.

Exit codes are those of the error tree of punchin_wire.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from punchin_wire import program
from punchin_wire.params import CONTROL_GUIDANCE, HOLD, Sampling

from .. import seats

FULL_MINUTES = 180.0
MASKS = ("one gap", "two gaps", "four gaps", "10 s")
PARAMETERS = ("omega", "alpha", "lambda", "hold", "sdedit", "negative", "fused")
TARGETS = ("piano", "acoustic guitar", "violin", "cello", "flute", "harp", "marimba", "organ")


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(argv)
    return program.guarded(lambda: _evaluate(args), args.json, train=True)


def _evaluate(args: argparse.Namespace) -> int:
    tables = _run(args)
    if args.json:
        print(json.dumps({"out": str(args.out.absolute()), "tables": tables}))
    else:
        print((args.out / "report.md").read_text("utf-8"))
        print(f"In {args.out.absolute()}")
    return 0


def _run(args: argparse.Namespace) -> list[object]:
    import torch  # seconds, which `--help` need not take

    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # librosa and the engine take turns
    where = seats.chosen(args, "auto" if args.what == "inpaint" else "cpu")
    common = {
        "pack": args.pack, "out": args.out, "windows": args.windows, "seed": args.seed, "songs": args.songs,
        "verbose": sys.stdout.isatty() and not args.json,
        "minutes": args.minutes if args.minutes is not None else FULL_MINUTES if args.full else 10.0,
    }  # fmt: skip
    from . import excerpts, inpaint, transfer, transfer_rows

    if args.what == "inpaint":
        font = args.soundfont or excerpts.other_soundfont()
        drawn, holes = Sampling(control_guidance=args.control_guidance), tuple(args.masks or MASKS)
        filled = inpaint.Run(soundfont=font, edition=args.edition, masks=holes, sampling=drawn, **common)
        return [table.json() for table in inpaint.evaluate(filled, where)]
    varied, targets = tuple(args.parameters or PARAMETERS), tuple(args.targets or TARGETS)
    run = transfer_rows.Run(full=args.full, parameters=varied, targets=targets, hold=args.hold, **common)
    return [table.json() for table in transfer.evaluate(run, where)]


def parser() -> argparse.ArgumentParser:
    """The words of `punchin eval`."""
    parser = argparse.ArgumentParser(
        prog="punchin eval",
        description="Measure a pack as the papers do, beside its bounds: a table in Markdown and JSON, and plots. "
        "A run keeps to its minutes and says how wide its intervals are.",
        epilog="CLAP scores and FAD CLAP appear once `hf download laion/clap-htsat-unfused` (Apache-2.0, 0.6 GB) has "
        "put those weights on disk; htdemucs (MIT) tells drums apart once demucs is installed by pip and has separated "
        "a file. Until then tables say FAD stand-in and oracle masks. This command downloads nothing.",
    )
    parser.add_argument("what", choices=("inpaint", "transfer"), help="which half of the pack")
    parser.add_argument("--pack", default="tiny", help="model pack (default: tiny)")
    parser.add_argument(
        "--songs", type=Path, metavar="DIR", help="measure on these: songs in Slakh2100's layout, or clips"
    )
    parser.add_argument("--soundfont", type=Path, help="plays our songs (default: one that packs are not trained on)")
    parser.add_argument(
        "--edition",
        type=int,
        choices=(1, 2, 3),
        default=1,
        help="of our songs; 2: genres; 3: any band, chords, sound",
    )
    parser.add_argument("--masks", nargs="+", choices=MASKS, help="inpaint: only these holes (default: all)")
    parser.add_argument(
        "--control-guidance", type=CONTROL_GUIDANCE.read, help="inpaint: how strictly controls are followed"
    )
    parser.add_argument("--parameters", nargs="+", choices=PARAMETERS, help="transfer: vary only these (default: all)")
    parser.add_argument("--hold", type=_hold, default=0.0, help="transfer: of rows that do not vary it (default: 0)")
    parser.add_argument(
        "--targets", nargs="+", choices=TARGETS, help="transfer: what the clips of --songs become (default: all)"
    )
    parser.add_argument("--out", type=Path, default=Path("eval"), help="folder of the report (default: eval)")
    parser.add_argument("--minutes", type=_minutes, help="what all but the first excerpts may take (default: 10)")
    parser.add_argument("--windows", type=_windows, default=104, help="excerpts a row at most (default: 104)")
    parser.add_argument("--seed", type=int, default=0, help="of songs, holes and takes (default: 0)")
    parser.add_argument("--full", action="store_true", help="the published tables: all rows, up to three hours")
    seats.add_options(parser, "inpaint auto, transfer cpu")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"a run cannot take {text} minutes")
    return minutes


def _hold(text: str) -> float:
    return HOLD.read(text)


def _windows(text: str) -> int:
    windows = int(text)
    if windows < 1:
        raise argparse.ArgumentTypeError(f"nothing can be measured on {text} excerpts")
    return windows


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(sys.argv[1:])))
