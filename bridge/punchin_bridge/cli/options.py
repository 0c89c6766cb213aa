"""Options that commands have in common: their types and help texts, and one for each parameter of a take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from punchin_wire.errors import BadSetting
from punchin_wire.parameter import Engine, Value
from punchin_wire.params import Flag, InpaintParams, TransferParams, build, flags

Out = Annotated[Path, typer.Option(help="Folder for the takes; it is made when it is not there.")]
Start = Annotated[float | None, typer.Option(help="Start of the region in seconds.")]
End = Annotated[float | None, typer.Option(help="End of the region in seconds.")]
Bars = Annotated[str | None, typer.Option(metavar="A:B", help="The region in bars, both included: 5:8.")]
Tempo = Annotated[float | None, typer.Option(metavar="BPM", help="Tempo of the whole song, in 4/4.")]
Downbeat = Annotated[float, typer.Option(metavar="S", help="Where bar 1 of --tempo starts, in seconds.")]
MidiTempo = Annotated[Path | None, typer.Option(metavar="FILE.mid", help="Tempo and time signature from a file.")]
Beats = Annotated[Path | None, typer.Option(metavar="FILE", help="Beats: a time and a number a line.")]
Again = Annotated[Path | None, typer.Option(metavar="TAKE.wav", help="Make this take again.")]
Full = Annotated[bool, typer.Option("--full", help="Write the whole song with the take in it.")]
Keep = Annotated[bool, typer.Option("--keep", help="Let the job go on when this program dies.")]
Job = Annotated[str | None, typer.Option(help="Name of the job; the same name and request is the same job.")]
Remote = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The daemon of another computer (`punchin remote`); local: this one's."),
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

Given = Mapping[str, Value]
"""What was said of parameters, by the names of their options."""
NOTHING: Given = {}


def parameters(*engines: Engine) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command an option for each parameter of these engines that it has none for itself, in place of its
    argument `given`, which gets what was said."""
    all_named = {name: [flags(engine)[name] for engine in engines if name in flags(engine)] for name in _names(engines)}

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        named = {
            name: shared for name, shared in all_named.items() if name not in inspect.signature(command).parameters
        }
        options = {f"option_{name}".replace("-", "_"): name for name in named}

        def run(**said: Any) -> None:
            given = {name: said.pop(option) for option, name in options.items()}
            command(given={name: value for name, value in given.items() if value is not None}, **said)

        own = inspect.signature(command, eval_str=True)
        made = [_option(option, named[name]) for option, name in options.items()]
        listed = [each for mine in own.parameters.values() for each in (made if mine.name == "given" else [mine])]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = own.replace(parameters=listed)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in listed}
        return run

    return decorated


def inpaint_params(given: Given, specs: Sequence[str] | None) -> InpaintParams:
    """What `punchin inpaint` was told. Raises BadSetting."""
    if specs and "takes" in given:
        raise BadSetting("--takes and --take both say how many takes.", "Leave --takes out.")
    return build("inpaint", _values("inpaint", given), specs or ())


def transfer_params(given: Given) -> TransferParams:
    """What `punchin transfer` was told. Raises BadSetting."""
    return build("transfer", _values("transfer", given))


def _values(engine: Engine, given: Given) -> dict[str, Value]:
    known, found = flags(engine), dict[str, Value]()
    for name, value in given.items():
        if name not in known:
            raise BadSetting(f"There is no --{name} for {engine}.", f"See `punchin {engine} --help`.")
        found |= known[name].check(value)
    return found


# ---- how an option is shown ----------------------------------------------------------------------------------


def _names(engines: Sequence[Engine]) -> Iterator[str]:
    yield from dict.fromkeys(name for engine in engines for name in flags(engine))


def _option(option: str, shared: Sequence[Flag]) -> inspect.Parameter:
    """The option of one flag, whichever engines have it."""
    several, first = len(shared[0].parameters) > 1, shared[0].parameters[0]
    kind: Any = str if several else Literal[first.choices] if first.choices else first.type
    metavar = {float: "NUMBER", int: "N", str: "TEXT"}.get(kind, "|".join(map(str, first.choices)))
    text = " Or: ".join(dict.fromkeys(map(_help, shared)))
    annotation = Annotated[kind | None, typer.Option(f"--{shared[0].name}", metavar=metavar, help=text)]
    return inspect.Parameter(option, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _help(flag: Flag) -> str:
    """Its text with range and default."""
    first = flag.parameters[0]
    is_number = len(flag.parameters) == 1 and first.type is not str
    shown = f"{first.default:g}" if isinstance(first.default, float) else str(first.default)
    default = f"  [default: {first.unsaid or shown}]" if first.unsaid or shown else ""
    return f"{flag.text}{f' {first.range[0].upper()}{first.range[1:]}.' * is_number}{default}"
