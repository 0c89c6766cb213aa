"""Options that commands have in common: their types and help texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="Folder for the takes; it is made when it is not there.")]
Start = Annotated[float | None, typer.Option(help="Start of the region in seconds.")]
End = Annotated[float | None, typer.Option(help="End of the region in seconds.")]
Bars = Annotated[str | None, typer.Option(metavar="A:B", help="The region in bars, both included: 5:8.")]
Tempo = Annotated[float | None, typer.Option(metavar="BPM", help="Tempo of the whole song, in 4/4.")]
Downbeat = Annotated[float, typer.Option(metavar="S", help="Where bar 1 of --tempo starts, in seconds.")]
MidiTempo = Annotated[Path | None, typer.Option(metavar="FILE.mid", help="Tempo and time signature from a file.")]
Beats = Annotated[Path | None, typer.Option(metavar="FILE", help="Beats: a time and a number a line.")]
Takes = Annotated[int | None, typer.Option(help="Number of takes.  [default: 1]")]
Seed = Annotated[int | None, typer.Option(help="Seed of the first take; the next have the next.")]
Pack = Annotated[str | None, typer.Option(help="Model pack.  [default: tiny]")]
Again = Annotated[Path | None, typer.Option(metavar="TAKE.wav", help="Make this take again.")]
Full = Annotated[bool, typer.Option("--full", help="Write the whole song with the take in it.")]
Keep = Annotated[bool, typer.Option("--keep", help="Let the job go on when this program dies.")]
Job = Annotated[str | None, typer.Option(help="Name of the job; the same name and request is the same job.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
