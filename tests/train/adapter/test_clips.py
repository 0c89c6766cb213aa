"""The stream of items: every one a function of its number, whatever the file holds and whoever reads it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from fakes.adapter_folders import write_clips
from punchin_server.codecs.fbank import prompt_features
from punchin_server.codecs.mel import SILENCE
from punchin_train.adapter.captions import Clip, find_clips
from punchin_train.adapter.clips import SAMPLES, Clips, Turns, levelled, pooling_of, read_crop, stream
from punchin_train.adapter.diffusion import dropped
from punchin_wire.errors import BadAudio

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(find_clips(write_clips(tmp_path_factory.mktemp("data") / "clips")), seed=3)


def same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(one, other, strict=True))


def test_an_item_is_the_same_whenever_it_is_read_and_unlike_its_neighbours(clips: Clips) -> None:
    fresh = Clips(clips.clips, seed=3)
    items = [clips[number] for number in range(12)]
    assert all(same(fresh[number], items[number]) for number in reversed(range(12)))
    assert len({item.seed for item in items}) == 12
    assert not same(Clips(clips.clips, seed=4)[0], items[0])


def test_an_epoch_has_every_clip_once_in_an_order_of_its_own(clips: Clips) -> None:
    names = [clips.crop(number).clip.path.name for number in range(4 * len(clips.clips))]
    epochs = [names[i : i + len(clips.clips)] for i in range(0, len(names), len(clips.clips))]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_items_are_what_the_models_hear(clips: Clips) -> None:
    """Mel of a wave at peak .5, padded by silence; features of the wave as it is, padded by +0.467, or dropped."""
    for number in range(10):
        item, crop = clips[number], clips.crop(number)
        assert (item.mel.shape, item.features.shape) == ((1, 1024, 64), (1, 1024, 128))
        assert torch.equal(item.features, prompt_features(torch.from_numpy(crop.wave)[None])[0]) or not (
            item.features.any()
        )
        if len(crop.wave) < 100_000:
            assert torch.allclose(item.mel[:, -100:], torch.tensor(SILENCE))


def test_a_crop_is_the_first_channel_at_sixteen_kilohertz_and_its_own_level(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, np.ones_like(tone)], 1), 48_000, subtype="FLOAT")
    wave = read_crop(tmp_path / "a.wav", np.random.default_rng(0))
    assert len(wave) == 16_000
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(wave - expected)[200:-200].max() < 1e-3


def test_a_long_file_is_cropped_at_random_places(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 30 * 16_000)
    soundfile.write(tmp_path / "a.wav", ramp, 16_000, subtype="FLOAT")
    random = np.random.default_rng(0)
    crops = [read_crop(tmp_path / "a.wav", random) for _ in range(20)]
    assert {len(crop) for crop in crops} == {SAMPLES}
    starts = [30 * float(crop[0]) for crop in crops]
    assert min(starts) < 5
    assert max(starts) > 15


@pytest.mark.parametrize("wave", [np.zeros(100), np.full(20_000, 0.7), np.random.default_rng(0).normal(0, 1, SAMPLES)])
def test_levelling_centres_and_keeps_silence_silent(wave: np.ndarray) -> None:
    level = levelled(wave.astype(np.float32))
    assert level.shape == (SAMPLES,)
    assert np.isfinite(level).all()
    assert np.abs(level).max() == pytest.approx(0.5 if wave.std() > 1e-3 else 0.0, abs=1e-3)


def test_unreadable_files_are_left_out_and_named(tmp_path: Path) -> None:
    """Another clip takes their place; only a folder in which nothing can be read ends the run."""
    folder = write_clips(tmp_path / "clips", seconds=(1.0, 1.0))
    (folder / "text.wav").write_text("no audio at all")
    soundfile.write(folder / "nan.wav", np.full(1000, np.nan), 16_000, subtype="FLOAT")
    soundfile.write(folder / "empty.wav", np.zeros(0), 16_000)
    bad = [Clip(folder / name, ("x",)) for name in ("text.wav", "nan.wav", "empty.wav", "gone.wav")]
    items = [Clips(find_clips_of(folder) + bad, 0)[number] for number in range(12)]
    named = {Path(said.split(": ")[0]).name for item in items for said in item.unreadable}
    assert named == {"text.wav", "nan.wav", "empty.wav", "gone.wav"}
    assert all(item.caption in ("", "a recording of a violin solo", "a recording of a piano solo") for item in items)
    with pytest.raises(BadAudio, match="None of 100 files could be read"):
        Clips(bad, 0)[0]


def find_clips_of(folder: Path) -> list[Clip]:
    return [Clip(path, (path.with_suffix(".txt").read_text().strip(),)) for path in sorted(folder.glob("clip*.wav"))]


def test_conditions_are_dropped_as_published() -> None:
    """A tenth goes without text, a tenth without audio, half of each without both."""
    drops = [dropped((i + 0.5) / 1000) for i in range(1000)]
    assert sum(drop.text for drop in drops) == sum(drop.audio for drop in drops) == 100
    assert sum(drop.text and drop.audio for drop in drops) == 50


def test_dropping_reaches_the_items(clips: Clips) -> None:
    items = [clips[number] for number in range(120)]
    texts, audios = [not item.caption for item in items], [not item.features.any() for item in items]
    assert 3 < sum(texts) < 25
    assert 3 < sum(audios) < 25
    assert any(t and not a for t, a in zip(texts, audios, strict=True))
    assert any(a and not t for t, a in zip(texts, audios, strict=True))


def test_poolings_are_drawn_evenly() -> None:
    drawn = [pooling_of(0, first) for first in range(0, 4000, 4)]
    assert all(200 < drawn.count(pooling) < 300 for pooling in (1, 2, 4, 8))


def test_processes_share_the_stream() -> None:
    """Two processes with two items each see what one with four sees, in the same order."""
    one = list(islice(Turns(5, 4, 0, 1), 3))
    two = [a + b for a, b in islice(zip(Turns(5, 2, 0, 2), Turns(5, 2, 1, 2), strict=True), 3)]
    assert one == two == [[5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]


@pytest.mark.model
def test_worker_processes_read_the_same_stream(clips: Clips) -> None:
    alone = list(islice(stream(clips, Turns(7, 2, 0, 1), workers=0), 3))
    helped = list(islice(stream(clips, Turns(7, 2, 0, 1), workers=2), 3))
    assert all(same(one, other) for one, other in zip(alone, helped, strict=True))
