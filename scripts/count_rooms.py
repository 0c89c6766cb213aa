"""Count the house: rooms, floors, arrows, files, lines and functions, read from the code's own imports.

python scripts/count_rooms.py                  the working tree
python scripts/count_rooms.py 168e8be HEAD     two commits beside each other
python scripts/count_rooms.py --rooms          and what each room imports, the lowest floor first

A *room* lies directly in a package: a folder or a module. An *arrow* leads from one room to another of its package
that anything in it imports, inside functions too. *Floors* are the rooms of the longest chain of arrows; rooms that
import one another in a *circle* share a floor. Standard library only.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "punchin_wire": "bridge",
    "punchin_bridge": "bridge",
    "punchin_server": "server",
    "punchin_train": "server",
}
OTHERS = {"plugin_host": (".py", ".lua", ".h", ".cpp"), "tests": (".py", ".lua"), "scripts": (".py",)}
Graph = dict[str, set[str]]


# ---- imports -------------------------------------------------------------------------------------------------


def graph(sources: Mapping[str, str], deferred: bool = True) -> Graph:
    """Which modules each module imports. `sources` by full name, a package's own as `name.__init__`. Names that are
    not among them stay as they are written. Without `deferred`, only what is imported when the module is."""
    return {name: set(_imports(name, source, sources, deferred)) - {name} for name, source in sources.items()}


def _imports(name: str, source: str, modules: Mapping[str, str], deferred: bool) -> Iterator[str]:
    parents = name.split(".")
    for node in _import_nodes(source, deferred):
        if isinstance(node, ast.Import):
            yield from (_known(alias.name, modules) or alias.name for alias in node.names)
            continue
        base = parents[: len(parents) - node.level] if node.level else []
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            full = ".".join([*base, alias.name])
            yield _known(full, modules) or _known(".".join(base), modules) or full


@cache
def _import_nodes(source: str, deferred: bool) -> tuple[ast.Import | ast.ImportFrom, ...]:
    found: list[ast.Import | ast.ImportFrom] = []
    unread: list[ast.AST] = [_parse(source)]
    while unread:
        node = unread.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif deferred or not _is_deferred(node):
            unread.extend(ast.iter_child_nodes(node))
    return tuple(found)


def _is_deferred(node: ast.AST) -> bool:
    """Whether what is imported inside is not imported with the module."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


@cache
def _parse(source: str) -> ast.Module:
    return ast.parse(source)


def _known(name: str, modules: Mapping[str, str]) -> str | None:
    return next((found for found in (name, f"{name}.__init__") if found in modules), None)


def reached(start: str, arrows: Graph) -> set[str]:
    """All that can be reached from `start` along arrows, itself only if it lies in a circle."""
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        new = arrows.get(open_ends.pop(), set()) - found
        found |= new
        open_ends.extend(new)
    return found


def circles(arrows: Graph) -> list[set[str]]:
    """Sets of names that all reach one another."""
    far = {name: reached(name, arrows) for name in arrows}
    found: list[set[str]] = []
    for name in sorted(arrows):
        if name in far[name] and not any(name in circle for circle in found):
            found.append({other for other in far[name] if name in far.get(other, ())})
    return found


def floors(arrows: Graph) -> dict[str, int]:
    """The floor of each name: 1 for what imports nothing, else one above the highest that it imports."""
    far = {name: reached(name, arrows) for name in arrows}

    def floor(name: str) -> int:
        below = {other for other in far[name] if name not in far[other]}
        height = 1 + max((known[other] if other in known else floor(other) for other in below), default=0)
        known[name] = height
        return height

    known: dict[str, int] = {}
    for name in arrows:
        floor(name)
    level = dict(known)
    for circle in circles(arrows):
        level |= dict.fromkeys(circle, max(known[name] for name in circle))
    return level


# ---- the house -----------------------------------------------------------------------------------------------


def room(module: str) -> str:
    """`package.room.module` -> `room`; what lies in the package itself is a room of its own."""
    return module.split(".")[1]


