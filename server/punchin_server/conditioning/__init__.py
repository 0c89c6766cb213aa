"""From chords, beats and notes to condition audio, as the AIRGen paper renders it."""
