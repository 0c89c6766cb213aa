"""What :mod:`measure_listening` measures on."""
