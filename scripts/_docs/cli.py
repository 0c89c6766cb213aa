"""The command line: what each command does and takes, and what each error means."""

from __future__ import annotations

import argparse
import enum
import inspect
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import typer
from punchin_bridge.cli.main import app
from punchin_server import doctor
from punchin_server.daemon import settings
from punchin_server.packs import cli as packs
from punchin_train.evaluation import __main__ as evaluation
from punchin_wire.errors import BY_CODE, EXITS

from . import table

SERVER = {"serve": settings.parser, "packs": packs.parser, "doctor": doctor.parser, "eval": evaluation.parser}
"""Commands that the server reads itself."""
KINDS: dict[Any, str] = {Path: "PATH", str: "TEXT", float: "NUMBER", int: "N"}


class Option(NamedTuple):
    """An option or an argument: its names, what stands behind them, and what it is."""

    names: tuple[str, ...]
    value: str
    text: str


class Command(NamedTuple):
    """A command as it is typed, what it does, and what it takes."""

    words: str
    text: str
    options: tuple[Option, ...]


def found() -> Iterator[Command]:
    """Every command, but those that only hold others."""
    for name, function in _functions(app):
        if name in SERVER:
            yield from _of_parser(SERVER[name](), inspect.getdoc(function) or "")
        else:
            yield _of_function(f"punchin {name}", function)
    for group in app.registered_groups:
        assert group.typer_instance
        for name, function in _functions(group.typer_instance):
            yield _of_function(f"punchin {group.name} {name}", function)


def commands() -> str:
    """What each command does and takes."""
    return "\n".join(_shown(command) for command in found())


def exits() -> str:
    """What each exit code means."""
    return table(("Code", "Meaning"), ((str(code), text) for code, text in EXITS.items()))


def errors() -> str:
    """What a musician can do about each error, and which exit code a command ends with."""
    rows = [(f"`{code}`", str(error.exit_code), error.default_next_step) for code, error in BY_CODE.items()]
    return table(("Code", "Exit", "What to do, where nothing nearer is known"), rows)


def _shown(command: Command) -> str:
    options = table(
        ("Option", "Meaning"), ((f"`{' '.join([*one.names, one.value]).strip()}`", one.text) for one in command.options)
    )
    return f"### {command.words}\n\n{command.text}\n" + (f"\n{options}" if command.options else "")


# ---- commands of the bridge: functions that typer reads ------------------------------------------------------


def _functions(of: typer.Typer) -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in of.registered_commands:
        assert command.callback
        yield command.name or command.callback.__name__, command.callback


def _of_function(words: str, function: Callable[..., Any]) -> Command:
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return Command(words, inspect.getdoc(function) or "", tuple(map(_of_parameter, parameters)))


def _of_parameter(parameter: inspect.Parameter) -> Option:
    kind, info = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
    text = re.sub(r" *\[default: (.*?)\]", r" (default: \1)", info.help or "")
    if parameter.default not in (None, False, "", 0, parameter.empty):
        text += f" (default: {parameter.default})"
    if isinstance(info, typer.models.ArgumentInfo):
        return Option((), info.metavar or _choices(kind) or parameter.name.upper(), text)
    given = (info.default, *(info.param_decls or ()))  # in `Annotated`, typer takes a first name for a default
    names = tuple(word for word in given if isinstance(word, str) and word.startswith("-"))
    value = "" if kind is bool else info.metavar or _value(kind)
    return Option(names or (f"--{parameter.name.replace('_', '-')}",), value, text)


def _value(kind: Any) -> str:
    if get_origin(kind) in (types.UnionType, Union, list):
        return _value(get_args(kind)[0])
    return _choices(kind) or KINDS[kind]


def _choices(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return "|".join(kind)
    return ""


# ---- commands of the server: parsers -------------------------------------------------------------------------


def _of_parser(parser: argparse.ArgumentParser, text: str) -> Iterator[Command]:
    own: list[Option] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, inner in action.choices.items():
                yield from _of_parser(inner, f"{texts[name][:1].upper()}{texts[name][1:]}.")
            return
        if not isinstance(action, argparse._HelpAction):
            own.append(_of_action(action))
    yield Command(parser.prog, text, tuple(own))


def _of_action(action: argparse.Action) -> Option:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if action.nargs == 0:
        value = ""
    text = (action.help or "")[:1].upper() + (action.help or "")[1:]
    return Option(tuple(action.option_strings), str(value), text.replace("(default ", "(default: "))