@dataclass(frozen=True)
class Package:
    """The modules of one package by full name."""

    name: str
    sources: Mapping[str, str]

    @cached_property
    def modules(self) -> Graph:
        """Arrows between modules of this package."""
        return {name: targets & set(self.sources) for name, targets in graph(self.sources).items()}

    @cached_property
    def rooms(self) -> Graph:
        """Arrows between rooms. The package's own `__init__` and `__main__` are its doors, no rooms."""
        found: Graph = {room(name): set() for name in self.sources if room(name) not in ("__init__", "__main__")}
        for name, targets in self.modules.items():
            if room(name) in found:
                found[room(name)] |= {room(t) for t in targets if room(t) in found} - {room(name)}
        return found

    def figures(self) -> dict[str, int]:
        sizes = sorted(size for source in self.sources.values() for size in function_lines(source))
        lines = [source.count("\n") for source in self.sources.values()]
        return {
            "rooms": len(self.rooms),
            "floors": max(floors(self.rooms).values(), default=0),
            "arrows between rooms": sum(map(len, self.rooms.values())),
            "circles of rooms": len(circles(self.rooms)),
            "circles of files": len(circles(self.modules)),
            "files": len(self.sources),
            "lines": sum(lines),
            "lines of the longest file": max(lines, default=0),
            "functions": len(sizes),
            "lines of a function, median": round(statistics.median(sizes or [0])),
            "lines of a function, 95 %": sizes[int(0.95 * len(sizes))] if sizes else 0,
            "lines of the longest function": max(sizes, default=0),
        }


def function_lines(source: str) -> Iterator[int]:
    """The lines of every function and method from `def` to its end, those inside others too."""
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def package(name: str, files: Mapping[str, str]) -> Package:
    """A package out of `files`, text by path from the repository's root."""
    sources = {}
    for path, text in files.items():
        parts = PurePosixPath(path).with_suffix("").parts
        if path.endswith(".py") and parts[:2] == (PACKAGES[name], name):
            sources[".".join(parts[1:])] = text
    return Package(name, sources)


def tree() -> dict[str, str]:
    """The files as they lie on the disk."""
    found = {}
    for folder in _folders():
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if _counts(name) and path.is_file():
                found[name] = path.read_text("utf-8")
    return found


def commit(ref: str) -> dict[str, str]:
    """The files of a commit."""
    found = {}
    command = ["git", "archive", "--format=tar", ref, *_folders()]
    packed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if _counts(entry.name) else None
            if content is not None:
                found[entry.name] = content.read().decode("utf-8")
    return found


def _folders() -> list[str]:
    return sorted({*PACKAGES.values(), *OTHERS})


def _counts(path: str) -> bool:
    return path.endswith(OTHERS.get(path.split("/")[0], (".py",)))


# ---- report --------------------------------------------------------------------------------------------------


def report(houses: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A table a package, one column a house, and the lines of everything else."""
    width = max(map(len, houses))
    for name in PACKAGES:
        yield f"{name:34}" + "".join(f"  {ref:>{max(width, 8)}}" for ref in houses)
        columns = [package(name, files).figures() for files in houses.values()]
        for row in columns[0]:
            yield f"  {row:32}" + "".join(f"  {column[row]:>{max(width, 8)}}" for column in columns)
    for folder in OTHERS:
        lines = [
            sum(t.count("\n") for p, t in files.items() if p.startswith(f"{folder}/")) for files in houses.values()
        ]
        yield f"{folder + ', lines':34}" + "".join(f"  {count:>{max(width, 8)}}" for count in lines)


def rooms(files: Mapping[str, str]) -> Iterator[str]:
    """Each room of each package: its floor and the rooms that it imports."""
    for name in PACKAGES:
        yield name
        arrows = package(name, files).rooms
        for room_name, floor in sorted(floors(arrows).items(), key=lambda item: (item[1], item[0])):
            yield f"  {floor:2} {room_name:16} {' '.join(sorted(arrows[room_name]))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("refs", nargs="*", metavar="ref", help="commits; without any, the working tree")
    parser.add_argument("--rooms", action="store_true", help="list what each room of the last one imports")
    options = parser.parse_args()
    houses = {ref: commit(ref) for ref in options.refs} or {"now": tree()}
    for line in report(houses):
        print(line)
    if options.rooms:
        for line in rooms(list(houses.values())[-1]):
            print(line)


if __name__ == "__main__":
    main()
