"""The plug-in for all other DAWs: VST3 and CLAP, built here from our sources, or as a release brings them.

The sources lie in `plugin_host/plugin` of a clone, and within the package when it was installed from a wheel. What was
built is kept by a hash of the sources, so that it is built once. `punchin.json` says where the bridge is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

from punchin_wire import VERSION, paths
from punchin_wire.disk import OWN_FOLDER, make_folder
from punchin_wire.errors import BadSetting

from .install import Config, Installer, Surroundings

BUILD_SECONDS = 900
"""How long a build may take; it takes half a minute."""
TAIL_LINES = 8
PACKAGES = "cmake g++ dpf-source nlohmann-json3-dev libsoxr-dev libgl-dev libx11-dev libxext-dev"
GET = f"On Debian and Ubuntu: `sudo apt install {PACKAGES}`. Elsewhere: a C++17 compiler, CMake and DPF."
KINDS = {"linux": (".vst3", ".clap"), "darwin": ("VST3", "CLAP"), "win32": ("VST3", "CLAP")}
"""What the folders for VST3 and CLAP are called below the one where the system looks."""
CONFIG = "punchin.json"


def folders(here: Surroundings) -> tuple[Path, ...]:
    """The folder of this user's plug-ins: it holds one for each format. Raises BadSetting on other systems."""
    if here.platform == "darwin":
        return (here.home / "Library" / "Audio" / "Plug-Ins",)
    if here.platform == "win32":
        local = Path(here.environ.get("LOCALAPPDATA") or here.home / "AppData" / "Local")
        return (local / "Programs" / "Common",)
    if here.platform == "linux":
        return (here.home,)
    raise BadSetting("Nobody knows where plug-ins belong on this system.", "Name the folder with --folder.")


def files(source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    """All bundles, built if they are not there, and what each must know. Raises BadSetting."""
    plugin = source / "plugin"
    found = dict(checked(source, config))
    [known] = found.values()
    for bundle in _bundles(_built(plugin)):
        place = _place(bundle)
        parts = [bundle] if bundle.is_file() else sorted(path for path in bundle.rglob("*") if path.is_file())
        found |= {place / path.relative_to(bundle.parent).as_posix(): path.read_bytes() for path in parts}
        if bundle.is_dir():
            found[place / bundle.name / "Contents" / "Resources" / CONFIG] = known
    return found


def checked(source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    """What tells an old version without a build: it names the sources that bundles were built from. A plug-in finds it
    beside itself, or in the `Resources` of its bundle (`link/installed.cpp`)."""
    known = {
        "spool": str(config.spool),
        "record": str(paths.bridge_file()),
        "takes": str(paths.takes_folder()),
        "command": config.command,
        "page": (sys.executable, "-m", "punchin_bridge.cli", "open"),
        "version": VERSION,
        "sources": digest(source / "plugin"),
    }
    return {_kinds()[1] / "Punchin" / CONFIG: json.dumps(known, indent=1).encode()}


# ---- bundles -------------------------------------------------------------------------------------------------


def _bundles(folder: Path) -> Iterator[Path]:
    """The VST3s, which are folders, and the CLAPs, which are folders on macOS and files elsewhere."""
    for ending in (".vst3", ".clap"):
        yield from sorted(folder.glob(f"*{ending}"))


def _place(bundle: Path) -> PurePosixPath:
    """Where a bundle belongs, below the user's folder of plug-ins; a CLAP that is a file has a folder for what it must
    know."""
    vst3, clap = _kinds()
    if bundle.suffix == ".vst3":
        return vst3
    return clap if bundle.is_dir() else clap / "Punchin"


def _kinds() -> tuple[PurePosixPath, PurePosixPath]:
    vst3, clap = KINDS.get(sys.platform, KINDS["linux"])
    return PurePosixPath(vst3), PurePosixPath(clap)


# ---- building ------------------------------------------------------------------------------------------------


def digest(plugin: Path) -> str:
    """A hash of all that is built from."""
    found = sha256()
    for path in sorted(path for path in plugin.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(plugin).as_posix()}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _kept(plugin: Path) -> Path:
    """Where bundles are: those that a release brings, else those that were built from these sources."""
    brought = plugin / "built"
    return brought if brought.is_dir() else paths.cache_folder() / "plugin" / digest(plugin) / "bin"


def _built(plugin: Path) -> Path:
    """The folder of the bundles, built if need be. Raises BadSetting."""
    folder = _kept(plugin)
    if not any(_bundles(folder)):
        build(plugin, folder.parent)
    return folder


def build(plugin: Path, folder: Path) -> None:
    """Build the sources `plugin` in `folder`, where the bundles are in `bin` then. Raises BadSetting."""
    for program in ("cmake", "c++"):
        if shutil.which(program) is None and not (program == "c++" and sys.platform == "win32"):
            raise BadSetting(f"The plug-in is built from its sources, and there is no {program} here.", GET)
    make_folder(folder, OWN_FOLDER)
    log = folder / "build.log"
    _run(["cmake", "-S", str(plugin), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release"], log)
    _run(["cmake", "--build", str(folder), "--config", "Release", "--parallel", str(os.cpu_count() or 1)], log)
    if not any(_bundles(folder / "bin")):
        raise BadSetting(f"The build made no plug-in; it said how in {log}.", GET)


def _run(command: list[str], log: Path) -> None:
    """Raises BadSetting with the end of what it said."""
    try:
        with log.open("ab") as out:
            ended = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, timeout=BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BadSetting(f"The plug-in was not built within {BUILD_SECONDS} s.", f"See {log}.") from None
    if ended.returncode:
        said = "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-TAIL_LINES:])
        raise BadSetting(f"The plug-in could not be built. It said:\n{said}", f"{GET} All it said is in {log}.")


INSTALLER = Installer(
    name="plugin",
    title="The plug-in",
    folders=folders,
    files=files,
    clicks=(
        "Open your DAW, and have it look for new plug-ins (VST3 or CLAP).",
        "Put `Punchin` on the track, behind its instrument, and play the part once.",
        "Choose bars in its window, and press `Punch in`: takes play in place as soon as they are there.",
        "Name the one on the drum track `Drums`, and put `Punchin Chords` on the track that plays the chords: takes "
        "follow them.",
    ),
    checked=checked,
    first="The plug-in is built from its sources; that takes about a minute.",
)
