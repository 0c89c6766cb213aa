"""Data rendering, training and evaluation. Never imported by the daemon."""
