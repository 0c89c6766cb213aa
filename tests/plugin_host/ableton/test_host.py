"""The script tick by tick, over real UDP: hello, saying again, asks, progress, starting the bridge, and odd packets."""

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fakes.harness import until
from fakes.live_models import MidiNote
from fakes.live_set import BridgeEnd, Stage, clip
from punchin_bridge.hosts.protocol import Bye, Cancel, Command, CommandResult, Hello, Placed, Submit
from punchin_wire.params import InpaintParams, TransferParams

from .conftest import Song

pytestmark = pytest.mark.slow


def submitted(on: Stage) -> Submit:
    assert on.bridge is not None
    on.act("inpaint")
    return on.bridge.of(Submit)[-1]


def test_hello_says_who_is_there(on: Stage, bridge: BridgeEnd) -> None:
    hello = bridge.of(Hello)[0]
    assert on.live.log[0] == f"Punchin: {hello.host} on port {hello.port}"
    assert hello.program == "Ableton Live 12.2.1"
    assert hello.project.name == "Tune"
    assert hello.port == bridge.port > 0
    assert {"inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "cancel", "settings"} <= {*hello.can}
    assert {"place", "drop"} <= {*hello.can}


def test_hello_again_when_another_set_is_open(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    song.live.song.file_path = "/somewhere/Other.als"
    on.turn()
    assert bridge.of(Hello)[-1].project.id == "/somewhere/Other.als"


def test_bye_when_the_set_closes(song: Song, play: Callable[..., Stage], bridge: BridgeEnd) -> None:
    on = play(song)
    on.script.disconnect()
    time.sleep(0.01)
    bridge.listen()
    assert len(bridge.of(Bye)) == 1
    assert song.live.scheduled == []


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch, on: Stage) -> None:  # noqa: ARG001 - the script is there
    """Everything is said again ten times as often."""
    monkeypatch.setattr(sys.modules["Punchin.outbox"], "AGAIN_SECONDS", 0.1)


@pytest.mark.usefixtures("hurried")
def test_a_submit_is_said_until_the_bridge_shows_it_once(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    on.until(lambda: len(bridge.of(Submit)) == 3, 5)
    assert len({document.job for document in bridge.of(Submit)}) == 1
    bridge.say(on.view(submit, "preparing"))
    on.turn()
    count = len(bridge.of(Submit))
    time.sleep(0.3)
    on.turn(3)
    assert len(bridge.of(Submit)) == count


@pytest.mark.usefixtures("hurried")
def test_cancel_of_the_newest_job_is_said_until_it_has_ended(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    bridge.say(on.view(submit, "running"))
    on.turn()
    on.act("cancel")
    on.until(lambda: len(bridge.of(Cancel)) == 2, 5)
    bridge.say(on.view(submit, "cancelled", line="Cancelled."))
    on.turn()
    assert "Cancelled." in on.live.messages[-1]
    on.act("cancel")
    assert "No job of Punchin is" in on.live.messages[-1]


@pytest.mark.usefixtures("hurried")
def test_a_job_that_the_bridge_has_not_shown_yet_can_be_cancelled(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    on.act("cancel")
    assert [cancel.job for cancel in bridge.of(Cancel)] == [submit.job]
    bridge.say(on.view(submit, "preparing"))  # it had heard of it
    on.until(lambda: len(bridge.of(Cancel)) == 3, 5)
    assert len(bridge.of(Submit)) == 1
    bridge.say(on.view(submit, "cancelled", line="Cancelled."))
    on.turn()
    assert on.unheard == []


def test_progress_is_shown_a_few_times_a_second_and_the_queue_too(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    bridge.say(on.view(submit, "queued", line="2 jobs ahead", position=2))
    on.turn()
    assert on.live.messages[-1] == "2 jobs ahead · Punchin"
    before = len(on.live.messages)
    began = time.monotonic()
    for step in range(60):
        bridge.say(on.view(submit, "running", line="take 1", fraction=step / 60))
        on.turn()
        time.sleep(0.01)
    shown = on.live.messages[before:]
    assert all(text.endswith("take 1 · Punchin") for text in shown)
    assert 0 < len(shown) <= (time.monotonic() - began) * 4 + 2
    time.sleep(0.3)
    bridge.say(on.view(submit, "running", line="take 1", fraction=0.99))
    on.turn()
    assert on.live.messages[-1] == "99 % · take 1 · Punchin"


def test_a_failed_job_is_told_once_with_what_to_do(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    for _ in range(3):
        bridge.say(on.view(submit, "failed", line="The pack is missing.", code="pack_missing", next_step="Install it."))
        on.turn()
    assert on.live.messages.count("Punchin: The pack is missing. Install it.") == 1


def test_asks_are_done_once_and_answered(on: Stage, bridge: BridgeEnd) -> None:
    params = InpaintParams(takes=2, seed=7)
    for _ in range(3):
        bridge.say(asks=(Command("one", "inpaint", params=params),))
        on.turn()
    assert [submit.params for submit in bridge.of(Submit)] == [params]
    assert {(did.ask, did.error) for did in bridge.of(CommandResult)} == {("one", "")}
    bridge.say(asks=(Command("two", "transfer", params=TransferParams("flute")), Command("three", "pick", take=4)))
    on.turn()
    assert bridge.of(Submit)[-1].params == TransferParams("flute")
    assert {(did.ask, did.error) for did in bridge.of(CommandResult)[-2:]} == {
        ("two", ""),
        ("three", "No takes were placed since this set was opened."),
    }
    bridge.say(asks=(Command("four", "explode"),))
    on.turn()
    assert "explode is no action" in bridge.of(CommandResult)[-1].error


def test_a_foot_marks_what_plays(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    live = song.live.song

    def ask(action: str, **more: float | str) -> str:
        name = f"{action}-{len(bridge.of(CommandResult))}"
        bridge.say(asks=(Command(name, action, **more),))  # type: ignore[arg-type]
        on.turn()
        return str({did.ask: did.error for did in bridge.of(CommandResult)}[name])

    assert ask("mark_out").startswith("Nothing is marked yet")
    live.is_playing, live.current_song_time, live.tempo = True, 20.0, 120.0
    assert ask("mark_in", pressed=time.time() - 60) == ""  # no press is that late: two seconds, four beats
    live.current_song_time = 24.0
    assert ask("mark_out", pressed=time.time() + 60) == ""
    assert (live.loop, live.loop_start, live.loop_length) == (True, 16.0, 8.0)
    assert ask("select", start=2.0, end=4.0, unit="seconds") == ""
    assert (live.loop_start, live.loop_length) == (4.0, 4.0)
    assert ask("select", start=1.0, end=2.0, unit="quarters") == ""
    assert (live.loop_start, live.loop_length) == (1.0, 1.0)
    assert ask("select", start=2.0, end=2.0, unit="quarters").startswith("There is nothing")


def test_an_ask_that_goes_wrong_in_live_is_answered_and_the_next_one_done(
    on: Stage, song: Song, bridge: BridgeEnd
) -> None:
    on.live.watch.gone.add(id(song.bass))
    bridge.say(asks=(Command("bad", "inpaint"),))
    on.turn()
    on.live.watch.gone.clear()
    assert any("Traceback" in line for line in on.live.log)
    on.live.log.clear()
    bridge.say(asks=(Command("bad", "inpaint"), Command("good", "inpaint")))
    on.turn()
    errors = {did.ask: did.error for did in bridge.of(CommandResult)}
    assert errors == {"bad": "Something went wrong in Live: this object does not exist any more", "good": ""}
    assert len({submit.job for submit in bridge.of(Submit)}) == 1


def test_a_state_in_a_file(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    bridge.say(on.view(submit, "ready", takes=on.takes(submit)), by_file=True)
    on.turn(2)
    assert len(bridge.of(Placed)) == 1


def test_a_state_file_elsewhere_or_too_long_is_not_read(on: Stage, bridge: BridgeEnd, tmp_path: Path) -> None:
    other = tmp_path / "state.json"
    other.write_text("{}")
    bridge.send("/punchin/host/state_file", str(other))
    on.turn()
    assert "where none belongs" in on.live.log[-1]
    own = bridge.spool / "hosts" / bridge.host / "state.json"
    own.parent.mkdir(parents=True)
    own.write_bytes(b" " * (2**20 + 1))
    bridge.send("/punchin/host/state_file", str(own))
    on.turn()
    assert "more than a megabyte" in on.live.log[-1]


def test_a_job_of_another_set_is_left_alone(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    stranger = on.view(submit, "ready", takes=on.takes(submit))
    bridge.say(
        *[
            type(stranger)(
                **{name: getattr(stranger, name) for name in stranger.__struct_fields__}
                | {"job": "someone-else", "project": "/other.als"}
            )
        ]
    )
    on.turn(2)
    assert song.bass.take_lanes == []
    song.live.song.file_path = "/saved/under/a/new/name.als"  # but a job of ours stays ours
    bridge.say(stranger)
    on.turn(2)
    assert len(song.bass.take_lanes) == 2


def test_no_packet_stops_the_tick(on: Stage, bridge: BridgeEnd) -> None:
    rng = random.Random(3)
    good = json.dumps({"type": "state", "host": bridge.host, "jobs": 5, "asks": {}}).encode()
    for _ in range(300):
        data = bytearray(rng.choice([b"/punchin/host/state\0,s\0\0" + good + b"\0", rng.randbytes(40), b"#bundle\0"]))
        data[rng.randrange(len(data))] = rng.randrange(256)
        bridge.raw(bytes(data))
        if rng.random() < 0.2:
            on.turn()
    bridge.say()
    on.turn(20)
    submit = submitted(on)
    bridge.say(on.view(submit, "ready", takes=on.takes(submit)))
    on.until(lambda: bridge.of(Placed))


def test_a_tick_is_short_even_when_much_comes_at_once(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    view = on.view(submit, "running", line="x" * 4000)
    for _ in range(500):
        bridge.say(view)
    before = on.live.watch.reads
    on.turn(30)
    print(f"longest tick {on.longest_tick * 1e3:.1f} ms")
    assert on.live.watch.reads - before < 2_000


# ---- the bridge as a process -----------------------------------------------------------------------------------


def test_a_bridge_that_is_not_there_is_started_and_outlives_live(song: Song, play: Callable[..., Stage]) -> None:
    code = "import os, time, pathlib; pathlib.Path(os.environ['WHERE']).write_text(str(os.getpid())); time.sleep(60)"
    where = Path(song.live.song.file_path).with_name("pid")
    command = ["/usr/bin/env", f"WHERE={where}", sys.executable, "-c", code]
    on = play(song, there=False, command=command)
    on.act("inpaint")
    on.until(lambda: "Punchin: starting the bridge" in on.live.messages)
    pid = int(until(lambda: where.is_file() and where.read_text()))
    process = psutil.Process(pid)
    try:
        on.act("inpaint")
        on.turn(3)
        assert on.live.messages.count("Punchin: starting the bridge") == 1
        on.script.disconnect()
        assert process.is_running()
        assert process.terminal() is None
    finally:
        process.kill()
        on.script._host._link._child.wait(10)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_bridge_is_looked_for_once_when_a_set_was_opened(
    song: Song, play: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    on = play(song, there=False, settings={"start_bridge": wanted})
    monkeypatch.setattr(sys.modules["Punchin.watch"], "START_SECONDS", 0.0)
    time.sleep(0.06)
    on.turn(5)
    assert sum("Cannot start the bridge" in text for text in on.live.messages) == wanted


def test_a_bridge_that_dies_under_a_job_is_started_again(
    song: Song, play: Callable[..., Stage], bridge: BridgeEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = play(song)
    submit = submitted(on)
    bridge.say(on.view(submit, "ready", takes=on.takes(submit)))
    on.until(lambda: bridge.of(Placed))
    bridge.say(on.view(submit, "placed"))
    on.turn(2)
    monkeypatch.setattr(sys.modules["Punchin.link"], "ALIVE_SECONDS", 0.01)
    time.sleep(0.1)
    on.turn(3)
    assert not any("start the bridge" in text for text in on.live.messages)  # nothing waits for one
    bridge.say(on.view(submit, "running"))
    on.until(lambda: any("Cannot start the bridge" in text for text in on.live.messages))


def test_a_job_asked_for_while_no_bridge_can_be_started_waits_for_one(
    song: Song, play: Callable[..., Stage], bridge: BridgeEnd
) -> None:
    on = play(song, there=False)
    submit = submitted(on)
    on.until(lambda: any("Cannot start the bridge" in text for text in on.live.messages))
    bridge.say(on.view(submit, "ready", takes=on.takes(submit)))
    on.until(lambda: bridge.of(Placed))


def test_no_bridge_at_all_is_said_in_the_end(
    song: Song, play: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    on = play(song, settings={"start_bridge": False})
    monkeypatch.setattr(sys.modules["Punchin.outbox"], "GIVE_UP_TIMES", 2)
    monkeypatch.setattr(sys.modules["Punchin.link"], "ALIVE_SECONDS", 0.0)
    on.act("inpaint")
    on.until(lambda: "The bridge does not answer." in on.live.messages[-1], 5)


def test_a_long_document_waits_in_the_inbox_once(
    song: Song, play: Callable[..., Stage], bridge: BridgeEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = play(song)
    monkeypatch.setattr(sys.modules["Punchin.outbox"], "AGAIN_SECONDS", 0.1)
    song.clip.warp_markers = [type(song.clip.warp_markers[0])(0.1 * n, 0.2 * n) for n in range(400)]
    on.bridge = None  # nobody reads
    on.act("inpaint")
    on.until(lambda: list((bridge.spool / "inbox").glob("*.json")))
    time.sleep(0.3)
    on.turn(5)
    [waiting] = (bridge.spool / "inbox").iterdir()
    assert waiting.name == f"{bridge.host}-00000001.json"
    bridge.listen()
    assert len(bridge.of(Submit)) == 1


# ---- MIDI ------------------------------------------------------------------------------------------------------


def test_notes_and_controllers_are_forwarded_as_the_settings_say(song: Song, play: Callable[..., Stage]) -> None:
    settings = {"midi_channel": 10, "notes": {"60": "cancel"}, "controls": {"20": "settings"}}
    on = play(song, settings=settings)
    assert on.live.forwarded == [("forward_midi_note", 9, 60), ("forward_midi_cc", 9, 20)]
    for value in (0, 63, 64, 127, 100, 20, 90):
        on.script.receive_midi((0xB9, 20, value))
    assert sum("Punchin's settings" in text for text in on.live.messages) == 2
    on.script.receive_midi((0x99, 60, 0))
    on.script.receive_midi((0x89, 60, 64))
    on.script.receive_midi((0xF0, 1, 2, 3, 0xF7))
    assert not any("No job" in text for text in on.live.messages)
    on.script.receive_midi((0x99, 60, 1))
    assert "No job" in on.live.messages[-1]


def test_the_settings_action_writes_the_defaults_to_edit(on: Stage) -> None:
    on.act("settings")
    path = on.folder / "settings.json"
    assert str(path) in on.live.messages[-1]
    assert json.loads(path.read_text())["takes"] == 3
    path.write_text("{")
    on.act("inpaint")
    assert "Cannot read" in on.live.messages[-1]


@pytest.mark.usefixtures("hurried")
def test_what_the_bridge_cannot_use_is_said_and_not_said_again_to_it(on: Stage, bridge: BridgeEnd) -> None:
    for times in (1, 2):
        submit = submitted(on)
        count = len(bridge.of(Submit))
        for _ in range(2):
            bridge.say(trouble="`weights` cannot be that. Correct it.", refused=submit.job)
            on.turn()
        assert on.live.messages[-1] == "Punchin: `weights` cannot be that. Correct it."
        time.sleep(0.3)
        on.turn(3)
        assert len(bridge.of(Submit)) == count
        assert on.live.messages.count("Punchin: `weights` cannot be that. Correct it.") == times


@pytest.mark.usefixtures("hurried")
def test_trouble_with_something_else_takes_no_job_away(on: Stage, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    bridge.say(trouble="There is no job live-gone of this project. Submit it again.", refused="live-gone")
    on.until(lambda: len(bridge.of(Submit)) == 3, 5)
    assert {document.job for document in bridge.of(Submit)} == {submit.job}


@pytest.mark.usefixtures("hurried")
def test_a_job_that_a_bridge_never_takes_is_given_up(on: Stage, bridge: BridgeEnd) -> None:
    submitted(on)
    bridge.say()
    on.until(lambda: "did not take the job" in on.live.messages[-1], 5)
    assert len(bridge.of(Submit)) == 8


def test_a_large_set_is_read_and_laid_within_a_tick(
    make_song: Callable[[str], Song], play: Callable[..., Stage], bridge: BridgeEnd
) -> None:
    """A hundred tracks of two hundred clips, four thousand notes, takes for one of them. What Live is asked for is
    counted, since that costs more in Live than here."""
    song = make_song("12.2.1")
    path = Path(song.clip.file_path)
    song.bass.arrangement_clips.clear()
    for number in range(100):
        track = song.bass if not number else song.live.track(f"Track {number}")
        for at in range(200):
            clip(track, path, at * 4.0, 4.0)
    song.piano.arrangement_clips[0].notes = [MidiNote(60, n / 256, 1 / 256) for n in range(4000)]
    on = play(song)
    before = on.live.watch.reads
    began = time.perf_counter()
    submit = submitted(on)
    read, reads = time.perf_counter() - began, on.live.watch.reads - before
    bridge.say(on.view(submit, "ready", takes=on.takes(submit, 16)))
    before = on.live.watch.reads
    on.turn(2)
    laid = on.live.watch.reads - before
    assert len(bridge.of(Placed)) == 1
    print(
        f"read in {read * 1e3:.0f} ms, {reads} questions; longest tick {on.longest_tick * 1e3:.0f} ms, {laid} questions"
    )
    assert reads < 30_000
    assert laid < 6_000
