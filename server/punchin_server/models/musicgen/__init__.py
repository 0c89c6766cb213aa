"""MusicGen and AIRGen's adapters, in their published formats."""
