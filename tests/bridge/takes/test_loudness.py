"""What the levels of takes leave to be said, in sentences."""

import msgspec
import pytest
from punchin_bridge.splice.level import Gain
from punchin_bridge.splice.seam import SeamReport
from punchin_bridge.takes.loudness import notes
from punchin_bridge.takes.report import TakeReport

SEAM = SeamReport(
    hole=(0, 9), rate=44_100, channels=2, left=None, right=None, gain=Gain(-2.0, -2.0, "replaced"), reduction_db=0.0,
    bandwidth_hz=16_000, width="", side_db=None, peak_dbfs=-3.0, true_peak_dbtp=-2.9, level_error_db=0.4,
)  # fmt: skip


def take(**seam: object) -> TakeReport:
    return TakeReport("take.wav", 1, {}, (msgspec.structs.replace(SEAM, **seam),))


def test_a_take_at_its_level_needs_no_words() -> None:
    assert (
        notes(
            [
                take(),
                take(level_error_db=-2.9),
                take(level_error_db=None, silent=None),
                take(silent=0.5),
                take(peak_dbfs=None),
            ]
        )
        == ()
    )


@pytest.mark.parametrize(
    ("seam", "text"),
    [
        ({"level_error_db": 3.2}, "Take 2 is 3.2 dB louder than what it replaces."),
        (
            {"level_error_db": -4.0, "reduction_db": 4.1},
            "Take 2 is 4.0 dB quieter than what it replaces: it was turned down by 4.1 dB so that it does not clip; "
            "without --full it keeps its level.",
        ),
        (
            {"level_error_db": -9.0, "gain": Gain(40.0, 40.0, "replaced", True)},
            "Take 2 is 9.0 dB quieter than what it replaces: it could not be raised further.",
        ),
        (
            {"silent": 0.62},
            "Take 2 sounds for 62% less of the time than what it replaces: ask for another seed.",
        ),
        ({"gain": Gain()}, "Take 2 is as loud as the model made it: the song is silent there and around."),
        ({"peak_dbfs": 2.5}, "Take 2 goes 2.5 dB above full scale, as a float file can: turn it down before it is"),
    ],
)
def test_what_is_off_is_said(seam: dict[str, object], text: str) -> None:
    (note,) = notes([take(), take(**seam)])
    assert note.startswith(text)


def test_two_holes_of_a_take_say_it_once() -> None:
    one = take(gain=Gain())
    assert len(notes([msgspec.structs.replace(one, seam=one.seam * 2)])) == 1
