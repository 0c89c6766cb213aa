"""`punchin inpaint`: its options, and how its report is printed. Knows no audio and no sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Sampling
from rich.table import Table

from ..takes.inpaint import Sources, Takes, compose, repeat
from ..takes.location import Where
from ..takes.report import Report
from ..takes.request import Options, Strikes
from ..takes.specs import parse_weights
from . import job as cli_job
from . import options


def inpaint(
    song: Annotated[Path | None, typer.Argument(help="The song; optional with --again.", show_default=False)] = None,
    out: options.Out = Path("."),
    start: options.Start = None,
    end: options.End = None,
    bars: options.Bars = None,
    tempo: options.Tempo = None,
    downbeat: options.Downbeat = 0.0,
    midi_tempo: options.MidiTempo = None,
    beats: options.Beats = None,
    chords: Annotated[Path | None, typer.Option(metavar="FILE", help="Chords to follow: .mid, .lab or .txt.")] = None,
    drums: Annotated[Path | None, typer.Option(metavar="WAV", help="Drum stem to follow.")] = None,
    piano: Annotated[Path | None, typer.Option(metavar="FILE.mid", help="Piano part to follow.")] = None,
    text: Annotated[str | None, typer.Option(help="Description, for packs that read text.")] = None,
    takes: options.Takes = None,
    take: Annotated[
        list[str] | None,
        typer.Option(help="One take that follows these: chord, drums=.5+piano, free. Repeat for more takes."),
    ] = None,
    control: Annotated[str | None, typer.Option(help="Weights of what takes follow: chord=1,drums=.5.")] = None,
    seed: options.Seed = None,
    pack: options.Pack = None,
    strikes: Annotated[Strikes | None, typer.Option(help="How chords fall on beats.  [default: the pack's]")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of sampling.  [default: the pack's]")] = None,
    top_k: Annotated[int | None, typer.Option(help="Of sampling; 0 is no limit.  [default: the pack's]")] = None,
    cfg: Annotated[float | None, typer.Option(help="Weight of the text.  [default: the pack's]")] = None,
    again: options.Again = None,
    full: options.Full = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write takes while they grow, too.")] = False,
    keep: options.Keep = False,
    job: options.Job = None,
    no_progress: options.NoProgress = False,
    as_json: options.Json = False,
) -> None:
    """Fill a region of a song with new takes.

    Takes are written as `OUT/<song>_<region>_take<N>_seed<K>.wav`, exactly the region long, at the song's rate and
    channels; with --full they are the whole song, every sample outside the region as it was. No file is replaced.
    Without --tempo, --midi-tempo, --beats or a MIDI input no beats are known: chords are struck where they start.
    """
    cli_job.check_job(job)
    if again is not None:
        cli_job.check_alone(
            again, start, end, bars, tempo, midi_tempo, beats, chords, drums, piano, text, takes, take, control,
            seed, pack, strikes, temperature, top_k, cfg, downbeat or None, preview or None,
        )  # fmt: skip
        order = repeat(again, song, full)
    elif song is None:
        raise BadSetting("No song was given.", "Write `punchin inpaint SONG.wav --start S --end S --out DIR`.")
    else:
        if take and takes is not None:
            raise BadSetting("--takes and --take both say how many takes.", "Leave --takes out.")
        weights = parse_weights(control or "")
        order = compose(
            song,
            Where(start, end, bars, tempo, downbeat, midi_tempo, beats),
            Sources(chords, drums, piano),
            Takes(cli_job.first_seed(seed), 1 if takes is None else takes, weights, tuple(take or ())),
            Options(pack or "tiny", text or "", strikes, Sampling(temperature, top_k, cfg), preview),
            full,
        )
    with cli_job.connected() as client:
        report = cli_job.perform(order, client, out, job, keep, no_progress)
    if as_json:
        print(json.dumps(msgspec.to_builtins(report)))
    else:
        cli_job.show(report, _table(report))


def _table(report: Report) -> Table:
    table = Table("take", "seed", "follows", "file")
    for number, take in enumerate(report.takes, start=1):
        follows = ", ".join(name if weight == 1 else f"{name} × {weight:g}" for name, weight in take.controls.items())
        table.add_row(str(number), str(take.seed), follows or "nothing", Path(take.path).name)
    return table
