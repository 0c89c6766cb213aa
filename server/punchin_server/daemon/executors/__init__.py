"""Where seats are: what starts their workers, here or elsewhere."""

from __future__ import annotations

import os
from importlib.util import find_spec
from types import ModuleType

from punchin_wire.errors import BadSetting


def cluster() -> ModuleType:
    """The module :mod:`.ray`. Raises BadSetting where Ray is not installed."""
    if find_spec("ray") is None:
        raise BadSetting("Ray is not installed.", "Install it: pip install 'punchin[server,ray]'.")
    # Where a cluster's head is lost, Ray would end its members after a minute: the daemon is one, and goes on.
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(365 * 24 * 3600))
    from . import ray

    return ray
