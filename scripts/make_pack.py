"""Trains the tiny pack from nothing: songs, codec, tokens, language model with adapters, the pack, its figures; and
then its transfer half: solo lines, autoencoder, vocoder, AudioMAE, CLAP, UNet with adapter, and its figures.

    python scripts/make_pack.py --minutes 100 --out build/tiny
    python scripts/make_pack.py transfer --minutes 200 --out build/tiny-transfer --pack build/tiny/pack
    python scripts/make_pack.py --minutes 100 --out build/more --edition 2 --start build/tiny/pack
    python scripts/make_pack.py transfer --out build/more --pack build/more/pack --start build/tiny/pack

The last two go on from a finished pack. What others have learned to read stays as it is: the codec's encoder and so
its tokens, autoencoder, vocoder, AudioMAE and CLAP.

The time given is shared between the stages. Each stage goes on from what the last run left in `OUT`, so the command
may be stopped and given again, or a stage run on its own with --stage. One thread on CPU; a GPU is used if there is
one. On a second core, `--stage encode` and then `--stage decoder` may run beside the lm stage, and `--stage vocoder`
beside everything that follows the vae stage.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import torch
from punchin_server.packs.registry import read_pack
from punchin_train import report, seats
from punchin_train.evaluation.excerpts import other_soundfont
from punchin_train.inpaint import train_codec, train_lm
from punchin_train.inpaint.codec import Codec, CodecShape
from punchin_train.inpaint.evaluate_codec import codebook_use, evaluate_codec
from punchin_train.inpaint.evaluate_takes import Sampling, TakeEvaluation, windows
from punchin_train.inpaint.lm import LmShape
from punchin_train.inpaint.pack import About, read_codec, read_trainee, write_pack
from punchin_train.inpaint.tokens import encode_corpus, silence
from punchin_train.inpaint.train_lm import Trainee
from punchin_train.inpaint.windows import TokenCorpus
from punchin_train.songs.rendering import render_corpus
from punchin_train.songs.songs import EDITIONS
from punchin_train.transfer import stages as transfer
from punchin_train.transfer.pack import keep_half
from punchin_train.transfer.start import unpack

SHARES = {
    "data": 0.07,
    "codec": 0.2,
    "encode": 0.06,
    "lm": 0.48,
    "adapters": 0.05,
    "decoder": 0.1,
    "write": 0.0,
    "eval": 0.04,
}
SONG_SECONDS, HELD_OUT_SONGS, FIRST_HELD_OUT = 40.0, 64, 9_000_000
WINDOWS = 104  # to evaluate on
SOURCE = "trained by scripts/make_pack.py on procedural songs; no recordings"


class Stages:
    """Each stage by its name; `minutes` is what the whole run may take."""

    def __init__(
        self,
        out: Path,
        minutes: float,
        songs: int,
        held_out: int = FIRST_HELD_OUT,
        edition: int = 1,
        start: Path | None = None,
        where: seats.Settings = seats.ALONE,
    ) -> None:
        self.where = where
        self.out, self.minutes, self.songs, self.edition, self.start = out, minutes, songs, edition, start
        self.held_out = EDITIONS[edition] + held_out
        self.codec_shape, self.lm_shape, self.sampling = CodecShape(), LmShape(), Sampling()
        self.audio, self.tokens = out / "songs", out / "tokens"
        self.pack = out / "pack"

    def data(self) -> None:
        held_out = range(self.held_out, self.held_out + HELD_OUT_SONGS)
        font = other_soundfont() if self.edition > 1 else None  # the first edition's figures are of the training's
        render_corpus(self.audio / "heldout", held_out, SONG_SECONDS, True, soundfont=font, where=self.where)
        minutes, first = self.minutes * SHARES["data"], EDITIONS[self.edition]
        songs = range(first, first + self.songs)
        render_corpus(self.audio / "train", songs, SONG_SECONDS, minutes=minutes, where=self.where)

    def codec(self) -> None:
        minutes, checkpoint = self.minutes * SHARES["codec"], self.out / "codec.pt"
        if self.start:
            train_codec.save(checkpoint, read_codec(self.start, self.codec_shape), None, 0, 0.0)
        else:
            train_codec.train(self.audio / "train", checkpoint, minutes, self.codec_shape)

    def encode(self) -> None:
        codec = self._codec()
        encode_corpus(codec, self.audio / "heldout", self.tokens / "heldout", every_control=True)
        minutes = self.minutes * SHARES["encode"]
        encode_corpus(codec, self.audio / "train", self.tokens / "train", every_control=False, minutes=minutes)

    def lm(self) -> None:
        minutes = self.minutes * SHARES["lm"]
        start = read_trainee(self.start, self.lm_shape) if self.start else None
        train_lm.train(self._corpus(), self.out / "lm.pt", minutes, self.lm_shape, start)

    def adapters(self) -> None:
        trainee = train_lm.load(self.out / "lm.pt", self.lm_shape)
        train_lm.refine(trainee, self._corpus(), self.minutes * SHARES["adapters"])
        train_lm.save(self.out / "refined.pt", trainee, None, 0, 0.0)

    def decoder(self) -> None:
        minutes = self.minutes * SHARES["decoder"]
        train_codec.refine_decoder(self._codec(), self.audio / "train", self._decoder, minutes)

    def write(self) -> None:
        version = int(read_pack(self.start).manifest.version) + 1 if self.start else 1
        about = About("tiny", str(version), "Apache-2.0", SOURCE, datetime.now(UTC).date().isoformat())
        write_pack(self.pack, self._final_codec(), self._refined(), self.sampling, about)
        if self.start:
            keep_half(self.start, self.pack)

    def eval(self) -> None:
        codec = self._final_codec()
        figures = dict(evaluate_codec(codec, self.audio / "heldout", WINDOWS))
        frames = self.lm_shape.window
        excerpts = windows(self.audio / "heldout", self.tokens / "heldout", frames, WINDOWS)
        quiet = silence(codec, frames)
        evaluation = TakeEvaluation(self._refined(), codec, excerpts, quiet, self.sampling)
        print("codebook perplexity", [round(use) for use in codebook_use(codec, self.audio / "heldout")])
        for name, interval in [*figures.items(), *evaluation.run()]:
            figures[name] = interval
            print(report.line(name, interval), flush=True)
        (self.out / "figures.json").write_text(json.dumps(figures, indent=1))

    def _codec(self) -> Codec:
        return train_codec.load(self.out / "codec.pt", self.codec_shape)

    def _final_codec(self) -> Codec:
        """With the refined decoder, where there is one; the tokens are the same."""
        if not self._decoder.exists():
            return self._codec()
        return train_codec.blend(self._codec(), train_codec.load(self._decoder, self.codec_shape))

    @property
    def _decoder(self) -> Path:
        return self.out / "decoder.pt"

    def _corpus(self) -> TokenCorpus:
        return TokenCorpus(self.tokens / "train", silence(self._codec(), self.lm_shape.window), self.lm_shape.window, 1)

    def _refined(self) -> Trainee:
        return train_lm.load(self.out / "refined.pt", self.lm_shape)


def main() -> None:
    """Run one stage, or all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=100.0, help="what the whole run may take")
    parser.add_argument("--out", type=Path, required=True, help="where everything is kept; about 28 GB")
    parser.add_argument("half", nargs="?", choices=("inpaint", "transfer"), default="inpaint", help="what is trained")
    parser.add_argument("--songs", type=int, default=1500, help="training songs of 40 s, or solo lines of 10 s")
    parser.add_argument("--held-out", type=int, default=FIRST_HELD_OUT, help="first seed of the evaluation songs")
    parser.add_argument(
        "--edition",
        type=int,
        choices=EDITIONS,
        default=1,
        help="of the songs; 2: genres, pads; 3: any band, chords, sound",
    )
    parser.add_argument("--start", type=Path, help="a finished pack to go on from, a folder")
    parser.add_argument("--pack", type=Path, help="transfer: the pack that gains it, a folder (its name counts)")
    parser.add_argument("--trials", type=int, default=104, help="transfer: clips to evaluate on")
    parser.add_argument("--stage", choices=[*SHARES, *transfer.SHARES], help="only this one")
    seats.add_options(parser, "cpu; of stage data alone")
    arguments = parser.parse_args()
    if arguments.half == "transfer" and arguments.pack is None:
        parser.error("transfer needs --pack, a folder with a pack to be completed")
    torch.set_num_threads(1)  # two threads beside another process are slower than one
    arguments.out.mkdir(parents=True, exist_ok=True)
    stages: Stages | transfer.TransferStages
    if arguments.half == "transfer":
        names, counts = list(transfer.SHARES), (arguments.songs, arguments.pack, arguments.trials)
        stages = transfer.TransferStages(arguments.out, arguments.minutes, *counts)
        if arguments.start:
            names = list(transfer.FURTHER)
            if not stages.file("unet").exists():
                unpack(arguments.start, arguments.out)
    else:
        names = list(SHARES)
        held_out, edition, start = arguments.held_out, arguments.edition, arguments.start
        where = seats.chosen(arguments, "cpu")
        stages = Stages(arguments.out, arguments.minutes, arguments.songs, held_out, edition, start, where)
    for name in [arguments.stage] if arguments.stage else names:
        print(f"stage {name}", flush=True)
        getattr(stages, name)()


if __name__ == "__main__":
    main()
