"""`punchin inpaint`: its options, and how its report is printed. Knows no audio and no sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import rich.box
import typer
from punchin_wire.errors import BadSetting
from rich.table import Table

from ..takes import heard
from ..takes.inpaint import Sources, compose, repeat
from ..takes.location import AUTO, Where
from ..takes.report import HeardReport, Report
from . import job as cli_job
from . import options


@options.parameters("inpaint")
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
    chords: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|auto",
            help="Chords to follow: .mid, .lab, .txt; a stem (.wav), in which they are read by ear; auto: in the song.",
        ),
    ] = None,
    drums: Annotated[Path | None, typer.Option(metavar="WAV", help="Drum stem to follow.")] = None,
    piano: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|auto",
            help="Piano part to follow: .mid; a stem (.wav), in which its notes are read by ear; auto: in the song.",
        ),
    ] = None,
    given: options.Given = options.NOTHING,
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT", help="One take that follows these: chord, drums=.5+piano, free. Repeat for more takes."
        ),
    ] = None,
    again: options.Again = None,
    full: options.Full = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write takes while they grow, too.")] = False,
    keep: options.Keep = False,
    job: options.Job = None,
    remote: options.Remote = None,
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
            again, start, end, bars, tempo, midi_tempo, beats, chords, drums, piano, take, downbeat or None,
            preview or None, *given.values(),
        )  # fmt: skip
        order = repeat(again, song, full)
    elif song is None:
        raise BadSetting("No song was given.", "Write `punchin inpaint SONG.wav --start S --end S --out DIR`.")
    else:
        by_ear = {name: said for name, said in (("chords", chords), ("piano", piano)) if said == AUTO}
        params = options.inpaint_params({**given, **by_ear}, take)
        order = compose(
            song,
            Where(start, end, bars, tempo, downbeat, midi_tempo, beats),
            Sources(_file(chords), drums, _file(piano)),
            params,
            cli_job.first_seed(params.seed),
            full,
            preview,
        )
    report = cli_job.make(order, out, job, keep, no_progress, remote)
    if as_json:
        print(json.dumps(msgspec.to_builtins(report)))
    else:
        cli_job.show(report, _table(report))
        if report.heard and report.heard.chords:
            cli_job.console().print(_chords(report.heard))


def _file(said: str | None) -> Path | None:
    return None if said in (None, AUTO) else Path(said)


def _table(report: Report) -> Table:
    table = Table("take", "seed", "follows", "file")
    for number, take in enumerate(report.takes, start=1):
        follows = ", ".join(name if weight == 1 else f"{name} × {weight:g}" for name, weight in take.controls.items())
        table.add_row(str(number), str(take.seed), follows or "nothing", Path(take.path).name)
    return table


def _chords(found: HeardReport) -> Table:
    table = Table("chord read by ear", "from", "to", "sure", show_edge=False, box=rich.box.SIMPLE)
    for chord in found.chords:
        table.add_row(heard.name_of(chord), f"{chord.start:.2f} s", f"{chord.end:.2f} s", f"{100 * chord.sure:.0f} %")
    return table
