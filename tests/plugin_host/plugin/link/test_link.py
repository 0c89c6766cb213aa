"""What a plug-in does with what a bridge says, be it slow, wrong or hostile: one sentence, and the original plays."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
import soundfile
from fakes import plugin_build
from fakes.harness import until
from punchin_bridge.hosts.installers import plugin
from punchin_bridge.hosts.installers.install import Config
from punchin_bridge.hosts.osc_link import STATE, STATE_FILE, OscLink
from punchin_bridge.hosts.protocol import (
    Cancel,
    Command,
    Drop,
    FromHost,
    Hello,
    JobView,
    NameChords,
    NamedChord,
    NamedChords,
    Placed,
    Rendered,
    Span,
    State,
    Stem,
    Submit,
    TakeFile,
)
from punchin_bridge.hosts.spool import Spool
from punchin_bridge.hosts.timeline import tempo_map
from punchin_wire.osc.udp import LOOPBACK
from punchin_wire.params import InpaintParams
from punchin_wire.paths import BridgeRecord, takes_folder, write_bridge_record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first of them builds the plug-in

RATE, BAR = 48_000, 96_000
UNREADABLE = "Punchin's bridge says what this plug-in cannot read: install both again."
ELSEWHERE = "A take lies where none belongs, and is not played: install Punchin again."
D = TypeVar("D", bound=FromHost)
T = TypeVar("T")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = plugin_build.bundles().parent
    made = tmp_path_factory.mktemp("link") / "driver"
    source = Path(__file__).parents[4] / "plugin_host" / "plugin"
    libraries = [built / "libpunchin_link.a", built / "libpunchin_core.a", "-lsoxr", "-lpthread"]
    command = ["c++", "-std=c++17", "-O2", "-I", source, Path(__file__).with_name("driver.cpp"), *libraries, "-o", made]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    return made


class FakeBridge:
    """A bridge that says what a test wants. `heard` are the documents that came; `beat` grows with each state."""

    def __init__(self, home: Path) -> None:
        self.spool = Spool(home / "spool")
        self.spool.open()
        self.link = OscLink(0)
        self.heard: list[FromHost] = []
        self.beat = 0
        self.beaten = 0.0
        self.said: State | None = None
        write_bridge_record(BridgeRecord(os.getpid(), self.link.port, "0.1.0"))

    def next(self, kind: type[D], number: int = 1) -> D:
        """The document of this kind that came `number`th."""

        def found() -> D | None:
            self.listen()
            return dict(enumerate([each for each in self.heard if isinstance(each, kind)], start=1)).get(number)

        return self.wait(found)

    def listen(self) -> None:
        self.heard += [post.document for post in (*self.link.receive(), *self.spool.receive()) if post.document]

    def wait(self, condition: Callable[[], T]) -> T:
        """The first true value of `condition`. Meanwhile the bridge beats, as it must."""

        def found() -> T:
            if self.said and time.monotonic() - self.beaten > 0.5:
                self._send(self.said)
            return condition()

        return until(found, 60)

    @property
    def hello(self) -> Hello:
        found = self.next(Hello)
        self.spool.welcome(found.host)
        return found

    def say(self, *jobs: JobView, **more: Any) -> State:
        self.said = None
        self.said = State(self.hello.host, 0, 0, "0.1.0", jobs, **more)
        self._send(self.said)
        return self.said

    def _send(self, said: State) -> None:
        self.beat += 1
        self.beaten = time.monotonic()
        state = msgspec.structs.replace(said, revision=self.beat, beat=self.beat)
        hello = next(each for each in self.heard if isinstance(each, Hello))
        self.link.send(hello.port, state, self.spool.send(state))

    def say_raw(self, text: str, address: str = STATE) -> None:
        self.link.endpoint.send((LOOPBACK, self.hello.port), address, text)


class Driven:
    """The plug-in's engine and link in a process of their own (driver.cpp)."""

    def __init__(self, program: Path, binary: Path, *words: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, binary, *words], stdin=pipe, stdout=pipe, text=True)

    def do(self, what: str, **more: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @property
    def trouble(self) -> str:
        return str(self.do("status")["trouble"])

    def close(self) -> int:
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def bridge(home: Path) -> Iterator[FakeBridge]:
    found = FakeBridge(home)
    yield found
    found.link.close()


@pytest.fixture
def installed(home: Path) -> Path:
    """The plug-in's file, beside which lies what the installer writes."""
    config = Config(home / "spool", ("false",))
    for known in plugin.checked(Path(__file__).parents[4] / "plugin_host", config).values():
        (home / "punchin.json").write_bytes(known)
    return home / "Punchin.so"


@pytest.fixture
def driven(program: Path, installed: Path) -> Iterator[Driven]:
    """Four bars were played, and the second and third are selected."""
    found = Driven(program, installed)
    assert found.do("play", first=0, last=4)
    found.do("select", first=1, last=3)
    yield found
    assert found.close() == 0


def submitted(bridge: FakeBridge, driven: Driven) -> Submit:
    """A request of bars 2 and 3, which the bridge has shown to have."""
    bridge.say()
    bridge.wait(lambda: driven.do("status")["has_bridge"])
    driven.do("punch")
    return bridge.next(Submit)


def view(submit: Submit, phase: Any, *takes: TakeFile, line: str = "") -> JobView:
    return JobView(
        submit.job, "inpaint", phase, line, 0.0, 0, submit.project.id, submit.target.id, submit.region, submit.guard,
        "undo", takes,
    )  # fmt: skip


def take(submit: Submit, path: Path, rate: int = RATE, samples: int = 2 * BAR, value: float = 0.25) -> TakeFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((samples, 2), value, np.float32), rate, subtype="FLOAT")
    return TakeFile(str(path), "Take 1", 1, submit.region.start, submit.region.end, 2)


