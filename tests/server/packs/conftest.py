"""A computer without packs and models, and fakes of where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import air_pack
from fakes import sources as fakes
from fakes.sources import Sources
from punchin_server.packs import fetch, loadable, registry


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """The fakes, with an empty home and an empty cache, for this process and its children; nobody waits long."""
    with fakes.running() as running:
        env = running.env() | {
            "PUNCHIN_HOME": str(tmp_path / "home"),
            "PUNCHIN_CATALOG": str(tmp_path / "catalog"),
            "HF_HOME": str(tmp_path / "hf"),
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        for name in ("PUNCHIN_PACKS", "HF_TOKEN", "HF_HUB_CACHE", "http_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.hub_url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(fetch, "PAUSE_SECONDS", 0.01)
        yield running


@pytest.fixture
def packs(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with `air`, and where packs come to lie. Whatever comes, loads."""
    air_pack.publish(sources, tmp_path)
    monkeypatch.setattr(loadable, "OPENING", ("true",))
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    return tmp_path / "home" / "data" / "packs"
