"""MIDI messages, clocks, mappings and faders, without any ports."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from punchin_bridge.surfaces.actions import Place
from punchin_bridge.surfaces.midi import signals
from punchin_bridge.surfaces.midi.clock import Clocks, MidiClock, TimeCode
from punchin_bridge.surfaces.midi.mapping import MappingFile, bare, learned, parse
from punchin_bridge.surfaces.midi.pickup import Pickup
from punchin_bridge.surfaces.midi.signals import Signal, clicks
from punchin_wire.errors import BadSetting, PunchinError


@pytest.mark.parametrize(
    ("data", "signal"),
    [
        (b"\x90\x3c\x64", Signal("note", 1, 60, 100)),
        (b"\x9f\x3c\x00", Signal("note", 16, 60, 0)),
        (b"\x81\x3c\x40", Signal("note", 2, 60, 0)),
        (b"\xb0\x15\x7f", Signal("cc", 1, 21, 127)),
        (b"\xc3\x05", Signal("program", 4, 5, 127)),
        (b"\xf0\x7f\x7f\x06\x06\xf7", Signal("mmc", 0, 6, 127)),
        (b"", None),
        (b"\x90", None),
        (b"\x90\x3c", None),
        (b"\x90\x3c\x80", None),
        (b"\xf8", None),
        (b"\xe0\x00\x40", None),
        (b"\xf0\x7f\x7f\x06", None),
        (b"\x3c\x64", None),
    ],
)
def test_messages(data: bytes, signal: Signal | None) -> None:
    assert signals.parse(data) == signal


def test_any_bytes_are_a_signal_or_none_and_no_clock_is_upset() -> None:
    chance = random.Random(3)
    clocks = Clocks()
    for number in range(20_000):
        data = chance.randbytes(chance.choice((0, 1, 2, 3, 3, 6, 8)))
        found = signals.parse(data)
        assert found is None or (0 <= found.number < 128 and 0 <= found.value < 128)
        clocks.receive(data, number * 0.001)
        clocks.place(number * 0.001, number * 0.001)


def test_endless_knobs_in_all_three_ways() -> None:
    assert [clicks(value, "twos") for value in (1, 3, 127, 125)] == [1, 3, -1, -3]
    assert [clicks(value, "offset") for value in (65, 67, 63, 61)] == [1, 3, -1, -3]
    assert [clicks(value, "sign") for value in (1, 3, 65, 67)] == [1, 3, -1, -3]


# ---- clocks --------------------------------------------------------------------------------------------------


def test_midi_clock_counts_quarters_from_a_song_position() -> None:
    clock = MidiClock()
    clock.receive(bytes([0xF2, 16, 0]), 0.0)  # 16 sixteenths: bar 2
    assert clock.place(0.0, 0.0) is None
    clock.receive(b"\xfb", 0.0)
    tick = 60 / 120 / 24
    for number in range(49):  # two quarters at 120
        clock.receive(b"\xf8", 0.001 + number * tick)
    now = 0.001 + 48 * tick
    found = clock.place(now, now)
    assert found is not None
    assert (found.value, found.unit) == (pytest.approx(6.0, abs=0.01), "quarters")
    earlier = clock.place(now - 0.25, now)
    assert earlier is not None
    assert earlier.value == pytest.approx(5.5, abs=0.02)
    clock.receive(b"\xfc", now)
    assert clock.place(now, now) is None


def test_a_start_begins_at_the_first_clock() -> None:
    clock = MidiClock(clocks=900)
    clock.receive(b"\xfa", 1.0)
    for number in range(25):
        clock.receive(b"\xf8", 1.0 + number * 0.02)
    found = clock.place(1.48, 1.48)
    assert found is not None
    assert found.value == pytest.approx(1.0, abs=0.01)


def test_a_clock_that_is_not_heard_any_more_says_nothing() -> None:
    clock = MidiClock()
    clock.receive(b"\xfa", 0.0)
    for number in range(10):
        clock.receive(b"\xf8", number * 0.02)
    assert clock.place(0.2, 0.2) is not None
    assert clock.place(0.9, 0.9) is None


def code(
    clock: TimeCode, frames: int, kind: int, start: float, fps: float, numbers: tuple[int, int, int, int]
) -> float:
    """Send `frames` (even) whole frames from time `numbers` (h, m, s, f) on; returns when the last piece came."""
    hour, minute, second, frame = numbers
    rate, when = (24, 25, 30, 30)[kind], start
    for _ in range(frames // 2):
        fields = (frame, second, minute, hour | kind << 5)
        for piece in range(8):
            value = fields[piece // 2]
            nibble = value >> 4 if piece % 2 else value & 0x0F
            clock.receive(bytes([0xF1, piece << 4 | nibble]), when)
            last, when = when, when + 0.25 / fps
        frame += 2
        if frame >= rate:
            second, frame = second + 1, frame - rate
    return last


@pytest.mark.parametrize(("kind", "fps"), [(0, 24.0), (1, 25.0), (2, 30000 / 1001), (3, 30.0)])
def test_time_code_at_every_rate(kind: int, fps: float) -> None:
    clock = TimeCode()
    last = code(clock, 20, kind, 100.0, fps, (0, 0, 5, 0))
    found = clock.place(last, last)
    assert found is not None
    assert (found.value, found.unit) == (pytest.approx((5 * (24, 25, 30, 30)[kind] + 19.75) / fps, abs=1e-6), "seconds")


def test_drop_frame_numbers_are_not_time() -> None:
    """Ten minutes of 29.97 Hz have 17982 frames: 00:10:00;00 is 600.0 s but for 0.6 ms."""
    clock = TimeCode()
    last = code(clock, 4, 2, 0.0, 30000 / 1001, (0, 10, 0, 0))
    found = clock.place(last, last)
    assert found is not None
    assert found.value == pytest.approx(17982 * 1001 / 30000 + 3.75 * 1001 / 30000, abs=1e-6)


def test_time_code_with_an_offset_and_with_lost_pieces() -> None:
    clock = TimeCode(offset=3600.0)
    last = code(clock, 4, 1, 0.0, 25.0, (1, 0, 2, 0))
    assert clock.place(last, last) == Place(pytest.approx(2.15), "seconds")  # type: ignore[arg-type]
    clock.receive(bytes([0xF1, 0x30]), last + 0.01)  # piece 3 out of turn
    assert clock.place(last + 0.01, last + 0.01) is None
    last = code(clock, 4, 1, last + 1, 25.0, (1, 0, 9, 0))
    assert clock.place(last, last) == Place(pytest.approx(9.15), "seconds")  # type: ignore[arg-type]


def test_a_full_frame_moves_the_song_and_old_pieces_do_not_count() -> None:
    clock = TimeCode()
    last = code(clock, 4, 1, 0.0, 25.0, (0, 0, 2, 0))
    clock.receive(bytes([0xF1, 0x00]), last + 0.01)
    clock.receive(bytes([0xF0, 0x7F, 0x7F, 1, 1, 0x20, 0, 9, 0, 0xF7]), last + 0.02)
    assert clock.place(last + 0.02, last + 0.02) is None
    last = code(clock, 2, 1, last + 0.03, 25.0, (0, 0, 9, 0))
    assert clock.place(last, last) == Place(pytest.approx(9.07), "seconds")  # type: ignore[arg-type]


# ---- faders --------------------------------------------------------------------------------------------------


def test_a_fader_takes_over_where_the_value_is() -> None:
    fader = Pickup()
    assert not fader.move([0.1], 0.5)
    assert not fader.move([0.3], 0.5)
    assert fader.move([0.6], 0.5)  # it passed
    assert fader.move([0.9], 0.6)  # and holds on, however fast
    assert not fader.move([0.95], 0.2)  # somebody else has set it


def test_a_fader_of_few_steps_holds_on() -> None:
    fader = Pickup()
    assert fader.move([1.0], 1.0, width=1 / 3)
    assert fader.move([0.8], 1.0, width=1 / 3)  # the value stays at its last step meanwhile
    assert fader.move([0.6], 2 / 3, width=1 / 3)


# ---- mappings ------------------------------------------------------------------------------------------------

EXAMPLE = b"""
ports = ["nano*"]
[[map]]
note = 60
action = "punch"
[[map]]
cc = 7
channel = 2
control = "alpha"
mode = "fine"
[[map]]
mmc = "record"
action = "inpaint"
[[map]]
program = 3
action = "pick"
take = 3
"""


def test_the_last_entry_that_fits_counts() -> None:
    mapping = parse(EXAMPLE + b'[[map]]\nnote = 60\nport = "pedal"\naction = "repeat"\n')
    key = Signal("note", 1, 60, 100)
    assert (entry := mapping.find("nanoKEY 20:0", key)) is not None
    assert entry.action == "punch"
    assert (entry := mapping.find("My Pedal 21:0", key)) is not None
    assert entry.action == "repeat"
    assert mapping.find("nano", Signal("note", 1, 61, 100)) is None
    assert mapping.find("nano", Signal("cc", 2, 7, 1)) is mapping.find("nano", Signal("cc", 2, 39, 1)) is not None
    assert mapping.find("nano", Signal("cc", 3, 7, 1)) is None
    assert (entry := mapping.find("nano", Signal("mmc", 0, 6, 127))) is not None
    assert entry.action == "inpaint"
    assert (entry := mapping.find("nano", Signal("program", 9, 3, 127))) is not None
    assert entry.details.take == 3
    assert mapping.opens("nanoKONTROL")
    assert not mapping.opens("Midi Through")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[map]]\naction = "punch"', "one of note, cc, program and mmc"),
        ('[[map]]\nnote = 1\ncc = 2\naction = "punch"', "note and cc"),
        ("[[map]]\nnote = 1", "either an action or a control"),
        ('[[map]]\nnote = 200\naction = "punch"', "note"),
        ('[[map]]\nnote = 1\naction = "explode"', "no action"),
        ('[[map]]\nnote = 1\naction = "pick"', "take"),
        ('[[map]]\nnote = 1\ncontrol = "alpha"', "needs a cc"),
        ('[[map]]\ncc = 1\ncontrol = "text"', "text"),
        ('[[map]]\ncc = 40\ncontrol = "alpha"\nmode = "fine"', "14-bit"),
        ('[[map]]\nmmc = "eject"\naction = "punch"', "MMC"),
        ('[[map]]\ncc = 1\ncolour = "red"', "midi.toml: colour is not known"),
        ('[[map]]\nnote = 1\naction = "punch"\n[[map]]\nnote = "C3"', "midi.toml: map 2.note must be a whole number"),
        ("[[map", "midi.toml is not TOML"),
        ("\xff", "midi.toml is not TOML"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        parse(text.encode("latin-1"))


def test_what_is_learned_stands_at_the_end_and_comments_stay() -> None:
    text = b"# my pads\n[[map]]\nnote = 36  # the big one\naction = 'repeat'\n"
    once = learned(text, "nanoPAD2:nanoPAD2 MIDI 1 20:0", Signal("note", 10, 36, 90), "punch")
    twice = learned(once, "desk", Signal("mmc", 0, 6, 127), "inpaint")
    thrice = learned(twice, "desk", Signal("cc", 1, 20, 3), "temperature")
    assert thrice.startswith(text.rstrip())
    mapping = parse(thrice)
    assert [entry.action or entry.control for entry in mapping.entries] == ["repeat", "punch", "inpaint", "temperature"]
    assert (entry := mapping.find("nanoPAD2:nanoPAD2 MIDI 1 24:0", Signal("note", 10, 36, 1))) is not None
    assert entry.action == "punch"
    with pytest.raises(BadSetting, match="needs a cc"):
        learned(text, "desk", Signal("note", 1, 1, 1), "alpha")


def test_names_without_the_systems_numbers() -> None:
    assert bare("Launchkey 49:Launchkey 49 MIDI 1 24:0") == "Launchkey 49:Launchkey 49 MIDI 1"
    assert bare("Launchkey 49") == "Launchkey 49"


def test_a_file_is_read_again_when_it_was_saved(tmp_path: Path) -> None:
    file = MappingFile(tmp_path / "midi.toml")
    assert not file.look()
    file.path.write_bytes(EXAMPLE)
    assert file.look()
    assert not file.look()
    first = file.mapping
    file.path.write_text("[[map]]\nnote = 1\n")
    with pytest.raises(PunchinError):
        file.look()
    assert file.mapping is first  # the old one holds
    assert not file.look()  # and it is said once
    file.learn("pedal", Signal("note", 1, 5, 100), "punch") if file.path.write_bytes(EXAMPLE) else None
    assert file.look()
    assert file.mapping is not None
    assert len(file.mapping.entries) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["midi.toml"]
    file.path.unlink()
    assert file.look()
    assert file.mapping is None
