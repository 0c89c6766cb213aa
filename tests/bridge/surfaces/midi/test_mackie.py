"""A Mackie Control: its messages, and Punchin's page on it, read by a device that shows what it is sent."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes.room import submit
from fakes.surfaces import Lists, MidiStage, Stage
from punchin_bridge.hosts.seats import Seat, Seats
from punchin_bridge.surfaces.midi import mackie
from punchin_bridge.surfaces.midi.edge import LOOK_SECONDS, MidiEdge
from punchin_bridge.surfaces.midi.mackie import BUTTONS, Answered, PotPressed, Pressed, Turned
from punchin_bridge.surfaces.midi.mackie_page import ACTIONS, AGAIN_SECONDS, BANKS, SHOWN_SECONDS, TROUBLE_SECONDS
from punchin_bridge.surfaces.midi.mapping import MappingFile
from punchin_wire.messages import Progress
from punchin_wire.params import TABLE

PORT = "X-Touch One"


@dataclass
class Device:
    """What a device shows after all that it was sent."""

    display: bytearray = field(default_factory=lambda: bytearray(b"\0" * 112))
    rings: dict[int, int] = field(default_factory=dict)
    lamps: dict[int, int] = field(default_factory=dict)
    asked: int = 0

    def receive(self, data: bytes) -> None:
        if data[:6] == b"\xf0\x00\x00\x66\x14\x12":
            letters = data[7:-1]
            assert data[6] + len(letters) <= 112
            self.display[data[6] : data[6] + len(letters)] = letters
        elif data == b"\xf0\x00\x00\x66\x14\x00\xf7":
            self.asked += 1
        elif data[0] == 0xB0:
            self.rings[data[1] - 0x30] = data[2]
        else:
            assert data[0] == 0x90
            self.lamps[data[1]] = data[2]

    @property
    def upper(self) -> str:
        return self.display[:56].decode().rstrip()

    @property
    def lower(self) -> list[str]:
        return self.display[56:].decode().split()


@dataclass
class Studio:
    sessions: MidiStage
    device: Device = field(default_factory=Device)

    def press(self, button: str) -> None:
        self.play(bytes([0x90, BUTTONS[button], 127]), bytes([0x90, BUTTONS[button], 0]))

    def play(self, *messages: bytes) -> None:
        self.sessions.play(*messages, port=PORT)
        self.look(0.1)

    def look(self, seconds: float) -> None:
        self.sessions.step(seconds)
        for port, data in self.sessions.ports.sent:
            assert port == PORT
            self.device.receive(data)
        self.sessions.ports.sent.clear()


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    file = MappingFile(tmp_path / "midi.toml")
    file.path.write_text('ports = []\n[mackie]\nport = "X-Touch"\n')
    stage, ports = Stage(), Lists([PORT])
    found = Studio(MidiStage(stage, MidiEdge(stage.console, file, lambda: ports), ports, file))
    found.look(0.0)
    found.look(0.1)
    return found


def test_messages_of_the_device() -> None:
    assert mackie.parse(b"\x90\x5f\x7f") == Pressed("record")
    assert mackie.parse(b"\x90\x5f\x00") is None
    assert mackie.parse(b"\x90\x27\x7f") == PotPressed(7)
    assert mackie.parse(b"\xb0\x10\x02") == Turned(0, 2)
    assert mackie.parse(b"\xb0\x17\x41") == Turned(7, -1)
    assert mackie.parse(b"\xb0\x18\x41") is None
    assert mackie.parse(b"\xf0\x00\x00\x66\x14\x01SERIAL.abcd\xf7") == Answered(0x14)
    assert mackie.parse(b"\xf0\x00\x00\x66\x10\x01SERIAL.abcd\xf7") == Answered(0x10)


def test_any_bytes_mean_something_or_nothing() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        mackie.parse(chance.choice([b"", b"\x90", b"\xb0", mackie.HEADER]) + chance.randbytes(chance.randrange(8)))


def test_any_bytes_leave_the_page_working(studio: Studio) -> None:
    chance = random.Random(2)
    starts = [b"", b"\x90", b"\xb0", b"\xf0", b"\xf1", b"\xf2", mackie.HEADER + b"\x14"]
    for _ in range(300):
        studio.play(*[chance.choice(starts) + chance.randbytes(chance.randrange(5)) for _ in range(20)])
    studio.look(TROUBLE_SECONDS)
    assert len(studio.device.display) == 112
    studio.sessions.stage.console.set("takes", 1)
    studio.press("bank_left")
    studio.play(b"\xb0\x10\x02")
    assert studio.sessions.values["takes"] == 3


def test_rings_and_letters_stay_in_their_range() -> None:
    assert [mackie.ring(1, place)[2] for place in (-1.0, 0.0, 1.0, 9.0)] == [0x21, 0x21, 0x2B, 0x2B]
    assert mackie.ring(1, None)[2] == 0
    assert mackie.text(0, "ω é")[7:-1] == b"? ?"


def test_a_device_that_is_plugged_in_is_asked_and_shown_everything(studio: Studio) -> None:
    assert studio.device.asked == 1
    assert studio.device.upper == "Fake"
    assert studio.device.lower == ["takes", "seed", "temp", "top_k", "guid", "ctlgui", "chord", "drums"]
    assert studio.device.rings[6] == 0x26  # a weight of 1 of 2
    assert studio.device.lamps[BUTTONS["record"]] == 0


def test_only_what_changes_is_sent(studio: Studio) -> None:
    studio.sessions.step(0.1)
    assert studio.sessions.ports.sent == []
    studio.sessions.play(b"\xb0\x12\x01", port=PORT)
    studio.sessions.step(0.1)
    assert sum(len(data) for _, data in studio.sessions.ports.sent) < 30


def test_a_job_that_waits_says_for_how_many_and_how_busy_the_daemon_is(studio: Studio) -> None:
    stage = studio.sessions.stage
    stage.say(submit("job-1"))
    stage.room.sessions.waiting("job-1", 2)
    stage.console.seats = Seats((Seat("busy", "cpu"), Seat("busy", "cpu")), 4)
    studio.look(0.1)
    assert studio.device.upper == "Waiting behind 2. 2 seats, 2 busy; 4 jobs of others."
    stage.room.sessions.working("job-1", Progress("decode", 50, 100), stage.room.now)
    studio.look(0.1)
    assert "seats" not in studio.device.upper


def test_what_was_lost_is_shown_again(studio: Studio) -> None:
    studio.device = Device()
    studio.look(AGAIN_SECONDS)
    assert studio.device.upper == "Fake"
    assert len(studio.device.rings) == 8


def test_a_pot_turns_its_parameter_and_shows_its_value_for_a_while(studio: Studio) -> None:
    studio.play(*[b"\xb0\x10\x01"] * 3)
    assert studio.sessions.values["takes"] == 4
    assert studio.device.lower[0] == "4"
    assert studio.device.rings[0] == 0x23
    studio.look(SHOWN_SECONDS)
    assert studio.device.lower[0] == "takes"
    studio.play(b"\x90\x20\x7f")
    assert studio.sessions.values["takes"] == 1


def test_what_another_surface_turns_is_shown_too(studio: Studio) -> None:
    studio.sessions.stage.console.set("text_guidance", 10.0)
    studio.look(0.1)
    assert studio.device.lower[4] == "10"
    assert studio.device.rings[4] == 0x2B


def test_banks_and_values(studio: Studio) -> None:
    studio.press("bank_right")
    assert studio.device.lower == ["piano", "ch", "src", "pn", "src", "rhythm"]
    assert studio.device.rings[7] == 0
    studio.press("bank_right")
    assert studio.device.lower == ["task", "w", "time", "w", "freq", "alpha", "guid", "solver", "steps", "method"]
    studio.press("name_value")
    assert studio.device.lower == ["timbre", "2", "2", "0.5", "7.5", "pack", "0", "adapte"]
    studio.play(b"\xb0\x10\x01")
    assert studio.sessions.values["task"] == "genre"
    studio.press("bank_right")
    studio.press("bank_right")
    assert studio.device.lower == ["0.55", "0"]
    studio.play(b"\xb0\x17\x01")
    assert [len(bank) for bank in BANKS] == [8, 4, 8, 2]
    assert {each.name for bank in BANKS for each in bank} == {each.name for each in TABLE if each.is_fader}


@pytest.mark.parametrize("button", [button for button, (action, _) in ACTIONS.items() if action not in ("unpunch",)])
def test_buttons_do_what_they_say(studio: Studio, button: str) -> None:
    studio.sessions.stage.console.set("to", "violin")
    studio.press(button)
    action, details = ACTIONS[button]
    [(asked, told)] = studio.sessions.stage.asked()
    assert asked == {"punch": "mark_in"}.get(action, action)
    assert told.get("take") == (None if action != "pick" else details.take)
    assert "pressed" in told


def test_the_display_tells_of_the_foot_the_job_and_the_chord(studio: Studio) -> None:
    studio.press("record")
    assert studio.device.upper == "In is marked."
    assert studio.device.lamps[BUTTONS["record"]] == 127
    studio.press("undo")
    studio.sessions.stage.say(submit())
    studio.sessions.stage.room.sessions.working("job-1", Progress("decode", 10, 40), studio.sessions.stage.room.now)
    for pitch in (60, 64, 67):
        studio.sessions.stage.console.chords.key(pitch, 100, 0.0, None)
    studio.look(0.1)
    assert "25 %" in studio.device.upper
    assert studio.device.upper.endswith("C:maj")
    assert studio.device.lamps[BUTTONS["play"]] == 127


def test_what_goes_wrong_is_displayed_for_a_while(studio: Studio) -> None:
    studio.sessions.stage.come("fake-1", ("inpaint",))
    studio.press("cycle")
    assert studio.device.upper == "Fake cannot repeat."
    studio.look(TROUBLE_SECONDS)
    assert studio.device.upper == "Fake"


def test_a_device_that_was_off_is_shown_all_again(studio: Studio) -> None:
    studio.device = Device()
    studio.play(b"\xf0\x00\x00\x66\x14\x01SERIAL.abcd\xf7")
    assert studio.device.upper == "Fake"
    assert len(studio.device.rings) == 8
    studio.sessions.ports.plugged.clear()
    studio.look(LOOK_SECONDS)
    studio.device = Device()
    studio.sessions.ports.plugged.append(PORT)
    studio.look(LOOK_SECONDS)
    studio.look(TROUBLE_SECONDS)
    assert studio.device.asked == 1
    assert studio.device.lower[0] == "takes"
