"""`punchin`, the command line: parses words, prints answers, turns errors into one line and an exit code.

Knows no audio. `serve`, `doctor`, `packs` and `eval` belong to the server and are run as its own program. What exit
codes mean is said where the errors are (:data:`punchin_wire.errors.EXITS`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from punchin_wire import VERSION, program
from punchin_wire.errors import (
    EXITS,
    INTERRUPTED,
    BadSetting,
    DaemonUnreachable,
    PunchinError,
    readable,
)
from punchin_wire.messages import Status
from punchin_wire.program import fail
from rich.console import Console
from rich.table import Table

from ..daemon import launch
from ..daemon.client import Client
from . import host, keys, options, remote, remote_packs, surface
from .bridge import bridge
from .inpaint import inpaint
from .job import check_job, chosen
from .open import open_page
from .shelf import open_shelf
from .transfer import transfer

# Newer typers carry their own click, so its classes are reached through typer's public ones.
UsageError = typer.BadParameter.__mro__[1]

WORDS = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "it is no whole number",
    "Input should be a valid number, unable to parse string as a number": "it is no number",
    "Input should be": "it must be",
}
"""What our parser says for programmers, and what people are told."""
EXIT_CODES = f"Exit codes: {'; '.join(f'{code} {text}' for code, text in EXITS.items())}."

app = typer.Typer(
    name="punchin",
    help="Punch new takes into a song: select a region, get audio that follows its chords, drums or piano; or hand a "
    f"clip to another instrument or genre.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("inpaint", epilog=EXIT_CODES)(inpaint)
app.command("transfer", epilog=EXIT_CODES)(transfer)
app.command("bridge")(bridge)
app.command("open")(open_page)
app.command("shelf")(open_shelf)
app.add_typer(host.app, name="host")
app.add_typer(keys.app, name="keys")
app.add_typer(remote.app, name="remote")
app.add_typer(surface.app, name="surface")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PASSED = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command()
def status(remote: options.Remote = None, as_json: Json = False) -> None:
    """Show the daemon, its seats and its jobs, and the bridge."""
    with _client(remote) as client:
        found = client.status()
    bridge = launch.bridge()
    if as_json:
        print(json.dumps(msgspec.to_builtins(found) | {"bridge": msgspec.to_builtins(bridge)}))
    else:
        _show(found)
        print(f"Bridge: process {bridge.pid}, OSC port {bridge.osc_port}." if bridge else "No bridge runs.")


@app.command()
def cancel(
    job: Annotated[str, typer.Argument(help="The job's id, as `punchin status` shows it.")],
    remote: options.Remote = None,
    as_json: Json = False,
) -> None:
    """Stop a job. It stops within one decode step."""
    check_job(job)
    with _client(remote) as client:
        client.cancel(job)
    print(json.dumps({"cancelled": job}) if as_json else f"Job {job} is cancelled.")


def _server(verb: str, text: str) -> None:
    def run(context: typer.Context) -> None:
        _run_server([verb, *context.args])

    run.__doc__ = text
    app.command(verb, context_settings=PASSED, add_help_option=False)(run)


_server("serve", "Serve jobs in the foreground; `punchin serve --help` lists its settings.")
_server("doctor", "Check this installation and say what is missing.")


def _packs(context: typer.Context) -> None:
    """Model packs: list | pull NAME | add FOLDER | verify | remove | export | import | pin."""
    if remote_packs.is_meant(context.args):
        raise typer.Exit(remote_packs.run(context.args))
    _run_server(["packs", *context.args])


app.command("packs", context_settings=PASSED, add_help_option=False)(_packs)


def _evaluate(context: typer.Context) -> None:
    """Measure a pack as the papers do: inpaint | transfer."""
    _run_server(context.args, "punchin_train.evaluation")


app.command("eval", context_settings=PASSED, add_help_option=False)(_evaluate)


def _run_server(words: Sequence[str], package: str = "punchin_server") -> NoReturn:
    command = [*launch.program(package), *words]
    if os.name == "posix":
        program.hold_interrupts()
        os.execv(command[0], command)  # signals and exit codes are then the server's own
    with contextlib.suppress(KeyboardInterrupt):
        raise typer.Exit(subprocess.call(command))
    raise typer.Exit(INTERRUPTED)


def _client(remote: str | None) -> Client:
    """A client of the running daemon; these commands start none."""
    known = chosen(remote)
    endpoint = launch.find(known)
    if endpoint is None and (there := launch.elsewhere(known)) is not None:
        raise DaemonUnreachable(f"No daemon answers at {there}.", there.start)
    if endpoint is None:
        raise DaemonUnreachable("No daemon is running.", "The next job starts one by itself.")
    return Client(endpoint, known)


def _show(found: Status) -> None:
    console = Console()
    where = f"process {found.pid}, OSC port {found.osc_port or 'off'}"
    console.print(f"Daemon {found.version}, {where}, up {found.uptime:.0f} s", highlight=False)
    for number, seat in enumerate(found.seats, 1):
        memory = f", {seat.memory / 2**20:.0f} MiB" if seat.memory else ""
        packs = f", holds {', '.join(seat.packs)}" if seat.packs else ""
        console.print(f"Seat {number} {seat.state} on {seat.device}{memory}{packs}", highlight=False)
    table = Table("job", "engine", "pack", "state", "seat", "ahead", "stage", "step", "age")
    for job in found.jobs:
        step = f"{job.step}/{job.total}" if job.total else ""
        ahead = str(job.position) if job.state == "queued" else ""
        table.add_row(
            job.job,
            job.engine,
            job.pack,
            job.state,
            str(job.seat or ""),
            ahead,
            job.stage or "",
            step,
            f"{job.age:.0f} s",
        )
    console.print(table if found.jobs else "No jobs.")
    if found.others:
        console.print(f"Jobs of other computers: {found.others}", highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. No error leaves this function but as a line and a code."""
    words = list(sys.argv[1:] if argv is None else argv)
    return program.run(lambda: _run(words))


