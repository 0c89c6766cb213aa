"""New takes for the holes of a song: AIRGen on MusicGen."""
