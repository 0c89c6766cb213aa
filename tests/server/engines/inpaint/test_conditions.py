"""Rendered conditions sound as the pack learned them, at the level of what they stand in for."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from fakes.toys import HOP, RATE, models
from punchin_server.conditioning import Style
from punchin_server.engines.inpaint import loading
from punchin_server.engines.inpaint.conditions import Excerpt, Instrument, condition, other_stem
from punchin_server.engines.inpaint.engine import InpaintEngine
from punchin_server.models.demucs import Demucs
from punchin_server.packs.registry import Pack
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import ChordSegment, Done, Hole, InpaintRequest, Note, TakeSpec

pytestmark = pytest.mark.torch

CODEC = 32_000


class Separator:
    """What it hears as the "other" stem is the mix at a tenth."""

    name = "htdemucs"

    def __init__(self) -> None:
        self.heard: list[int] = []

    def stem(self, name: str, mix: Audio) -> Audio:
        assert name == "other"
        self.heard.append(len(mix))
        return mix * np.float32(0.1)


def noise(seconds: float, gain: float = 0.2) -> Audio:
    return (gain * np.random.default_rng(0).standard_normal(round(seconds * CODEC))).astype(np.float32)


def request(**controls: float) -> InpaintRequest:
    song = (0.5 * np.sin(np.arange(60 * HOP) / 11)).astype(np.float32)[None]
    chords, piano = (ChordSegment(0.0, 1.2, "C:maj"),), (Note(0.2, 0.9, 60),)
    takes = (TakeSpec(1, controls),)
    source = describe(song, RATE)
    return InpaintRequest(source, (Hole(20 * HOP, 24 * HOP),), takes, "toy", chords=chords, beats=(), piano=piano)


def excerpt(seconds: float = 3.0, gain: float = 0.2) -> Excerpt:
    return Excerpt(CODEC // 2, 2 * CODEC, CODEC, noise(seconds, gain))


@pytest.mark.parametrize("style", ["plain", "published"])
def test_a_rendering_is_as_loud_as_the_stem_it_stands_in_for(style: Style) -> None:
    instrument = Instrument(style=style)
    for control in ("chord", "piano"):
        for separator, share in ((None, 0.7), (Separator(), 0.1)):
            other, _ = other_stem(excerpt(), cast(Demucs | None, separator))
            sound = condition(request(), [control], None, excerpt(), other, "compat", instrument)
            assert sound.std(ddof=1) == pytest.approx(share * noise(3.0).std(ddof=1), rel=1e-3)


def test_published_conditions_have_no_brightness_of_their_own() -> None:
    """The filter of the soundfont's piano takes what FluidSynth takes: far more than a factor of ten above 8 kHz."""
    other = noise(1.0)
    bright = []
    for style in ("plain", "published"):
        sound = condition(request(), ["piano"], None, excerpt(), other, "clean", Instrument(style=cast(Style, style)))
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        bright.append(power[len(power) // 2 :].sum() / power.sum())
    assert bright[0] > 100 * bright[1]


def test_a_level_is_told_from_thirty_seconds_at_most() -> None:
    separator = Separator()
    other, said = other_stem(excerpt(40.0), cast(Demucs, separator))
    assert separator.heard == [30 * CODEC]
    assert (len(other), said) == (30 * CODEC, "htdemucs's other stem")
    assert other_stem(excerpt(1.0), None)[1] == "0.7 of the mix"
    assert other_stem(excerpt(1.0, 1e-5), cast(Demucs, separator))[1] == "a usual level"
    assert len(separator.heard) == 1


def test_the_report_says_where_level_and_sound_are_from() -> None:
    song = (0.5 * np.sin(np.arange(60 * HOP) / 11)).astype(np.float32)[None]
    heard: dict[str, dict[str, str]] = {}
    for name, given in {
        "without": models(),
        "with": replace(models(), separator=cast(Demucs, Separator()), instrument=Instrument(None, "published")),
    }.items():
        emissions = list(InpaintEngine(given).run(request(chord=1.0), [song]))
        (done,) = [each.event for each in emissions if isinstance(each.event, Done)]
        heard[name] = done.models
    assert heard["without"] == {"pack": "toy", "condition_level": "0.7 of the mix", "soundfont": "TimGM6mb.sf2"}
    assert heard["with"]["condition_level"] == "htdemucs's other stem"
    emissions = list(InpaintEngine(models()).run(request(), [song]))
    assert [e.event.models for e in emissions if isinstance(e.event, Done)] == [{"pack": "toy"}]


def test_only_published_packs_that_render_ask_for_demucs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tiny` hears what it learned from, whatever is installed."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(loading, "installed", lambda *given: asked.append(given))
    for conditions, adapters in (
        ("plain", {"chord": "c"}),
        ("published", {"drums": "d"}),
        ("published", {"piano": "p"}),
    ):
        manifest = SimpleNamespace(conditions=conditions, adapters=adapters)
        loading._separator(cast(Pack, SimpleNamespace(manifest=manifest)), CODEC, torch.device("cpu"))
    assert asked == [(CODEC, "cpu")]


def test_demucs_other_stem_is_the_mixs_length_and_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demucs that answers the whole mix as its third source, at its own rate and two channels."""
    model = SimpleNamespace(samplerate=44_100, audio_channels=2, sources=["drums", "bass", "other", "vocals"])

    def apply_model(_model: Any, mix: torch.Tensor, **options: Any) -> torch.Tensor:
        assert options == {"shifts": 0, "device": "cpu"}
        stems = torch.zeros(1, 4, *mix.shape[1:])
        stems[:, 2] = mix
        return stems

    for name, member in (("apply", {"apply_model": apply_model}), ("pretrained", {"get_model": lambda _: model})):
        module = ModuleType(f"demucs.{name}")
        module.__dict__.update(member)
        monkeypatch.setitem(sys.modules, f"demucs.{name}", module)
    monkeypatch.setitem(sys.modules, "demucs", ModuleType("demucs"))
    mix = np.sin(np.arange(CODEC) / 20).astype(np.float32)
    stem = Demucs(CODEC, "cpu").stem("other", mix)
    assert (stem.shape, stem.dtype) == (mix.shape, np.float32)
    np.testing.assert_allclose(stem[500:-500], mix[500:-500], atol=0.01)
