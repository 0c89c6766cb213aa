"""Where seats are: what starts their workers, here or elsewhere."""

from __future__ import annotations

from importlib.util import find_spec

from punchin_wire.errors import BadSetting


def need_ray() -> None:
    """Raises BadSetting where Ray is not installed."""
    if find_spec("ray") is None:
        raise BadSetting("Ray is not installed.", "Install it: pip install 'punchin[server,ray]'.")