# ---- what it says ----------------------------------------------------------------------------------------------


def test_a_request_has_the_song_as_it_was_played(bridge: FakeBridge, driven: Driven) -> None:
    submit = submitted(bridge, driven)
    assert submit.region == Span(BAR, 3 * BAR)
    assert isinstance(submit.target.audio, Rendered)
    heard, rate = soundfile.read(submit.target.audio.path, dtype="float32")
    assert (submit.target.audio.start, rate, heard.shape) == (0, RATE, (4 * BAR, 2))
    assert 0.2 < heard.std() / 0.3 * 3**0.5 < 1.2
    grid = tempo_map(submit.timeline)
    assert [grid.sample(4.0 * bar, RATE) for bar in range(4)] == [bar * BAR for bar in range(4)]
    assert set(submit.follow) == {"chord", "drums", "piano"}
    assert Path(submit.folder).is_relative_to(takes_folder())
    assert submit.params == InpaintParams()


def test_it_says_so_again_until_the_bridge_shows_it(bridge: FakeBridge, driven: Driven) -> None:
    first = submitted(bridge, driven)
    assert bridge.next(Submit, 2) == first
    bridge.say(view(first, "running", line="40 % · decoding"))
    bridge.wait(lambda: driven.do("status")["line"] == "40 % · decoding")
    driven.do("cancel")
    assert bridge.next(Cancel).job == first.job
    bridge.say(view(first, "cancelled", line="Cancelled."))
    bridge.wait(lambda: not driven.do("status")["is_busy"])


def test_the_name_of_the_song_may_stand_in_another_window(bridge: FakeBridge, driven: Driven) -> None:
    bridge.say(song="My song")
    bridge.wait(lambda: driven.do("status")["song"] == "My song")
    driven.do("punch")
    submit = bridge.next(Submit)
    assert (submit.project.name, Path(submit.folder).name) == ("My song", "My song")


def test_notes_are_named_while_a_window_shows_them(bridge: FakeBridge, program: Path, installed: Path) -> None:
    """Asked once, until others are heard; what comes is of the song's samples."""
    notes = Driven(program, installed, "notes")
    notes.do("play", first=0, last=2)
    part = bridge.hello.part
    assert part is not None
    assert (part.hears, part.feeds) == ("notes", ("chord",))
    bridge.say()

    def asked(keys: int) -> NameChords:
        def found() -> NameChords | None:
            notes.do("name_chords")
            bridge.listen()
            questions = [each for each in bridge.heard if isinstance(each, NameChords)]
            return next((each for each in questions if len(each.notes) == keys), None)

        question = bridge.wait(found)
        assert question is not None
        return question

    first = asked(6)
    assert [note.start for note in first.notes] == [0.0] * 3 + [4.0] * 3
    assert {note.pitch for note in first.notes} == {60, 64, 67}
    bridge.say(chords=NamedChords(first.ask, (NamedChord(0, 2 * BAR, "C", 0.5),)))
    bridge.wait(lambda: notes.do("status")["chords"] == [[0, 2 * BAR, "C", 0.5]])
    notes.do("play", first=2, last=3)
    assert asked(9).ask != first.ask
    bridge.say()
    assert notes.do("status")["chords"] == [[0, 2 * BAR, "C", 0.5]]  # as long as there are no better ones
    assert notes.close() == 0


