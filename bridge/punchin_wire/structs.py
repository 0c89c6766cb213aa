"""Types that threads share: made ready where they are defined.

msgspec lays a struct out when it is first decoded, and then its second field is not there yet for another thread that
decodes one meanwhile: the process ends by a segmentation fault. A bridge that took up three jobs at once died of it.
"""

from __future__ import annotations

from typing import Any

import msgspec


def ready(*kinds: Any) -> None:
    """Have structs, and all that they are made of, laid out now. To be called while their module is imported, which
    one thread does."""
    for kind in kinds:
        msgspec.json.Decoder(kind)
