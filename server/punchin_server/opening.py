"""`python -m punchin_server.opening FOLDER [MANIFEST]`: opens every file of a pack as the engines do, and says what is
wrong with it. A child of `punchin packs`, which itself loads no torch.

Exit code 0, or that of the error, which is one JSON object on standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from punchin_wire.errors import PunchinError

from .packs.names import MANIFEST
from .packs.registry import Manifest, Pack


def main(argv: Sequence[str]) -> int:
    """Open the pack in the folder `argv[0]`, described by the file `argv[1]` of it."""
    folder, name = Path(argv[0]), argv[1] if len(argv) > 1 else MANIFEST
    try:
        open_pack(Pack(folder, msgspec.json.decode((folder / name).read_bytes(), type=Manifest)))
    except PunchinError as error:
        print(msgspec.json.encode(error.info()).decode())
        return error.exit_code
    return 0


def open_pack(pack: Pack) -> None:
    """Raises PackError, FileMissing: of the first part that the engines could not load."""
    # Lazy: each half imports libraries that the other does not need.
    if pack.manifest.base is not None:
        from .engines.inpaint.loading import open_models

        open_models(pack)
    if pack.manifest.transfer is not None:
        from .engines.transfer.loading import open_transfer_models

        open_transfer_models(pack)
    if pack.soundfont is not None:
        from .conditioning.soundfont import Soundfont

        Soundfont(pack.soundfont)
    if pack.manifest.listener is not None:
        from .listening.notes import Transcriber

        Transcriber(pack.resolve(pack.manifest.listener))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
