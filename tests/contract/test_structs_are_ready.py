"""What threads decode is laid out at import: two threads that were the first to decode a struct crashed the bridge."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = (
    "punchin_wire.messages",
    "punchin_wire.paths",
    "punchin_bridge.hosts.protocol",
    "punchin_bridge.hosts.jobs",
    "punchin_bridge.packs.listing",
    "punchin_bridge.packs.plans",
    "punchin_bridge.page.acts",
    "punchin_bridge.page.groups",
    "punchin_bridge.page.material",
    "punchin_bridge.page.notebook",
    "punchin_bridge.page.picture",
    "punchin_bridge.page.uploads",
    "punchin_server.daemon.link",
)
LOOK = """
import importlib, sys
import msgspec

module = importlib.import_module(sys.argv[1])
kinds = [
    kind
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
]
late = []
for kind in kinds:
    if kind.__subclasses__():
        continue  # a base, which nobody decodes

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_name == "get_class_annotations":  # how msgspec begins to lay one out
            late.append(kind.__name__)

    sys.setprofile(watch)
    msgspec.json.Decoder(kind)
    sys.setprofile(None)
print(len(kinds), *late)
"""


@pytest.mark.parametrize("module", MODULES)
def test_no_struct_is_laid_out_by_whoever_decodes_it_first(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, module], capture_output=True, text=True, timeout=120)
    count, *late = done.stdout.split()
    assert int(count), done.stderr
    assert late == []
