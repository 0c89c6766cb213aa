"""What is heard in audio: notes, beats, and how far two sounds agree in them. Knows no torch."""
