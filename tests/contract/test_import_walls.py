"""The walls between the rooms: who may import whom, read from the sources and seen in running interpreters."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "diffusers", "onnxruntime", "onnx", "audiocraft"}
OURS = {"punchin_wire", "punchin_bridge", "punchin_server", "punchin_train"}

FORBIDDEN = {
    "bridge/punchin_wire": OURS - {"punchin_wire"} | HEAVY | {"zmq", "socket"},
    "bridge/punchin_bridge": {"punchin_server", "punchin_train"} | HEAVY,
    "server/punchin_server": {"punchin_bridge", "punchin_train"},
    "server/punchin_train": {"punchin_bridge"},
    "plugin_host": OURS | HEAVY,
}
"""What a room may not import, anywhere in its sources, not even inside a function."""

UDP = ROOT / "bridge" / "punchin_wire" / "osc" / "udp.py"
"""The one module of the wire that opens a socket, for all three programs that speak OSC."""

FRONT = sorted(path.stem for path in (ROOT / "server" / "punchin_server" / "daemon").glob("*.py"))
"""The modules of the daemon's front process; they may import one another and the wire, and nothing heavy."""


def imports(path: Path) -> Iterator[str]:
    """Full names of every module that a source file imports; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base if node.module else ""
            yield from (
                f"{base.rstrip('.') if node.module else base}{'.' * bool(node.module)}{a.name}" for a in node.names
            )


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_source_reaches_through_a_wall(room: str) -> None:
    found = []
    for path in sorted((ROOT / room).rglob("*.py")):
        for name in imports(path):
            if name.split(".")[0] in FORBIDDEN[room] - ({"socket"} if path == UDP else set()):
                found.append(f"{path.relative_to(ROOT)} imports {name}")
    assert found == []


@pytest.mark.parametrize("module", FRONT)
def test_the_front_process_imports_only_itself_and_light_things(module: str) -> None:
    found = []
    for name in imports(ROOT / "server" / "punchin_server" / "daemon" / f"{module}.py"):
        top = name.split(".")[0]
        if top in HEAVY or (name.startswith(".") and name.strip(".") and name.split(".")[1] not in FRONT):
            found.append(name)
    assert found == []


def modules(package: str) -> list[str]:
    """Full names of the modules of a package of the bridge's folder, but those that run when imported."""
    return [
        ".".join(path.relative_to(ROOT / "bridge").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "bridge" / package).rglob("*.py"))
        if path.stem != "__main__"
    ]


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


def test_the_wire_alone_loads_neither_sockets_nor_models() -> None:
    """All of it but the module that is there to open a socket: whoever reads or writes messages loads none."""
    names = [name for name in modules("punchin_wire") if name != "punchin_wire.osc.udp"]
    assert "punchin_wire.osc.packets" in names
    assert loaded("import " + ", ".join(names)) & (HEAVY | {"zmq", "socket"} | OURS) == {"punchin_wire"}
    assert loaded("import punchin_wire.osc.udp") & (HEAVY | {"zmq", "socket"} | OURS) == {"punchin_wire", "socket"}


def test_the_running_daemon_loads_no_model_library() -> None:
    names = loaded("import punchin_server.daemon.serve, punchin_server.__main__")
    assert names & (HEAVY | OURS) == {"punchin_wire", "punchin_server"}


def test_the_whole_bridge_loads_no_model_library() -> None:
    names = loaded("import " + ", ".join(modules("punchin_bridge")))
    assert names & (HEAVY | OURS) == {"punchin_wire", "punchin_bridge"}
