"""What is wrong with a transfer pack is said when it is loaded, not in its first job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes.transfer_pack import write_transfer_pack
from punchin_server.engines.transfer.loading import load_transfer_models
from punchin_wire.errors import BadCheckpoint

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    "wrong", [{"beta_schedule": "steep"}, {"num_train_timesteps": "many"}, {"trained_betas": [[]]}]
)
def test_a_scheduler_that_describes_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    name = write_transfer_pack(tmp_path / "moves", scheduler=wrong)
    with pytest.raises(BadCheckpoint, match="scheduler"):
        load_transfer_models(name, "cpu", "float32")
