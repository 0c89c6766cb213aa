"""Rendered notes must sound where, when and as loud as they are written."""

import numpy as np
import pytest
from punchin_server.conditioning import level, render
from punchin_server.conditioning.soundfont import Soundfont
from punchin_wire.errors import FileMissing, PackCorrupt
from punchin_wire.messages import Note

A4 = Note(0.25, 0.75, 69)


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio))))


def test_a_note_sounds_at_its_time() -> None:
    audio = render.render([A4], 1.0)
    assert (audio.shape, audio.dtype) == ((32_000,), np.float32)
    assert rms(audio[:8_000]) == 0.0 < rms(audio[8_000:24_000])


def test_a_soundfont_is_not_copied_for_each_of_its_sounds() -> None:
    """A large one took four gigabytes when every zone had samples of its own."""
    zones = [zone for zones in Soundfont(render.default_soundfont()).presets.values() for zone in zones]
    assert len(zones) > 1000
    assert all(np.shares_memory(zone.samples, zones[0].samples.base) for zone in zones)


def test_velocity_is_loudness() -> None:
    soft, loud = (rms(render.render([Note(0.0, 0.5, 69, v)], 1.0)) for v in (32, 127))
    assert loud / soft == pytest.approx((127 / 32) ** 2, rel=1e-3)


@pytest.mark.parametrize("program", [0, 4, 24, 33, 48, 73])
@pytest.mark.parametrize("pitch", [48, 60, 69])
def test_instruments_are_in_tune(program: int, pitch: int) -> None:
    """Within 20 cents, looped part included; symusic 0.5.8 is octaves off here, which is why we do not use it."""
    audio = render.render([Note(0.0, 1.0, pitch, 127, program)], 1.0)[6_400:]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 320_000))  # 0.1 Hz a bin
    harmonics = 4400 * 2 ** ((pitch - 69) / 12) * np.arange(1, 6)
    cents = np.arange(-150, 151, 5)
    energy = [spectrum[np.round(harmonics * 2 ** (c / 1200)).astype(int)].sum() for c in cents]
    assert abs(cents[int(np.argmax(energy))]) <= 20


def test_a_looped_instrument_sustains_and_a_plucked_one_decays() -> None:
    organ, piano = (render.render([Note(0.0, 4.0, 60, 100, program)], 4.0) for program in (16, 0))
    late, early = slice(112_000, 128_000), slice(16_000, 32_000)
    assert rms(organ[late]) == pytest.approx(rms(organ[early]), rel=0.2)
    assert rms(piano[late]) < 0.7 * rms(piano[early])


def test_what_is_no_soundfont_is_refused(tmp_path) -> None:
    with pytest.raises(FileMissing):
        render.render([A4], 1.0, soundfont=tmp_path / "none.sf2")
    (tmp_path / "bad.sf2").write_bytes(b"RIFF0000sfbk")
    with pytest.raises(PackCorrupt):
        render.render([A4], 1.0, soundfont=tmp_path / "bad.sf2")


def test_notes_add_up() -> None:
    notes = [Note(0.0, 0.5, 60, 40), Note(0.5, 1.0, 36, 120, 0, True), Note(0.2, 0.9, 40, 90, 33)]
    together = render.render(notes, 1.0)
    apart = sum(render.render([note], 1.0) for note in notes)
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_notes_are_cut_to_the_excerpt() -> None:
    assert rms(render.render([Note(-1.0, 0.2, 69)], 0.5)[:3_200]) > 0
    assert rms(render.render([Note(2.0, 3.0, 69)], 0.5)) == 0.0
    assert len(render.render([Note(0.0, 30.0, 69)], 0.5, 16_000)) == 8_000
    assert rms(render.render([], 0.5)) == 0.0


def test_a_note_that_lasts_for_days_costs_the_excerpt() -> None:
    """And sounds in it as it would if it ended a little later."""
    assert np.array_equal(render.render([Note(0.1, 1e6, 69)], 0.5), render.render([Note(0.1, 0.6, 69)], 0.5))


def test_level_match_takes_mean_and_unbiased_deviation() -> None:
    random = np.random.default_rng(0)
    condition, other = random.normal(3, 2, 500).astype(np.float32), random.normal(0.1, 0.3, 400).astype(np.float32)
    matched = level.match(condition, other)
    assert matched.dtype == np.float32
    assert matched.mean() == pytest.approx(other.mean(), abs=1e-5)
    assert matched.std(ddof=1) == pytest.approx(other.std(ddof=1), rel=1e-5)


def test_silence_stays_silent() -> None:
    silent, other = np.zeros(100, np.float32), np.ones(100, np.float32)
    assert not level.match(silent, other).any()
    assert not level.match(np.arange(4, dtype=np.float32), silent).any()
