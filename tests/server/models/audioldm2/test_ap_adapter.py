"""The adapter is that of section 4: its layers, names, sizes and files, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AudioLDM2UNet2DConditionModel
from fakes.audioldm2 import LOA, Layout, unet, write_adapter
from punchin_server.models.audioldm2 import ap_adapter
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from punchin_wire.errors import AdapterMismatch, BadCheckpoint, FileMissing
from safetensors.torch import save_file
from torch import Tensor

pytestmark = pytest.mark.torch

Tensors = dict[str, Tensor]


def published(layout: Layout) -> PromptedUNet:
    """The UNet of `cvssp/audioldm2-large` or of the base models, without weights."""
    cross, depth = ([None, 768, 1024, None], 2) if layout == "large" else ([None, 768, 1024], 1)
    with torch.device("meta"):
        whole = AudioLDM2UNet2DConditionModel(
            sample_size=256,
            in_channels=8,
            out_channels=8,
            block_out_channels=(128, 256, 384, 640),
            layers_per_block=2,
            down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
            up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
            cross_attention_dim=[cross] * 4,
            transformer_layers_per_block=depth,
            attention_head_dim=8,
        )
    millions = sum(p.numel() for p in whole.parameters()) / 1e6
    assert round(millions, 1) == {"large": 718.0, "base": 346.9}[layout]
    return PromptedUNet(whole, 768)


def names(layout: Layout) -> dict[str, tuple[int, int]]:
    """Names and shapes as the table of section 4 has them."""
    stride, blocks = (4, 2) if layout == "large" else (3, 1)
    places = {f"down_blocks.{i}": (2, width) for i, width in ((1, 256), (2, 384), (3, 640))}
    places |= {"mid_block": (1, 640)} | {f"up_blocks.{i}": (3, width) for i, width in ((0, 640), (1, 384), (2, 256))}
    return {
        f"{place}.attentions.{layer * stride + 1}.transformer_blocks.{block}.attn2.processor.{kind}.weight": (
            width,
            768,
        )
        for place, (layers, width) in places.items()
        for layer in range(layers)
        for block in range(blocks)
        for kind in ("to_k_ip", "to_v_ip")
    }


@pytest.mark.parametrize(("layout", "layers", "parameters"), [("large", 32, 21_626_880), ("base", 16, 10_813_440)])
def test_published_layouts_have_the_published_adapter(layout: Layout, layers: int, parameters: int) -> None:
    ours = published(layout)
    assert not ours.adapted
    assert ap_adapter.adapter_parameters(ours) == {}
    ap_adapter.attach(ours)
    assert ours.adapted
    assert len(ours.adaptable) == layers
    found = ap_adapter.adapter_parameters(ours)
    assert {name: tuple(p.shape) for name, p in found.items()} == names(layout)
    assert sum(p.numel() for p in found.values()) == parameters
    assert all(p.requires_grad and p.dtype == torch.float32 for p in found.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_new_adapter_is_a_float32_copy_of_the_frozen_projections(dtype: torch.dtype) -> None:
    ours = PromptedUNet(unet("large").to(dtype), LOA)
    ap_adapter.attach(ours)
    state = ap_adapter.adapter_state(ours)
    frozen = ours.unet.state_dict()
    assert len(state) == 16
    for name, weight in state.items():
        original = frozen[name.replace("processor.", "").replace("_ip", "")]
        assert weight.dtype == torch.float32
        assert torch.equal(weight, original.float())
        assert weight.data_ptr() != original.data_ptr()


@pytest.fixture
def state(tmp_path: Path) -> Tensors:
    return torch.load(write_adapter(tmp_path / "adapter.bin", "large"))


def numbered(state: Tensors, of_all: bool) -> Tensors:
    """With layers' numbers for their names: among all attentions, or among the adapted ones."""
    layers = list(unet("large").attn_processors)
    if not of_all:
        layers = [layer for layer in layers if f"{layer}.to_k_ip.weight" in state]
    return {
        f"layers.{layers.index(name[: name.index('.to_')])}{name[name.index('.to_') :]}": tensor
        for name, tensor in state.items()
    }


