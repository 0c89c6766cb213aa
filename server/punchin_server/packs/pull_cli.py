"""`punchin packs pull | pin | remove | export | import`: what changes which packs there are, on the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec
from punchin_wire import program
from punchin_wire.errors import BadSetting

from . import bundle, catalog, plan_text, pull_view, removal, sources
from .machine import this_machine
from .part import Unwatched, locked
from .plan import lock_of, settle
from .pull import pull
from .registry import Pack


def add_verbs(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """The words of these verbs, for the parser of `punchin packs`."""
    names = ", ".join(catalog.entries({}))
    one = verbs.add_parser("pull", parents=[shared], help="fetch a pack's published files and make the pack")
    one.add_argument(
        "name", metavar="NAME", nargs="?", help=f"one of {names}; or hub:OWNER/NAME[@REVISION]. Without: show them"
    )
    one.add_argument(
        "--accept", action="append", default=[], metavar="LICENCE", help="a licence that you accept; may be repeated"
    )
    one.add_argument("--into", type=Path, metavar="FOLDER", help="put every file there, not into the shared cache")
    one.add_argument("--dry-run", action="store_true", help="show the plan and fetch nothing")
    pin = verbs.add_parser("pin", parents=[shared], help="print a catalog entry with the checksums that hold now")
    pin.add_argument("name", metavar="NAME", help="an entry of the catalog")
    gone = verbs.add_parser("remove", parents=[shared], help="take a pack away, with the files that are its own")
    gone.add_argument("name", metavar="NAME", help="the pack")
    gone.add_argument("--yes", action="store_true", help="ask nothing; needed where nobody can be asked")
    out = verbs.add_parser(
        "export", parents=[shared], help="write a pack into one file, for a computer without network"
    )
    out.add_argument("name", metavar="NAME", help="the pack")
    out.add_argument("file", type=Path, metavar="FILE", help="the file to write, for example airgen.tar")
    back = verbs.add_parser("import", parents=[shared], help="make a pack of such a file")
    back.add_argument("file", type=Path, metavar="FILE", help="what `export` wrote")


def run(args: argparse.Namespace) -> list[Pack] | None:
    """Run one of these verbs; the packs to describe, or None where everything is printed. Raises PunchinError."""
    with program.stoppable():
        match args.verb:
            case "pull":
                return _pull(args)
            case "pin":
                entry = msgspec.json.encode(pinned(args.name))
                print((entry if args.json else msgspec.json.format(entry, indent=2)).decode())
            case "remove":
                _remove(args)
            case "export":
                _export(args)
            case "import":
                with pull_view.view(args.json) as view:
                    return [bundle.import_pack(args.file, view)]
    return None


def _pull(args: argparse.Namespace) -> list[Pack] | None:
    if args.name is None:
        _print_catalog(args.json)
        return None
    if args.dry_run:
        plan = settle(args.name, args.into, Unwatched())
        if args.json:
            print(msgspec.json.encode({"plan": plan_text.as_json(plan)}).decode())
        else:
            print(plan_text.in_words(plan))
        return None
    can_ask = _is_at_terminal() and not args.json
    with pull_view.view(args.json) as view:
        return [pull(args.name, view, accept=args.accept, into=args.into, ask=plan_text.ask if can_ask else None)]


def _is_at_terminal() -> bool:
    """Whether a person reads a question and can answer it."""
    return pull_view.is_terminal(sys.stdin) and pull_view.is_terminal(sys.stderr)


def _print_catalog(as_json: bool) -> None:
    entries = catalog.entries().values()
    if as_json:
        machine = this_machine()
        rows = [
            {
                "name": entry.name,
                "title": entry.title,
                "bytes": entry.bytes,
                "size": catalog.size(entry.bytes),
                "licences": list(dict.fromkeys(part.licence for part in entry.parts)),
                "need": entry.need,
                "memory": machine.judge(entry.need),
            }
            for entry in entries
        ]
        print(msgspec.json.encode({"catalog": rows}).decode())
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        print(f"{entry.name:<{width}}  {catalog.size(entry.bytes):>8}  {entry.title}")
    print(f"{'hub:OWNER/NAME':<{width}}            another MusicGen or AudioLDM2 of the hub")


def pinned(name: str) -> catalog.Entry:
    """The entry `name` with the sizes and checksums that the hub has now, and those of first use where this computer
    has the pack. For a maintainer, who commits them. Raises BadSetting, SourceUnreachable, SourceRefused."""
    plan = settle(name, None, Unwatched())
    items = plan.items if plan.is_installed else tuple(sources.resolve(plan.entry, False, Unwatched()))
    parts = []
    for part in plan.entry.parts:
        source = part.source.partition("@")[0]
        own = [item for item in items if item.source.partition("@")[0] == source]
        files = tuple(_pin(part, item) for item in own if not part.layout or _says_sha256(item))
        commit = own[0].commit if own and own[0].commit else ""
        parts.append(msgspec.structs.replace(part, source=f"{source}@{commit}" if commit else source, files=files))
    return msgspec.structs.replace(plan.entry, parts=tuple(parts))


def _says_sha256(item: sources.Item) -> bool:
    """Not of the hub's small files: it knows them by git's hash, and their commit holds them."""
    return item.sha256 is not None and (item.blob is None or len(item.blob) == 64)


def _pin(part: catalog.Part, item: sources.Item) -> catalog.File:
    if _says_sha256(item):
        return catalog.File(path=item.path, size=item.size, sha256=item.sha256)
    return next((file for file in part.files if file.path == item.path), catalog.File(path=item.path))


def _remove(args: argparse.Namespace) -> None:
    gone = removal.what(args.name)
    if not args.yes:
        if not _is_at_terminal():
            raise BadSetting(f"Nobody can be asked here whether {args.name} may go.", "Add --yes.")
        print(f"Take away {gone}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return
    with locked(lock_of(args.name), Unwatched(), args.name, is_waiting=False):
        removal.remove(removal.what(args.name))
    if args.json:
        print(msgspec.json.encode({"removed": gone.name, "bytes": gone.bytes, "kept": gone.kept}).decode())
    else:
        print(f"{args.name} is gone, {catalog.size(gone.bytes)} are free again.")
        if gone.kept:
            models = " ".join(f"model/{repo}" for repo in gone.kept)
            print(f"What other programs may use stays in the Hugging Face cache: `hf cache rm {models}`.")


def _export(args: argparse.Namespace) -> None:
    with pull_view.view(args.json) as view:
        size = bundle.export(args.name, args.file, view)
    if args.json:
        print(msgspec.json.encode({"file": str(args.file), "bytes": size}).decode())
    else:
        print(f"{args.file} holds {args.name}, {catalog.size(size)}; `punchin packs import` reads it elsewhere.")
