"""`python -m punchin_server packs …`: the registry on the command line. Knows no torch.

What changes which packs there are is in :mod:`.pull_cli`. Exit codes are those of the error tree of punchin_wire: 0 all
well, 2 wrong arguments or a licence that was not accepted, 3 a pack is missing or damaged, 5 no network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from punchin_wire import program
from punchin_wire.errors import INTERRUPTED, PackError, PunchinError
from punchin_wire.params import PACK

from . import pull_cli, registry, soundfonts
from .importing import LICENCE, TRANSFER_LICENCE, add
from .registry import Broken, Pack

SOUNDFONT = "plays chords and piano; copied into the folder (default: MS_Basic.sf2 there, or any other .sf2 or .sf3)"


def main(argv: Sequence[str]) -> int:
    """Run one verb and return the exit code."""
    words = parser()
    args = words.parse_args(argv)
    if args.verb is None:
        words.print_help()
        return 0
    try:
        rows = {"list": _list, "verify": _verify, "add": _add}.get(args.verb, _change)(args)
    except KeyboardInterrupt:
        print("\nInterrupted. What came is kept: the same command goes on.", file=sys.stderr)
        return INTERRUPTED
    except PunchinError as error:
        return program.fail(error, args.json)
    if rows is None:
        return 0
    if args.json:
        _print_json({"packs": rows})
    else:
        print("\n\n".join(_text(row) for row in rows) or "No packs.")
    return PackError.exit_code if any(row["state"] != "ok" for row in rows) else 0


def parser() -> argparse.ArgumentParser:
    """The words of `punchin packs`."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    parser = argparse.ArgumentParser(prog="punchin packs", description="Model packs on this computer.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("list", parents=[shared], help="show the installed packs and their licences")
    verify = verbs.add_parser("verify", parents=[shared], help="compare every file with its manifest")
    verify.add_argument("names", nargs="*", metavar="NAME", help="packs to check (default: all)")
    new = verbs.add_parser("add", parents=[shared], help="make a pack of downloaded files, where they lie")
    new.add_argument(
        "folder", type=Path, help="folder with the files of MusicGen and AIRGen, or of AudioLDM2 and AP-Adapter"
    )
    new.add_argument("--name", required=True, help="what the pack will be called")
    new.add_argument("--base", metavar="MODEL", help="a downloaded MusicGen, for example facebook/musicgen-large")
    new.add_argument(
        "--transfer-base", metavar="MODEL", help="a downloaded AudioLDM2, for example cvssp/audioldm2-large"
    )
    new.add_argument("--soundfont", type=Path, metavar="FILE", help=SOUNDFONT)
    licences = f"{TRANSFER_LICENCE} with AudioLDM2, else {LICENCE}"
    new.add_argument("--licence", help=f"SPDX name of the files' licence (default {licences})")
    pull_cli.add_verbs(verbs, shared)
    return parser


def _change(args: argparse.Namespace) -> list[dict[str, Any]] | None:
    packs = pull_cli.run(args)
    return None if packs is None else [describe(pack) for pack in packs]


def _list(_args: argparse.Namespace) -> list[dict[str, Any]]:
    return [describe(pack) for pack in registry.installed()]


def _verify(args: argparse.Namespace) -> list[dict[str, Any]]:
    packs = [registry.find(name) for name in args.names] or registry.installed()
    return [describe(pack, thorough=True) for pack in packs]


def _add(args: argparse.Namespace) -> list[dict[str, Any]]:
    given = {name: getattr(args, name) for name in ("base", "transfer_base", "soundfont", "licence")}
    return [describe(add(args.folder, args.name, **given))]


def describe(pack: Pack | Broken, *, thorough: bool = False) -> dict[str, Any]:
    """A pack as JSON: `state` is ok, or the code of what is wrong, which `problem` then says.

    Sizes are always compared with the manifest, contents only when `thorough`.
    """
    if isinstance(pack, Broken):
        return {"name": pack.name, "folder": str(pack.folder)} | _state(pack.error)
    try:
        (registry.verify if thorough else registry.check)(pack)
        error = None
    except PackError as caught:
        error = caught
    manifest = pack.manifest
    return {
        "name": pack.name,
        "folder": str(pack.folder),
        "version": manifest.version,
        "engines": list(manifest.engines),
        "controls": sorted(manifest.adapters),
        "text": manifest.text is not None,
        "soundfont": PurePosixPath(manifest.soundfont).name if manifest.soundfont else None,
        "lacks": soundfonts.lacking(manifest),
        "adapter": manifest.transfer is not None and manifest.transfer.adapter is not None,
        "listener": manifest.listener is not None,
        "bytes": manifest.bytes,
        "licence": pack.licence,
        "source": manifest.source,
        "default": pack.name == PACK.default,
    } | _state(error)


def abilities(row: dict[str, Any]) -> list[str]:
    """What a pack (a row of :func:`describe`) does, in words."""
    follows = ", ".join([*row["controls"], *(["text"] if row["text"] else [])]) or "nothing"
    does = [f"fills holes, follows {follows}"] if "inpaint" in row["engines"] else []
    if "transfer" in row["engines"]:
        does.append("transfers to other instruments and genres" + ("" if row["adapter"] else ", by SDEdit only"))
    if not does:
        does.append("hears notes in audio" if row["listener"] else "a soundfont that others play with")
    return does


def _state(error: PackError | None) -> dict[str, Any]:
    if error is None:
        return {"state": "ok"}
    return {"state": error.code, "problem": str(error), "next_step": error.next_step}


def _text(row: dict[str, Any]) -> str:
    if "version" not in row:
        return f"{row['name']}  DAMAGED: {row['problem']}\n  {row['next_step']}"
    lines = [
        f"{row['name']} {row['version']}{'  (default)' if row['default'] else ''}  {row['bytes'] / 1e6:.1f} MB",
        *(f"  does     {what}" for what in abilities(row)),
        *([f"  plays    {row['soundfont']}"] if row["soundfont"] else []),
        *([f"  lacks    {row['lacks']}"] if row["lacks"] else []),
        f"  licence  {row['licence']}",
        f"  source   {row['source']}",
        f"  folder   {row['folder']}",
        f"  state    {row['state']}",
    ]
    if row["state"] != "ok":
        lines += [f"  problem  {row['problem']}", f"  do this  {row['next_step']}"]
    return "\n".join(lines)


def _print_json(value: object) -> None:
    print(msgspec.json.encode(value).decode())
