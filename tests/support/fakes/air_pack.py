"""A pack that is pulled, `air`: a MusicGen and its text encoder of the hub, and an adapter on Drive."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from punchin_server.packs import cli

from fakes.sources import Sources

Out = pytest.CaptureFixture[str]


def content(name: str, length: int = 50_000) -> bytes:
    return random.Random(name).randbytes(length)


LM, CODEC, T5, CHORD = content("lm", 200_000), content("codec"), content("t5"), content("chord", 20_000)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def publish(sources: Sources, tmp_path: Path) -> None:
    """The files, where they come from, and a catalog with the pack in `tmp_path`."""
    sources.files = {
        ("facebook/mg", "state_dict.bin"): LM,
        ("facebook/mg", "compression_state_dict.bin"): CODEC,
        ("facebook/mg", "model.safetensors"): content("again", 10**6),
        ("google-t5/t5-base", "config.json"): b'{"model_type": "t5"}',
        ("google-t5/t5-base", "empty.txt"): b"",
        ("google-t5/t5-base", "model.safetensors"): T5,
        ("google-t5/t5-base", "pytorch_model.bin"): T5[::-1],
    }
    sources.drive["DRIVEID"] = CHORD
    write_entry(tmp_path)


def write_entry(tmp_path: Path, **changes: Any) -> None:
    nc, url = "CC-BY-NC-4.0", "https://example.org/licence"
    entry: dict[str, Any] = {
        "name": "air",
        "title": "a test",
        "bytes": 320_000,
        "parts": [
            {
                "source": "hub:facebook/mg",
                "licence": nc,
                "licence_url": url,
                "files": [
                    {"path": "state_dict.bin", "size": len(LM), "sha256": digest(LM)},
                    {"path": "compression_state_dict.bin"},
                ],
            },
            {"source": "hub:google-t5/t5-base", "licence": "Apache-2.0", "licence_url": url, "layout": "transformers"},
            {
                "source": "drive:DRIVEID",
                "licence": "none-stated",
                "licence_url": url,
                "home": "https://example.org/authors",
                "note": "The authors say nothing.",
                "files": [{"path": "chord.pth", "at_most": 30_000}],
            },
        ],
        "manifest": {
            "licence": nc,
            "source": "facebook/mg with an adapter",
            "base": {"lm": "hub:facebook/mg", "codec": "hub:facebook/mg"},
            "adapters": {"chord": "chord.pth"},
            "text": "hub:google-t5/t5-base",
        },
        "need": {"float32": 2.0, "float16": 1.0},
    } | changes
    (tmp_path / "catalog").mkdir(exist_ok=True)
    (tmp_path / "catalog" / f"{entry['name']}.json").write_text(json.dumps(entry))


ACCEPT = ("--accept", "CC-BY-NC-4.0", "--accept", "none-stated")


def run(out: Out, *argv: str, code: int = 0) -> Any:
    """The last object that the command prints."""
    out.readouterr()
    assert cli.main([*argv, "--json"]) == code, out.readouterr()
    return json.loads(out.readouterr().out.splitlines()[-1])


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if ".locks" not in path.parts and path.name != ".caches"}
