"""The walls between the rooms: who may import whom, read from the sources and seen in running interpreters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.script import ROOT, load

house = load("count_rooms")
FILES: dict[str, str] = house.tree()
HEAVY = {"torch", "transformers", "diffusers", "onnxruntime", "onnx", "audiocraft"}
PACKAGES = {name: house.package(name, FILES) for name in house.PACKAGES}
OURS = set(PACKAGES)

FORBIDDEN = {
    "bridge/punchin_wire": OURS - {"punchin_wire"} | HEAVY | {"zmq", "socket"},
    "bridge/punchin_bridge": {"punchin_server", "punchin_train"} | HEAVY,
    "server/punchin_server": {"punchin_bridge", "punchin_train"},
    "server/punchin_server/daemon": {"punchin_bridge", "punchin_train"} | HEAVY,
    "server/punchin_train": {"punchin_bridge"},
    "plugin_host": OURS | HEAVY,
}
"""What a folder may not import, anywhere in its sources, not even inside a function."""

UDP = "bridge/punchin_wire/osc/udp.py"
"""The one module of the wire that opens a socket, for all three programs that speak OSC."""

FLOORS = {
    "punchin_bridge": "cli | serve | page | surfaces | hosts | takes | splice | audio | daemon music packs | remotes"
    " | settings",
    "punchin_server": "doctor opening worker | engines | models listening | codecs | packs | conditioning | daemon",
    "punchin_train": "compare evaluation | transfer | adapter inpaint | songs | measures report seats spectral",
}
"""The rooms of a package from the roof down. A room may import those on lower floors only."""

DAEMON_IS_MET_BY = {"worker": {"link"}, "doctor": {"settings"}}
"""The daemon's front process stands beside the engines: what each room may import of it."""

MOST_ROOMS = {"punchin_wire": 14, "punchin_bridge": 13, "punchin_server": 10, "punchin_train": 10}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_no_source_reaches_through_a_wall(folder: str) -> None:
    sources = {path: text for path, text in FILES.items() if path.startswith(f"{folder}/") and path.endswith(".py")}
    assert sources
    for path, names in house.graph(sources).items():
        opens = {"socket"} if path == UDP else set()
        assert not {name.split(".")[0] for name in names} & FORBIDDEN[folder] - opens, path


def test_only_the_executor_of_its_name_imports_ray() -> None:
    sources = {path: text for path, text in FILES.items() if path.endswith(".py") and not path.startswith("tests/")}
    arrows = house.graph(sources)
    theirs = {path for path, names in arrows.items() if any(name.split(".")[0] == "ray" for name in names)}
    assert theirs == {"server/punchin_server/daemon/executors/ray.py"}


@pytest.mark.parametrize("name", FLOORS)
def test_every_arrow_between_rooms_leads_down(name: str) -> None:
    floors = {room: level for level, rooms in enumerate(FLOORS[name].split("|")) for room in rooms.split()}
    arrows = PACKAGES[name].rooms
    assert set(arrows) <= set(floors), "a new room needs a floor"
    assert [(above, below) for above in arrows for below in arrows[above] if floors[above] >= floors[below]] == []


def test_the_daemons_front_process_stands_alone() -> None:
    server = PACKAGES["punchin_server"].modules
    for module, targets in server.items():
        room = house.room(module)
        if room == "daemon":
            assert {house.room(target) for target in targets} <= {"daemon"}, module
        else:
            met = {target.split(".")[2] for target in targets if house.room(target) == "daemon"}
            assert met <= DAEMON_IS_MET_BY.get(room, set()), module


@pytest.mark.parametrize("name", sorted(OURS))
def test_no_files_import_one_another_in_a_circle(name: str) -> None:
    assert house.circles(PACKAGES[name].modules) == []


@pytest.mark.parametrize(("name", "most"), MOST_ROOMS.items())
def test_a_package_is_taken_in_at_a_glance(name: str, most: int) -> None:
    assert len(PACKAGES[name].rooms) <= most


def loaded(code: str) -> set[str]:
    """The top-level modules that are loaded after `code` ran in a fresh interpreter."""
    paths = os.pathsep.join([str(ROOT / "bridge"), str(ROOT / "server")])
    script = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def modules(name: str, but: str = "") -> str:
    """All modules of a package, for an import statement: without those that run when imported, and one more."""
    found = {module.removesuffix(".__init__") for module in PACKAGES[name].sources}
    return ", ".join(sorted(module for module in found - {but} if not module.endswith("__main__")))


def test_the_wire_alone_loads_neither_sockets_nor_models() -> None:
    """All of it but the module that is there to open a socket: whoever reads or writes messages loads none."""
    statement = f"import {modules('punchin_wire', but='punchin_wire.osc.udp')}"
    assert "punchin_wire.osc.packets" in statement
    assert loaded(statement) & (HEAVY | {"zmq", "socket"} | OURS) == {"punchin_wire"}
    assert loaded("import punchin_wire.osc.udp") & (HEAVY | {"zmq", "socket"} | OURS) == {"punchin_wire", "socket"}


def test_the_running_daemon_loads_no_model_library() -> None:
    found = loaded("import punchin_server.daemon.serve, punchin_server.__main__")
    assert found & (HEAVY | OURS) == {"punchin_wire", "punchin_server"}


@pytest.mark.torch
def test_what_fills_holes_loads_no_library_that_only_text_needs() -> None:
    """transformers takes longer to import than torch, and diffusers brings it: a first take would wait for both."""
    found = loaded("import punchin_server.engines.inpaint.engine")
    assert found & HEAVY == {"torch", "onnxruntime", "onnx"}
    assert "sympy" not in found


def test_the_whole_bridge_loads_no_model_library() -> None:
    assert loaded(f"import {modules('punchin_bridge')}") & (HEAVY | OURS) == {"punchin_wire", "punchin_bridge"}


# ---- the tests themselves ------------------------------------------------------------------------------------

SLOW = ("torch", "model", "e2e", "peer", "host")


def test_no_test_and_no_script_imports_a_test() -> None:
    for path, text in FILES.items():
        if path.startswith(("tests/", "scripts/")):
            assert not re.search(r"^\s*(from|import) .*\btest_", text, re.MULTILINE), path


def test_tests_that_load_a_model_library_are_marked_as_a_whole() -> None:
    """So that a quick run does not even read them (tests/conftest.py)."""
    roots = ("bridge/", "server/", "plugin_host/ableton/", "tests/support/", "tests/")
    sources = {}
    for path, text in FILES.items():
        root = next((root for root in roots if path.startswith(root)), None)
        if root is not None and path.endswith(".py"):
            sources[".".join(Path(path.removeprefix(root)).with_suffix("").parts)] = text
    arrows = house.graph(sources, deferred=False)
    for module in arrows:
        if module.split(".")[-1].startswith("test_"):
            heavy = {name.split(".")[0] for name in house.reached(module, arrows)} & HEAVY
            marked = any(f"pytest.mark.{mark}" in sources[module].partition("\npytestmark = ")[2] for mark in SLOW)
            assert marked or not heavy, f"{module} loads {heavy}; it needs `pytestmark = pytest.mark.torch`"
