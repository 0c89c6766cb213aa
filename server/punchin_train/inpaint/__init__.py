"""Trains the inpaint half of the tiny pack: codec, language model and adapters, in their true formats."""
