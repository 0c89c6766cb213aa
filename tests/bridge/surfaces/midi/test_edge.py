"""What is done on controllers, at a console with a host, through ports that are lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.room import submit
from fakes.surfaces import MAPPING, PORT, Lists, MidiStage, Stage, cc, note
from punchin_bridge.surfaces.midi.edge import LEARN_SECONDS, LOOK_SECONDS, TRY_SECONDS, MidiEdge
from punchin_bridge.surfaces.midi.learning import LISTEN_SECONDS
from punchin_bridge.surfaces.midi.mapping import MappingFile
from punchin_bridge.surfaces.midi.ports import MAX_WAITING, MidiMessage, Queue
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Progress


@pytest.fixture
def sessions(tmp_path: Path) -> MidiStage:
    file = MappingFile(tmp_path / "midi.toml")
    file.path.write_text(MAPPING)
    stage, ports = Stage(), Lists()
    made = MidiStage(stage, MidiEdge(stage.console, file, lambda: ports), ports, file)
    made.step()
    return made


def test_keys_programs_and_machine_control_do_things(sessions: MidiStage) -> None:
    sessions.play(note(37), note(37, 0), b"\xc0\x02", b"\xf0\x7f\x7f\x06\x06\xf7", note(99), b"\x00\xff")
    assert sessions.actions == ["inpaint", "pick", "repeat"]
    assert sessions.stage.asked()[1][1]["take"] == 2


def test_a_key_that_comes_twice_counts_once(sessions: MidiStage) -> None:
    sessions.play(note(37), note(37), apart=0.005)
    assert sessions.actions == ["inpaint"]
    sessions.play(note(37), note(37), apart=0.2)
    assert len(sessions.actions) == 3


def test_one_foot_marks_and_fills_and_its_light_shows_it(sessions: MidiStage) -> None:
    lights = []
    for _ in range(3):
        sessions.play(note(36))
        sessions.step(1.0)
        lights.append([data[2] for _, data in sessions.ports.sent if data[:2] == b"\x90\x24"][-1])
    assert sessions.actions == ["mark_in", "mark_out", "inpaint"]
    assert lights == [127, 127, 0]


def test_a_flood_of_one_knob_is_its_last_place(sessions: MidiStage) -> None:
    sessions.stage.console.set("alpha", 0.0)
    sessions.play(*(cc(20, value) for value in range(100)), *[cc(20, 127)] * 5000)
    assert sessions.values["alpha"] == 1.0


def test_a_fader_waits_for_its_value_unless_it_need_not(sessions: MidiStage) -> None:
    sessions.stage.console.set("alpha", 0.5)
    sessions.play(cc(20, 10))
    assert sessions.values["alpha"] == 0.5
    sessions.play(cc(20, 70))
    assert sessions.values["alpha"] == pytest.approx(70 / 127)
    sessions.stage.console.set("alpha", 0.1)
    sessions.play(cc(20, 90))
    assert sessions.values["alpha"] == 0.1
    sessions.play(cc(7, 127), cc(39, 127))
    assert sessions.values["guidance"] == 15.0


def test_fourteen_bits_are_finer_than_seven(sessions: MidiStage) -> None:
    sessions.play(cc(7, 64), cc(39, 1))
    assert sessions.values["guidance"] == pytest.approx(1 + 14 * (64 * 128 + 1) / 16383)


def test_clicks_of_an_endless_knob_are_added_up(sessions: MidiStage) -> None:
    sessions.play(cc(21, 1), cc(21, 1), cc(21, 127), cc(21, 3))
    assert sessions.values["takes"] == 5


def test_a_ring_shows_what_another_surface_sets(sessions: MidiStage) -> None:
    sessions.ports.sent.clear()
    sessions.play(note(99))
    sessions.ports.sent.clear()
    sessions.stage.console.set("alpha", 1.0)
    sessions.step()
    assert (PORT, cc(20, 127)) in sessions.ports.sent
    sessions.ports.sent.clear()
    sessions.step()
    assert sessions.ports.sent == []


def test_lights_show_what_is_at_work(sessions: MidiStage) -> None:
    sessions.play(note(99))
    sessions.stage.say(submit("job-1"))
    sessions.stage.room.sessions.working("job-1", Progress("decode", 1, 2), sessions.stage.room.now)
    sessions.step()
    assert (PORT, note(37, 127)) in sessions.ports.sent
    sessions.stage.room.ready("job-1")
    sessions.step()
    assert sessions.ports.sent[-1] == (PORT, note(37, 0))


def test_a_mapping_that_was_saved_counts_at_once_and_a_wrong_one_is_said(sessions: MidiStage) -> None:
    sessions.file.path.write_text('[[map]]\nnote = 37\naction = "repeat"\n')
    sessions.step(LOOK_SECONDS)
    sessions.play(note(37))
    assert sessions.actions == ["repeat"]
    sessions.file.path.write_text('[[map]]\nnote = 37\naction = "explode"\n')
    sessions.step(LOOK_SECONDS)
    trouble = sessions.stage.console.view(0).trouble
    assert trouble is not None
    assert "no action" in trouble.message
    sessions.play(note(37), apart=1)
    assert sessions.actions == ["repeat", "repeat"]


def test_the_next_thing_that_comes_is_learned(sessions: MidiStage) -> None:
    sessions.edge.learn("temperature", sessions.stage.room.now)
    sessions.play(cc(50, 0), b"\xf8", cc(50, 64))  # 0 is a button let go
    sessions.step(LISTEN_SECONDS)
    sessions.step()
    sessions.play(cc(50, 127), cc(50, 0))
    assert sessions.values["temperature"] == pytest.approx(0.1)
    assert MAPPING.strip() in sessions.file.path.read_text()
    sessions.edge.learn("cancel", sessions.stage.room.now)
    sessions.play(note(50, channel=3))
    sessions.step()
    sessions.play(note(50, channel=3), apart=1)
    assert sessions.actions == ["cancel"]


@pytest.mark.parametrize(
    ("messages", "mode"),
    [
        ([cc(20, 1), cc(20, 1), cc(20, 127)], "twos"),
        ([cc(20, 65), cc(20, 65), cc(20, 63)], "offset"),
        ([cc(20, 1), cc(20, 1), cc(20, 65)], "sign"),
        ([cc(20, 10), cc(52, 3), cc(20, 10), cc(52, 9)], "fine"),
        ([cc(52, 3), cc(20, 10), cc(52, 9)], "fine"),
        ([cc(20, 64), cc(20, 64)], "absolute"),
        ([cc(20, 1), cc(20, 2), cc(20, 3)], "absolute"),
    ],
)
def test_how_a_knob_speaks_is_learned(sessions: MidiStage, messages: list[bytes], mode: str) -> None:
    sessions.edge.learn("temperature", sessions.stage.room.now)
    sessions.play(*messages)
    sessions.play(cc(99, 99), note(37))  # of other knobs and keys, which do nothing now
    sessions.step(LISTEN_SECONDS)
    sessions.step()
    assert sessions.file.mapping is not None
    entry = sessions.file.mapping.entries[-1]
    assert (entry.cc, entry.control, entry.mode) == (20, "temperature", mode)
    assert sessions.actions == []


def test_what_cannot_be_learned_is_said(sessions: MidiStage) -> None:
    with pytest.raises(BadSetting, match="no parameter and no action"):
        sessions.edge.learn("loudness", 0.0)
    sessions.edge.learn("punch", sessions.stage.room.now)
    sessions.step(LEARN_SECONDS + LOOK_SECONDS)
    trouble = sessions.stage.console.view(0).trouble
    assert trouble is not None
    assert trouble.message == "Nothing came from a MIDI controller."
    sessions.play(note(37))
    assert sessions.actions == ["inpaint"]


def test_a_controller_is_unplugged_and_plugged_in_again(sessions: MidiStage) -> None:
    sessions.play(note(37))
    sessions.ports.plugged.clear()
    sessions.step(LOOK_SECONDS)
    trouble = sessions.stage.console.view(0).trouble
    assert trouble is not None
    assert "unplugged" in trouble.message
    sessions.ports.plugged.append(PORT)
    sessions.step(LOOK_SECONDS)
    sessions.play(note(37))
    assert sessions.actions == ["inpaint", "inpaint"]


def test_what_goes_wrong_is_shown_and_the_next_key_works(sessions: MidiStage) -> None:
    sessions.stage.come("fake-1", can=("repeat",))
    sessions.play(note(37), b"\xf0\x7f\x7f\x06\x06\xf7")
    assert sessions.actions == ["repeat"]
    assert sessions.stage.console.view(0).troubles == 1


def test_a_bridge_without_a_mapping_opens_no_ports(tmp_path: Path) -> None:
    stage = Stage()

    def never() -> Lists:
        raise AssertionError("ports were opened")

    edge = MidiEdge(stage.console, MappingFile(tmp_path / "midi.toml"), never)
    edge.step(0.0)
    assert edge.sources == ()


def test_a_machine_without_midi_says_so_when_something_is_to_be_learned(tmp_path: Path) -> None:
    edge = MidiEdge(Stage().console, MappingFile(tmp_path / "midi.toml"), lambda: None)
    with pytest.raises(BadSetting, match="no MIDI"):
        edge.learn("punch", 0.0)


def test_that_there_is_no_midi_is_said_once_and_looked_for_again(tmp_path: Path) -> None:
    file = MappingFile(tmp_path / "midi.toml")
    file.path.write_text(MAPPING)
    stage, found = Stage(), []
    edge = MidiEdge(stage.console, file, lambda: found[0] if found else None)
    for second in range(60):
        edge.step(float(second))
    assert stage.console.view(0).troubles == 1
    found.append(Lists())
    edge.step(60 + TRY_SECONDS)
    assert len(edge.sources) == 1


def test_a_foot_by_midi_clock(sessions: MidiStage) -> None:
    tick = 60 / 120 / 24
    sessions.play(b"\xfa", *[b"\xf8"] * 96, note(36), *[b"\xf8"] * 96, note(36), apart=tick)
    [(action, told)] = sessions.stage.asked()
    assert action == "select"
    assert told["unit"] == "quarters"
    assert told["end"] - told["start"] == pytest.approx(4.0, abs=0.1)  # type: ignore[operator]


# ---- the queue -----------------------------------------------------------------------------------------------


def test_the_queue_has_an_end_and_counts_what_it_drops() -> None:
    queue = Queue()
    for number in range(MAX_WAITING + 10):
        queue.put(MidiMessage("p", float(number), b"\xf8"))
    taken = list(queue.take())
    assert len(taken) == MAX_WAITING
    assert taken[-1].when == MAX_WAITING + 9
    assert queue.dropped == 10
    assert list(queue.take()) == []
    queue.close()


def test_messages_that_came_too_fast_are_counted_and_shown(sessions: MidiStage) -> None:
    sessions.ports.dropped = 7
    sessions.step(LOOK_SECONDS)
    trouble = sessions.stage.console.view(0).trouble
    assert trouble is not None
    assert "7 MIDI messages" in trouble.message
    sessions.step(LOOK_SECONDS)
    assert sessions.stage.console.view(0).troubles == 1


# ---- chords --------------------------------------------------------------------------------------------------

C, AM = (60, 64, 67), (57, 60, 64)


@pytest.mark.parametrize(("is_mapped", "chords"), [(False, 1), (True, 3)])
def test_a_pedal_holds_chords_unless_it_does_something_else(sessions: MidiStage, is_mapped: bool, chords: int) -> None:
    if is_mapped:
        sessions.file.path.write_text(MAPPING + '[[map]]\ncc = 64\nchannel = 2\naction = "punch"\n')
        sessions.step(LOOK_SECONDS)
    sessions.play(cc(64, 127, channel=2))
    for pitch in C:
        sessions.play(note(pitch, channel=2), apart=0.2)
        sessions.play(note(pitch, 0, channel=2), apart=0.2)
    assert len(sessions.stage.console.chords.played) == chords


def test_keys_that_are_struck_together_are_one_chord(sessions: MidiStage) -> None:
    sessions.play(*(note(pitch, channel=2) for pitch in C), apart=0.005)
    assert sessions.stage.console.view(0).chord == "C:maj"
    sessions.play(*(note(pitch, 0, channel=2) for pitch in C))
    sessions.play(*(note(pitch, channel=2) for pitch in AM), apart=0.005)
    assert [chord.pitches for chord in sessions.stage.console.chords.played] == [tuple(sorted(C)), tuple(sorted(AM))]
    sessions.stage.say(submit("job-1"), submit("job-2"))
    first, second = (kept.submit for kept in sessions.stage.room.elsewhere.record[:2])
    assert {note.pitch for note in first.chords} == {*C, *AM}
    assert second.chords == submit().chords
    sessions.step()
    assert sessions.stage.console.view(0).chord == ""
