"""`punchin`, the command line: parses words, prints answers, turns errors into one line and an exit code.

Knows no audio. `serve`, `doctor`, `packs` and `eval` belong to the server and are run as its own program. What exit
codes mean is said where the errors are (:data:`punchin_wire.errors.EXITS`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from punchin_wire import VERSION, program
from punchin_wire.errors import (
    EXITS,
    INTERRUPTED,
    BadSetting,
    PunchinError,
    readable,
)
from punchin_wire.program import fail

from ..daemon import launch
from . import host, keys, remote, remote_packs, surface
from .bridge import bridge
from .inpaint import inpaint
from .open import open_page
from .shelf import open_shelf
from .status import cancel, status
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
app.command("status")(status)
app.command("cancel")(cancel)
app.command("bridge")(bridge)
app.command("open")(open_page)
app.command("shelf")(open_shelf)
app.add_typer(host.app, name="host")
app.add_typer(keys.app, name="keys")
app.add_typer(remote.app, name="remote")
app.add_typer(surface.app, name="surface")

PASSED = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


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
