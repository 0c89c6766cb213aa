"""A pack whose transfer half is random, in the published file formats: real, and useless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from punchin_server.packs.registry import Manifest, PackFile, TransferParts, sha256, write_manifest

from fakes.audioldm2 import write_adapter, write_audiomae, write_folder


def write_transfer_pack(
    folder: Path,
    *,
    adapter: bool = True,
    audio_tower: bool = True,
    steps: int = 4,
    scheduler: Mapping[str, Any] | None = None,
) -> str:
    """Make `folder` and the pack in it, `scheduler` changed as given; returns the pack's name."""
    folder.mkdir()
    write_folder(folder / "audioldm2", audio_tower=audio_tower)
    config = folder / "audioldm2" / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | dict(scheduler or {})))
    if adapter:
        write_audiomae(folder / "audiomae.pth")
        write_adapter(folder / "adapter.bin")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = tuple(PackFile(p.relative_to(folder).as_posix(), p.stat().st_size, sha256(p)) for p in files)
    parts = TransferParts(
        base="audioldm2",
        audiomae="audiomae.pth" if adapter else None,
        adapter="adapter.bin" if adapter else None,
        scheduler="dpm++",
        steps=steps,
    )
    about = {"version": "5", "licence": "CC0-1.0", "source": "here", "created": "2026-01-01"}
    write_manifest(folder, Manifest(name="moves", transfer=parts, files=listed, **about))
    return "moves"
