"""Trains the transfer half of the tiny pack: AudioLDM2, AudioMAE and AP-Adapter in small, in their true formats."""
