"""A pack of a random language model, codec and chord adapter, in the published file formats: real, and useless."""

from pathlib import Path

import torch
from punchin_server.models.musicgen import weights
from punchin_server.models.musicgen.airgen import AdapterWeights
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_server.packs.registry import Base, Manifest, PackFile, SamplingDefaults, sha256, write_manifest

from fakes.codec_files import TINY, random_model, save_audiocraft

CONFIG = LMConfig(layers=2, width=32, heads=4, card=32, text_width=8)
XP_CFG = "transformer_lm: {n_q: 4, card: 32, dim: 32, num_heads: 4, num_layers: 2}"


def write_random_pack(folder: Path, card: int = 32, width: int = 32) -> str:
    """Make `folder` and the pack in it; returns the pack's name. Another `card` or `width` makes it inconsistent."""
    folder.mkdir()
    torch.manual_seed(0)
    state = weights.scatter(MusicGen(CONFIG, 4).state_dict(), weights.audiocraft_pieces(CONFIG))
    torch.save({"best_state": {n: t.half() for n, t in state.items()}, "xp.cfg": XP_CFG}, folder / "state_dict.bin")
    save_audiocraft(random_model(TINY | {"codebook_size": card}), folder / "compression_state_dict.bin")
    adapter = AdapterWeights(torch.randn(2, 4, 3, width), torch.randn(2, 4))
    torch.save(adapter._asdict(), folder / "chord.pth")
    files = tuple(PackFile(p.name, p.stat().st_size, sha256(p)) for p in sorted(folder.iterdir()))
    manifest = Manifest(
        name="mini",
        version="3",
        licence="CC0-1.0",
        source="here",
        created="2026-01-01",
        base=Base("state_dict.bin", "compression_state_dict.bin"),
        adapters={"chord": "chord.pth"},
        window_frames=16,
        sampling=SamplingDefaults(0.9, 8, 1.0),
        chord_rhythm="compat",
        files=files,
    )
    write_manifest(folder, manifest)
    return "mini"
