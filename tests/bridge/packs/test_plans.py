"""What a pull would fetch, as its program says, or why that is not known."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from punchin_bridge.packs import plans
from punchin_wire.errors import BadSetting, DaemonError


def program(folder: Path, line: str, code: int = 0) -> tuple[str, ...]:
    """A command that says this line, if it is asked for a plan."""
    script = folder / "packs.py"
    script.write_text(
        f"import sys\nassert sys.argv[2:] == ['--dry-run', '--json']\nprint({line!r})\nsys.exit({code})\n"
    )
    return sys.executable, str(script)


def test_the_plan_says_what_must_be_accepted(tmp_path: Path) -> None:
    said = {
        "plan": {
            "name": "airgen", "title": "MusicGen", "to_fetch": 5, "licences": {"CC": "asks"}, "to_accept": ["CC"],
            "memory": "It fits.", "folder": "/x",
        }
    }  # fmt: skip
    found = plans.plan("airgen", program(tmp_path, json.dumps(said)))
    assert (found.to_fetch, found.to_accept) == (5, ("CC",))


def test_why_there_is_none_is_said(tmp_path: Path) -> None:
    error = {"error": {"code": "bad_setting", "message": "There is no such pack.", "next_step": "Look."}}
    with pytest.raises(BadSetting, match="no such pack"):
        plans.plan("nothing", program(tmp_path, json.dumps(error), 2))
    for line in ("", "no json", "{}"):
        with pytest.raises(DaemonError):
            plans.plan("airgen", program(tmp_path, line))
    with pytest.raises(DaemonError):
        plans.plan("airgen", ("/no/such/program",))
