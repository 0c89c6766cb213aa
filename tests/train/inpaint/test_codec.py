"""The trainable codec must be audiocraft's EnCodec to the last name, and start where it can learn."""

import re
from pathlib import Path

import pytest
import torch
from punchin_train.inpaint.codec import Codebook, Codec, CodecShape
from punchin_train.inpaint.pack import codec_state
from punchin_train.inpaint.tokens import CHUNK, control_of, encode, silence
from punchin_train.spectral import SpectralLoss

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:TF32 acceleration"),  # torch speaks of Intel GPUs, once
]

SMALL = CodecShape(filters=2, latent=8, entries=16)


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.manual_seed(0)
    codec = Codec(SMALL)
    with torch.no_grad():
        codec(torch.randn(2, 1, 16_000))  # k-means needs something to look at
    return codec.eval()


def test_published_shape_has_the_published_tensors() -> None:
    """116 tensors, 56.9 M trainable parameters, in the numbering of the 32 kHz checkpoint."""
    with torch.device("meta"):
        published = Codec(CodecShape(filters=64, lstm_layers=2, entries=2048))
    names = set(codec_state(published))
    assert len(names) == 116
    assert sum(p.numel() for p in published.parameters()) == pytest.approx(56.9e6, rel=0.002)
    numbered = {int(m[1]) for name in names if (m := re.match(r"encoder\.model\.(\d+)\.conv\.conv\.weight_g", name))}
    assert numbered == {0, 3, 6, 9, 12, 15}
    assert "decoder.model.3.convtr.convtr.weight_v" in names
    assert "decoder.model.13.block.3.conv.conv.bias" in names
    assert "quantizer.vq.layers.3._codebook.embed_avg" in names


@pytest.mark.parametrize(("samples", "frames"), [(32_000, 50), (32_001, 51), (640, 1)])
def test_a_frame_is_640_samples(codec: Codec, samples: int, frames: int) -> None:
    codes = codec.encode(torch.zeros(1, 1, samples))
    assert codes.shape == (1, 4, frames)
    assert codec.decode(codes).shape == (1, 1, frames * 640)


def test_at_the_start_the_latent_varies_and_the_output_is_not_louder_than_music(codec: Codec) -> None:
    audio = 0.1 * torch.randn(4, 1, 16_000)
    latent = codec.encoder(audio)
    assert latent.std(dim=(0, 2)).min() > 0.02
    assert 0.01 < codec.decoder(latent).std() < 0.5


def test_chunked_encoding_is_whole_encoding_away_from_the_recurrent_state(codec: Codec) -> None:
    audio = 0.3 * torch.randn(1, (CHUNK + 60) * 640, generator=torch.Generator().manual_seed(1))
    chunked, whole = encode(codec, audio), codec.encode(audio[:, None])
    assert chunked.shape == whole.shape
    assert (chunked == whole).float().mean() > 0.95
    assert silence(codec, 30).shape == (4, 30)


def test_codebooks_find_clusters_and_revive_dead_entries() -> None:
    torch.manual_seed(0)
    centres = torch.eye(4)
    book = Codebook(4, 4)
    book.start(centres.repeat(50, 1) + 0.01 * torch.randn(200, 4))
    assert torch.cdist(centres, book.embed).min(1).values.max() < 0.05
    book.cluster_size[2] = 0.0
    book.embed[2] = 100.0
    vectors = centres.repeat(50, 1)
    book.learn(vectors, book.nearest(vectors))
    assert book.embed.abs().max() < 2


def test_learning_lowers_the_loss() -> None:
    torch.manual_seed(0)
    codec, loss_of = Codec(SMALL), SpectralLoss(32_000)
    time = torch.arange(16_000) / 32_000
    audio = 0.3 * torch.sin(2 * torch.pi * torch.tensor([[220.0], [330.0]]) * time)[:, None]
    optimiser = torch.optim.AdamW(codec.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        estimate, commitment = codec(audio)
        loss, parts = loss_of(estimate, audio)
        optimiser.zero_grad()
        (loss + commitment).backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert set(parts) == {"mel", "linear", "wave"}


def test_the_products_loader_hears_the_same(codec: Codec, tmp_path: Path) -> None:
    """Codes equal, audio equal to single precision, through the file that a pack carries."""
    encodec = pytest.importorskip("punchin_server.codecs.loading")
    from punchin_train.inpaint import pack

    half = Codec(SMALL).eval()
    half.load_state_dict({name: tensor.half().float() for name, tensor in codec.state_dict().items()})
    pack._save(tmp_path / pack.CODEC_FILE, pack._export(pack.codec_state(codec), pack.codec_settings(SMALL)))
    product = encodec.load_codec(tmp_path / pack.CODEC_FILE)
    audio = 0.3 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(2))
    codes = half.encode(audio[:, None])
    assert torch.equal(codes, product.encode(audio))
    difference = half.decode(codes)[:, 0] - torch.as_tensor(product.decode(codes))
    assert difference.abs().max() < 1e-5


def test_controls_take_turns() -> None:
    assert [control_of(seed) for seed in range(5)] == ["chord", "drums", "chord", "piano", "chord"]