SPELLINGS: dict[str, Callable[[Tensors], Tensors]] = {
    "plain": lambda state: state,
    "unet.": lambda state: {f"unet.{name}": tensor for name, tensor in state.items()},
    "layers.{n} of all": lambda state: numbered(state, of_all=True),
    "layers.{n} of adapted": lambda state: numbered(state, of_all=False),
    "half": lambda state: {name: tensor.half() for name, tensor in state.items()},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["pytorch_model.bin", "model.safetensors"])
def test_every_spelling_of_the_file_is_the_same_adapter(
    tmp_path: Path, state: Tensors, spelling: str, kind: str
) -> None:
    spelled = SPELLINGS[spelling](state)
    save_file(spelled, tmp_path / kind) if kind.endswith("s") else torch.save(spelled, tmp_path / kind)
    ours = PromptedUNet(unet("large"), LOA)
    ap_adapter.load_adapter(ours, tmp_path / kind)
    loaded = ap_adapter.adapter_state(ours)
    assert loaded.keys() == state.keys()
    for name, tensor in state.items():
        torch.testing.assert_close(loaded[name], tensor, atol=2e-3 if spelling == "half" else 0, rtol=0)
    assert not any(p.requires_grad for p in ap_adapter.adapter_parameters(ours).values())


def one_less(state: Tensors) -> Tensors:
    return dict(list(state.items())[:-1])


def widened(state: Tensors) -> Tensors:
    return {name: torch.cat([tensor, tensor], dim=1) for name, tensor in state.items()}


def surplus(state: Tensors) -> Tensors:
    return state | {"down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_k_ip.weight": torch.zeros(2)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_less, r"holds 15 of 16 tensors"),
        (surplus, "no place for"),
        (widened, r"\(32, 64\) for \(32, 32\)"),
        (lambda state: numbered(one_less(state), of_all=True), "lacks"),
        (lambda state: {f"layers.{i}.x": t for i, t in enumerate(state.values())}, "lacks"),
        (lambda _: {}, "holds 0 of 16"),
    ],
)
def test_an_adapter_of_another_unet_is_refused(
    tmp_path: Path, state: Tensors, change: Callable[[Tensors], Tensors], message: str
) -> None:
    torch.save(change(state), tmp_path / "changed.bin")
    ours = PromptedUNet(unet("large"), LOA)
    with pytest.raises(AdapterMismatch, match=message):
        ap_adapter.load_adapter(ours, tmp_path / "changed.bin")
    assert not ours.adapted


def test_63_tensors_are_refused_on_the_published_layout(tmp_path: Path) -> None:
    shapes = list(names("large").items())[:63]
    torch.save({name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes}, tmp_path / "adapter.bin")
    with pytest.raises(AdapterMismatch, match="holds 63 of 64 tensors"):
        ap_adapter.load_adapter(published("large"), tmp_path / "adapter.bin")


def test_what_is_no_table_of_numbers_is_refused(tmp_path: Path, state: Tensors) -> None:
    ours = PromptedUNet(unet("large"), LOA)
    broken = dict(state)
    broken[next(iter(broken))] = torch.full((32, 32), torch.nan)
    torch.save(broken, tmp_path / "nan.bin")
    with pytest.raises(BadCheckpoint, match="NaN"):
        ap_adapter.load_adapter(ours, tmp_path / "nan.bin")
    (tmp_path / "text.bin").write_text("not a checkpoint")
    with pytest.raises(BadCheckpoint, match=r"text\.bin"):
        ap_adapter.load_adapter(ours, tmp_path / "text.bin")
    with pytest.raises(FileMissing):
        ap_adapter.load_adapter(ours, tmp_path / "absent.bin")
