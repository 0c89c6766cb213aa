"""Stands where `punchin inpaint --json` stands, without audio files: a client that submits and prints the report.

A song that does not exist is reported as the real one does; the text `hang` never gets to the daemon, `crash` raises.
"""

import json
import sys
import time
from pathlib import Path

from punchin_wire import paths
from punchin_wire.errors import FileMissing, PunchinError, from_info
from punchin_wire.messages import Cancelled, Failed, Take

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.harness import Client


def inpaint(song: str, flags: dict[str, str]) -> list[dict[str, object]]:
    if not Path(song).exists():
        raise FileMissing(f"There is no file {song}.")
    text = flags.get("text", "")
    if text == "hang":
        time.sleep(60)
    if text == "crash":
        raise ZeroDivisionError("a crash\nin two lines")
    record = paths.read_daemon_record()
    assert record is not None
    client = Client(record.port)
    client.accepted(flags["job"], text, takes=int(flags.get("takes", 1)))
    events = client.events(flags["job"])
    if isinstance(events[-1].body, Failed):
        raise from_info(events[-1].body.error)
    if isinstance(events[-1].body, Cancelled):
        raise SystemExit(5)
    seeds = [event.body.seed for event in events if isinstance(event.body, Take)]
    return [{"path": str(Path(flags["out"]) / f"take{seed}.wav"), "seed": seed, "more": 1} for seed in seeds]


if __name__ == "__main__":
    _command, _song, *words = sys.argv[1:]
    assert _command == "inpaint"
    _flags = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    assert "json" in _flags
    try:
        print(json.dumps({"takes": inpaint(_song, _flags), "timings": {}}, indent=1))
    except PunchinError as error:
        info = error.info()
        print(json.dumps({"error": {"code": info.code, "message": info.message, "next_step": info.next_step}}))
        sys.exit(error.exit_code)
