"""`punchin packs list | pull … --remote NAME`: what the same words say on another computer, whose daemon is asked. Its
program's lines are printed as they come with `--json`, and else in words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec
from punchin_wire.errors import INTERRUPTED, BadSetting, ErrorInfo, from_info
from punchin_wire.messages import PackQuery
from punchin_wire.structs import UNREADABLE, ready

from ..packs.listing import Offer, Pack
from ..packs.plans import Plan
from ..packs.pulls import Progress, amount_of, size_of
from .job import connected

FLAG = "--remote"
SEE = "See `punchin packs --help`; there, packs are added, verified and removed by that computer's own user."


class _Line(msgspec.Struct, frozen=True):
    """A line of `punchin packs … --json`."""

    packs: tuple[Pack, ...] | None = None
    catalog: tuple[Offer, ...] = ()
    plan: Plan | None = None
    progress: Progress | None = None
    waiting: str = ""
    note: str = ""
    error: ErrorInfo | None = None


ready(_Line)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(f"punchin packs {FLAG}: {message}.", SEE)


def is_meant(words: Sequence[str]) -> bool:
    """Whether these words behind `punchin packs` are for another computer."""
    return any(word.partition("=")[0] == FLAG for word in words)


def run(words: Sequence[str]) -> int:
    """Have them said there. Returns the exit code. Raises what the daemon refuses with."""
    given = _parsed(words)
    shown = _Shown(given.json)
    code: int | None = INTERRUPTED
    with connected(given.remote) as client:
        answers = client.packs(_query(given))
        try:
            for packs in answers:
                code = packs.code
                for line in packs.lines:
                    shown.line(line)
        finally:
            answers.close()
    if shown.error is not None and not given.json:
        raise from_info(shown.error)
    return code or 0


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="punchin packs", add_help=False, allow_abbrev=False)
    parser.add_argument("verb", choices=("list", "pull"))
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--accept", action="append", default=[])
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(FLAG, required=True)
    return parser.parse_args(list(words))


def _query(given: argparse.Namespace) -> PackQuery:
    if given.verb == "list":
        return PackQuery("list")
    if not given.name:
        return PackQuery("offers")
    asked = {"verb": "plan" if given.dry_run else "pull", "pack": given.name, "accept": given.accept}
    try:
        return msgspec.convert(asked, PackQuery)
    except msgspec.ValidationError:
        raise BadSetting(f"{given.name[:80]!r} is no pack that can be fetched there.", SEE) from None


class _Shown:
    """Prints lines, and remembers the error among them and what was said of progress."""

    def __init__(self, as_json: bool) -> None:
        self._as_json, self._file = as_json, ""
        self.error: ErrorInfo | None = None

    def line(self, text: str) -> None:
        if self._as_json:
            print(text, flush=True)
            return
        try:
            line = msgspec.json.decode(text, type=_Line)
        except UNREADABLE:
            return
        self.error = line.error or self.error
        for said in _results(line):
            print(said)
        if (what := line.waiting or line.note or self._progress(line.progress)) != "":
            print(what, file=sys.stderr, flush=True)

    def _progress(self, progress: Progress | None) -> str:
        """A line for each file; a bar would need the width of a terminal that may not be one."""
        if progress is None or progress.file == self._file:
            return ""
        self._file = progress.file
        return f"{progress.file} ({amount_of(progress.done, progress.total)} are there)"


def _results(line: _Line) -> list[str]:
    packs = [
        f"{pack.name} {pack.version}  {size_of(pack.bytes)}  {', '.join(pack.engines)}  {pack.licence}  {pack.state}"
        for pack in line.packs or ()
    ]
    offers = [f"{offer.name:<24}  {offer.size:>8}  {offer.title}" for offer in line.catalog]
    plan = line.plan
    if plan is None:
        return packs + offers
    accept = "".join(f" --accept {licence}" for licence in plan.to_accept)
    asks = [f"To be accepted:{accept}"] if accept else []
    planned = [f"{plan.name}: {plan.title}", f"fetches {size_of(plan.to_fetch)}", plan.memory]
    return [*planned, *plan.licences.values(), *asks]
