"""Write the index by which ReaPack installs and updates our ReaScripts.

    python scripts/make_reapack.py URL index.xml

`URL` is where this repository's files can be fetched at the commit that is published, such as a raw address with the
tag in it. What the package is and holds stands in the header of `Punchin_Background.lua`, in ReaPack's own words; the
files' hashes are taken here. The scripts lie where `punchin host install reaper` puts them, so that actions keep their
ids whichever way they came.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "plugin_host" / "reaper"
PACKAGE = "Punchin_Background.lua"
INDEX, CATEGORY = "Punchin", "Takes"
"""ReaPack installs into `Scripts/<INDEX>/<CATEGORY>`."""


class Part(NamedTuple):
    """A file of the package: where it is, where it goes, and whether it becomes an action."""

    path: Path
    target: str
    is_action: bool


def header(text: str) -> dict[str, str]:
    """The tags at the top of a script. A tag's text goes on in lines that are indented."""
    tags: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if tag := re.fullmatch(r"-- @(\w+) ?(.*)", line):
            name, tags[tag[1]] = tag[1], tag[2]
        elif line.startswith("--   ") and name:
            tags[name] = f"{tags[name]}\n{line[5:]}".strip()
    return tags


def parts(provides: str) -> Iterator[Part]:
    """The files that `@provides` names: `[main|nomain] pattern`, and `> folder/` where they go elsewhere."""
    for line in provides.splitlines():
        kind, pattern, folder = re.fullmatch(r"\[(main|nomain)\] (\S+)(?: > (\S+/))?", line).groups()  # type: ignore[union-attr]
        inside, _, name = pattern.rpartition("/")
        found = sorted((SCRIPTS / inside).resolve().glob(name))
        if not found:
            raise SystemExit(f"@provides names {pattern}, and there is no such file.")
        for path in found:
            where = folder if folder is not None else f"{inside}/" if inside else ""
            yield Part(path, f"{where}{path.name}", kind == "main")


def index(url: str, when: datetime) -> str:
    """The index as XML."""
    tags = header((SCRIPTS / PACKAGE).read_text(encoding="utf-8"))
    root = ET.Element("index", version="1", name=INDEX)
    category = ET.SubElement(root, "category", name=CATEGORY)
    package = ET.SubElement(category, "reapack", name="Punchin", type="script", desc=tags["description"])
    time = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    version = ET.SubElement(package, "version", name=tags["version"], author=tags["author"], time=time)
    for part in parts(tags["provides"]):
        hashed = f"1220{sha256(part.path.read_bytes()).hexdigest()}"  # a multihash: sha2-256, 32 bytes
        source = ET.SubElement(version, "source", file=part.target, hash=hashed)
        if part.is_action:
            source.set("main", "main")
        source.text = f"{url.rstrip('/')}/{quote(part.path.relative_to(ROOT).as_posix())}"
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def main(url: str, out: str) -> None:
    Path(out).write_text(index(url, datetime.now(UTC)), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
