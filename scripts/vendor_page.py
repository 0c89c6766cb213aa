"""Build what the page uses of others: `python scripts/vendor_page.py`. Needs node and npm, which users do not.

python scripts/vendor_page.py           build static/vendor: one bundle, its licences, and vendor.lock
python scripts/vendor_page.py --check   build it elsewhere, and say what differs
python scripts/vendor_page.py --types   check the page's own modules by tsc

Versions stand in scripts/page/package.json, and what npm may deliver for them in package-lock.json, by hash.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "page"
PAGE = SOURCES.parents[1] / "bridge" / "punchin_bridge" / "page" / "static"
VENDOR = PAGE / "vendor"
SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--check", action="store_true", help="say what differs, and write nothing")
    which.add_argument("--types", action="store_true", help="check the page's own modules by tsc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="punchin-page-") as name:
        folder = Path(name)
        modules = install(folder)
        if options.types:
            return types(folder, modules)
        files = build(folder, modules)
    if options.check:
        different = [name for name, data in files.items() if not same(VENDOR / name, data)]
        print("\n".join(f"{name} differs." for name in different) or "What is vendored is what npm delivers.")
        return bool(different)
    VENDOR.mkdir(exist_ok=True)
    for name, data in files.items():
        (VENDOR / name).write_bytes(data)
    return 0


def install(folder: Path) -> Path:
    """The packages of package-lock.json, in a folder of their own; nothing that they bring is run."""
    for name in ("package.json", "package-lock.json", "vendor.src.js"):
        shutil.copy(SOURCES / name, folder)
    npm = shutil.which("npm") or "npm"
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True,
                   timeout=SECONDS)  # fmt: skip
    return folder / "node_modules"


def build(folder: Path, modules: Path) -> dict[str, bytes]:
    """The files of static/vendor by their names."""
    flags = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--legal-comments=none"]
    command = [str(modules / ".bin" / "esbuild"), "vendor.src.js", *flags, "--outfile=vendor.js"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=SECONDS)
    bundle = (folder / "vendor.js").read_bytes()
    packages = list(bundled(modules))
    texts = ((f"{name} {version}", (modules / name / "LICENSE").read_text("utf-8")) for name, version, _ in packages)
    licences = "\n\n".join(f"{title}\n\n{text.strip()}" for title, text in texts)
    files = {"vendor.js": bundle, "LICENSES.txt": f"{licences}\n".encode()}
    lock = {
        "packages": {name: {"version": version, "licence": licence} for name, version, licence in packages},
        "built_by": f"esbuild {version_of(modules / 'esbuild')}",
        "sha256": {name: sha256(data).hexdigest() for name, data in files.items()},
    }
    return files | {"vendor.lock": f"{json.dumps(lock, indent=2)}\n".encode()}


def bundled(modules: Path) -> list[tuple[str, str, str]]:
    """Name, version and licence of all that goes into the bundle: dependencies, and theirs."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = list(json.loads((SOURCES / "package.json").read_text())["dependencies"])
    while waiting:
        name = waiting.pop()
        if name not in found:
            said = json.loads((modules / name / "package.json").read_text("utf-8"))
            found[name] = name, said["version"], said["license"]
            waiting += said.get("dependencies", {})
    return [found[name] for name in sorted(found)]


def version_of(package: Path) -> str:
    return str(json.loads((package / "package.json").read_text("utf-8"))["version"])


def same(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def types(folder: Path, modules: Path) -> int:
    """What tsc says of the page's own modules, which are copied beside what it needs."""
    shutil.copytree(PAGE / "app", folder / "app")
    for name in ("tsconfig.json", "vendor.d.ts"):
        shutil.copy(SOURCES / name, folder)
    return subprocess.call([str(modules / ".bin" / "tsc"), "-p", "tsconfig.json"], cwd=folder, timeout=SECONDS)


if __name__ == "__main__":
    sys.exit(main())