@pytest.mark.usefixtures("driven")
def test_what_was_played_is_given_to_others(bridge: FakeBridge) -> None:
    asks = (
        Command("a1b2", "stem", start=-28.0, end=4.0, unit="seconds"),
        Command("c3d4", "stem", start=50.0, end=60.0),
    )
    bridge.say(asks=asks)
    stems = [bridge.next(Stem), bridge.next(Stem, 2)]
    given, missing = sorted(stems, key=lambda stem: stem.ask)
    assert given.audio is not None
    assert (given.audio.start, soundfile.info(given.audio.path).frames) == (0, 4 * RATE)
    assert Path(given.audio.path).parent == bridge.spool.host(bridge.hello.host) / "audio"
    assert (missing.audio, missing.error) == (None, "That track was not played there: play the song once.")


def test_bars_that_were_not_played_are_refused(bridge: FakeBridge, driven: Driven) -> None:
    bridge.say()
    bridge.wait(lambda: driven.do("status")["has_bridge"])
    driven.do("select", first=3, last=9)
    driven.do("punch")
    bridge.wait(lambda: driven.trouble == "Play these bars once, so that Punchin has heard them.")
    driven.do("select", first=2, last=2)
    driven.do("punch")
    bridge.wait(lambda: driven.trouble == "Select some bars first.")
    driven.do("select", first=1, last=3)
    driven.do("punch", transfer=True)
    bridge.wait(lambda: driven.trouble == "Say what it should become: an instrument, or a whole sentence.")


def test_a_folder_that_is_no_whole_path_is_refused(bridge: FakeBridge, driven: Driven, tmp_path: Path) -> None:
    bridge.say()
    bridge.wait(lambda: driven.do("status")["has_bridge"])
    driven.do("folder", path="Songs/One")
    driven.do("punch")
    like = takes_folder() / "One"
    said = f"The folder for takes is no whole path: write one like {like} under Song and track, or empty it."
    bridge.wait(lambda: driven.trouble == said)
    driven.do("folder", path=str(tmp_path / "One"))
    driven.do("punch")
    assert bridge.next(Submit).folder == str(tmp_path / "One")


def test_where_takes_are_made_is_known(bridge: FakeBridge, driven: Driven) -> None:
    bridge.say(remote="box")
    bridge.wait(lambda: driven.do("status")["remote"] == "box")
    bridge.say()
    bridge.wait(lambda: driven.do("status")["remote"] == "")


def test_the_last_request_is_asked_for_again(bridge: FakeBridge, driven: Driven) -> None:
    bridge.say()
    bridge.wait(lambda: driven.do("status")["has_bridge"])
    driven.do("again")
    bridge.wait(lambda: driven.trouble == "Nothing was asked for here yet.")
    first = submitted(bridge, driven)
    bridge.say(view(first, "failed", line="It went wrong."))
    bridge.wait(lambda: driven.trouble == "It went wrong.")
    driven.do("select", first=0, last=1)
    driven.do("again")
    second = bridge.next(Submit, sum(isinstance(each, Submit) for each in bridge.heard) + 1)
    assert (second.region, second.params) == (first.region, first.params)
    assert second.job != first.job


def test_without_an_installation_it_says_how_to_install(program: Path, tmp_path: Path) -> None:
    driven = Driven(program, tmp_path / "Punchin.so")
    driven.do("punch")
    assert driven.trouble == "Punchin is not installed for plug-ins: run `punchin host install plugin`."
    assert driven.do("play", first=0, last=1)
    assert driven.close() == 0


# ---- what it hears ---------------------------------------------------------------------------------------------


def test_takes_play_once_they_are_ready(bridge: FakeBridge, driven: Driven) -> None:
    submit = submitted(bridge, driven)
    ready = view(submit, "ready", take(submit, Path(submit.folder) / "take.wav"))
    bridge.say(ready)
    assert bridge.next(Placed).job == submit.job
    assert driven.do("takes") == [[str(Path(submit.folder) / "take.wav"), ""]]
    assert driven.do("play", first=0, last=1)
    assert not driven.do("play", first=1, last=3)
    bridge.say(ready)  # the bridge died over that, and says it again
    bridge.next(Placed, 2)
    assert len(driven.do("takes")) == 1