def _run(words: list[str]) -> int:
    as_json = "--json" in words
    try:
        _check(*words, os.environ.get("PUNCHIN_HOME", ""))
        with program.stoppable():  # a job is cancelled at the daemon before we go
            code = app(words, prog_name="punchin", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return program.interrupted()
    except PunchinError as error:
        code = fail(_with_page(error, words), as_json)
        return INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else code
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, UsageError):
            return _wrong_words(error, words, as_json)
        return fail(program.named(error), as_json)
    if code == INTERRUPTED:  # by Ctrl-C, which newer typers turn into a code
        return program.interrupted()
    return code if isinstance(code, int) else 0


def _check(*words: str) -> None:
    """Raises BadSetting where a word is no text, for whatever it is meant."""
    for word in words:
        if readable(word) != word:
            raise BadSetting(f"{word} is not in UTF-8.", "Rename that file or folder, or write those words in UTF-8.")


def _with_page(error: PunchinError, words: Sequence[str]) -> PunchinError:
    """An error about a value says where the command's values are listed, unless it knows better."""
    if isinstance(error, BadSetting) and error.next_step == BadSetting.default_next_step and words:
        error.next_step = f"See `{_page(words)} --help` for the values that are allowed."
    return error


def _page(words: Sequence[str]) -> str:
    """The command that these words are for."""
    groups = {group.name for group in app.registered_groups}
    return " ".join(["punchin", *words[: 2 if words[0] in groups else 1]])


def _wrong_words(error: Any, words: Sequence[str], as_json: bool) -> int:
    if error.ctx and error.message == error.ctx.get_help():  # no words at all
        print(error.message, file=sys.stderr)
        return BadSetting.exit_code
    where = error.ctx.command_path if error.ctx else _page(words)
    what: str = error.format_message()
    for theirs, ours in WORDS.items():
        what = what.replace(theirs, ours)
    what = what.partition(", unable to parse")[0]  # how typer's own checker fails is nothing to people
    what += "" if what.endswith((".", "?")) else "."
    return fail(BadSetting(what, f"See `{where} --help`."), as_json)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(VERSION)
        raise typer.Exit
