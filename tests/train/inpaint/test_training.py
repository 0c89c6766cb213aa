"""Training must learn, go on where it stopped, and leave alone what is frozen."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from punchin_train.inpaint import train_codec, train_lm
from punchin_train.inpaint.codec import Codec, CodecShape
from punchin_train.inpaint.lm import LmShape
from punchin_train.inpaint.tokens import control_of, encode_corpus, silence
from punchin_train.inpaint.windows import TokenCorpus, training_mask
from punchin_train.songs.rendering import render_corpus

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:TF32 acceleration"),  # torch speaks of Intel GPUs, once
]

CODEC = CodecShape(filters=2, latent=8, entries=16)
LM = LmShape(width=32, layers=3, heads=2, entries=16, window=25, adapter_tokens=2)


@pytest.fixture(autouse=True)
def steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of training takes 40 ms, however busy the machine is: budgets of minutes are then numbers of steps."""
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 0.04 * next(ticks))
    for module in (train_lm, train_codec):
        monkeypatch.setattr(module, "time", clock)


@pytest.fixture
def corpus(tmp_path: Path) -> TokenCorpus:
    """Eight songs of tokens in which each frame is the one before, plus one."""
    folder = tmp_path / "tokens"
    folder.mkdir()
    for seed in range(8):
        codes = (np.arange(200) + np.arange(4)[:, None] * 3 + seed) % LM.entries
        np.save(folder / f"{seed:07d}.npy", np.stack([codes, codes[::-1]]).astype(np.int16))
    return TokenCorpus(folder, torch.zeros(4, LM.window, dtype=torch.long), LM.window, seed=0)


def test_a_controlled_window_is_context_where_kept_and_control_where_not(corpus: TokenCorpus) -> None:
    batch = corpus.controlled(16, "drums")
    prefix, prediction = batch.codes.split(LM.window, 2)
    kept = batch.kept[:, None].bool().expand_as(prefix)
    assert torch.equal(prefix[kept], prediction[kept])
    assert batch.codes.shape == (16, 4, 2 * LM.window)
    assert batch.chords.shape == (16, LM.window)
    silent = (prefix == 0) | kept
    assert 0 < silent.flatten(1).all(1).float().mean() < 0.6  # some controls are silence, most are not


def test_training_masks_are_both_of_blocks_and_of_noise() -> None:
    random = np.random.default_rng(0)
    masks = [training_mask(random, 250) for _ in range(400)]
    assert all(set(np.unique(mask)) <= {0, 1} for mask in masks)
    gaps = [int((np.diff(np.pad(mask, 1, constant_values=1)) == -1).sum()) for mask in masks]
    assert np.mean([gap == 1 for gap in gaps]) > 0.3  # one block
    assert max(gaps) > 3  # noise
    assert 0.45 < np.mean([1 - mask.mean() for mask in masks]) < 0.7


def test_songs_that_arrive_later_are_picked_up(corpus: TokenCorpus) -> None:
    np.save(corpus.folder / "0000008.npy", corpus.codes[0])
    corpus.refresh()
    assert len(corpus.codes) == 9
    assert corpus.controlled_by["chord"] == [0, 2, 4, 6, 8]


@pytest.mark.model
def test_the_language_model_learns_and_goes_on(corpus: TokenCorpus, tmp_path: Path) -> None:
    """Tokens that count upwards are learned in seconds; a second call continues the first."""
    checkpoint = tmp_path / "lm.pt"
    torch.manual_seed(0)
    fresh = train_lm.Trainee(LM)
    batch = corpus.controlled(8, "chord")
    trainee = train_lm.train(corpus, checkpoint, 0.1, LM)
    with torch.no_grad():
        before = train_lm.controlled_loss(fresh, batch, "chord")[1]
        after = train_lm.controlled_loss(trainee, batch, "chord")[1]
    assert after["inpaint"] < before["inpaint"] - 0.2
    step = torch.load(checkpoint, weights_only=True)["step"]
    train_lm.train(corpus, checkpoint, 0.13, LM)
    assert torch.load(checkpoint, weights_only=True)["step"] > step
    loaded = train_lm.load(checkpoint, LM)
    assert not torch.equal(loaded.lm.emb[0].weight, fresh.lm.emb[0].weight)


@pytest.mark.model
def test_refining_moves_adapters_only(corpus: TokenCorpus) -> None:
    torch.manual_seed(0)
    trainee = train_lm.Trainee(LM)
    base = {name: tensor.clone() for name, tensor in trainee.lm.state_dict().items()}
    adapters = {name: tensor.clone() for name, tensor in trainee.adapters.state_dict().items()}
    train_lm.refine(trainee, corpus, 0.05)
    assert all(torch.equal(tensor, base[name]) for name, tensor in trainee.lm.state_dict().items())
    moved = {name for name, tensor in trainee.adapters.state_dict().items() if not torch.equal(tensor, adapters[name])}
    assert moved == adapters.keys()


@pytest.mark.model
def test_the_codec_trains_from_rendered_songs_and_encodes_them(tmp_path: Path) -> None:
    songs, tokens, checkpoint = tmp_path / "songs", tmp_path / "tokens", tmp_path / "codec.pt"
    render_corpus(songs, range(2), 4.0)
    train_codec.train(songs, checkpoint, 0.1, CODEC, batch=1)
    codec = train_codec.load(checkpoint, CODEC)
    encode_corpus(codec, songs, tokens, every_control=False)
    codes = np.load(tokens / "0000000.npy")
    assert codes.shape == (2, 4, 200)
    assert silence(codec, 25).shape == (4, 25)


def codec_of(state: dict[str, torch.Tensor]) -> Codec:
    codec = Codec(CODEC)
    codec.load_state_dict(state)
    return codec


@pytest.mark.model
def test_refining_the_decoder_moves_it_alone_and_goes_on(tmp_path: Path) -> None:
    """Tokens mean what they meant, and a second call continues the first."""
    songs, checkpoint = tmp_path / "songs", tmp_path / "decoder.pt"
    render_corpus(songs, range(1), 4.0)
    codec = train_codec.train(songs, tmp_path / "codec.pt", 0.05, CODEC, batch=1)
    before = {name: tensor.clone() for name, tensor in codec.state_dict().items()}
    train_codec.refine_decoder(codec, songs, checkpoint, 0.05, batch=1)
    refined = train_codec.load(checkpoint, CODEC)
    moved = {name for name, tensor in refined.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if name.startswith("decoder.")}
    half = train_codec.blend(codec_of(before), refined, 0.5).state_dict()
    for name, tensor in refined.state_dict().items():
        torch.testing.assert_close(half[name], (tensor + before[name]) / 2)
    step = torch.load(checkpoint, weights_only=True)["step"]
    train_codec.refine_decoder(codec, songs, checkpoint, 0.08, batch=1)
    assert torch.load(checkpoint, weights_only=True)["step"] > step > 0


def test_a_small_budget_still_gives_each_control_a_song(tmp_path: Path) -> None:
    render_corpus(tmp_path / "songs", range(9), 1.0, minutes=0.0)
    torch.manual_seed(0)
    encode_corpus(Codec(CODEC).eval(), tmp_path / "songs", tmp_path / "tokens", every_control=False, minutes=0.0)
    assert {control_of(int(path.stem)) for path in (tmp_path / "tokens").glob("*.npy")} == {"chord", "drums", "piano"}
    assert len(list((tmp_path / "songs").glob("*.npy"))) == 4
