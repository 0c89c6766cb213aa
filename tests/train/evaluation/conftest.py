"""No published model of this computer has a part in these tests."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and torch's hub in the folder "torch" beside it."""
    home = tmp_path_factory.mktemp("caches")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    return home / "hub"
