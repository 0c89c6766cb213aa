"""What the chunks of a take's preview have in common: the rule that says which of them go on. Knows no files."""

from __future__ import annotations

from dataclasses import dataclass

from punchin_wire.errors import BadMessage
from punchin_wire.frames import Audio


@dataclass
class Growth:
    """What has come of one take's preview: `channels` at `rate` Hz from model sample `first` to `end`."""

    channels: int
    rate: int
    first: int
    end: int

    @classmethod
    def of(cls, start: int, audio: Audio, rate: int) -> Growth:
        """That of a first chunk, `[channels, samples]` from model sample `start` on."""
        return cls(len(audio), rate, start, start + audio.shape[1])

    def goes_on(self, start: int, audio: Audio, rate: int) -> bool:
        """Count a chunk in where it goes on with the take, maybe behind a gap. False: it begins the take anew, since a
        worker died; then all that came before it is void. Raises BadMessage where it is of another format."""
        if len(audio) != self.channels or rate != self.rate:
            raise BadMessage("The daemon changed the format of a preview within a take.")
        if start < self.end:
            return False
        self.end = start + audio.shape[1]
        return True
