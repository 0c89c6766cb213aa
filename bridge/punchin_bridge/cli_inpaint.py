"""`punchin inpaint`: its options, and how its report is printed. Knows no audio and no sockets."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import rich.box
import typer
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Sampling
from rich.console import Console
from rich.table import Table

from . import launch, requests, settings, splice
from .client import Client
from .order import Order, Sources, Takes, Where, compose, repeat
from .preview import Preview
from .produce import Display, Report, new_job, produce
from .progress import Bars, Silent
from .requests import Options, Strikes

JOB = re.compile(r"[A-Za-z0-9_-]{4,64}")


def inpaint(
    song: Annotated[Path | None, typer.Argument(help="The song; optional with --again.", show_default=False)] = None,
    out: Annotated[Path, typer.Option(help="Folder for the takes; it is made when it is not there.")] = Path("."),
    start: Annotated[float | None, typer.Option(help="Start of the region in seconds.")] = None,
    end: Annotated[float | None, typer.Option(help="End of the region in seconds.")] = None,
    bars: Annotated[str | None, typer.Option(metavar="A:B", help="The region in bars, both included: 5:8.")] = None,
    tempo: Annotated[float | None, typer.Option(metavar="BPM", help="Tempo of the whole song, in 4/4.")] = None,
    downbeat: Annotated[float, typer.Option(metavar="S", help="Where bar 1 of --tempo starts, in seconds.")] = 0.0,
    midi_tempo: Annotated[Path | None, typer.Option(metavar="FILE.mid", help="Tempo and metre from a file.")] = None,
    beats: Annotated[Path | None, typer.Option(metavar="FILE", help="Beats: a time and a number a line.")] = None,
    chords: Annotated[Path | None, typer.Option(metavar="FILE", help="Chords to follow: .mid, .lab or .txt.")] = None,
    drums: Annotated[Path | None, typer.Option(metavar="WAV", help="Drum stem to follow.")] = None,
    piano: Annotated[Path | None, typer.Option(metavar="FILE.mid", help="Piano part to follow.")] = None,
    text: Annotated[str | None, typer.Option(help="Description, for packs that read text.")] = None,
    takes: Annotated[int | None, typer.Option(help="Number of takes.  [default: 1]")] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(help="One take that follows these: chord, drums=.5+piano, free. Repeat for more takes."),
    ] = None,
    control: Annotated[str | None, typer.Option(help="Weights of what takes follow: chord=1,drums=.5.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the first take; the next have the next.")] = None,
    pack: Annotated[str | None, typer.Option(help="Model pack.  [default: tiny]")] = None,
    strikes: Annotated[Strikes | None, typer.Option(help="How chords fall on beats.  [default: the pack's]")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of sampling.  [default: the pack's]")] = None,
    top_k: Annotated[int | None, typer.Option(help="Of sampling; 0 is no limit.  [default: the pack's]")] = None,
    cfg: Annotated[float | None, typer.Option(help="Weight of the text.  [default: the pack's]")] = None,
    again: Annotated[Path | None, typer.Option(metavar="TAKE.wav", help="Make this take again.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Write the whole song with the take in it.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write takes while they grow, too.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Let the job go on when this program dies.")] = False,
    job: Annotated[str | None, typer.Option(help="Name of the job; the same name and request is the same job.")] = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fill a region of a song with new takes.

    Takes are written as OUT/<song>_<region>_take<N>_seed<K>.wav, exactly the region long, at the song's rate and
    channels; with --full they are the whole song, every sample outside the region as it was. No file is replaced.
    Without --tempo, --midi-tempo, --beats or a MIDI input no beats are known: chords are struck where they start.
    """
    if job is not None and not JOB.fullmatch(job):
        raise BadSetting("A job's name has 4 to 64 letters, digits, - and _.")
    if again is not None:
        _alone(again, start, end, bars, tempo, midi_tempo, beats, chords, drums, piano, text, takes, take, control,
               seed, pack, strikes, temperature, top_k, cfg, downbeat or None, preview or None)  # fmt: skip
        order = repeat(again, song, full)
    elif song is None:
        raise BadSetting("No song was given.", "Write `punchin inpaint SONG.wav --start S --end S --out DIR`.")
    else:
        if take and takes is not None:
            raise BadSetting("--takes and --take both say how many takes.", "Leave --takes out.")
        first = secrets.randbelow(2**31) if seed is None else seed
        order = compose(
            song,
            Where(start, end, bars, tempo, downbeat, midi_tempo, beats),
            Sources(chords, drums, piano),
            Takes(first, 1 if takes is None else takes, requests.parse_weights(control or ""), tuple(take or ())),
            Options(pack or "tiny", text or "", strikes, Sampling(temperature, top_k, cfg), preview),
            full,
        )
    report = _produce(order, out, job or new_job(), keep, no_progress)
    if as_json:
        print(json.dumps(msgspec.to_builtins(report)))
    else:
        _show(report)


def _alone(again: Path, *others: object) -> None:
    if any(other not in (None, []) for other in others):
        raise BadSetting(
            f"--again takes everything but --out and --full from {again.name}.",
            "Leave the other options out, or leave --again.",
        )


def _produce(order: Order, out: Path, job: str, keep: bool, no_progress: bool) -> Report:
    known = settings.load(os.environ)
    console = Console(stderr=True)
    with ExitStack() as stack:
        client = stack.enter_context(Client(launch.find_or_start(known), known))
        display: Display = Silent()
        if console.is_terminal and not no_progress:
            display = stack.enter_context(Bars(console))
        if order.request.preview:
            display = stack.enter_context(Preview(display, out, f"{order.song.path.stem[:80]}_{order.scene}"))
        return produce(order, client, out, display, job, keep)


def _show(report: Report) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table("take", "seed", "follows", "file")
    for number, take in enumerate(report.takes, start=1):
        follows = ", ".join(name if weight == 1 else f"{name} × {weight:g}" for name, weight in take.controls.items())
        table.add_row(str(number), str(take.seed), follows or "nothing", Path(take.path).name)
    console.print(table)
    console.print(f"In {Path(report.takes[0].path).parent}", highlight=False, soft_wrap=True)
    times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in report.timings.items())
    console.print(times, highlight=False, soft_wrap=True)
    for number, take in enumerate(report.takes, start=1):
        for seam in take.seam:
            rows = Table(f"seam of take {number}", "", show_edge=False, box=rich.box.SIMPLE)
            for name, value in splice.table(seam):
                rows.add_row(name, value)
            console.print(rows)
    for note in report.notes:
        console.print(note, highlight=False)
