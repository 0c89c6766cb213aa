"""From chords, beats and notes to condition audio, as the AIRGen paper renders it."""

from typing import Literal

Style = Literal["plain", "published"]
"""How notes become a condition. "plain": samples, loops and volume envelopes at 0.7 of the mix's level, which the
embedded pack learned from. "published": as AIRGen's weights learned, played as FluidSynth does, at the level of the
stem that demucs calls "other" where demucs is installed."""
