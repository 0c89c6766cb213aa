"""The plug-in as it is in this checkout, built once for all tests and installed as a musician would have it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock
from punchin_bridge.hosts.installers import install as installing
from punchin_bridge.hosts.installers import plugin
from punchin_wire.paths import spool_folder

DPF = Path("/usr/share/dpf")


def bundles() -> Path:
    """The folder of the bundles. Skips where they cannot be built; `PUNCHIN_TEST_PLUGIN` names one that is there."""
    if ready := os.environ.get("PUNCHIN_TEST_PLUGIN"):
        return Path(ready)
    if not DPF.is_dir() or shutil.which("cmake") is None:
        pytest.skip("DPF and CMake are not installed")
    source = installing.scripts() / "plugin"
    folder = Path(tempfile.gettempdir()) / f"punchin-plugin-{plugin.digest(source)}"
    with FileLock(f"{folder}.lock", timeout=plugin.BUILD_SECONDS):
        if not (folder / "built").exists():
            plugin.build(source, folder)
            (folder / "built").touch()
    return folder / "bin"


def install(folder: Path, built: Path) -> Path:
    """Install it below `folder`, for the bridge of `PUNCHIN_HOME`; the folder of its VST3s."""
    paths = os.pathsep.join(filter(None, sys.path))
    bridge = (sys.executable, "-m", "punchin_bridge.cli", "bridge", "--osc-port", "0", "--surface-port", "0")
    config = installing.Config(spool_folder(), ("env", f"PYTHONPATH={paths}", *bridge, "--idle-exit", "60"))
    with mock.patch.object(plugin, "_kept", return_value=built):
        installing.install(plugin.INSTALLER, (folder,), config)
    return folder / plugin.KINDS["linux"][0]
