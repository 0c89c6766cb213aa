"""A parameter is declared in one file, and is then everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DECLARED = """BRIGHTNESS = Parameter(
    "brightness", "How bright new takes are.", _INPAINT, 0.5, 0.0, 4.0, fader=(0.0, 1.0), unsaid=PACKS,
    path="sampling.brightness", short="bright",
)
SHIMMER = Parameter("shimmer", "How much takes shimmer.", _TRANSFER, 2, 0, 5, unsaid=_TASKS, tasks={"genre": 4})
"""
FIELDS = {
    "Sampling": "brightness: Annotated[float, BRIGHTNESS.meta] | None = None",
    "Denoising": "shimmer: Annotated[int, SHIMMER.meta] = SHIMMER.default",
    "AskedDenoising": "shimmer: Annotated[int, SHIMMER.meta] | None = None",
}
ASKED = """
import json, sys, zlib
import msgspec
from _docs import parameters
from punchin_bridge.cli.main import app
from punchin_bridge.surfaces.layouts import open_stage_control, touchosc
from punchin_bridge.surfaces.midi import mackie_page, mapping
from punchin_bridge.surfaces.osc import picture, tree
from punchin_bridge.surfaces.parameters import Parameters
from punchin_bridge.takes import presets, request, sweep
from punchin_wire.messages import AudioRef, TakeSpec
from punchin_wire.osc import table
from punchin_wire.params import TransferParams
from typer.testing import CliRunner

def shown(*words):
    return CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "300"}).output

surface = Parameters()
for name, value in json.loads(sys.argv[1]).items():
    surface.set(name, value)
values = {address: said for name, value in surface.values.items() for address, said in picture.parameter(name, value)}
nodes = tree.tree(table.TABLE, {(path,): (path, value) for path, value in values.items()})
wanted = presets.filled(surface.params("transfer"))
source = AudioRef(0, 44100, 1, 44100)
print(json.dumps({
    "help": {command: shown(*command.split()) for command in ("inpaint", "transfer", "host do")},
    "options": {arg.name: arg.type for arg in table.SUBMIT_OPTIONS + table.TRANSFER_OPTIONS},
    "faders": values,
    "range": tree.at(nodes, "/punchin/control/brightness")["RANGE"],
    "tablets": [zlib.decompress(touchosc.layout(9000)).decode(), open_stage_control.session("127.0.0.1:1").decode()],
    "pots": [each.short for bank in mackie_page.BANKS for each in bank],
    "mapped": mapping.parse(b"[[map]]\\ncc = 1\\ncontrol = 'brightness'\\n").entries[0].control,
    "axes": [point.label for point in sweep.grid(sweep.axes(["shimmer=1,3"]), TransferParams("violin"))],
    "inpaint": msgspec.to_builtins(surface.params("inpaint")),
    "transfer": msgspec.to_builtins(request.transfer_request(source, presets.Prompts("a", ""), wanted, [TakeSpec(1)])),
    "docs": parameters.tables(), "lua": parameters.lua(), "python": parameters.python(),
    "cpp": parameters.cpp(),
}))
"""


def run(bridge: Path, code: str, *words: str) -> Any:
    """What a fresh interpreter prints, as JSON, that has the modules of `bridge`."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(bridge), str(ROOT / "scripts")])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there is of two more parameters, once they stand in a copy of the one file."""
    copy = tmp_path_factory.mktemp("declared")
    shutil.copytree(ROOT / "bridge", copy / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / "bridge" / "punchin_wire" / "params.py"
    text = path.read_text("utf-8").replace("\nTABLE: ", f"\n{DECLARED}\nTABLE: ", 1)
    for name, line in FIELDS.items():
        head, body = text.split(f"\nclass {name}(", 1)
        doc, fields = body.split('"""\n\n', 1)
        rest, _, after = fields.partition("\n\n")
        text = f'{head}\nclass {name}({doc}"""\n\n{rest}\n    {line}\n\n{after}'
    path.write_text(text, "utf-8")
    said = {"brightness": 0.75, "to": "jazz", "task": "genre"}
    answer: dict[str, Any] = run(copy / "bridge", ASKED, json.dumps(said))
    return answer


def test_the_command_line_has_it(found: dict[str, Any]) -> None:
    shown = {command: " ".join(text.split()) for command, text in found["help"].items()}
    for command in ("inpaint", "host do"):
        assert "--brightness NUMBER How bright new takes are. 0 to 4. [default: the pack's]" in shown[command]
    for command in ("transfer", "host do"):
        assert "--shimmer N How much takes shimmer. 0 to 5. [default: the task's]" in shown[command]


def test_osc_and_surfaces_have_it(found: dict[str, Any]) -> None:
    assert (found["options"]["brightness"], found["options"]["shimmer"]) == ("f", "i")
    assert found["faders"]["/punchin/control/brightness"] == found["faders"]["/punchin/fader/brightness"] == [0.75]
    assert found["faders"]["/punchin/control/shimmer"] == [4]  # as the task has it
    assert found["range"] == [{"MIN": 0.0, "MAX": 1.0}]
    for layout in found["tablets"]:
        assert "/punchin/fader/brightness" in layout
        assert "/punchin/fader/shimmer" in layout
    assert {"bright", "shimme"} <= set(found["pots"])
    assert found["mapped"] == "brightness"


def test_it_reaches_the_engines_request(found: dict[str, Any]) -> None:
    assert found["inpaint"]["sampling"]["brightness"] == 0.75
    assert found["transfer"]["shimmer"] == 4
    assert found["axes"] == ["shimmer1", "shimmer3"]


def test_hosts_and_the_documentation_have_it(found: dict[str, Any]) -> None:
    row = "| `brightness` | inpaint | `--brightness` | 0 to 4 | 0 to 1 | the pack's (0.5) | How bright new takes are. |"
    assert row in found["docs"]
    assert "  shimmer = {\n" in found["lua"]
    assert '    "shimmer": {\n' in found["python"]
    assert '    {"shimmer", "How much takes shimmer.", false, true, Kind::whole, "2", "the task\'s", ' in found["cpp"]
