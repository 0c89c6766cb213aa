"""A pull from the page, as its program tells of it: progress, the end, what goes wrong, and stopping."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest
from fakes.harness import until
from punchin_bridge.page import pulls
from punchin_bridge.page.pulls import Pull, Pulls
from punchin_wire.errors import BadSetting, DaemonError, QueueFull

PROGRESS = {"progress": {"file": "weights.bin", "done": 3, "total": 9}}


def program(folder: Path, *lines: object, code: int = 0, then: str = "") -> tuple[str, ...]:
    """A command that says these lines; what it was told lies in `words`."""
    script = folder / "packs.py"
    said = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    script.write_text(
        f"import json, pathlib, sys, time\n"
        f"pathlib.Path({str(folder / 'words')!r}).write_text(json.dumps(sys.argv[1:]))\n"
        f"print('\\n'.join({said!r}), flush=True)\n{then}\nsys.exit({code})\n"
    )
    return sys.executable, str(script)


class Heard:
    def __init__(self) -> None:
        self.states: list[Pull] = []
        self.ended = threading.Event()

    def __call__(self, pull: Pull) -> None:
        self.states.append(pull)
        if pull.state != "running":
            self.ended.set()


def test_it_is_followed_to_its_end(tmp_path: Path) -> None:
    heard = Heard()
    lines = [{"plan": {}}, PROGRESS, "no json", {"waiting": "the disk"}, {"packs": [{"name": "airgen"}]}]
    one = Pulls(heard, program(tmp_path, *lines))
    one.start("airgen", ["CC-BY-NC-4.0"])
    assert heard.ended.wait(20)
    assert json.loads((tmp_path / "words").read_text()) == ["airgen", "--json", "--accept", "CC-BY-NC-4.0"]
    assert (heard.states[-1].state, heard.states[-1].done, heard.states[-1].total) == ("done", 3, 9)
    assert [each.line for each in heard.states if each.state == "running"][-1] == "the disk"


@pytest.mark.parametrize("lines", [[{"error": {"code": "x", "message": "No.", "next_step": "Yes."}}], [PROGRESS]])
def test_what_goes_wrong_is_said(tmp_path: Path, lines: list[object]) -> None:
    heard = Heard()
    Pulls(heard, program(tmp_path, *lines, code=3)).start("airgen", [])
    assert heard.ended.wait(20)
    last = heard.states[-1]
    assert last.state == "failed"
    assert last.error is not None
    assert last.error.message == ("No." if "error" in lines[0] else "airgen was not fetched.")  # type: ignore[operator]


def test_one_at_a_time_and_it_can_be_stopped(tmp_path: Path) -> None:
    heard = Heard()
    one = Pulls(heard, program(tmp_path, PROGRESS, then="time.sleep(60)"))
    one.start("airgen", [])
    until(lambda: any(each.done for each in heard.states))
    with pytest.raises(QueueFull):
        one.start("audioldm2", [])
    one.stop()
    assert heard.ended.wait(20)
    assert heard.states[-1].state == "stopped"
    one.stop()
    with pytest.raises(DaemonError):
        Pulls(heard, ("/no/such/program",)).start("airgen", [])


def test_the_plan_says_what_must_be_accepted(tmp_path: Path) -> None:
    said = {
        "plan": {
            "name": "airgen", "title": "MusicGen", "to_fetch": 5, "licences": {"CC": "asks"}, "to_accept": ["CC"],
            "memory": "It fits.", "folder": "/x",
        }
    }  # fmt: skip
    found = pulls.plan("airgen", program(tmp_path, said))
    assert (found.to_fetch, list(found.to_accept)) == (5, ["CC"])
    error = {"error": {"code": "bad_setting", "message": "There is no such pack.", "next_step": "Look."}}
    with pytest.raises(BadSetting, match="no such pack"):
        pulls.plan("nothing", program(tmp_path, error, code=2))
    for lines in ([], ["no json"]):
        with pytest.raises(DaemonError):
            pulls.plan("airgen", program(tmp_path, *lines))
