"""Rendered notes must sound where, when and as loud as they are written."""

from pathlib import Path

import numpy as np
import pytest
from fakes import soundfonts
from punchin_server.conditioning import Style, level, render
from punchin_server.conditioning.soundfont import (
    END_COARSE,
    LOOP_END_COARSE,
    LOOP_START_COARSE,
    LOOPS,
    START,
    START_COARSE,
    Soundfont,
)
from punchin_wire.errors import FileMissing, PackCorrupt
from punchin_wire.messages import Note

A4 = Note(0.25, 0.75, 69)
PLAIN = [
    -0.024842, -0.0231749, -0.1057293, 0.1020057, 0.0402003, -0.0489376, 0.0068538, -0.0566564, -0.0456706, -0.0345609,
    0.0516438, -0.0026898, -0.0057472, -0.0180381, 0.0026925, 0.030413, -0.0036782, -0.005388, 0.0016101, -0.000874,
]  # fmt: skip


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio))))


def test_a_note_sounds_at_its_time() -> None:
    audio = render.render([A4], 1.0)
    assert (audio.shape, audio.dtype) == ((32_000,), np.float32)
    assert rms(audio[:8_000]) == 0.0 < rms(audio[8_000:24_000])


def test_a_soundfont_is_not_copied_for_each_of_its_sounds() -> None:
    """A large one took four gigabytes when every zone had samples of its own."""
    font = Soundfont(render.default_soundfont())
    zones = [zone for preset in font.presets for zone in font.preset(*preset)]
    assert len(zones) > 1000
    assert all(np.shares_memory(zone.samples, zones[0].samples.base) for zone in zones)


@pytest.mark.parametrize("style", ["plain", "published"])
@pytest.mark.parametrize(
    "moved",
    [
        {END_COARSE: 100},
        {END_COARSE: 100, LOOP_START_COARSE: 50, LOOP_END_COARSE: 90, LOOPS: 1},
        {END_COARSE: 100, LOOP_END_COARSE: 90, LOOPS: 1},
        {START: -9},
        {START_COARSE: 50, END_COARSE: 100},
        {START_COARSE: -50, END_COARSE: 100, LOOP_START_COARSE: -40, LOOPS: 1},
    ],
)
def test_a_sample_ends_with_its_file(tmp_path: Path, moved: dict[int, int], style: Style) -> None:
    """A damaged soundfont names frames that are not there."""
    font = soundfonts.write(tmp_path / "saw.sf2", moved)
    audio = render.render([Note(0.0, 2.0, 60)], 2.5, soundfont=font, style=style)
    assert np.isfinite(audio).all()
    for zone in Soundfont(font).preset(0, 0):
        assert len(zone.samples) <= soundfonts.FRAMES + 46  # those of the file
        assert zone.loop is None or 0 <= zone.loop[0] < zone.loop[1] < len(zone.samples)


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


def test_the_embedded_pack_hears_what_it_learned_from() -> None:
    """Plain rendering stays as it was: samples of a chord and of a drum, kept from when the pack was trained."""
    notes = [
        Note(0.1, 0.5, 60, 100),
        Note(0.1, 0.5, 64, 80),
        Note(0.2, 0.6, 67, 60, 24),
        Note(0.3, 0.4, 38, 90, 0, True),
    ]
    heard = render.render(notes, 0.8)[4_000:24_000:1_000]
    np.testing.assert_allclose(heard, PLAIN, atol=1e-6)


def test_a_key_struck_again_ends_what_sounds_on_it() -> None:
    """Where plain rendering piles them up."""
    notes = [Note(0.1 * i, 2.0, 60, 100, 16) for i in range(10)]  # an organ
    for style, apart in (("plain", True), ("published", False)):
        one, many = (rms(render.render(each, 1.5, style=style)[-6_400:]) for each in (notes[-1:], notes))
        assert (abs(many / one - 1) > 0.01) is apart


def test_published_sound_is_the_same_from_wherever_it_is_heard() -> None:
    """But for keys that were struck before; their strike is in the first second."""
    notes = [Note(0.3 * i, 0.3 * i + 0.5, 50 + i) for i in range(12)]
    whole = render.render(notes, 4.0, style="published")
    late = render.render(notes, 2.0, style="published", origin=2.0)
    assert np.allclose(whole[112_000:], late[48_000:], atol=1e-3)
    assert np.array_equal(render.render(notes, 4.0), render.render(notes, 4.0, origin=0.0))


def test_published_notes_may_have_any_time() -> None:
    """Before the excerpt, beyond it, of no length, of days; none costs more than the excerpt."""
    odd = [Note(-5.0, 1e6, 69), Note(0.2, 0.2, 60), Note(7.0, 8.0, 60), Note(-3.0, -2.0, 60), Note(0.4, 0.401, 72)]
    sound = render.render(odd, 0.5, style="published")
    assert (len(sound), bool(np.isfinite(sound).all())) == (16_000, True)
    assert np.array_equal(sound, render.render([Note(0.0, 1.0, 69), odd[4]], 0.5, style="published"))
    assert not render.render(odd[1:4], 0.5, style="published").any()
    assert len(render.render(odd, 0.5, 48_000, style="published")) == 24_000


def test_sf3_is_read(tmp_path) -> None:
    """Ogg Vorbis loses a little; in a file of odd length, as MuseScore's are."""
    plain, ogg = (soundfonts.write(tmp_path / f"saw{i}.sf2", {54: 1}, ogg=i == 1) for i in range(2))
    sounds = [render.render([A4], 1.0, soundfont=font) for font in (plain, ogg)]
    assert np.corrcoef(*sounds)[0, 1] > 0.999


def test_an_sf3_whose_sound_is_broken_is_refused(tmp_path) -> None:
    font = soundfonts.write(tmp_path / "saw.sf3", {54: 1}, ogg=True)
    font.write_bytes(font.read_bytes().replace(b"OggS", b"oGGs"))
    with pytest.raises(PackCorrupt, match=r"saw\.sf3"):
        render.render([A4], 1.0, soundfont=font)


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