def test_chords_that_were_read_by_ear_are_shown(bridge: FakeBridge, driven: Driven) -> None:
    submit = submitted(bridge, driven)
    ready = view(submit, "ready", take(submit, Path(submit.folder) / "take.wav"))
    bridge.say(msgspec.structs.replace(ready, heard=(NamedChord(BAR, 2 * BAR, "Am", 0.83),)))
    bridge.next(Placed)
    bridge.wait(lambda: driven.do("status")["chords"] == [[BAR, 2 * BAR, "Am", 0.83]])


def test_takes_for_another_tempo_wait_in_the_list(bridge: FakeBridge, driven: Driven) -> None:
    submit = submitted(bridge, driven)
    driven.do("play", first=0, last=4, bpm=97.0)
    bridge.say(view(submit, "ready", take(submit, Path(submit.folder) / "take.wav")))
    bridge.next(Placed)
    assert "tempo was edited" in driven.trouble
    assert len(driven.do("takes")) == 1
    driven.do("play", first=0, last=1)
    assert driven.do("play", first=1, last=3)


HOSTILE = {
    "no JSON": "{",
    "deep": "[" * 4000,
    "a number": "7",
    "another's": '{"type":"state","host":"plugin-other","beat":1,"jobs":[],"asks":[],"trouble":"","refused":""}',
    "no jobs": '{"type":"state","host":"HOST","beat":1,"asks":[],"trouble":"","refused":""}',
    "jobs that are none": '{"type":"state","host":"HOST","beat":1,"jobs":[7],"asks":[],"trouble":"","refused":""}',
    "asks without end": json.dumps(
        {"type": "state", "host": "HOST", "beat": 1, "jobs": [], "asks": [{}] * 900, "trouble": "", "refused": ""}
    ),
    "a beat of infinity": '{"type":"state","host":"HOST","beat":1e999,"jobs":[],"asks":[],"trouble":"","refused":""}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_state_is_said_in_one_sentence(bridge: FakeBridge, driven: Driven, text: str) -> None:
    submit = submitted(bridge, driven)
    bridge.say_raw(text.replace("HOST", bridge.hello.host))
    until(lambda: driven.trouble == UNREADABLE, 60)
    assert driven.do("play", first=0, last=4)
    bridge.say(view(submit, "running", line="on and on"))
    bridge.wait(lambda: driven.do("status")["line"] == "on and on")
    assert driven.trouble == ""


def test_a_state_is_read_from_its_own_folder_alone(bridge: FakeBridge, driven: Driven, tmp_path: Path) -> None:
    submit = submitted(bridge, driven)
    stranger = tmp_path / "state.json"
    stranger.write_bytes(
        msgspec.json.encode(bridge.say(view(submit, "running", line="mine"))).replace(b"mine", b"evil")
    )
    bridge.say_raw(str(stranger), STATE_FILE)
    bridge.say_raw("{")
    until(lambda: driven.trouble == UNREADABLE, 60)  # the packet before that was read by now
    assert driven.do("status")["line"] == "mine"


def test_a_take_from_elsewhere_is_not_played(bridge: FakeBridge, driven: Driven, tmp_path: Path) -> None:
    submit = submitted(bridge, driven)
    outside = take(submit, tmp_path / "elsewhere" / "take.wav")
    link = Path(submit.folder) / "link.wav"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside.path)
    up = str(Path(submit.folder) / ".." / ".." / ".." / "elsewhere" / "take.wav")
    for path in (outside.path, up, str(link), "take.wav", ""):
        drops = sum(isinstance(each, Drop) for each in bridge.heard)
        bridge.say()  # nothing of it: it may be said anew
        bridge.say(view(submit, "ready", msgspec.structs.replace(outside, path=path)))
        bridge.next(Drop, drops + 1)
        assert driven.trouble == ELSEWHERE
    assert driven.do("takes") == []
    assert driven.do("play", first=0, last=4)


BAD = {
    "too short": ({"samples": 2 * BAR - 480}, "not as long as its bars"),
    "at another rate": ({"rate": 44_100}, "not as long as its bars"),
    "no number": ({"value": float("nan")}, "no numbers"),
}


@pytest.mark.parametrize(("wrong", "said"), BAD.values(), ids=BAD)
def test_a_take_that_cannot_be_is_not_played(
    bridge: FakeBridge, driven: Driven, wrong: dict[str, Any], said: str
) -> None:
    submit = submitted(bridge, driven)
    bridge.say(view(submit, "ready", take(submit, Path(submit.folder) / "take.wav", **wrong)))
    bridge.next(Placed)
    assert said in driven.trouble
    assert driven.do("play", first=0, last=4)
    assert said in driven.do("takes")[0][1]
