"""`punchin transfer`: its options, and how its report is printed. Knows no audio and no sockets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from punchin_wire.errors import BadSetting, NotWritten, PunchinError, from_info
from punchin_wire.params import DENOISING, TransferParams
from rich.table import Table

from ..splice.highband import Highband
from ..takes import sweep, sweep_files
from ..takes.location import Where
from ..takes.render import new_job
from ..takes.report import Report, TransferSettings, TransferTake
from ..takes.sweep import Axis
from ..takes.sweep_files import SweepReport
from ..takes.tasks import TransferOrder
from ..takes.transfer import SPLICE, compose, repeat, turned
from . import job as cli_job
from . import options


@options.parameters("transfer")
def transfer(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLIP.wav", help="The clip; optional with --again. More of --sweep.", show_default=False
        ),
    ] = None,
    out: options.Out = Path("."),
    given: options.Given = options.NOTHING,
    start: options.Start = None,
    end: options.End = None,
    bars: options.Bars = None,
    tempo: options.Tempo = None,
    downbeat: options.Downbeat = 0.0,
    midi_tempo: options.MidiTempo = None,
    beats: options.Beats = None,
    highband: Annotated[Highband | None, typer.Option(help="Above the model's 8 kHz.  [default: extend]")] = None,
    width: Annotated[
        Literal["replaced", "context", "mono"] | None, typer.Option(help="Stereo, as where.  [default: replaced]")
    ] = None,
    mix: Annotated[bool, typer.Option("--mix", help="Write an accompaniment with the clip, too.")] = False,
    score: Annotated[bool, typer.Option("--score", help="Measure how near takes are to clip and prompt.")] = False,
    swept: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="NAME=V,V…", help="A grid: --sweep pooling=1,2,4,8 alpha=.3,.5,.7"),
    ] = None,
    again: options.Again = None,
    full: options.Full = False,
    keep: options.Keep = False,
    job: options.Job = None,
    remote: options.Remote = None,
    no_progress: options.NoProgress = False,
    as_json: options.Json = False,
) -> None:
    """Hand a clip to another instrument or genre, or have it accompanied.

    Takes are written as `OUT/<clip>_<target>_take<N>_seed<K>.wav`, exactly as long as the clip or its region, at the
    clip's rate and channels; with --full they are the whole clip, every sample outside the region as it was. No file
    is replaced. An accompaniment is the new part alone. A sweep makes a take at every point of a grid of parameters,
    and a table and a plot of what each is like.
    """
    cli_job.check_job(job)
    clip, over = _clip_and_axes(words or [], swept)
    if again is not None:
        cli_job.check_alone(
            again, start, end, bars, tempo, downbeat or None, midi_tempo, beats, highband, width, mix or None,
            score or None, swept, *given.values(),
        )  # fmt: skip
        order = repeat(again, clip, full)
    elif clip is None:
        raise BadSetting("No clip was given.", "Write `punchin transfer CLIP.wav --to violin --out DIR`.")
    else:
        params = options.transfer_params(given)
        order = compose(
            clip,
            Where(start, end, bars, tempo, downbeat, midi_tempo, beats),
            params,
            cli_job.first_seed(params.seed),
            full,
            mix,
            score or bool(over),
            msgspec.structs.replace(SPLICE, highband=highband or SPLICE.highband, width=width or SPLICE.width),
        )
        if over:
            if job is not None or keep:
                raise BadSetting("A sweep is many jobs: none has a name or is kept.", "Leave --job and --keep out.")
            _show_sweep(_sweep(order, over, params, out, no_progress, remote), as_json)
            return
    report = cli_job.make(order, out, job, keep, no_progress, remote)
    if as_json:
        print(json.dumps(msgspec.to_builtins(report)))
    else:
        _show(report)


def _clip_and_axes(words: list[str], swept: list[str] | None) -> tuple[Path | None, tuple[Axis, ...]]:
    """The clip among the words, and the axes of a sweep, of which all but the first are words, too."""
    named = [word for word in words if swept is None or not sweep.is_axis(word)]
    if len(named) > 1:
        raise BadSetting(f"One clip at a time, not {len(named)}.", "See `punchin transfer --help`.")
    clip = Path(named[0]) if named else None
    if swept is None:
        return clip, ()
    return clip, sweep.axes([*" ".join(swept).split(), *(word for word in words if sweep.is_axis(word))])


def _sweep(
    order: TransferOrder,
    over: tuple[Axis, ...],
    base: TransferParams,
    out: Path,
    no_progress: bool,
    remote: str | None,
) -> SweepReport:
    """One job for each point, one after another. Nothing is asked for before every point is known to be good; when
    one fails, what was made before it stays, with its table."""
    points = sweep.grid(over, base)
    orders = [turned(order, point.params, point.label) for point in points]
    stem = f"{order.song.path.stem[:80]}_{order.scene}"
    made: list[tuple[sweep.Point, Report]] = []
    try:
        with cli_job.connected(remote) as client:
            for number, (point, one) in enumerate(zip(points, orders, strict=True), start=1):
                if sys.stderr.isatty() and not no_progress:
                    print(f"Point {number} of {len(points)}: {point.label}", file=sys.stderr)
                made.append((point, cli_job.perform(one, client, out, new_job(), False, no_progress)))
    except PunchinError as error:
        steps = [_left(made, len(points), out, stem)] if made else []
        if isinstance(error, NotWritten):
            seed = order.request.takes[0].seed
            steps.append(f"Make room there or choose another --out: with --seed {seed} the sweep makes the same takes.")
        info = msgspec.structs.replace(error.info(), next_step=" ".join(steps) or error.next_step)
        raise from_info(info) from error.__cause__
    return sweep_files.write(out, stem, len(points), made)


def _left(made: list[tuple[sweep.Point, Report]], points: int, out: Path, stem: str) -> str:
    """What there is of a sweep that ended early, with its table where that can still be written."""
    said = f"{len(made)} of {points} points were made"
    try:
        return f"{said}: {sweep_files.write(out, stem, points, made).table}."
    except BadSetting:
        return f"{said}, in {out.absolute()}."


# ---- for people ----------------------------------------------------------------------------------------------


def _show(report: Report) -> None:
    assert isinstance(report.settings, TransferSettings)
    screen, settings = cli_job.console(), report.settings
    away = f", away from “{settings.negative_prompt}”" if settings.negative_prompt else ""
    screen.print(f"To “{settings.prompt}”{away}", highlight=False, soft_wrap=True)
    said = {name: getattr(settings, name) for name in DENOISING}
    words = [f"{name} {sweep.text(value)}" for name, value in said.items() if value is not None]
    screen.print(", ".join(words), highlight=False, soft_wrap=True)
    takes = [take for take in report.takes if isinstance(take, TransferTake)]
    table = Table("take", "seed", "notes", "fidelity", "near the prompt", "file")
    for number, take in enumerate(takes, start=1):
        names = "\n".join(Path(path).name for path in (take.path, take.mix and take.mix.path) if path)
        found = take.scores.get("notes"), take.fidelity, take.scores.get("clap")
        measures = (sweep_files.number(value) for value in found)
        table.add_row(str(number), str(take.seed), *measures, names)
    cli_job.show(report, table)
    for number, take in enumerate(takes, start=1):
        if take.part is not None:
            screen.print(f"Part {number}: {_part(take)}", highlight=False, soft_wrap=True)


def _part(take: TransferTake) -> str:
    assert take.part is not None
    said = f"{take.part.made}; {take.part.explained:.0%} of the take's energy was the clip's"
    if take.part.part_db is not None:
        said += f", the part stands at {take.part.part_db:+.1f} dB beside the clip"
    if take.mix is not None and take.mix.ducked:
        said += f"; in the mix it ducks by up to {take.mix.ducked_db:.1f} dB, {take.mix.ducked:.1%} of the time"
    return said


def _show_sweep(report: SweepReport, as_json: bool) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(report)))
        return
    screen, swept = cli_job.console(), list(report.rows[0].swept)
    table = Table(*swept, "seed", "notes", "tempo", "fidelity", "transferability", "file")
    for row in report.rows:
        found = row.notes, row.tempo, row.fidelity, row.transferability
        measures = (sweep_files.number(value) for value in found)
        values = (sweep.text(value) for value in row.swept.values())
        table.add_row(*values, str(row.seed), *measures, Path(row.path).name)
    screen.print(table)
    for path in (report.table, report.data, report.plot):
        screen.print(path, highlight=False, soft_wrap=True)
    for note in report.notes:
        screen.print(note, highlight=False)
